//! Whether an issued certificate is the one that was approved (DESIGN rule 4).

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use certs::lint::{self, Finding};
use certs::{AltName, Certificate, KeyKind, KeyUsage, Millis, Name, ObjectIdentifier, PublicKey};

/// What was approved.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The key.
    pub key: ExpectedKey,
    /// The subject approved.
    pub subject: Name,
    /// The alternative names approved.
    pub alt_names: Vec<AltName>,
    /// The key usages that the profile gives, at most.
    pub key_usage: KeyUsage,
    /// The extended key usages that the profile gives, at most, dotted.
    pub purposes: BTreeSet<String>,
    /// Further extensions that the profile gives, dotted; these may be critical.
    pub other_extensions: BTreeSet<String>,
    /// The rules of RFC 5280 that this CA's certificates may break: names of [`lint::names`].
    pub lint_allow: BTreeSet<String>,
    /// The longest validity approved, in days.
    pub validity_days: u32,
}

/// Which key a certificate must hold.
#[derive(Clone, Debug)]
pub enum ExpectedKey {
    /// The key of the request.
    This(Box<PublicKey>),
    /// One that the CA made, of a kind that the profile takes (RFC 9483 section 4.1.6).
    MadeByAuthority {
        /// Kinds, as the profile writes them.
        kinds: BTreeSet<String>,
        /// The sizes of an RSA modulus, in bits.
        rsa_bits: RangeInclusive<u32>,
    },
}

/// The private key in a CA's answer. It is encrypted for the requester; nobody here could read it (DESIGN rule 8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrivateKey {
    /// There is none.
    None,
    /// In EnvelopedData.
    Enveloped,
    /// In another form.
    Other,
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
    /// The CA made a key that the profile does not take.
    #[error("the CA made a key of kind {0}, which this profile does not take")]
    KeyKind(String),
    /// The private key is not there, or is there without having been asked for, or is not as RFC 9483 section 4.1.6 wants it.
    #[error("{0}")]
    PrivateKey(&'static str),
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
    /// It is for more than was approved.
    #[error("its extended key usages {0} are not in the profile's extended_key_usage")]
    Purpose(String),
    /// It lives longer than was approved, or not now.
    #[error("its validity is not within what was approved: {0}")]
    Validity(String),
    /// It is none that RFC 5280 lets a CA issue.
    #[error("it breaks RFC 5280: {0}")]
    Lint(Lints),
}

/// What a certificate was found to break.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lints(Vec<Finding>);

impl fmt::Display for Lints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&texts.join("; "))
    }
}

impl Expected {
    /// Compares an issued certificate with what was approved. `issuer` is the pinned CA.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(
        &self,
        certificate: &Certificate,
        private_key: PrivateKey,
        issuer: &Certificate,
        now: Millis,
    ) -> Result<(), Difference> {
        if !certificate.issuer().matches(issuer.subject()) {
            return Err(Difference::Issuer(format!("its issuer is '{}'", certificate.issuer())));
        }
        certificate.verify_signature(issuer.public_key()).map_err(|fault| Difference::Issuer(fault.to_string()))?;
        self.check_key(certificate.public_key(), private_key)?;
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
        self.check_purposes(certificate)?;
        self.check_validity(certificate, now)?;
        self.lint(certificate, issuer)
    }

    /// RFC 5280 section 4.2.1.12: whoever relies on it takes each purpose for approved. A CA that gives none is not told to.
    fn check_purposes(&self, certificate: &Certificate) -> Result<(), Difference> {
        let given = certificate.extended_key_usages().unwrap_or_default().iter().map(ToString::to_string);
        let foreign: Vec<String> = given.filter(|purpose| !self.purposes.contains(purpose)).collect();
        if foreign.is_empty() { Ok(()) } else { Err(Difference::Purpose(foreign.join(", "))) }
    }

    fn lint(&self, certificate: &Certificate, issuer: &Certificate) -> Result<(), Difference> {
        let approved: Vec<ObjectIdentifier> =
            self.other_extensions.iter().filter_map(|dotted| ObjectIdentifier::new(dotted).ok()).collect();
        let mut found = lint::check(certificate, issuer, &approved);
        found.retain(|finding| !self.lint_allow.contains(finding.lint));
        if found.is_empty() { Ok(()) } else { Err(Difference::Lint(Lints(found))) }
    }

    fn check_key(&self, key: &PublicKey, private_key: PrivateKey) -> Result<(), Difference> {
        match (&self.key, private_key) {
            (ExpectedKey::This(expected), _) if expected.der() != key.der() => Err(Difference::Key),
            (ExpectedKey::This(_), PrivateKey::None) => Ok(()),
            (ExpectedKey::This(_), _) => {
                Err(Difference::PrivateKey("it came with a private key that nobody asked for"))
            }
            (ExpectedKey::MadeByAuthority { kinds, rsa_bits }, PrivateKey::Enveloped) => {
                let taken = match key.kind() {
                    KeyKind::Rsa { bits } => kinds.contains("RSA") && rsa_bits.contains(&bits),
                    kind => kinds.contains(&kind.to_string()),
                };
                if taken { Ok(()) } else { Err(Difference::KeyKind(key.kind().to_string())) }
            }
            (ExpectedKey::MadeByAuthority { .. }, PrivateKey::None) => {
                Err(Difference::PrivateKey("it came without the private key that the CA was to make"))
            }
            (ExpectedKey::MadeByAuthority { .. }, PrivateKey::Other) => {
                Err(Difference::PrivateKey("its private key is not in EnvelopedData (RFC 9483 section 4.1.6)"))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(der: &str) -> PublicKey {
        PublicKey::parse(&hex::decode(der).unwrap()).unwrap()
    }

    fn expected(key: ExpectedKey) -> Expected {
        let key_usage = KeyUsage::none();
        let (subject, alt_names, none) = (Name::empty(), Vec::new(), BTreeSet::new);
        Expected {
            key,
            subject,
            alt_names,
            key_usage,
            purposes: none(),
            other_extensions: none(),
            lint_allow: none(),
            validity_days: 1,
        }
    }

    #[test]
    fn a_private_key_comes_exactly_where_the_ca_was_to_make_it() {
        let own = key(P256);
        let this = expected(ExpectedKey::This(Box::new(own.clone())));
        assert_eq!(this.check_key(&own, PrivateKey::None), Ok(()));
        for unasked in [PrivateKey::Enveloped, PrivateKey::Other] {
            assert!(matches!(this.check_key(&own, unasked), Err(Difference::PrivateKey(_))));
        }
        let made = |kinds: &[&str]| {
            let kinds = kinds.iter().map(ToString::to_string).collect();
            expected(ExpectedKey::MadeByAuthority { kinds, rsa_bits: 2048..=4096 })
        };
        assert_eq!(made(&["P-256"]).check_key(&own, PrivateKey::Enveloped), Ok(()));
        for missing in [PrivateKey::None, PrivateKey::Other] {
            assert!(matches!(made(&["P-256"]).check_key(&own, missing), Err(Difference::PrivateKey(_))));
        }
        let other = made(&["P-384", "RSA"]).check_key(&own, PrivateKey::Enveloped);
        assert_eq!(other, Err(Difference::KeyKind("P-256".to_owned())));
    }

    #[test]
    fn each_rule_of_the_lint_stands_in_the_operators_manual() {
        let manual = include_str!("../../docs/operating.md");
        for name in lint::names() {
            assert!(manual.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200\
                        046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
}
