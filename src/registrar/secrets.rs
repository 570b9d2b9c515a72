//! The secrets of enrolment codes: found by an HMAC, kept under AES-256-GCM with a data key (DESIGN rule 11).

use std::sync::{Arc, OnceLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::Refusal;
use crate::case::Random;

/// A data key in use, and the look-up key made from it.
pub struct Secrets {
    data_key: i64,
    sealing: LessSafeKey,
    lookup: hmac::Key,
    /// What further keys are made from.
    pseudorandom: hkdf::Prk,
}

/// A stored secret that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("a stored secret cannot be opened: it was changed, or is under another data key")]
pub struct SealBroken;

impl Secrets {
    /// The secrets under this data key.
    ///
    /// # Panics
    /// Never: both keys have the length their algorithm wants.
    #[must_use]
    #[expect(clippy::expect_used, reason = "fixed lengths; the library offers no infallible constructor")]
    pub fn new(data_key: i64, key: &Zeroizing<[u8; 32]>) -> Self {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, b"daftar").extract(key.as_slice());
        let derived = |label: &[u8]| derived(&pseudorandom, &[label]);
        let sealing = UnboundKey::new(&AES_256_GCM, derived(b"enrolment secrets").as_slice()).expect("32 octets");
        Self {
            data_key,
            sealing: LessSafeKey::new(sealing),
            lookup: hmac::Key::new(hmac::HMAC_SHA256, derived(b"enrolment look-up").as_slice()),
            pseudorandom,
        }
    }

    /// A key that every node with this data key has, for the use that the parts name; the first says which use.
    #[must_use]
    pub fn shared_key(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        derived(&self.pseudorandom, parts)
    }

    /// The number of the data key.
    #[must_use]
    pub const fn data_key(&self) -> i64 {
        self.data_key
    }

    /// What a reference is found by.
    #[must_use]
    pub fn lookup(&self, reference: &[u8]) -> [u8; 32] {
        let mut found = [0; 32];
        found.copy_from_slice(hmac::sign(&self.lookup, reference).as_ref());
        found
    }

    /// Encrypts a secret for the store; `about` binds it to its row.
    ///
    /// # Panics
    /// Never: a secret is far below the limit of AES-GCM.
    #[must_use]
    #[expect(clippy::expect_used, reason = "AES-GCM fails only beyond 64 GiB")]
    pub fn seal(&self, secret: &[u8], about: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = secret.to_vec();
        self.sealing
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed)
            .expect("a secret is short");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts a stored secret.
    ///
    /// # Errors
    /// [`SealBroken`] when it was changed or is under another key.
    pub fn open(&self, sealed: &[u8], about: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealBroken> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(SealBroken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealBroken)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let length = self.sealing.open_in_place(nonce, Aad::from(about), &mut opened).map_err(|_| SealBroken)?.len();
        opened.truncate(length);
        Ok(opened)
    }
}

/// HKDF (RFC 5869) of what the data key was made into.
#[expect(clippy::expect_used, reason = "fixed lengths; the library offers no infallible constructor")]
fn derived(pseudorandom: &hkdf::Prk, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut octets = Zeroizing::new([0; 32]);
    let output = pseudorandom.expand(info, hkdf::HKDF_SHA256).expect("32 octets are within what HKDF gives");
    output.fill(octets.as_mut_slice()).expect("32 octets were asked for");
    octets
}

/// The secrets, once the token has unwrapped their data key: the server starts without it (DESIGN rule 9).
#[derive(Clone, Debug, Default)]
pub struct Vault(Arc<OnceLock<Secrets>>);

impl Vault {
    /// Opens it, for all that hold it. What is open stays as it is.
    pub fn open(&self, secrets: Secrets) {
        let _ = self.0.set(secrets);
    }

    /// [`Secrets::shared_key`], once it is open.
    #[must_use]
    pub fn shared_key(&self, parts: &[&[u8]]) -> Option<Zeroizing<[u8; 32]>> {
        self.0.get().map(|secrets| secrets.shared_key(parts))
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    pub(super) fn secrets(&self) -> Result<&Secrets, Refusal> {
        self.0.get().ok_or_else(|| {
            Refusal::away("no enrolment secret can be read: the token has not unwrapped the data key since the start")
        })
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Secrets").field("data_key", &self.data_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nines;

    impl Random for Nines {
        fn fill(&self, octets: &mut [u8]) {
            octets.fill(9);
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_own_row_only() {
        let secrets = Secrets::new(1, &Zeroizing::new([3; 32]));
        let sealed = secrets.seal(b"s3cret", b"row 1", &Nines);
        assert_eq!(secrets.open(&sealed, b"row 1").unwrap().as_slice(), b"s3cret");
        assert!(secrets.open(&sealed, b"row 2").is_err());
        assert!(Secrets::new(1, &Zeroizing::new([4; 32])).open(&sealed, b"row 1").is_err());
    }

    #[test]
    fn what_nodes_share_is_of_one_data_key_and_one_use() {
        let [here, there, other] = [3, 3, 4].map(|octet| Secrets::new(1, &Zeroizing::new([octet; 32])));
        assert_eq!(here.shared_key(&[b"tickets", b"1"]), there.shared_key(&[b"tickets", b"1"]));
        for differs in [
            here.shared_key(&[b"tickets", b"2"]),
            here.shared_key(&[b"nonces", b"1"]),
            other.shared_key(&[b"tickets", b"1"]),
        ] {
            assert_ne!(here.shared_key(&[b"tickets", b"1"]), differs);
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", Secrets::new(1, &Zeroizing::new([3; 32])));
        assert!(!printed.contains('3'));
    }
}
