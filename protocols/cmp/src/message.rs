//! PKIMessage (RFC 9810 section 5.1), kept as it came.

use certs::Certificate;

use crate::asn1::{self, Element, Fields};
use crate::body::Body;
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
    /// Iterations of PasswordBasedMac.
    pub pbm_iterations: u32,
    /// Iterations of PBKDF2 in PBMAC1.
    pub pbmac1_iterations: u32,
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
            // OpenSSL uses 500 by default and other peers 1000 to 10000.
            pbm_iterations: 10_000,
            pbmac1_iterations: 100_000,
        }
    }
}

impl Message {
    /// Reads a message. Nothing is verified yet.
    ///
    /// # Errors
    /// badDataFormat when the bytes are not a PKIMessage or exceed a limit (RFC 9483 section 3.5);
    /// unsupportedVersion when the body cannot be read and the version is none of ours.
    pub fn parse(der: &[u8], limits: &Limits) -> Result<Self, ParseFault> {
        let (mut fields, header) = open(der, limits)?;
        let parsed = Header::parse(header, limits)?;
        Self::rest(der, header, &mut fields, parsed.clone(), limits).map_err(|fault| {
            // RFC 9810 section 7: a version we do not know may well have a body we cannot read.
            let fault = match parsed.pvno {
                2 | 3 => fault,
                other => Fault::new(
                    FailureInfo::UNSUPPORTED_VERSION,
                    format!("pvno {other} is not supported; use 2 or 3"),
                ),
            };
            ParseFault { fault, header: Some(Box::new(parsed)) }
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

    /// How the message is protected. Nothing is verified yet.
    ///
    /// # Errors
    /// badMessageCheck when protection and protectionAlg do not go together; badAlg for an
    /// algorithm that is unknown, broken, or would make us work too long.
    pub fn protection_kind(&self) -> Result<Protection, Fault> {
        protection::kind(self, &self.limits)
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

/// The elements of a PKIMessage, and its header.
fn open<'a>(der: &'a [u8], limits: &Limits) -> Result<(Fields<'a>, Element<'a>), Fault> {
    if der.len() > limits.message {
        return Err(Fault::format(format!("the message exceeds {} octets", limits.message)));
    }
    let mut fields = Fields::sequence(der, "PKIMessage")?;
    let header = fields.required()?;
    Ok((fields, header))
}

/// A SEQUENCE OF CMPCertificate, each kept as DER.
pub(crate) fn certificates(
    element: Element<'_>,
    what: &'static str,
    limits: &Limits,
) -> Result<Vec<Vec<u8>>, Fault> {
    element.sequence(what)?.each(limits.certificates, |certificate| Ok(certificate.der.to_vec()))
}
