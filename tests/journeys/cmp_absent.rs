//! Requesters that stay away, CAs without patience, and words that come twice: nothing stays open for ever, and nobody but the one
//! who should speaks for a certificate.

use cmp::client::{self, Answer};
use cmp::{FailureInfo, relay};
use demo_ca::Kind;

use super::office::{Exchange, Office, Request, Seal, Settings, random};

const NAME: &str = "CN=pump.plant.example";

fn hasty(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.4);
    settings.set("registrar", "check_after_seconds", 1);
}

/// An office before a CA that waits so long for confirmations.
fn before_impatient_authority(seconds: u32) -> Office {
    let mut office = Office::prepared();
    office.configure(hasty);
    std::fs::create_dir_all(office.path("ca")).unwrap();
    std::fs::write(office.path("ca/ca.json"), format!(r#"{{"confirm_wait_seconds": {seconds}}}"#)).unwrap();
    office.start_authority();
    office.start();
    office
}

fn ask_nested(office: &Office, seal: &Seal, request: &Request) -> Exchange {
    office.send_to("/p/nested", &seal.finish(request.draft(seal)))
}

fn is_waiting(exchange: &Exchange) -> bool {
    matches!(client::read(&exchange.answer), Ok(Answer::Waiting { .. } | Answer::PollAgain { .. }))
}

#[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
fn pause(milliseconds: u64) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
}

fn nothing_is_left(office: &Office) -> bool {
    office.number("SELECT count(*) FROM submission WHERE state <> 'ended'") == 0
}

#[test]
fn a_short_patience_of_the_ca_is_shared_with_the_requester() {
    let office = before_impatient_authority(16);
    let seal = Seal::device(&office);
    let exchange = ask_nested(&office, &seal, &Request::explicit(NAME));
    exchange.issued();
    // Long enough for the sweeper to come by.
    pause(4500);
    assert_eq!(office.state(), "issued");
    let done = office.send_to("/p/nested", &exchange.confirm(&seal, None));
    assert!(matches!(done.read(), Answer::Confirmed), "{:?}", done.answer.body());
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn who_is_told_to_poll_the_ca_and_never_does_takes_no_place_in_the_queue() {
    let office = Office::open_with(|settings| {
        hasty(settings);
        settings.set("registrar", "come_back_seconds", 3);
        settings.set("registrar", "queue_limit", 1);
    });
    let seal = Seal::device(&office);
    office.mischief(r#"{"bodies": ["ir"], "waiting": {"polls": 100, "check_after": 1}}"#);
    assert!(is_waiting(&ask_nested(&office, &seal, &Request::explicit(NAME))));
    // The outbox looks at its queue in between.
    pause(600);
    ask_nested(&office, &seal, &Request::new("CN=valve.plant.example")).issued();
    let lapsed = "SELECT count(*) FROM case_record WHERE state = 'lapsed'";
    office.until("the case lapses", || office.number(lapsed) == 1);
    assert!(nothing_is_left(&office));
    assert_eq!(office.leaves("lapsed"), 1);
}

#[test]
fn an_undecided_case_that_nobody_comes_back_for_lapses_and_frees_its_code() {
    let office = Office::open_with(|settings| {
        hasty(settings);
        settings.set("registrar", "come_back_seconds", 2);
    });
    let seal = Seal::code(&office.make_code(&["--profile", "by-hand", "--uses", "1"]));
    let ask = || office.send_to("/p/by-hand", &seal.finish(Request::new(NAME).draft(&seal)));
    let first = ask();
    assert!(is_waiting(&first));
    let taken = ask();
    assert!(matches!(client::read(&taken.answer), Ok(Answer::Error(_) | Answer::Rejected(_))), "the code is in use");
    office.until("the case lapses", || office.number("SELECT count(*) FROM case_record WHERE state = 'lapsed'") == 1);
    assert!(is_waiting(&ask()), "the code opens a case again");
}

#[test]
fn a_requester_that_keeps_asking_is_waited_for() {
    let office = Office::open_with(|settings| {
        hasty(settings);
        settings.set("registrar", "come_back_seconds", 4);
    });
    let seal = Seal::code(&office.code_for("by-hand"));
    let mut last = office.send_to("/p/by-hand", &seal.finish(Request::new(NAME).draft(&seal)));
    for _ in 0..5 {
        pause(1500);
        last = office.send_to("/p/by-hand", &last.poll(&seal, 0));
        assert!(is_waiting(&last), "{:?}", last.answer.body());
    }
    assert_eq!(office.state(), "checked");
}

#[test]
fn what_came_after_a_crash_and_was_never_asked_for_is_revoked() {
    let mut office = before_impatient_authority(12);
    let seal = Seal::device(&office);
    let sent = seal.finish(Request::explicit(NAME).draft(&seal));
    office.mischief(r#"{"delay_ms": 1500}"#);
    let unread = office.cmp_post_unread("/p/nested", &sent);
    office.until("the request is recorded", || !office.cases().is_empty());
    office.kill();
    drop(unread);
    office.start();
    office.until("silence is rejection", || office.state() == "rejected");
    office.until("the certificate is revoked", || office.records().all_revoked());
    assert_eq!(office.number("SELECT count(*) FROM exchange WHERE state = 'open'"), 0);
}

#[test]
fn what_only_the_requester_can_make_anew_is_refused_in_the_words_of_the_ca() {
    let office = Office::open();
    let seal = Seal::device(&office);
    for (name, failure) in
        [("badTime", FailureInfo::BAD_TIME), ("transactionIdInUse", FailureInfo::TRANSACTION_ID_IN_USE)]
    {
        office.mischief(&format!(r#"{{"refuse": {{"failure": "{name}", "text": "not so"}}}}"#));
        let exchange = ask_nested(&office, &seal, &Request::explicit(NAME));
        assert_eq!(exchange.failure(), failure);
        assert_eq!(office.cases()[0]["state"], "failed", "{name}");
    }
    assert!(nothing_is_left(&office));
}

#[test]
fn a_second_confirmation_in_other_words_is_not_taken_for_the_first() {
    let office = Office::open_with(hasty);
    let seal = Seal::device(&office);
    let exchange = ask_nested(&office, &seal, &Request::explicit(NAME));
    exchange.issued();
    office.mischief(r#"{"bodies": ["certConf"], "delay_ms": 2500}"#);
    let waiting = office.send_to("/p/nested", &exchange.confirm(&seal, None));
    assert!(is_waiting(&waiting));
    let mut second = exchange.confirmation(Some("after all not"));
    second.recip_nonce.clone_from(&waiting.answer.header().sender_nonce);
    let second = office.send_to("/p/nested", &seal.finish(second));
    assert!(matches!(client::read(&second.answer), Ok(Answer::Error(_))), "{:?}", second.answer.body());
    // The CA's word is what counts, and it heard the first only.
    assert_eq!(office.state(), "issued");
    office.until("the CA took the first", || office.state() == "confirmed");
    assert_eq!(office.records().count(Kind::Revoked), 0);
}

#[test]
fn a_poll_for_a_confirmation_that_the_ca_leaves_unanswered_gets_no_answer_of_ours() {
    let office = Office::open_with(hasty);
    let seal = Seal::device(&office);
    let exchange = ask_nested(&office, &seal, &Request::explicit(NAME));
    exchange.issued();
    office.mischief(r#"{"bodies": ["certConf"], "waiting": {"polls": 1, "check_after": 1}}"#);
    let waiting = office.send_to("/p/nested", &exchange.confirm(&seal, None));
    assert!(is_waiting(&waiting));
    office.mischief(r#"{"bodies": ["pollReq"], "delay_ms": 1500}"#);
    let poll = seal.finish(client::poll(exchange.sent.header(), waiting.answer.header(), random(), -1));
    assert_eq!(office.send_to("/p/nested", &poll).failure(), FailureInfo::SYSTEM_UNAVAIL);
    // Its repeat gets the CA's own word.
    office.until("the CA has answered", || is_waiting(&office.send_to("/p/nested", &poll)));
}

#[test]
fn a_certificate_of_another_case_is_nobodys_answer() {
    let office = Office::open();
    let seal = Seal::device(&office);
    office.ask(&seal, &Request::new(NAME)).issued();
    office.mischief(r#"{"certificate": {"again": true}}"#);
    assert!(is_waiting(&office.ask(&seal, &Request::new("CN=valve.plant.example"))));
    office.until("an officer must look", || office.cases().iter().any(|case| case["state"] == "undecided"));
    assert!(nothing_is_left(&office));
}

#[test]
fn a_rejection_that_the_ca_does_not_take_becomes_a_revocation() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let exchange = office.ask(&seal, &Request::explicit(NAME));
    exchange.issued();
    office.mischief(r#"{"bodies": ["certConf"], "refuse": {"failure": "badRequest", "text": "we never heard of it"}}"#);
    office.send(&exchange.confirm(&seal, Some("not what I asked for")));
    office.until("the certificate is revoked", || office.records().all_revoked());
    assert_eq!(office.state(), "rejected");
}

#[test]
fn a_request_that_is_wrapped_too_often_for_the_ca_is_refused_and_not_kept() {
    let office = Office::open();
    let (by, device) = (Seal::other_ra(&office), Seal::device(&office));
    let request = device.finish(Request::explicit(NAME).draft(&device));
    let mut message = request.clone();
    for _ in 0..3 {
        let inner = cmp::Message::parse(&message, &cmp::Limits::default()).map_err(|parse| parse.fault).unwrap();
        message = by.finish(relay::wrap(&inner, &by.name(), &by.name()));
    }
    let exchange = office.send_to("/p/nested", &message);
    assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST);
    office.until("nothing is left to do", || nothing_is_left(&office));
}

#[test]
fn the_answers_to_a_large_batch_reach_all() {
    let office = Office::open_with(|settings| {
        settings.set("registrar", "requests_per_minute", 1000);
        let authority = settings.table("authority")["demo"].as_table_mut().unwrap();
        authority.insert("batch_milliseconds".into(), 1500.into());
        authority.insert("batch_limit".into(), 64.into());
    });
    let seal = Seal::device(&office);
    let ask = |number: usize| office.ask(&seal, &Request::new(&format!("CN=pump-{number}.plant.example"))).issued();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..56).map(|number| scope.spawn(move || ask(number))).collect();
        for asked in asked {
            asked.join().unwrap();
        }
    });
    let records = office.records();
    assert_eq!(records.count(Kind::Issued), 56);
}
