//! What a request should look like: `/csrattrs` (RFC 7030 section 4.5, RFC 9908).

use axum::response::Response;
use certs::KeyKind;
use est::csrattrs::{CsrAttrsDraft, SubjectPart, WantedExtension};
use http::StatusCode;

use super::answer::{payload, text};
use super::{Asked, linking};
use crate::rules::Profile;

/// RFC 7030 section 4.5: what a request should look like, from the profile.
pub(super) fn csr_attrs(profile: &Profile, asked: &Asked) -> Response {
    let draft = wanted(profile);
    match draft.build().and_then(|attributes| attributes.to_der()) {
        Ok(der) => payload(&der, est::CONTENT_TYPE_CSR_ATTRS, asked),
        Err(fault) => {
            tracing::error!(%fault, "the profile's CSR attributes cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the attributes cannot be written")
        }
    }
}

/// The attributes a profile asks for: its first kind of key, its required names, the extensions it gives.
fn wanted(profile: &Profile) -> CsrAttrsDraft {
    let kinds = &profile.key.kinds;
    let key = if kinds.contains("P-256") {
        Some(KeyKind::P256)
    } else if kinds.contains("P-384") {
        Some(KeyKind::P384)
    } else if kinds.contains("P-521") {
        Some(KeyKind::P521)
    } else if kinds.contains("RSA") {
        Some(KeyKind::Rsa { bits: profile.key.rsa_min_bits })
    } else {
        None
    };
    let extension = |oid| WantedExtension { oid, critical: false, value: None };
    let names = !profile.alternative_names.is_empty();
    let common_name = profile.subject.required.contains("CN");
    CsrAttrsDraft {
        key,
        signature: None,
        extensions: names.then(|| extension(certs::oid::SUBJECT_ALT_NAME)).into_iter().collect(),
        subject: common_name.then_some(SubjectPart { oid: certs::oid::COMMON_NAME, value: None }).into_iter().collect(),
        challenges: linking::wanted(profile.est),
        list_only: false,
    }
}
