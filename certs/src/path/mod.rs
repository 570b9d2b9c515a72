use const_oid::ObjectIdentifier;

use crate::{Certificate, Crl, Millis};

mod certval_judge;
mod fault;
mod revocation;
mod rules;
mod search;

pub use fault::PathFault;

/// The certificates that are trusted because the configuration names them.
#[derive(Clone, Debug, Default)]
pub struct Anchors(Vec<Certificate>);

impl Anchors {
    /// Trusts these certificates.
    #[must_use]
    pub fn new(certificates: Vec<Certificate>) -> Self {
        Self(certificates)
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }
}

/// What the end certificate is to be used for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
    /// Never empty; `end` is its first member, kept apart so that nobody needs to ask whether there is one.
    chain: Vec<Certificate>,
    end: Certificate,
}

impl ValidPath {
    /// The certificates from the end certificate to the anchor, both included.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The end certificate.
    #[must_use]
    pub fn end(&self) -> &Certificate {
        &self.end
    }

    /// The anchor; the end certificate itself when that is trusted directly.
    #[must_use]
    pub fn anchor(&self) -> &Certificate {
        self.chain.last().unwrap_or(&self.end)
    }

    /// Whose signature the end certificate bears; the certificate itself when it is an anchor.
    #[must_use]
    pub fn issuer(&self) -> &Certificate {
        self.chain.get(1).unwrap_or(&self.end)
    }
}

/// Looks for a path from the end certificate to an anchor and validates it (RFC 5280 section 6).
///
/// Each path that is found passes our own rules, which name the certificate at fault, and then certval, which
/// knows name constraints and policies, too. Both must agree.
///
/// Stricter than RFC 5280 in three places: an anchor must be valid in time, an intermediate authority must have a
/// key usage, and a DNS constraint that begins with a dot is refused (the last two are certval's).
///
/// # Errors
/// The fault of the first path that was found: the one whose key identifiers fit best.
pub fn validate(query: &PathQuery<'_>) -> Result<ValidPath, PathFault> {
    let mut first_fault = None;
    let mut valid = None;
    let search = search::explore(query, &mut |chain| match judge(query, chain) {
        Ok(()) => {
            valid = Some(ValidPath {
                chain: chain.iter().map(|certificate| (*certificate).clone()).collect(),
                end: query.end.clone(),
            });
            true
        }
        Err(fault) => {
            first_fault.get_or_insert(fault);
            false
        }
    });
    let subject = || query.end.subject().to_string();
    match valid {
        Some(path) => Ok(path),
        None if search.exhausted => Err(PathFault::TooMuchWork { subject: subject() }),
        None => Err(first_fault.or(search.fault).unwrap_or_else(|| PathFault::NoPath { subject: subject() })),
    }
}

/// What every path must pass, cheapest first. `chain` goes from the end certificate to the anchor.
fn judge(query: &PathQuery<'_>, chain: &[&Certificate]) -> Result<(), PathFault> {
    rules::check(query, chain)?;
    certval_judge::check(query, chain)?;
    revocation::check(query, chain)
}

#[cfg(test)]
mod tests;
