//! Building certificate requests.

use certs::{Extension, Millis, Name, PublicKey, Signer, SignerFault};

use super::{Control, Popo};
use crate::asn1;

/// What a certificate shall contain; see [`super::CertTemplate`].
#[derive(Clone, Debug, Default)]
pub struct CertTemplateDraft {
    /// Content octets of the serial number; only to name an existing certificate.
    pub serial: Option<Vec<u8>>,
    /// The issuer.
    pub issuer: Option<Name>,
    /// notBefore and notAfter.
    pub validity: Option<(Option<Millis>, Option<Millis>)>,
    /// The subject.
    pub subject: Option<Name>,
    /// The key to be certified.
    pub public_key: Option<PublicKey>,
    /// Extensions; [`Extension::subject_alt_name`] makes the one for alternative names.
    pub extensions: Vec<Extension>,
}

impl CertTemplateDraft {
    /// A template for a name and a key.
    #[must_use]
    pub fn new(subject: Name, public_key: PublicKey) -> Self {
        Self { subject: Some(subject), public_key: Some(public_key), ..Self::default() }
    }

    /// `CertTemplate` (DER).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let name = |tag, name: &Option<Name>| asn1::explicit(tag, name.as_ref().map(Name::der));
        let serial = self.serial.as_deref().map(|serial| asn1::element(0x81, &[serial]));
        let key = self.public_key.as_ref().map(|key| asn1::implicit(6, key.der()));
        let extensions =
            (!self.extensions.is_empty()).then(|| asn1::implicit(9, &Extension::encode_all(&self.extensions)));
        asn1::sequence(&[
            serial.as_deref().unwrap_or_default(),
            &name(3, &self.issuer),
            &self.validity.map(encode_validity).unwrap_or_default(),
            &name(5, &self.subject),
            key.as_deref().unwrap_or_default(),
            extensions.as_deref().unwrap_or_default(),
        ])
    }
}

/// `CertRequest` (DER).
#[must_use]
pub fn request(cert_req_id: i64, template: &CertTemplateDraft) -> Vec<u8> {
    request_with(cert_req_id, template, &[])
}

/// `CertRequest` (DER) with controls, such as [`Control::old_cert_id`].
#[must_use]
pub fn request_with(cert_req_id: i64, template: &CertTemplateDraft, controls: &[Control]) -> Vec<u8> {
    let controls = (!controls.is_empty()).then(|| asn1::sequence_of(controls.iter().map(Control::encode)));
    asn1::sequence(&[&asn1::integer(cert_req_id), &template.encode(), controls.as_deref().unwrap_or_default()])
}

/// `CertReqMsg` (DER) from a `CertRequest` (DER) and its proof of possession.
#[must_use]
pub fn message(cert_req_der: &[u8], popo: Option<&Popo>) -> Vec<u8> {
    asn1::sequence(&[cert_req_der, &popo.map(Popo::encode).unwrap_or_default()])
}

/// `CertReqMsg` (DER) whose proof of possession is a signature with the new key.
///
/// # Errors
/// When the key does not sign.
pub async fn sign(cert_req_der: &[u8], new_key: &dyn Signer) -> Result<Vec<u8>, SignerFault> {
    let signature = new_key.sign(cert_req_der).await?;
    let popo = Popo::Signature { poposk_input: None, algorithm: new_key.algorithm().to_vec(), signature };
    Ok(message(cert_req_der, Some(&popo)))
}

pub(super) fn encode_validity((from, to): (Option<Millis>, Option<Millis>)) -> Vec<u8> {
    asn1::context(4, &[&time(0, from), &time(1, to)])
}

/// `Time` in an EXPLICIT tag.
fn time(tag: u8, at: Option<Millis>) -> Vec<u8> {
    asn1::explicit(tag, at.map(asn1::time).as_deref())
}
