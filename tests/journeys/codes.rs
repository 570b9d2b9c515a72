//! One-time codes (DESIGN rule 11).

use demo_ca::Kind;

use super::office::{Office, Request, Seal, Who, csr_for};

#[test]
fn a_one_time_code_opens_one_case() {
    let office = Office::open();
    let code = office.one_time_code();
    // RFC 9810 section 8.7: made by machine, 128 random bits.
    let random =
        |secret: &str| hex::decode(secret).unwrap().iter().collect::<std::collections::BTreeSet<_>>().len() > 4;
    assert!(code.secret.len() == 32 && random(&code.secret) && code.secret != office.code().secret);
    let who = Who::Code(&code);
    let (key, csr) = office.csr("one", "/CN=one.plant.example");
    let first = office.est("simpleenroll", &who, &csr);
    assert_eq!(first.status, 200, "{}", first.text());
    let (_, other) = office.csr("two", "/CN=two.plant.example");
    assert_eq!(office.est("simpleenroll", &who, &other).status, 401);
    // It still serves its own case: a new signature by the same key is the same request (DESIGN rule 2).
    let again = office.est("simpleenroll", &who, &csr_for(&key, "/CN=one.plant.example", &[]));
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(office.received(&first.body), office.received(&again.body));
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn eight_at_the_same_time_open_one_case() {
    let office = Office::open();
    let code = office.one_time_code();
    let requests: Vec<Vec<u8>> = (0..8)
        .map(|number| office.csr(&format!("race-{number}"), &format!("/CN=race-{number}.plant.example")).1)
        .collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = requests
            .iter()
            .map(|csr| scope.spawn(|| office.est("simpleenroll", &Who::Code(&code), csr).status))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 7, "{statuses:?}");
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn eight_times_the_same_request_are_one_case() {
    let office = Office::open();
    let code = office.one_time_code();
    office.mischief(r#"{"delay_ms": 300}"#);
    let key = office.key("pump");
    let requests: Vec<Vec<u8>> = (0..8).map(|_| csr_for(&key, "/CN=pump.plant.example", &[])).collect();
    let answers: Vec<(u16, Vec<u8>)> = std::thread::scope(|scope| {
        let asked: Vec<_> = requests
            .iter()
            .map(|csr| {
                scope.spawn(|| {
                    let answer = office.est("simpleenroll", &Who::Code(&code), csr);
                    (answer.status, answer.body)
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    // Who joins the case may be told to come back; nobody gets anything else, and all get the same in the end.
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.0).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 202)) && statuses.contains(&200), "{statuses:?}");
    let served = office.est("simpleenroll", &Who::Code(&code), &requests[0]);
    assert_eq!(served.status, 200);
    assert!(answers.iter().filter(|answer| answer.0 == 200).all(|answer| answer.1 == served.body));
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn a_refused_request_uses_no_code_up() {
    let office = Office::open();
    let code = office.one_time_code();
    let (key, _) = office.csr("pump", "/CN=pump.plant.example");
    let refused = office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump/title=chief", &[]));
    assert_eq!(refused.status, 400, "{}", refused.text());
    let malformed = office.est("simpleenroll", &Who::Code(&code), b"AAAA");
    assert_eq!(malformed.status, 400);
    let served = office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump.plant.example", &[]));
    assert_eq!(served.status, 200, "{}", served.text());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_refused_request_frees_no_code_that_is_used() {
    let office = Office::open();
    let code = office.one_time_code();
    let (key, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    let bad = csr_for(&key, "/CN=pump/title=chief", &[]);
    assert!(office.est("simpleenroll", &Who::Code(&code), &bad).status >= 400);
    let (_, other) = office.csr("two", "/CN=two.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &other).status, 401);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_case_that_the_ca_refuses_frees_its_code() {
    let office = Office::open();
    let code = office.one_time_code();
    office.mischief(r#"{"refuse": {"failure": "badCertTemplate", "text": "not today"}}"#);
    let (key, csr) = office.csr("pump", "/CN=pump.plant.example");
    let refused = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(office.state(), "failed");
    let again = office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump.plant.example", &[]));
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_one_time_code_carries_a_whole_cmp_transaction() {
    let office = Office::open();
    let seal = Seal::code(&office.one_time_code());
    let exchange = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let confirm = exchange.confirm(&seal, None);
    assert!(matches!(office.send(&confirm).read(), cmp::client::Answer::Confirmed));
    assert_eq!(office.send(exchange.sent.der()).answer.der(), exchange.answer.der());
    let second = office.ask(&seal, &Request::new("CN=two.plant.example"));
    assert_eq!(second.failure(), cmp::FailureInfo::BAD_MESSAGE_CHECK);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_code_is_for_its_own_names() {
    let office = Office::open();
    let code = office.make_code(&["--profile", "default", "--name", "pump.plant.example"]);
    let (_, other) = office.csr("other", "/CN=valve.plant.example");
    let refused = office.est("simpleenroll", &Who::Code(&code), &other);
    assert_eq!(refused.status, 403, "{}", refused.text());
    let (_, right) = office.csr("right", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &right).status, 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn an_expired_or_withdrawn_code_opens_nothing_but_serves_its_case() {
    let office = Office::open();
    let expiring = office.make_code(&["--profile", "default", "--uses", "0", "--expires-in", "2"]);
    let (key, csr) = office.csr("early", "/CN=early.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&expiring), &csr).status, 200);
    #[expect(clippy::disallowed_methods, reason = "the code runs out by the clock")]
    std::thread::sleep(std::time::Duration::from_millis(2200));
    let (_, late) = office.csr("late", "/CN=late.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&expiring), &late).status, 401);
    let again = csr_for(&key, "/CN=early.plant.example", &[]);
    assert_eq!(office.est("simpleenroll", &Who::Code(&expiring), &again).status, 200, "its case is served on");
    let code = office.code();
    office.told(&["code", "withdraw", &code.id, "--officer", "clerk"]);
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &late).status, 401);
    assert_eq!(office.records().count(Kind::Issued), 1);
}
