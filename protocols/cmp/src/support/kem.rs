//! A KEM's ciphertext (RFC 9810 section 5.3.19.18).

use crate::asn1::{self, Fields};
use crate::fault::Fault;

/// ```text
/// KemCiphertextInfo ::= SEQUENCE {
///   kem              AlgorithmIdentifier{KEM-ALGORITHM, {...}},
///   ct               OCTET STRING }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KemCiphertextInfo {
    /// `AlgorithmIdentifier` (DER).
    pub kem: Vec<u8>,
    /// What the holder of the key decapsulates.
    pub ciphertext: Vec<u8>,
}

impl KemCiphertextInfo {
    pub(super) fn read(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields::sequence(der, WHAT)?;
        let kem = fields.required()?;
        let ciphertext = fields.required()?.octets(WHAT)?;
        fields.end()?;
        asn1::parse_algorithm(kem.der, WHAT)?;
        Ok(Self { kem: kem.der.to_vec(), ciphertext })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&self.kem, &asn1::octet_string(&self.ciphertext)])
    }
}

const WHAT: &str = "KemCiphertextInfo";
