//! PKIBody (RFC 9810 section 5.1.2): what was received.

/// The encoders of what we send.
mod compose;

/// All kinds, from the values alone.
mod encode;

/// The kinds.
mod kind;

use der::{Tag, TagNumber};

pub use compose::{
    answer, cert_conf, cp, cr, error, genm, genp, ip, ir, kup, kur, nested, p10cr, pki_conf, poll_rep, poll_req,
    requests, rp, rr,
};

pub use kind::BodyKind;

use crate::asn1::Element;
use crate::confirm::{self, CertStatus, PollRep};
use crate::crmf::CertReqMessages;
use crate::fault::Fault;
use crate::header::InfoTypeAndValue;
use crate::left_out::{CaKeyUpdate, Challenge, KeyRecovery, RevocationAnnouncement};
use crate::message::Limits;
use crate::response::CertRepMessage;
use crate::revocation::{RevRepContent, RevReqContent};
use crate::status::ErrorMsgContent;

/// ```text
/// PKIBody ::= CHOICE { ir [0] CertReqMessages, .. pollRep [26] PollRepContent }
/// ```
///
/// Kinds that the lightweight profile leaves out (RFC 9483) are read as well; [`crate::server`] refuses them.
#[derive(Clone, Debug)]
pub enum Body {
    /// Initialization request.
    Ir(CertReqMessages),
    /// Initialization response.
    Ip(CertRepMessage),
    /// Certification request.
    Cr(CertReqMessages),
    /// Certification response.
    Cp(CertRepMessage),
    /// Certification request, PKCS#10 (DER).
    P10cr(Vec<u8>),
    /// Proof of possession challenge.
    Popdecc(Vec<Challenge>),
    /// Proof of possession response: the contents octets of the numbers.
    Popdecr(Vec<Vec<u8>>),
    /// Key update request.
    Kur(CertReqMessages),
    /// Key update response.
    Kup(CertRepMessage),
    /// Key recovery request.
    Krr(CertReqMessages),
    /// Key recovery response.
    Krp(Box<KeyRecovery>),
    /// Revocation request.
    Rr(RevReqContent),
    /// Revocation response.
    Rp(RevRepContent),
    /// Cross-certification request.
    Ccr(CertReqMessages),
    /// Cross-certification response.
    Ccp(CertRepMessage),
    /// CA key update announcement.
    Ckuann(CaKeyUpdate),
    /// Certificate announcement: a certificate (DER).
    Cann(Vec<u8>),
    /// Revocation announcement.
    Rann(RevocationAnnouncement),
    /// CRL announcement: CRLs, each as DER.
    Crlann(Vec<Vec<u8>>),
    /// Confirmation.
    PkiConf,
    /// Nested messages, each as DER.
    Nested(Vec<Vec<u8>>),
    /// General message.
    Genm(Vec<InfoTypeAndValue>),
    /// General response.
    Genp(Vec<InfoTypeAndValue>),
    /// Error message.
    Error(ErrorMsgContent),
    /// Certificate confirmation.
    CertConf(Vec<CertStatus>),
    /// Polling request: the certReqIds.
    PollReq(Vec<i64>),
    /// Polling response.
    PollRep(Vec<PollRep>),
}

impl Body {
    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        let kind = match element.tag {
            Tag::ContextSpecific { number: TagNumber(number), .. } => BodyKind::from_tag(number),
            _ => None,
        };
        let Some(kind) = kind else {
            return Err(Fault::format(format!("PKIBody: unknown kind {}", element.tag)));
        };
        let inner = element.explicit("PKIBody")?;
        let raw = || inner.der.to_vec();
        let infos = || InfoTypeAndValue::parse_all(inner, "GenMsgContent", limits);
        Ok(match kind {
            BodyKind::Ir => Self::Ir(CertReqMessages::parse(inner, limits)?),
            BodyKind::Ip => Self::Ip(CertRepMessage::parse(inner, limits)?),
            BodyKind::Cr => Self::Cr(CertReqMessages::parse(inner, limits)?),
            BodyKind::Cp => Self::Cp(CertRepMessage::parse(inner, limits)?),
            BodyKind::P10cr => Self::P10cr(raw()),
            BodyKind::Popdecc => {
                Self::Popdecc(inner.sequence("POPODecKeyChallContent")?.each(limits.requests, Challenge::parse)?)
            }
            BodyKind::Popdecr => {
                let number = |one: Element<'_>| one.integer_octets("POPODecKeyRespContent");
                Self::Popdecr(inner.sequence("POPODecKeyRespContent")?.each(limits.requests, number)?)
            }
            BodyKind::Kur => Self::Kur(CertReqMessages::parse(inner, limits)?),
            BodyKind::Kup => Self::Kup(CertRepMessage::parse(inner, limits)?),
            BodyKind::Krr => Self::Krr(CertReqMessages::parse(inner, limits)?),
            BodyKind::Krp => Self::Krp(Box::new(KeyRecovery::parse(inner, limits)?)),
            BodyKind::Rr => Self::Rr(RevReqContent::parse(inner, limits)?),
            BodyKind::Rp => Self::Rp(RevRepContent::parse(inner, limits)?),
            BodyKind::Ccr => Self::Ccr(CertReqMessages::parse(inner, limits)?),
            BodyKind::Ccp => Self::Ccp(CertRepMessage::parse(inner, limits)?),
            BodyKind::Ckuann => Self::Ckuann(CaKeyUpdate::parse(inner)?),
            BodyKind::Cann => Self::Cann(inner.sequence_der("CMPCertificate")?),
            BodyKind::Rann => Self::Rann(RevocationAnnouncement::parse(inner)?),
            BodyKind::Crlann => Self::Crlann(
                inner.sequence("CRLAnnContent")?.each(limits.certificates, |crl| crl.sequence_der("CRLAnnContent"))?,
            ),
            BodyKind::PkiConf => match (inner.tag, inner.value) {
                (Tag::Null, []) => Self::PkiConf,
                _ => return Err(Fault::format("PKIConfirmContent: not NULL")),
            },
            BodyKind::Nested => {
                Self::Nested(inner.sequence("PKIMessages")?.each(limits.nested, |one| Ok(one.der.to_vec()))?)
            }
            BodyKind::Genm => Self::Genm(infos()?),
            BodyKind::Genp => Self::Genp(infos()?),
            BodyKind::Error => Self::Error(ErrorMsgContent::parse(inner)?),
            BodyKind::CertConf => Self::CertConf(CertStatus::parse_all(inner, limits)?),
            BodyKind::PollReq => Self::PollReq(confirm::parse_poll_req(inner, limits)?),
            BodyKind::PollRep => Self::PollRep(PollRep::parse_all(inner, limits)?),
        })
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> BodyKind {
        match self {
            Self::Ir(_) => BodyKind::Ir,
            Self::Ip(_) => BodyKind::Ip,
            Self::Cr(_) => BodyKind::Cr,
            Self::Cp(_) => BodyKind::Cp,
            Self::P10cr(_) => BodyKind::P10cr,
            Self::Popdecc(_) => BodyKind::Popdecc,
            Self::Popdecr(_) => BodyKind::Popdecr,
            Self::Kur(_) => BodyKind::Kur,
            Self::Kup(_) => BodyKind::Kup,
            Self::Krr(_) => BodyKind::Krr,
            Self::Krp(_) => BodyKind::Krp,
            Self::Rr(_) => BodyKind::Rr,
            Self::Rp(_) => BodyKind::Rp,
            Self::Ccr(_) => BodyKind::Ccr,
            Self::Ccp(_) => BodyKind::Ccp,
            Self::Ckuann(_) => BodyKind::Ckuann,
            Self::Cann(_) => BodyKind::Cann,
            Self::Rann(_) => BodyKind::Rann,
            Self::Crlann(_) => BodyKind::Crlann,
            Self::PkiConf => BodyKind::PkiConf,
            Self::Nested(_) => BodyKind::Nested,
            Self::Genm(_) => BodyKind::Genm,
            Self::Genp(_) => BodyKind::Genp,
            Self::Error(_) => BodyKind::Error,
            Self::CertConf(_) => BodyKind::CertConf,
            Self::PollReq(_) => BodyKind::PollReq,
            Self::PollRep(_) => BodyKind::PollRep,
        }
    }
}
