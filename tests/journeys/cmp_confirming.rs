//! What the end entity says about its certificate, and what its silence says (RFC 9483 section 4.1.1).

use cmp::FailureInfo;
use cmp::client::Answer;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, random};

#[test]
fn a_wish_for_implicit_confirmation_is_granted_all_the_way() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let exchange = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    assert!(exchange.issued().implicit_confirm, "RFC 9810 section 5.1.1.1: echoed when granted");
    assert!(exchange.is_protected(&office, &seal));
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Confirmed)), (1, 0));
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn the_ca_is_confirmed_after_the_requester() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let issued = exchange.issued();
    assert!(!issued.implicit_confirm);
    assert!(issued.confirm_wait_time.is_some(), "the requester is told how long it has");
    assert_eq!(office.state(), "issued");
    assert_eq!(office.records().count(Kind::Confirmed), 0, "nobody confirms in the requester's place");
    let confirmed = office.send(&exchange.confirm(&seal, None));
    assert!(matches!(confirmed.read(), Answer::Confirmed));
    assert!(confirmed.is_protected(&office, &seal));
    assert_eq!(office.records().count(Kind::Confirmed), 1);
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn a_profile_may_want_every_certificate_confirmed() {
    let office = Office::open_with(|settings| {
        settings.default_profile().insert("implicit_confirm".into(), false.into());
    });
    let seal = Seal::code(&office.code());
    let exchange = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    assert!(!exchange.issued().implicit_confirm);
    assert!(matches!(office.send(&exchange.confirm(&seal, None)).read(), Answer::Confirmed));
    assert_eq!(office.records().count(Kind::Confirmed), 1);
}

#[test]
fn a_certificate_that_its_requester_rejects_is_revoked_at_the_ca() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let answer = office.send(&exchange.confirm(&seal, Some("the name is wrong")));
    assert!(matches!(answer.read(), Answer::Confirmed), "RFC 9483 section 4.1.1: pkiConf answers it, too");
    office.until("the CA revokes", || office.records().count(Kind::Revoked) == 1);
    assert_eq!(office.state(), "rejected");
    assert!(office.leaves("rejected") >= 1);
}

#[test]
fn silence_is_rejection() {
    let office = Office::open_with(|settings| settings.set("registrar", "confirm_seconds", 1));
    let code = office.one_time_code();
    let seal = Seal::code(&code);
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    exchange.issued();
    office.until("the CA revokes", || office.records().count(Kind::Revoked) == 1);
    office.until("the case is rejected", || office.state() == "rejected");
    // Who comes too late is told so, and nothing is brought back to life.
    let late = office.send(&exchange.confirm(&seal, None));
    assert!(matches!(late.read(), Answer::Error(_)));
    assert_eq!(office.records().count(Kind::Confirmed), 0);
    // DESIGN rule 11: rejection by silence frees the code.
    office.ask(&seal, &Request::new("CN=pump.plant.example")).issued();
}

#[test]
fn the_ca_is_confirmed_at_once_when_it_wants_that_and_the_requester_does_not() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"no_implicit_confirm": true}"#);
    let exchange = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    assert!(exchange.issued().implicit_confirm);
    let records = office.records();
    assert_eq!((records.count(Kind::Confirmed), records.count(Kind::Revoked)), (1, 0));
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn a_confirmation_of_another_certificate_is_bad_cert_id() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let mut status = cmp::CertStatus::about(&exchange.issued().certificate, 0, None);
    status.cert_hash = random().to_vec();
    let body = cmp::body::cert_conf(&[status]);
    let draft = cmp::client::next(exchange.sent.header(), exchange.answer.header(), random(), body);
    let answer = office.send(&seal.finish(draft));
    assert_eq!(answer.failure(), FailureInfo::BAD_CERT_ID, "RFC 9483 section 5.1.2");
    assert!(matches!(answer.read(), Answer::Error(_)), "cmp.md 1.2b: a fault of certConf is an error message");
    assert_eq!(office.records().count(Kind::Confirmed), 0);
}

#[test]
fn a_confirmation_without_the_right_nonce_changes_nothing() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let issued = exchange.issued();
    let about = (&issued.certificate, issued.cert_req_id);
    let mut draft = cmp::client::confirm(exchange.sent.header(), exchange.answer.header(), random(), about, None);
    draft.recip_nonce = Some(random().to_vec());
    let answer = office.send(&seal.finish(draft));
    assert_eq!(answer.failure(), FailureInfo::BAD_RECIPIENT_NONCE);
    assert_eq!(office.records().count(Kind::Confirmed), 0);
}

#[test]
fn a_restart_between_answer_and_confirmation_loses_nothing() {
    let mut office = Office::open();
    let seal = Seal::device(&office);
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    exchange.issued();
    office.kill();
    office.start();
    assert!(matches!(office.send(&exchange.confirm(&seal, None)).read(), Answer::Confirmed));
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Confirmed), records.count(Kind::Revoked)), (1, 1, 0));
}
