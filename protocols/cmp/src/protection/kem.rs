//! KEM-based MACs (RFC 9810 section 5.1.3.4): known, but not spoken here.

use crate::asn1::{self, Element};
use crate::fault::Fault;
use crate::status::FailureInfo;

/// ```text
/// KemBMParameter ::= SEQUENCE {
///   kdf              AlgorithmIdentifier{KEY-DERIVATION, {...}},
///   kemContext   [0] OCTET STRING OPTIONAL,
///   len              INTEGER (1..MAX),
///   mac              AlgorithmIdentifier{MAC-ALGORITHM, {...}} }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KemBmParameter {
    /// `AlgorithmIdentifier` (DER) of the key derivation.
    pub kdf: Vec<u8>,
    /// Goes into the key derivation.
    pub kem_context: Option<Vec<u8>>,
    /// Octets of the derived key.
    pub len: i64,
    /// `AlgorithmIdentifier` (DER) of the MAC.
    pub mac: Vec<u8>,
}

impl KemBmParameter {
    pub(super) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence(WHAT)?;
        let kdf = fields.required()?;
        let kem_context = fields.explicit(0)?;
        let len = fields.required()?.integer(WHAT)?;
        let mac = fields.required()?;
        fields.end()?;
        asn1::parse_algorithm(kdf.der, WHAT)?;
        asn1::parse_algorithm(mac.der, WHAT)?;
        let kem_context = kem_context.map(|context| context.octets(WHAT)).transpose()?;
        Ok(Self { kdf: kdf.der.to_vec(), kem_context, len, mac: mac.der.to_vec() })
    }
}

/// Why such a message is refused.
pub(super) fn refuse(parameters: Option<Element<'_>>) -> Fault {
    match parameters.map(KemBmParameter::parse) {
        Some(Ok(_)) => Fault::new(
            FailureInfo::BAD_ALG,
            "a MAC by a KEM key is not supported; sign the message, or use PasswordBasedMac or PBMAC1",
        ),
        Some(Err(fault)) => fault,
        None => Fault::format("KemBMParameter: missing"),
    }
}

const WHAT: &str = "KemBMParameter";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_before_they_are_refused() {
        let algorithm = asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]);
        let context = asn1::context(0, &[&asn1::octet_string(b"context")]);
        let full = asn1::sequence(&[&algorithm, &context, &asn1::integer(32), &algorithm]);
        let read = KemBmParameter::parse(Element::only(&full, "test").unwrap()).unwrap();
        let expected =
            KemBmParameter { kdf: algorithm.clone(), kem_context: Some(b"context".to_vec()), len: 32, mac: algorithm };
        assert_eq!(read, expected);
        let element = |der| Some(Element::only(der, "test").unwrap());
        assert_eq!(refuse(element(&full)).failure, FailureInfo::BAD_ALG);
        assert_eq!(refuse(element(&asn1::NULL)).failure, FailureInfo::BAD_DATA_FORMAT);
        assert_eq!(refuse(None).failure, FailureInfo::BAD_DATA_FORMAT);
    }
}
