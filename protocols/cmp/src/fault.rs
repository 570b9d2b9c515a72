//! What went wrong, in words of the protocol: a failInfo and a text that says what to mend.

use crate::header::Header;
use crate::status::FailureInfo;

/// A check that failed. The text is meant for the peer and tells what to mend.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{failure}: {text}")]
pub struct Fault {
    /// The failInfo bit of RFC 9810 section 5.2.3.
    pub failure: FailureInfo,
    /// What to mend.
    pub text: String,
}

/// A message that could not be read. The header is there when it could, so that the error
/// message can copy transactionID and senderNonce.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{fault}")]
pub struct ParseFault {
    /// What is wrong.
    pub fault: Fault,
    /// The header, when it was readable; without messageTime, freeText and generalInfo if one of these was not.
    pub header: Option<Box<Header>>,
}

impl Fault {
    /// A fault with its failInfo and its text.
    pub fn new(failure: FailureInfo, text: impl Into<String>) -> Self {
        Self { failure, text: text.into() }
    }

    /// The bytes are not what the ASN.1 says (RFC 9483 section 3.5).
    pub fn format(text: impl Into<String>) -> Self {
        Self::new(FailureInfo::BAD_DATA_FORMAT, text)
    }

    /// The integrity check failed (RFC 9483 section 3.5).
    pub fn integrity(text: impl Into<String>) -> Self {
        Self::new(FailureInfo::BAD_MESSAGE_CHECK, text)
    }

    /// Not permitted or supported here.
    pub fn request(text: impl Into<String>) -> Self {
        Self::new(FailureInfo::BAD_REQUEST, text)
    }
}

/// What `certs` says about names, keys and signatures, in words of the protocol.
impl From<certs::Fault> for Fault {
    fn from(fault: certs::Fault) -> Self {
        let failure = match fault {
            certs::Fault::KeyUnsupported(_)
            | certs::Fault::AlgorithmUnsupported(_)
            | certs::Fault::AlgorithmForbidden(_)
            | certs::Fault::AlgorithmMismatch { .. } => FailureInfo::BAD_ALG,
            certs::Fault::BadSignature { .. } => FailureInfo::BAD_MESSAGE_CHECK,
            _ => FailureInfo::BAD_DATA_FORMAT,
        };
        Self::new(failure, fault.to_string())
    }
}

impl From<Fault> for ParseFault {
    fn from(fault: Fault) -> Self {
        Self { fault, header: None }
    }
}

impl From<ParseFault> for Fault {
    fn from(fault: ParseFault) -> Self {
        fault.fault
    }
}
