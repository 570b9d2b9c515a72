use crate::SignerFault;

/// Why received bytes are not taken. The text tells the requester what to mend.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Larger than we are willing to read.
    #[error("{what} is too large: the limit is {limit}")]
    TooLarge {
        /// What was read.
        what: &'static str,
        /// The limit, in the unit of what was counted.
        limit: usize,
    },
    /// Not the DER that the standard describes.
    #[error("{what} is not well formed: {detail}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A key that nobody here can use.
    #[error("the public key is not supported: {0}")]
    KeyUnsupported(String),
    /// A signature algorithm that nobody here can check.
    #[error("the signature algorithm is not supported: {0}")]
    AlgorithmUnsupported(String),
    /// A signature algorithm that is broken.
    #[error("the signature algorithm is too weak: {0}")]
    AlgorithmForbidden(String),
    /// A signature algorithm that belongs to another kind of key.
    #[error("the signature algorithm {algorithm} does not fit the key, which is {key}")]
    AlgorithmMismatch {
        /// The algorithm that was named.
        algorithm: String,
        /// The key that was to check it.
        key: String,
    },
    /// The signature is not one by this key over these bytes.
    #[error("the signature of {what} does not verify")]
    BadSignature {
        /// What was signed.
        what: &'static str,
    },
}

/// Why a draft did not become a signed object.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueFault {
    /// The key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerFault),
    /// The draft does not make a well-formed object.
    #[error(transparent)]
    Draft(#[from] Fault),
}
