//! How the configuration names one certificate.

use certs::{Certificate, Name};

/// What a certificate is known by.
#[derive(Clone, Debug)]
pub(super) enum KnownBy {
    Subject(Name),
    KeyIdentifier(Vec<u8>),
    Certificate(Vec<u8>),
}

impl KnownBy {
    /// Reads what stands under the keys `subject`, `key_identifier` and `certificate_sha256`, of which there must be one.
    pub(super) fn read(
        subject: Option<&str>,
        key_identifier: Option<&str>,
        certificate_sha256: Option<&str>,
    ) -> Result<Self, String> {
        let octets = |key: &str, text: &str, length: Option<usize>| {
            let octets = hex::decode(text).map_err(|_| format!("{key} is not hexadecimal"))?;
            let fits = length.is_none_or(|length| octets.len() == length) && !octets.is_empty();
            if fits { Ok(octets) } else { Err(format!("{key} has not the right length")) }
        };
        match (subject, key_identifier, certificate_sha256) {
            (Some(subject), None, None) => {
                Name::from_text(subject).map(Self::Subject).map_err(|fault| format!("subject: {fault}"))
            }
            (None, Some(identifier), None) => octets("key_identifier", identifier, None).map(Self::KeyIdentifier),
            (None, None, Some(hash)) => octets("certificate_sha256", hash, Some(32)).map(Self::Certificate),
            _ => Err("give exactly one of subject, key_identifier and certificate_sha256".to_owned()),
        }
    }

    /// Whether this is the one. Nothing is validated.
    pub(super) fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Subject(subject) => certificate.subject().matches(subject),
            Self::KeyIdentifier(identifier) => certificate.subject_key_identifier() == Some(identifier.as_slice()),
            Self::Certificate(hash) => certificate.hash().as_slice() == hash.as_slice(),
        }
    }
}
