//! Proof of identity by a shared secret, and its link to each request (RFC 10002 sections 6.2 and 6.3.1).
//!
//! The secret is looked up elsewhere: what is to be proven is handed out and waits for it.

use certs::algorithm::Digest;
use zeroize::Zeroizing;

use crate::algorithm::{Derivation, Mac};
use crate::asn1::{self, Element, OCTET_STRING, SEQUENCE};
use crate::request::Wish;
use crate::status::FailInfo;
use crate::{Fault, oid};

/// ```text
/// IdentityProofV2 ::= SEQUENCE {
///     proofAlgID AlgorithmIdentifier, macAlgId AlgorithmIdentifier, witness OCTET STRING }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityProofV2 {
    hash: Digest,
    mac: Mac,
    witness: Vec<u8>,
}

/// A MAC over all requests of a message that waits for the shared secret.
#[derive(Clone, Debug)]
pub struct IdentityProof {
    /// Of the control.
    id: u32,
    path: Vec<u32>,
    reference: Option<String>,
    proof: IdentityProofV2,
    requests: Vec<u8>,
    link: Option<PopLink>,
}

/// That the same secret stands behind each request (section 6.3.1).
#[derive(Clone, Debug)]
struct PopLink {
    random: Vec<u8>,
    /// Each request's number, and its witness.
    witnesses: Vec<(u32, PopLinkWitnessV2)>,
}

/// ```text
/// PopLinkWitnessV2 ::= SEQUENCE {
///     keyGenAlgorithm AlgorithmIdentifier, macAlgorithm AlgorithmIdentifier, witness OCTET STRING }
/// ```
#[derive(Clone, Debug)]
struct PopLinkWitnessV2 {
    derivation: Derivation,
    mac: Mac,
    witness: Vec<u8>,
}

impl IdentityProofV2 {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Element::only("IdentityProofV2", der)?.sequence()?;
        let hash = Digest::parse(fields.take(SEQUENCE)?.der)?;
        let mac = Mac::parse(fields.take(SEQUENCE)?.der)?;
        let witness = fields.take(OCTET_STRING)?.octets()?;
        fields.end()?;
        Ok(Self { hash, mac, witness })
    }

    /// Computes one over the reqSequence (DER), by SHA-256 and HMAC-SHA256, as a control's value (DER).
    #[must_use]
    pub fn compute(requests: &[u8], reference: Option<&str>, secret: &[u8]) -> Vec<u8> {
        let (hash, mac) = (Digest::Sha256, Mac::new(Digest::Sha256));
        let witness = mac.tag(&identity_key(hash, reference, secret), requests);
        asn1::sequence(&[&hash.identifier(), &mac.identifier(), &asn1::octet_string(&witness)])
    }
}

/// Section 6.2.3: with an Identification control, its value is hashed behind the secret.
fn identity_key(hash: Digest, reference: Option<&str>, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let input = Zeroizing::new([secret, reference.unwrap_or_default().as_bytes()].concat());
    Zeroizing::new(hash.hash(&input))
}

impl IdentityProof {
    pub(crate) fn new(
        path: &[u32],
        id: u32,
        proof: IdentityProofV2,
        reference: Option<String>,
        requests: Vec<u8>,
    ) -> Self {
        Self { id, path: path.to_vec(), reference, proof, requests, link: None }
    }

    /// Adds what a POP Link Random control asks for: every request must bear a witness of it.
    pub(crate) fn link(&mut self, random: &[u8], wishes: &[(u32, &Wish)]) -> Result<(), Fault> {
        let witnesses = wishes.iter().map(|(id, wish)| {
            let witness = PopLinkWitnessV2::of(wish).map_err(|fault| fault.about(&self.path, *id))?;
            Ok((*id, witness))
        });
        self.link = Some(PopLink { random: random.to_vec(), witnesses: witnesses.collect::<Result<_, Fault>>()? });
        Ok(())
    }

    /// By what the secret is found: the Identification control. Without one, the subject of the request may tell.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Whether every request bears a witness of the same secret (section 6.3.1).
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// How many iterations of key derivation it takes: its sender chooses them.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        let links = self.link.iter().flat_map(|link| &link.witnesses);
        links.map(|(_, witness)| witness.derivation.iterations()).fold(0, u32::saturating_add)
    }

    /// Checks the proof, in constant time, and each request's link to it.
    ///
    /// # Errors
    /// badIdentity when the proof does not verify (section 6.2.1), popFailed when a link does not.
    pub fn verify(&self, secret: &[u8]) -> Result<(), Fault> {
        let key = identity_key(self.proof.hash, self.reference.as_deref(), secret);
        if !self.proof.mac.verifies(&key, &self.requests, &self.proof.witness) {
            return Err(self.failed());
        }
        let Some(link) = &self.link else { return Ok(()) };
        for (id, witness) in &link.witnesses {
            let key = witness.derivation.key(secret, witness.mac);
            if !witness.mac.verifies(&key, &link.random, &witness.witness) {
                let fault = Fault::new(FailInfo::POP_FAILED, "the POP link witness is not of the shared secret");
                return Err(fault.about(&self.path, *id));
            }
        }
        Ok(())
    }

    /// The answer when nobody knows the reference: the same as when the proof is wrong.
    #[must_use]
    pub fn failed(&self) -> Fault {
        Fault::new(FailInfo::BAD_IDENTITY, "the identity proof does not verify").about(&self.path, self.id)
    }
}

impl PopLinkWitnessV2 {
    /// Section 6.3.1.1: "servers MUST verify that each certification request contains a copy".
    fn of(wish: &Wish) -> Result<Self, Fault> {
        if let Some(der) = wish.attribute(oid::POP_LINK_WITNESS_V2) {
            return Self::parse(der);
        }
        match wish.attribute(oid::POP_LINK_WITNESS) {
            Some(_) => Err(Fault::new(FailInfo::BAD_ALG, "popLinkWitness is of SHA-1; use popLinkWitnessV2")),
            None => Err(Fault::new(FailInfo::POP_FAILED, "there is a popLinkRandom, but no popLinkWitnessV2 here")),
        }
    }

    fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Element::only("PopLinkWitnessV2", der)?.sequence()?;
        let derivation = Derivation::parse(fields.take(SEQUENCE)?.der)?;
        let mac = Mac::parse(fields.take(SEQUENCE)?.der)?;
        let witness = fields.take(OCTET_STRING)?.octets()?;
        fields.end()?;
        Ok(Self { derivation, mac, witness })
    }
}

/// A `PopLinkWitnessV2` (DER) for a request's attributes, by SHA-256 and HMAC-SHA256 (section 6.3.1.1).
#[must_use]
pub fn pop_link_witness(random: &[u8], secret: &[u8]) -> Vec<u8> {
    let mac = Mac::new(Digest::Sha256);
    let witness = mac.tag(&Derivation::Hash(Digest::Sha256).key(secret, mac), random);
    asn1::sequence(&[&Digest::Sha256.identifier(), &mac.identifier(), &asn1::octet_string(&witness)])
}
