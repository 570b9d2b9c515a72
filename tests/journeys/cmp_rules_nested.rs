//! The faults of nested messages, one by one (RFC 9483 sections 3.6.3 and 5.2.2).

use certs::{Certificate, Name};
use cmp::client::{self, Answer};
use cmp::{Draft, FailureInfo, Limits, Message, body, relay};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Cover, Exchange, How, Office, Request, Seal, random};

const NAME: &str = "CN=pump.plant.example";

/// A registration authority that the demo trusts.
fn authority(office: &Office) -> Seal {
    let certificate = Certificate::parse_pem(&std::fs::read(office.pki("second-ra.pem")).unwrap()).unwrap().remove(0);
    Seal::of(&certificate, SoftwareSigner::load(&office.pki("second-ra.key")).unwrap())
}

fn parse(octets: &[u8]) -> Message {
    Message::parse(octets, &Limits::default()).unwrap_or_else(|fault| panic!("{}", fault.fault))
}

/// A request as the device signed it.
fn inner(seal: &Seal, request: &Request) -> Message {
    parse(&seal.finish(request.draft(seal)))
}

fn wrapped(seal: &Seal, inner: &Message, change: impl FnOnce(&mut Draft)) -> Vec<u8> {
    let mut draft = relay::wrap(inner, &seal.name(), &Name::empty());
    change(&mut draft);
    seal.finish(draft)
}

/// The answer as one to the message that was inside.
fn to_inner(exchange: Exchange, inner: &Message) -> Exchange {
    Exchange { sent: inner.clone(), ..exchange }
}

#[test]
fn each_fault_of_a_wrapper_is_named() {
    let office = Office::open();
    let (ra, device) = (authority(&office), Seal::device(&office));
    let asked = inner(&device, &Request::new(NAME));
    let error = |failure| (How::Error, failure);
    let another_nonce = wrapped(&ra, &asked, |draft| draft.sender_nonce = Some(random().to_vec()));
    office.turns_down("another nonce", &another_nonce, error(FailureInfo::BAD_SENDER_NONCE), Cover::Like(&ra));
    let empty = ra.finish(client::first(&ra.name(), &Name::empty(), random(), random(), body::nested::<Vec<u8>>(&[])));
    office.turns_down("nothing within", &empty, error(FailureInfo::BAD_REQUEST), Cover::Like(&ra));
    // DESIGN rule 10: the device is no registration authority.
    let by_device = wrapped(&device, &asked, |_| ());
    office.turns_down("a wrapper of a device", &by_device, error(FailureInfo::NOT_AUTHORIZED), Cover::Like(&device));
    let code = Seal::code(&office.code());
    let by_code = wrapped(&code, &asked, |_| ());
    office.turns_down("a wrapper under a MAC", &by_code, error(FailureInfo::WRONG_INTEGRITY), Cover::Like(&code));
    // RFC 9483 section 4.1.5: a MAC is replaced, never wrapped.
    let under_a_mac = wrapped(&ra, &inner(&code, &Request::new(NAME)), |_| ());
    office.turns_down("a MAC within", &under_a_mac, error(FailureInfo::WRONG_INTEGRITY), Cover::Like(&ra));
    let mut turned = wrapped(&ra, &asked, |_| ());
    let body = asked.der().len() / 2;
    let at = turned.windows(16).position(|part| part == &asked.der()[body..body + 16]).unwrap();
    turned[at] ^= 1;
    office.turns_down("a bit within", &turned, error(FailureInfo::BAD_MESSAGE_CHECK), Cover::Bare);
    office.asked_nobody();
    assert_eq!(office.case_count(), 0);
}

#[test]
fn what_is_wrapped_is_checked_as_if_it_came_alone() {
    let office = Office::open();
    let (ra, device) = (authority(&office), Seal::device(&office));
    // Its own signature.
    let (certificate, stranger) = match &device {
        Seal::Signature(certificate, _) => (certificate, SoftwareSigner::generate(KeyChoice::P256).unwrap()),
        _ => unreachable!("a device signs"),
    };
    let forged = inner(&Seal::of(certificate, stranger), &Request::new(NAME));
    let answer = to_inner(office.send(&wrapped(&ra, &forged, |_| ())), &forged);
    assert_eq!(answer.failure(), FailureInfo::BAD_MESSAGE_CHECK);
    assert_eq!(answer.answer.header().recip_nonce, forged.header().sender_nonce);
    assert_eq!(answer.answer.header().transaction_id, forged.header().transaction_id);
    // Its proof of possession.
    let unproven = inner(&device, &Request { wrong_proof: true, ..Request::new(NAME) });
    let answer = to_inner(office.send(&wrapped(&ra, &unproven, |_| ())), &unproven);
    assert_eq!(answer.failure(), FailureInfo::BAD_POP);
    assert!(matches!(client::read(&answer.answer), Ok(Answer::Rejected(_))));
    assert!(answer.is_protected(&office, &device));
    office.asked_nobody();
}

#[test]
fn a_fault_of_a_batch_is_answered_once() {
    let office = Office::open();
    let (ra, device) = (authority(&office), Seal::device(&office));
    let one = inner(&device, &Request::new(NAME));
    let batch = |seal: &Seal, all: &[&Message], nonce: [u8; 16]| {
        let octets: Vec<&[u8]> = all.iter().map(|message| message.der()).collect();
        seal.finish(relay::batch(&octets, &seal.name(), &Name::empty(), random(), nonce))
    };
    let error = |failure| (How::Error, failure);
    let nonce = one.header().sender_nonce.as_deref().and_then(|nonce| nonce.try_into().ok()).unwrap();
    let echo = batch(&ra, &[&one], nonce);
    office.turns_down("the nonce of a message", &echo, error(FailureInfo::BAD_SENDER_NONCE), Cover::Like(&ra));
    let two = [one.der(), inner(&device, &Request::new(NAME)).der()].map(<[u8]>::to_vec);
    let two: Vec<&[u8]> = two.iter().map(Vec::as_slice).collect();
    let transaction = one.header().transaction_id.as_deref().and_then(|id| id.try_into().ok()).unwrap();
    let shared = ra.finish(relay::batch(&two, &ra.name(), &Name::empty(), transaction, random()));
    let in_use = error(FailureInfo::TRANSACTION_ID_IN_USE);
    office.turns_down("the transaction of a message", &shared, in_use, Cover::Like(&ra));
    let foreign = batch(&device, &[&one], random());
    office.turns_down("a batch of a device", &foreign, error(FailureInfo::NOT_AUTHORIZED), Cover::Like(&device));
    office.asked_nobody();
    // None of the messages was looked at: each may still come by itself.
    office.send(one.der());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_refusal_of_our_batch_reaches_each_requester() {
    let office = Office::open_with(|settings| {
        let authority = settings.table("authority")["demo"].as_table_mut().unwrap();
        authority.insert("batch_milliseconds".into(), 1500.into());
    });
    let seal = Seal::code(&office.code());
    let refuse = r#""refuse": {"failure": "systemUnavail", "text": "no batches today"}"#;
    office.mischief(&format!(r#"{{"bodies": ["nested"], {refuse}}}"#));
    let ask = || office.ask(&seal, &Request::new(NAME));
    let answers = std::thread::scope(|scope| {
        let asked = [scope.spawn(ask), scope.spawn(ask)];
        asked.map(|asked| asked.join().unwrap())
    });
    for exchange in answers {
        // RFC 9483 section 3.6.3: "it must propagate the error by responding with an error message to each".
        let Ok(Answer::Error(error)) = client::read(&exchange.answer) else { panic!("{:?}", exchange.answer.body()) };
        assert_eq!(error.status.failure, Some(FailureInfo::SYSTEM_UNAVAIL));
        assert!(exchange.is_protected(&office, &seal));
        assert_eq!(exchange.answer.header().recip_nonce, exchange.sent.header().sender_nonce);
    }
}
