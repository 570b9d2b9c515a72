//! What is signed instead of a request without a name (RFC 4211 section 4.1).

use der::Tag;

use super::private_key::MacValue;
use crate::asn1::{self, Element};
use crate::fault::Fault;

/// ```text
/// POPOSigningKeyInput ::= SEQUENCE {
///     authInfo            CHOICE {
///         sender              [0] GeneralName,
///         publicKeyMAC        PKMACValue },
///     publicKey           SubjectPublicKeyInfo }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningKeyInput {
    /// Who asks.
    pub auth: AuthInfo,
    /// `SubjectPublicKeyInfo` (DER) of the template.
    pub public_key_der: Vec<u8>,
}

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AuthInfo {
    /// An authenticated sender: a `GeneralName` (DER).
    Sender(Vec<u8>),
    /// Who knows a password: a MAC over the public key.
    PublicKeyMac(MacValue),
}

impl SigningKeyInput {
    /// From under the IMPLICIT context tag 0 of `POPOSigningKey`.
    pub(super) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.implicit_sequence(WHAT)?;
        let auth = fields.required()?;
        let public_key = fields.required()?;
        fields.end()?;
        public_key.sequence(WHAT)?;
        let auth = match (auth.tag, auth.number()) {
            (Tag::Sequence, _) => AuthInfo::PublicKeyMac(MacValue::inside(auth.sequence(WHAT)?)?),
            // GeneralName is a CHOICE, hence an explicit tag.
            (_, Some(0)) => AuthInfo::Sender(auth.explicit(WHAT)?.der.to_vec()),
            _ => return Err(Fault::format("POPOSigningKeyInput: neither sender nor publicKeyMAC")),
        };
        Ok(Self { auth, public_key_der: public_key.der.to_vec() })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let auth = match &self.auth {
            AuthInfo::Sender(name) => asn1::context(0, &[name]),
            AuthInfo::PublicKeyMac(mac) => mac.encode(),
        };
        asn1::context(0, &[&auth, &self.public_key_der])
    }
}

const WHAT: &str = "POPOSigningKeyInput";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::general_name;
    use crate::sample::name;

    #[test]
    fn both_kinds_of_input_come_back() {
        let mac = MacValue { algorithm: asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]), value: vec![7] };
        for auth in [AuthInfo::Sender(general_name(&name("CN=device"))), AuthInfo::PublicKeyMac(mac)] {
            let input = SigningKeyInput { auth, public_key_der: asn1::sequence(&[]) };
            let der = input.encode();
            assert_eq!(SigningKeyInput::parse(Element::only(&der, "test").unwrap()).unwrap(), input);
        }
        let odd = asn1::context(0, &[&asn1::NULL, &asn1::sequence(&[])]);
        assert!(SigningKeyInput::parse(Element::only(&odd, "test").unwrap()).is_err());
    }
}
