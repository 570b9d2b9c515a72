//! A key of its own for the answers to requesters: who began under the one before is answered with that one to the end.

use std::path::PathBuf;

use certs::{Certificate, oid};
use cmp::client::{self, Answer};
use demo_ca::pki::Pki;

use super::key_life::Paper;
use super::office::{Exchange, Office, Request, Seal, text, verifies};

impl Office {
    /// Makes a key on the token and has it certified for answers.
    pub(super) fn answer_key(&self, label: &str, id: &str) -> PathBuf {
        self.told(&["key", "generate", "--label", label, "--id", id, "--officer", "anna"]);
        let public = self.key_on_token(&["--label", label]);
        let pki = Pki::load(&self.path("")).unwrap();
        Paper::good(&pki.issuing, &public).write(self.pki(&format!("{label}.pem")))
    }

    pub(super) fn set_answer_key(&self, key: (&str, &str), file: &str, (label, id): (&str, &str)) {
        self.configure(|settings| {
            let named = [("label", label), ("id", id)].map(|(name, value)| (name.to_owned(), value.into()));
            settings.set("hsm", key.0, toml::Table::from_iter(named));
            settings.set("answers", key.1, file);
        });
    }
}

/// Whose key signed an answer, which must verify.
fn signer(exchange: &Exchange) -> Certificate {
    let shown = exchange.answer.signer_certificate().unwrap();
    let cmp::Protection::Signature(proof) = exchange.answer.protection_kind().unwrap() else { panic!("no signature") };
    proof.verify(shown.public_key()).unwrap();
    shown
}

fn first(path: &PathBuf) -> Certificate {
    Certificate::parse_pem(&std::fs::read(path).unwrap()).unwrap().remove(0)
}

fn by_hand(settings: &mut super::office::Settings) {
    settings.default_profile().insert("approval".into(), "by-hand".into());
    settings.set("registrar", "check_after_seconds", 1);
}

#[test]
fn an_exchange_keeps_the_key_that_it_began_under() {
    let mut office = Office::open_with(by_hand);
    let seal = Seal::device(&office);
    let ask = |office: &Office, name: &str| office.ask(&seal, &Request::new(&format!("CN={name}.plant.example")));
    let poll = |office: &Office, begun: &Exchange| office.send(&begun.poll(&seal, 0));
    let under_ra = ask(&office, "one");
    assert_eq!(signer(&under_ra), office.ra());

    let one = office.answer_key("answers-1", "31");
    office.set_answer_key(NEW, "pki/answers-1.pem", ("answers-1", "31"));
    office.restart();
    let under_one = ask(&office, "two");
    assert_eq!(signer(&under_one), first(&one));
    let under_ra = poll(&office, &under_ra);
    assert_eq!(signer(&under_ra), office.ra());

    let two = office.answer_key("answers-2", "32");
    office.set_answer_key(NEW, "pki/answers-2.pem", ("answers-2", "32"));
    office.set_answer_key(OLD, "pki/answers-1.pem", ("answers-1", "31"));
    office.restart();
    let under_two = ask(&office, "three");
    assert_eq!(signer(&under_two), first(&two));
    let retire = office.run(&["key", "retire", "--label", "answers-1", "--officer", "anna"]);
    assert!(text(&retire).contains("hsm.retiring_answer_key"), "{}", text(&retire));
    for case in office.cases() {
        office.told(&["case", "approve", case["id"].as_str().unwrap(), "--officer", "anna"]);
    }
    office.until("the certificates", || office.cases().iter().all(|case| case["state"] == "confirmed"));
    for (begun, key) in [(&under_ra, office.ra()), (&under_one, first(&one)), (&under_two, first(&two))] {
        let last = poll(&office, begun);
        assert!(matches!(client::read(&last.answer).unwrap(), Answer::Issued(_)), "{:?}", last.answer.body());
        assert_eq!(signer(&last), key);
    }
    assert!(office.run(&["check"]).status.success());
}

#[test]
fn openssl_believes_the_key_for_answers() {
    let mut office = Office::open();
    office.answer_key("answers-1", "31");
    office.set_answer_key(NEW, "pki/answers-1.pem", ("answers-1", "31"));
    office.restart();
    office.key("new");
    let by = office.by_device();
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let words = ["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump.plant.example", "-certout", "got.pem"];
    let output = office.openssl_cmp(&[&by[..], &words].concat());
    assert!(output.status.success(), "{}", text(&output));
    assert!(verifies(&office.pki("root.pem"), &office.pki("issuing.pem"), &office.path("got.pem")));
}

#[test]
fn a_certificate_that_makes_no_ra_protects_no_answer() {
    let office = Office::open();
    office.answer_key("answers-1", "31");
    let public = office.key_on_token(&["--label", "answers-1"]);
    let pki = Pki::load(&office.path("")).unwrap();
    let mut paper = Paper::good(&pki.issuing, &public);
    paper.purposes = &[oid::CLIENT_AUTH];
    paper.write(office.pki("answers-1.pem"));
    office.set_answer_key(NEW, "pki/answers-1.pem", ("answers-1", "31"));
    let checked = text(&office.run(&["check"]));
    assert!(checked.contains("hsm.answer_key") && checked.contains("id-kp-cmcRA"), "{checked}");
}

/// The keys of the configuration: the one in use, and the one before.
const NEW: (&str, &str) = ("answer_key", "certificates");
const OLD: (&str, &str) = ("retiring_answer_key", "retiring");
