//! One CA has several addresses: another is asked when one is gone, and nothing is asked for twice (DESIGN rule 1).

use demo_ca::Kind;

use super::office::{Front, Office, Who, text};

/// An office whose CA is behind two front ends.
fn behind_two(answer_seconds: f64) -> (Office, Front, Front) {
    let mut office = Office::prepared();
    let [first, second] = [(); 2].map(|()| Front::before(office.ports.authority()));
    office.configure(|settings| {
        settings.set("registrar", "answer_seconds", answer_seconds);
        settings.set("registrar", "check_after_seconds", 1);
        let authority = settings.table("authority")["demo"].as_table_mut().unwrap();
        let url = authority["url"].as_str().unwrap().to_owned();
        let (before, after) = url.rsplit_once(':').unwrap();
        let path = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let [one, other] = [&first, &second].map(|front| format!("{before}:{}{path}", front.port()));
        authority.insert("url".into(), one.into());
        authority.insert("further_urls".into(), vec![other].into());
    });
    office.start_authority();
    office.start();
    (office, first, second)
}

#[test]
fn the_second_address_serves_while_the_first_is_down() {
    let (office, mut first, second) = behind_two(10.0);
    let code = office.code();
    let mut number = 0;
    let mut enrol = || {
        number += 1;
        let (_, csr) = office.csr(&format!("pump-{number}"), &format!("/CN=pump-{number}.plant.example"));
        office.est("simpleenroll", &Who::Code(&code), &csr).status
    };
    assert_eq!((enrol(), first.requests(), second.requests()), (200, 1, 0), "the first is asked first");
    first.close();
    // Nobody waits: no connection, so nothing was sent, and the next address is asked at once.
    for passed in 1..=4 {
        assert_eq!((enrol(), second.requests()), (200, passed), "{}", office.said());
    }
    assert!(office.said().contains("an address of the CA is left alone for a while"));
    assert!(office.metric("ra_authorities_left_alone", "") < 0.5, "the CA itself answers");
    first.open();
    office.until("the first is asked again", || enrol() == 200 && first.requests() > 0);
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.most_for_one_key()), (office.cases().len(), 1));
}

#[test]
fn what_may_have_arrived_is_repeated_where_it_went() {
    let (office, mut first, second) = behind_two(0.2);
    let code = office.code();
    first.close();
    second.mute(true);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let ask = || office.est("simpleenroll", &Who::Code(&code), &csr).status;
    assert_eq!(ask(), 202);
    first.open();
    second.mute(false);
    office.until("it is served", || ask() == 200);
    assert!(second.requests() >= 2);
    assert_eq!(first.requests(), 0, "the first may not know of it yet");
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn an_address_that_swallows_messages_is_left_for_the_next_with_the_same_bytes() {
    let (mut office, first, second) = behind_two(0.2);
    let code = office.code();
    first.mute(true);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let ask = |office: &Office| office.est("simpleenroll", &Who::Code(&code), &csr).status;
    assert_eq!(ask(&office), 202);
    // As if the power went, between the CA's answer and our record of it.
    office.kill();
    office.start();
    office.until("it is served", || ask(&office) == 200);
    assert!(second.requests() >= 1);
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.most_for_one_key(), office.case_count()), (1, 1, 1));
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn check_looks_at_each_address() {
    let (office, _first, mut second) = behind_two(10.0);
    let whole = text(&office.run(&["check"]));
    assert!(whole.contains("ok    authority.demo.further_urls"), "{whole}");
    second.close();
    let told = text(&office.run(&["check"]));
    assert!(told.contains("FAULT authority.demo.further_urls") && told.contains("cannot be reached"), "{told}");
}
