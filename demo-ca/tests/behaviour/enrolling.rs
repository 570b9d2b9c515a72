use certs::path::{self, PathQuery, Purpose};
use certs::{AltName, Extension, KeyUsage, Signer as _, oid};
use cmp::crmf;
use cmp::{BodyKind, FailureInfo, Popo, body};
use demo_ca::Kind;
use demo_ca::pki::DEMO_POLICY;

use crate::office::{Office, csr, key, request, subject, template};

#[tokio::test]
async fn a_pkcs10_request_gets_a_certificate_with_what_it_asks_for() {
    let office = Office::open().await;
    let key = key();
    let exchange = office.ask(body::p10cr(&csr(&key).await), true).await;
    let issued = exchange.issued();
    assert_eq!(exchange.answer.body().kind(), BodyKind::Cp);
    assert_eq!(issued.cert_req_id, -1);
    assert!(issued.implicit_confirm);
    let certificate = &issued.certificate;
    assert_eq!(*certificate.subject(), subject());
    assert_eq!(certificate.public_key(), key.public_key());
    assert_eq!(certificate.alt_names(), [AltName::Dns("machine.example".to_owned())]);
    assert_eq!(certificate.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
    assert_eq!(certificate.not_after().0 - certificate.not_before().0, 90 * 24 * 3600 * 1000);
    assert!(certificate.extension(oid::CRL_DISTRIBUTION_POINTS).is_some());
    let query = PathQuery {
        end: certificate,
        intermediates: std::slice::from_ref(&office.pki.issuing.certificate),
        anchors: &office.pki.anchors(),
        at: office.now(),
        purpose: Purpose::ClientAuth,
        crls: &[office.crl().await],
        crl_required: false,
        policies: Some(&[DEMO_POLICY]),
    };
    path::validate(&query).unwrap();
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn each_request_is_answered_in_its_own_kind() {
    let office = Office::open().await;
    for (body, kind) in [(body::ir as fn(&[u8]) -> Vec<u8>, BodyKind::Ip), (body::cr, BodyKind::Cp)] {
        let key = key();
        let exchange = office.ask(body(&request(&template(&key), &key).await), true).await;
        assert_eq!(exchange.answer.body().kind(), kind);
        let issued = exchange.issued();
        assert_eq!(issued.cert_req_id, 0);
        assert_eq!(issued.certificate.public_key(), key.public_key());
    }
}

#[tokio::test]
async fn an_authority_says_that_it_has_verified_possession() {
    let office = Office::open().await;
    let message = crmf::message(&crmf::request(0, &template(&key())), Some(&Popo::RaVerified));
    office.ask(body::cr(&message), true).await.issued();
}

#[tokio::test]
async fn a_request_with_another_keys_signature_has_bad_pop() {
    let office = Office::open().await;
    let message = request(&template(&key()), &key()).await;
    assert_eq!(office.ask(body::cr(&message), true).await.failure(), FailureInfo::BAD_POP);
    assert_eq!(office.count(Kind::Issued).await, 0);
    assert_eq!(office.count(Kind::Refused).await, 1);
}

#[tokio::test]
async fn usage_and_purposes_come_from_the_request_and_the_rest_is_reported() {
    let office = Office::open().await;
    let key = key();
    let mut template = template(&key);
    template.extensions = vec![
        Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT),
        Extension::extended_key_usage(&[oid::CLIENT_AUTH]),
        Extension::certificate_policies(&[oid::ANY_POLICY]),
    ];
    let issued = office.ask(body::ir(&request(&template, &key).await), true).await.issued();
    let usage = issued.certificate.key_usage().unwrap();
    assert!(usage.contains(KeyUsage::KEY_AGREEMENT));
    assert_eq!(issued.certificate.extended_key_usages().unwrap(), [oid::CLIENT_AUTH]);
    let text = issued.with_mods.unwrap().join("");
    assert!(text.contains(&oid::CERTIFICATE_POLICIES.to_string()), "{text}");
}

#[tokio::test]
async fn nobody_becomes_an_authority() {
    let office = Office::open().await;
    for extension in [Extension::key_usage(KeyUsage::KEY_CERT_SIGN), Extension::basic_constraints(true, None)] {
        let key = key();
        let mut template = template(&key);
        template.extensions = vec![extension];
        let exchange = office.ask(body::ir(&request(&template, &key).await), true).await;
        assert_eq!(exchange.failure(), FailureInfo::BAD_CERT_TEMPLATE);
    }
}
