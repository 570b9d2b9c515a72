use certs::algorithm::Digest;
use cmp::client::Answer;
use cmp::{BodyKind, FailureInfo, StatusInfo};
use demo_ca::Kind;
use demo_ca::settings::Settings;

use crate::office::{Office, csr, key};

#[tokio::test]
async fn a_confirmed_certificate_stays_good() {
    let office = Office::open().await;
    let exchange = office.enrol(false).await;
    let issued = exchange.issued();
    assert!(!issued.implicit_confirm);
    assert_eq!(issued.confirm_wait_time.unwrap().seconds(), office.now().plus(300_000).seconds());
    let confirmed = office.next(exchange.confirm(None)).await;
    assert!(matches!(confirmed.read(), Answer::Confirmed));
    office.later(400);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(office.count(Kind::Revoked).await, 0);
    assert_eq!(office.count(Kind::Confirmed).await, 1);
}

#[tokio::test]
async fn a_certificate_that_nobody_confirms_is_revoked() {
    let mut office = Office::open().await;
    let exchange = office.enrol(false).await;
    office.restart().await;
    office.later(301);
    office.until(Kind::Revoked, 1).await;
    assert!(office.crl().await.revoked(exchange.issued().certificate.serial()).is_some());
    let late = office.next(exchange.confirm(None)).await;
    assert_eq!(late.failure(), FailureInfo::CERT_REVOKED);
}

#[tokio::test]
async fn a_rejected_certificate_is_revoked() {
    let office = Office::open().await;
    let exchange = office.enrol(false).await;
    let rejection = StatusInfo::rejection(FailureInfo::INCORRECT_DATA, "another name");
    let confirmed = office.next(exchange.confirm(Some(rejection))).await;
    assert_eq!(confirmed.answer.body().kind(), BodyKind::PkiConf);
    assert!(office.crl().await.revoked(exchange.issued().certificate.serial()).is_some());
}

#[tokio::test]
async fn a_confirmation_of_another_certificate_is_an_error_and_revokes() {
    let office = Office::open().await;
    let other = office.enrol(true).await.issued().certificate;
    let exchange = office.enrol(false).await;
    let mut draft = exchange.confirm(None);
    draft.body = cmp::body::cert_conf(&[cmp::CertStatus::about(&other, -1, None)]);
    assert_eq!(office.next(draft).await.failure(), FailureInfo::BAD_CERT_ID);
    let crl = office.crl().await;
    assert!(crl.revoked(exchange.issued().certificate.serial()).is_some());
    assert!(crl.revoked(other.serial()).is_none());
}

#[tokio::test]
async fn a_confirmation_needs_the_nonce_of_our_answer_and_a_wrong_one_changes_nothing() {
    let office = Office::open().await;
    let exchange = office.enrol(false).await;
    let mut draft = exchange.confirm(None);
    draft.recip_nonce = Some(vec![7; 16]);
    assert_eq!(office.next(draft).await.failure(), FailureInfo::BAD_RECIPIENT_NONCE);
    let confirmed = office.next(exchange.confirm(None)).await;
    assert!(matches!(confirmed.read(), Answer::Confirmed));
}

#[tokio::test]
async fn what_was_confirmed_is_not_confirmed_again() {
    let office = Office::open().await;
    let exchange = office.enrol(false).await;
    let confirmed = office.next(exchange.confirm(None)).await;
    let mut again = exchange.confirm(None);
    again.recip_nonce.clone_from(&confirmed.answer.header().sender_nonce);
    assert_eq!(office.next(again).await.failure(), FailureInfo::CERT_CONFIRMED);
}

#[tokio::test]
async fn implicit_confirmation_can_be_switched_off() {
    let office = Office::with(&Settings { implicit_confirm: false, ..Settings::default() }).await;
    let issued = office.enrol(true).await.issued();
    assert!(!issued.implicit_confirm);
    assert!(issued.confirm_wait_time.is_some());
}

#[tokio::test]
async fn the_answer_has_the_version_of_the_request() {
    let office = Office::open().await;
    for version in [2, 3] {
        let mut draft = office.draft(office.ra(), cmp::body::p10cr(&csr(&key()).await), false);
        draft.pvno = version;
        let exchange = office.next(draft).await;
        assert_eq!(exchange.answer.header().pvno, version);
        let confirmed = office.next(exchange.confirm(None)).await;
        assert_eq!(confirmed.answer.header().pvno, version);
    }
}

#[tokio::test]
async fn a_confirmation_may_name_its_hash_in_the_third_version() {
    let office = Office::open().await;
    let exchange = office.enrol(false).await;
    let certificate = exchange.issued().certificate;
    let status = cmp::CertStatus {
        cert_hash: Digest::Sha512.hash(certificate.der()),
        cert_req_id: 0,
        status: None,
        hash_alg: Some(Digest::Sha512.identifier()),
    };
    let mut draft = exchange.confirm(None);
    draft.body = cmp::body::cert_conf(&[status]);
    assert_eq!(office.next(draft.clone()).await.failure(), FailureInfo::BAD_REQUEST);
    draft.pvno = 3;
    assert!(matches!(office.next(draft).await.read(), Answer::Confirmed));
}
