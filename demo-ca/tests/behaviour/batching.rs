//! Batches (RFC 9483 sections 3.6.3 and 5.2.2.2).

use cmp::{Body, BodyKind, FailureInfo, Message, RevDetails, body, relay};
use demo_ca::pki::Identity;
use demo_ca::settings::Settings;
use demo_ca::{Form, Kind};

use crate::exchange::Exchange;
use crate::office::{Office, body_for, parse, random, subject};

impl Office {
    async fn message(&self, from: &Identity, body: Vec<u8>) -> Vec<u8> {
        self.seal(self.draft(from, body, true), from).await
    }

    async fn batch(&self, inners: &[&[u8]], by: &Identity) -> Vec<u8> {
        let recipient = self.pki.cmp_signer.certificate.subject();
        let draft = relay::batch(inners, by.certificate.subject(), recipient, random(), random());
        self.seal(draft, by).await
    }
}

/// The answers in a nested answer, which must answer the batch.
fn answers(exchange: &Exchange) -> Vec<Message> {
    let (sent, answer) = (exchange.sent.header(), exchange.answer.header());
    assert_eq!(answer.transaction_id, sent.transaction_id);
    assert_eq!(answer.recip_nonce, sent.sender_nonce);
    let Body::Nested(all) = exchange.answer.body() else { panic!("no nested answer") };
    all.iter().map(|one| parse(one)).collect()
}

#[tokio::test]
async fn each_message_of_a_batch_is_answered_as_if_it_came_by_itself() {
    let office = Office::open().await;
    let (device, ra) = (&office.pki.device, office.ra());
    let holder = office.holder().await;
    let own = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    let others = office.message(device, body_for(body::cr, &subject()).await).await;
    let wrapped = office.message(device, body_for(body::cr, &subject()).await).await;
    let wrapped = office.wrap(&wrapped, &office.another_ra("Local RA").await).await;
    let rr = office.message(&holder, body::rr(&RevDetails::compose_for(&holder.certificate, None))).await;
    let naked = office.draft(device, body_for(body::ir, &subject()).await, true).unprotected(&[]);
    let batch = office.batch(&[&own, &others, &wrapped, &rr, &naked], ra).await;
    let exchange = office.send(&batch).await;
    let all = answers(&exchange);
    let kinds: Vec<_> = all.iter().map(|one| one.body().kind()).collect();
    assert_eq!(kinds, [BodyKind::Ip, BodyKind::Cp, BodyKind::Cp, BodyKind::Rp, BodyKind::Error]);
    for (sent, answer) in [&own, &others, &wrapped, &rr, &naked].into_iter().zip(&all) {
        office.check_protection(answer);
        assert_eq!(answer.header().transaction_id, parse(sent).header().transaction_id);
        assert_eq!(answer.header().recip_nonce, parse(sent).header().sender_nonce);
    }
    // A batch approves nothing (RFC 9483 section 5.2.2.2); who wraps one in it does.
    let single = |index: usize| Exchange { sent: parse(&own), answer: all[index].clone() };
    single(0).issued();
    assert_eq!(single(1).failure(), FailureInfo::NOT_AUTHORIZED);
    single(2).issued();
    let transaction = exchange.sent.header().transaction_id.clone().unwrap();
    let records = office.records().await;
    let inner: Vec<_> = records.iter().filter(|record| record.batch == transaction).collect();
    assert!(inner.iter().all(|record| record.form == Some(Form::Batch)));
    let issued: Vec<_> = inner.iter().filter(|record| record.kind == Kind::Issued).collect();
    assert_eq!(issued.iter().map(|record| record.depth).collect::<Vec<_>>(), [0, 1]);
    assert!(issued.iter().all(|record| record.outer_signer_hash == ra.certificate.hash()));
    assert!(issued.iter().all(|record| record.signer_hash == device.certificate.hash()));
}

#[tokio::test]
async fn a_repeated_batch_gets_the_same_answer() {
    let mut office = Office::open().await;
    let device = &office.pki.device;
    let own = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    let batch = office.batch(&[&own], office.ra()).await;
    let first = office.send(&batch).await;
    office.restart().await;
    office.later(3600);
    assert_eq!(office.send(&batch).await.answer.der(), first.answer.der());
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn a_fault_of_the_batch_is_answered_once() {
    let office = Office::open().await;
    let (device, ra) = (&office.pki.device, office.ra());
    let one = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    let two = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    let told = async |message: Vec<u8>| {
        let exchange = office.send(&message).await;
        assert_eq!(exchange.answer.header().transaction_id, exchange.sent.header().transaction_id);
        assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
        exchange.failure()
    };
    let by_device = office.batch(&[&one, &two], device).await;
    assert_eq!(told(by_device).await, FailureInfo::NOT_AUTHORIZED);
    let within = office.batch(&[&office.batch(&[&one, &two], ra).await], ra).await;
    let all = answers(&office.send(&within).await);
    assert_eq!(all[0].body().kind(), BodyKind::Error);
    assert_eq!(office.count(Kind::Issued).await, 0);
    let good = office.batch(&[&one, &two], ra).await;
    assert_eq!(answers(&office.send(&good).await).len(), 2);
    let mut again = relay::batch(&[&one], ra.certificate.subject(), device.certificate.subject(), random(), random());
    again.transaction_id.clone_from(&parse(&good).header().transaction_id);
    assert_eq!(told(office.seal(again, ra).await).await, FailureInfo::TRANSACTION_ID_IN_USE);
}

#[tokio::test]
async fn a_batch_is_no_way_around_the_registration_authority() {
    let office = Office::with(&Settings { end_entities: false, ..Settings::default() }).await;
    let device = &office.pki.device;
    let own = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    let all = answers(&office.send(&office.batch(&[&own], office.ra()).await).await);
    assert_eq!(all[0].body().kind(), BodyKind::Error);
    assert_eq!(office.count(Kind::Issued).await, 0);
}

#[tokio::test]
async fn answers_of_a_batch_are_missing_and_others_are_extra() {
    let office = Office::open().await;
    let device = &office.pki.device;
    let one = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    let two = office.message(device, body_for(body::ir, device.certificate.subject()).await).await;
    office.mischief(r#"{"bodies": ["nested"], "missing_answers": 1, "extra_answers": 2}"#).await;
    let all = answers(&office.send(&office.batch(&[&one, &two], office.ra()).await).await);
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].header().transaction_id, parse(&two).header().transaction_id);
    for extra in &all[1..] {
        assert_ne!(extra.header().transaction_id, parse(&one).header().transaction_id);
        assert_ne!(extra.header().transaction_id, parse(&two).header().transaction_id);
    }
    assert_eq!(office.count(Kind::Issued).await, 2);
    office.mischief(r#"{"bodies": ["nested"], "refuse": {"failure": "systemUnavail", "text": "closed"}}"#).await;
    let exchange = office.send(&office.batch(&[&one], office.ra()).await).await;
    assert_eq!(exchange.failure(), FailureInfo::SYSTEM_UNAVAIL);
}
