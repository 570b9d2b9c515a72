//! Proof of possession (RFC 4211 section 4, RFC 9810 section 5.2.8).

use certs::ProvenKey;
use der::{Tag, TagNumber};

use super::{CertReqMsg, PrivateKeyProof, SigningKeyInput};
use crate::asn1::{self, Element};
use crate::fault::Fault;
use crate::status::FailureInfo;

/// ```text
/// ProofOfPossession ::= CHOICE {
///  raVerified        [0] NULL,
///  signature         [1] POPOSigningKey,
///  keyEncipherment   [2] POPOPrivKey,
///  keyAgreement      [3] POPOPrivKey }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Popo {
    /// An RA has verified the possession.
    RaVerified,
    /// ```text
    /// POPOSigningKey ::= SEQUENCE {
    ///  poposkInput           [0] POPOSigningKeyInput OPTIONAL,
    ///  algorithmIdentifier   AlgorithmIdentifier,
    ///  signature             BIT STRING }
    /// ```
    Signature {
        /// What is signed instead of the `CertRequest`.
        poposk_input: Option<SigningKeyInput>,
        /// `AlgorithmIdentifier` (DER).
        algorithm: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// For a key that encrypts.
    KeyEncipherment(PrivateKeyProof),
    /// For a key that agrees on keys.
    KeyAgreement(PrivateKeyProof),
}

impl Popo {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let Tag::ContextSpecific { number: TagNumber(number), .. } = element.tag else {
            return Err(Fault::format("ProofOfPossession: not one of its choices"));
        };
        match number {
            0 if element.value.is_empty() => Ok(Self::RaVerified),
            1 => Self::parse_signature(element),
            // POPOPrivKey is a CHOICE, hence an explicit tag.
            2 => PrivateKeyProof::parse(element.explicit("POPOPrivKey")?).map(Self::KeyEncipherment),
            3 => PrivateKeyProof::parse(element.explicit("POPOPrivKey")?).map(Self::KeyAgreement),
            _ => Err(Fault::format("ProofOfPossession: not one of its choices")),
        }
    }

    fn parse_signature(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.implicit_sequence("POPOSigningKey")?;
        let input = fields.context(0)?;
        let algorithm = fields.required()?;
        let signature = fields.required()?.bit_octets("POPOSigningKey")?;
        fields.end()?;
        asn1::parse_algorithm(algorithm.der, "POPOSigningKey")?;
        Ok(Self::Signature {
            poposk_input: input.map(SigningKeyInput::parse).transpose()?,
            algorithm: algorithm.der.to_vec(),
            signature,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::RaVerified => asn1::element(0x80, &[]),
            Self::Signature { poposk_input, algorithm, signature } => asn1::context(
                1,
                &[
                    &poposk_input.as_ref().map(SigningKeyInput::encode).unwrap_or_default(),
                    algorithm,
                    &asn1::bit_string(signature),
                ],
            ),
            Self::KeyEncipherment(key) => asn1::context(2, &[&key.encode()]),
            Self::KeyAgreement(key) => asn1::context(3, &[&key.encode()]),
        }
    }
}

impl CertReqMsg {
    /// Whether the proof is left to an RA's word. The server decides who may say so.
    #[must_use]
    pub fn is_ra_verified(&self) -> bool {
        self.popo == Some(Popo::RaVerified)
    }

    /// Checks the proof of possession: the signature over the `CertRequest` as received.
    ///
    /// # Errors
    /// badPOP when there is none, it is of another kind, or it does not verify (RFC 9810 section
    /// 5.2.8); badCertTemplate when there is no key to prove;
    /// notAuthorized for raVerified, which proves nothing here.
    pub fn prove(&self) -> Result<ProvenKey, Fault> {
        let key = self.template.key()?;
        let bad = |text: &str| Fault::new(FailureInfo::BAD_POP, text);
        match &self.popo {
            None => Err(bad("the request has no proof of possession; sign it with the new key")),
            // RFC 9810 section 5.2.8: only a trusted RA may say so.
            Some(Popo::RaVerified) => Err(Fault::new(
                FailureInfo::NOT_AUTHORIZED,
                "raVerified is allowed to trusted RAs only; sign the request with the new key",
            )),
            Some(Popo::KeyEncipherment(_) | Popo::KeyAgreement(_)) => {
                Err(bad("only a signature is taken as proof of possession"))
            }
            // RFC 4211 section 4.1: poposkInput MUST be omitted if subject and publicKey are there.
            Some(Popo::Signature { poposk_input: Some(_), .. }) if self.template.subject.is_some() => {
                Err(bad("poposkInput must be absent when subject and public key are present"))
            }
            // It would bind the key to an identity that we establish by the protection instead.
            Some(Popo::Signature { poposk_input: Some(_), .. }) => {
                Err(bad("poposkInput is not supported; put a subject into the template"))
            }
            // RFC 4211 section 4.1: without a subject poposkInput MUST be present and signed.
            Some(Popo::Signature { .. }) if self.template.subject.is_none() => {
                Err(bad("the template has no subject; an empty one is enough"))
            }
            Some(Popo::Signature { algorithm, signature, .. }) => {
                // An algorithm that is unknown or broken makes the proof invalid, too: badPOP, so that
                // it is reported in ip, cp or kup (RFC 9483 section 3.6.2); the text names it.
                ProvenKey::prove(key, algorithm, &self.cert_req_der, signature)
                    .map_err(|fault| bad(&format!("proof of possession: {fault}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crmf::{self, CertTemplateDraft};
    use crate::sample::{self, Key, name};
    use certs::Signer;

    fn read(request: &[u8], popo: Option<&Popo>) -> CertReqMsg {
        CertReqMsg::parse(&crmf::message(request, popo)).unwrap()
    }

    fn request(key: &Key) -> Vec<u8> {
        let template = CertTemplateDraft::new(name("CN=device"), key.public_key().clone());
        crmf::request(0, &template)
    }

    fn signature(key: &Key, request: &[u8], poposk_input: Option<SigningKeyInput>) -> Popo {
        let signature = sample::wait(key.sign(request)).unwrap();
        Popo::Signature { poposk_input, algorithm: key.algorithm().to_vec(), signature }
    }

    fn failure(request: &[u8], popo: Option<&Popo>) -> Option<FailureInfo> {
        read(request, popo).prove().err().map(|fault| fault.failure)
    }

    #[test]
    fn a_signature_with_the_new_key_proves_it() {
        let key = Key::new();
        let message = CertReqMsg::parse(&sample::request(&key)).unwrap();
        assert_eq!(message.prove().unwrap().print(), key.public_key().print());
    }

    #[test]
    fn another_key_or_another_request_proves_nothing() {
        let (key, other) = (Key::new(), Key::new());
        let bad = Some(FailureInfo::BAD_POP);
        assert_eq!(failure(&request(&key), Some(&signature(&other, &request(&key), None))), bad);
        assert_eq!(failure(&request(&key), Some(&signature(&key, &request(&other), None))), bad);
        assert_eq!(failure(&request(&key), None), bad);
    }

    #[test]
    fn the_word_of_an_ra_is_not_a_proof() {
        let message = read(&request(&Key::new()), Some(&Popo::RaVerified));
        assert!(message.is_ra_verified());
        assert_eq!(message.prove().unwrap_err().failure, FailureInfo::NOT_AUTHORIZED);
    }

    #[test]
    fn a_broken_algorithm_is_named() {
        let key = Key::new();
        let Popo::Signature { signature, .. } = signature(&key, &request(&key), None) else { panic!("no signature") };
        // ecdsa-with-SHA1
        let algorithm = asn1::sequence(&[&[6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1]]);
        let popo = Popo::Signature { poposk_input: None, algorithm, signature };
        let fault = read(&request(&key), Some(&popo)).prove().unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_POP);
        assert!(fault.text.contains("too weak"), "{fault}");
    }

    #[test]
    fn poposk_input_is_refused() {
        let key = Key::new();
        let auth = crmf::AuthInfo::Sender(crate::header::general_name(&name("CN=device")));
        let input = SigningKeyInput { auth, public_key_der: key.public_key().der().to_vec() };
        let popo = signature(&key, &request(&key), Some(input));
        assert_eq!(failure(&request(&key), Some(&popo)), Some(FailureInfo::BAD_POP));
    }

    #[test]
    fn a_request_without_subject_is_not_proven() {
        let key = Key::new();
        let mut template = CertTemplateDraft::new(name("CN=device"), key.public_key().clone());
        template.subject = None;
        let request = crmf::request(0, &template);
        let popo = signature(&key, &request, None);
        assert_eq!(failure(&request, Some(&popo)), Some(FailureInfo::BAD_POP));
    }

    #[test]
    fn keys_that_do_not_sign_are_refused() {
        let key = PrivateKeyProof::SubsequentMessage(crmf::SubsequentMessage::EncryptedCertificate);
        for popo in [Popo::KeyEncipherment(key.clone()), Popo::KeyAgreement(key.clone())] {
            assert_eq!(failure(&request(&Key::new()), Some(&popo)), Some(FailureInfo::BAD_POP));
        }
    }
}
