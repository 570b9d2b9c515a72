//! Signature protection (RFC 9810 section 5.1.3.3) and the certificate that made it.

use certs::algorithm::SignatureAlgorithm;
use certs::{Certificate, KeyUsage, PublicKey};

use crate::fault::Fault;
use crate::header::Header;
use crate::message::Message;

/// A signature over a message that waits for the key to check it.
#[derive(Clone, Debug)]
pub struct SignatureProof {
    algorithm: Vec<u8>,
    protected_part: Vec<u8>,
    signature: Vec<u8>,
}

impl SignatureProof {
    pub(super) fn new(algorithm: &[u8], protected_part: Vec<u8>, signature: &[u8]) -> Result<Self, Fault> {
        // badAlg for what is unknown or broken, before anybody looks for a certificate.
        SignatureAlgorithm::parse(algorithm)?;
        Ok(Self { algorithm: algorithm.to_vec(), protected_part, signature: signature.to_vec() })
    }

    /// `AlgorithmIdentifier` (DER).
    #[must_use]
    pub fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    /// Checks the signature. Whether the key may sign is for the caller to know.
    ///
    /// # Errors
    /// badMessageCheck when it does not verify (RFC 9483 section 3.5).
    pub fn verify(&self, key: &PublicKey) -> Result<(), Fault> {
        key.verify(&self.algorithm, &self.protected_part, &self.signature)
            .map_err(|fault| Fault::integrity(format!("message protection: {fault}")))
    }
}

pub(crate) fn signer(message: &Message) -> Result<Certificate, Fault> {
    let header = message.header();
    // RFC 9483 section 3.3: a signed message carries the protection certificate.
    if message.extra_certs().is_empty() {
        return Err(Fault::integrity("extraCerts is empty; put the protection certificate first"));
    }
    let named =
        |certificate: &Certificate| header.sender.as_ref().is_some_and(|sender| certificate.subject().matches(sender));
    let identified =
        |certificate: &Certificate| header.sender_kid.as_deref().is_some_and(|kid| kid == key_identifier(certificate));
    // Someone else's certificate further down may be of a kind we cannot read.
    let readable: Vec<Certificate> =
        message.extra_certs().iter().filter_map(|der| Certificate::parse(der).ok()).collect();
    let found = readable
        .iter()
        .find(|certificate| identified(certificate) && named(certificate))
        .or_else(|| readable.iter().find(|certificate| identified(certificate)))
        .or_else(|| readable.iter().find(|certificate| named(certificate)))
        .or(readable.first())
        .ok_or_else(|| Fault::integrity("the protection certificate in extraCerts is not readable"))?;
    check_signer(header, found)?;
    Ok(found.clone())
}

pub(crate) fn check_signer(header: &Header, certificate: &Certificate) -> Result<(), Fault> {
    // RFC 9483 section 3.5: "If present, the senderKID MUST identify the key material". Devices'
    // certificates without the extension are identified by what it would be (RFC 5280 section 4.2.1.2).
    if let Some(kid) = header.sender_kid.as_deref()
        && kid != key_identifier(certificate)
    {
        return Err(Fault::integrity("senderKID is not the subject key identifier of the protection certificate"));
    }
    // RFC 9483 section 3.5: "the sender field MUST match the subject of the CMP protection certificate".
    if !header.sender.as_ref().is_some_and(|sender| sender.matches(certificate.subject())) {
        return Err(Fault::integrity("sender is not the subject of the protection certificate"));
    }
    // RFC 9483 section 3.5: "If the keyUsage extension is present [..] the digitalSignature bit MUST be set".
    match certificate.key_usage() {
        Some(usage) if !usage.contains(KeyUsage::DIGITAL_SIGNATURE) => {
            Err(Fault::integrity("the protection certificate lacks keyUsage digitalSignature"))
        }
        _ => Ok(()),
    }
}

fn key_identifier(certificate: &Certificate) -> Vec<u8> {
    certificate
        .subject_key_identifier()
        .map_or_else(|| certificate.public_key().sha1_key_identifier().to_vec(), <[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::sample::{self, Key};
    use crate::status::FailureInfo;

    fn certificate(key: &Key, subject: &str) -> Certificate {
        sample::certificate(key, subject, Some(KeyUsage::DIGITAL_SIGNATURE))
    }

    fn message(sender_kid: Option<&[u8]>, extra_certs: &[&Certificate]) -> Message {
        let mut draft = sample::draft(body::pki_conf());
        draft.sender_kid = sender_kid.map(<[u8]>::to_vec);
        let extra_certs: Vec<Vec<u8>> = extra_certs.iter().map(|certificate| certificate.der().to_vec()).collect();
        sample::read(&sample::wait(draft.sign(&Key::new(), &extra_certs)).unwrap())
    }

    fn refused(message: &Message) {
        let fault = message.signer_certificate().unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_MESSAGE_CHECK);
    }

    #[test]
    fn the_signer_is_found_wherever_it_stands() {
        let (mine, other) = (certificate(&Key::new(), "CN=device"), certificate(&Key::new(), "CN=ca"));
        let twin = certificate(&Key::new(), "CN=DEVICE");
        let kid = mine.subject_key_identifier();
        for extra_certs in [[&mine, &other, &twin], [&other, &mine, &twin], [&twin, &other, &mine]] {
            assert_eq!(message(kid, &extra_certs).signer_certificate().unwrap(), mine);
        }
        assert_eq!(message(None, &[&other, &mine]).signer_certificate().unwrap(), mine);
    }

    #[test]
    fn a_message_without_its_certificate_is_refused() {
        let mine = certificate(&Key::new(), "CN=device");
        refused(&message(None, &[]));
        refused(&message(Some(&[1; 20]), &[&mine]));
    }

    #[test]
    fn the_sender_is_the_subject() {
        refused(&message(None, &[&certificate(&Key::new(), "CN=other")]));
    }

    #[test]
    fn a_key_that_may_not_sign_signs_nothing() {
        let usage = Some(KeyUsage::KEY_AGREEMENT);
        refused(&message(None, &[&sample::certificate(&Key::new(), "CN=device", usage)]));
        let silent = sample::certificate(&Key::new(), "CN=device", None);
        assert!(message(None, &[&silent]).signer_certificate().is_ok());
    }
}
