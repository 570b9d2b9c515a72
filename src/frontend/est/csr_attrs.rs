//! What a request should look like: `/csrattrs` (RFC 7030 section 4.5, RFC 9908).

use axum::response::Response;
use certs::KeyKind;
use est::csrattrs::{CsrAttrsDraft, SubjectPart, WantedExtension};
use http::StatusCode;

use super::answer::{payload, status, text};
use super::{Asked, linking};
use crate::registrar::SHORT_NAMES;
use crate::rules::Profile;

/// RFC 7030 section 4.5: what a request should look like, from the profile. The rules hold requests to it.
pub(super) fn csr_attrs(profile: &Profile, asked: &Asked) -> Response {
    let relayed = asked.connection.tls.as_ref().is_some_and(|tls| tls.relayed);
    let draft = wanted(profile, relayed);
    if draft == CsrAttrsDraft::default() {
        // RFC 7030 section 4.5.2: nothing is wanted. An empty SEQUENCE would say the same, to fewer clients.
        return status(StatusCode::NO_CONTENT);
    }
    match draft.build().and_then(|attributes| attributes.to_der()) {
        Ok(der) => payload(&der, est::CONTENT_TYPE_CSR_ATTRS, asked),
        Err(fault) => {
            tracing::error!(%fault, "the profile's CSR attributes cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the attributes cannot be written")
        }
    }
}

/// The attributes a profile asks for: a kind of key that it takes, the subject and the extensions it wants, the link to the connection.
fn wanted(profile: &Profile, relayed: bool) -> CsrAttrsDraft {
    CsrAttrsDraft {
        key: key(profile),
        signature: None,
        extensions: extensions(profile),
        subject: subject(profile),
        challenges: linking::wanted(profile.est, relayed),
        list_only: false,
    }
}

/// RFC 9908 section 3.2: the client is to use exactly this one, so of several it is the one that most clients can make.
fn key(profile: &Profile) -> Option<KeyKind> {
    let rsa = KeyKind::Rsa { bits: profile.key.rsa_min_bits };
    let kinds = [
        ("P-256", KeyKind::P256),
        ("P-384", KeyKind::P384),
        ("P-521", KeyKind::P521),
        ("RSA", rsa),
        ("Ed25519", KeyKind::Ed25519),
        ("ML-DSA-44", KeyKind::MlDsa44),
        ("ML-DSA-65", KeyKind::MlDsa65),
        ("ML-DSA-87", KeyKind::MlDsa87),
    ];
    kinds.into_iter().find(|(name, _)| profile.key.kinds.contains(*name)).map(|(_, kind)| kind)
}

/// What must stand in the subject, the widest first as names are written, with the value where only one is taken.
fn subject(profile: &Profile) -> Vec<SubjectPart> {
    let mut parts: Vec<(usize, SubjectPart)> = Vec::new();
    for required in &profile.subject.required {
        let short = SHORT_NAMES.iter().find(|(_, short)| short == required).map(|(dotted, _)| *dotted);
        let Ok(oid) = certs::ObjectIdentifier::new(short.unwrap_or(required)) else { continue };
        let place = WIDEST_FIRST.iter().position(|name| name == required).unwrap_or(WIDEST_FIRST.len());
        parts.push((place, SubjectPart { oid, value: profile.subject.fixed.get(required).cloned() }));
    }
    parts.sort_by_key(|(place, _)| *place);
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Names where they may be asked for, and the purposes that are given.
fn extensions(profile: &Profile) -> Vec<WantedExtension> {
    let names = (!profile.alternative_names.is_empty()).then_some(WantedExtension {
        oid: certs::oid::SUBJECT_ALT_NAME,
        critical: false,
        value: None,
    });
    let purposes: Vec<certs::ObjectIdentifier> =
        profile.extended_key_usage.iter().filter_map(|purpose| certs::ObjectIdentifier::new(purpose).ok()).collect();
    let purposes = (!purposes.is_empty()).then(|| certs::Extension::extended_key_usage(&purposes)).map(|extension| {
        WantedExtension { oid: extension.oid, critical: extension.critical, value: Some(extension.value) }
    });
    names.into_iter().chain(purposes).collect()
}

/// RFC 4514 section 2.1 writes names the other way round.
const WIDEST_FIRST: [&str; 9] = ["C", "DC", "ST", "L", "O", "OU", "street", "title", "serialNumber"];

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        toml::from_str(&format!("authority = \"oil\"\nenrol_with = [\"code\"]\n{text}")).unwrap()
    }

    #[test]
    fn a_name_is_asked_for_from_the_widest_part_with_what_is_fixed() {
        let draft = wanted(&profile("[subject]\nrequired = [\"CN\", \"O\", \"C\"]\nfixed = { O = \"Oil\" }"), false);
        let parts: Vec<(String, Option<&str>)> =
            draft.subject.iter().map(|part| (part.oid.to_string(), part.value.as_deref())).collect();
        let expected = [("2.5.4.6", None), ("2.5.4.10", Some("Oil")), ("2.5.4.3", None)];
        assert_eq!(parts, expected.map(|(oid, value)| (oid.to_owned(), value)));
    }

    #[test]
    fn the_kind_of_key_is_one_that_the_profile_takes() {
        for (kinds, kind) in [
            ("[\"RSA\", \"P-384\"]", KeyKind::P384),
            ("[\"RSA\"]", KeyKind::Rsa { bits: 3072 }),
            ("[\"Ed25519\"]", KeyKind::Ed25519),
            ("[\"ML-DSA-65\"]", KeyKind::MlDsa65),
        ] {
            let profile = profile(&format!("[key]\nkinds = {kinds}\nrsa_min_bits = 3072"));
            assert_eq!(wanted(&profile, false).key, Some(kind));
        }
    }

    #[test]
    fn purposes_are_told_with_their_values() {
        let draft = wanted(&profile("extended_key_usage = [\"1.3.6.1.5.5.7.3.2\"]"), false);
        let [purposes] = draft.extensions.as_slice() else { panic!("{draft:?}") };
        assert_eq!(purposes.oid, certs::oid::EXTENDED_KEY_USAGE);
        assert_eq!(purposes.value.as_deref(), Some(&b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"[..]));
    }
}
