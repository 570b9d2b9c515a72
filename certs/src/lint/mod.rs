//! What RFC 5280 demands of a certificate that an authority gives to an end entity.
//!
//! Reading a [`Certificate`] enforces what nobody could work without (one signature algorithm, no extension twice, version 3
//! where there are extensions, purposes and names where their extension is); [`check`] looks at all the rest. Each rule has a
//! name, so that what a certain authority cannot mend can be let pass.

mod extensions;
mod fields;
mod syntax;

use std::fmt;

use const_oid::ObjectIdentifier;

use crate::walk::{INTEGER, Item, SEQUENCE, Walk, explicit, implicit};
use crate::{AltName, Certificate, Fault, KeyKind, KeyUsage, Name};

/// A rule that a certificate breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The rule, one of [`names`].
    pub lint: &'static str,
    /// Where the rule stands.
    pub source: &'static str,
    /// What was found, and what is wanted.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.text, self.lint, self.source)
    }
}

/// Holds a certificate of an end entity against the rules. `issuer` is the authority that should have issued it; `approved` are
/// the extensions that may be critical besides those that the rules know.
#[must_use]
pub fn check(certificate: &Certificate, issuer: &Certificate, approved: &[ObjectIdentifier]) -> Vec<Finding> {
    let fields = match Fields::read(certificate) {
        Ok(fields) => fields,
        Err(fault) => return vec![Finding { lint: ENCODING, source: "RFC 5280 section 4.1", text: fault.to_string() }],
    };
    let view = View { certificate, issuer, approved, fields };
    let found = |lint: &Lint| {
        let texts = match lint.look {
            Look::Values(look) => look(&view),
            Look::Octets(look) => look(&view).unwrap_or_else(|fault| vec![fault.to_string()]),
        };
        let (lint, source) = (lint.name, lint.source);
        texts.into_iter().map(move |text| Finding { lint, source, text })
    };
    LINTS.iter().flat_map(found).collect()
}

/// Holds what is asked for against those rules that a CA which grants it would break, whatever else it adds.
#[must_use]
pub fn check_request(
    subject: &Name,
    alt_names: &[AltName],
    key: Option<KeyKind>,
    key_usage: Option<KeyUsage>,
) -> Vec<Finding> {
    let usage = key.zip(key_usage).map(|(key, usage)| extensions::usage_of(key, usage));
    let all = [
        ("subject", fields::attributes(subject).unwrap_or_else(|fault| vec![fault.to_string()])),
        ("key_usage_of_key", usage.unwrap_or_default()),
        ("subject_alt_name", extensions::alt_names(alt_names)),
        ("email_in_subject", extensions::emails(subject, alt_names)),
    ];
    let source = |name: &str| LINTS.iter().find(|lint| lint.name == name).map_or("", |lint| lint.source);
    let found = |(lint, texts): (&'static str, Vec<String>)| {
        texts.into_iter().map(move |text| Finding { lint, source: source(lint), text })
    };
    all.into_iter().flat_map(found).collect()
}

/// The names of all rules.
pub fn names() -> impl Iterator<Item = &'static str> {
    LINTS.iter().map(|lint| lint.name)
}

/// A rule: what is wrong, in words.
struct Lint {
    name: &'static str,
    source: &'static str,
    look: Look,
}

/// How it is found out.
enum Look {
    /// From what was read already.
    Values(fn(&View<'_>) -> Vec<String>),
    /// From octets that nobody read before; what does not read breaks the rule.
    Octets(fn(&View<'_>) -> Result<Vec<String>, Fault>),
}

/// What the rules look at.
struct View<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
    approved: &'a [ObjectIdentifier],
    fields: Fields<'a>,
}

/// Fields of the TBSCertificate whose encoding matters.
struct Fields<'a> {
    version: u32,
    serial: &'a [u8],
    not_before: Item<'a>,
    not_after: Item<'a>,
    unique_identifiers: bool,
    extensions: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(certificate: &'a Certificate) -> Result<Self, Fault> {
        let mut fields = Walk::only(WHAT, certificate.tbs(), SEQUENCE)?.inside()?;
        let version = match fields.take_if(explicit(0))? {
            Some(version) => Walk::only(WHAT, version.content, INTEGER)?.small()?,
            None => 0,
        };
        let serial = fields.take(INTEGER)?.content;
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut validity = fields.take(SEQUENCE)?.inside()?;
        let (not_before, not_after) = (validity.next()?, validity.next()?);
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let unique = [fields.take_if(implicit(1))?, fields.take_if(implicit(2))?];
        let unique_identifiers = unique.iter().any(Option::is_some);
        let extensions = fields.take_if(explicit(3))?.map(|extensions| extensions.content);
        Ok(Self { version, serial, not_before, not_after, unique_identifiers, extensions })
    }
}

/// A finding where there is something wrong.
fn only_if(wrong: bool, text: impl FnOnce() -> String) -> Vec<String> {
    if wrong { vec![text()] } else { Vec::new() }
}

const WHAT: &str = "the certificate";

const ENCODING: &str = "encoding";

const LINTS: [Lint; 21] = [
    Lint { name: ENCODING, source: "RFC 5280 section 4.1, X.690 section 11.5", look: Look::Values(fields::encoding) },
    Lint { name: "version", source: "RFC 5280 section 4.1.2.1", look: Look::Values(fields::version) },
    Lint { name: "serial_number", source: "RFC 5280 section 4.1.2.2", look: Look::Values(fields::serial_number) },
    Lint {
        name: "signature_parameters",
        source: "RFC 4055 section 5",
        look: Look::Octets(fields::signature_parameters),
    },
    Lint { name: "issuer", source: "RFC 5280 sections 4.1.2.4 and 4.1.2.6", look: Look::Values(fields::issuer) },
    Lint { name: "validity", source: "RFC 5280 section 4.1.2.5", look: Look::Values(fields::validity) },
    Lint { name: "subject", source: "RFC 5280 section 4.1.2.6 and appendix A.1", look: Look::Octets(fields::subject) },
    Lint {
        name: "unique_identifiers",
        source: "RFC 5280 section 4.1.2.8",
        look: Look::Values(fields::unique_identifiers),
    },
    Lint { name: "critical", source: "RFC 5280 section 4.2", look: Look::Values(extensions::critical) },
    Lint { name: "unknown_critical", source: "RFC 5280 section 4.2", look: Look::Values(extensions::unknown_critical) },
    Lint {
        name: "authority_key_identifier",
        source: "RFC 5280 section 4.2.1.1",
        look: Look::Octets(extensions::authority_key_identifier),
    },
    Lint { name: "key_usage", source: "RFC 5280 section 4.2.1.3", look: Look::Values(extensions::key_usage) },
    Lint {
        name: "key_usage_of_key",
        source: "RFC 8813 section 3, RFC 4055 section 1.2, RFC 9295, RFC 9881 section 5",
        look: Look::Values(extensions::key_usage_of_key),
    },
    Lint {
        name: "certificate_policies",
        source: "RFC 5280 section 4.2.1.4",
        look: Look::Octets(extensions::certificate_policies),
    },
    Lint {
        name: "subject_alt_name",
        source: "RFC 5280 section 4.2.1.6",
        look: Look::Values(extensions::subject_alt_name),
    },
    Lint {
        name: "email_in_subject",
        source: "RFC 5280 section 4.1.2.6",
        look: Look::Values(extensions::email_in_subject),
    },
    Lint {
        name: "basic_constraints",
        source: "RFC 5280 section 4.2.1.9",
        look: Look::Values(extensions::basic_constraints),
    },
    Lint { name: "authority_only", source: "RFC 5280 section 4.2.1", look: Look::Values(extensions::authority_only) },
    Lint {
        name: "extended_key_usage",
        source: "RFC 5280 section 4.2.1.12",
        look: Look::Values(extensions::extended_key_usage),
    },
    Lint {
        name: "crl_distribution_points",
        source: "RFC 5280 section 4.2.1.13",
        look: Look::Octets(extensions::crl_distribution_points),
    },
    Lint {
        name: "information_access",
        source: "RFC 5280 section 4.2.2",
        look: Look::Octets(extensions::information_access),
    },
];

#[cfg(test)]
mod tests;
