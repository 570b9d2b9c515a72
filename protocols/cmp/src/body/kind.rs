//! The kinds of PKIBody.

use std::fmt;

/// The kind of a body.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum BodyKind {
    /// Initialization request.
    Ir,
    /// Initialization response.
    Ip,
    /// Certification request.
    Cr,
    /// Certification response.
    Cp,
    /// Certification request, PKCS#10.
    P10cr,
    /// Proof of possession challenge.
    Popdecc,
    /// Proof of possession response.
    Popdecr,
    /// Key update request.
    Kur,
    /// Key update response.
    Kup,
    /// Key recovery request.
    Krr,
    /// Key recovery response.
    Krp,
    /// Revocation request.
    Rr,
    /// Revocation response.
    Rp,
    /// Cross-certification request.
    Ccr,
    /// Cross-certification response.
    Ccp,
    /// CA key update announcement.
    Ckuann,
    /// Certificate announcement.
    Cann,
    /// Revocation announcement.
    Rann,
    /// CRL announcement.
    Crlann,
    /// Confirmation.
    PkiConf,
    /// Nested messages.
    Nested,
    /// General message.
    Genm,
    /// General response.
    Genp,
    /// Error message.
    Error,
    /// Certificate confirmation.
    CertConf,
    /// Polling request.
    PollReq,
    /// Polling response.
    PollRep,
}

impl BodyKind {
    /// The number of its context tag.
    #[must_use]
    pub fn tag(self) -> u8 {
        // The variants stand in the order of their tags, so the position is the number.
        let position = KINDS.iter().position(|(kind, _)| *kind == self);
        position.and_then(|position| u8::try_from(position).ok()).unwrap_or_default()
    }

    /// The kind with this tag number.
    #[must_use]
    pub fn from_tag(number: u32) -> Option<Self> {
        KINDS.get(usize::try_from(number).ok()?).map(|(kind, _)| *kind)
    }

    /// Its name in the ASN.1, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Whether it asks for a certificate.
    #[must_use]
    pub fn is_enrolment(self) -> bool {
        matches!(self, Self::Ir | Self::Cr | Self::P10cr | Self::Kur)
    }
}

impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// In the order of their tags.
const KINDS: [(BodyKind, &str); 27] = [
    (BodyKind::Ir, "ir"),
    (BodyKind::Ip, "ip"),
    (BodyKind::Cr, "cr"),
    (BodyKind::Cp, "cp"),
    (BodyKind::P10cr, "p10cr"),
    (BodyKind::Popdecc, "popdecc"),
    (BodyKind::Popdecr, "popdecr"),
    (BodyKind::Kur, "kur"),
    (BodyKind::Kup, "kup"),
    (BodyKind::Krr, "krr"),
    (BodyKind::Krp, "krp"),
    (BodyKind::Rr, "rr"),
    (BodyKind::Rp, "rp"),
    (BodyKind::Ccr, "ccr"),
    (BodyKind::Ccp, "ccp"),
    (BodyKind::Ckuann, "ckuann"),
    (BodyKind::Cann, "cann"),
    (BodyKind::Rann, "rann"),
    (BodyKind::Crlann, "crlann"),
    (BodyKind::PkiConf, "pkiconf"),
    (BodyKind::Nested, "nested"),
    (BodyKind::Genm, "genm"),
    (BodyKind::Genp, "genp"),
    (BodyKind::Error, "error"),
    (BodyKind::CertConf, "certConf"),
    (BodyKind::PollReq, "pollReq"),
    (BodyKind::PollRep, "pollRep"),
];
