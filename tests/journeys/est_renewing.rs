//! A further certificate over EST (RFC 7030 section 4.2.2).

use std::path::PathBuf;

use certs::{Certificate, CertificateDraft, CsrDraft, Extension, Name, Signer as _};
use demo_ca::Kind;
use demo_ca::signer::SoftwareSigner;

use super::office::{Key, Office, Who, csr_for, done, read};

#[test]
fn a_certificate_is_renewed_with_the_same_key() {
    let office = Office::open();
    let (key, old) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let old = office.keep("old", &old);
    let csr = csr_for(&key, "/CN=pump.plant.example", &[]);
    let answer = office.est("simplereenroll", &Who::Holder(&old, &key.0), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = office.received(&answer.body);
    assert_eq!(received.len(), 1);
    assert!(office.accepts(&received[0]));
    assert_eq!(office.cases()[0]["kind"], "renew");
    // The RA has a kur, or a request of its own, for a CA that issues: two certificates, none lost.
    assert_eq!(office.records().count(Kind::Issued), 2);
}

#[test]
fn a_certificate_is_renewed_with_a_new_key() {
    let office = Office::open();
    let (key, old) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let old = office.keep("old", &old);
    let (new, csr) = office.csr("new", "/CN=pump.plant.example");
    let answer = office.est("simplereenroll", &Who::Holder(&old, &key.0), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = office.received(&answer.body).remove(0);
    assert!(office.accepts(&received));
    assert_eq!(office.cases()[0]["kind"], "rekey");
    // The new one renews in its turn; the old one has a successor.
    let newer = office.keep("newer", &received);
    let (_, third) = office.csr("third", "/CN=pump.plant.example");
    assert_eq!(office.est("simplereenroll", &Who::Holder(&newer, &new.0), &third).status, 200);
    let (_, fourth) = office.csr("fourth", "/CN=pump.plant.example");
    assert_eq!(office.est("simplereenroll", &Who::Holder(&old, &key.0), &fourth).status, 403);
    assert_eq!(office.records().count(Kind::Issued), 3);
}

#[test]
fn a_renewal_changes_neither_subject_nor_alternative_names() {
    let office = Office::open();
    let (key, old) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let old = office.keep("old", &old);
    let (_, other) = office.csr("other", "/CN=valve.plant.example");
    let answer = office.est("simplereenroll", &Who::Holder(&old, &key.0), &other);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("subject"), "{}", answer.text());
    let named = csr_for(&key, "/CN=pump.plant.example", &["-addext", "subjectAltName=DNS:valve.plant.example"]);
    let answer = office.est("simplereenroll", &Who::Holder(&old, &key.0), &named);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(office.records().count(Kind::Issued), 1);
    // A refusal binds nobody: the right request is served.
    let (_, right) = office.csr("right", "/CN=pump.plant.example");
    assert_eq!(office.est("simplereenroll", &Who::Holder(&old, &key.0), &right).status, 200);
}

#[test]
fn a_key_that_may_stand_in_one_certificate_only_is_renewed_all_the_same() {
    let office = Office::open_with(|settings| drop(settings.default_profile().insert("same_key".into(), false.into())));
    let (key, old) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let old = office.keep("old", &old);
    let csr = csr_for(&key, "/CN=pump.plant.example", &[]);
    let renewed = office.est("simplereenroll", &Who::Holder(&old, &key.0), &csr);
    assert_eq!(renewed.status, 200, "{}", renewed.text());
    assert_eq!(office.cases()[0]["kind"], "renew");
}

/// A name as `openssl req` takes it.
fn slashed(name: &certs::Name) -> String {
    let text = name.to_string();
    text.split(',').rev().fold(String::new(), |whole, part| whole + "/" + part)
}

#[test]
fn nobody_renews_without_the_certificate() {
    let office = Office::open();
    let code = office.code();
    office.enrolled("pump", "/CN=pump.plant.example", &code);
    let (_, csr) = office.csr("new", "/CN=pump.plant.example");
    let nobody = office.est("simplereenroll", &Who::Nobody, &csr);
    assert_eq!(nobody.status, 401);
    let coded = office.est("simplereenroll", &Who::Code(&code), &csr);
    assert_eq!(coded.status, 403, "{}", coded.text());
    // A maker's certificate is not one of ours to be renewed.
    let device = (office.pki("device.pem"), office.pki("device.key"));
    let own = certs::Certificate::parse_pem(&std::fs::read(&device.0).unwrap()).unwrap().remove(0);
    let same = csr_for(&Key(device.1.clone()), &slashed(own.subject()), &[]);
    let foreign = office.est("simplereenroll", &Who::Holder(&device.0, &device.1), &same);
    assert_eq!(foreign.status, 403, "{}", foreign.text());
    assert!(foreign.text().contains("may not ask for"), "{}", foreign.text());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn the_profile_says_whether_a_renewal_keeps_its_key() {
    let office = Office::open_with(|settings| {
        for policy in ["new", "same"] {
            settings.add_profile(policy, |profile| drop(profile.insert("renewal_key".into(), policy.into())));
        }
    });
    let (key, old) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let old = office.keep("old", &old);
    let ask = |policy: &str, key: &Key, csr: &[u8]| {
        office.est(&format!("{policy}/simplereenroll"), &Who::Holder(&old, &key.0), csr)
    };
    let same = csr_for(&key, "/CN=pump.plant.example", &[]);
    let (_, other) = office.csr("other", "/CN=pump.plant.example");
    let refused = ask("new", &key, &same);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("new key"), "{}", refused.text());
    assert_eq!(ask("same", &key, &other).status, 403);
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(ask("new", &key, &other).status, 200);
}

#[test]
fn a_renewal_asks_for_other_names_where_the_profile_allows_it() {
    let office = Office::open_with(|settings| {
        settings.add_profile("renaming", |profile| {
            let est = profile.entry("est").or_insert_with(|| toml::Table::new().into());
            est.as_table_mut().unwrap().insert("change_subject_name".into(), true.into());
            profile.insert("alternative_names".into(), vec!["dns"].into());
        });
    });
    let (key, old) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let old = office.keep("old", &old);
    let change = Name::from_text("CN=valve.plant.example").unwrap();
    // ChangeSubjectName with the subject alone, and one with an alternative name of a kind that is not given.
    let subject_only = [&[0x30, u8::try_from(change.der().len()).unwrap()], change.der()].concat();
    let address = [&[0x30, 8][..], &[0xa1, 6, 0x87, 4, 10, 0, 0, 1]].concat();
    let signer = SoftwareSigner::load(&key.0).unwrap();
    let csr = |value: &[u8]| {
        let mut draft = CsrDraft::new(Name::from_text("CN=pump.plant.example").unwrap(), signer.public_key().clone());
        draft.attributes.push((certs::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.7.36"), value.to_vec()));
        let csr = done(draft.sign(&signer)).unwrap();
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, csr.der()).into_bytes()
    };
    let renew =
        |label: &str, csr: &[u8]| office.est(&format!("{label}simplereenroll"), &Who::Holder(&old, &key.0), csr);
    let refused = renew("", &csr(&subject_only));
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("ChangeSubjectName"), "{}", refused.text());
    let refused = renew("renaming/", &csr(&address));
    assert_eq!(refused.status, 400, "{}", refused.text());
    // The fields of the request itself stay those of the certificate (RFC 7030 section 4.2.2).
    let (_, other) = office.csr("other", "/CN=valve.plant.example");
    assert_eq!(renew("renaming/", &other).status, 403);
    assert_eq!(office.records().count(Kind::Issued), 1);
    let answer = renew("renaming/", &csr(&subject_only));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = Certificate::parse_pem(office.received(&answer.body)[0].as_bytes()).unwrap().remove(0);
    assert!(received.subject().matches(&change), "{}", received.subject());
    assert_eq!(received.public_key().der(), Certificate::parse_pem(&read(&old)).unwrap()[0].public_key().der());
    assert_eq!(office.records().of(Kind::Issued)[1].pop, Some(demo_ca::Pop::RaVerified));
}

/// A certificate of the office's CA that has just ended.
fn expired(office: &Office, name: &str) -> (PathBuf, Key) {
    let (key, csr) = office.csr(name, "/CN=pump.plant.example");
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &csr).unwrap();
    let issuer = Certificate::parse_pem(&read(&office.pki("issuing.pem"))).unwrap().remove(0);
    // Not before the CA itself began.
    let end = issuer.not_before().plus(1000);
    office.until("it has ended", || Office::now() > end.plus(1000));
    let draft = CertificateDraft {
        serial: vec![0x42],
        issuer: issuer.subject().clone(),
        subject: Name::from_text("CN=pump.plant.example").unwrap(),
        public_key: certs::Csr::parse(&der).unwrap().public_key().clone(),
        not_before: issuer.not_before(),
        not_after: end,
        extensions: vec![
            Extension::key_usage(certs::KeyUsage::DIGITAL_SIGNATURE),
            Extension::authority_key_identifier(issuer.subject_key_identifier().unwrap()),
        ],
    };
    let signer = SoftwareSigner::load(&office.pki("issuing.key")).unwrap();
    let certificate = done(draft.sign(&signer)).unwrap();
    (office.keep(&format!("{name}-expired"), &certificate.to_pem()), key)
}

#[test]
fn a_certificate_is_renewed_for_a_time_after_its_end_and_used_for_nothing_else() {
    let office = Office::open_with(|settings| {
        settings.add_profile("lenient", |profile| drop(profile.insert("renew_expired_days".into(), 2.into())));
    });
    let (lately, key) = expired(&office, "lately");
    let (_, csr) = office.csr("new", "/CN=pump.plant.example");
    let ask = |operation: &str, who: &PathBuf, key: &Key| office.est(operation, &Who::Holder(who, &key.0), &csr);
    assert_eq!(ask("simplereenroll", &lately, &key).status, 401, "the default profile knows no grace");
    assert_eq!(ask("lenient/simpleenroll", &lately, &key).status, 401, "nothing new is asked for with it");
    assert_eq!(office.records().count(Kind::Issued), 0);
    let answer = ask("lenient/simplereenroll", &lately, &key);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(office.accepts(&office.received(&answer.body)[0]));
}

#[test]
fn a_trusted_authority_renews_for_others_where_the_profile_allows_it() {
    let office = Office::open_with(|settings| {
        settings.add_profile("fleet", |profile| {
            let est = profile.entry("est").or_insert_with(|| toml::Table::new().into());
            est.as_table_mut().unwrap().insert("renew_for_others".into(), true.into());
            profile.insert("alternative_names".into(), vec!["dns"].into());
        });
        let entry = settings.trusted_ras()[0].as_table_mut().unwrap();
        entry["profiles"].as_array_mut().unwrap().push("fleet".into());
    });
    let (certificate, key) = (office.pki("second-ra.pem"), office.pki("second-ra.key"));
    let authority = Who::Holder(&certificate, &key);
    let subject = "/CN=pump.plant.example";
    let named = |key: &Key, names: &str| csr_for(key, subject, &["-addext", &format!("subjectAltName={names}")]);
    let first = office.key("first");
    let code = office.code_for("fleet");
    let answer = office.est("fleet/simpleenroll", &Who::Code(&code), &named(&first, "DNS:a.example,DNS:b.example"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pump = office.keep("pump", &office.received(&answer.body).remove(0));

    let second = office.key("second");
    let ask = |label: &str, who: &Who<'_>, csr: &[u8]| office.est(&format!("{label}simplereenroll"), who, csr);
    // Another name than any certificate has, the same in a profile that gave none, and one that is no authority.
    for (label, who, names) in [
        ("fleet/", &authority, "DNS:a.example"),
        ("", &authority, "DNS:a.example,DNS:b.example"),
        ("fleet/", &Who::Holder(&office.pki("device.pem"), &office.pki("device.key")), "DNS:a.example,DNS:b.example"),
    ] {
        let refused = ask(label, who, &named(&second, names));
        assert_eq!(refused.status, 403, "{label} {names}: {}", refused.text());
    }
    assert_eq!(office.records().count(Kind::Issued), 1);
    // The order of the names does not matter.
    let answer = ask("fleet/", &authority, &named(&second, "DNS:b.example,DNS:a.example"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(office.accepts(&office.received(&answer.body)[0]));
    assert_eq!(office.cases()[0]["kind"], "rekey");
    // The one that was renewed has a successor, which is what the next renewal replaces.
    let third = office.key("third");
    let by_itself = ask("fleet/", &Who::Holder(&pump, &first.0), &named(&third, "DNS:a.example,DNS:b.example"));
    assert!(by_itself.text().contains("successor"), "{}", by_itself.text());
    assert_eq!(ask("fleet/", &authority, &named(&third, "DNS:a.example,DNS:b.example")).status, 200);
    assert_eq!(office.records().count(Kind::Issued), 3);
}

#[test]
fn no_authority_renews_for_others_where_the_profile_does_not_allow_it() {
    let office = Office::open();
    let (certificate, key) = (office.pki("second-ra.pem"), office.pki("second-ra.key"));
    office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let (_, csr) = office.csr("new", "/CN=pump.plant.example");
    let refused = office.est("simplereenroll", &Who::Holder(&certificate, &key), &csr);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("nobody renews for others here"), "{}", refused.text());
    assert_eq!(office.records().count(Kind::Issued), 1);
}
