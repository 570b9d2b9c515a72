use aws_lc_rs::rand::SystemRandom;
use cmp::{BodyKind, FailureInfo, MacKey, body};
use demo_ca::Kind;
use demo_ca::pki::{Identity, Part, Pki};
use demo_ca::settings::Settings;

use crate::office::{Office, csr, key, parse};

/// What somebody is told who asks with this certificate.
async fn told(office: &Office, from: &Identity) -> FailureInfo {
    let draft = office.draft(from, body::p10cr(&csr(&key()).await), true);
    let exchange = office.send(&office.seal(draft, from).await).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
    exchange.failure()
}

#[tokio::test]
async fn who_is_nobody_here_is_not_trusted() {
    let office = Office::open().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = Pki::create(elsewhere.path(), office.now(), &SystemRandom::new()).await.unwrap();
    assert_eq!(told(&office, &elsewhere.device).await, FailureInfo::SIGNER_NOT_TRUSTED);
    assert_eq!(told(&office, &elsewhere.second_ra).await, FailureInfo::SIGNER_NOT_TRUSTED);
    assert_eq!(office.count(Kind::Issued).await, 0);
    office.until(Kind::Refused, 2).await;
}

#[tokio::test]
async fn a_key_that_is_not_certified_here_gets_nothing_under_anothers_certificate() {
    let office = Office::open().await;
    let thief = Identity::new(office.ra().certificate.clone(), key());
    assert_eq!(told(&office, &thief).await, FailureInfo::BAD_MESSAGE_CHECK);
}

#[tokio::test]
async fn a_certificate_that_the_settings_list_may_ask() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = Pki::create(dir.path(), demo_ca::system_clock()(), &SystemRandom::new()).await.unwrap();
    let settings = Settings {
        registration_authorities: vec![Part::Device.certificate_file(elsewhere.folder())],
        ..Settings::default()
    };
    let office = Office::with(&settings).await;
    let listed = &elsewhere.device;
    let draft = office.draft(listed, body::p10cr(&csr(&key()).await), true);
    office.send(&office.seal(draft, listed).await).await.issued();
}

#[tokio::test]
async fn secrets_and_no_protection_are_not_taken() {
    let office = Office::open().await;
    let body = body::p10cr(&csr(&key()).await);
    let unprotected = office.draft(office.ra(), body.clone(), true).unprotected(&[]);
    assert_eq!(office.send(&unprotected).await.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    let secret = MacKey::from_secret(b"secret", [1; 16], 500, b"reference");
    let mac = office.draft(office.ra(), body, true).mac(&secret, &[]);
    assert_eq!(office.send(&mac).await.failure(), FailureInfo::WRONG_INTEGRITY);
}

#[tokio::test]
async fn a_stranger_does_not_spoil_a_transaction() {
    let office = Office::open().await;
    let exchange = office.enrol(false).await;
    let unprotected = exchange.confirm(None).unprotected(&[]);
    assert_eq!(office.send(&unprotected).await.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    let other = office.pki.issue_device("DEVICE-9", office.now(), &SystemRandom::new()).await.unwrap();
    let mut draft = exchange.confirm(None);
    draft.sender = other.certificate.subject().clone();
    let exchange_of_stranger = office.send(&office.seal(draft, &other).await).await;
    assert_eq!(exchange_of_stranger.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    office.next(exchange.confirm(None)).await.read();
    assert_eq!(office.count(Kind::Confirmed).await, 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_told_so() {
    let office = Office::open().await;
    let (status, answer) = office.post("/cmp", "application/pkixcmp", b"junk").await.unwrap();
    assert_eq!(status, 200);
    let answer = parse(&answer);
    assert_eq!(answer.body().kind(), BodyKind::Error);
    office.check_protection(&answer);
    assert_eq!(office.post("/cmp", "text/plain", b"junk").await.unwrap().0, 415);
    let large = vec![0; 70 * 1024];
    assert_eq!(office.post("/cmp", "application/pkixcmp", &large).await.unwrap().0, 413);
}

#[tokio::test]
async fn a_message_of_another_day_is_not_taken() {
    let office = Office::open().await;
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    office.later(3600);
    assert_eq!(office.send(&message).await.failure(), FailureInfo::BAD_TIME);
}
