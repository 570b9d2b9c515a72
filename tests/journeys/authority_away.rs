//! The CA is down, or takes a request without a word (DESIGN rules 1 and 9).

use cmp::client::Answer;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Who, csr_for};

fn hasty(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.3);
    settings.set("registrar", "check_after_seconds", 1);
}

#[test]
fn requests_are_kept_while_the_ca_is_down_and_served_once() {
    let mut office = Office::open_with(hasty);
    let code = office.code();
    let seal = Seal::code(&office.code());
    office.stop_authority();
    let key = office.key("pump");
    let ask =
        |office: &Office| office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump.plant.example", &[]));
    let first = ask(&office);
    assert_eq!(first.status, 202, "{}", first.text());
    assert!(first.header("Retry-After").is_some());
    let asked = office.ask(&seal, &Request::new("CN=valve.plant.example"));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    assert_eq!(ask(&office).status, 202);
    assert_eq!(office.case_count(), 2);
    office.kill();
    office.start();
    office.start_authority();
    office.until("EST is served", || ask(&office).status == 200);
    office.until("both cases end", || office.cases().iter().all(|case| case["state"] == "confirmed"));
    let polled = office.send(&asked.poll(&seal, cert_req_id));
    assert!(matches!(cmp::client::read(&polled.answer).unwrap(), Answer::Issued(_)), "{:?}", polled.answer.body());
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.most_for_one_key()), (2, 1));
    assert_eq!(office.case_count(), 2);
}

#[test]
fn an_answer_that_got_lost_is_asked_for_again_with_the_same_bytes() {
    let office = Office::open_with(hasty);
    let code = office.code();
    office.mischief(r#"{"next": 2, "drop": true}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    let records = office.records();
    assert_eq!(records.count(Kind::Issued), 1, "the CA issued before it fell silent, and must not issue twice");
}

#[test]
fn a_ca_that_answers_with_a_bare_http_status_is_asked_again() {
    let office = Office::open_with(hasty);
    let code = office.code();
    office.mischief(r#"[{"http_status": 503}, {"ignore": true}]"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert!(office.metric("ra_authority_faults", "") >= 2.0);
}

#[test]
fn more_than_the_queue_holds_is_turned_away() {
    let mut office = Office::open_with(|settings| {
        hasty(settings);
        settings.set("registrar", "queue_limit", 2);
    });
    let code = office.code();
    let seal = Seal::code(&code);
    office.stop_authority();
    for number in 0..2 {
        let (_, csr) = office.csr(&format!("pump-{number}"), &format!("/CN=pump-{number}.plant.example"));
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    }
    office.until("the queue is counted", || office.get(office.ports.metrics(), "/readyz").status == 503);
    let (_, csr) = office.csr("late", "/CN=late.plant.example");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 503);
    assert!(answer.header("Retry-After").is_some());
    let refused = office.ask(&seal, &Request::new("CN=late.plant.example"));
    assert_eq!(refused.failure(), cmp::FailureInfo::SYSTEM_UNAVAIL);
    assert!(refused.is_protected(&office, &seal));
    assert_eq!(office.case_count(), 2);
    office.start_authority();
    office.until("there is room again", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    office.until("all are served", || office.records().count(Kind::Issued) == 3);
}

#[test]
fn a_ca_that_gives_no_answers_is_left_alone_and_nobody_waits_for_it() {
    let mut office = Office::open_with(|settings| {
        settings.set("registrar", "answer_seconds", 5);
        settings.set("registrar", "check_after_seconds", 1);
    });
    let code = office.code();
    office.stop_authority();
    let (_, first) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &first).status, 202);
    office.until("it is left alone", || office.metric("ra_authorities_left_alone", "") > 0.5);
    assert!(office.metric("ra_queue_depth", "") > 0.5);
    let (_, next) = office.csr("valve", "/CN=valve.plant.example");
    let asked = std::time::Instant::now();
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &next).status, 202);
    assert!(asked.elapsed() < std::time::Duration::from_secs(4), "told at once: {:?}", asked.elapsed());
    office.start_authority();
    for csr in [&first, &next] {
        office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), csr).status == 200);
    }
    assert_eq!((office.records().count(Kind::Issued), office.records().most_for_one_key()), (2, 1));
    office.until("all is forgotten", || {
        office.metric("ra_authorities_left_alone", "") + office.metric("ra_queue_depth", "") < 0.5
    });
    assert!(office.said().contains("the CA answers again"));
}

#[test]
fn what_the_ca_refuses_is_told_to_the_requester() {
    let office = Office::open();
    let code = office.code();
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"next": 2, "refuse": {"failure": "badCertTemplate", "text": "the CA does not like it"}}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    assert!(answer.text().contains("the CA does not like it"), "{}", answer.text());
    let refused = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    let Answer::Rejected(status) = refused.read() else { panic!("{:?}", refused.answer.body()) };
    assert!(status.text.iter().any(|text| text.contains("the CA does not like it")), "{status:?}");
    assert!(office.cases().iter().all(|case| case["state"] == "failed"));
    assert_eq!(office.records().count(Kind::Issued), 0);
}
