//! PKIHeader (RFC 9810 section 5.1.1).

use certs::{Millis, Name};
use der::Tag;
use der::asn1::ObjectIdentifier;

use crate::asn1::{self, Element};
use crate::fault::{Fault, ParseFault};
use crate::message::Limits;
use crate::oid;

/// ```text
/// PKIHeader ::= SEQUENCE {
///     pvno                INTEGER     { cmp1999(1), cmp2000(2), cmp2021(3) },
///     sender              GeneralName,
///     recipient           GeneralName,
///     messageTime     [0] GeneralizedTime         OPTIONAL,
///     protectionAlg   [1] AlgorithmIdentifier{ALGORITHM, {...}} OPTIONAL,
///     senderKID       [2] KeyIdentifier           OPTIONAL,
///     recipKID        [3] KeyIdentifier           OPTIONAL,
///     transactionID   [4] OCTET STRING            OPTIONAL,
///     senderNonce     [5] OCTET STRING            OPTIONAL,
///     recipNonce      [6] OCTET STRING            OPTIONAL,
///     freeText        [7] PKIFreeText             OPTIONAL,
///     generalInfo     [8] SEQUENCE SIZE (1..MAX) OF InfoTypeAndValue OPTIONAL }
/// ```
#[derive(Clone, Debug)]
pub struct Header {
    /// The version; what does not fit an octet is 255, which nobody supports either.
    pub pvno: u8,
    /// The sender as a `GeneralName` (DER).
    pub sender_der: Vec<u8>,
    /// The sender, when it is a directoryName.
    pub sender: Option<Name>,
    /// The recipient as a `GeneralName` (DER).
    pub recipient_der: Vec<u8>,
    /// The recipient, when it is a directoryName.
    pub recipient: Option<Name>,
    /// When the message was made.
    pub message_time: Option<Millis>,
    /// `AlgorithmIdentifier` (DER) of the protection.
    pub protection_alg: Option<Vec<u8>>,
    /// Which key protects the message.
    pub sender_kid: Option<Vec<u8>>,
    /// Which key the recipient shall use.
    pub recip_kid: Option<Vec<u8>>,
    /// The same in all messages of a transaction.
    pub transaction_id: Option<Vec<u8>>,
    /// Fresh in every message.
    pub sender_nonce: Option<Vec<u8>>,
    /// The senderNonce that is answered.
    pub recip_nonce: Option<Vec<u8>>,
    /// For people.
    pub free_text: Vec<String>,
    /// For machines.
    pub general_info: Vec<InfoTypeAndValue>,
}

/// ```text
/// InfoTypeAndValue ::= SEQUENCE {
///     infoType    OBJECT IDENTIFIER,
///     infoValue   ANY DEFINED BY infoType OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InfoTypeAndValue {
    /// What it is.
    pub oid: ObjectIdentifier,
    /// Its value (DER).
    pub value: Option<Vec<u8>>,
}

impl Header {
    /// Reads a header. When only a field fails that nobody needs for an answer, the fault has the rest.
    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, ParseFault> {
        let mut fields = element.sequence("PKIHeader")?;
        let pvno = fields.required()?;
        // A version we have never heard of is no format fault: it is answered with ours.
        let pvno = pvno.integer("pvno").map_or(u8::MAX, |n| u8::try_from(n).unwrap_or(u8::MAX));
        let sender = fields.required()?;
        let recipient = fields.required()?;
        let message_time = fields.explicit(0)?;
        let protection_alg = fields.explicit(1)?;
        let sender_kid = fields.explicit(2)?;
        let recip_kid = fields.explicit(3)?;
        let transaction_id = fields.explicit(4)?;
        let sender_nonce = fields.explicit(5)?;
        let recip_nonce = fields.explicit(6)?;
        let free_text = fields.explicit(7)?;
        let general_info = fields.explicit(8)?;
        fields.end()?;
        if let Some(algorithm) = protection_alg {
            asn1::parse_algorithm(algorithm.der, "protectionAlg")?;
        }
        let mut header = Self {
            pvno,
            sender_der: sender.der.to_vec(),
            sender: directory_name(sender)?,
            recipient_der: recipient.der.to_vec(),
            recipient: directory_name(recipient)?,
            message_time: None,
            protection_alg: protection_alg.map(|algorithm| algorithm.der.to_vec()),
            sender_kid: octets(sender_kid, "senderKID")?,
            recip_kid: octets(recip_kid, "recipKID")?,
            transaction_id: octets(transaction_id, "transactionID")?,
            sender_nonce: octets(sender_nonce, "senderNonce")?,
            recip_nonce: octets(recip_nonce, "recipNonce")?,
            free_text: Vec::new(),
            general_info: Vec::new(),
        };
        match header.read_extras([message_time, free_text, general_info], limits) {
            Ok(()) => Ok(header),
            Err(fault) => Err(ParseFault { fault, header: Some(Box::new(header)) }),
        }
    }

    fn read_extras(
        &mut self,
        [message_time, free_text, general_info]: [Option<Element<'_>>; 3],
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.message_time = message_time.map(|time| time.generalized_time("messageTime")).transpose()?;
        self.free_text = free_text.map_or(Ok(Vec::new()), |text| asn1::parse_free_text(text, "freeText"))?;
        if let Some(infos) = general_info {
            self.general_info = InfoTypeAndValue::parse_all(infos, "generalInfo", limits)?;
        }
        Ok(())
    }

    /// DER from the values alone.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let time = self.message_time.map(asn1::exact_time);
        let octets =
            |tag, value: &Option<Vec<u8>>| asn1::explicit(tag, value.as_deref().map(asn1::octet_string).as_deref());
        let text = (!self.free_text.is_empty()).then(|| asn1::free_text(&self.free_text));
        let infos = (!self.general_info.is_empty()).then(|| InfoTypeAndValue::encode_all(&self.general_info));
        asn1::sequence(&[
            &asn1::integer(self.pvno.into()),
            &self.sender_der,
            &self.recipient_der,
            &asn1::explicit(0, time.as_deref()),
            &asn1::explicit(1, self.protection_alg.as_deref()),
            &octets(2, &self.sender_kid),
            &octets(3, &self.recip_kid),
            &octets(4, &self.transaction_id),
            &octets(5, &self.sender_nonce),
            &octets(6, &self.recip_nonce),
            &asn1::explicit(7, text.as_deref()),
            &asn1::explicit(8, infos.as_deref()),
        ])
    }

    /// The first generalInfo of this type.
    #[must_use]
    pub fn info(&self, oid: ObjectIdentifier) -> Option<&InfoTypeAndValue> {
        self.general_info.iter().find(|info| info.oid == oid)
    }

    /// Whether implicitConfirm is asked for or granted (RFC 9810 section 5.1.1.1).
    /// Its value, which must be NULL, is looked at by [`crate::server::check_header`].
    #[must_use]
    pub fn implicit_confirm(&self) -> bool {
        self.info(oid::IMPLICIT_CONFIRM).is_some()
    }

    /// Until when the sender waits for a confirmation (RFC 9810 section 5.1.1.2).
    ///
    /// # Errors
    /// badDataFormat when the value is not a `GeneralizedTime`.
    pub fn confirm_wait_time(&self) -> Result<Option<Millis>, Fault> {
        let Some(info) = self.info(oid::CONFIRM_WAIT_TIME) else {
            return Ok(None);
        };
        let value = info.value.as_deref().unwrap_or_default();
        Element::only(value, "confirmWaitTime")?.generalized_time("confirmWaitTime").map(Some)
    }

    /// The certificate profile asked for.
    ///
    /// A request and a genm have exactly one entry (RFC 9483 sections 4.1 and 4.3), so has this.
    /// An empty name stands for none (RFC 9810 section 5.1.1.4).
    ///
    /// # Errors
    /// badDataFormat when the value is not a SEQUENCE OF `UTF8String`, badRequest when it names
    /// none or several.
    pub fn cert_profile(&self) -> Result<Option<String>, Fault> {
        let Some(names) = self.cert_profiles()? else {
            return Ok(None);
        };
        match <[String; 1]>::try_from(names) {
            Ok([name]) => Ok(Some(name).filter(|name| !name.is_empty())),
            Err(names) => Err(Fault::request(format!("certProfile names {} profiles; name exactly one", names.len()))),
        }
    }

    /// All certificate profiles that certProfile names, one for each `CertReqMsg` or
    /// `InfoTypeAndValue` in the body (RFC 9810 section 5.1.1.4).
    ///
    /// # Errors
    /// badDataFormat when the value is not a SEQUENCE OF `UTF8String`.
    pub fn cert_profiles(&self) -> Result<Option<Vec<String>>, Fault> {
        let Some(info) = self.info(oid::CERT_PROFILE) else {
            return Ok(None);
        };
        let value = info.value.as_deref().unwrap_or_default();
        asn1::parse_free_text(Element::only(value, "certProfile")?, "certProfile").map(Some)
    }
}

impl InfoTypeAndValue {
    /// implicitConfirm (RFC 9810 section 5.1.1.1).
    #[must_use]
    pub fn implicit_confirm() -> Self {
        Self { oid: oid::IMPLICIT_CONFIRM, value: Some(asn1::NULL.to_vec()) }
    }

    /// confirmWaitTime (RFC 9810 section 5.1.1.2); messageTime must be set with it
    /// (RFC 9483 section 3.1).
    #[must_use]
    pub fn confirm_wait_time(until: Millis) -> Self {
        Self { oid: oid::CONFIRM_WAIT_TIME, value: Some(asn1::generalized_time(until)) }
    }

    /// certProfile with one name (RFC 9810 section 5.1.1.4).
    #[must_use]
    pub fn cert_profile(name: &str) -> Self {
        Self { oid: oid::CERT_PROFILE, value: Some(asn1::free_text(&[name.to_owned()])) }
    }

    /// caCerts with these certificates; without a value if there are none
    /// (RFC 9483 section 4.3.1).
    #[must_use]
    pub fn ca_certs(certificates: &[Vec<u8>]) -> Self {
        let value = (!certificates.is_empty()).then(|| asn1::sequence_of(certificates));
        Self { oid: oid::CA_CERTS, value }
    }

    fn parse(element: Element<'_>, what: &'static str) -> Result<Self, Fault> {
        let mut fields = element.sequence(what)?;
        let oid = fields.required()?.oid(what)?;
        let value = if fields.is_empty() { None } else { Some(fields.required()?.der.to_vec()) };
        fields.end()?;
        Ok(Self { oid, value })
    }

    pub(crate) fn parse_all(element: Element<'_>, what: &'static str, limits: &Limits) -> Result<Vec<Self>, Fault> {
        element.sequence(what)?.each(limits.general_info, |info| Self::parse(info, what))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let value = self.value.as_deref().unwrap_or_default();
        asn1::sequence(&[&asn1::object_identifier(self.oid), value])
    }

    pub(crate) fn encode_all(infos: &[Self]) -> Vec<u8> {
        asn1::sequence_of(infos.iter().map(Self::encode))
    }
}

/// A Name as a `GeneralName` (DER): `directoryName [4] Name`, explicit since Name is a CHOICE.
#[must_use]
pub fn general_name(name: &Name) -> Vec<u8> {
    asn1::context(4, &[name.der()])
}

/// The Name within a `GeneralName`, if it is a directoryName.
pub(crate) fn directory_name(element: Element<'_>) -> Result<Option<Name>, Fault> {
    match element.tag {
        Tag::ContextSpecific { number: der::TagNumber(4), .. } => {
            Ok(Some(Name::parse(element.explicit("directoryName")?.der)?))
        }
        Tag::ContextSpecific { number: der::TagNumber(0..=8), .. } => Ok(None),
        found => Err(Fault::format(format!("GeneralName: unexpected {found}"))),
    }
}

fn octets(element: Option<Element<'_>>, what: &'static str) -> Result<Option<Vec<u8>>, Fault> {
    let Some(element) = element else {
        return Ok(None);
    };
    let octets = element.octets(what)?;
    if octets.len() > IDENTIFIER {
        return Err(Fault::format(format!("{what}: longer than {IDENTIFIER} octets")));
    }
    Ok(Some(octets))
}

/// Identifiers and nonces have 16 or 20 octets; a MAC reference may be a longer name.
const IDENTIFIER: usize = 512;
