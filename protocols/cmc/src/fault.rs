//! What went wrong, in words of the protocol: a CMCFailInfo, the body parts it is about, and a text that says what to mend.

use crate::status::{BodyReference, FailInfo, OtherInfo, Status, StatusInfo};

/// A check that failed. The text is meant for the peer and tells what to mend.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {text}", failure.map_or("noSupport", FailInfo::name))]
pub struct Fault {
    /// The CMCFailInfo of RFC 10002 section 6.1.4; without one the status is noSupport instead of failed.
    pub failure: Option<FailInfo>,
    /// What it is about; nothing stands for the whole message, that is body part 0.
    pub bodies: Vec<BodyReference>,
    /// What to mend.
    pub text: String,
}

impl Fault {
    /// A fault of the whole message.
    pub fn new(failure: FailInfo, text: impl Into<String>) -> Self {
        Self { failure: Some(failure), bodies: Vec::new(), text: text.into() }
    }

    /// Not permitted, not supported or not what the ASN.1 says.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(FailInfo::BAD_REQUEST, text)
    }

    /// The integrity check failed (RFC 10002 section 3.2.1.3.4: body part 0).
    pub fn integrity(text: impl Into<String>) -> Self {
        Self::new(FailInfo::BAD_MESSAGE_CHECK, text)
    }

    /// An operation that is not done here (CMCStatus noSupport).
    pub fn no_support(text: impl Into<String>) -> Self {
        Self { failure: None, bodies: Vec::new(), text: text.into() }
    }

    /// The same about this body part, unless it is about one already.
    #[must_use]
    pub fn about(mut self, path: &[u32], id: u32) -> Self {
        if self.bodies.is_empty() {
            self.bodies.push(BodyReference::below(path, id));
        }
        self
    }

    /// The status that tells the peer.
    #[must_use]
    pub fn status_info(&self) -> StatusInfo {
        StatusInfo {
            status: if self.failure.is_some() { Status::Failed } else { Status::NoSupport },
            bodies: if self.bodies.is_empty() { vec![BodyReference::Part(0)] } else { self.bodies.clone() },
            text: Some(self.text.clone()),
            other: self.failure.map(OtherInfo::Fail),
        }
    }
}

/// What `certs` says about names, keys and signatures, in words of the protocol.
impl From<certs::Fault> for Fault {
    fn from(fault: certs::Fault) -> Self {
        let failure = match fault {
            certs::Fault::KeyUnsupported(_)
            | certs::Fault::AlgorithmUnsupported(_)
            | certs::Fault::AlgorithmForbidden(_)
            | certs::Fault::AlgorithmMismatch { .. } => FailInfo::BAD_ALG,
            certs::Fault::BadSignature { .. } => FailInfo::BAD_MESSAGE_CHECK,
            _ => FailInfo::BAD_REQUEST,
        };
        Self::new(failure, fault.to_string())
    }
}
