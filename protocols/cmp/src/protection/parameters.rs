//! What makes a MAC key from a secret.

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

/// What makes a key from a secret.
#[derive(Clone)]
pub(super) struct Parameters {
    pub(super) derivation: Derivation,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: NonZeroU32,
    pub(super) mac: hmac::Algorithm,
}

#[derive(Clone)]
pub(super) enum Derivation {
    Pbm(&'static digest::Algorithm),
    Pbkdf2 { prf: pbkdf2::Algorithm, length: usize },
}

impl Parameters {
    pub(super) fn parse(
        oid: ObjectIdentifier,
        parameters: Option<Element<'_>>,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let parameters = parameters.ok_or_else(|| Fault::format("protectionAlg: the parameters are missing"))?;
        match oid {
            oid::PASSWORD_BASED_MAC => Self::parse_pbm(parameters, limits),
            oid::PBMAC1 => Self::parse_pbmac1(parameters, limits),
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
    fn parse_pbm(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        let mut fields = element.sequence("PBMParameter")?;
        let salt = salt(fields.required()?)?;
        let owf = one_way_function(fields.required()?, limits)?;
        let iterations = iterations(fields.required()?, MINIMUM, limits.pbm_iterations)?;
        let mac = hmac_algorithm(fields.required()?, limits)?;
        fields.end()?;
        Ok(Self { derivation: Derivation::Pbm(owf), salt, iterations, mac })
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
    fn parse_pbmac1(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        let mut outer = element.sequence("PBMAC1-params")?;
        let (kdf, kdf_parameters) = asn1::parse_algorithm(outer.required()?.der, "keyDerivationFunc")?;
        let mac = hmac_algorithm(outer.required()?, limits)?;
        outer.end()?;
        let (oid::PBKDF2, Some(kdf_parameters)) = (kdf, kdf_parameters) else {
            return Err(unsupported("key derivation", kdf));
        };
        let mut fields = kdf_parameters.sequence("PBKDF2-params")?;
        let salt = salt(fields.required()?)?;
        let iterations = iterations(fields.required()?, 1, limits.pbmac1_iterations)?;
        let length = fields.optional(Tag::Integer)?;
        let prf = fields.optional(Tag::Sequence)?;
        fields.end()?;
        let length = match length {
            Some(length) => usize::try_from(length.integer("keyLength")?).unwrap_or(usize::MAX),
            None => mac.digest_algorithm().output_len(),
        };
        if !(16..=128).contains(&length) {
            return Err(bad_algorithm(format!("keyLength {length} is not between 16 and 128")));
        }
        let prf = match prf {
            Some(prf) => pseudo_random_function(prf, limits)?,
            None => sha1(limits, "prf").map(|()| pbkdf2::PBKDF2_HMAC_SHA1)?,
        };
        Ok(Self { derivation: Derivation::Pbkdf2 { prf, length }, salt, iterations, mac })
    }

    pub(super) fn derive(&self, secret: &[u8]) -> Zeroizing<Vec<u8>> {
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

fn salt(element: Element<'_>) -> Result<Vec<u8>, Fault> {
    let salt = element.octets("salt")?;
    // RFC 9810 section 5.1.3.1: "Implementations MAY wish to limit acceptable sizes".
    if salt.len() > SALT {
        return Err(bad_algorithm(format!("the salt is longer than {SALT} octets")));
    }
    Ok(salt)
}

fn iterations(element: Element<'_>, minimum: u32, cap: u32) -> Result<NonZeroU32, Fault> {
    let count = element.integer("iterationCount")?;
    u32::try_from(count)
        .ok()
        .filter(|count| (minimum..=cap).contains(count))
        .and_then(NonZeroU32::new)
        .ok_or_else(|| bad_algorithm(format!("iterationCount {count} is not between {minimum} and {cap}")))
}

/// RFC 9481 section 2; SHA-1 because OpenSSL and many devices still use it in `PasswordBasedMac`,
/// where neither collisions nor preimages help an attacker.
fn one_way_function(element: Element<'_>, limits: &Limits) -> Result<&'static digest::Algorithm, Fault> {
    match asn1::parse_algorithm(element.der, "owf")?.0 {
        oid::SHA1 => sha1(limits, "owf").map(|()| &digest::SHA1_FOR_LEGACY_USE_ONLY),
        oid::SHA224 => Ok(&digest::SHA224),
        oid::SHA256 => Ok(&digest::SHA256),
        oid::SHA384 => Ok(&digest::SHA384),
        oid::SHA512 => Ok(&digest::SHA512),
        other => Err(unsupported("one-way function", other)),
    }
}

/// RFC 9481 section 6.2.1, and HMAC-SHA1, which is what OpenSSL sends.
fn hmac_algorithm(element: Element<'_>, limits: &Limits) -> Result<hmac::Algorithm, Fault> {
    match asn1::parse_algorithm(element.der, "mac")?.0 {
        oid::HMAC_SHA1 | oid::HMAC_SHA1_PKIX => sha1(limits, "mac").map(|()| hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        oid::HMAC_SHA224 => Ok(hmac::HMAC_SHA224),
        oid::HMAC_SHA256 => Ok(hmac::HMAC_SHA256),
        oid::HMAC_SHA384 => Ok(hmac::HMAC_SHA384),
        oid::HMAC_SHA512 => Ok(hmac::HMAC_SHA512),
        other => Err(unsupported("MAC", other)),
    }
}

fn pseudo_random_function(element: Element<'_>, limits: &Limits) -> Result<pbkdf2::Algorithm, Fault> {
    match asn1::parse_algorithm(element.der, "prf")?.0 {
        oid::HMAC_SHA1 => sha1(limits, "prf").map(|()| pbkdf2::PBKDF2_HMAC_SHA1),
        oid::HMAC_SHA256 => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        oid::HMAC_SHA384 => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        oid::HMAC_SHA512 => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        other => Err(unsupported("pseudo-random function", other)),
    }
}

/// Whether SHA-1 may be used inside a MAC is the server's choice.
fn sha1(limits: &Limits, place: &str) -> Result<(), Fault> {
    if limits.mac_sha1 {
        Ok(())
    } else {
        Err(bad_algorithm(format!("SHA-1 is not taken here as {place}; use SHA-256")))
    }
}

fn unsupported(what: &str, oid: ObjectIdentifier) -> Fault {
    bad_algorithm(format!("{what} {oid} is not supported"))
}

fn bad_algorithm(text: impl std::fmt::Display) -> Fault {
    Fault::new(FailureInfo::BAD_ALG, format!("message protection: {text}"))
}

/// RFC 4211 section 4.4: "The iterationCount MUST be a minimum of 100."
pub(super) const MINIMUM: u32 = 100;

const SALT: usize = 512;
