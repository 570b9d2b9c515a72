//! Delayed delivery of what has no CertResponse: rr, certConf and genm wait by an error with status waiting and are polled for with
//! the certReqId -1 (RFC 9483 sections 4.4 and 5.1.5).

use certs::Certificate;
use cmp::client::{self, Answer};
use cmp::support::{Question, Reply};
use cmp::{Body, FailureInfo, body};
use demo_ca::Kind;

use super::office::{Exchange, Office, Request, Seal, Settings, random};

const NAME: &str = "CN=pump.plant.example";

fn hasty(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.3);
    settings.set("registrar", "check_after_seconds", 1);
    settings.set("registrar", "information_seconds", 0);
}

/// A requester that was told to wait by an error message.
struct Waiting<'a> {
    office: &'a Office,
    seal: &'a Seal,
    first: Exchange,
    last: Exchange,
}

impl<'a> Waiting<'a> {
    fn begin(office: &'a Office, seal: &'a Seal, octets: &[u8]) -> Self {
        let exchange = office.send(octets);
        belongs(office, seal, &exchange);
        let Body::Error(error) = exchange.answer.body() else { panic!("{:?}", exchange.answer.body()) };
        assert_eq!(error.status.status, cmp::Status::Waiting, "RFC 9483 section 4.4");
        assert_eq!(error.status.failure, None, "RFC 9483 section 4.4: failInfo PROHIBITED");
        assert!(matches!(client::read(&exchange.answer), Ok(Answer::Waiting { cert_req_id: -1 })));
        let again = office.send(octets);
        assert_eq!(again.answer.der(), exchange.answer.der(), "the same bytes have the same answer");
        Self { office, seal, first: exchange, last: again }
    }

    fn poll(&mut self, cert_req_id: i64) -> &Exchange {
        let draft = client::poll(self.first.sent.header(), self.last.answer.header(), random(), cert_req_id);
        let exchange = self.office.send(&self.seal.finish(draft));
        belongs(self.office, self.seal, &exchange);
        if !matches!(exchange.answer.body(), Body::Error(_)) {
            self.last = exchange;
            return &self.last;
        }
        panic!("{:?}", exchange.answer.body());
    }

    /// The number of a CertResponse names nothing here, and asking for it changes nothing.
    fn poll_wrongly(&self) {
        let draft = client::poll(self.first.sent.header(), self.last.answer.header(), random(), 0);
        let exchange = self.office.send(&self.seal.finish(draft));
        assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST);
        belongs(self.office, self.seal, &exchange);
    }

    fn must_poll(&mut self) {
        let Body::PollRep(entries) = self.poll(-1).answer.body() else { panic!("{:?}", self.last.answer.body()) };
        assert_eq!((entries.len(), entries[0].cert_req_id), (1, -1), "RFC 9483 section 4.4: the same certReqId");
        assert_eq!(entries[0].check_after, 1);
    }

    fn until_told(&mut self) -> &Exchange {
        let office = self.office;
        office.until("the answer is there", || !matches!(self.poll(-1).answer.body(), Body::PollRep(_)));
        &self.last
    }
}

fn belongs(office: &Office, seal: &Seal, exchange: &Exchange) {
    let (sent, answer) = (exchange.sent.header(), exchange.answer.header());
    assert_eq!(answer.transaction_id, sent.transaction_id);
    assert_eq!(answer.recip_nonce, sent.sender_nonce);
    assert!(exchange.is_protected(office, seal), "{:?}", exchange.answer.body());
}

/// A certificate and what it signs with.
fn enrolled(office: &Office) -> (Certificate, Seal) {
    let request = Request::new(NAME);
    let certificate = office.ask(&Seal::device(office), &request).issued().certificate;
    let seal = Seal::of(&certificate, request.key);
    (certificate, seal)
}

fn rr(certificate: &Certificate, seal: &Seal) -> Vec<u8> {
    let details = cmp::RevDetails::compose_for(certificate, Some(1));
    seal.finish(Request::explicit(NAME).around(seal, body::rr(&details)))
}

fn genm(seal: &Seal) -> Vec<u8> {
    seal.finish(Request::explicit(NAME).around(seal, body::genm(&[Question::CurrentCrl.encode()])))
}

fn is_crl(exchange: &Exchange) -> bool {
    matches!(client::read_reply(&Question::CurrentCrl, &exchange.answer), Ok(Reply::CurrentCrl(_)))
}

#[test]
fn a_revocation_that_takes_long_is_polled_for() {
    let office = Office::open_with(hasty);
    let (certificate, seal) = enrolled(&office);
    office.mischief(r#"{ "bodies": ["rr"], "waiting": { "polls": 1, "check_after": 1 } }"#);
    let mut waiting = Waiting::begin(&office, &seal, &rr(&certificate, &seal));
    waiting.must_poll();
    waiting.poll_wrongly();
    assert!(matches!(client::read(&waiting.until_told().answer), Ok(Answer::Revoked)));
    let records = office.records();
    assert_eq!((records.count(Kind::Revoked), records.count(Kind::Waiting)), (1, 2));
    assert_eq!(office.number("SELECT count(*) FROM certificate WHERE status = 'revoked'"), 1);
}

#[test]
fn a_revocation_is_waited_for_across_a_crash() {
    let mut office = Office::open_with(hasty);
    let (certificate, seal) = enrolled(&office);
    office.mischief(r#"{ "bodies": ["rr"], "waiting": { "polls": 1, "check_after": 1 } }"#);
    let Waiting { first, last, .. } = Waiting::begin(&office, &seal, &rr(&certificate, &seal));
    office.kill();
    office.start();
    let mut waiting = Waiting { office: &office, seal: &seal, first, last };
    assert!(matches!(client::read(&waiting.until_told().answer), Ok(Answer::Revoked)));
    assert_eq!(office.records().count(Kind::Revoked), 1);
}

#[test]
fn a_confirmation_that_takes_long_is_polled_for() {
    let office = Office::open_with(hasty);
    for (rejection, done) in [(None, Kind::Confirmed), (Some("the name is wrong"), Kind::Revoked)] {
        let seal = Seal::code(&office.code());
        office.mischief(r#"{ "bodies": ["certConf"], "waiting": { "polls": 1, "check_after": 1 } }"#);
        let asked = office.ask(&seal, &Request::explicit(NAME));
        asked.issued();
        let mut waiting = Waiting::begin(&office, &seal, &asked.confirm(&seal, rejection));
        waiting.poll_wrongly();
        // A rejection is recorded here, and needs no word of the CA.
        if rejection.is_none() {
            waiting.must_poll();
        }
        assert!(matches!(client::read(&waiting.until_told().answer), Ok(Answer::Confirmed)));
        office.until("the CA has the word", || office.records().count(done) == 1);
    }
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Confirmed), records.count(Kind::Revoked)), (2, 1, 1));
}

#[test]
fn a_confirmation_is_waited_for_across_a_crash() {
    let mut office = Office::open_with(hasty);
    let seal = Seal::device(&office);
    office.mischief(r#"{ "bodies": ["certConf"], "waiting": { "polls": 2, "check_after": 1 } }"#);
    let asked = office.ask(&seal, &Request::explicit(NAME));
    let Waiting { first, last, .. } = Waiting::begin(&office, &seal, &asked.confirm(&seal, None));
    office.kill();
    office.start();
    let mut waiting = Waiting { office: &office, seal: &seal, first, last };
    assert!(matches!(client::read(&waiting.until_told().answer), Ok(Answer::Confirmed)));
    assert_eq!(office.state(), "confirmed");
    let records = office.records();
    assert_eq!((records.count(Kind::Confirmed), records.count(Kind::Revoked)), (1, 0));
}

#[test]
fn information_that_takes_long_is_polled_for() {
    let office = Office::open_with(hasty);
    for mischief in [r#""delay_ms": 1500"#, r#""waiting": { "polls": 1, "check_after": 1 }"#] {
        for seal in [Seal::code(&office.code()), Seal::device(&office)] {
            office.mischief(&format!("{{ \"bodies\": [\"genm\"], {mischief} }}"));
            let mut waiting = Waiting::begin(&office, &seal, &genm(&seal));
            waiting.must_poll();
            waiting.poll_wrongly();
            assert!(is_crl(waiting.until_told()));
            // It is over.
            let draft = client::poll(waiting.first.sent.header(), waiting.last.answer.header(), random(), -1);
            assert_eq!(office.send(&seal.finish(draft)).failure(), FailureInfo::BAD_REQUEST);
        }
    }
    assert_eq!(office.case_count(), 0);
}

#[test]
fn information_is_waited_for_across_a_crash() {
    let mut office = Office::open_with(hasty);
    let seal = Seal::code(&office.code());
    office.mischief(r#"{ "bodies": ["genm"], "delay_ms": 3000 }"#);
    let Waiting { first, last, .. } = Waiting::begin(&office, &seal, &genm(&seal));
    office.kill();
    office.start();
    let mut waiting = Waiting { office: &office, seal: &seal, first, last };
    assert!(is_crl(waiting.until_told()));
}
