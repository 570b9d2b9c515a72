//! Cases that an officer decides.

use cmp::client::Answer;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Who, csr_for};

fn by_hand(settings: &mut super::office::Settings) {
    settings.default_profile().insert("approval".into(), "by-hand".into());
    settings.set("registrar", "check_after_seconds", 1);
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[test]
fn an_approved_case_brings_its_certificate_over_est() {
    let mut office = Office::open_with(by_hand);
    let code = office.one_time_code();
    let key = office.key("pump");
    let ask =
        |office: &Office| office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump.plant.example", &[]));
    let first = ask(&office);
    assert_eq!((first.status, first.header("Retry-After")), (202, Some("1")));
    assert!(first.body.is_empty());
    assert_eq!(office.state(), "checked");
    assert_eq!(office.records().count(Kind::Received), 0, "nothing goes to the CA before an officer said so");
    office.restart();
    assert_eq!(ask(&office).status, 202);
    let id = office.only_id();
    let shown = office.shown(&id);
    assert_eq!(shown["subject"], "CN=pump.plant.example");
    assert_eq!(shown["decisions"][0]["verdict"], "vet");
    let moved = office.told(&["case", "approve", &id, "--officer", "anna"]);
    assert_eq!(moved["id"].as_str(), Some(id.as_str()));
    office.until("the certificate", || ask(&office).status == 200);
    let shown = office.shown(&id);
    let decisions = shown["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(decisions[1]["actor"].as_str().unwrap().contains("anna"), "{decisions:?}");
    assert_eq!(decisions[1]["verdict"], "pass");
    assert!(office.accepts(shown["certificate"].as_str().unwrap()));
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn a_refused_case_tells_its_requester_why() {
    let office = Office::open_with(by_hand);
    let code = office.code();
    let seal = Seal::code(&office.code());
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    let est = office.only_id();
    let asked = office.ask(&seal, &Request::new("CN=valve.plant.example"));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    let cmp = office.cases()[0]["id"].as_str().unwrap().to_owned();
    for id in [&est, &cmp] {
        office.told(&["case", "refuse", id, "--officer", "anna", "--text", "no such pump in our plant"]);
        assert_eq!(office.shown(id)["state"], "refused");
        assert_eq!(office.shown(id)["reason"], "no such pump in our plant");
    }
    let polled = office.send(&asked.poll(&seal, cert_req_id));
    let Answer::Rejected(status) = cmp::client::read(&polled.answer).unwrap() else {
        panic!("{:?}", polled.answer.body())
    };
    assert!(status.text.iter().any(|text| text.contains("no such pump")), "{status:?}");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("no such pump in our plant"), "{}", answer.text());
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn openssl_waits_for_the_officer() {
    let office = Office::open_with(by_hand);
    let by = office.by_device();
    office.key("new");
    let output = std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let words =
                ["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump.plant.example", "-certout", "got.pem"];
            office.openssl_cmp(&[&by[..], &words].concat())
        });
        office.until("the case waits for an officer", || {
            office.cases().first().is_some_and(|case| case["state"] == "checked")
        });
        office.told(&["case", "approve", &office.only_id(), "--officer", "anna"]);
        asked.join().unwrap()
    });
    assert!(output.status.success(), "{}", said(&output));
    assert!(office.accepts(&std::fs::read_to_string(office.path("got.pem")).unwrap()));
    assert_eq!(office.state(), "confirmed");
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (1, 0));
}

#[test]
fn a_case_is_decided_once() {
    let office = Office::open_with(by_hand);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let code = office.code();
    office.est("simpleenroll", &Who::Code(&code), &csr);
    let id = office.only_id();
    let results: Vec<bool> = std::thread::scope(|scope| {
        let deciding: Vec<_> = (0..4)
            .map(|number| {
                let (office, id) = (&office, &id);
                scope.spawn(move || {
                    let words: &[&str] = if number % 2 == 0 {
                        &["case", "approve", id, "--officer", "anna"]
                    } else {
                        &["case", "refuse", id, "--officer", "bert", "--text", "no"]
                    };
                    office.run(words).status.success()
                })
            })
            .collect();
        deciding.into_iter().map(|decided| decided.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|done| **done).count(), 1, "{results:?}");
    let late = office.run(&["case", "refuse", &id, "--officer", "anna", "--text", "too late"]);
    assert_eq!(late.status.code(), Some(1), "{}", said(&late));
    assert!(office.records().count(Kind::Issued) <= 1);
}

#[test]
fn what_the_rules_refuse_reaches_no_officer() {
    let office = Office::open_with(by_hand);
    let code = office.code();
    let key = office.key("pump");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr_for(&key, "/CN=pump/title=chief", &[]));
    assert_eq!(answer.status, 400);
    assert_eq!(office.state(), "refused");
    let output = office.run(&["case", "approve", &office.only_id(), "--officer", "anna"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(office.records().count(Kind::Received), 0);
}
