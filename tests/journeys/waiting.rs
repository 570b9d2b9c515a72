//! Waiting for the CA, and coming back (RFC 7030 section 4.2.3, RFC 9483 section 4.4).

use cmp::client::Answer;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Who, csr_for, verifies};

fn hasty(settings: &mut super::office::Settings) {
    settings.set("registrar", "answer_seconds", 0.3);
    settings.set("registrar", "check_after_seconds", 1);
}

#[test]
fn a_slow_ca_makes_est_come_back_once() {
    let office = Office::open_with(hasty);
    let code = office.one_time_code();
    office.mischief(r#"{"delay_ms": 1500}"#);
    let key = office.key("pump");
    // Each try is signed anew, as RFC 7030 section 4.2.3 lets it.
    let ask = || office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump.plant.example", &[]));
    let first = ask();
    assert_eq!(first.status, 202);
    assert_eq!(first.header("Retry-After"), Some("1"));
    assert!(first.body.is_empty());
    let mut last = first;
    office.until("the certificate", || {
        last = ask();
        last.status != 202
    });
    assert_eq!(last.status, 200, "{}", last.text());
    assert!(office.accepts(&office.received(&last.body)[0]));
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn a_ca_that_lets_us_poll_is_polled() {
    let office = Office::open_with(hasty);
    let code = office.code();
    office.mischief(r#"{"waiting": {"polls": 2, "check_after": 1}}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let first = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(first.status, 202);
    office.until("the case waits", || office.state() == "waiting");
    office.until("the case ends", || office.state() == "confirmed");
    let last = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(last.status, 200, "{}", last.text());
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Waiting)), (1, 3));
}

#[test]
fn openssl_polls_until_its_certificate_is_there() {
    for words in [&["-implicit_confirm"][..], &[]] {
        let office = Office::open_with(hasty);
        let by = Office::by_code(&office.code());
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        office.mischief(r#"{"delay_ms": 2500}"#);
        office.key("new");
        let ask = ["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump.plant.example", "-certout", "got.pem"];
        let output = office.openssl_cmp(&[&by[..], &ask, words].concat());
        let said = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("POLLREP") || said.contains("polling"), "it did not have to wait: {said}");
        assert!(verifies(&office.pki("root.pem"), &office.pki("issuing.pem"), &office.path("got.pem")));
        let records = office.records();
        assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (1, 0));
        assert_eq!(office.state(), "confirmed");
    }
}

#[test]
fn a_poll_is_answered_in_kind_and_each_request_keeps_its_place() {
    let office = Office::open_with(hasty);
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"delay_ms": 2000}"#);
    let asked = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    assert!(asked.is_protected(&office, &seal));
    let polled = office.send(&asked.poll(&seal, cert_req_id));
    let Answer::PollAgain { after } = polled.read() else { panic!("{:?}", polled.answer.body()) };
    assert_eq!(after, 1);
    // RFC 9483 section 4.4: nothing waits under another certReqId.
    assert_eq!(office.send(&polled.poll(&seal, 5)).failure(), cmp::FailureInfo::BAD_REQUEST);
    // The request itself, repeated, still gets the answer it got.
    assert_eq!(office.send(asked.sent.der()).answer.der(), asked.answer.der());
    office.until("the CA answers", || office.state() == "confirmed");
    let last = office.send(&polled.poll(&seal, cert_req_id));
    cmp::client::check_polled(&asked.sent, &last.sent, &last.answer).unwrap();
    let Answer::Issued(issued) = cmp::client::read(&last.answer).unwrap() else { panic!("{:?}", last.answer.body()) };
    assert!(issued.implicit_confirm);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_requester_that_polls_may_still_reject_its_certificate() {
    let office = Office::open_with(hasty);
    let seal = Seal::device(&office);
    office.mischief(r#"{"delay_ms": 1000}"#);
    let asked = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    office.until("the CA answers", || office.records().count(Kind::Issued) == 1);
    office.until("the case moves", || office.state() != "submitted");
    let polled = office.send(&asked.poll(&seal, cert_req_id));
    let Answer::Issued(issued) = cmp::client::read(&polled.answer).unwrap() else {
        panic!("{:?}", polled.answer.body())
    };
    assert!(!issued.implicit_confirm);
    let word = cmp::StatusInfo::rejection(cmp::FailureInfo::BAD_CERT_TEMPLATE, "not wanted");
    let draft = cmp::client::confirm(
        polled.sent.header(),
        polled.answer.header(),
        super::office::random(),
        (&issued.certificate, issued.cert_req_id),
        Some(word),
    );
    let answer = office.send(&seal.finish(draft));
    assert!(matches!(answer.read(), Answer::Confirmed), "{:?}", answer.answer.body());
    office.until("the CA revokes", || office.records().count(Kind::Revoked) == 1);
    assert_eq!(office.state(), "rejected");
}

#[test]
fn a_restart_in_between_loses_no_waiting_request() {
    let mut office = Office::open_with(hasty);
    let code = office.one_time_code();
    office.mischief(r#"{"waiting": {"polls": 2, "check_after": 1}}"#);
    let key = office.key("pump");
    let ask =
        |office: &Office| office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump.plant.example", &[]));
    assert_eq!(ask(&office).status, 202);
    office.kill();
    office.start();
    office.until("the certificate", || ask(&office).status == 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn a_graceful_restart_in_between_loses_no_cmp_request() {
    let mut office = Office::open_with(hasty);
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"waiting": {"polls": 1, "check_after": 2}}"#);
    let asked = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    office.restart();
    office.until("the CA answers", || office.state() == "confirmed");
    let polled = office.send(&asked.poll(&seal, cert_req_id));
    assert!(matches!(cmp::client::read(&polled.answer).unwrap(), Answer::Issued(_)), "{:?}", polled.answer.body());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_revocation_that_takes_long_is_polled_for() {
    let office = Office::open_with(hasty);
    let code = office.code();
    let request = Request::new("CN=pump.plant.example");
    let certificate = office.ask(&Seal::code(&code), &request).issued().certificate;
    let details = cmp::RevDetails::compose_for(&certificate, Some(4));
    let seal = Seal::of(&certificate, request.key);
    office.mischief(r#"{"bodies": ["rr"], "delay_ms": 1500}"#);
    let asking = Request::explicit("CN=pump.plant.example");
    let asked = office.send(&seal.finish(asking.around(&seal, cmp::body::rr(&details))));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    assert_eq!(cert_req_id, -1, "RFC 9483 section 4.4");
    office.until("the CA revokes", || office.cases()[0]["state"] == "revoked");
    let polled = office.send(&asked.poll(&seal, -1));
    assert!(matches!(cmp::client::read(&polled.answer).unwrap(), Answer::Revoked), "{:?}", polled.answer.body());
    assert_eq!(office.records().of(Kind::Revoked)[0].reason, Some(4));
}
