//! The header's rules, one by one (RFC 9483 sections 3.1 and 3.5, RFC 9810 sections 5.1.1 and 7).

use certs::{Millis, Name};
use cmp::client::{self, Answer};
use cmp::{Draft, FailureInfo, Header, InfoTypeAndValue, body, oid};

use super::office::{Cover, Exchange, How, Office, Request, Seal, random};

const NAME: &str = "CN=pump.plant.example";

/// A fault, how it is told, and whether its header still says to whom.
type Case = (&'static str, fn(&mut Draft), FailureInfo);

#[test]
fn each_fault_of_a_header_is_named() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        for (what, spoil, failure) in FAULTS {
            let mut draft = Request::explicit(NAME).draft(&seal);
            spoil(&mut draft);
            office.turns_down(what, &seal.finish(draft), (How::Error, failure), Cover::Like(&seal));
        }
    }
    office.asked_nobody();
    assert_eq!(office.case_count(), 0);
}

const FAULTS: [Case; 15] = [
    ("pvno 1", |draft| draft.pvno = 1, FailureInfo::UNSUPPORTED_VERSION),
    ("pvno 4", |draft| draft.pvno = 4, FailureInfo::UNSUPPORTED_VERSION),
    ("no transactionID", |draft| draft.transaction_id = None, FailureInfo::BAD_DATA_FORMAT),
    ("an empty transactionID", |draft| draft.transaction_id = Some(Vec::new()), FailureInfo::BAD_DATA_FORMAT),
    ("no senderNonce", |draft| draft.sender_nonce = None, FailureInfo::BAD_SENDER_NONCE),
    ("a short senderNonce", |draft| draft.sender_nonce = Some(vec![7; 15]), FailureInfo::BAD_SENDER_NONCE),
    ("recipNonce at first", |draft| draft.recip_nonce = Some(vec![7; 16]), FailureInfo::BAD_RECIPIENT_NONCE),
    ("a messageTime long ago", |draft| draft.message_time = Some(Millis(1_000_000_000_000)), FailureInfo::BAD_TIME),
    ("a messageTime to come", |draft| draft.message_time = Some(Millis(3_000_000_000_000)), FailureInfo::BAD_TIME),
    (
        "implicitConfirm with a value",
        |draft| draft.general_info = vec![info(oid::IMPLICIT_CONFIRM, &[1, 1, 0xFF])],
        FailureInfo::BAD_REQUEST,
    ),
    (
        "implicitConfirm and confirmWaitTime",
        |draft| {
            draft.message_time = Some(now());
            draft.general_info = vec![InfoTypeAndValue::implicit_confirm(), InfoTypeAndValue::confirm_wait_time(now())];
        },
        FailureInfo::BAD_REQUEST,
    ),
    (
        "confirmWaitTime as UTCTime",
        |draft| draft.general_info = vec![info(oid::CONFIRM_WAIT_TIME, b"\x17\x0D261123000000Z")],
        FailureInfo::BAD_DATA_FORMAT,
    ),
    (
        "confirmWaitTime without messageTime",
        |draft| draft.general_info = vec![InfoTypeAndValue::confirm_wait_time(now())],
        FailureInfo::BAD_TIME,
    ),
    (
        "two names in certProfile",
        |draft| draft.general_info = vec![info(oid::CERT_PROFILE, b"\x30\x06\x0C\x01a\x0C\x01b")],
        FailureInfo::BAD_REQUEST,
    ),
    (
        "a certProfile that nobody knows",
        |draft| draft.general_info = vec![InfoTypeAndValue::cert_profile("nobody")],
        FailureInfo::BAD_REQUEST,
    ),
];

#[test]
fn each_fault_of_a_later_header_is_named() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let first = office.ask(&seal, &Request::explicit(NAME));
        let issued = first.issued();
        let about = (&issued.certificate, issued.cert_req_id);
        let later = |spoil: fn(&mut Draft)| {
            let mut draft = client::confirm(first.sent.header(), first.answer.header(), random(), about, None);
            spoil(&mut draft);
            seal.finish(draft)
        };
        let cases: [Case; 6] = [
            ("no recipNonce", |draft| draft.recip_nonce = None, FailureInfo::BAD_RECIPIENT_NONCE),
            ("another recipNonce", |draft| draft.recip_nonce = Some(vec![7; 16]), FailureInfo::BAD_RECIPIENT_NONCE),
            ("no senderNonce", |draft| draft.sender_nonce = None, FailureInfo::BAD_SENDER_NONCE),
            ("a transaction of nobody", |draft| draft.transaction_id = Some(vec![9; 16]), FailureInfo::BAD_REQUEST),
            ("an old messageTime", |draft| draft.message_time = Some(Millis(1_000_000)), FailureInfo::BAD_TIME),
            ("pvno 4", |draft| draft.pvno = 4, FailureInfo::UNSUPPORTED_VERSION),
        ];
        for (what, spoil, failure) in cases {
            office.turns_down(what, &later(spoil), (How::Error, failure), Cover::Like(&seal));
        }
        // RFC 9483 section 5.1: a new operation under the transactionID of another.
        let request = Request { transaction: transaction(&first), ..Request::new("CN=valve.plant.example") };
        let fault = (How::Error, FailureInfo::TRANSACTION_ID_IN_USE);
        office.turns_down("a used transactionID", &seal.finish(request.draft(&seal)), fault, Cover::Like(&seal));
        // None of it did any harm.
        assert!(matches!(office.send(&later(|_| ())).read(), Answer::Confirmed));
    }
}

#[test]
fn answers_have_the_header_of_the_profile() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let first = office.ask(&seal, &Request::explicit(NAME));
    let last = office.send(&first.confirm(&seal, None));
    let refused = office.send(&seal.finish(Request { wrong_proof: true, ..Request::new(NAME) }.draft(&seal)));
    let ra = office.ra();
    let mut nonces = Vec::new();
    for exchange in [&first, &last, &refused] {
        let (sent, answer) = (exchange.sent.header(), exchange.answer.header());
        assert_eq!(answer.pvno, sent.pvno, "RFC 9810 section 7");
        assert!(answer.sender.as_ref().is_some_and(|sender| sender == ra.subject()));
        assert_eq!(answer.sender_kid.as_deref(), ra.subject_key_identifier());
        assert_eq!(answer.recipient_der, sent.sender_der);
        assert_eq!(answer.transaction_id, sent.transaction_id);
        assert_eq!(answer.recip_nonce, sent.sender_nonce);
        assert!(answer.protection_alg.is_some());
        assert!(exchange.is_protected(&office, &seal));
        // RFC 9483 section 3.3: the protection certificate comes first.
        assert_eq!(exchange.answer.extra_certs().first().map(Vec::as_slice), Some(ra.der()));
        assert!(answer.info(oid::CERT_PROFILE).is_none(), "RFC 9483 section 3.1: in requests only");
        nonces.push(answer.sender_nonce.clone().unwrap());
    }
    assert!(nonces.iter().all(|nonce| nonce.len() == 16));
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "a nonce is fresh in every message");
    assert_eq!(last.answer.body_der(), body::pki_conf(), "RFC 9483 section 4.1.1: NULL");
}

#[test]
fn answers_under_a_mac_name_the_secret() {
    let office = Office::open();
    let code = office.code();
    let seal = Seal::code(&code);
    let first = office.ask(&seal, &Request::explicit(NAME));
    let last = office.send(&first.confirm(&seal, None));
    for exchange in [first, last] {
        let answer = exchange.answer.header();
        assert_eq!(answer.sender, Name::from_text(&format!("CN={}", code.reference)).ok(), "RFC 9483 section 3.1");
        assert_eq!(answer.sender_kid.as_deref(), Some(code.reference.as_bytes()), "RFC 9483 section 4.1.5");
        assert_eq!(answer.recipient_der, exchange.sent.header().sender_der);
        assert!(exchange.is_protected(&office, &seal));
    }
}

#[test]
fn answers_have_the_version_of_their_request() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let asked = |pvno| {
        let mut draft = Request::new(NAME).draft(&seal);
        draft.pvno = pvno;
        office.send(&seal.finish(draft))
    };
    for (sent, answered) in [(2, 2), (3, 3), (0, 2), (1, 2), (4, 3), (9, 3)] {
        let exchange = asked(sent);
        assert_eq!(exchange.answer.header().pvno, answered, "RFC 9810 section 7: {sent}");
        if sent == answered {
            exchange.issued();
        } else {
            assert_eq!(exchange.failure(), FailureInfo::UNSUPPORTED_VERSION);
        }
    }
}

#[test]
fn implicit_confirm_is_echoed_where_it_is_granted_only() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let granted = office.ask(&seal, &Request::new(NAME));
    assert!(granted.answer.header().implicit_confirm());
    let first = office.ask(&seal, &Request::explicit(NAME));
    let last = office.send(&first.confirm(&seal, None));
    let refused = office.ask(&seal, &Request { wrong_proof: true, ..Request::new(NAME) });
    for exchange in [first, last, refused] {
        assert!(!exchange.answer.header().implicit_confirm(), "{:?}", exchange.answer.body().kind());
    }
}

#[test]
fn confirm_wait_time_comes_with_the_time() {
    let office = Office::open_with(|settings| settings.set("registrar", "confirm_seconds", 90));
    let seal = Seal::code(&office.code());
    let explicit = office.ask(&seal, &Request::explicit(NAME));
    let header = explicit.answer.header();
    let at = header.message_time.expect("RFC 9483 section 3.1: messageTime is there with confirmWaitTime");
    let until = header.confirm_wait_time().unwrap().expect("confirmWaitTime");
    assert!(at.0.abs_diff(now().0) < 60_000, "the time at which the message was made");
    assert!(until.0 > at.0 && until.0.abs_diff(at.0) <= 91_000, "{until:?} - {at:?}");
    let implicit = office.ask(&seal, &Request::new(NAME));
    assert!(implicit.answer.header().confirm_wait_time().unwrap().is_none());
}

#[test]
fn what_no_rule_names_is_taken() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let changes: [fn(&mut Draft); 6] = [
            // RFC 9483 section 3.1: its correctness cannot be guaranteed.
            |draft| draft.recipient = cmp::header::general_name(&Name::from_text("CN=somebody else").unwrap()),
            // rfc822Name
            |draft| draft.recipient = b"\x81\x03a@b".to_vec(),
            |draft| draft.recip_kid = Some(vec![1; 20]),
            |draft| draft.free_text = vec!["hello".to_owned()],
            |draft| draft.message_time = Some(now()),
            |draft| draft.general_info.push(info(der::asn1::ObjectIdentifier::new_unwrap("1.2.3.4.5"), &[5, 0])),
        ];
        for change in changes {
            let mut draft = Request::new(NAME).draft(&seal);
            change(&mut draft);
            office.send(&seal.finish(draft)).issued();
        }
        // A nonce and a transactionID may be longer than they must be.
        let mut draft = Request::new(NAME).draft(&seal);
        (draft.sender_nonce, draft.transaction_id) =
            (Some([random(), random()].concat()), Some(random()[..9].to_vec()));
        office.send(&seal.finish(draft)).issued();
    }
}

fn info(oid: der::asn1::ObjectIdentifier, value: &[u8]) -> InfoTypeAndValue {
    InfoTypeAndValue { oid, value: Some(value.to_vec()) }
}

fn transaction(exchange: &Exchange) -> [u8; 16] {
    let header: &Header = exchange.sent.header();
    header.transaction_id.as_deref().and_then(|id| id.try_into().ok()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test tells the time as a requester would")]
fn now() -> Millis {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Millis(i64::try_from(now.as_millis()).unwrap())
}
