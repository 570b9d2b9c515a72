//! PKIMessage (RFC 9810 section 5.1), kept as it came.

use certs::Certificate;

use crate::asn1::{self, Element, Fields};
use crate::body::Body;
use crate::draft;
use crate::fault::{Fault, ParseFault};
use crate::header::Header;
use crate::protection::{self, Protection};
use crate::status::FailureInfo;

/// How much of everything is read. A parser that is told no bound has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Octets of a message.
    pub message: usize,
    /// Certificates in extraCerts and in caPubs, each.
    pub certificates: usize,
    /// Entries of generalInfo, genm and genp, each.
    pub general_info: usize,
    /// Requests, responses, statuses or poll entries in a body.
    pub requests: usize,
    /// Messages within a nested message.
    pub nested: usize,
    /// Nested messages within nested messages: how many levels below the outermost.
    pub depth: usize,
    /// Iterations of `PasswordBasedMac`.
    pub pbm_iterations: u32,
    /// Iterations of PBKDF2 in PBMAC1.
    pub pbmac1_iterations: u32,
    /// Whether SHA-1 is taken inside a MAC.
    pub mac_sha1: bool,
}

/// ```text
/// PKIMessage ::= SEQUENCE {
///     header           PKIHeader,
///     body             PKIBody,
///     protection   [0] PKIProtection OPTIONAL,
///     extraCerts   [1] SEQUENCE SIZE (1..MAX) OF CMPCertificate OPTIONAL }
/// ```
#[derive(Clone, Debug)]
pub struct Message {
    der: Vec<u8>,
    header: Header,
    header_der: Vec<u8>,
    body: Body,
    body_der: Vec<u8>,
    protection: Option<Vec<u8>>,
    extra_certs: Vec<Vec<u8>>,
    limits: Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A request with a post-quantum key and its chain still fits.
            message: 64 * 1024,
            certificates: 16,
            general_info: 32,
            requests: 16,
            nested: 64,
            // A batch of what two RAs in a row have approved.
            depth: 2,
            // OpenSSL uses 500 by default and other peers 1000 to 10000.
            pbm_iterations: 10_000,
            pbmac1_iterations: 100_000,
            mac_sha1: true,
        }
    }
}

impl Message {
    /// Reads a message. Nothing is verified yet.
    ///
    /// # Errors
    /// badDataFormat when the bytes are not a `PKIMessage` or exceed a limit (RFC 9483 section 3.5);
    /// unsupportedVersion when the body cannot be read and the version is none of ours.
    pub fn parse(der: &[u8], limits: &Limits) -> Result<Self, ParseFault> {
        let (mut fields, header) = open(der, limits)?;
        Header::parse(header, limits).map_err(unknown_version).and_then(|parsed| {
            Self::rest(der, header, &mut fields, parsed.clone(), limits)
                .map_err(|fault| unknown_version(ParseFault { fault, header: Some(Box::new(parsed)) }))
        })
    }

    fn rest(
        der: &[u8],
        header_element: Element<'_>,
        fields: &mut Fields<'_>,
        header: Header,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let body = fields.required()?;
        let protection = fields.explicit(0)?;
        let extra_certs = fields.explicit(1)?;
        fields.clone().end()?;
        Ok(Self {
            der: der.to_vec(),
            header,
            header_der: header_element.der.to_vec(),
            body: Body::parse(body, limits)?,
            body_der: body.der.to_vec(),
            protection: protection.map(|bits| bits.bit_octets("protection")).transpose()?,
            extra_certs: extra_certs.map_or(Ok(Vec::new()), |all| certificates(all, "extraCerts", limits))?,
            limits: *limits,
        })
    }

    /// The whole message as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// DER from the typed values alone. It is what was received, unless that was no DER: a proof
    /// that nothing was lost in reading, and not for forwarding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        draft::assemble(&self.header.encode(), &self.body.encode(), self.protection.as_deref(), &self.extra_certs)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header as received.
    #[must_use]
    pub fn header_der(&self) -> &[u8] {
        &self.header_der
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The body as received, with its tag.
    #[must_use]
    pub fn body_der(&self) -> &[u8] {
        &self.body_der
    }

    /// The MAC or signature.
    #[must_use]
    pub fn protection(&self) -> Option<&[u8]> {
        self.protection.as_deref()
    }

    /// What protection covers, from the bytes received (RFC 9810 section 5.1.3):
    /// `ProtectedPart ::= SEQUENCE { header PKIHeader, body PKIBody }`
    #[must_use]
    pub fn protected_part(&self) -> Vec<u8> {
        asn1::sequence(&[&self.header_der, &self.body_der])
    }

    /// The extraCerts, each as DER.
    #[must_use]
    pub fn extra_certs(&self) -> &[Vec<u8>] {
        &self.extra_certs
    }

    /// The bounds within which it was read.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How the message is protected. Nothing is verified yet.
    ///
    /// # Errors
    /// badMessageCheck when protection and protectionAlg do not go together; badAlg for an
    /// algorithm that is unknown, broken, or would make us work too long.
    pub fn protection_kind(&self) -> Result<Protection, Fault> {
        self.protection_kind_within(&self.limits)
    }

    /// [`Message::protection_kind`] under other limits than the message was read with.
    ///
    /// # Errors
    /// Likewise.
    pub fn protection_kind_within(&self, limits: &Limits) -> Result<Protection, Fault> {
        protection::kind(self, limits)
    }

    /// The certificate in extraCerts that should have signed the message.
    ///
    /// RFC 9483 section 3.3 says that it comes first; other orders are accepted: the one that
    /// senderKID identifies, else the one whose subject is the sender, else the first.
    ///
    /// # Errors
    /// badMessageCheck when there is none, or by [`Message::check_signer`].
    pub fn signer_certificate(&self) -> Result<Certificate, Fault> {
        protection::signer(self)
    }

    /// Checks that this certificate may have protected the message: senderKID, sender and
    /// keyUsage. Not its path and not the signature.
    ///
    /// # Errors
    /// badMessageCheck (RFC 9483 section 3.5).
    pub fn check_signer(&self, certificate: &Certificate) -> Result<(), Fault> {
        protection::check_signer(self.header(), certificate)
    }
}

/// RFC 9810 section 7: a message of a version that we do not know may well be one we cannot read.
fn unknown_version(unreadable: ParseFault) -> ParseFault {
    match unreadable.header.as_ref().map(|header| header.pvno) {
        None | Some(2 | 3) => unreadable,
        Some(other) => {
            let text = format!("pvno {other} is not supported; use 2 or 3");
            ParseFault { fault: Fault::new(FailureInfo::UNSUPPORTED_VERSION, text), ..unreadable }
        }
    }
}

/// The elements of a `PKIMessage`, and its header.
fn open<'a>(der: &'a [u8], limits: &Limits) -> Result<(Fields<'a>, Element<'a>), Fault> {
    if der.len() > limits.message {
        return Err(Fault::format(format!("the message exceeds {} octets", limits.message)));
    }
    let mut fields = Fields::sequence(der, "PKIMessage")?;
    let header = fields.required()?;
    Ok((fields, header))
}

/// A SEQUENCE OF `CMPCertificate`, each kept as DER.
pub(crate) fn certificates(element: Element<'_>, what: &'static str, limits: &Limits) -> Result<Vec<Vec<u8>>, Fault> {
    element.sequence(what)?.each(limits.certificates, |certificate| Ok(certificate.der.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::header::InfoTypeAndValue;
    use crate::sample;
    use certs::Millis;

    fn fault(der: &[u8]) -> ParseFault {
        Message::parse(der, &Limits::default()).unwrap_err()
    }

    #[test]
    fn every_field_of_a_header_comes_back() {
        let mut draft = sample::draft(body::pki_conf());
        draft.pvno = 3;
        draft.message_time = Some(Millis(1_795_000_000_000));
        draft.sender_kid = Some(b"kid".to_vec());
        draft.recip_kid = Some(b"other".to_vec());
        draft.recip_nonce = Some(vec![3; 16]);
        draft.free_text = vec!["hello".to_owned()];
        draft.general_info = vec![InfoTypeAndValue::cert_profile("devices")];
        let message = sample::read(&draft.clone().unprotected(&[vec![0x30, 0]]));
        let header = message.header();
        assert_eq!(header.pvno, 3);
        assert_eq!(header.sender.as_ref(), Some(&draft.sender));
        assert_eq!(header.recipient_der, draft.recipient);
        assert_eq!(header.recipient, Some(sample::name("CN=authority")));
        assert_eq!(header.message_time, draft.message_time);
        assert_eq!(header.sender_kid, draft.sender_kid);
        assert_eq!(header.recip_kid, draft.recip_kid);
        assert_eq!(header.transaction_id, draft.transaction_id);
        assert_eq!(header.sender_nonce, draft.sender_nonce);
        assert_eq!(header.recip_nonce, draft.recip_nonce);
        assert_eq!(header.free_text, draft.free_text);
        assert_eq!(header.general_info, draft.general_info);
        assert_eq!(header.cert_profile().unwrap().as_deref(), Some("devices"));
        assert_eq!(message.extra_certs(), [vec![0x30, 0]]);
    }

    #[test]
    fn a_message_time_is_a_generalized_time() {
        let mut draft = sample::draft(body::pki_conf());
        draft.message_time = Some(Millis(1_795_000_000_000));
        let mut der = draft.unprotected(&[]);
        // The time becomes an UTCTime of as many octets.
        let at = der.windows(4).position(|part| part == [0xA0, 17, 0x18, 15]).unwrap() + 2;
        der[at] = 0x17;
        let fault = fault(&der);
        assert_eq!(fault.fault.failure, FailureInfo::BAD_DATA_FORMAT);
        assert!(fault.fault.text.contains("messageTime"));
        // What an answer needs is there.
        let header = fault.header.unwrap();
        assert_eq!((header.transaction_id, header.sender_nonce), (Some(vec![1; 16]), Some(vec![2; 16])));
    }

    #[test]
    fn two_profiles_are_one_too_many() {
        let mut draft = sample::draft(body::pki_conf());
        let value = asn1::free_text(&["one".to_owned(), "two".to_owned()]);
        draft.general_info = vec![InfoTypeAndValue { value: Some(value), ..InfoTypeAndValue::cert_profile("") }];
        let message = sample::read(&draft.clone().unprotected(&[]));
        assert_eq!(message.header().cert_profiles().unwrap().map(|names| names.len()), Some(2));
        let fault = message.header().cert_profile().unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_REQUEST);
        draft.general_info = vec![InfoTypeAndValue::cert_profile("")];
        assert_eq!(sample::read(&draft.unprotected(&[])).header().cert_profile().unwrap(), None);
    }

    #[test]
    fn a_fault_of_the_body_leaves_the_header_readable() {
        let der = sample::draft(asn1::context(27, &[&asn1::NULL])).unprotected(&[]);
        let fault = fault(&der);
        assert_eq!(fault.fault.failure, FailureInfo::BAD_DATA_FORMAT);
        let header = fault.header.unwrap();
        assert_eq!(header.transaction_id, Some(vec![1; 16]));
        assert_eq!(header.sender_nonce, Some(vec![2; 16]));
    }

    #[test]
    fn an_unknown_body_of_an_unknown_version_is_a_matter_of_version() {
        let mut draft = sample::draft(asn1::context(27, &[&asn1::NULL]));
        draft.pvno = 9;
        let fault = fault(&draft.unprotected(&[]));
        assert_eq!(fault.fault.failure, FailureInfo::UNSUPPORTED_VERSION);
        assert_eq!(fault.header.unwrap().pvno, 9);
    }

    #[test]
    fn junk_is_a_format_fault_without_header() {
        for der in [&b""[..], b"hello", &[0x30, 0x80, 0, 0], &[0x30, 0], &[0x30, 0x84, 255, 255, 255, 255]] {
            let fault = fault(der);
            assert_eq!(fault.fault.failure, FailureInfo::BAD_DATA_FORMAT);
            assert!(fault.header.is_none());
        }
    }

    #[test]
    fn nothing_may_follow_a_message() {
        let mut der = sample::draft(body::pki_conf()).unprotected(&[]);
        der.push(0);
        assert_eq!(fault(&der).fault.failure, FailureInfo::BAD_DATA_FORMAT);
    }

    #[test]
    fn limits_hold() {
        let many = vec![vec![0x30, 0]; 17];
        let der = sample::draft(body::pki_conf()).unprotected(&many);
        assert!(fault(&der).fault.text.contains("extraCerts"));
        assert!(Message::parse(&der, &Limits { certificates: 17, ..Limits::default() }).is_ok());
        let infos = vec![InfoTypeAndValue::implicit_confirm(); 33];
        assert!(fault(&sample::draft(body::genm(&infos)).unprotected(&[])).fault.text.contains("32"));
        let ids = vec![0; 17];
        assert!(fault(&sample::draft(body::poll_req(&ids)).unprotected(&[])).fault.text.contains("16"));
        let nested = vec![vec![0x30, 0]; 65];
        assert!(fault(&sample::draft(body::nested(&nested)).unprotected(&[])).fault.text.contains("64"));
        let small = Limits { message: der.len() - 1, ..Limits::default() };
        assert!(Message::parse(&der, &small).is_err());
    }
}
