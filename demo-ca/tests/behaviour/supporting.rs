//! Support messages (RFC 9483 section 4.3).

use certs::{AltName, Certificate, Crl, oid};
use cmp::support::{CrlSource, CrlStatus, KeySpec, Question, Reply, RootCaKeyUpdate};
use cmp::{Body, BodyKind, FailureInfo, InfoTypeAndValue, Limits, RevDetails, body};

use crate::office::Office;

async fn ask(office: &Office, question: Question) -> Reply {
    let exchange = office.ask(body::genm(&[question.encode()]), false).await;
    let Body::Genp(infos) = exchange.answer.body() else { panic!("no genp") };
    let [info] = infos.as_slice() else { panic!("not one answer") };
    assert_eq!(info.oid, question.answered_by());
    Reply::read(info, &Limits::default()).unwrap()
}

async fn next_root(office: &Office, root: Option<Vec<u8>>) -> Option<RootCaKeyUpdate> {
    let Reply::RootCaKeyUpdate(update) = ask(office, Question::RootCaCert(root)).await else { panic!("no update") };
    update
}

async fn crls(office: &Office, source: CrlSource, this_update: Option<certs::Millis>) -> Vec<Vec<u8>> {
    let Reply::Crls(all) = ask(office, Question::CrlStatus(CrlStatus { source, this_update })).await else {
        panic!("no crls")
    };
    all
}

#[tokio::test]
async fn the_authoritys_certificate_is_told_to_who_asks() {
    let office = Office::open().await;
    let Reply::CaCerts(all) = ask(&office, Question::CaCerts).await else { panic!("no caCerts") };
    assert_eq!(all, [office.pki.issuing.certificate.der()]);
}

#[tokio::test]
async fn the_next_root_is_trusted_by_who_trusts_the_old_one_and_stays_the_same() {
    let mut office = Office::open().await;
    let root = office.pki.root.certificate.clone();
    let update = next_root(&office, Some(root.der().to_vec())).await.unwrap();
    let parse = |der: &[u8]| Certificate::parse(der).unwrap();
    let new = parse(&update.new_with_new);
    new.verify_signature(new.public_key()).unwrap();
    assert!(new.is_ca());
    assert_ne!(new.public_key(), root.public_key());
    let bridge = parse(update.new_with_old.as_ref().unwrap());
    assert_eq!(bridge.public_key(), new.public_key());
    bridge.verify_signature(root.public_key()).unwrap();
    assert_eq!(bridge.not_after(), root.not_after());
    let back = parse(update.old_with_new.as_ref().unwrap());
    assert_eq!(back.public_key(), root.public_key());
    back.verify_signature(new.public_key()).unwrap();
    for certificate in [&new, &bridge, &back] {
        assert!(certificate.subject().matches(root.subject()));
        assert!(certificate.issuer().matches(root.subject()));
    }
    office.restart().await;
    assert_eq!(next_root(&office, None).await, Some(update));
    let other = office.pki.manufacturer.certificate.der().to_vec();
    assert_eq!(next_root(&office, Some(other)).await, None);
}

#[tokio::test]
async fn a_template_says_what_to_fill_in_and_which_keys_are_taken() {
    let office = Office::open().await;
    let Reply::CertReqTemplate(Some(found)) = ask(&office, Question::CertReqTemplate).await else {
        panic!("no template")
    };
    assert!(found.template.subject.as_ref().unwrap().is_empty());
    assert_eq!(found.template.issuer.as_ref(), Some(office.pki.issuing.certificate.subject()));
    assert!(found.template.extension(oid::SUBJECT_ALT_NAME).unwrap().value.is_empty());
    let KeySpec::Algorithm(algorithm) = &found.key_spec[0] else { panic!("no algorithm") };
    let key = office.pki.issuing.certificate.public_key().der();
    assert!(key.windows(algorithm.len()).any(|part| part == algorithm));
    assert_eq!(found.key_spec[1], KeySpec::RsaKeyLength(3072));
}

#[tokio::test]
async fn a_list_is_given_to_who_has_an_older_one() {
    let office = Office::open().await;
    let certificate = office.enrol(true).await.issued().certificate;
    let issuer = || CrlSource::Issuer(vec![AltName::DirectoryName(certificate.issuer().clone())]);
    let first = crls(&office, issuer(), None).await;
    let had = Crl::parse(&first[0]).unwrap().this_update();
    assert_eq!(crls(&office, issuer(), Some(had)).await, Vec::<Vec<u8>>::new());
    office.later(2);
    office.ask(body::rr(&RevDetails::compose_for(&certificate, None)), false).await.read();
    let newer = crls(&office, issuer(), Some(had)).await;
    assert!(Crl::parse(&newer[0]).unwrap().revoked(certificate.serial()).is_some());
    let point = |uri: String| CrlSource::DistributionPoint(vec![AltName::Uri(uri)]);
    assert_eq!(crls(&office, point(office.uri("/ca.crl")), Some(had)).await, newer);
    assert!(crls(&office, point("http://elsewhere.example/ca.crl".to_owned()), None).await.is_empty());
    let Reply::CurrentCrl(current) = ask(&office, Question::CurrentCrl).await else { panic!("no currentCRL") };
    assert_eq!(current, newer[0]);
}

#[tokio::test]
async fn a_value_where_none_belongs_and_a_question_without_answer_are_bad_requests() {
    let office = Office::open().await;
    let null = Some(vec![5, 0]);
    let unknown = cmp::oid::IMPLICIT_CONFIRM;
    for (oid, value) in [
        (cmp::oid::CA_CERTS, null.clone()),
        (cmp::oid::CURRENT_CRL, null.clone()),
        (cmp::oid::CERT_REQ_TEMPLATE, null),
        (cmp::oid::CRL_STATUS_LIST, None),
        (unknown, None),
    ] {
        let exchange = office.ask(body::genm(&[InfoTypeAndValue { oid, value }]), false).await;
        assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
        assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST, "{oid}");
    }
    assert_eq!(office.ask(body::genm(&[]), false).await.failure(), FailureInfo::BAD_REQUEST);
}
