//! Registration authorities below us (RFC 9483 sections 5.2.2, 5.2.3 and 5.3; DESIGN rule 10): what they may say for others.

use certs::{Certificate, Millis, Name, Signer as _};
use cmp::client::{self, Answer};
use cmp::crmf::{self, CertTemplateDraft, Popo};
use cmp::{Body, BodyKind, FailureInfo, InfoTypeAndValue, Limits, Message, RevDetails, body, relay};
use demo_ca::signer::{KeyChoice, SoftwareSigner};
use demo_ca::{Form, Kind, Pop};

use super::office::{Exchange, Office, Request, Seal, random, read};

const NAME: &str = "CN=pump.plant.example";

fn parse(octets: &[u8]) -> Message {
    Message::parse(octets, &Limits::default()).map_err(|parse| parse.fault).unwrap()
}

/// A message in one of another sender.
fn wrapped(by: &Seal, inner: &[u8]) -> Vec<u8> {
    let inner = Message::parse(inner, &Limits::default()).map_err(|parse| parse.fault).unwrap();
    by.finish(relay::wrap(&inner, &by.name(), &Name::empty()))
}

/// Sends a nested message; the answer is a plain one to the message within.
fn send_wrapped(office: &Office, path: &str, by: &Seal, inner: &[u8]) -> Exchange {
    let exchange = office.send_to(path, &wrapped(by, inner));
    let sent = Message::parse(inner, &Limits::default()).map_err(|parse| parse.fault).unwrap();
    Exchange { sent, answer: exchange.answer }
}

/// An ir with raVerified.
fn vouched(request: &Request, seal: &Seal) -> Vec<u8> {
    let template = CertTemplateDraft::new(Name::from_text(&request.subject).unwrap(), request.key.public_key().clone());
    let asked = crmf::message(&crmf::request(0, &template), Some(&Popo::RaVerified));
    seal.finish(request.around(seal, body::ir(&asked)))
}

#[test]
fn a_trusted_authority_vouches_for_a_proof_and_no_end_entity_does() {
    let office = Office::open();
    let by = Seal::other_ra(&office);
    let exchange = office.send(&vouched(&Request::new(NAME), &by));
    exchange.issued();
    assert!(exchange.is_protected(&office, &by));
    let records = office.records();
    assert_eq!(records.of(Kind::Issued)[0].pop, Some(Pop::RaVerified));
    for seal in [Seal::device(&office), Seal::code(&office.code())] {
        let exchange = office.send(&vouched(&Request::new(NAME), &seal));
        // RFC 9483 section 5.1.1.
        assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
        assert_eq!(exchange.answer.body().kind(), BodyKind::Ip);
        assert!(exchange.is_protected(&office, &seal));
    }
    assert_eq!(office.records().count(Kind::Received), records.count(Kind::Received));
}

/// RFC 9483 sections 5.1.1 and 5.2.2.1: who wraps a message says that it may have the name it asks for.
#[test]
fn a_name_that_its_requester_may_not_ask_for_alone_is_vouched_for_by_who_wraps_the_request() {
    let office = Office::open_with(|settings| {
        settings.default_profile()["subject"]["names"].as_table_mut().unwrap().remove("manufacturer");
    });
    let device = Seal::device(&office);
    let asked = || device.finish(Request::new(NAME).draft(&device));
    assert_eq!(office.send(&asked()).failure(), FailureInfo::NOT_AUTHORIZED);
    assert_eq!(office.leaves("vouched_by"), 0);
    let by = Seal::other_ra(&office);
    let exchange = send_wrapped(&office, "", &by, &asked());
    exchange.issued();
    assert_eq!((office.leaves("vouched_by"), office.records().count(Kind::Issued)), (1, 1));
}

#[test]
fn the_extended_key_usage_alone_gives_no_rights() {
    let office = Office::open_with(|settings| settings.trusted_ras().clear());
    let by = Seal::other_ra(&office);
    assert_eq!(office.send(&vouched(&Request::new(NAME), &by)).failure(), FailureInfo::NOT_AUTHORIZED);
    let device = Seal::device(&office);
    let inner = device.finish(Request::new(NAME).draft(&device));
    let exchange = send_wrapped(&office, "", &by, &inner);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    assert!(matches!(client::read(&exchange.answer), Ok(Answer::Error(_))), "a fault of nested is an error message");
}

#[test]
fn the_entry_alone_gives_no_rights() {
    let office = Office::open_with(|settings| {
        let entry = &mut settings.trusted_ras()[0];
        entry.as_table_mut().unwrap().remove("subject");
        entry.as_table_mut().unwrap().insert("trust".into(), "manufacturer".into());
        entry.as_table_mut().unwrap().insert("subject".into(), device_name().into());
    });
    let device = Seal::device(&office);
    let exchange = office.send(&device.finish(Request::new(NAME).draft(&device)));
    // What `[[trusted_ra]]` names must be an authority of the CA that is asked.
    assert_eq!(exchange.failure(), FailureInfo::SIGNER_NOT_TRUSTED);
    assert!(office.said().contains("is not issued by"), "{}", office.said());
}

fn device_name() -> String {
    "serialNumber=DEVICE-0001,CN=Demo Device DEVICE-0001,O=DEMO NOT FOR PRODUCTION".to_owned()
}

#[test]
fn an_entry_is_for_its_profiles_only() {
    let office = Office::open_with(|settings| settings.add_profile("annex", |_| ()));
    let by = Seal::other_ra(&office);
    let sent = vouched(&Request::new(NAME), &by);
    assert_eq!(office.send_to("/p/annex", &sent).failure(), FailureInfo::NOT_AUTHORIZED);
}

#[test]
fn a_wrapped_request_is_answered_plainly_to_its_own_sender() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let inner = device.finish(Request::explicit(NAME).draft(&device));
    let exchange = send_wrapped(&office, "", &by, &inner);
    exchange.issued();
    assert!(exchange.is_protected(&office, &device));
    let confirmation = exchange.confirm(&device, None);
    let done = send_wrapped(&office, "", &by, &confirmation);
    assert!(matches!(done.read(), Answer::Confirmed), "{:?}", done.answer.body());
    assert_eq!(office.state(), "confirmed");
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_wrapping_must_be_signed_by_an_authority_around_a_signed_message() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let inner = device.finish(Request::new(NAME).draft(&device));
    // RFC 9483 section 5.2.2.1: by somebody who may.
    assert_eq!(send_wrapped(&office, "", &device, &inner).failure(), FailureInfo::NOT_AUTHORIZED);
    // RFC 9483 section 4.1.5: a MAC is replaced, never nested; nor is nested itself under one.
    let code = Seal::code(&office.code());
    let under_mac = code.finish(Request::new(NAME).draft(&code));
    assert_eq!(send_wrapped(&office, "", &by, &under_mac).failure(), FailureInfo::WRONG_INTEGRITY);
    assert_eq!(send_wrapped(&office, "", &code, &inner).failure(), FailureInfo::WRONG_INTEGRITY);
    // RFC 9483 section 5.2.2.1: the nonce is the inner one's.
    let parsed = Message::parse(&inner, &Limits::default()).map_err(|parse| parse.fault).unwrap();
    let mut draft = relay::wrap(&parsed, &by.name(), &Name::empty());
    draft.sender_nonce = Some(random().to_vec());
    assert_eq!(office.send(&by.finish(draft)).failure(), FailureInfo::BAD_SENDER_NONCE);
    // What is within must be signed by whom it says.
    let forged = forger(&office, "device");
    let inner = forged.finish(Request::new(NAME).draft(&forged));
    assert_eq!(send_wrapped(&office, "", &by, &inner).failure(), FailureInfo::BAD_MESSAGE_CHECK);
    office.asked_nobody();
}

/// Somebody with the certificate of another and a key of its own.
fn forger(office: &Office, stem: &str) -> Seal {
    let certificate = Certificate::parse_pem(&read(&office.pki(&format!("{stem}.pem")))).unwrap().remove(0);
    Seal::of(&certificate, SoftwareSigner::generate(KeyChoice::P256).unwrap())
}

#[test]
fn a_batch_is_answered_together_and_approves_nothing() {
    let office = Office::open();
    let (by, device, code) = (Seal::other_ra(&office), Seal::device(&office), Seal::code(&office.code()));
    let good = device.finish(Request::new("CN=one.plant.example").draft(&device));
    // RFC 9483 section 5.2.2.2: each message is handled as usual.
    let secret = code.finish(Request::new("CN=two.plant.example").draft(&code));
    let unproven = device.finish(Request { wrong_proof: true, ..Request::new(NAME) }.draft(&device));
    let unverified = vouched(&Request::new(NAME), &device);
    // A holder that asks for another's name: an approval would allow it.
    let own = Request::new("CN=own.plant.example");
    let held = office.ask(&code, &own).issued().certificate;
    let holder = Seal::of(&held, own.key);
    let foreign = holder.finish(Request::new(NAME).draft(&holder));
    let inners: Vec<&[u8]> = vec![&good, &secret, &unproven, &unverified, &foreign];
    let sent = by.finish(relay::batch(&inners, &by.name(), &Name::empty(), random(), random()));
    let exchange = office.send_to("/nested", &sent);
    client::check_answer(&exchange.sent, &exchange.answer).unwrap();
    assert!(exchange.is_protected(&office, &by));
    let parse = |der: &[u8]| Message::parse(der, &Limits::default()).map_err(|parse| parse.fault).unwrap();
    let sent_inners: Vec<Message> = inners.iter().map(|der| parse(der)).collect();
    let transactions: Vec<&[u8]> =
        sent_inners.iter().map(|inner| inner.header().transaction_id.as_deref().unwrap()).collect();
    let bundle = client::unbundle(&transactions, &exchange.answer).unwrap();
    assert_eq!(bundle.extra, 0);
    let answers: Vec<Exchange> = sent_inners
        .into_iter()
        .zip(bundle.answers)
        .map(|(sent, answer)| Exchange { sent, answer: answer.expect("each has its answer") })
        .collect();
    answers[0].issued();
    assert!(answers[0].is_protected(&office, &device));
    answers[1].issued();
    assert!(answers[1].is_protected(&office, &code));
    assert_eq!(answers[2].failure(), FailureInfo::BAD_POP);
    assert_eq!(answers[3].failure(), FailureInfo::NOT_AUTHORIZED);
    assert_eq!(answers[4].failure(), FailureInfo::NOT_AUTHORIZED);
    // Byte-identical: the stored answer, and nothing is issued twice.
    assert_eq!(office.send_to("/nested", &sent).answer.der(), exchange.answer.der());
    assert_eq!(office.records().count(Kind::Issued), 3);
}

#[test]
fn the_faults_of_a_batch_are_answered_once() {
    let office = Office::open();
    let device = Seal::device(&office);
    let inner = device.finish(Request::new(NAME).draft(&device));
    let other = device.finish(Request::new(NAME).draft(&device));
    let batch = |inners: &[&[u8]], seal: &Seal| {
        office.send(&seal.finish(relay::batch(inners, &seal.name(), &Name::empty(), random(), random())))
    };
    // Not from somebody who is no authority.
    let exchange = batch(&[&inner, &other], &device);
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    assert!(exchange.is_protected(&office, &device));
    // RFC 9483 section 3.6.3: a batch that cannot be believed is refused as one.
    let exchange = batch(&[&inner, &other], &forger(&office, "second-ra"));
    assert_eq!(exchange.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    assert_eq!(exchange.answer.body().kind(), BodyKind::Error);
    office.asked_nobody();
}

#[test]
fn two_messages_of_a_batch_with_one_transaction_are_told_apart_like_any_two() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let one = device.finish(Request::new(NAME).draft(&device));
    let twin = Request {
        transaction: parse(&one).header().transaction_id.clone().unwrap().try_into().unwrap(),
        ..Request::new(NAME)
    };
    let twin = device.finish(twin.draft(&device));
    let other = device.finish(Request::new("CN=valve.plant.example").draft(&device));
    let batch = relay::batch(&[&one, &twin, &other], &by.name(), &Name::empty(), random(), random());
    let exchange = office.send(&by.finish(batch));
    let Body::Nested(answers) = exchange.answer.body() else { panic!("{:?}", exchange.answer.body()) };
    let answers: Vec<Answer> = answers.iter().map(|one| client::read(&parse(one)).unwrap()).collect();
    let issued = answers.iter().filter(|answer| matches!(answer, Answer::Issued(_))).count();
    let in_use = |answer: &&Answer| match answer {
        Answer::Error(error) => error.status.failure == Some(FailureInfo::TRANSACTION_ID_IN_USE),
        Answer::Rejected(status) => status.failure == Some(FailureInfo::TRANSACTION_ID_IN_USE),
        _ => false,
    };
    assert_eq!((issued, answers.iter().filter(in_use).count()), (2, 1), "{answers:?}");
    assert!(matches!(answers[2], Answer::Issued(_)));
    assert_eq!(office.records().count(Kind::Issued), 2);
}

#[test]
fn a_repeat_that_is_wrapped_anew_is_the_same_request() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let request = parse(&device.finish(Request::new(NAME).draft(&device)));
    // RFC 9483 section 5.2.2.1: whoever wraps it repeats neither its own salt nor its own time.
    let wrap = |time: i64| {
        let mut draft = relay::wrap(&request, &by.name(), &Name::empty());
        draft.message_time = Some(Millis(Office::now().0 + time));
        by.finish(draft)
    };
    let first = office.send(&wrap(0));
    let again = office.send(&wrap(1000));
    assert_eq!(first.answer.der(), again.answer.der());
    assert_eq!(office.send(request.der()).answer.der(), first.answer.der());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn an_authority_revokes_only_under_the_profile_a_certificate_came_from() {
    let office = Office::open();
    let by = Seal::other_ra(&office);
    let issued = office.ask(&by, &Request::new(NAME)).issued();
    let rr = || body::rr(&RevDetails::compose_for(&issued.certificate, Some(4)));
    let ask = || by.finish(Request::explicit(NAME).around(&by, rr()));
    let exchange = office.send_to("/p/nested", &ask());
    assert_eq!(exchange.failure(), FailureInfo::NOT_AUTHORIZED);
    assert_eq!(office.records().count(Kind::Revoked), 0);
    assert!(matches!(office.send(&ask()).read(), Answer::Revoked));
}

#[test]
fn an_authority_asks_and_revokes_for_others() {
    let office = Office::open();
    let by = Seal::other_ra(&office);
    // RFC 9483 section 5.3.1: its proof of possession is kept.
    let issued = office.ask(&by, &Request::new(NAME)).issued();
    assert_eq!(office.records().of(Kind::Issued)[0].pop, Some(Pop::Verified));
    // RFC 9483 section 5.3.2.
    let rr = body::rr(&RevDetails::compose_for(&issued.certificate, Some(4)));
    let exchange = office.send(&by.finish(Request::explicit(NAME).around(&by, rr)));
    assert!(matches!(exchange.read(), Answer::Revoked), "{:?}", exchange.answer.body());
    assert_eq!(office.records().of(Kind::Revoked)[0].reason, Some(4));
}

#[test]
fn an_original_beside_our_word_is_looked_at_again() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    for (wrong_proof, other_key, failure) in
        [(false, false, None), (true, false, Some(FailureInfo::BAD_POP)), (false, true, Some(FailureInfo::BAD_POP))]
    {
        let request = Request { wrong_proof, ..Request::new(NAME) };
        let original = device.finish(request.draft(&device));
        let parsed = Message::parse(&original, &Limits::default()).map_err(|parse| parse.fault).unwrap();
        let asked = if other_key { Request::new(NAME) } else { request };
        let template = CertTemplateDraft::new(Name::from_text(NAME).unwrap(), asked.key.public_key().clone());
        let body = body::ir(&crmf::message(&crmf::request(0, &template), Some(&Popo::RaVerified)));
        let mut draft = relay::replace(&parsed, &by.name(), Some(body)).unwrap();
        draft.general_info.push(InfoTypeAndValue::orig_pki_message(&[&original]));
        let exchange = office.send(&by.finish(draft));
        match failure {
            None => drop(exchange.issued()),
            Some(failure) => assert_eq!(exchange.failure(), failure),
        }
    }
}

#[test]
fn the_original_of_the_end_entity_is_the_one_that_goes_along() {
    let office = Office::open_with(|settings| {
        settings.add_profile("shown", |profile| {
            profile.insert("forward".into(), "replace".into());
            profile.insert("original_message".into(), true.into());
        });
        settings.trusted_ras()[0]["profiles"].as_array_mut().unwrap().push("shown".into());
    });
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let original = device.finish(Request::new(NAME).draft(&device));
    let mut draft = relay::replace(&parse(&original), &by.name(), None).unwrap();
    draft.general_info.push(InfoTypeAndValue::orig_pki_message(&[&original]));
    office.send_to("/p/shown", &by.finish(draft)).issued();
    // RFC 9810 section 5.1.1.3: exactly one, and from the end entity.
    let records = office.records();
    let shown = records.of(Kind::Issued)[0].orig_pki_message.clone().unwrap();
    assert_eq!(shown.signer, device.name().to_string());
}

#[test]
fn an_authority_asks_its_ca_in_messages_of_depth_two() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let inner = device.finish(Request::explicit(NAME).draft(&device));
    let exchange = send_wrapped(&office, "/p/nested", &by, &inner);
    exchange.issued();
    let done = send_wrapped(&office, "/p/nested", &by, &exchange.confirm(&device, None));
    assert!(matches!(done.read(), Answer::Confirmed), "{:?}", done.answer.body());
    let records = office.records();
    for kind in [Kind::Issued, Kind::Confirmed] {
        let record = records.of(kind)[0];
        assert_eq!((record.form, record.depth), (Some(Form::Nested), 2), "{kind:?}");
        assert_eq!(record.signer, device.name().to_string());
        assert_eq!(record.outer_signer, office.ra().subject().to_string());
    }
}
