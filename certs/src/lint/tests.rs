use super::*;
use crate::software_key::{NOW, Party, SoftwareKey, authority, name, signing};
use crate::walk::{GENERALIZED_TIME, IA5_STRING, OCTET_STRING, PRINTABLE_STRING, SET, UTF8_STRING};
use crate::{AltName, Extension, KeyKind, KeyUsage, Signer as _, oid, write};

/// A certificate whose every field can be spoilt.
struct Sample {
    version: Vec<u8>,
    serial: Vec<u8>,
    issuer: Vec<u8>,
    not_before: Vec<u8>,
    not_after: Vec<u8>,
    subject: Vec<u8>,
    kind: KeyKind,
    unique: Vec<u8>,
    extensions: Vec<Vec<u8>>,
}

type Spoil = fn(&mut Sample, &Party);

fn extension(oid: ObjectIdentifier, critical: bool, value: Vec<u8>) -> Vec<u8> {
    let encoded = Extension::encode_all(&[Extension { oid, critical, value }]);
    Walk::only("extensions", &encoded, SEQUENCE).unwrap().content.to_vec()
}

fn of(extension: &Extension) -> Vec<u8> {
    self::extension(extension.oid, extension.critical, extension.value.clone())
}

fn attribute(oid: ObjectIdentifier, tag: u8, value: &str) -> Vec<u8> {
    write::sequence(&[&write::oid(oid), &write::wrap(tag, &[value.as_bytes()])])
}

fn subject(attributes: &[Vec<u8>]) -> Vec<u8> {
    write::sequence_of(&attributes.iter().map(|one| write::wrap(SET, &[one])).collect::<Vec<_>>())
}

impl Sample {
    fn new(root: &Party) -> Self {
        let mut extensions: Vec<Vec<u8>> = signing().iter().map(of).collect();
        let identifier = root.certificate.subject_key_identifier().unwrap();
        extensions.push(of(&Extension::authority_key_identifier(identifier)));
        extensions.push(of(&Extension::subject_alt_name(&[AltName::Dns("pump.example".into())], false)));
        extensions.push(of(&Extension::extended_key_usage(&[oid::CLIENT_AUTH])));
        extensions.push(of(&Extension::crl_distribution_points(&["http://ca.example/ca.crl"])));
        extensions.push(of(&Extension::certificate_policies(&[known("1.3.6.1.4.1.99999.1")])));
        Self {
            version: write::wrap(explicit(0), &[&write::unsigned(&[2])]),
            serial: write::unsigned(&[7; 16]),
            issuer: root.certificate.subject().der().to_vec(),
            not_before: write::moment("", NOW).unwrap(),
            not_after: write::moment("", NOW.plus(86_400_000)).unwrap(),
            subject: name("CN=pump").der().to_vec(),
            kind: KeyKind::P256,
            unique: Vec::new(),
            extensions,
        }
    }

    fn without(&mut self, oid: ObjectIdentifier) {
        let start = write::oid(oid);
        self.extensions.retain(|one| !one.windows(start.len()).any(|window| window == start));
    }

    fn replace(&mut self, oid: ObjectIdentifier, critical: bool, value: Vec<u8>) {
        self.without(oid);
        self.extensions.push(extension(oid, critical, value));
    }

    fn sign(self, root: &Party) -> Certificate {
        let key = SoftwareKey::new(self.kind);
        let identifier = write::octet_string(&key.public_key().sha1_key_identifier());
        let all = [vec![extension(oid::SUBJECT_KEY_IDENTIFIER, false, identifier)], self.extensions].concat();
        let extensions = write::wrap(explicit(3), &[&write::sequence_of(&all)]);
        let tbs = write::sequence(&[
            &self.version,
            &self.serial,
            root.key.algorithm(),
            &self.issuer,
            &write::sequence(&[&self.not_before, &self.not_after]),
            &self.subject,
            key.public_key().der(),
            &self.unique,
            &extensions,
        ]);
        let signature = write::whole_bits(&root.key.sign_now(&tbs));
        Certificate::parse(&write::sequence(&[&tbs, root.key.algorithm(), &signature])).unwrap()
    }
}

const fn known(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

fn access(uri: &str) -> Vec<u8> {
    let method = write::oid(known("1.3.6.1.5.5.7.48.1"));
    write::sequence(&[&write::sequence(&[&method, &AltName::Uri(uri.into()).encode()])])
}

/// What is spoilt, and the rules that find it.
const SAMPLES: &[(&str, Spoil, &[&str])] = &[
    ("good", |_, _| (), &[]),
    (
        "good_without_subject",
        |sample, _| {
            sample.subject = write::sequence(&[]);
            let names = AltName::encode_all(&[AltName::Dns("pump.example".into())]);
            sample.replace(oid::SUBJECT_ALT_NAME, true, names);
        },
        &[],
    ),
    (
        "good_addresses",
        |sample, _| {
            let value = access("http://ocsp.example:8080/");
            sample.extensions.push(extension(known("1.3.6.1.5.5.7.1.1"), false, value));
            let names = ["a@plant.example"].map(|text| AltName::Email(text.into()));
            sample.replace(oid::SUBJECT_ALT_NAME, false, AltName::encode_all(&names));
        },
        &[],
    ),
    (
        "critical_false_is_written",
        |sample, _| {
            sample.without(oid::EXTENDED_KEY_USAGE);
            let value = write::sequence_of(&[write::oid(oid::CLIENT_AUTH)]);
            let parts = [write::oid(oid::EXTENDED_KEY_USAGE), vec![1, 1, 0], write::wrap(OCTET_STRING, &[&value])];
            sample.extensions.push(write::sequence_of(&parts));
        },
        &["encoding"],
    ),
    ("serial_negative", |sample, _| sample.serial = write::wrap(INTEGER, &[&[0x80; 8]]), &["serial_number"]),
    ("serial_zero", |sample, _| sample.serial = write::wrap(INTEGER, &[&[0]]), &["serial_number"]),
    ("serial_of_21_octets", |sample, _| sample.serial = write::unsigned(&[1; 21]), &["serial_number"]),
    ("issuer_in_capitals", |sample, _| sample.issuer = name("CN=ROOT").der().to_vec(), &["issuer"]),
    (
        "generalized_time_before_2050",
        |sample, _| {
            sample.not_after = write::wrap(GENERALIZED_TIME, &[b"20270115080000Z"]);
        },
        &["validity"],
    ),
    (
        "ends_before_it_begins",
        |sample, _| {
            std::mem::swap(&mut sample.not_before, &mut sample.not_after);
        },
        &["validity"],
    ),
    (
        "nobody",
        |sample, _| {
            sample.subject = write::sequence(&[]);
            sample.without(oid::SUBJECT_ALT_NAME);
        },
        &["subject"],
    ),
    (
        "long_common_name",
        |sample, _| {
            sample.subject = subject(&[attribute(oid::COMMON_NAME, UTF8_STRING, &"a".repeat(65))]);
        },
        &["subject"],
    ),
    (
        "country_of_three_letters",
        |sample, _| {
            sample.subject = subject(&[attribute(oid::COUNTRY, PRINTABLE_STRING, "DEU")]);
        },
        &["subject"],
    ),
    (
        "country_in_utf8",
        |sample, _| {
            sample.subject = subject(&[attribute(oid::COUNTRY, UTF8_STRING, "DE")]);
        },
        &["subject"],
    ),
    (
        "at_sign_in_a_printable_string",
        |sample, _| {
            sample.subject = subject(&[attribute(oid::COMMON_NAME, PRINTABLE_STRING, "a@b")]);
        },
        &["subject"],
    ),
    (
        "two_common_names_in_one_relative_name",
        |sample, _| {
            let [one, other] = ["a", "b"].map(|text| attribute(oid::COMMON_NAME, UTF8_STRING, text));
            sample.subject = write::sequence(&[&write::wrap(SET, &[&one, &other])]);
        },
        &["subject"],
    ),
    ("unique_identifier", |sample, _| sample.unique = write::wrap(implicit(2), &[&[0, 1]]), &["unique_identifiers"]),
    (
        "critical_key_identifier",
        |sample, root| {
            let identifier = root.certificate.subject_key_identifier().unwrap();
            let value = Extension::authority_key_identifier(identifier).value;
            sample.replace(oid::AUTHORITY_KEY_IDENTIFIER, true, value);
        },
        &["critical"],
    ),
    (
        "critical_information_access",
        |sample, _| {
            sample.extensions.push(extension(known("1.3.6.1.5.5.7.1.1"), true, access("http://ocsp.example/")));
        },
        &["critical"],
    ),
    (
        "empty_subject_with_names_that_are_not_critical",
        |sample, _| sample.subject = write::sequence(&[]),
        &["critical"],
    ),
    (
        "time_stamps_that_are_not_critical",
        |sample, _| {
            let value = write::sequence_of(&[write::oid(known("1.3.6.1.5.5.7.3.8"))]);
            sample.replace(oid::EXTENDED_KEY_USAGE, false, value);
        },
        &["critical"],
    ),
    (
        "strange_critical_extension",
        |sample, _| {
            sample.extensions.push(extension(known("1.3.6.1.4.1.99999.7"), true, vec![5, 0]));
        },
        &["unknown_critical"],
    ),
    (
        "no_authority_key_identifier",
        |sample, _| sample.without(oid::AUTHORITY_KEY_IDENTIFIER),
        &["authority_key_identifier"],
    ),
    (
        "another_authority_key_identifier",
        |sample, _| {
            let value = Extension::authority_key_identifier(b"another").value;
            sample.replace(oid::AUTHORITY_KEY_IDENTIFIER, false, value);
        },
        &["authority_key_identifier"],
    ),
    (
        "authority_serial_number_alone",
        |sample, root| {
            let identifier = root.certificate.subject_key_identifier().unwrap();
            let parts = [write::wrap(implicit(0), &[identifier]), write::wrap(implicit(2), &[&[1]])];
            sample.replace(oid::AUTHORITY_KEY_IDENTIFIER, false, write::sequence_of(&parts));
        },
        &["authority_key_identifier"],
    ),
    (
        "no_key_usage",
        |sample, _| {
            sample.replace(oid::KEY_USAGE, true, vec![3, 1, 0]);
        },
        &["key_usage"],
    ),
    (
        "signs_certificates",
        |sample, _| {
            let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN;
            sample.replace(oid::KEY_USAGE, true, Extension::key_usage(usage).value);
        },
        &["key_usage"],
    ),
    ("key_usage_with_zeros", |sample, _| sample.replace(oid::KEY_USAGE, true, vec![3, 2, 0, 0x80]), &["key_usage"]),
    (
        "elliptic_key_for_encipherment",
        |sample, _| {
            let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
            sample.replace(oid::KEY_USAGE, true, Extension::key_usage(usage).value);
        },
        &["key_usage_of_key"],
    ),
    (
        "rsa_key_for_agreement",
        |sample, _| {
            sample.kind = KeyKind::Rsa { bits: 2048 };
            let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT;
            sample.replace(oid::KEY_USAGE, true, Extension::key_usage(usage).value);
        },
        &["key_usage_of_key"],
    ),
    (
        "edwards_key_for_agreement",
        |sample, _| {
            sample.kind = KeyKind::Ed25519;
            let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT;
            sample.replace(oid::KEY_USAGE, true, Extension::key_usage(usage).value);
        },
        &["key_usage_of_key"],
    ),
    (
        "a_policy_twice",
        |sample, _| {
            let policies = [known("1.3.6.1.4.1.99999.1"); 2];
            sample.replace(oid::CERTIFICATE_POLICIES, false, Extension::certificate_policies(&policies).value);
        },
        &["certificate_policies"],
    ),
    (
        "no_policy",
        |sample, _| {
            sample.replace(oid::CERTIFICATE_POLICIES, false, write::sequence(&[]));
        },
        &["certificate_policies"],
    ),
    (
        "no_host_name",
        |sample, _| {
            let names = AltName::encode_all(&[AltName::Dns("pump 1".into())]);
            sample.replace(oid::SUBJECT_ALT_NAME, false, names);
        },
        &["subject_alt_name"],
    ),
    (
        "no_mailbox",
        |sample, _| {
            let names = AltName::encode_all(&[AltName::Email("A <a@plant.example>".into())]);
            sample.replace(oid::SUBJECT_ALT_NAME, false, names);
        },
        &["subject_alt_name"],
    ),
    (
        "relative_uri",
        |sample, _| {
            let names = AltName::encode_all(&[AltName::Uri("plant/pump".into())]);
            sample.replace(oid::SUBJECT_ALT_NAME, false, names);
        },
        &["subject_alt_name"],
    ),
    (
        "address_in_the_subject_only",
        |sample, _| {
            sample.subject = subject(&[attribute(oid::EMAIL_ADDRESS, IA5_STRING, "a@plant.example")]);
        },
        &["email_in_subject"],
    ),
    (
        "authority",
        |sample, _| {
            sample.extensions.push(of(&Extension::basic_constraints(true, None)));
            let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN;
            sample.replace(oid::KEY_USAGE, true, Extension::key_usage(usage).value);
        },
        &["basic_constraints"],
    ),
    (
        "path_length_without_authority",
        |sample, _| {
            let value = write::sequence(&[&write::unsigned(&[0])]);
            sample.extensions.push(extension(oid::BASIC_CONSTRAINTS, true, value));
        },
        &["basic_constraints"],
    ),
    (
        "no_authority_in_many_words",
        |sample, _| {
            sample.extensions.push(extension(oid::BASIC_CONSTRAINTS, true, vec![0x30, 3, 1, 1, 0]));
        },
        &["basic_constraints"],
    ),
    (
        "name_constraints",
        |sample, _| {
            sample.extensions.push(of(&Extension::name_constraints(&[AltName::Dns("example".into())], &[])));
        },
        &["authority_only"],
    ),
    (
        "policy_constraints",
        |sample, _| {
            let value = write::sequence(&[&write::wrap(implicit(0), &[&[0]])]);
            sample.extensions.push(extension(oid::POLICY_CONSTRAINTS, true, value));
        },
        &["authority_only"],
    ),
    (
        "every_purpose",
        |sample, _| {
            let value = Extension::extended_key_usage(&[oid::CLIENT_AUTH, oid::ANY_EXTENDED_KEY_USAGE]).value;
            sample.replace(oid::EXTENDED_KEY_USAGE, false, value);
        },
        &["extended_key_usage"],
    ),
    (
        "registration_authority",
        |sample, _| {
            sample.replace(oid::EXTENDED_KEY_USAGE, false, Extension::extended_key_usage(&[oid::CMC_RA]).value);
        },
        &["extended_key_usage"],
    ),
    (
        "crl_at_no_address",
        |sample, _| {
            let value = Extension::crl_distribution_points(&["ca example/ca.crl"]).value;
            sample.replace(oid::CRL_DISTRIBUTION_POINTS, false, value);
        },
        &["crl_distribution_points"],
    ),
    (
        "crl_nowhere",
        |sample, _| {
            let point = write::sequence(&[&write::wrap(implicit(1), &[&[0, 0x40]])]);
            sample.replace(oid::CRL_DISTRIBUTION_POINTS, false, write::sequence(&[&point]));
        },
        &["crl_distribution_points"],
    ),
    (
        "information_at_no_address",
        |sample, _| {
            sample.extensions.push(extension(known("1.3.6.1.5.5.7.1.1"), false, access("ocsp.example")));
        },
        &["information_access"],
    ),
    (
        "information_about_nothing",
        |sample, _| {
            sample.extensions.push(extension(known("1.3.6.1.5.5.7.1.1"), false, write::sequence(&[])));
        },
        &["information_access"],
    ),
];

/// With `LINT_SAMPLES` set, the samples are written there for another linter (conformance/clients/pkilint.sh).
#[test]
fn each_rule_finds_what_breaks_it_and_nothing_else() {
    let folder = std::env::var_os("LINT_SAMPLES").map(std::path::PathBuf::from);
    let root = Party::root_with("CN=Root", authority(None));
    let mut used = std::collections::BTreeSet::new();
    for (what, spoil, expected) in SAMPLES {
        let mut sample = Sample::new(&root);
        spoil(&mut sample, &root);
        let certificate = sample.sign(&root);
        let found = check(&certificate, &root.certificate, &[]);
        let mut names: Vec<&str> = found.iter().map(|finding| finding.lint).collect();
        names.dedup();
        assert_eq!(&names, expected, "{what}: {found:?}");
        used.extend(names);
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{what}.pem")), certificate.to_pem()).unwrap();
            std::fs::write(folder.join(format!("{what}.found")), expected.join("\n")).unwrap();
        }
    }
    let unused: Vec<&str> = super::names().filter(|name| !used.contains(name)).collect();
    // Certificate::parse refuses a lower version together with extensions, and what has none has no key identifier either.
    assert_eq!(unused, ["version", "signature_parameters"]);
}

#[test]
fn a_request_is_held_against_what_its_certificate_would_break() {
    let address = write::sequence(&[&write::wrap(SET, &[&attribute(oid::EMAIL_ADDRESS, IA5_STRING, "a@b.example")])]);
    let address = crate::Name::parse(&address).unwrap();
    let long = name(&format!("CN={}", "a".repeat(65)));
    let found = |subject: &crate::Name, names: &[AltName], usage| {
        let found = check_request(subject, names, Some(KeyKind::P256), Some(usage));
        found.into_iter().map(|finding| finding.lint).collect::<Vec<_>>()
    };
    let (signs, none) = (KeyUsage::DIGITAL_SIGNATURE, [].as_slice());
    assert_eq!(found(&name("CN=pump"), none, signs), [""; 0]);
    assert_eq!(found(&long, none, signs), ["subject"]);
    assert_eq!(found(&name("CN=pump"), none, KeyUsage::KEY_ENCIPHERMENT), ["key_usage_of_key"]);
    assert_eq!(found(&name("CN=pump"), &[AltName::Uri("plant/pump".into())], signs), ["subject_alt_name"]);
    assert_eq!(found(&address, none, signs), ["email_in_subject"]);
    assert_eq!(found(&address, &[AltName::Email("A@b.example".into())], signs), [""; 0]);
}

#[test]
fn what_was_approved_may_be_critical() {
    let root = Party::root("CN=Root");
    let mut sample = Sample::new(&root);
    let oid = known("1.3.6.1.4.1.99999.7");
    sample.extensions.push(extension(oid, true, vec![5, 0]));
    assert_eq!(check(&sample.sign(&root), &root.certificate, &[oid]), []);
}

#[test]
fn an_rsa_signature_says_that_it_has_no_parameters() {
    let mut root = Party::root("CN=Root");
    root.key = SoftwareKey::new(KeyKind::Rsa { bits: 2048 });
    let good = Sample::new(&root).sign(&root);
    assert_eq!(check(&good, &root.certificate, &[]), []);
    let with = crate::algorithm::sha256_with_rsa();
    let without = write::sequence(&[&write::oid(known("1.2.840.113549.1.1.11"))]);
    let tbs = Walk::only("", good.tbs(), SEQUENCE).unwrap().content;
    let place = tbs.windows(with.len()).position(|window| window == with).unwrap();
    let tbs = write::sequence(&[&tbs[..place], &without, &tbs[place + with.len()..]]);
    let signature = write::whole_bits(&root.key.sign_now(&tbs));
    let spoilt = Certificate::parse(&write::sequence(&[&tbs, &without, &signature])).unwrap();
    let found: Vec<&str> = check(&spoilt, &root.certificate, &[]).iter().map(|finding| finding.lint).collect();
    assert_eq!(found, ["signature_parameters"]);
}

#[test]
fn a_certificate_of_version_1_is_found() {
    let root = Party::root("CN=Root");
    let key = SoftwareKey::new(KeyKind::P256);
    let (sample, algorithm) = (Sample::new(&root), root.key.algorithm());
    let validity = write::sequence(&[&sample.not_before, &sample.not_after]);
    let parts: [&[u8]; 6] =
        [&sample.serial, algorithm, &sample.issuer, &validity, &sample.subject, key.public_key().der()];
    let tbs = write::sequence(&parts);
    let signature = write::whole_bits(&root.key.sign_now(&tbs));
    let old = Certificate::parse(&write::sequence(&[&tbs, algorithm, &signature])).unwrap();
    let found: Vec<&str> = check(&old, &root.certificate, &[]).iter().map(|finding| finding.lint).collect();
    assert_eq!(found, ["version", "authority_key_identifier"]);
}
