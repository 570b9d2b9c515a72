use const_oid::ObjectIdentifier;

use crate::{Certificate, Crl, Millis};

/// The certificates that are trusted because the configuration names them.
#[derive(Clone, Debug, Default)]
pub struct Anchors(Vec<Certificate>);

impl Anchors {
    /// Trusts these certificates.
    #[must_use]
    pub fn new(certificates: Vec<Certificate>) -> Self { Self(certificates) }
    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] { &self.0 }
}

/// What the end certificate is to be used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Purpose {
    /// TLS client: clientAuth, anyExtendedKeyUsage or no such extension; digitalSignature where key usage is given.
    ClientAuth,
    /// Signs CMP messages: digitalSignature where key usage is given (RFC 9483 section 1.5).
    CmpProtection,
    /// A registration authority: id-kp-cmcRA must be there by name (RFC 9483 section 5.2.3, RFC 9810 section 4.5).
    RegistrationAuthority,
    /// Issues certificates.
    CertificationAuthority,
    /// Nothing in particular.
    Any,
    /// An extended key usage that must be there by name.
    Other(ObjectIdentifier),
}

/// What is to be validated, and against what.
#[derive(Clone, Copy, Debug)]
pub struct PathQuery<'a> {
    /// The certificate in question.
    pub end: &'a Certificate,
    /// Certificates that may lie between; none of them is trusted.
    pub intermediates: &'a [Certificate],
    /// What is trusted.
    pub anchors: &'a Anchors,
    /// The moment in question.
    pub at: Millis,
    /// What the certificate is to be used for.
    pub purpose: Purpose,
    /// Revocation lists at hand.
    pub crls: &'a [Crl],
    /// Whether each certificate below the anchor must be covered by a current list.
    pub crl_required: bool,
    /// When given, the path must be valid for one of these policies.
    pub policies: Option<&'a [ObjectIdentifier]>,
}

/// A path that was validated. Only [`validate`] makes one.
#[derive(Clone, Debug)]
pub struct ValidPath {
    chain: Vec<Certificate>,
}

impl ValidPath {
    /// The certificates from the end certificate to the anchor, both included.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] { &self.chain }
    /// The anchor.
    #[must_use]
    pub fn anchor(&self) -> &Certificate { todo!() }
    /// Whose signature the end certificate bears; the certificate itself when it is an anchor.
    #[must_use]
    pub fn issuer(&self) -> &Certificate { todo!() }
}

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

/// Looks for a path from the end certificate to an anchor and validates it (RFC 5280 section 6).
///
/// # Errors
/// The fault of the most promising path.
pub fn validate(query: &PathQuery<'_>) -> Result<ValidPath, PathFault> { todo!("{query:?}") }
