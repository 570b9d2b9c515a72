use certs::Name;
use cmp::client::Answer;
use cmp::{FailureInfo, RevDetails, body};
use demo_ca::Kind;

use crate::office::Office;

#[tokio::test]
async fn a_revoked_certificate_is_on_the_list_with_its_reason_also_after_a_restart() {
    let mut office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    assert!(office.crl().await.is_empty());
    let exchange = office.ask(body::rr(&RevDetails::compose_for(&certificate, Some(1))), false).await;
    assert!(matches!(exchange.read(), Answer::Revoked));
    assert_eq!(office.crl().await.revoked(certificate.serial()).unwrap().reason, 1);
    office.restart().await;
    assert_eq!(office.crl().await.revoked(certificate.serial()).unwrap().reason, 1);
}

#[tokio::test]
async fn nothing_is_revoked_twice() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    let rr = body::rr(&RevDetails::compose_for(&certificate, None));
    let all = futures(&office, &rr).await;
    let revoked = all.iter().filter(|failure| failure.is_none()).count();
    assert_eq!(revoked, 1, "{all:?}");
    assert!(all.iter().flatten().all(|failure| *failure == FailureInfo::CERT_REVOKED));
    assert_eq!(office.count(Kind::Revoked).await, 1);
}

/// The same revocation, asked for four times at once.
async fn futures(office: &Office, rr: &[u8]) -> Vec<Option<FailureInfo>> {
    let one = async || {
        let exchange = office.ask(rr.to_vec(), false).await;
        match exchange.read() {
            Answer::Revoked => None,
            _ => Some(exchange.failure()),
        }
    };
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    vec![a, b, c, d]
}

#[tokio::test]
async fn what_was_not_issued_here_is_not_revoked_here() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    for details in [
        RevDetails::compose(certificate.issuer(), &[1, 2, 3], None),
        RevDetails::compose(&Name::from_text("CN=Another CA").unwrap(), certificate.serial(), None),
    ] {
        assert_eq!(office.ask(body::rr(&details), false).await.failure(), FailureInfo::BAD_CERT_ID);
    }
    assert!(office.crl().await.is_empty());
}

#[tokio::test]
async fn an_unconfirmed_certificate_that_is_revoked_is_revoked_once() {
    let office = Office::open().await;
    let certificate = office.enrol(false).await.issued().certificate;
    office.ask(body::rr(&RevDetails::compose_for(&certificate, Some(4))), false).await.read();
    office.later(301);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(office.count(Kind::Revoked).await, 1);
    assert_eq!(office.crl().await.revoked(certificate.serial()).unwrap().reason, 4);
}

#[tokio::test]
async fn what_is_on_hold_may_be_released_and_then_revoked_for_good() {
    let mut office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    let rr = async |office: &Office, reason| {
        office.ask(body::rr(&RevDetails::compose_for(&certificate, Some(reason))), false).await
    };
    assert_eq!(rr(&office, 8).await.failure(), FailureInfo::INCORRECT_DATA);
    assert!(matches!(rr(&office, 6).await.read(), Answer::Revoked));
    assert_eq!(office.crl().await.revoked(certificate.serial()).unwrap().reason, 6);
    assert_eq!(rr(&office, 6).await.failure(), FailureInfo::CERT_REVOKED);
    assert!(matches!(rr(&office, 8).await.read(), Answer::Revoked));
    assert!(office.crl().await.is_empty());
    office.restart().await;
    assert!(office.crl().await.is_empty());
    rr(&office, 6).await.read();
    rr(&office, 1).await.read();
    assert_eq!(office.crl().await.revoked(certificate.serial()).unwrap().reason, 1);
    assert_eq!(rr(&office, 8).await.failure(), FailureInfo::CERT_REVOKED);
}

#[tokio::test]
async fn the_certificate_of_a_registration_authority_can_be_revoked() {
    let office = Office::open().await;
    let ra = office.ra();
    let other = office.another_ra("Another RA").await;
    let rr = body::rr(&RevDetails::compose_for(&ra.certificate, Some(1)));
    assert!(matches!(office.ask_as(&other, rr, false).await.read(), Answer::Revoked));
    assert_eq!(office.enrol(true).await.failure(), FailureInfo::SIGNER_NOT_TRUSTED);
    // And its own, though no file nor record has it.
    let rr = body::rr(&RevDetails::compose_for(&other.certificate, Some(5)));
    assert!(matches!(office.ask_as(&other, rr, false).await.read(), Answer::Revoked));
    assert_eq!(office.crl().await.len(), 2);
}

#[tokio::test]
async fn what_has_expired_is_not_revoked() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    office.later(91 * 24 * 3600);
    let exchange = office.ask(body::rr(&RevDetails::compose_for(&certificate, None)), false).await;
    assert_eq!(exchange.failure(), FailureInfo::CERT_REVOKED);
}
