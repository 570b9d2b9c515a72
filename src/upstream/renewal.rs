//! What the RA asks when its own certificate is to be renewed (RFC 9483 section 4.1.3).

use certs::{Certificate, Extension, KeyUsage, Signer, oid};
use cmp::crmf;

use super::ComposeFault;

/// The CertReqMsg (DER) for a new key under the names of the old certificate, with the new key's own proof of possession; it
/// goes into [`super::Order::Renew`].
///
/// # Errors
/// When the new key does not sign.
pub async fn renewal_request(old: &Certificate, new_key: &dyn Signer) -> Result<Vec<u8>, ComposeFault> {
    // RFC 9483 section 4.1.3: a kur is for the same names.
    let mut template = crmf::CertTemplateDraft::new(old.subject().clone(), new_key.public_key().clone());
    template.extensions.push(Extension::key_usage(old.key_usage().unwrap_or(KeyUsage::DIGITAL_SIGNATURE)));
    template.extensions.push(Extension::extended_key_usage(old.extended_key_usages().unwrap_or(&[oid::CMC_RA])));
    if !old.alt_names().is_empty() {
        template.extensions.push(Extension::subject_alt_name(old.alt_names(), old.subject().is_empty()));
    }
    // RFC 9483 section 4.1.3: oldCertID names the certificate to be updated, the one that protects the message.
    let controls = [crmf::Control::old_cert_id(old.issuer(), old.serial())];
    Ok(crmf::sign(&crmf::request_with(0, &template, &controls), new_key).await?)
}
