//! What a request for a certificate shall look like, from the profile (RFC 9483 section 4.3.3).

use certs::{Extension, KeyUsage, Name, ObjectIdentifier, oid};
use cmp::crmf::CertTemplateDraft;
use cmp::support::{CertReqTemplate, KeySpec};
use cmp::{FailureInfo, Fault};
use der::Encode as _;

use super::protector::escaped;
use crate::registrar::{SHORT_NAMES, usages};
use crate::rules::{Naming, Profile};

/// The template of a profile; none where it requires nothing. `holder` is the subject of the requester's own certificate, with
/// how the new one must fit it.
pub(super) fn of(profile: &Profile, holder: Option<(&Name, Naming)>) -> Result<Option<CertReqTemplate>, Fault> {
    let draft = CertTemplateDraft {
        subject: subject(profile, holder)?,
        extensions: extensions(profile),
        ..CertTemplateDraft::default()
    };
    let keys = key_spec(profile)?;
    if draft.subject.is_none() && draft.extensions.is_empty() && keys.is_empty() {
        return Ok(None);
    }
    CertReqTemplate::new(&draft, keys).map(Some)
}

/// "In case a Name component [..] is given but has an empty string value, the EE SHOULD fill in a value."
fn subject(profile: &Profile, holder: Option<(&Name, Naming)>) -> Result<Option<Name>, Fault> {
    let rules = &profile.subject;
    let serial_number = match holder {
        Some((name, Naming::Credential)) => return Ok(Some(name.clone())),
        Some((name, Naming::SerialNumber)) => name.values(oid::SERIAL_NUMBER).into_iter().next(),
        Some((_, Naming::Profile)) | None => None,
    };
    let mut kinds: Vec<&String> = rules.required.union(&rules.allowed).collect();
    if kinds.is_empty() {
        return Ok(None);
    }
    kinds.sort_by_key(|kind| ORDER.iter().position(|known| known == kind).unwrap_or(ORDER.len()));
    let parts: Vec<String> = kinds
        .into_iter()
        // RFC 4514 section 2.1: the text begins with the last one.
        .rev()
        .map(|kind| match rules.fixed.get(kind).or(serial_number.as_ref().filter(|_| kind == "serialNumber")) {
            Some(value) => format!("{}={}", dotted(kind), escaped(value)),
            None => format!("{}=#{}", dotted(kind), empty(dotted(kind))),
        })
        .collect();
    Name::from_text(&parts.join(",")).map(Some).map_err(unfit)
}

/// The identifier of an attribute that the profile names by a short name.
fn dotted(kind: &str) -> &str {
    SHORT_NAMES.iter().find(|(_, short)| *short == kind).map_or(kind, |(dotted, _)| dotted)
}

/// An empty string (DER, hexadecimal) of the type that RFC 5280 appendix A wants for the attribute.
fn empty(dotted: &str) -> &'static str {
    match dotted {
        // serialNumber, countryName, dnQualifier: PrintableString.
        "2.5.4.5" | "2.5.4.6" | "2.5.4.46" => "1300",
        // domainComponent, emailAddress: IA5String.
        "0.9.2342.19200300.100.1.25" | "1.2.840.113549.1.9.1" => "1600",
        _ => "0c00",
    }
}

fn extensions(profile: &Profile) -> Vec<Extension> {
    let usage = common_usage(profile);
    let purposes: Vec<ObjectIdentifier> =
        profile.extended_key_usage.iter().filter_map(|purpose| ObjectIdentifier::new(purpose).ok()).collect();
    let names = alternative_names(profile);
    let all = [
        names.map(|value| Extension { oid: oid::SUBJECT_ALT_NAME, critical: false, value }),
        (!usage.is_empty()).then(|| Extension::key_usage(usage)),
        (!purposes.is_empty()).then(|| Extension::extended_key_usage(&purposes)),
    ];
    all.into_iter().flatten().collect()
}

/// "in case an extension has subcomponents (e.g., an IP address in a SubjectAltName field) with empty values, the EE SHOULD
/// fill in a value".
fn alternative_names(profile: &Profile) -> Option<Vec<u8>> {
    let kinds = [("email", 0x81), ("dns", 0x82), ("uri", 0x86), ("ip", 0x87)];
    let names: Vec<u8> = kinds
        .iter()
        .filter(|(kind, _)| profile.alternative_names.contains(*kind))
        .flat_map(|(_, tag)| [*tag, 0])
        .collect();
    let length = u8::try_from(names.len()).ok().filter(|length| (1..0x80).contains(length))?;
    Some([vec![0x30, length], names].concat())
}

/// What the profile allows and every kind of key that it takes can do: RFC 8813 section 3 forbids keyEncipherment for elliptic
/// curves, and RSA agrees on nothing (RFC 3279 section 2.3.1).
fn common_usage(profile: &Profile) -> KeyUsage {
    let rsa = profile.key.kinds.contains("RSA");
    let other = profile.key.kinds.iter().any(|kind| kind != "RSA");
    let fits = |name: &&String| match name.as_str() {
        "keyEncipherment" | "dataEncipherment" => !other,
        "keyAgreement" | "encipherOnly" | "decipherOnly" => !rsa,
        _ => true,
    };
    usages(profile.key_usage.iter().filter(fits))
}

/// "one AttributeTypeAndValue per supported algorithm".
fn key_spec(profile: &Profile) -> Result<Vec<KeySpec>, Fault> {
    let mut all = Vec::new();
    for kind in &profile.key.kinds {
        if kind == "RSA" {
            let bounds = profile.key.rsa_min_bits..=profile.key.rsa_max_bits;
            let mut lengths: Vec<u32> = LENGTHS.into_iter().filter(|length| bounds.contains(length)).collect();
            lengths.push(profile.key.rsa_min_bits);
            lengths.sort_unstable();
            lengths.dedup();
            all.extend(lengths.into_iter().map(KeySpec::RsaKeyLength));
        } else if let Some((_, algorithm, curve)) = ALGORITHMS.iter().find(|(known, ..)| known == kind) {
            all.push(KeySpec::Algorithm(identifier(*algorithm, *curve).map_err(unfit)?));
        }
    }
    Ok(all)
}

/// AlgorithmIdentifier (DER); for elliptic curves with the curve (RFC 5480 section 2.1.1).
fn identifier(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> der::Result<Vec<u8>> {
    let parameters = curve.as_ref().map(der::Any::encode_from).transpose()?;
    x509_cert::spki::AlgorithmIdentifierOwned { oid: algorithm, parameters }.to_der()
}

fn unfit(fault: impl std::fmt::Display) -> Fault {
    Fault::new(FailureInfo::SYSTEM_FAILURE, format!("the profile gives no template: {fault}"))
}

/// As names are mostly written.
const ORDER: [&str; 9] = ["DC", "C", "ST", "L", "O", "OU", "CN", "serialNumber", "emailAddress"];

/// The usual lengths of RSA keys; any between the profile's bounds is taken.
const LENGTHS: [u32; 3] = [2048, 3072, 4096];

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Kinds of key other than RSA: RFC 5480, RFC 8410, RFC 9881.
const ALGORITHMS: [(&str, ObjectIdentifier, Option<ObjectIdentifier>); 7] = [
    ("P-256", EC, Some(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"))),
    ("P-384", EC, Some(ObjectIdentifier::new_unwrap("1.3.132.0.34"))),
    ("P-521", EC, Some(ObjectIdentifier::new_unwrap("1.3.132.0.35"))),
    ("Ed25519", ObjectIdentifier::new_unwrap("1.3.101.112"), None),
    ("ML-DSA-44", ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), None),
    ("ML-DSA-65", ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"), None),
    ("ML-DSA-87", ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"), None),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        toml::from_str(&format!("authority = \"oil\"\nenrol_with = []\n{text}")).unwrap()
    }

    fn template(text: &str) -> CertReqTemplate {
        of(&profile(text), None).unwrap().unwrap()
    }

    #[test]
    fn what_is_fixed_is_given_and_what_is_free_is_empty() {
        let subject =
            "subject = { required = [\"CN\"], allowed = [\"O\", \"serialNumber\"], fixed = { O = \"Oil, Inc\" } }";
        let template = template(subject).template;
        let attributes = template.subject.unwrap().attributes();
        let found: Vec<_> = attributes.iter().map(|one| (one.oid.to_string(), one.value.clone())).collect();
        let expected = [("2.5.4.10", "Oil, Inc"), ("2.5.4.3", ""), ("2.5.4.5", "")];
        assert_eq!(found, expected.map(|(oid, value)| (oid.to_owned(), value.to_owned())));
        assert!(template.public_key_der.is_none() && template.serial.is_none(), "MUST be omitted");
    }

    #[test]
    fn the_name_of_the_requesters_certificate_is_given_where_it_must_be_kept() {
        let holder = Name::from_text("CN=pump,serialNumber=4711").unwrap();
        let profile = profile("subject = { required = [\"CN\", \"serialNumber\"] }");
        let given = |naming| of(&profile, Some((&holder, naming))).unwrap().unwrap().template.subject;
        assert_eq!(given(Naming::Credential).as_ref(), Some(&holder));
        let serial_number = given(Naming::SerialNumber).unwrap();
        assert_eq!(serial_number.values(oid::SERIAL_NUMBER), ["4711"]);
        assert_eq!(serial_number.common_name().as_deref(), Some(""));
        assert_eq!(given(Naming::Profile).unwrap().values(oid::SERIAL_NUMBER), [""]);
        let free = of(&profile, None).unwrap().unwrap().template.subject.unwrap();
        assert_eq!(free.common_name().as_deref(), Some(""));
    }

    #[test]
    fn each_kind_of_key_has_an_entry() {
        let keys = template("key = { kinds = [\"P-256\", \"Ed25519\", \"RSA\"], rsa_min_bits = 3000 }").key_spec;
        let p256 = hex::decode("301306072a8648ce3d020106082a8648ce3d030107").unwrap();
        let ed25519 = hex::decode("300506032b6570").unwrap();
        let lengths = [3000, 3072, 4096].map(KeySpec::RsaKeyLength);
        assert_eq!(keys, [vec![KeySpec::Algorithm(ed25519), KeySpec::Algorithm(p256)], lengths.to_vec()].concat());
    }

    #[test]
    fn extensions_are_those_of_the_profile() {
        let template = template("alternative_names = [\"dns\", \"ip\"]\nextended_key_usage = [\"1.3.6.1.5.5.7.3.2\"]");
        let extensions = &template.template.extensions;
        let names = extensions.iter().find(|extension| extension.oid == oid::SUBJECT_ALT_NAME).unwrap();
        assert_eq!(names.value, [0x30, 4, 0x82, 0, 0x87, 0]);
        assert_eq!(template.template.key_usage().unwrap(), Some(KeyUsage::DIGITAL_SIGNATURE), "what RSA and EC can do");
        assert_eq!(template.template.extended_key_usages().unwrap(), Some(vec![oid::CLIENT_AUTH]));
    }

    #[test]
    fn usages_fit_the_keys() {
        let usage = |kinds: &str| template(&format!("key = {{ kinds = [{kinds}] }}")).template.key_usage().unwrap();
        assert_eq!(usage("\"RSA\""), Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT));
        assert_eq!(usage("\"P-256\""), Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT));
    }

    #[test]
    fn a_profile_that_requires_nothing_has_no_template() {
        assert!(of(&profile("key_usage = []\nkey = { kinds = [] }"), None).unwrap().is_none());
    }
}
