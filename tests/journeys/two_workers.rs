//! Two nodes have the same message, since their clocks differ by more than a lease (DESIGN rule 1): nothing is issued twice, and
//! nobody is left in doubt.

use demo_ca::Kind;

use super::office::{Office, Settings, Who};
use super::server::Server;

/// A slow CA, and a second node whose clock is fast: what the first has just sent it takes up at once.
fn enrolled_by_two(mischief: &str) {
    let server = Server::start();
    let url = server.url();
    let office = Office::open_with(|settings: &mut Settings| {
        settings.table("store").clear();
        settings.set("store", "url", url);
        settings.set("registrar", "answer_seconds", 0.5);
        settings.set("registrar", "check_after_seconds", 1);
    });
    let _second = office.further_node_off("second", AHEAD);
    let code = office.code();
    office.mischief(mischief);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let ask = || office.est("simpleenroll", &Who::Code(&code), &csr).status;
    assert_eq!(ask(), 202);
    office.until("it is served", || ask() == 200);
    office.until("the case has its end", || office.cases()[0]["state"] == "confirmed");
    let said = || [office.said(), office.nodes_said()].concat();
    let noticed = ["another worker carried a submission on meanwhile", "transactionIdInUse"];
    office.until("the slower one notices", || noticed.iter().any(|words| said().contains(words)));
    let said = said();
    assert!(!said.contains("an officer must look"), "{said}");
    assert!(!said.contains("ERROR"), "{said}");
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked), office.cases().len()), (1, 0, 1));
    office.until("every leaf has a number", || office.told(&["audit", "verify"])["unnumbered"] == 0);
}

#[test]
fn what_both_sent_is_recorded_by_one() {
    enrolled_by_two(r#"{"delay_ms": 3000}"#);
}

#[test]
fn what_both_sent_is_confirmed_by_one() {
    enrolled_by_two(r#"{"delay_ms": 3000, "no_implicit_confirm": true}"#);
}

#[test]
fn a_ca_that_is_busy_with_the_first_copy_answers_the_second_later() {
    enrolled_by_two(r#"{"delay_ms": 3000, "busy": true}"#);
}

/// Seconds: more than a lease, less than what a clock must be off for its leases not to count.
const AHEAD: i64 = 120;
