//! MAC protection: PasswordBasedMac (RFC 4211 section 4.4) and PBMAC1 (RFC 8018 section 7.1).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use super::parameters::{Derivation, MINIMUM, Parameters};
use crate::asn1;
use crate::fault::Fault;
use crate::message::Limits;
use crate::oid;

/// A MAC over a message that waits for the secret to check it.
#[derive(Clone)]
pub struct MacProof {
    reference: Vec<u8>,
    parameters: Parameters,
    algorithm: Vec<u8>,
    protected_part: Vec<u8>,
    tag: Vec<u8>,
}

/// A key derived from a shared secret, with the parameters it was derived by.
///
/// The answer to a MAC-protected request uses the request's key: parameters "should remain constant"
/// throughout an operation (RFC 9483 section 4.1.5), and one derivation a transaction is the cost.
/// A message cannot be played back to its sender, because nonces and kinds of body differ.
#[derive(Clone)]
pub struct MacKey {
    reference: Vec<u8>,
    algorithm: Vec<u8>,
    mac: hmac::Algorithm,
    key: Zeroizing<Vec<u8>>,
}

impl MacProof {
    pub(super) fn new(
        reference: Vec<u8>,
        parameters: Parameters,
        algorithm: Vec<u8>,
        protected_part: Vec<u8>,
        tag: Vec<u8>,
    ) -> Self {
        Self { reference, parameters, algorithm, protected_part, tag }
    }

    /// By what the secret is found: senderKID, or the sender's common name if that is absent.
    #[must_use]
    pub fn reference(&self) -> &[u8] {
        &self.reference
    }

    /// `AlgorithmIdentifier` (DER) with its parameters.
    #[must_use]
    pub fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    /// How often the hash is applied; already within the limit.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.parameters.iterations.get()
    }

    /// Whether both are `PasswordBasedMac`, or both PBMAC1; salt and iterations may differ.
    #[must_use]
    pub fn same_mechanism(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.parameters.derivation) == std::mem::discriminant(&other.parameters.derivation)
    }

    /// Checks the MAC, in constant time, and gives the key that answers it.
    ///
    /// # Errors
    /// badMessageCheck when it does not verify (RFC 9483 section 3.5).
    pub fn verify(&self, secret: &[u8]) -> Result<MacKey, Fault> {
        let key = MacKey {
            reference: self.reference.clone(),
            algorithm: self.algorithm.clone(),
            mac: self.parameters.mac,
            key: self.parameters.derive(secret),
        };
        self.verify_with(&key)?;
        Ok(key)
    }

    /// Checks the MAC with a key derived before, for a later message of the transaction.
    ///
    /// # Errors
    /// badMessageCheck when it does not verify, or the parameters differ: kind and credential of the
    /// protection stay the same for a whole transaction.
    pub fn verify_with(&self, key: &MacKey) -> Result<(), Fault> {
        if key.algorithm != self.algorithm {
            return Err(Fault::integrity("the MAC parameters changed within the transaction"));
        }
        hmac::verify(&key.hmac(), &self.protected_part, &self.tag)
            .map_err(|_| Fault::integrity("the MAC does not verify"))
    }
}

impl MacKey {
    /// A key for a message of our own: `PasswordBasedMac` with SHA-256 and HMAC-SHA256
    /// (RFC 9481 section 6.1.1).
    #[must_use]
    pub fn from_secret(secret: &[u8], salt: [u8; 16], iterations: u32, reference: &[u8]) -> Self {
        let iterations = NonZeroU32::new(iterations.max(MINIMUM)).unwrap_or(NonZeroU32::MIN);
        let parameters = Parameters {
            derivation: Derivation::Pbm(&digest::SHA256),
            salt: salt.to_vec(),
            iterations,
            mac: hmac::HMAC_SHA256,
        };
        let null = |oid| asn1::sequence(&[&asn1::object_identifier(oid), &asn1::NULL]);
        let algorithm = asn1::sequence(&[
            &asn1::object_identifier(oid::PASSWORD_BASED_MAC),
            &asn1::sequence(&[
                &asn1::octet_string(&salt),
                &null(oid::SHA256),
                &asn1::integer(iterations.get().into()),
                &null(oid::HMAC_SHA256),
            ]),
        ]);
        let key = parameters.derive(secret);
        Self { reference: reference.to_vec(), algorithm, mac: parameters.mac, key }
    }

    /// Derives the key of a recorded protectionAlg (DER) anew, so that a node that did not see the
    /// request can protect the answer.
    ///
    /// # Errors
    /// As [`crate::Message::protection_kind`].
    pub fn from_algorithm(algorithm: &[u8], reference: &[u8], secret: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let (oid, parameters) = asn1::parse_algorithm(algorithm, "protectionAlg")?;
        let parameters = Parameters::parse(oid, parameters, limits)?;
        let key = parameters.derive(secret);
        Ok(Self { reference: reference.to_vec(), algorithm: algorithm.to_vec(), mac: parameters.mac, key })
    }

    /// The `AlgorithmIdentifier` (DER) for protectionAlg.
    #[must_use]
    pub fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    /// By what the peer finds the secret: our senderKID.
    #[must_use]
    pub fn reference(&self) -> &[u8] {
        &self.reference
    }

    /// The MAC over a protected part.
    #[must_use]
    pub fn mac(&self, protected_part: &[u8]) -> Vec<u8> {
        hmac::sign(&self.hmac(), protected_part).as_ref().to_vec()
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(self.mac, &self.key)
    }
}

impl fmt::Debug for MacProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = String::from_utf8_lossy(&self.reference);
        f.debug_struct("MacProof").field("reference", &reference).finish_non_exhaustive()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = String::from_utf8_lossy(&self.reference);
        f.debug_struct("MacKey").field("reference", &reference).finish_non_exhaustive()
    }
}
