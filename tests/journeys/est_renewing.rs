//! A further certificate over EST (RFC 7030 section 4.2.2).

use demo_ca::Kind;

use super::office::{Office, Who, csr_for};

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
    let foreign = office.est("simplereenroll", &Who::Holder(&device.0, &device.1), &csr);
    assert!((400..500).contains(&foreign.status), "{}", foreign.status);
    assert_eq!(office.records().count(Kind::Issued), 1);
}
