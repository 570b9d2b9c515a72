//! PKIStatusInfo and the error message (RFC 9810 sections 5.2.3 and 5.3.21).

use std::fmt;

use der::Tag;

use crate::asn1::{self, Element};
use crate::fault::Fault;

pub use crate::failure::FailureInfo;

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// Exactly what was asked for.
    Accepted,
    /// Something like what was asked for.
    GrantedWithMods,
    /// Refused.
    Rejection,
    /// Not processed yet.
    Waiting,
    /// A revocation is imminent.
    RevocationWarning,
    /// A revocation has occurred.
    RevocationNotification,
    /// The key was updated already.
    KeyUpdateWarning,
}

/// ```text
/// PKIStatusInfo ::= SEQUENCE {
///     status        PKIStatus,
///     statusString  PKIFreeText     OPTIONAL,
///     failInfo      PKIFailureInfo  OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusInfo {
    /// How it ended.
    pub status: Status,
    /// For people.
    pub text: Vec<String>,
    /// Why it failed.
    pub failure: Option<FailureInfo>,
}

/// ```text
/// ErrorMsgContent ::= SEQUENCE {
///     pKIStatusInfo          PKIStatusInfo,
///     errorCode              INTEGER           OPTIONAL,
///     errorDetails           PKIFreeText       OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorMsgContent {
    /// What went wrong; or `waiting` (RFC 9483 section 4.4).
    pub status: StatusInfo,
    /// The sender's own code.
    pub error_code: Option<i64>,
    /// More, for people.
    pub details: Vec<String>,
}

impl Status {
    /// The INTEGER of RFC 9810 section 5.2.3.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Accepted => 0,
            Self::GrantedWithMods => 1,
            Self::Rejection => 2,
            Self::Waiting => 3,
            Self::RevocationWarning => 4,
            Self::RevocationNotification => 5,
            Self::KeyUpdateWarning => 6,
        }
    }

    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let number = element.integer("PKIStatus")?;
        Self::from_number(number).ok_or_else(|| Fault::format(format!("PKIStatus: {number} is not known")))
    }

    fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Accepted,
            1 => Self::GrantedWithMods,
            2 => Self::Rejection,
            3 => Self::Waiting,
            4 => Self::RevocationWarning,
            5 => Self::RevocationNotification,
            6 => Self::KeyUpdateWarning,
            _ => return None,
        })
    }
}

impl StatusInfo {
    /// A status without text.
    #[must_use]
    pub const fn plain(status: Status) -> Self {
        Self { status, text: Vec::new(), failure: None }
    }

    /// accepted
    #[must_use]
    pub const fn accepted() -> Self {
        Self::plain(Status::Accepted)
    }

    /// waiting: no failInfo is allowed with it (RFC 9483 section 4.4).
    #[must_use]
    pub const fn waiting() -> Self {
        Self::plain(Status::Waiting)
    }

    /// grantedWithMods, and what was changed.
    pub fn granted_with_mods(text: impl Into<String>) -> Self {
        Self { status: Status::GrantedWithMods, text: vec![text.into()], failure: None }
    }

    /// rejection, and why.
    pub fn rejection(failure: FailureInfo, text: impl Into<String>) -> Self {
        Self { status: Status::Rejection, text: vec![text.into()], failure: Some(failure) }
    }

    /// Whether a certificate was granted.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        matches!(self.status, Status::Accepted | Status::GrantedWithMods)
    }

    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("PKIStatusInfo")?;
        let status = Status::parse(fields.required()?)?;
        let text = fields.optional(Tag::Sequence)?;
        let failure = fields.optional(Tag::BitString)?;
        fields.end()?;
        Ok(Self {
            status,
            text: text.map_or(Ok(Vec::new()), |text| asn1::parse_free_text(text, "statusString"))?,
            failure: failure.map(FailureInfo::parse).transpose()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let text = if self.text.is_empty() { Vec::new() } else { asn1::free_text(&self.text) };
        let failure = self.failure.map(FailureInfo::encode).unwrap_or_default();
        asn1::sequence(&[&asn1::integer(self.status.number()), &text, &failure])
    }
}

impl From<&Fault> for StatusInfo {
    fn from(fault: &Fault) -> Self {
        Self::rejection(fault.failure, fault.text.clone())
    }
}

impl fmt::Display for StatusInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.status)?;
        if let Some(failure) = self.failure {
            write!(f, " ({failure})")?;
        }
        for text in &self.text {
            write!(f, "; {}", text.escape_debug())?;
        }
        Ok(())
    }
}

impl ErrorMsgContent {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("ErrorMsgContent")?;
        let status = StatusInfo::parse(fields.required()?)?;
        let code = fields.optional(Tag::Integer)?;
        let details = fields.optional(Tag::Sequence)?;
        fields.end()?;
        Ok(Self {
            status,
            // A code may be of any size (OpenSSL's has 32 bits); one beyond ours says nothing to us.
            error_code: code.and_then(|code| code.integer("errorCode").ok()),
            details: details.map_or(Ok(Vec::new()), |text| asn1::parse_free_text(text, "errorDetails"))?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let code = self.error_code.map(asn1::integer).unwrap_or_default();
        let details = if self.details.is_empty() { Vec::new() } else { asn1::free_text(&self.details) };
        asn1::sequence(&[&self.status.encode(), &code, &details])
    }
}

impl From<StatusInfo> for ErrorMsgContent {
    fn from(status: StatusInfo) -> Self {
        Self { status, error_code: None, details: Vec::new() }
    }
}

impl From<&Fault> for ErrorMsgContent {
    fn from(fault: &Fault) -> Self {
        StatusInfo::from(fault).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_status_is_a_format_fault() {
        let der = asn1::sequence(&[&asn1::integer(9)]);
        let fault = StatusInfo::parse(Element::only(&der, "test").unwrap()).unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_DATA_FORMAT);
    }
}
