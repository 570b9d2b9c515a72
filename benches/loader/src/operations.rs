use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use cmp::MacKey;

use crate::cost;
use crate::door::KeyExchange;
use crate::enrolment::{ITERATIONS, Mode};
use crate::fault::Fault;

/// What the operations of an enrolment cost by themselves, with the library that the server uses: microseconds of CPU,
/// one figure for each slice of time they were measured in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    /// A key exchange of TLS, from the server's side.
    pub(crate) exchange: Vec<f64>,
    /// An ECDSA P-256 signature.
    pub(crate) sign: Vec<f64>,
    /// Its verification, the reading of the key included.
    pub(crate) verify: Vec<f64>,
    /// A `PasswordBasedMac` key derived.
    pub(crate) derive: Vec<f64>,
}

/// How many of each an enrolment cannot do without (P-256 everywhere, the RA's own signature counted in software).
pub(crate) struct Needed {
    pub(crate) exchange: u32,
    pub(crate) sign: u32,
    pub(crate) verify: u32,
    pub(crate) derive: u32,
}

impl Needed {
    pub(crate) const fn by(mode: Mode) -> Self {
        match mode {
            // Server, RA; CSR, the CA's protection, the issued certificate.
            Mode::Est => Self { exchange: 1, sign: 2, verify: 3, derive: 0 },
            // The server proves itself by the ticket.
            Mode::EstResumed => Self { exchange: 1, sign: 1, verify: 3, derive: 0 },
            // RA; CSR, the CA's protection, the issued certificate.
            Mode::EstKept => Self { exchange: 0, sign: 1, verify: 3, derive: 0 },
            // CertificateVerify and the device's certificate besides.
            Mode::EstMtls => Self { exchange: 1, sign: 2, verify: 5, derive: 0 },
            // RA, the answer's protection; the request's protection, the device's certificate, proof of possession, the CA's protection,
            // the issued certificate.
            // What is wrong is set against what it would have been.
            Mode::Cmp | Mode::CmpWrongSignature | Mode::CmpGarbage => {
                Self { exchange: 0, sign: 2, verify: 5, derive: 0 }
            }
            // One derivation serves request and answer.
            Mode::CmpMac | Mode::CmpWrongMac => Self { exchange: 0, sign: 1, verify: 3, derive: 1 },
        }
    }

    /// Their sum, when each costs what `pick` finds in its slices.
    pub(crate) fn sum(&self, operations: &Operations, pick: impl Fn(&[f64]) -> f64) -> f64 {
        f64::from(self.exchange) * pick(&operations.exchange)
            + f64::from(self.sign) * pick(&operations.sign)
            + f64::from(self.verify) * pick(&operations.verify)
            + f64::from(self.derive) * pick(&operations.derive)
    }
}

impl Operations {
    /// Measures all, one after the other, in several slices.
    pub(crate) fn measure(&mut self, key_exchange: KeyExchange) -> Result<(), Fault> {
        let broken = |_| Fault::machine("an operation fails by itself");
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(broken)?;
        let signature = key.sign(&random, MESSAGE).map_err(broken)?;
        let public_key = key.public_key().as_ref().to_vec();
        let group = key_exchange.group();
        let peer = group.start().map_err(Fault::machine)?;
        for _ in 0..SLICES {
            self.exchange.push(slice(|| group.start_and_complete(black_box(peer.pub_key())).is_ok())?);
            self.sign.push(slice(|| key.sign(&random, black_box(MESSAGE)).is_ok())?);
            self.verify.push(slice(|| {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, black_box(&public_key));
                key.verify(MESSAGE, signature.as_ref()).is_ok()
            })?);
            self.derive.push(slice(|| {
                let key = MacKey::from_secret(black_box(b"0123456789abcdef"), [7; 16], ITERATIONS, b"reference");
                !key.algorithm().is_empty()
            })?);
        }
        Ok(())
    }
}

/// Microseconds of CPU that one of these takes.
fn slice(mut operation: impl FnMut() -> bool) -> Result<f64, Fault> {
    let before = cost::of_this_thread();
    let mut good = true;
    for _ in 0..TIMES {
        good &= black_box(operation());
    }
    let spent = cost::of_this_thread().saturating_sub(before);
    if good { Ok(micros(spent) / f64::from(TIMES)) } else { Err(Fault::machine("an operation fails by itself")) }
}

pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

const SLICES: usize = 7;

const TIMES: u32 = 100;

/// About as long as what is signed in an enrolment.
const MESSAGE: &[u8] = &[0x5a; 512];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolments_operations_are_added_up() {
        let mut operations = Operations::default();
        operations.measure(KeyExchange::Hybrid).unwrap();
        assert_eq!(operations.sign.len(), SLICES);
        let fixed = Operations { exchange: vec![40.0], sign: vec![36.0], verify: vec![73.0], derive: vec![130.0] };
        // The sums of the plan: ../../shared/proof.md, 1d.
        for (mode, sum) in [(Mode::Est, 331.0), (Mode::EstMtls, 477.0), (Mode::Cmp, 437.0)] {
            assert!((Needed::by(mode).sum(&fixed, median) - sum).abs() < 0.1);
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((least(&[9.0, 1.0, 2.0]) - 1.0).abs() < 1e-9);
    }
}
