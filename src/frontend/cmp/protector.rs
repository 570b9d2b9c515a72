//! What protects an answer: the requester's own secret, or the RA's key (RFC 9483 section 3.2).

use std::path::PathBuf;
use std::sync::Arc;

use certs::{Certificate, Name, Signer, SignerFault};
use cmp::{Draft, MacKey, Message};
use serde::Deserialize;

/// Where the certificates of the keys for answers are, in the section `[answers]`; without it the RA key signs them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersConfig {
    /// PEM: the certificate of `hsm.answer_key`, then what leads to the CA.
    #[serde(default)]
    pub certificates: Option<PathBuf>,
    /// PEM: the same for `hsm.retiring_answer_key`.
    #[serde(default)]
    pub retiring: Option<PathBuf>,
    /// PEM: the same for `hsm.package_key`.
    #[serde(default)]
    pub packages: Option<PathBuf>,
}

/// The keys for answers.
#[derive(Clone, Debug)]
pub struct Protectors {
    /// The one for exchanges that begin.
    pub newest: Protector,
    /// Those that exchanges may have begun under.
    pub earlier: Vec<Protector>,
}

/// A key for answers, and the certificates that let a requester verify them.
#[derive(Clone, Debug)]
pub struct Protector {
    /// The key.
    pub signer: Arc<dyn Signer>,
    /// The RA's certificate first, then its chain.
    pub certificates: Vec<Certificate>,
}

/// How the answer to one message is protected: in kind like the message.
#[derive(Clone)]
pub(super) enum Protection {
    /// With the key derived from the shared secret.
    Mac(MacKey),
    /// With the RA's key.
    Signature(Protector),
    /// Not at all: the sender is not known (RFC 9483 section 3.6.4).
    None(Protector),
}

impl Protection {
    /// Whom the answer says it is from.
    pub(super) fn sender(&self) -> Name {
        match self {
            // RFC 9483 section 3.1: under a MAC the common name is the reference, as in senderKID.
            Self::Mac(key) => {
                let reference = String::from_utf8_lossy(key.reference());
                Name::from_text(&format!("CN={}", escaped(&reference))).unwrap_or_else(|_| Name::empty())
            }
            Self::Signature(protector) | Self::None(protector) => protector.name(),
        }
    }

    /// Finishes a message. `chain` are further certificates for the recipient.
    pub(super) async fn finish(&self, mut draft: Draft, chain: &[Vec<u8>]) -> Result<Vec<u8>, SignerFault> {
        match self {
            Self::Mac(key) => Ok(draft.mac(key, chain)),
            Self::None(_) => Ok(draft.unprotected(&[])),
            Self::Signature(protector) => {
                draft.sender_kid = protector.key_identifier();
                // RFC 9483 section 3.3: the protection certificate first, then its chain, then the rest.
                let mut extra: Vec<Vec<u8>> =
                    protector.certificates.iter().map(|certificate| certificate.der().to_vec()).collect();
                extra.extend(chain.iter().filter(|der| !protector.has(der)).cloned());
                draft.sign(protector.signer.as_ref(), &extra).await
            }
        }
    }
}

impl Protectors {
    /// The one that signed an answer: its certificate is the first one there (RFC 9483 section 3.3).
    pub(super) fn of(&self, answer: &Message) -> Option<&Protector> {
        let shown = answer.extra_certs().first()?;
        std::iter::once(&self.newest)
            .chain(&self.earlier)
            .find(|protector| protector.certificates.first().is_some_and(|own| own.der() == &shown[..]))
    }
}

impl Protector {
    /// The subject of the RA's certificate.
    #[must_use]
    pub fn name(&self) -> Name {
        self.certificates.first().map_or_else(Name::empty, |certificate| certificate.subject().clone())
    }

    fn key_identifier(&self) -> Option<Vec<u8>> {
        self.certificates.first()?.subject_key_identifier().map(<[u8]>::to_vec)
    }

    fn has(&self, der: &[u8]) -> bool {
        self.certificates.iter().any(|certificate| certificate.der() == der)
    }
}

/// RFC 4514 section 2.4: what would end an attribute value is escaped.
pub(super) fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' | '#' | ' ');
            special.then_some('\\').into_iter().chain([character])
        })
        .collect()
}
