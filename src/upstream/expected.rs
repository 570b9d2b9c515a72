//! Whether an issued certificate is the one that was approved (DESIGN rule 4).

use certs::{AltName, Certificate, KeyUsage, Millis, Name, PublicKey};

/// What was approved.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The key of the request.
    pub public_key: PublicKey,
    /// The subject approved.
    pub subject: Name,
    /// The alternative names approved.
    pub alt_names: Vec<AltName>,
    /// The key usages that the profile gives, at most.
    pub key_usage: KeyUsage,
    /// The longest validity approved, in days.
    pub validity_days: u32,
}

/// How an issued certificate differs from what was approved.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Difference {
    /// Another CA, or nobody, signed it.
    #[error("it is not signed by the pinned CA: {0}")]
    Issuer(String),
    /// Another key stands in it.
    #[error("it holds another public key than the request")]
    Key,
    /// Another subject stands in it.
    #[error("its subject is '{found}', approved was '{approved}'")]
    Subject {
        /// In the certificate.
        found: String,
        /// In the request.
        approved: String,
    },
    /// Other alternative names stand in it.
    #[error("its alternative names are {found}, approved were {approved}")]
    AltNames {
        /// In the certificate.
        found: String,
        /// In the request.
        approved: String,
    },
    /// It may do more than was approved.
    #[error("it has key usages that were not approved, or is a CA certificate")]
    Usage,
    /// It lives longer than was approved, or not now.
    #[error("its validity is not within what was approved: {0}")]
    Validity(String),
}

impl Expected {
    /// Compares an issued certificate with what was approved. `issuer` is the pinned CA.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, certificate: &Certificate, issuer: &Certificate, now: Millis) -> Result<(), Difference> {
        if !certificate.issuer().matches(issuer.subject()) {
            return Err(Difference::Issuer(format!("its issuer is '{}'", certificate.issuer())));
        }
        certificate.verify_signature(issuer.public_key()).map_err(|fault| Difference::Issuer(fault.to_string()))?;
        if certificate.public_key().der() != self.public_key.der() {
            return Err(Difference::Key);
        }
        if !certificate.subject().matches(&self.subject) {
            return Err(Difference::Subject {
                found: certificate.subject().to_string(),
                approved: self.subject.to_string(),
            });
        }
        self.check_names(certificate)?;
        // RFC 5280 section 4.2.1.3: without the extension the key may be used for anything.
        let usage = certificate.key_usage();
        if certificate.is_ca() || usage.is_none_or(|usage| !self.key_usage.contains(usage)) {
            return Err(Difference::Usage);
        }
        self.check_validity(certificate, now)
    }

    fn check_names(&self, certificate: &Certificate) -> Result<(), Difference> {
        let sorted = |names: &[AltName]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        let (found, approved) = (sorted(certificate.alt_names()), sorted(&self.alt_names));
        if found == approved {
            return Ok(());
        }
        Err(Difference::AltNames { found: format!("{found:?}"), approved: format!("{approved:?}") })
    }

    fn check_validity(&self, certificate: &Certificate, now: Millis) -> Result<(), Difference> {
        let latest = now.plus(i64::from(self.validity_days) * DAY + CLOCK_SLACK);
        if certificate.not_after() > latest {
            return Err(Difference::Validity(format!("it ends more than {} days from now", self.validity_days)));
        }
        if certificate.not_after() <= now {
            return Err(Difference::Validity("it has ended already".to_owned()));
        }
        if certificate.not_before() > now.plus(CLOCK_SLACK) {
            return Err(Difference::Validity("it has not begun".to_owned()));
        }
        Ok(())
    }
}

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Clocks of CA and RA differ, and CAs round to whole days: RFC 9483 section 3.5 leaves the tolerance to us.
const CLOCK_SLACK: i64 = DAY;
