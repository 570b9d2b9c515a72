/// Why a certificate is not trusted. Each names the certificate at fault by its subject.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// Nothing leads from the certificate to an anchor.
    #[error("no path leads from {subject} to a trust anchor")]
    NoPath {
        /// Where the search began.
        subject: String,
    },
    /// Too many certificates or signatures would have to be looked at.
    #[error("looking for a path from {subject} takes too much work")]
    TooMuchWork {
        /// Where the search began.
        subject: String,
    },
    /// Validity is over.
    #[error("the certificate of {subject} has expired")]
    Expired {
        /// Whose certificate.
        subject: String,
    },
    /// Validity has not begun.
    #[error("the certificate of {subject} is not valid yet")]
    NotYetValid {
        /// Whose certificate.
        subject: String,
    },
    /// On a revocation list.
    #[error("the certificate of {subject} has been revoked")]
    Revoked {
        /// Whose certificate.
        subject: String,
    },
    /// Not signed by the one whom it names as issuer.
    #[error("the signature on the certificate of {subject} is not its issuer's")]
    SignatureInvalid {
        /// Whose certificate.
        subject: String,
    },
    /// The issuer is no authority, or its path length is used up.
    #[error("{subject} may not issue this certificate")]
    NotAuthority {
        /// Whose certificate.
        subject: String,
    },
    /// A name outside what an issuer may certify.
    #[error("a name in the path of {subject} is outside its issuer's name constraints")]
    NameConstraints {
        /// Whose certificate.
        subject: String,
    },
    /// Not valid under any policy asked for.
    #[error("the path of {subject} is not valid under a policy that is asked for")]
    Policy {
        /// Whose certificate.
        subject: String,
    },
    /// The key may not be used so.
    #[error("the key usage of {subject} does not allow this")]
    KeyUsage {
        /// Whose certificate.
        subject: String,
    },
    /// The certificate is for other purposes.
    #[error("the extended key usage of {subject} does not allow this")]
    ExtendedKeyUsage {
        /// Whose certificate.
        subject: String,
    },
    /// An extension that must be understood and is not.
    #[error("the certificate of {subject} has a critical extension that is not understood: {oid}")]
    UnknownCriticalExtension {
        /// Whose certificate.
        subject: String,
        /// Which extension.
        oid: String,
    },
    /// No revocation list covers the certificate.
    #[error("no revocation list covers the certificate of {subject}")]
    CrlMissing {
        /// Whose certificate.
        subject: String,
    },
    /// The revocation list is too old.
    #[error("the revocation list that covers the certificate of {subject} is out of date")]
    CrlExpired {
        /// Whose certificate.
        subject: String,
    },
    /// Anything else.
    #[error("the path of {subject} is not valid: {detail}")]
    Other {
        /// Whose certificate.
        subject: String,
        /// What is wrong.
        detail: String,
    },
}
