//! Bodies out of place, and faults of what follows a request (RFC 9483 sections 3.5, 3.6.2, 4.1.1, 4.2, 4.4, 5.1.3).

use certs::{Certificate, Name};
use cmp::client::{self, Answer};
use cmp::{Body, BodyKind, CertStatus, FailureInfo, RevDetails, Status, StatusInfo, body};
use demo_ca::Kind;

use super::office::{Cover, Exchange, How, Office, Request, Seal, Settings, random};

const NAME: &str = "CN=pump.plant.example";

#[test]
fn bodies_out_of_place_are_bad_request() {
    let office = Office::open();
    let fault = (How::Error, FailureInfo::BAD_REQUEST);
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let certificate = office.ra();
        let answer = cmp::CertRepMessage::one(cmp::CertResponse::waiting(0));
        // Answers sent to a server, and requests that the profile leaves out.
        let bodies = [
            ("ip", body::ip(&answer)),
            ("cp", body::cp(&answer)),
            ("kup", body::kup(&answer)),
            ("rp", body::rp(&cmp::RevRepContent::one(StatusInfo::accepted()))),
            ("genp", body::genp(&[])),
            ("pollRep", body::poll_rep(&[])),
            ("pkiconf", body::pki_conf()),
            // CertReqMessages, empty
            ("krr", b"\xA9\x02\x30\x00".to_vec()),
            ("ccr", b"\xAD\x02\x30\x00".to_vec()),
            // POPODecKeyChallContent, POPODecKeyRespContent, empty
            ("popdecc", b"\xA5\x02\x30\x00".to_vec()),
            ("popdecr", b"\xA6\x02\x30\x00".to_vec()),
            // RFC 9483 section 3.5: what continues nothing.
            ("certConf", body::cert_conf(&[CertStatus::about(&certificate, 0, None)])),
            ("pollReq", body::poll_req(&[0])),
        ];
        for (what, body) in bodies {
            let draft = Request::explicit(NAME).around(&seal, body);
            let exchange = office.turns_down(what, &seal.finish(draft), fault, Cover::Like(&seal));
            assert_eq!(exchange.answer.body().kind(), BodyKind::Error, "{what}");
        }
    }
    office.asked_nobody();
    assert_eq!(office.case_count(), 0);
}

#[test]
fn an_error_of_a_requester_is_acknowledged() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let first = office.ask(&seal, &Request::explicit(NAME));
        first.issued();
        let content = cmp::ErrorMsgContent::from(StatusInfo::rejection(FailureInfo::BAD_REQUEST, "no, thank you"));
        let leaves = office.all_leaves();
        let answer = office.send(&next(&first, &seal, body::error(&content)));
        // RFC 9810 section 5.3.21.
        assert_eq!(answer.answer.body().kind(), BodyKind::PkiConf);
        assert!(answer.is_protected(&office, &seal));
        assert!(office.all_leaves() > leaves);
        // It is no word about the certificate (RFC 9483 section 4.1.1 has certConf for that).
        assert!(matches!(office.send(&first.confirm(&seal, None)).read(), Answer::Confirmed));
        // "or another error message if any part of the header is not valid"
        let mut draft = client::next(first.sent.header(), first.answer.header(), random(), body::error(&content));
        draft.sender_nonce = None;
        let fault = (How::Error, FailureInfo::BAD_SENDER_NONCE);
        office.turns_down("an error without nonce", &seal.finish(draft), fault, Cover::Like(&seal));
    }
    assert_eq!(office.records().count(Kind::Confirmed), 2);
}

#[test]
fn what_cannot_be_read_is_bad_data_format() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let draft = |body: &[u8]| Request::explicit(NAME).around(&seal, body.to_vec());
    // The header can be read, so that the answer is bound to it; who sent it is not known before it can be read.
    for (what, body) in [
        ("an ir that is no sequence", &b"\xA0\x02\x04\x00"[..]),
        ("an ir with a stump", b"\xA0\x04\x30\x02\x30\x00"),
        ("a body of no kind", b"\xBF\x7F\x02\x30\x00"),
        ("a certConf with a number", b"\xB8\x05\x30\x03\x02\x01\x05"),
    ] {
        let octets = seal.finish(draft(body));
        let answer = office.cmp_post("", &octets);
        assert_eq!(answer.status, 200, "{what}");
        let message = cmp::Message::parse(&answer.body, &cmp::Limits::default()).unwrap_or_else(|_| panic!("{what}"));
        let Ok(Answer::Error(error)) = client::read(&message) else { panic!("{what}: {:?}", message.body()) };
        assert_eq!(error.status.status, Status::Rejection, "{what}");
        let failure = error.status.failure.unwrap();
        assert!(matches!(failure, FailureInfo::BAD_DATA_FORMAT | FailureInfo::BAD_REQUEST), "{what}: {failure}");
        let sent = draft(body);
        let header = message.header();
        assert_eq!(header.recip_nonce.as_ref().map(Vec::len), sent.sender_nonce.as_ref().map(Vec::len), "{what}");
        assert!(header.transaction_id.is_some() && header.protection_alg.is_none(), "{what}");
    }
    office.asked_nobody();
}

#[test]
fn faults_of_later_messages_are_errors() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let first = office.ask(&seal, &Request::explicit(NAME));
        let certificate = first.issued().certificate;
        let status = |id| CertStatus::about(&certificate, id, None);
        let other = CertStatus { cert_hash: vec![7; 32], ..status(0) };
        // SHA-256
        let hash_alg = Some(b"\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01".to_vec());
        let hashed = CertStatus { hash_alg, ..status(0) };
        let cases = [
            ("two statuses", vec![status(0), status(0)], FailureInfo::BAD_REQUEST),
            ("another certReqId", vec![status(5)], FailureInfo::BAD_CERT_ID),
            ("-1 after an ir", vec![status(-1)], FailureInfo::BAD_CERT_ID),
            ("another certHash", vec![other], FailureInfo::BAD_CERT_ID),
            ("hashAlg under pvno 2", vec![hashed], FailureInfo::BAD_REQUEST),
            (
                "status waiting",
                vec![CertStatus { status: Some(StatusInfo::waiting()), ..status(0) }],
                FailureInfo::BAD_REQUEST,
            ),
        ];
        for (what, statuses, failure) in cases {
            let octets = next(&first, &seal, body::cert_conf(&statuses));
            office.turns_down(what, &octets, (How::Error, failure), Cover::Like(&seal));
        }
        for (what, ids) in [("two polls", &[0, 0][..]), ("a poll for nothing", &[])] {
            let octets = next(&first, &seal, body::poll_req(ids));
            office.turns_down(what, &octets, (How::Error, FailureInfo::BAD_REQUEST), Cover::Like(&seal));
        }
        assert_eq!(office.records().count(Kind::Revoked), 0);
        assert!(matches!(office.send(&first.confirm(&seal, None)).read(), Answer::Confirmed));
    }
}

#[test]
fn a_rejection_cannot_be_confirmed() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let certificate = office.ask(&seal, &Request::new(NAME)).issued().certificate;
    // One that is turned away at the door, and one that the profile refuses.
    let unproven = Request { wrong_proof: true, ..Request::explicit(NAME) };
    let unfit = Request::explicit("CN=pump.plant.example,L=Abadan");
    for (request, failure) in [(unproven, FailureInfo::BAD_POP), (unfit, FailureInfo::BAD_CERT_TEMPLATE)] {
        let refused = office.ask(&seal, &request);
        assert_eq!(refused.failure(), failure);
        let octets = next(&refused, &seal, body::cert_conf(&[CertStatus::about(&certificate, 0, None)]));
        // RFC 9483 section 4.1.1: the operation is terminated.
        office.turns_down("a certConf", &octets, (How::Error, FailureInfo::BAD_REQUEST), Cover::Like(&seal));
    }
}

#[test]
fn an_empty_confirmation_is_a_rejection() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let first = office.ask(&seal, &Request::explicit(NAME));
    first.issued();
    // RFC 9810 section 5.3.18.
    let answer = office.send(&next(&first, &seal, body::cert_conf(&[])));
    assert!(matches!(answer.read(), Answer::Confirmed), "{:?}", answer.answer.body());
    office.until("the CA revokes", || office.records().count(Kind::Revoked) == 1);
    assert_eq!(office.state(), "rejected");
}

#[test]
fn each_fault_of_a_revocation_is_named() {
    let office = Office::open();
    let (certificate, seal) = holder(&office);
    let revoked = |what, body: Vec<u8>, failure| {
        let octets = seal.finish(Request::explicit(NAME).around(&seal, body));
        let exchange = office.turns_down(what, &octets, (How::Rejection, failure), Cover::Like(&seal));
        let Body::Rp(content) = exchange.answer.body() else { panic!("{what}: {}", exchange.answer.body().kind()) };
        assert_eq!(content.status.len(), 1, "{what}");
    };
    let good = RevDetails::compose_for(&certificate, Some(1));
    revoked("two certificates", twice(&good), FailureInfo::BAD_REQUEST);
    let bare = |issuer: Option<&Name>, serial: Option<&[u8]>| {
        let template = cmp::crmf::CertTemplateDraft {
            issuer: issuer.cloned(),
            serial: serial.map(<[u8]>::to_vec),
            ..cmp::crmf::CertTemplateDraft::default()
        };
        body::rr(&sequence(&template.encode()))
    };
    revoked("no serialNumber", bare(Some(certificate.issuer()), None), FailureInfo::BAD_CERT_TEMPLATE);
    revoked("no issuer", bare(None, Some(certificate.serial())), FailureInfo::BAD_CERT_TEMPLATE);
    let unknown = RevDetails::compose(certificate.issuer(), &[1, 2, 3], Some(1));
    revoked("a certificate of nobody", body::rr(&unknown), FailureInfo::BAD_CERT_ID);
    let foreign = RevDetails::compose(office.ra().subject(), certificate.serial(), Some(1));
    revoked("a certificate of another CA", body::rr(&foreign), FailureInfo::BAD_CERT_ID);
    // RFC 9483 section 4.2: an end entity revokes its own certificate.
    let other = office.ask(&Seal::code(&office.code()), &Request::new("CN=valve.plant.example")).issued().certificate;
    let octets =
        seal.finish(Request::explicit(NAME).around(&seal, body::rr(&RevDetails::compose_for(&other, Some(1)))));
    let failure = office.send(&octets).failure();
    assert!(matches!(failure, FailureInfo::NOT_AUTHORIZED | FailureInfo::BAD_CERT_ID), "{failure}");
    assert_eq!(office.records().count(Kind::Revoked), 0);
    // RFC 9483 section 5.1.3: certRevoked.
    let ended = office.send(&seal.finish(Request::explicit(NAME).around(&seal, body::rr(&good))));
    assert!(matches!(ended.read(), Answer::Revoked));
    revoked("a revoked certificate", body::rr(&good), FailureInfo::CERT_REVOKED);
    assert_eq!(office.records().count(Kind::Revoked), 1);
}

#[test]
fn a_revocation_is_answered_in_the_form_of_the_profile() {
    let office = Office::open();
    let (certificate, seal) = holder(&office);
    // Erratum 9052: the reason may be absent.
    let octets = body::rr(&RevDetails::compose_for(&certificate, None));
    let exchange = office.send(&seal.finish(Request::explicit(NAME).around(&seal, octets)));
    let Body::Rp(content) = exchange.answer.body() else { panic!("{}", exchange.answer.body().kind()) };
    let [status] = content.status.as_slice() else { panic!("{content:?}") };
    assert_eq!((status.status, status.failure), (Status::Accepted, None));
    assert!(exchange.is_protected(&office, &seal));
    assert_eq!(exchange.answer.extra_certs().first().map(Vec::as_slice), Some(office.ra().der()));
    assert_eq!(office.records().count(Kind::Revoked), 1);
}

#[test]
fn what_waits_is_protected_and_polled_for_with_its_own_credential() {
    let office = Office::open_with(|settings: &mut Settings| settings.set("registrar", "answer_seconds", 1));
    let (mine, other) = (Seal::device(&office), Seal::other_ra(&office));
    office.mischief(r#"{"delay_ms": 3000}"#);
    let asked = office.ask(&mine, &Request::new(NAME));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    assert!(asked.is_protected(&office, &mine));
    let Body::Ip(content) = asked.answer.body() else { panic!("RFC 9483 section 4.4: an ip waits for an ir") };
    assert_eq!((content.responses[0].status.status, content.responses[0].status.failure), (Status::Waiting, None));
    // RFC 9483 section 4.4: the credential of the request.
    let mut theirs = client::next(asked.sent.header(), asked.answer.header(), random(), body::poll_req(&[cert_req_id]));
    theirs.sender = other.name();
    office.turns_down(
        "another's poll",
        &other.finish(theirs),
        (How::Error, FailureInfo::BAD_MESSAGE_CHECK),
        Cover::Like(&other),
    );
    let polled = office.send(&asked.poll(&mine, cert_req_id));
    assert!(matches!(polled.read(), Answer::PollAgain { .. }), "{:?}", polled.answer.body());
    assert!(polled.is_protected(&office, &mine));
    let Body::PollRep(entries) = polled.answer.body() else { panic!("{:?}", polled.answer.body()) };
    assert_eq!(entries[0].cert_req_id, cert_req_id, "RFC 9483 section 4.4: the same certReqId");
    let two =
        mine.finish(client::next(polled.sent.header(), polled.answer.header(), random(), body::poll_req(&[0, 1])));
    office.turns_down("two polls", &two, (How::Error, FailureInfo::BAD_REQUEST), Cover::Like(&mine));
    office.until("the CA answers", || office.state() == "confirmed");
    let last = office.send(&polled.poll(&mine, cert_req_id));
    assert!(matches!(client::read(&last.answer), Ok(Answer::Issued(_))), "{:?}", last.answer.body());
    assert!(last.is_protected(&office, &mine));
}

/// A certificate of ours and what its holder signs with.
fn holder(office: &Office) -> (Certificate, Seal) {
    let request = Request::new(NAME);
    let certificate = office.ask(&Seal::code(&office.code()), &request).issued().certificate;
    let seal = Seal::of(&certificate, request.key);
    (certificate, seal)
}

fn next(exchange: &Exchange, seal: &Seal, body: Vec<u8>) -> Vec<u8> {
    seal.finish(client::next(exchange.sent.header(), exchange.answer.header(), random(), body))
}

/// An rr with the same entry twice.
fn twice(details: &[u8]) -> Vec<u8> {
    let content = [details, details].concat();
    // RevReqContent ::= SEQUENCE OF RevDetails, under [11]
    let long = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    shortened(&long(0xAB, &shortened(&long(0x30, &content))))
}

/// DER has the shortest length.
fn shortened(element: &[u8]) -> Vec<u8> {
    match element {
        [tag, 0x82, 0, length @ 0..128, rest @ ..] => [&[*tag, *length], rest].concat(),
        [tag, 0x82, 0, length, rest @ ..] => [&[*tag, 0x81, *length], rest].concat(),
        other => other.to_vec(),
    }
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, u8::try_from(content.len()).unwrap()], content].concat()
}
