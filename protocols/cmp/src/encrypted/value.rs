use der::Tag;

use crate::asn1::{self, Element};
use crate::fault::Fault;

/// ```text
/// EncryptedValue ::= SEQUENCE {
///    intendedAlg   [0] AlgorithmIdentifier  OPTIONAL,
///    symmAlg       [1] AlgorithmIdentifier  OPTIONAL,
///    encSymmKey    [2] BIT STRING           OPTIONAL,
///    keyAlg        [3] AlgorithmIdentifier  OPTIONAL,
///    valueHint     [4] OCTET STRING         OPTIONAL,
///    encValue       BIT STRING }
/// ```
///
/// RFC 4211 section 6.4; its module has IMPLICIT TAGS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncryptedValue {
    /// `AlgorithmIdentifier` (DER) of what the value is for.
    pub intended_alg: Option<Vec<u8>>,
    /// `AlgorithmIdentifier` (DER) of its encryption.
    pub symm_alg: Option<Vec<u8>>,
    /// The encrypted symmetric key.
    pub enc_symm_key: Option<Vec<u8>>,
    /// `AlgorithmIdentifier` (DER) of that encryption.
    pub key_alg: Option<Vec<u8>>,
    /// For its sender.
    pub value_hint: Option<Vec<u8>>,
    /// The encrypted value.
    pub enc_value: Vec<u8>,
}

impl EncryptedValue {
    pub(super) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence(WHAT)?;
        let intended_alg = fields.context(0)?;
        let symm_alg = fields.context(1)?;
        let enc_symm_key = fields.context(2)?;
        let key_alg = fields.context(3)?;
        let value_hint = fields.context(4)?;
        let enc_value = fields.required()?;
        fields.end()?;
        Ok(Self {
            intended_alg: intended_alg.map(algorithm).transpose()?,
            symm_alg: symm_alg.map(algorithm).transpose()?,
            enc_symm_key: enc_symm_key.map(|key| key.retagged(Tag::BitString).bit_octets(WHAT)).transpose()?,
            key_alg: key_alg.map(algorithm).transpose()?,
            value_hint: value_hint.map(|hint| hint.value.to_vec()),
            enc_value: enc_value.bit_octets(WHAT)?,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let algorithm =
            |tag, der: &Option<Vec<u8>>| der.as_deref().map(|der| asn1::implicit(tag, der)).unwrap_or_default();
        let key = self.enc_symm_key.as_deref().map(|key| asn1::element(0x82, &[&[0], key]));
        let hint = self.value_hint.as_deref().map(|hint| asn1::element(0x84, &[hint]));
        asn1::sequence(&[
            &algorithm(0, &self.intended_alg),
            &algorithm(1, &self.symm_alg),
            key.as_deref().unwrap_or_default(),
            &algorithm(3, &self.key_alg),
            hint.as_deref().unwrap_or_default(),
            &asn1::bit_string(&self.enc_value),
        ])
    }
}

/// `AlgorithmIdentifier` from under an IMPLICIT tag.
fn algorithm(element: Element<'_>) -> Result<Vec<u8>, Fault> {
    let der = asn1::sequence(&[element.value]);
    asn1::parse_algorithm(&der, WHAT)?;
    Ok(der)
}

const WHAT: &str = "EncryptedValue";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back() {
        let algorithm = |last| Some(asn1::sequence(&[&[6, 3, 0x2A, 3, last], &asn1::NULL]));
        let full = EncryptedValue {
            intended_alg: algorithm(1),
            symm_alg: algorithm(2),
            enc_symm_key: Some(vec![1, 2]),
            key_alg: algorithm(3),
            value_hint: Some(b"hint".to_vec()),
            enc_value: vec![3, 4, 5],
        };
        let bare = EncryptedValue {
            intended_alg: None,
            symm_alg: None,
            enc_symm_key: None,
            key_alg: None,
            value_hint: None,
            enc_value: Vec::new(),
        };
        for value in [full, bare] {
            let der = value.encode();
            assert_eq!(EncryptedValue::parse(Element::only(&der, "test").unwrap()).unwrap(), value);
        }
        let odd = asn1::sequence(&[&asn1::context(0, &[&asn1::NULL]), &asn1::bit_string(&[])]);
        assert!(EncryptedValue::parse(Element::only(&odd, "test").unwrap()).is_err());
    }
}
