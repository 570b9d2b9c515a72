//! Messages in the hands of registration authorities (RFC 9483 sections 5.2 and 5.3).

use certs::Name;
use cmp::client::{self, Answer};
use cmp::crmf::{self, Control};
use cmp::{BodyKind, FailureInfo, InfoTypeAndValue, MacKey, Popo, RevDetails, body, relay};
use demo_ca::{Form, Kind, Original, Pop};

use crate::exchange::Exchange;
use crate::office::{Office, body_for, key, parse, random, request, subject, template};

#[tokio::test]
async fn a_wrapped_request_is_answered_plainly_and_the_records_tell_who_signed() {
    let office = Office::open().await;
    let (device, ra) = (&office.pki.device, office.ra());
    // Approved by the RA, another name than the device's own is all right.
    let inner = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), device).await;
    let exchange = office.send_wrapped(&inner, ra).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Ip);
    client::check_answer(&exchange.sent, &exchange.answer).unwrap();
    exchange.issued();
    let record = office.newest(Kind::Issued).await;
    assert_eq!((record.form, record.depth), (Some(Form::Nested), 1));
    assert_eq!(record.body, "ir");
    assert_eq!(record.signer_hash, device.certificate.hash());
    assert_eq!(record.outer_signer, ra.certificate.subject().to_string());
    assert_eq!(record.outer_signer_hash, ra.certificate.hash());
    assert_eq!(record.pop, Some(Pop::Verified));
    assert_eq!(record.orig_pki_message, None);
}

#[tokio::test]
async fn two_authorities_may_wrap_a_request_and_three_may_not() {
    let office = Office::open().await;
    let (device, central) = (&office.pki.device, office.ra());
    let (local, third) = (office.another_ra("Local RA").await, office.another_ra("Third RA").await);
    let inner = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), device).await;
    let once = office.wrap(&inner, &local).await;
    let thrice = office.wrap(&office.wrap(&once, central).await, &third).await;
    assert_eq!(office.send(&thrice).await.failure(), FailureInfo::BAD_REQUEST);
    let exchange = office.send_wrapped(&once, central).await;
    exchange.issued();
    let record = office.newest(Kind::Issued).await;
    assert_eq!((record.form, record.depth), (Some(Form::Nested), 2));
    assert_eq!(record.signer_hash, device.certificate.hash());
    assert_eq!(record.outer_signer_hash, central.certificate.hash());
}

#[tokio::test]
async fn only_authorities_wrap_and_each_signature_must_be_right() {
    let office = Office::open().await;
    let (device, ra) = (&office.pki.device, office.ra());
    let inner = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), device).await;
    let holder = office.holder().await;
    let exchange = office.send_wrapped(&inner, &holder).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    let thief = demo_ca::pki::Identity::new(ra.certificate.clone(), key());
    assert_eq!(office.send_wrapped(&inner, &thief).await.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    let thief = demo_ca::pki::Identity::new(device.certificate.clone(), key());
    let forged = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), &thief).await;
    assert_eq!(office.send_wrapped(&forged, ra).await.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    let naked = office.draft(device, body_for(body::ir, &subject()).await, true).unprotected(&[]);
    assert_eq!(office.send_wrapped(&naked, ra).await.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn a_wrapper_around_nothing_that_can_be_read_is_told_so() {
    let office = Office::open().await;
    let ra = office.ra();
    for (inners, failure) in
        [(vec![vec![0x30, 0]], FailureInfo::BAD_DATA_FORMAT), (Vec::new(), FailureInfo::BAD_REQUEST)]
    {
        let exchange = office.ask_as(ra, body::nested(&inners), false).await;
        assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
        assert_eq!(exchange.failure(), failure);
    }
}

#[tokio::test]
async fn the_word_of_an_end_entity_stays_its_word_when_it_is_wrapped() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let message = crmf::message(&crmf::request(0, &template(&key())), Some(&Popo::RaVerified));
    let inner = office.seal(office.draft(device, body::ir(&message), true), device).await;
    let exchange = office.send_wrapped(&inner, office.ra()).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Ip);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
}

#[tokio::test]
async fn a_whole_transaction_goes_through_an_authority() {
    let office = Office::open().await;
    let (device, ra) = (&office.pki.device, office.ra());
    office.mischief(r#"{"waiting": {"polls": 1, "check_after": 1}}"#).await;
    let inner = office.seal(office.draft(device, body_for(body::ir, &subject()).await, false), device).await;
    let first = office.send_wrapped(&inner, ra).await;
    assert!(matches!(first.read(), Answer::Waiting { cert_req_id: 0 }));
    // pollReq with, and certConf without the device's certificate.
    let poll = office.send_wrapped(&office.seal(first.poll(0), device).await, ra).await;
    assert!(matches!(poll.read(), Answer::PollAgain { .. }));
    // The approval came with the request; this pollReq comes by itself.
    let last = office.send(&office.seal(poll.poll(0), device).await).await;
    last.issued();
    let confirm = last.confirm(None).sign(&device.signer, &[]).await.unwrap();
    assert!(matches!(office.send_wrapped(&confirm, ra).await.read(), Answer::Confirmed));
    let question = InfoTypeAndValue { oid: cmp::oid::CA_CERTS, value: None };
    let genm = office.seal(office.draft(device, body::genm(&[question]), false), device).await;
    assert_eq!(office.send_wrapped(&genm, ra).await.answer.body().kind(), BodyKind::Genp);
}

#[tokio::test]
async fn an_update_and_a_revocation_of_the_holder_may_be_wrapped() {
    let office = Office::open().await;
    let holder = office.holder().await;
    let old = &holder.certificate;
    let key = key();
    let request = crmf::request_with(0, &template(&key), &[Control::old_cert_id(old.issuer(), old.serial())]);
    let kur = body::kur(&crmf::sign(&request, &key).await.unwrap());
    let kur = office.seal(office.draft(&holder, kur, true), &holder).await;
    assert_eq!(office.send_wrapped(&kur, office.ra()).await.answer.body().kind(), BodyKind::Kup);
    let rr = body::rr(&RevDetails::compose_for(old, None));
    let rr = office.seal(office.draft(&holder, rr, false), &holder).await;
    assert!(matches!(office.send_wrapped(&rr, office.ra()).await.read(), Answer::Revoked));
    let record = office.newest(Kind::Revoked).await;
    assert_eq!(record.signer_hash, old.hash());
    assert_eq!(record.outer_signer_hash, office.ra().certificate.hash());
}

#[tokio::test]
async fn no_approval_changes_the_names_of_an_update() {
    let office = Office::open().await;
    let holder = office.holder().await;
    let renamed = body_for(body::kur, &Name::from_text("CN=another").unwrap()).await;
    let kur = office.seal(office.draft(&holder, renamed, true), &holder).await;
    let exchange = office.send_wrapped(&kur, office.ra()).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Kup);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
}

#[tokio::test]
async fn a_request_that_is_wrapped_anew_is_a_repeat() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let inner = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), device).await;
    let first = office.send_wrapped(&inner, office.ra()).await;
    let second = office.send_wrapped(&inner, &office.another_ra("Other way").await).await;
    assert_eq!(first.answer.der(), second.answer.der());
    assert_eq!(office.count(Kind::Issued).await, 1);
}

/// A device's ir with its protection replaced by the RA's (RFC 9483 section 5.2.3), and the original added.
async fn replaced(office: &Office, original: &[u8], changed: Option<Vec<u8>>, with_original: bool) -> Exchange {
    let ra = office.ra();
    let mut draft = relay::replace(&parse(original), ra.certificate.subject(), changed).unwrap();
    if with_original {
        draft.general_info.push(InfoTypeAndValue::orig_pki_message(&[original]));
    }
    office.send(&office.seal(draft, ra).await).await
}

#[tokio::test]
async fn an_authority_replaces_the_protection_and_keeps_the_proof() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let original = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), device).await;
    let exchange = replaced(&office, &original, None, false).await;
    client::check_answer(&parse(&original), &exchange.answer).unwrap();
    exchange.issued();
    let record = office.newest(Kind::Issued).await;
    assert_eq!((record.form, record.pop), (Some(Form::Plain), Some(Pop::Verified)));
    assert_eq!(record.signer_hash, office.ra().certificate.hash());
    assert_eq!(record.orig_pki_message, None);
}

#[tokio::test]
async fn an_authority_breaks_the_proof_and_sends_the_original_along() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let new = key();
    let body = body::ir(&request(&template(&new), &new).await);
    let original = office.seal(office.draft(device, body, true), device).await;
    let vouched = |subject: &str| {
        let mut template = template(&new);
        template.subject = Some(Name::from_text(subject).unwrap());
        body::ir(&crmf::message(&crmf::request(0, &template), Some(&Popo::RaVerified)))
    };
    replaced(&office, &original, Some(vouched("CN=changed.example")), true).await.issued();
    let record = office.newest(Kind::Issued).await;
    assert_eq!(record.pop, Some(Pop::RaVerified));
    assert_eq!(record.signer_hash, office.ra().certificate.hash());
    let told =
        Original { signer: device.certificate.subject().to_string(), signer_hash: device.certificate.hash().to_vec() };
    assert_eq!(record.orig_pki_message, Some(told));
}

#[tokio::test]
async fn an_original_that_does_not_belong_to_the_request_is_refused() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let seal = async |body| office.seal(office.draft(device, body, true), device).await;
    let original = seal(body_for(body::ir, &subject()).await).await;
    // Another key.
    let other = body_for(body::ir, &subject()).await;
    let exchange = replaced(&office, &original, Some(other), true).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Ip);
    assert_eq!(exchange.failure(), FailureInfo::BAD_POP);
    // Another transaction.
    let (one, two) = (seal(body_for(body::ir, &subject()).await).await, &original);
    let mut draft = relay::replace(&parse(&one), office.ra().certificate.subject(), None).unwrap();
    draft.general_info.push(InfoTypeAndValue::orig_pki_message(&[two]));
    let sealed = office.seal(draft, office.ra()).await;
    assert_eq!(office.send(&sealed).await.failure(), FailureInfo::BAD_REQUEST);
    // No proof of possession in the original, which the RA says to have verified.
    let new = key();
    let unproven = seal(body::ir(&request(&template(&new), &key()).await)).await;
    let vouched = body::ir(&crmf::message(&crmf::request(0, &template(&new)), Some(&Popo::RaVerified)));
    assert_eq!(replaced(&office, &unproven, Some(vouched), true).await.failure(), FailureInfo::BAD_POP);
    // Another's signature.
    let thief = demo_ca::pki::Identity::new(device.certificate.clone(), key());
    let forged = office.seal(office.draft(device, body_for(body::ir, &subject()).await, true), &thief).await;
    assert_eq!(replaced(&office, &forged, None, true).await.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    assert_eq!(office.count(Kind::Issued).await, 0);
}

#[tokio::test]
async fn an_original_with_a_secret_is_noted_unchecked() {
    let office = Office::open().await;
    let secret = MacKey::from_secret(b"secret", random(), 500, b"reference");
    let original = office.draft(office.ra(), body_for(body::ir, &subject()).await, true).mac(&secret, &[]);
    replaced(&office, &original, None, true).await.issued();
    let record = office.newest(Kind::Issued).await;
    assert_eq!(record.orig_pki_message, Some(Original::default()));
    assert_eq!(record.pop, Some(Pop::Verified));
}
