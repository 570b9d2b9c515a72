//! What a request shall look like (RFC 9810 section 5.3.19.16, RFC 9483 section 4.3.3).

use crate::asn1::{self, Element, Fields};
use crate::crmf::{CertTemplate, CertTemplateDraft, Control};
use crate::fault::Fault;
use crate::oid;

/// ```text
/// CertReqTemplateContent ::= SEQUENCE {
///    certTemplate           CertTemplate,
///    keySpec                Controls OPTIONAL }
/// ```
#[derive(Clone, Debug)]
pub struct CertReqTemplate {
    /// What to fill in; what is empty there is to be filled by the requester.
    pub template: CertTemplate,
    /// Keys that are allowed; all if none is named.
    pub key_spec: Vec<KeySpec>,
}

/// One entry of keySpec.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeySpec {
    /// id-regCtrl-algId: `AlgorithmIdentifier` (DER) of a key that is not RSA.
    ///
    /// ```text
    /// AlgIdCtrl ::= AlgorithmIdentifier{ALGORITHM, {...}}
    /// ```
    Algorithm(Vec<u8>),
    /// id-regCtrl-rsaKeyLen: bits of an RSA modulus.
    ///
    /// ```text
    /// RsaKeyLenCtrl ::= INTEGER (1..MAX)
    /// ```
    RsaKeyLength(u32),
    /// Anything else.
    Other(Control),
}

impl CertReqTemplate {
    /// From a draft, in which there is no public key.
    ///
    /// # Errors
    /// badRequest when the draft has what does not belong into such a template.
    pub fn new(draft: &CertTemplateDraft, key_spec: Vec<KeySpec>) -> Result<Self, Fault> {
        let template = CertTemplate::read(&draft.encode())?;
        check(&template)?;
        Ok(Self { template, key_spec })
    }

    pub(super) fn read(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields::sequence(der, "certReqTemplate")?;
        let template = CertTemplate::parse(fields.required()?)?;
        let key_spec = fields.optional(der::Tag::Sequence)?;
        fields.end()?;
        check(&template)?;
        let key_spec = Control::parse_all(key_spec, "keySpec")?;
        Ok(Self { template, key_spec: key_spec.into_iter().map(KeySpec::read).collect::<Result<_, _>>()? })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let key_spec =
            (!self.key_spec.is_empty()).then(|| asn1::sequence_of(self.key_spec.iter().map(KeySpec::encode)));
        asn1::sequence(&[&self.template.der, key_spec.as_deref().unwrap_or_default()])
    }
}

impl KeySpec {
    fn read(control: Control) -> Result<Self, Fault> {
        match control.oid {
            oid::ALG_ID => {
                asn1::parse_algorithm(&control.value, "algId")?;
                Ok(Self::Algorithm(control.value))
            }
            oid::RSA_KEY_LEN => {
                let length = Element::only(&control.value, "rsaKeyLen")?.integer("rsaKeyLen")?;
                // RFC 9483 section 4.3.3: "MUST be a positive integer value".
                match u32::try_from(length) {
                    Ok(length @ 1..) => Ok(Self::RsaKeyLength(length)),
                    _ => Err(Fault::format(format!("rsaKeyLen: {length} bits"))),
                }
            }
            _ => Ok(Self::Other(control)),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Algorithm(algorithm) => Control { oid: oid::ALG_ID, value: algorithm.clone() }.encode(),
            Self::RsaKeyLength(length) => {
                Control { oid: oid::RSA_KEY_LEN, value: asn1::integer(i64::from(*length)) }.encode()
            }
            Self::Other(control) => control.encode(),
        }
    }
}

/// RFC 9483 section 4.3.3: publicKey "MUST be omitted", as must serialNumber, signingAlg,
/// issuerUID and subjectUID.
fn check(template: &CertTemplate) -> Result<(), Fault> {
    let unfit = [
        ("publicKey", template.public_key_der.is_some()),
        ("serialNumber", template.serial.is_some()),
        ("signingAlg", template.signing_alg.is_some()),
        ("issuerUID", template.issuer_uid.is_some()),
        ("subjectUID", template.subject_uid.is_some()),
    ];
    match unfit.iter().find(|(_, there)| *there) {
        Some((field, _)) => Err(Fault::request(format!("certReqTemplate: {field} does not belong there"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Key;
    use crate::status::FailureInfo;
    use certs::{Extension, KeyUsage, Name, Signer};

    /// ecPublicKey on P-256
    const P256: [u8; 21] =
        [0x30, 19, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];

    /// That of RFC 9483 appendix A.
    fn example() -> CertTemplateDraft {
        let alt_names = asn1::sequence(&[&asn1::element(0x82, &[b"www.myServer.com"]), &[0x87, 0]]);
        let common_name = asn1::element(0x31, &[&asn1::sequence(&[&[6, 3, 0x55, 4, 3], &[0x0C, 0]])]);
        let unit = |text: &str| {
            asn1::element(0x31, &[&asn1::sequence(&[&[6, 3, 0x55, 4, 11], &asn1::element(0x0C, &[text.as_bytes()])])])
        };
        let subject = asn1::sequence(&[&common_name, &unit("myDept"), &unit("myGroup")]);
        CertTemplateDraft {
            issuer: Some(Name::empty()),
            subject: Some(Name::parse(&subject).unwrap()),
            extensions: vec![
                Extension { oid: certs::oid::SUBJECT_ALT_NAME, critical: false, value: alt_names },
                Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT),
                Extension { oid: certs::oid::EXTENDED_KEY_USAGE, critical: false, value: asn1::sequence(&[]) },
            ],
            ..CertTemplateDraft::default()
        }
    }

    #[test]
    fn the_example_of_the_rfc_comes_back() {
        let key_spec = vec![KeySpec::Algorithm(P256.to_vec()), KeySpec::RsaKeyLength(2048)];
        let template = CertReqTemplate::new(&example(), key_spec.clone()).unwrap();
        let der = template.encode();
        let again = CertReqTemplate::read(&der).unwrap();
        assert_eq!(again.key_spec, key_spec);
        assert_eq!(again.template.der, example().encode());
        assert!(again.template.issuer.as_ref().is_some_and(Name::is_empty));
        assert_eq!(again.encode(), der);
        // The end of appendix A: rsaKeyLen 2048.
        assert!(der.ends_with(&[0x30, 15, 6, 9, 0x2B, 6, 1, 5, 5, 7, 5, 1, 12, 2, 2, 8, 0]));
    }

    #[test]
    fn an_extension_without_value_is_to_be_filled_in() {
        let extension = Extension { oid: certs::oid::SUBJECT_ALT_NAME, critical: true, value: Vec::new() };
        let draft = CertTemplateDraft { extensions: vec![extension.clone()], ..CertTemplateDraft::default() };
        let template = CertReqTemplate::read(&CertReqTemplate::new(&draft, Vec::new()).unwrap().encode()).unwrap();
        assert_eq!(template.template.extensions, [extension]);
        assert_eq!(template.key_spec, []);
    }

    #[test]
    fn keys_and_numbers_do_not_belong_into_a_template() {
        let key = CertTemplateDraft { public_key: Some(Key::new().public_key().clone()), ..example() };
        let serial = CertTemplateDraft { serial: Some(vec![1]), ..example() };
        for draft in [key, serial] {
            assert_eq!(CertReqTemplate::new(&draft, Vec::new()).unwrap_err().failure, FailureInfo::BAD_REQUEST);
            assert!(CertReqTemplate::read(&asn1::sequence(&[&draft.encode()])).is_err());
        }
        for field in [0x82, 0x87, 0x88] {
            let template = asn1::sequence(&[&asn1::element(field, &[&[0]])]);
            assert!(CertReqTemplate::read(&asn1::sequence(&[&template])).is_err(), "{field:x}");
        }
    }

    #[test]
    fn a_key_has_a_positive_length() {
        let spec = |length| Control { oid: oid::RSA_KEY_LEN, value: asn1::integer(length) };
        assert_eq!(KeySpec::read(spec(3072)).unwrap(), KeySpec::RsaKeyLength(3072));
        assert!(KeySpec::read(spec(0)).is_err());
        assert!(KeySpec::read(spec(-1)).is_err());
        let other = Control { oid: oid::OLD_CERT_ID, value: asn1::NULL.to_vec() };
        assert_eq!(KeySpec::read(other.clone()).unwrap(), KeySpec::Other(other));
    }
}
