//! Wrapping data keys with the AES-256 key on the token (`CKM_AES_GCM`).
//!
//! `C_WrapKey` would need the data key as an object on the token; the data key is Daftar's own, so its 32 octets are
//! encrypted as data. Form of the blob: version, nonce (12), ciphertext (32), tag (16).

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use zeroize::Zeroizing;

use super::Fault;
use super::fault::Trouble;

/// Wraps a data key.
pub(super) fn wrap(session: &Session, key: ObjectHandle, data_key: &[u8; KEY_OCTETS]) -> Result<Vec<u8>, Trouble> {
    let mut nonce = [0; NONCE_OCTETS];
    session.generate_random_slice(&mut nonce)?;
    let sealed = {
        let params = GcmParams::new(&mut nonce, CONTEXT, TAG_BITS)?;
        session.encrypt(&Mechanism::AesGcm(params), key, data_key)?
    };
    if sealed.len() != KEY_OCTETS + TAG_OCTETS {
        return Err(Fault::SelfTest(format!("CKM_AES_GCM made {} octets of 32", sealed.len())).into());
    }
    // A token that chooses the nonce itself (FIPS) has written it back by now.
    Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
}

/// Unwraps a data key.
pub(super) fn unwrap(session: &Session, key: ObjectHandle, blob: &Blob) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut nonce = blob.nonce;
    let params = GcmParams::new(&mut nonce, CONTEXT, TAG_BITS)?;
    let plain = Zeroizing::new(session.decrypt(&Mechanism::AesGcm(params), key, &blob.sealed)?);
    if plain.len() != KEY_OCTETS {
        return Err(Fault::Blob(format!("it holds {} octets instead of 32", plain.len())).into());
    }
    Ok(plain)
}

/// A wrapped data key, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    nonce: [u8; NONCE_OCTETS],
    sealed: Vec<u8>,
}

impl Blob {
    pub(super) fn parse(blob: &[u8]) -> Result<Self, Fault> {
        let (version, rest) = blob.split_first().ok_or_else(|| Fault::Blob("it is empty".into()))?;
        if *version != VERSION {
            return Err(Fault::Blob(format!("its version is {version}; this program knows {VERSION}")));
        }
        match rest.split_first_chunk() {
            Some((nonce, sealed)) if sealed.len() == KEY_OCTETS + TAG_OCTETS => {
                Ok(Self { nonce: *nonce, sealed: sealed.into() })
            }
            _ => Err(Fault::Blob(format!("it has {} octets", blob.len()))),
        }
    }
}

pub(super) const KEY_OCTETS: usize = 32;
const VERSION: u8 = 1;
const NONCE_OCTETS: usize = 12;
const TAG_OCTETS: usize = 16;
const TAG_BITS: Ulong = Ulong::new(128);
/// Binds the ciphertext to its use and form.
const CONTEXT: &[u8] = b"daftar data key 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_of_another_form_is_refused() {
        assert!(Blob::parse(&[]).is_err());
        assert!(Blob::parse(&[1; 60]).is_err());
        assert!(Blob::parse(&[1; 62]).is_err());
        assert!(Blob::parse(&[2; 61]).is_err());
        assert!(Blob::parse(&[1; 61]).is_ok());
    }
}
