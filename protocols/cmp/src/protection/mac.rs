//! MAC protection: PasswordBasedMac (RFC 4211 section 4.4) and PBMAC1 (RFC 8018 section 7.1).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use der::Tag;
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::asn1::{self, Element};
use crate::fault::Fault;
use crate::message::Limits;
use crate::oid;
use crate::status::FailureInfo;

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

/// What makes a key from a secret.
#[derive(Clone)]
pub(super) struct Parameters {
    derivation: Derivation,
    salt: Vec<u8>,
    iterations: NonZeroU32,
    mac: hmac::Algorithm,
}

#[derive(Clone)]
enum Derivation {
    Pbm(&'static digest::Algorithm),
    Pbkdf2 {
        prf: pbkdf2::Algorithm,
        length: usize,
    },
}

impl MacProof {
    pub(super) fn new(
        reference: Vec<u8>,
        parameters: Parameters,
        algorithm: Vec<u8>,
        protected_part: Vec<u8>,
        tag: Vec<u8>,
    ) -> Self {
        Self {
            reference,
            parameters,
            algorithm,
            protected_part,
            tag,
        }
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
            return Err(Fault::integrity(
                "the MAC parameters changed within the transaction",
            ));
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
        Self {
            reference: reference.to_vec(),
            algorithm,
            mac: parameters.mac,
            key,
        }
    }

    /// Derives the key of a recorded protectionAlg (DER) anew, so that a node that did not see the
    /// request can protect the answer.
    ///
    /// # Errors
    /// As [`crate::Message::protection_kind`].
    pub fn from_algorithm(
        algorithm: &[u8],
        reference: &[u8],
        secret: &[u8],
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let (oid, parameters) = asn1::parse_algorithm(algorithm, "protectionAlg")?;
        let parameters = Parameters::parse(oid, parameters, limits)?;
        let key = parameters.derive(secret);
        Ok(Self {
            reference: reference.to_vec(),
            algorithm: algorithm.to_vec(),
            mac: parameters.mac,
            key,
        })
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

impl Parameters {
    pub(super) fn parse(
        oid: ObjectIdentifier,
        parameters: Option<Element<'_>>,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let parameters =
            parameters.ok_or_else(|| Fault::format("protectionAlg: the parameters are missing"))?;
        match oid {
            oid::PASSWORD_BASED_MAC => Self::parse_pbm(parameters, limits.pbm_iterations),
            oid::PBMAC1 => Self::parse_pbmac1(parameters, limits.pbmac1_iterations),
            other => Err(unsupported("MAC", other)),
        }
    }

    /// ```text
    /// PBMParameter ::= SEQUENCE {
    ///     salt                OCTET STRING,
    ///     owf                 AlgorithmIdentifier,
    ///     iterationCount      INTEGER,
    ///     mac                 AlgorithmIdentifier }
    /// ```
    fn parse_pbm(element: Element<'_>, cap: u32) -> Result<Self, Fault> {
        let mut fields = element.sequence("PBMParameter")?;
        let salt = salt(fields.required()?)?;
        let owf = one_way_function(fields.required()?)?;
        let iterations = iterations(fields.required()?, MINIMUM, cap)?;
        let mac = hmac_algorithm(fields.required()?)?;
        fields.end()?;
        Ok(Self {
            derivation: Derivation::Pbm(owf),
            salt,
            iterations,
            mac,
        })
    }

    /// ```text
    /// PBMAC1-params ::= SEQUENCE {
    ///     keyDerivationFunc AlgorithmIdentifier {{PBMAC1-KDFs}},
    ///     messageAuthScheme AlgorithmIdentifier {{PBMAC1-MACs}} }
    /// PBKDF2-params ::= SEQUENCE {
    ///     salt CHOICE { specified OCTET STRING, otherSource AlgorithmIdentifier },
    ///     iterationCount INTEGER (1..MAX),
    ///     keyLength INTEGER (1..MAX) OPTIONAL,
    ///     prf AlgorithmIdentifier {{PBKDF2-PRFs}} DEFAULT algid-hmacWithSHA1 }
    /// ```
    fn parse_pbmac1(element: Element<'_>, cap: u32) -> Result<Self, Fault> {
        let mut outer = element.sequence("PBMAC1-params")?;
        let (kdf, kdf_parameters) =
            asn1::parse_algorithm(outer.required()?.der, "keyDerivationFunc")?;
        let mac = hmac_algorithm(outer.required()?)?;
        outer.end()?;
        let (oid::PBKDF2, Some(kdf_parameters)) = (kdf, kdf_parameters) else {
            return Err(unsupported("key derivation", kdf));
        };
        let mut fields = kdf_parameters.sequence("PBKDF2-params")?;
        let salt = salt(fields.required()?)?;
        let iterations = iterations(fields.required()?, 1, cap)?;
        let length = fields.optional(Tag::Integer)?;
        let prf = fields.optional(Tag::Sequence)?;
        fields.end()?;
        let length = match length {
            Some(length) => usize::try_from(length.integer("keyLength")?).unwrap_or(usize::MAX),
            None => mac.digest_algorithm().output_len(),
        };
        if !(16..=128).contains(&length) {
            return Err(bad_algorithm(format!(
                "keyLength {length} is not between 16 and 128"
            )));
        }
        let prf = prf.map_or(Ok(pbkdf2::PBKDF2_HMAC_SHA1), pseudo_random_function)?;
        Ok(Self {
            derivation: Derivation::Pbkdf2 { prf, length },
            salt,
            iterations,
            mac,
        })
    }

    fn derive(&self, secret: &[u8]) -> Zeroizing<Vec<u8>> {
        match self.derivation {
            Derivation::Pbm(owf) => {
                let salted = Zeroizing::new([secret, &self.salt].concat());
                let mut key = Zeroizing::new(digest::digest(owf, &salted).as_ref().to_vec());
                for _ in 1..self.iterations.get() {
                    let next = digest::digest(owf, &key);
                    key.copy_from_slice(next.as_ref());
                }
                // HMAC takes a key of any length, so no expansion (RFC 9810 section 5.1.3.1).
                key
            }
            Derivation::Pbkdf2 { prf, length } => {
                let mut key = Zeroizing::new(vec![0; length]);
                pbkdf2::derive(prf, self.iterations, &self.salt, secret, &mut key);
                key
            }
        }
    }
}

impl fmt::Debug for MacProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = String::from_utf8_lossy(&self.reference);
        f.debug_struct("MacProof")
            .field("reference", &reference)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = String::from_utf8_lossy(&self.reference);
        f.debug_struct("MacKey")
            .field("reference", &reference)
            .finish_non_exhaustive()
    }
}

fn salt(element: Element<'_>) -> Result<Vec<u8>, Fault> {
    let salt = element.octets("salt")?;
    // RFC 9810 section 5.1.3.1: "Implementations MAY wish to limit acceptable sizes".
    if salt.len() > SALT {
        return Err(bad_algorithm(format!(
            "the salt is longer than {SALT} octets"
        )));
    }
    Ok(salt)
}

fn iterations(element: Element<'_>, minimum: u32, cap: u32) -> Result<NonZeroU32, Fault> {
    let count = element.integer("iterationCount")?;
    u32::try_from(count)
        .ok()
        .filter(|count| (minimum..=cap).contains(count))
        .and_then(NonZeroU32::new)
        .ok_or_else(|| {
            bad_algorithm(format!(
                "iterationCount {count} is not between {minimum} and {cap}"
            ))
        })
}

/// RFC 9481 section 2; SHA-1 because OpenSSL and many devices still use it in `PasswordBasedMac`,
/// where neither collisions nor preimages help an attacker.
fn one_way_function(element: Element<'_>) -> Result<&'static digest::Algorithm, Fault> {
    match asn1::parse_algorithm(element.der, "owf")?.0 {
        oid::SHA1 => Ok(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        oid::SHA224 => Ok(&digest::SHA224),
        oid::SHA256 => Ok(&digest::SHA256),
        oid::SHA384 => Ok(&digest::SHA384),
        oid::SHA512 => Ok(&digest::SHA512),
        other => Err(unsupported("one-way function", other)),
    }
}

/// RFC 9481 section 6.2.1, and HMAC-SHA1, which is what OpenSSL sends.
fn hmac_algorithm(element: Element<'_>) -> Result<hmac::Algorithm, Fault> {
    match asn1::parse_algorithm(element.der, "mac")?.0 {
        oid::HMAC_SHA1 | oid::HMAC_SHA1_PKIX => Ok(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        oid::HMAC_SHA224 => Ok(hmac::HMAC_SHA224),
        oid::HMAC_SHA256 => Ok(hmac::HMAC_SHA256),
        oid::HMAC_SHA384 => Ok(hmac::HMAC_SHA384),
        oid::HMAC_SHA512 => Ok(hmac::HMAC_SHA512),
        other => Err(unsupported("MAC", other)),
    }
}

fn pseudo_random_function(element: Element<'_>) -> Result<pbkdf2::Algorithm, Fault> {
    match asn1::parse_algorithm(element.der, "prf")?.0 {
        oid::HMAC_SHA1 => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        oid::HMAC_SHA256 => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        oid::HMAC_SHA384 => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        oid::HMAC_SHA512 => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        other => Err(unsupported("pseudo-random function", other)),
    }
}

fn unsupported(what: &str, oid: ObjectIdentifier) -> Fault {
    bad_algorithm(format!("{what} {oid} is not supported"))
}

fn bad_algorithm(text: impl std::fmt::Display) -> Fault {
    Fault::new(FailureInfo::BAD_ALG, format!("message protection: {text}"))
}

/// RFC 4211 section 4.4: "The iterationCount MUST be a minimum of 100."
const MINIMUM: u32 = 100;

const SALT: usize = 512;
