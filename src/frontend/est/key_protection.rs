//! How a key that was made here is hidden from more than TLS (RFC 7030 sections 4.4.1 and 4.4.2).

use std::collections::BTreeSet;
use std::path::PathBuf;

use certs::{Certificate, CsrContent, KeyKind, KeyUsage, PublicKey};
use est::key_package::{self, DecryptWith, EncryptionKey, EncryptionWish, KEY_PACKAGE};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::enroll::bad;
use crate::case::ReasonCode;
use crate::frontend::Protector;
use crate::registrar::{Identified, Refusal, Registrar};
use crate::rules::{Demand, EstRules};

/// One `[[key_encryption_key]]`: a secret key that some requesters have, too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEncryptionKeyConfig {
    /// Hexadecimal: what requests name it by (DecryptKeyIdentifier).
    pub identifier: String,
    /// The file with it: 32 or 64 hexadecimal digits, readable by its owner only.
    pub file: PathBuf,
    /// The profiles whose keys may be encrypted with it.
    pub profiles: BTreeSet<String>,
}

/// A secret key that some requesters have, too.
pub struct KeyEncryptionKey {
    identifier: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
    profiles: BTreeSet<String>,
}

impl KeyEncryptionKey {
    /// An entry with the content of its file.
    ///
    /// # Errors
    /// When the identifier is not hexadecimal, or the content is no AES key of 128 or 256 bits.
    pub fn read(config: &KeyEncryptionKeyConfig, content: &Zeroizing<String>) -> Result<Self, String> {
        let identifier = hex::decode(&config.identifier).ok().filter(|identifier| !identifier.is_empty());
        let identifier = identifier.ok_or("identifier is not hexadecimal")?;
        let mut secret = Zeroizing::new(vec![0; content.trim().len() / 2]);
        let read = hex::decode_to_slice(content.trim(), &mut secret);
        if read.is_err() || !matches!(secret.len(), 16 | 32) {
            return Err("the file must hold 32 or 64 hexadecimal digits".to_owned());
        }
        Ok(Self { identifier, secret, profiles: config.profiles.clone() })
    }
}

/// The key stays out of sight.
impl std::fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeyEncryptionKey")
            .field("identifier", &hex::encode(&self.identifier))
            .finish_non_exhaustive()
    }
}

/// Who signs for keys that were made here, and what they may be encrypted with.
#[derive(Debug)]
pub struct KeyProtection {
    /// The one who made them (RFC 7030 section 4.4.2): the RA.
    pub protector: Protector,
    /// The secrets shared with requesters.
    pub secrets: Vec<KeyEncryptionKey>,
}

/// How one key will be hidden.
pub(super) struct Hiding<'a> {
    protection: &'a KeyProtection,
    wish: EncryptionWish,
    key: With<'a>,
}

enum With<'a> {
    Secret(&'a Zeroizing<Vec<u8>>),
    Public(Box<PublicKey>),
}

impl KeyProtection {
    /// What a request wishes for, made sure of before any key is made; none where TLS is enough.
    pub(super) async fn hiding(
        &self,
        registrar: &Registrar,
        who: &Identified,
        profile: &str,
        rules: EstRules,
        csr: &CsrContent,
    ) -> Result<Option<Hiding<'_>>, Refusal> {
        let refuse = |text: String| bad(ReasonCode::BadRequest, text);
        let Some(wish) = EncryptionWish::of(csr).map_err(|fault| refuse(fault.to_string()))? else {
            if rules.server_key_encryption == Demand::Required {
                let text = "keys are sent encrypted only; name the key for it by DecryptKeyIdentifier or AsymmetricDecryptKeyIdentifier, \
                            with SMIMECapabilities (RFC 7030 section 4.4.1)";
                return Err(refuse(text.to_owned()));
            }
            return Ok(None);
        };
        // RFC 7030 sections 4.4.1.1 and 4.4.1.2: unknown identifiers end the request.
        let key = match &wish.with {
            DecryptWith::Secret(identifier) => self
                .secrets
                .iter()
                .find(|known| known.identifier == *identifier && known.profiles.contains(profile))
                .map(|known| With::Secret(&known.secret))
                .ok_or_else(|| refuse("DecryptKeyIdentifier names no key that is known here".to_owned()))?,
            DecryptWith::KeyPair(identifier) => {
                let mut known = registrar.certificates_in_use(who, csr.subject()).await?;
                known.extend(who.certificate().cloned());
                let named = |found: &&Certificate| found.subject_key_identifier() == Some(identifier.as_slice());
                let found = known.iter().filter(named).find(|found| may_encrypt(found)).ok_or_else(|| {
                    refuse("AsymmetricDecryptKeyIdentifier names no key that is known here and may encrypt".to_owned())
                })?;
                With::Public(Box::new(found.public_key().clone()))
            }
        };
        let hiding = Hiding { protection: self, wish, key };
        // What SMIMECapabilities leave no way for is told before there is a certificate.
        hiding.encrypt(&[], &Zeroizing::new([0; 32])).map_err(|fault| refuse(fault.to_string()))?;
        Ok(Some(hiding))
    }
}

impl Hiding<'_> {
    /// Signs a key as the one who made it, and encrypts it for the one who asked. `content_key` is random.
    pub(super) async fn hide(
        &self,
        private: &Zeroizing<Vec<u8>>,
        content_key: &Zeroizing<[u8; 32]>,
    ) -> Result<Vec<u8>, Refusal> {
        let package = key_package::key_package(private).map_err(Refusal::away)?;
        let Protector { signer, certificates } = &self.protection.protector;
        let signed = key_package::signed_data(KEY_PACKAGE, &package, signer.as_ref(), certificates);
        let signed = Zeroizing::new(signed.await.map_err(Refusal::away)?);
        self.encrypt(&signed, content_key).map_err(Refusal::away)
    }

    fn encrypt(&self, signed: &[u8], content_key: &Zeroizing<[u8; 32]>) -> Result<Vec<u8>, est::Fault> {
        let key = match &self.key {
            With::Secret(secret) => EncryptionKey::Secret(secret),
            With::Public(public) => EncryptionKey::Public(public),
        };
        key_package::enveloped(signed, &self.wish, &key, content_key)
    }
}

/// RFC 7030 section 4.4.1.2: its use is transport or agreement of keys, or unrestricted.
fn may_encrypt(certificate: &Certificate) -> bool {
    let wanted = match certificate.public_key().kind() {
        KeyKind::Rsa { .. } => KeyUsage::KEY_ENCIPHERMENT,
        _ => KeyUsage::KEY_AGREEMENT,
    };
    certificate.key_usage().is_none_or(|usage| usage.contains(wanted))
}
