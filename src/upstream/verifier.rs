//! Whose answers are believed (RFC 9483 section 3.4, DESIGN rule 4).

use std::path::Path;
use std::sync::Mutex;

use certs::{Certificate, KeyUsage, Millis};
use cmc::client::Response;
use cmp::{Body, Message, Protection};

use super::AnswerFault;
use super::certificates::read_certificates;

/// Whose protection is believed (RFC 9483 section 3.4).
#[derive(Debug)]
pub(super) enum Believed {
    Certificates(Vec<Certificate>),
    KeyIdentifier(Vec<u8>),
    CmcCa,
}

impl Believed {
    /// As a table of the configuration says: certificates in a PEM file, a key identifier in hexadecimal, or neither.
    ///
    /// # Errors
    /// A text that names the file or key and what is wrong with it.
    pub(super) fn read(certificates: Option<&Path>, key_identifier: Option<&str>) -> Result<Self, String> {
        Ok(match (certificates, key_identifier) {
            (Some(path), _) => Self::Certificates(read_certificates(path)?),
            (None, Some(identifier)) => Self::KeyIdentifier(
                hex::decode(identifier).map_err(|_| "signer_key_identifier is not hexadecimal".to_owned())?,
            ),
            (None, None) => Self::CmcCa,
        })
    }
}

/// Checks the protection of a CA's answers.
#[derive(Debug)]
pub(super) struct Verifier {
    issuer: Certificate,
    believed: Believed,
    /// The SHA-256 of a signer's certificate that was verified: the same one signs nearly every answer.
    verified: Mutex<Option<[u8; 32]>>,
}

impl Verifier {
    pub(super) const fn new(issuer: Certificate, believed: Believed) -> Self {
        Self { issuer, believed, verified: Mutex::new(None) }
    }

    /// RFC 9483 section 3.4: "an EE or PKI management entity MUST NOT trust [just any certificate of the PKI]"; see DESIGN rule 4.
    pub(super) fn check(&self, message: &Message, now: Millis) -> Result<(), AnswerFault> {
        let signer = |text: String| AnswerFault::Signer(text);
        let proof = match message.protection_kind().map_err(|fault| signer(fault.text))? {
            Protection::Signature(proof) => proof,
            Protection::Mac(_) => return Err(signer("it is protected by a MAC".to_owned())),
            Protection::None => return Err(AnswerFault::Unprotected(said(message))),
        };
        let certificate = match &self.believed {
            // It may be left out of extraCerts when the peer has it.
            Believed::Certificates(pinned) => {
                let fits = |certificate: &&Certificate| message.check_signer(certificate).is_ok();
                let known = pinned.iter().find(fits).or(pinned.first());
                known.cloned().ok_or_else(|| signer("no certificate is pinned".to_owned()))?
            }
            Believed::KeyIdentifier(_) | Believed::CmcCa => {
                message.signer_certificate().map_err(|fault| signer(fault.text))?
            }
        };
        message.check_signer(&certificate).map_err(|fault| signer(fault.text))?;
        self.check_certificate(&certificate, now).map_err(signer)?;
        proof.verify(certificate.public_key()).map_err(|fault| signer(fault.text))
    }

    /// The same for a Full PKI Response, which is always signed (RFC 10002 section 4.2).
    pub(super) fn check_response(&self, response: &Response, now: Millis) -> Result<(), AnswerFault> {
        let certificate = match &self.believed {
            Believed::Certificates(pinned) => pinned.iter().find(|pinned| response.names(pinned)).cloned(),
            Believed::KeyIdentifier(_) | Believed::CmcCa => response.signers().next(),
        };
        let certificate = certificate.ok_or_else(|| {
            AnswerFault::Signer("none of the certificates that may be its signer's is there".to_owned())
        })?;
        self.check_certificate(&certificate, now).map_err(AnswerFault::Signer)?;
        response.verify(&certificate).map_err(|fault| AnswerFault::Signer(fault.to_string()))
    }

    fn check_certificate(&self, certificate: &Certificate, now: Millis) -> Result<(), String> {
        let name = certificate.subject();
        if now < certificate.not_before() || now > certificate.not_after() {
            return Err(format!("the certificate of '{name}' is not valid now"));
        }
        match &self.believed {
            Believed::Certificates(_) => return Ok(()),
            Believed::KeyIdentifier(identifier) => {
                if certificate.subject_key_identifier() != Some(identifier) {
                    return Err(format!("the certificate of '{name}' has another key identifier"));
                }
            }
            Believed::CmcCa => {
                // RFC 9810 section 4.5: id-kp-cmcCA marks who may answer for the CA.
                let purposes = certificate.extended_key_usages().unwrap_or_default();
                if !purposes.contains(&certs::oid::CMC_CA) {
                    return Err(format!("the certificate of '{name}' has not the extended key usage id-kp-cmcCA"));
                }
            }
        }
        if certificate.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::DIGITAL_SIGNATURE)) {
            return Err(format!("the certificate of '{name}' is not for signatures"));
        }
        self.check_issued_here(certificate)
    }

    fn check_issued_here(&self, certificate: &Certificate) -> Result<(), String> {
        let hash = certificate.hash();
        let mut verified = self.verified.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *verified == Some(hash) {
            return Ok(());
        }
        let issuer = &self.issuer;
        if !certificate.issuer().matches(issuer.subject()) {
            return Err(format!(
                "the certificate of '{}' is not issued by '{}'",
                certificate.subject(),
                issuer.subject()
            ));
        }
        certificate.verify_signature(issuer.public_key()).map_err(|fault| fault.to_string())?;
        *verified = Some(hash);
        Ok(())
    }
}

fn said(message: &Message) -> String {
    match message.body() {
        Body::Error(content) => {
            format!("{}: {}", content.status.failure.unwrap_or_default(), content.status.text.join("; "))
        }
        other => format!("a message of kind {}", other.kind()),
    }
}
