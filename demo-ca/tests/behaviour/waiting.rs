//! Delayed delivery of each kind of answer (RFC 9483 section 4.4).

use certs::Signer as _;
use cmp::client::{self, Answer};
use cmp::{Body, BodyKind, FailureInfo, InfoTypeAndValue, RevDetails, Status, body};
use demo_ca::Kind;

use crate::exchange::Exchange;
use crate::office::{Office, body_for, key, parse, random, request, subject, template};

/// An error message that says nothing but "waiting": failInfo is prohibited in it.
fn assert_waiting_error(exchange: &Exchange) {
    let Body::Error(content) = exchange.answer.body() else { panic!("no error message") };
    assert_eq!(content.status.status, Status::Waiting);
    assert_eq!(content.status.failure, None);
    assert!(matches!(client::read(&exchange.answer).unwrap(), Answer::Waiting { cert_req_id: -1 }));
}

/// One pollRep, then the answer.
async fn poll(office: &Office, first: &Exchange, id: i64) -> Exchange {
    let again = office.next(first.poll(id)).await;
    let Body::PollRep(entries) = again.answer.body() else { panic!("no pollRep") };
    assert_eq!(entries[0].cert_req_id, id);
    let last = office.next(again.poll(id)).await;
    client::check_polled(&first.sent, &last.sent, &last.answer).unwrap();
    last
}

async fn wait_for(office: &Office, body: &str) {
    office.mischief(&format!(r#"{{"waiting": {{"polls": 1, "check_after": 3}}, "bodies": ["{body}"]}}"#)).await;
}

#[tokio::test]
async fn each_certificate_response_may_come_later() {
    let office = Office::open().await;
    for (name, body, kind) in [("ir", body::ir as fn(&[u8]) -> Vec<u8>, BodyKind::Ip), ("cr", body::cr, BodyKind::Cp)] {
        wait_for(&office, name).await;
        let first = office.ask(body_for(body, &subject()).await, true).await;
        assert_eq!(first.answer.body().kind(), kind);
        assert!(matches!(first.read(), Answer::Waiting { cert_req_id: 0 }));
        let last = poll(&office, &first, 0).await;
        assert_eq!(last.answer.body().kind(), kind);
        last.issued();
    }
}

#[tokio::test]
async fn an_update_response_may_come_later() {
    let office = Office::open().await;
    let holder = office.holder().await;
    wait_for(&office, "kur").await;
    let first = office.ask_as(&holder, body_for(body::kur, &subject()).await, true).await;
    assert_eq!(first.answer.body().kind(), BodyKind::Kup);
    assert!(matches!(first.read(), Answer::Waiting { cert_req_id: 0 }));
    let poll = office.send(&office.seal(first.poll(0), &holder).await).await;
    let last = office.send(&office.seal(poll.poll(0), &holder).await).await;
    assert_eq!(last.answer.body().kind(), BodyKind::Kup);
    last.issued();
}

#[tokio::test]
async fn a_revocation_response_may_come_later() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    wait_for(&office, "rr").await;
    let first = office.ask(body::rr(&RevDetails::compose_for(&certificate, Some(4))), false).await;
    assert_waiting_error(&first);
    assert!(office.crl().await.is_empty());
    assert!(matches!(client::read(&poll(&office, &first, -1).await.answer).unwrap(), Answer::Revoked));
    assert_eq!(office.crl().await.revoked(certificate.serial()).unwrap().reason, 4);
}

#[tokio::test]
async fn a_general_response_may_come_later() {
    let office = Office::open().await;
    wait_for(&office, "genm").await;
    let question = InfoTypeAndValue { oid: cmp::oid::CURRENT_CRL, value: None };
    let first = office.ask(body::genm(&[question]), false).await;
    assert_waiting_error(&first);
    assert_eq!(poll(&office, &first, -1).await.answer.body().kind(), BodyKind::Genp);
}

#[tokio::test]
async fn a_confirmation_may_be_answered_later_and_counts_from_when_it_came() {
    let mut office = Office::open().await;
    wait_for(&office, "certConf").await;
    let issued = office.enrol(false).await;
    let first = office.next(issued.confirm(None)).await;
    assert_waiting_error(&first);
    office.later(301);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    office.restart().await;
    let last = poll(&office, &first, -1).await;
    assert!(matches!(client::read(&last.answer).unwrap(), Answer::Confirmed));
    assert_eq!((office.count(Kind::Confirmed).await, office.count(Kind::Revoked).await), (1, 0));
}

#[tokio::test]
async fn a_confirmation_of_what_was_revoked_while_it_waited_is_refused() {
    let office = Office::open().await;
    wait_for(&office, "certConf").await;
    let issued = office.enrol(false).await;
    let first = office.next(issued.confirm(None)).await;
    office.ask(body::rr(&RevDetails::compose_for(&issued.issued().certificate, None)), false).await.read();
    let last = poll(&office, &first, -1).await;
    assert_eq!(last.answer.body().kind(), BodyKind::Error);
    assert_eq!(last.failure(), FailureInfo::CERT_REVOKED);
}

#[tokio::test]
async fn a_poll_names_the_response_it_is_about() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    wait_for(&office, "rr").await;
    let first = office.ask(body::rr(&RevDetails::compose_for(&certificate, None)), false).await;
    let wrong = office.next(first.poll(0)).await;
    assert_eq!(wrong.answer.body().kind(), BodyKind::Error);
    assert_eq!(wrong.failure(), FailureInfo::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_refused_after_polling_is_refused_in_its_own_body() {
    let office = Office::open().await;
    wait_for(&office, "ir").await;
    let other = key();
    let first = office.ask(body::ir(&request(&template(&key()), &other).await), true).await;
    assert_ne!(template(&key()).public_key.as_ref(), Some(other.public_key()));
    let last = poll(&office, &first, 0).await;
    assert_eq!(last.answer.body().kind(), BodyKind::Ip);
    assert_eq!(last.failure(), FailureInfo::BAD_POP);
}

#[tokio::test]
async fn the_final_answer_may_have_the_nonce_of_the_request() {
    let office = Office::open().await;
    wait_for(&office, "ir").await;
    let first = office.ask(body_for(body::ir, &subject()).await, true).await;
    office.mischief(r#"{"next": 2, "bodies": ["pollReq"], "original_nonce": true}"#).await;
    let last = poll(&office, &first, 0).await;
    assert_eq!(last.answer.header().recip_nonce, first.sent.header().sender_nonce);
}

#[tokio::test]
async fn the_answers_to_a_batch_may_come_later_all_together() {
    let office = Office::open().await;
    wait_for(&office, "nested").await;
    let (device, ra) = (&office.pki.device, office.ra());
    let inner = office.draft(device, body_for(body::ir, device.certificate.subject()).await, true);
    let inner = office.seal(inner, device).await;
    let recipient = office.pki.cmp_signer.certificate.subject();
    let batch = cmp::relay::batch(&[&inner], ra.certificate.subject(), recipient, random(), random());
    let first = office.next(batch).await;
    assert_waiting_error(&first);
    assert_eq!(office.count(Kind::Issued).await, 0);
    let last = poll(&office, &first, -1).await;
    let Body::Nested(answers) = last.answer.body() else { panic!("no nested answer") };
    let [answer] = answers.as_slice() else { panic!("not one answer") };
    Exchange { sent: parse(&inner), answer: parse(answer) }.issued();
    assert_eq!(office.newest(Kind::Issued).await.batch, first.sent.header().transaction_id.clone().unwrap());
}
