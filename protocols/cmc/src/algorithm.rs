//! The algorithms that CMC names by itself: HMAC, and the ways from a shared secret to its key.

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use certs::ObjectIdentifier;
use certs::algorithm::Digest;
use zeroize::Zeroizing;

use crate::asn1::{self, INTEGER, OCTET_STRING, SEQUENCE};
use crate::status::FailInfo;
use crate::{Fault, oid};

/// HMAC with a hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mac(Digest);

/// From a shared secret to the key of a MAC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Derivation {
    /// Hashed once.
    Hash(Digest),
    /// PBKDF2 (RFC 8018 section 5.2).
    Pbkdf2 { salt: Vec<u8>, iterations: NonZeroU32, length: Option<usize>, prf: Mac },
}

impl Mac {
    pub(crate) fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// Reads the `AlgorithmIdentifier` (DER) of a MAC; SHA-1 is not taken.
    pub(crate) fn parse(algorithm: &[u8]) -> Result<Self, Fault> {
        let (oid, parameters) = asn1::algorithm("a MAC algorithm", algorithm)?;
        let known = MACS.iter().find(|(known, _)| *known == oid);
        match (known, parameters.map(|found| found.der)) {
            (Some((_, digest)), None | Some([5, 0])) => Ok(Self(*digest)),
            _ => Err(Fault::new(FailInfo::BAD_ALG, format!("the MAC algorithm {oid} is not taken; use HMAC-SHA256"))),
        }
    }

    pub(crate) fn identifier(self) -> Vec<u8> {
        let oid = MACS.iter().find(|(_, digest)| *digest == self.0).map_or(oid::HMAC_SHA256, |(oid, _)| *oid);
        asn1::sequence(&[&asn1::oid(oid)])
    }

    pub(crate) fn tag(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key(key), message).as_ref().to_vec()
    }

    /// Whether the tag is right; in constant time.
    pub(crate) fn verifies(self, key: &[u8], message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.key(key), message, tag).is_ok()
    }

    fn key(self, key: &[u8]) -> hmac::Key {
        let algorithm = match self.0 {
            Digest::Sha384 => hmac::HMAC_SHA384,
            Digest::Sha512 => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        hmac::Key::new(algorithm, key)
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self.0 {
            Digest::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }
}

impl Derivation {
    /// Reads the `AlgorithmIdentifier` (DER) of a hash or of PBKDF2.
    ///
    /// ```text
    /// PBKDF2-params ::= SEQUENCE {
    ///   salt CHOICE { specified OCTET STRING, otherSource AlgorithmIdentifier },
    ///   iterationCount INTEGER (1..MAX), keyLength INTEGER (1..MAX) OPTIONAL,
    ///   prf AlgorithmIdentifier DEFAULT algid-hmacWithSHA1 }
    /// ```
    pub(crate) fn parse(algorithm: &[u8]) -> Result<Self, Fault> {
        let (oid, parameters) = asn1::algorithm("a key derivation algorithm", algorithm)?;
        if oid != oid::PBKDF2 {
            return Ok(Self::Hash(Digest::parse(algorithm)?));
        }
        let bad = |text: &str| Fault::new(FailInfo::BAD_ALG, format!("PBKDF2: {text}"));
        let mut fields = parameters.ok_or_else(|| bad("there are no parameters"))?.sequence()?;
        let salt = fields.take(OCTET_STRING)?.octets()?;
        let iterations = fields.next()?.number()?;
        let iterations = NonZeroU32::new(iterations)
            .filter(|count| count.get() <= MOST_ITERATIONS)
            .ok_or_else(|| bad("the iteration count is out of bounds"))?;
        let length = fields.take_if(INTEGER)?.map(|length| length.number()).transpose()?;
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length == 0 || length > LONGEST_KEY) {
            return Err(bad("the key length is out of bounds"));
        }
        let prf = fields.take_if(SEQUENCE)?.ok_or_else(|| bad("its default, HMAC-SHA1, is not taken"))?;
        let prf = Mac::parse(prf.der)?;
        fields.end()?;
        Ok(Self::Pbkdf2 { salt, iterations, length, prf })
    }

    pub(crate) fn iterations(&self) -> u32 {
        match self {
            Self::Hash(_) => 0,
            Self::Pbkdf2 { iterations, .. } => iterations.get(),
        }
    }

    /// The key of this MAC.
    pub(crate) fn key(&self, secret: &[u8], mac: Mac) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Hash(digest) => Zeroizing::new(digest.hash(secret)),
            Self::Pbkdf2 { salt, iterations, length, prf } => {
                let mut key = Zeroizing::new(vec![0; length.unwrap_or(mac.0.size())]);
                pbkdf2::derive(prf.pbkdf2(), *iterations, salt, secret, &mut key);
                key
            }
        }
    }
}

const MACS: [(ObjectIdentifier, Digest); 3] =
    [(oid::HMAC_SHA256, Digest::Sha256), (oid::HMAC_SHA384, Digest::Sha384), (oid::HMAC_SHA512, Digest::Sha512)];
/// Half a second of our time at most.
const MOST_ITERATIONS: u32 = 200_000;
const LONGEST_KEY: usize = 128;
