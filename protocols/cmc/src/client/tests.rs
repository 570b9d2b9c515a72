use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use certs::{Certificate, Millis, PublicKey, Signer, Signing};

use super::ask::OWN;
use super::*;
use crate::Fault;
use crate::asn1::{self, Element};
use crate::control::{Control, IssuerAndSerial, LraPopWitness, RevokeRequest};
use crate::data::PkiData;
use crate::full::{Echo, FullRequest, SignedBy, respond};
use crate::signed::SignedData;
use crate::status::{BodyReference, FailInfo, OtherInfo, Status, StatusInfo};

/// A key in memory, with a certificate that signed itself.
#[derive(Debug)]
struct Key(EcdsaKeyPair, Certificate);

impl Signer for Key {
    fn public_key(&self) -> &PublicKey {
        self.1.public_key()
    }

    fn algorithm(&self) -> &[u8] {
        // ecdsa-with-SHA256
        b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        Box::pin(async move { Ok(signature.as_ref().to_vec()) })
    }
}

fn key() -> Key {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &octets(KEY)).unwrap();
    Key(pair, Certificate::parse(&octets(CERTIFICATE)).unwrap())
}

fn octets(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Nothing here waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a key in memory waits for nothing"),
    }
}

fn request_for(asking: Asking<'_>) -> Vec<u8> {
    let key = key();
    now(ask(asking, &Thread::begin([0xff; 16], [7; 16]), &key, std::slice::from_ref(&key.1))).unwrap()
}

fn echo() -> Echo {
    let thread = Thread::begin([0xff; 16], [7; 16]);
    Echo { transaction_id: Some(thread.transaction_id), sender_nonce: Some(thread.nonce), data_return: None }
}

fn answered(echo: &Echo, status: &StatusInfo) -> Response {
    let key = key();
    Response::parse(&now(respond(echo, status, &[9; 16], &[], &key, std::slice::from_ref(&key.1))).unwrap()).unwrap()
}

fn sent() -> Sent {
    Sent::parse(&request_for(Asking::Pkcs10(&octets(REQUEST)))).unwrap()
}

fn told(status: &StatusInfo) -> Result<Told, Fault> {
    answered(&echo(), status).told(&sent(), &sent())
}

#[test]
fn a_pkcs10_goes_along_byte_for_byte_under_the_signature_of_the_ra() {
    let csr = octets(REQUEST);
    let der = request_for(Asking::Pkcs10(&csr));
    let read = FullRequest::parse(&der).unwrap();
    assert!(matches!(read.verify(None).unwrap(), SignedBy::Certificate(own) if own.der() == key().1.der()));
    assert_eq!((&read.echo, read.wish.as_ref().map(|(id, _)| *id)), (&echo(), Some(OWN)));
    assert!(der.windows(csr.len()).any(|part| part == csr));
    assert!(matches!(sent().asked, Asked::Certificate(key_of) if key_of.der() == key().public_key().der()));
}

#[test]
fn a_query_brings_back_token_transaction_and_nonce() {
    let waits = StatusInfo::pending(vec![BodyReference::Part(OWN)], b"token", Millis::from_seconds(60));
    let answer = answered(&echo(), &waits);
    let Told::Pending(Some((token, time))) = answer.told(&sent(), &sent()).unwrap() else { panic!("it waits") };
    assert_eq!((token.as_slice(), time), (&b"token"[..], Millis::from_seconds(60)));
    let (key, thread) = (key(), sent().thread.next(&answer, [8; 16]));
    let der = now(ask(Asking::Query(&token), &thread, &key, std::slice::from_ref(&key.1))).unwrap();
    let query = Sent::parse(&der).unwrap();
    assert!(query.is_query());
    assert_eq!(query.thread, thread);
    assert_eq!(thread.recipient_nonce, Some(vec![9; 16]));
    assert_eq!(FullRequest::parse(&der).unwrap().query, Some((OWN, b"token".to_vec())));
}

#[test]
fn a_revocation_is_read_as_it_was_asked() {
    let certificate = IssuerAndSerial { issuer: key().1.issuer().clone(), serial: vec![5] };
    let (reason, invalidity, passphrase, comment) = (1, None, None, None);
    let revoke = RevokeRequest { certificate, reason, invalidity, passphrase, comment };
    let read = FullRequest::parse(&request_for(Asking::Revoke(&revoke))).unwrap();
    assert_eq!(*read.revoke.unwrap().1, revoke);
}

#[test]
fn a_template_goes_along_with_our_word_for_its_key() {
    // certReqId 0, a subject, the key and a signature as in CMP.
    let key_info = key().public_key().der().to_vec();
    let key_info = Element::only("key", &key_info).unwrap().retagged(asn1::constructed(6));
    let subject = asn1::element(asn1::constructed(5), &[key().1.subject().der()]);
    let template = asn1::sequence(&[&subject, &key_info]);
    let cert_request = asn1::sequence(&[&asn1::number(0), &template]);
    let proof = asn1::element(asn1::constructed(1), &[&asn1::sequence(&[]), &[3, 1, 0]]);
    let der = request_for(Asking::Crmf(&asn1::sequence(&[&cert_request, &proof])));
    let message = SignedData::parse(&der).unwrap();
    let data = PkiData::parse(message.content.as_deref().unwrap()).unwrap();
    assert_eq!(data.requests[0].id, OWN);
    assert!(der.windows(template.len()).any(|part| part == template));
    let witness = LraPopWitness { message: 0, requests: vec![OWN] };
    let found = data.controls.iter().map(|control| Control::parse(control).unwrap());
    assert!(found.into_iter().any(|control| control == Control::LraPopWitness(witness.clone())));
    assert!(matches!(data.requests[0].wish().unwrap().prove(), Ok(None)), "the signature over certReqId 0 is gone");
    assert!(matches!(Sent::parse(&der).unwrap().asked, Asked::Certificate(_)));
}

#[test]
fn a_certificate_is_taken_or_not() {
    let wants = StatusInfo { status: Status::ConfirmRequired, ..StatusInfo::success(vec![BodyReference::Part(OWN)]) };
    let answer = answered(&echo(), &wants);
    let certificate = IssuerAndSerial { issuer: key().1.issuer().clone(), serial: vec![5] };
    let controls = |asking| {
        let der = request_for(asking);
        assert!(matches!(Sent::parse(&der).unwrap().asked, Asked::Confirmation));
        let message = SignedData::parse(&der).unwrap();
        let data = PkiData::parse(message.content.as_deref().unwrap()).unwrap();
        let found: Vec<Control> = data.controls.iter().map(|control| Control::parse(control).unwrap()).collect();
        let acceptance = found.contains(&Control::ConfirmCertAcceptance(certificate.clone()));
        let status = found.into_iter().find_map(|control| match control {
            Control::StatusInfo(status) => Some((status.status, status.text)),
            _ => None,
        });
        (acceptance, status)
    };
    let taken = controls(Asking::Accept { answer: &answer, certificate: &certificate });
    assert_eq!(taken, (true, Some((Status::Success, None))));
    let rejected = controls(Asking::Reject { answer: &answer, text: "another name" });
    assert_eq!(rejected, (false, Some((Status::Failed, Some("another name".to_owned())))));
}

#[test]
fn an_answer_of_another_transaction_or_another_nonce_does_not_belong() {
    let done = StatusInfo::success(vec![BodyReference::Part(OWN)]);
    assert_eq!(answered(&echo(), &done).check_belongs(&sent()), Ok(()));
    for wrong in [
        Echo { transaction_id: Some(vec![5]), ..echo() },
        Echo { transaction_id: None, ..echo() },
        Echo { sender_nonce: Some(vec![5; 16]), ..echo() },
        Echo { sender_nonce: None, ..echo() },
    ] {
        assert!(answered(&wrong, &done).check_belongs(&sent()).is_err(), "{wrong:?}");
    }
}

#[test]
fn each_status_has_its_meaning_and_the_worst_one_counts() {
    let about = |id, status, other| StatusInfo {
        status,
        bodies: vec![BodyReference::Part(id)],
        text: Some("no such pump".to_owned()),
        other,
    };
    assert_eq!(told(&about(OWN, Status::Success, None)), Ok(Told::Done));
    assert_eq!(told(&about(0, Status::ConfirmRequired, None)), Ok(Told::ConfirmRequired));
    assert_eq!(told(&about(OWN, Status::Pending, None)), Ok(Told::Pending(None)));
    let fail = Some(OtherInfo::Fail(FailInfo::BAD_REQUEST));
    let text = "badRequest: no such pump".to_owned();
    let refused = Told::Failed { failure: Some(FailInfo::BAD_REQUEST), text };
    assert_eq!(told(&about(OWN, Status::Failed, fail.clone())), Ok(refused.clone()));
    let text = "noSupport: no such pump".to_owned();
    assert_eq!(told(&about(OWN, Status::NoSupport, None)), Ok(Told::Failed { failure: None, text }));
    assert!(told(&about(OWN, Status::Partial, None)).is_err());
    assert!(told(&about(77, Status::Success, None)).is_err(), "it is about something else");
    let mut both = answered(&echo(), &about(OWN, Status::Success, None));
    both.statuses.push((9, about(OWN, Status::Failed, fail)));
    assert_eq!(both.told(&sent(), &sent()), Ok(refused));
}

#[test]
fn only_the_signer_verifies_and_only_what_was_signed() {
    let key = key();
    let done = StatusInfo::success(vec![BodyReference::Part(OWN)]);
    let der = now(respond(&echo(), &done, &[9; 16], &[], &key, std::slice::from_ref(&key.1))).unwrap();
    let read = Response::parse(&der).unwrap();
    assert_eq!(read.signers().count(), 1);
    assert_eq!(read.verify(&key.1), Ok(()));
    let mut changed = read;
    changed.message.content.as_mut().unwrap()[4] ^= 1;
    assert!(changed.verify(&key.1).is_err());
    assert!(Response::parse(&der[..der.len() - 1]).is_err(), "truncated");
    assert!(Response::parse(&request_for(Asking::Pkcs10(&octets(REQUEST)))).is_err(), "our own request");
}

#[test]
fn the_certificate_is_the_one_for_the_key() {
    let done = StatusInfo::success(vec![BodyReference::Part(OWN)]);
    let answer = answered(&echo(), &done);
    assert_eq!(answer.certificate_for(key().1.public_key()).unwrap().der(), key().1.der());
    let other = octets(OTHER);
    assert!(answer.certificate_for(&PublicKey::parse(&other).unwrap()).is_err());
}

/// PKCS#8, its self-signed certificate and a PKCS#10, made by OpenSSL for these tests.
const KEY: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101042059618c11929864357aac25f1ba6cef64e8bdc018527c7e4561133d83b5a66742a14403420004b6c6b0591e4cacb5b10a1cec7922b874cc2467c503bc3f82a6a839afdadc7626b8d73e26c7a267d7a6a4cac71f32567f7ad3303eb5788465d3f01dfcc5410c87";
const CERTIFICATE: &str = "3082018030820126a003020102021476c94b957b2225acf5b8a7db5f417fd2bd9fa791300a06082a8648ce3d040302300e310c300a06035504030c03434d433020170d3236313132343033313934395a180f32313236313033313033313934395a300e310c300a06035504030c03434d433059301306072a8648ce3d020106082a8648ce3d03010703420004b6c6b0591e4cacb5b10a1cec7922b874cc2467c503bc3f82a6a839afdadc7626b8d73e26c7a267d7a6a4cac71f32567f7ad3303eb5788465d3f01dfcc5410c87a360305e301d0603551d0e04160414fe1c2c5296b9b74d03513da8d58bf0eb925209a2301f0603551d23041830168014fe1c2c5296b9b74d03513da8d58bf0eb925209a2300f0603551d130101ff040530030101ff300b0603551d0f040403020780300a06082a8648ce3d0403020348003045022100ba13a57575ae22a816f7b38cdbb6732589524bd259264b3c120abed42bfa97b302201decc9497e1212a68298745a406f5e0d8927a1c60330b8f2f6a8496459d4cc27";
const REQUEST: &str = "3081c93071020100300f310d300b06035504030c0470756d703059301306072a8648ce3d020106082a8648ce3d03010703420004b6c6b0591e4cacb5b10a1cec7922b874cc2467c503bc3f82a6a839afdadc7626b8d73e26c7a267d7a6a4cac71f32567f7ad3303eb5788465d3f01dfcc5410c87a000300a06082a8648ce3d040302034800304502210082bf0303229d1287d35dfe282aeff4487893e6db862ad4b15f5e8d485b6b64b9022014933ed2d1d946a15f6a64f19e61b95e429bf737907fdd50e3a466a6950440ff";
/// The generator of P-256 as a key.
const OTHER: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
