//! The server's clock is wrong for a while, and then it is put right.

use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Who};

const HOUR: i64 = 3600;

fn office() -> Office {
    let mut office = Office::prepared();
    office.configure(|settings: &mut Settings| {
        settings.set("registrar", "answer_seconds", 0.3);
        settings.set("registrar", "check_after_seconds", 1);
    });
    office.start_authority();
    office.step_clock(0);
    office.start();
    office
}

#[test]
fn what_was_put_off_while_the_clock_was_fast_is_done_when_it_is_right() {
    let mut office = office();
    let code = office.code();
    office.stop_authority();
    office.step_clock(HOUR);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    office.until("the CA is left alone", || office.metric("ra_authorities_left_alone", "") > 0.5);
    office.step_clock(0);
    office.start_authority();
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.case_count()), (1, 1));
    assert!(String::from_utf8_lossy(&office.run(&["audit", "verify"]).stdout).contains("root"), "the log is whole");
}

#[test]
fn whoever_asks_while_the_clock_jumps_is_served_or_told_why() {
    let office = office();
    let code = office.code();
    let seal = Seal::code(&code);
    for (number, step) in [HOUR, 0, 90, 24 * HOUR, 30, 0].into_iter().enumerate() {
        office.step_clock(step);
        let name = format!("device-{number}");
        let (_, csr) = office.csr(&name, &format!("/CN={name}.plant.example"));
        let by_est = office.est("simpleenroll", &Who::Code(&code), &csr);
        assert!(matches!(by_est.status, 200 | 202), "{step} s: {}", by_est.text());
        office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
        office.ask(&seal, &Request::new(&format!("CN={name}.mac.plant.example"))).issued();
    }
    assert_eq!((office.records().count(Kind::Issued), office.records().most_for_one_key()), (12, 1));
    assert!(!office.said().contains("panicked"), "{}", office.said());
}
