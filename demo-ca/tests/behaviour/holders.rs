//! End entities that ask by themselves (RFC 9483 sections 4 and 5.2.1).

use certs::{Extension, Name, oid};
use cmp::client::Answer;
use cmp::crmf::{self, Control};
use cmp::{BodyKind, FailureInfo, Popo, RevDetails, body};
use demo_ca::pki::Identity;
use demo_ca::settings::Settings;
use demo_ca::{Form, Kind, Pop};

use crate::exchange::Exchange;
use crate::office::{Office, body_for, key, request, subject, template, template_for};

/// A kur of somebody with an oldCertID, signed by `from`.
async fn update(office: &Office, from: &Identity, old: (&Name, &[u8]), names: &Name) -> Exchange {
    let key = key();
    let request = crmf::request_with(0, &template_for(names, &key), &[Control::old_cert_id(old.0, old.1)]);
    office.ask_as(from, body::kur(&crmf::sign(&request, &key).await.unwrap()), true).await
}

#[tokio::test]
async fn a_device_is_certified_under_its_own_name() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let exchange = office.ask_as(device, body_for(body::ir, device.certificate.subject()).await, true).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Ip);
    assert_eq!(exchange.issued().certificate.subject(), device.certificate.subject());
    let record = office.newest(Kind::Issued).await;
    assert_eq!(record.form, Some(Form::Plain));
    assert_eq!(record.depth, 0);
    assert_eq!(record.pop, Some(Pop::Verified));
    assert_eq!(record.signer, device.certificate.subject().to_string());
    assert_eq!(record.signer_hash, device.certificate.hash());
    assert_eq!(record.outer_signer_hash, device.certificate.hash());
    let numbered = Name::from_text("CN=pump 7,serialNumber=DEVICE-0001").unwrap();
    office.ask_as(device, body_for(body::cr, &numbered).await, true).await.issued();
}

#[tokio::test]
async fn nobody_is_certified_under_anothers_name() {
    let office = Office::open().await;
    let holder = office.holder().await;
    let other = Name::from_text("CN=other.example,serialNumber=DEVICE-0002").unwrap();
    for from in [&office.pki.device, &holder] {
        let exchange = office.ask_as(from, body_for(body::cr, &other).await, true).await;
        assert_eq!(exchange.answer.body().kind(), BodyKind::Cp);
        assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    }
    office.ask_as(&holder, body_for(body::cr, &subject()).await, true).await.issued();
}

#[tokio::test]
async fn an_end_entity_has_to_prove_possession() {
    let office = Office::open().await;
    let holder = office.holder().await;
    let message = crmf::message(&crmf::request(0, &template(&key())), Some(&Popo::RaVerified));
    let exchange = office.ask_as(&holder, body::cr(&message), true).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Cp);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    office.ask(body::cr(&message), true).await.issued();
    let record = office.newest(Kind::Issued).await;
    assert_eq!(record.pop, Some(Pop::RaVerified));
    assert_eq!(record.signer_hash, office.ra().certificate.hash());
}

#[tokio::test]
async fn nobody_becomes_a_registration_authority_by_himself() {
    let office = Office::open().await;
    let holder = office.holder().await;
    for purpose in [oid::CMC_RA, oid::CMC_CA] {
        let key = key();
        let mut template = template(&key);
        template.extensions = vec![Extension::extended_key_usage(&[purpose])];
        let body = body::cr(&request(&template, &key).await);
        assert_eq!(office.ask_as(&holder, body, true).await.failure(), FailureInfo::NOT_AUTHORIZED);
    }
}

#[tokio::test]
async fn end_entities_can_be_sent_to_their_registration_authority() {
    let office = Office::with(&Settings { end_entities: false, ..Settings::default() }).await;
    let device = &office.pki.device;
    let message = office.draft(device, body_for(body::ir, device.certificate.subject()).await, true);
    let message = office.seal(message, device).await;
    let exchange = office.send(&message).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    office.send_wrapped(&message, office.ra()).await.issued();
}

#[tokio::test]
async fn an_update_is_signed_with_the_certificate_to_be_updated() {
    let office = Office::open().await;
    let (holder, other) = (office.holder().await, office.holder().await);
    let old = &holder.certificate;
    let exchange = update(&office, &holder, (old.issuer(), old.serial()), old.subject()).await;
    assert_eq!(exchange.answer.body().kind(), BodyKind::Kup);
    exchange.issued();
    for from in [&other, office.ra()] {
        let exchange = update(&office, from, (old.issuer(), old.serial()), old.subject()).await;
        assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    }
    let unknown = update(&office, &holder, (old.issuer(), &[1, 2, 3]), old.subject()).await;
    assert_eq!(unknown.failure(), FailureInfo::BAD_CERT_ID);
    let device = &office.pki.device;
    let foreign = office.ask_as(device, body_for(body::kur, device.certificate.subject()).await, true).await;
    assert_eq!(foreign.failure(), FailureInfo::BAD_CERT_ID);
    let other_name = Name::from_text("CN=another").unwrap();
    let renamed = update(&office, &holder, (old.issuer(), old.serial()), &other_name).await;
    assert_eq!(renamed.failure(), FailureInfo::NOT_AUTHORIZED);
}

#[tokio::test]
async fn a_registration_authority_updates_its_own_certificate() {
    let office = Office::open().await;
    let ra = office.ra();
    let key = key();
    let mut template = template_for(ra.certificate.subject(), &key);
    template.extensions = vec![Extension::extended_key_usage(&[oid::CMC_RA])];
    let issued = office.ask(body::kur(&request(&template, &key).await), true).await.issued();
    let renewed = Identity::new(issued.certificate, key);
    office.ask_as(&renewed, body_for(body::cr, &subject()).await, true).await.issued();
}

#[tokio::test]
async fn an_end_entity_revokes_its_own_certificate_only() {
    let office = Office::open().await;
    let (holder, other) = (office.holder().await, office.holder().await);
    let rr = body::rr(&RevDetails::compose_for(&holder.certificate, Some(1)));
    let refused = office.ask_as(&other, rr.clone(), false).await;
    assert_eq!(refused.answer.body().kind(), BodyKind::Rp);
    assert_eq!(refused.failure(), FailureInfo::NOT_AUTHORIZED);
    assert!(matches!(office.ask_as(&holder, rr, false).await.read(), Answer::Revoked));
    assert_eq!(office.crl().await.revoked(holder.certificate.serial()).unwrap().reason, 1);
    // What is revoked signs no more.
    let again = office.ask_as(&holder, body_for(body::cr, &subject()).await, true).await;
    assert_eq!(again.failure(), FailureInfo::SIGNER_NOT_TRUSTED);
}

#[tokio::test]
async fn the_other_messages_of_an_end_entity_may_leave_its_certificate_out_also_after_a_restart() {
    let mut office = Office::open().await;
    let holder = office.holder().await;
    let first = office.ask_as(&holder, body_for(body::cr, &subject()).await, false).await;
    office.restart().await;
    let mut confirm = first.confirm(None);
    confirm.message_time = Some(office.now());
    let message = confirm.sign(&holder.signer, &[]).await.unwrap();
    assert!(matches!(office.send(&message).await.read(), Answer::Confirmed));
}
