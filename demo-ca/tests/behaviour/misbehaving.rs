use std::time::{Duration, Instant};

use certs::{AltName, Name, Signer as _};
use cmp::client::{self, Answer};
use cmp::{FailureInfo, Protection, RevDetails, body};
use demo_ca::Kind;
use demo_ca::pki::Part;

use crate::office::{Office, csr, key, parse, subject};

/// A new request and its raw answer, which need not be the CA's.
async fn raw(office: &Office) -> (cmp::Message, cmp::Message) {
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    let (status, answer) = office.post("/cmp", "application/pkixcmp", &message).await.unwrap();
    assert_eq!(status, 200);
    (parse(&message), parse(&answer))
}

fn verifies(answer: &cmp::Message) -> bool {
    let Protection::Signature(proof) = answer.protection_kind().unwrap() else {
        return false;
    };
    proof.verify(answer.signer_certificate().unwrap().public_key()).is_ok()
}

#[tokio::test]
async fn waiting_ends_after_as_many_polls_as_asked_also_over_a_restart() {
    let mut office = Office::open().await;
    office.mischief(r#"{"waiting": {"polls": 2, "check_after": 7}}"#).await;
    let first = office.enrol(false).await;
    assert!(matches!(first.read(), Answer::Waiting { cert_req_id: -1 }));
    let poll = office.next(first.poll(-1)).await;
    assert!(matches!(poll.read(), Answer::PollAgain { after: 7 }));
    office.restart().await;
    let poll = office.next(poll.poll(-1)).await;
    assert!(matches!(poll.read(), Answer::PollAgain { after: 7 }));
    assert_eq!(office.count(Kind::Issued).await, 0);
    let last = office.next(poll.poll(-1)).await;
    client::check_polled(&first.sent, &last.sent, &last.answer).unwrap();
    assert_eq!(*last.issued().certificate.subject(), subject());
    assert!(last.issued().confirm_wait_time.is_some());
    office.next(last.confirm(None)).await.read();
    assert_eq!(office.count(Kind::Issued).await, 1);
    assert_eq!(office.count(Kind::Confirmed).await, 1);
}

#[tokio::test]
async fn a_revocation_may_have_to_wait_too() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    office.mischief(r#"{"waiting": {"polls": 0, "check_after": 1}, "bodies": ["rr"]}"#).await;
    let first = office.ask(body::rr(&RevDetails::compose_for(&certificate, None)), false).await;
    assert!(matches!(client::read(&first.answer).unwrap(), Answer::Waiting { .. }));
    assert!(office.crl().await.is_empty());
    let last = office.next(first.poll(-1)).await;
    assert!(matches!(client::read(&last.answer).unwrap(), Answer::Revoked));
    assert!(office.crl().await.revoked(certificate.serial()).is_some());
}

#[tokio::test]
async fn a_wrong_key_signs_under_the_authoritys_certificate() {
    let office = Office::open().await;
    office.mischief(r#"{"wrong_key": true}"#).await;
    let (_, answer) = raw(&office).await;
    assert_eq!(answer.signer_certificate().unwrap(), office.pki.cmp_signer.certificate);
    assert!(!verifies(&answer));
    assert!(verifies(&raw(&office).await.1));
}

#[tokio::test]
async fn another_key_signs_under_its_own_certificate() {
    let office = Office::open().await;
    let folder = office.pki.folder();
    for (part, identity) in [(Part::Device, &office.pki.device), (Part::SecondRa, &office.pki.second_ra)] {
        let json = serde_json::json!({"device_signed": {
            "certificate": part.certificate_file(folder),
            "key": part.key_file(folder),
        }});
        office.mischief(&json.to_string()).await;
        let (_, answer) = raw(&office).await;
        assert_eq!(answer.signer_certificate().unwrap(), identity.certificate);
        assert!(verifies(&answer));
    }
}

#[tokio::test]
async fn an_answer_can_be_unprotected_or_another_transactions() {
    let office = Office::open().await;
    office.mischief(r#"[{"unprotected": true}, {"wrong_transaction": true}, {"wrong_nonce": true}]"#).await;
    assert!(matches!(raw(&office).await.1.protection_kind().unwrap(), Protection::None));
    for _ in 0..2 {
        let (sent, answer) = raw(&office).await;
        assert!(client::check_answer(&sent, &answer).is_err());
    }
    let (sent, answer) = raw(&office).await;
    client::check_answer(&sent, &answer).unwrap();
}

#[tokio::test]
async fn a_dropped_answer_was_written_down_and_a_repeat_gets_it() {
    let office = Office::open().await;
    office.mischief(r#"{"drop": true}"#).await;
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    assert!(office.post("/cmp", "application/pkixcmp", &message).await.is_none());
    office.until(Kind::Issued, 1).await;
    let issued = office.send(&message).await.issued();
    let records = office.records().await;
    let record = records.iter().find(|record| record.kind == Kind::Issued).unwrap();
    assert_eq!(record.serial, issued.certificate.serial());
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn an_ignored_request_is_not_done() {
    let office = Office::open().await;
    office.mischief(r#"[{"ignore": true}, {"http_status": 503}]"#).await;
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    assert!(office.post("/cmp", "application/pkixcmp", &message).await.is_none());
    assert_eq!(office.post("/cmp", "application/pkixcmp", &message).await.unwrap().0, 503);
    assert_eq!(office.count(Kind::Issued).await, 0);
    office.send(&message).await.issued();
}

#[tokio::test]
async fn an_answer_comes_late_and_a_requester_that_left_finds_it_done() {
    let office = Office::open().await;
    office.mischief(r#"{"delay_ms": 400}"#).await;
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    let start = Instant::now();
    let impatient = tokio::time::timeout(Duration::from_millis(100), office.send(&message)).await;
    assert!(impatient.is_err());
    office.until(Kind::Issued, 1).await;
    assert!(start.elapsed() >= Duration::from_millis(400));
    office.send(&message).await.issued();
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn a_request_is_refused_with_the_words_asked_for() {
    let office = Office::open().await;
    office.mischief(r#"{"refuse": {"failure": "unacceptedPolicy", "text": "not on Sundays"}}"#).await;
    let exchange = office.enrol(true).await;
    assert_eq!(exchange.failure(), FailureInfo::UNACCEPTED_POLICY);
    let Answer::Rejected(status) = exchange.read() else { panic!("no rejection") };
    assert_eq!(status.text, ["not on Sundays"]);
}

#[tokio::test]
async fn a_refusal_comes_without_protection_and_under_another_http_status() {
    let office = Office::open().await;
    let refuse = r#""refuse": {"failure": "systemUnavail", "text": "closed"}"#;
    for status in [200, 400, 503] {
        office.mischief(&format!(r#"{{{refuse}, "unprotected": true, "answer_status": {status}}}"#)).await;
        let message = office.first(body::p10cr(&csr(&key()).await), true).await;
        let (found, answer) = office.post("/cmp", "application/pkixcmp", &message).await.unwrap();
        assert_eq!(found, status);
        let answer = parse(&answer);
        assert_eq!(answer.body().kind(), cmp::BodyKind::Error);
        assert!(matches!(answer.protection_kind().unwrap(), Protection::None));
    }
}

#[tokio::test]
async fn each_kind_of_message_can_be_refused() {
    let office = Office::open().await;
    office.mischief(r#"{"next": 3, "bodies": ["genm", "certConf", "pollReq"], "refuse": {"failure": "systemFailure", "text": "no"}}"#).await;
    let genm = office.ask(body::genm(&[]), false).await;
    assert_eq!(genm.failure(), FailureInfo::SYSTEM_FAILURE);
    let issued = office.enrol(false).await;
    assert_eq!(office.next(issued.confirm(None)).await.failure(), FailureInfo::SYSTEM_FAILURE);
    // The certificate is still unconfirmed, and revoked in the end (RFC 9483 section 3.6.4).
    office.later(301);
    office.until(Kind::Revoked, 1).await;
    office.mischief(r#"{"next": 0}"#).await;
}

#[tokio::test]
async fn what_is_granted_as_asked_is_said_to_be_changed() {
    let office = Office::open().await;
    office.mischief(r#"{"with_mods": "shorter than you like"}"#).await;
    let issued = office.enrol(true).await.issued();
    assert_eq!(issued.with_mods.unwrap(), ["shorter than you like"]);
}

#[tokio::test]
async fn implicit_confirmation_is_not_granted() {
    let office = Office::open().await;
    office.mischief(r#"{"no_implicit_confirm": true}"#).await;
    assert!(!office.enrol(true).await.issued().implicit_confirm);
}

#[tokio::test]
async fn a_certificate_is_not_what_was_asked_for() {
    let office = Office::open().await;
    let twisted = async |twist: &str| {
        office.mischief(&format!(r#"{{"certificate": {twist}}}"#)).await;
        let key = key();
        let issued = office.ask(body::p10cr(&csr(&key).await), true).await.issued();
        (issued.certificate, key)
    };
    let (certificate, _) = twisted(r#"{"subject": "CN=somebody else"}"#).await;
    assert_eq!(*certificate.subject(), Name::from_text("CN=somebody else").unwrap());
    let (certificate, key) = twisted(r#"{"public_key": true}"#).await;
    assert_ne!(certificate.public_key(), key.public_key());
    let (certificate, _) = twisted(r#"{"validity_days": 3650}"#).await;
    assert_eq!(certificate.not_after().0 - certificate.not_before().0, 3650 * 24 * 3600 * 1000);
    let (certificate, _) = twisted(r#"{"extra_dns": "bank.example"}"#).await;
    assert!(certificate.alt_names().contains(&AltName::Dns("bank.example".to_owned())));
    assert_eq!(certificate.alt_names().len(), 2);
    let (certificate, _) = twisted(r#"{"authority": true}"#).await;
    assert!(certificate.is_ca());
}
