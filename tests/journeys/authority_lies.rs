//! What comes back from the CA is checked (DESIGN rule 4).

use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Who, openssl};

fn hasty(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.3);
    settings.set("registrar", "check_after_seconds", 1);
    settings.set("registrar", "answer_tries", 3);
}

#[test]
fn an_answer_that_is_not_the_cas_is_not_believed() {
    for mischief in ["wrong_key", "unprotected", "wrong_transaction", "wrong_nonce", "wrong_sender"] {
        let office = Office::open_with(hasty);
        let code = office.code();
        office.mischief(&format!(r#"{{"next": 9, "{mischief}": true}}"#));
        let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
        let ask = || office.est("simpleenroll", &Who::Code(&code), &csr);
        let first = ask();
        assert_eq!(first.status, 202, "{mischief}: {}", first.text());
        office.until("an officer must look", || office.state() == "undecided");
        let last = ask();
        assert_eq!((last.status, last.body.len()), (202, 0), "{mischief}: nothing is handed over");
        assert!(office.leaves("answer_disbelieved") >= 1);
        assert_eq!(office.number("SELECT count(*) FROM certificate"), 0);
        // The same bytes went out each time: the CA never issued a second one.
        assert_eq!(office.records().most_for_one_key(), 1);
    }
}

#[test]
fn another_certificate_of_the_same_pki_does_not_speak_for_the_ca() {
    let office = Office::open_with(hasty);
    let seal = Seal::code(&office.code());
    // The second RA's certificate is from the same CA, and is nobody who may answer (RFC 9483 section 3.4).
    for (certificate, key) in [("device.pem", "device.key"), ("second-ra.pem", "second-ra.key"), ("tls.pem", "tls.key")]
    {
        let (certificate, key) = (office.pki(certificate), office.pki(key));
        office.mischief(r#"{"next": 0}"#);
        office.mischief(&format!(
            r#"{{"next": 9, "device_signed": {{"certificate": "{}", "key": "{}"}}}}"#,
            certificate.display(),
            key.display()
        ));
        let answer = office.ask(&seal, &Request::new("CN=pump.plant.example"));
        assert!(matches!(answer.read(), cmp::client::Answer::Waiting { .. }), "{:?}", answer.answer.body());
        office.until("an officer must look", || office.cases()[0]["state"] == "undecided");
    }
    assert_eq!(office.number("SELECT count(*) FROM certificate WHERE status IN ('valid', 'issued')"), 0);
}

#[test]
fn a_fault_that_passes_is_healed() {
    let office = Office::open_with(|settings| {
        hasty(settings);
        settings.set("registrar", "answer_tries", 9);
    });
    let code = office.code();
    office.mischief(r#"{"next": 1, "http_status": 500}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn an_answer_that_comes_mutilated_is_asked_for_again_and_nothing_is_issued_twice() {
    for (place, mischief) in
        [r#""truncated": true"#, r#""half_closed": true"#, r#""stale": true"#, r#""padding_megabytes": 10"#]
            .into_iter()
            .enumerate()
    {
        let office = Office::open_with(|settings| {
            hasty(settings);
            settings.set("registrar", "answer_tries", 9);
        });
        let code = office.code();
        let (_, before) = office.csr("before", "/CN=before.plant.example");
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &before).status, 200);
        office.mischief(&format!("{{{mischief}}}"));
        let name = format!("pump{place}");
        let (key, csr) = office.csr(&name, "/CN=pump.plant.example");
        let first = office.est("simpleenroll", &Who::Code(&code), &csr);
        assert_eq!(first.status, 202, "{mischief}: {}", first.text());
        let mut answer = first;
        office.until("it is served", || {
            answer = office.est("simpleenroll", &Who::Code(&code), &csr);
            answer.status == 200
        });
        let certificate = office.keep(&name, &office.received(&answer.body).remove(0));
        let of_key = openssl(&["pkey", "-in", key.0.to_str().unwrap(), "-pubout"]);
        assert_eq!(of_key, openssl(&["x509", "-in", certificate.to_str().unwrap(), "-noout", "-pubkey"]), "{mischief}");
        assert_eq!((office.records().count(Kind::Issued), office.records().most_for_one_key()), (2, 1), "{mischief}");
    }
}

/// The CA issues something else than what was approved, by EST.
fn withheld_by_est(twist: &str) {
    let office = Office::open();
    let code = office.one_time_code();
    office.mischief(&format!(r#"{{"certificate": {twist}}}"#));
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 500, "{twist}: {}", answer.text());
    assert!(answer.text().contains("withheld"), "{twist}: {}", answer.text());
    assert_eq!(office.state(), "withheld");
    assert!(office.leaves("withheld") >= 1);
    assert!((office.metric("ra_certificates_withheld", "") - 1.0).abs() < 0.1);
    office.until("the CA revokes it", || office.records().all_revoked());
    assert_eq!(office.records().count(Kind::Issued), 1);
    // DESIGN rule 11: the code is free again, and a CA that behaves serves it.
    let (_, csr) = office.csr("again", "/CN=pump.plant.example");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_certificate_for_another_subject_is_withheld_and_revoked() {
    withheld_by_est(r#"{"subject": "CN=mallory.example"}"#);
}

#[test]
fn a_certificate_for_another_key_is_withheld_and_revoked() {
    withheld_by_est(r#"{"public_key": true}"#);
}

#[test]
fn a_certificate_that_lasts_longer_than_approved_is_withheld_and_revoked() {
    withheld_by_est(r#"{"validity_days": 2000}"#);
}

#[test]
fn a_certificate_with_one_more_name_is_withheld_and_revoked() {
    withheld_by_est(r#"{"extra_dns": "mallory.example"}"#);
}

#[test]
fn a_certificate_that_makes_an_authority_is_withheld_and_revoked() {
    withheld_by_est(r#"{"authority": true}"#);
}

#[test]
fn a_wrong_certificate_is_rejected_where_the_ca_still_waits_for_confirmation() {
    let office = Office::open();
    let seal = Seal::device(&office);
    office.mischief(r#"{"certificate": {"subject": "CN=mallory.example"}}"#);
    let answer = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    assert_eq!(answer.failure(), cmp::FailureInfo::SYSTEM_FAILURE);
    assert!(answer.is_protected(&office, &seal));
    office.until("the CA revokes it", || office.records().all_revoked());
    let records = office.records();
    assert!(
        records.of(Kind::Revoked)[0].detail.contains("rejected by its requester"),
        "{:?}",
        records.of(Kind::Revoked)
    );
    assert_eq!(office.state(), "withheld");
}
