//! How a key signs: which mechanism, over what, and in what form the signature leaves.

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::{KeyKind, PublicKey};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use der::asn1::UintRef;
use der::{Encode, Sequence};

use super::Fault;
use super::fault::Trouble;

/// A way of signing, fixed by the kind of the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    P256,
    P384,
    Rsa,
}

impl Method {
    pub(super) fn of(key: &PublicKey) -> Result<Self, Fault> {
        match key.kind() {
            KeyKind::P256 => Ok(Self::P256),
            KeyKind::P384 => Ok(Self::P384),
            KeyKind::Rsa { bits: 3072..=8192 } => Ok(Self::Rsa),
            other => Err(Fault::KeyUnsupported {
                key: format!("kind {other}"),
                detail: "the RA signs with P-256, P-384 or RSA of 3072 bits and more".into(),
            }),
        }
    }

    pub(super) fn algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::P256 => SignatureAlgorithm::Ecdsa(Digest::Sha256),
            Self::P384 => SignatureAlgorithm::Ecdsa(Digest::Sha384),
            Self::Rsa => SignatureAlgorithm::RsaPkcs1(Digest::Sha256),
        }
    }

    /// What is sent to the token: the hash for ECDSA; for RSA the whole message, so that the token pads what it has
    /// hashed itself.
    pub(super) fn input(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256 => aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message).as_ref().into(),
            Self::P384 => aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, message).as_ref().into(),
            Self::Rsa => message.into(),
        }
    }

    /// Signs on the token.
    pub(super) fn sign(self, session: &Session, key: ObjectHandle, input: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mechanism = match self {
            Self::P256 | Self::P384 => Mechanism::Ecdsa,
            Self::Rsa => Mechanism::Sha256RsaPkcs,
        };
        let raw = session.sign(&mechanism, key, input)?;
        match self {
            Self::P256 => Ok(ecdsa_der(&raw, 32)?),
            Self::P384 => Ok(ecdsa_der(&raw, 48)?),
            Self::Rsa => Ok(raw),
        }
    }
}

/// PKCS#11 gives r || s, each as long as the curve's order; X.509 and CMS want Ecdsa-Sig-Value (RFC 3279
/// section 2.2.3).
fn ecdsa_der(raw: &[u8], coordinate: usize) -> Result<Vec<u8>, Fault> {
    let wrong = || Fault::SelfTest(format!("an ECDSA signature of {} octets", raw.len()));
    let (r, s) = raw.split_at_checked(coordinate).ok_or_else(wrong)?;
    if s.len() != coordinate {
        return Err(wrong());
    }
    let value = UintRef::new(r).and_then(|r| EcdsaSignature { r, s: UintRef::new(s)? }.to_der());
    value.map_err(|_| wrong())
}

#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_halves_become_der_integers() {
        let mut raw = [0; 64];
        raw[31] = 5;
        raw[32] = 0x80;
        let der = ecdsa_der(&raw, 32).unwrap();
        assert_eq!(der[..8], [0x30, 38, 2, 1, 5, 2, 33, 0]);
        assert_eq!(der[8], 0x80);
    }

    #[test]
    fn a_signature_of_another_length_is_no_signature() {
        for length in [0, 32, 63, 65, 96] {
            assert!(ecdsa_der(&vec![1; length], 32).is_err(), "{length}");
        }
    }
}
