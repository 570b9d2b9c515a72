//! A CA that is off-line: people carry files to it and back (RFC 9483 section 6.4.1). Here a test carries them, to the demo's CA.

use std::path::{Path, PathBuf};

use cmp::{Body, Limits, Message};
use demo_ca::{Form, Kind};
use serde_json::Value;

use super::office::{Office, Settings, Who, openssl, read, text, written};

/// The demo's CA, as one that only files reach.
fn off_line(settings: &mut Settings) {
    let mut authority = settings.table("authority")["demo"].as_table().unwrap().clone();
    for key in ["url", "timeout_seconds"] {
        authority.remove(key);
    }
    authority.insert("kind".into(), "file".into());
    settings.table("authority").insert("oil".into(), authority.into());
    settings.default_profile().insert("authority".into(), "oil".into());
    settings.set("registrar", "answer_seconds", 0.3);
}

/// An office with a carrier.
struct Carrier {
    office: Office,
}

impl Carrier {
    fn open() -> Self {
        Self { office: Office::open_with(off_line) }
    }

    /// Writes what waits, and gives the `.pki` files and the manifest.
    fn export(&self, words: &[&str], folder: &str) -> (Vec<PathBuf>, Value) {
        let out = self.office.path(folder);
        let asked = ["upstream", "export", "--authority", "oil", "--officer", "anna", "--out", out.to_str().unwrap()];
        let told = self.office.told(&[&asked, words].concat());
        let files = told["files"].as_array().unwrap().iter().map(|file| PathBuf::from(file.as_str().unwrap()));
        let (messages, others): (Vec<_>, Vec<_>) =
            files.partition(|file| file.extension().is_some_and(|kind| kind == "pki"));
        let Some(manifest) = others.first() else { return (messages, Value::Null) };
        let public = openssl(&["x509", "-in", self.office.pki("ra.pem").to_str().unwrap(), "-pubkey", "-noout"]);
        let public = written(self.office.path("ra.pub"), public.as_bytes());
        let words = ["dgst", "-sha256", "-verify", public.to_str().unwrap(), "-signature"];
        openssl(&[&words[..], &[others[1].to_str().unwrap(), manifest.to_str().unwrap()]].concat());
        (messages, serde_json::from_slice(&read(manifest)).unwrap())
    }

    /// What the CA says to a file, as a file.
    fn at_the_ca(&self, file: &Path) -> PathBuf {
        let answer = self.office.post(self.office.ports.authority(), "/cmp", "application/pkixcmp", &read(file));
        assert_eq!(answer.status, 200);
        written(file.with_extension("answer.pki"), &answer.body)
    }

    fn import(&self, file: &Path) -> (bool, String) {
        let words = ["upstream", "import", "--authority", "oil", "--officer", "anna", file.to_str().unwrap()];
        let output = self.office.run(&words);
        (output.status.success(), text(&output))
    }
}

#[test]
fn a_request_is_carried_to_the_ca_and_its_certificate_back() {
    let carrier = Carrier::open();
    let office = &carrier.office;
    let (none, _) = carrier.export(&[], "nothing");
    assert!(none.is_empty());
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let ask = || office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(ask().status, 202);
    let (files, manifest) = carrier.export(&[], "out");
    assert_eq!((files.len(), office.records().count(Kind::Received)), (1, 0));
    assert!(files[0].ends_with("out/oil-000001-0001.pki"), "{files:?}");
    let listed = &manifest["files"][0]["messages"][0];
    assert_eq!((manifest["number"].as_u64(), manifest["previous"].is_null()), (Some(1), true));
    assert_eq!(listed["step"], "request");
    // RFC 9483 section 6.4.1: one message, DER, nothing before or behind it.
    let octets = read(&files[0]);
    let message = Message::parse(&octets, &Limits::default()).unwrap_or_else(|fault| panic!("{:?}", fault.fault));
    assert!(matches!(message.body(), Body::P10cr(_)));
    assert_eq!(
        hex::encode(message.header().transaction_id.as_deref().unwrap()),
        listed["transaction_id"].as_str().unwrap()
    );
    // It goes once. Whoever lost the files has the same again, and what is there is not written over.
    assert!(carrier.export(&[], "more").0.is_empty());
    let (again, same) = carrier.export(&["--number", "1"], "again");
    assert_eq!((read(&again[0]), same), (octets, manifest));
    let over = office.path("again");
    let words = ["upstream", "export", "--authority", "oil", "--officer", "anna", "--number", "1", "--out"];
    let output = office.run(&[&words[..], &[over.to_str().unwrap()]].concat());
    assert!(!output.status.success() && text(&output).contains("--number 1"), "{}", text(&output));
    assert_eq!(ask().status, 202);
    let answer = carrier.at_the_ca(&files[0]);
    let (taken, said) = carrier.import(&answer);
    assert!(taken && said.contains("it issued"), "{said}");
    assert_eq!(ask().status, 200);
    let (twice, said) = carrier.import(&answer);
    assert!(!twice && said.contains("answered before"), "{said}");
    assert_eq!((office.records().count(Kind::Issued), office.case_count()), (1, 1));
}

#[test]
fn an_answer_that_is_not_the_cas_changes_nothing() {
    let carrier = Carrier::open();
    let office = &carrier.office;
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let ask = || office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(ask().status, 202);
    let (files, _) = carrier.export(&[], "out");
    let answer = carrier.at_the_ca(&files[0]);
    let good = read(&answer);
    let mut bad = good.clone();
    let middle = bad.len() / 3;
    bad[middle] ^= 1;
    for (octets, fault) in [
        (bad, "daftar: 1 answers were left"),
        (read(&files[0]), "left"),
        (good[..good.len() - 1].to_vec(), "does not read"),
        ([&good[..], b"\n"].concat(), "does not read"),
    ] {
        let file = written(office.path("bad.pki"), &octets);
        let (taken, said) = carrier.import(&file);
        assert!(!taken && said.contains(fault), "{said}");
        assert_eq!((office.state().as_str(), ask().status), ("submitted", 202));
    }
    // Of another office's transaction.
    let (other, _) = Carrier::open().export(&[], "out");
    assert!(other.is_empty());
    assert!(carrier.import(&answer).0);
    assert_eq!(ask().status, 200);
    let words = ["upstream", "export", "--authority", "nowhere", "--officer", "anna", "--out", "x"];
    assert!(text(&office.run(&words)).contains("there is no [authority.nowhere]"));
}

#[test]
fn several_go_in_one_file_where_the_ca_takes_it() {
    let office = Office::open_with(|settings| {
        off_line(settings);
        let authority = settings.table("authority")["oil"].as_table_mut().unwrap();
        authority.insert("batch_limit".into(), 2.into());
    });
    let mut carrier = Carrier { office };
    let office = &carrier.office;
    let code = office.code();
    let csrs = ["one", "two", "three"].map(|name| office.csr(name, &format!("/CN={name}.plant.example")).1);
    for csr in &csrs {
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), csr).status, 202);
    }
    let (files, manifest) = carrier.export(&[], "out");
    let counts: Vec<usize> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["messages"].as_array().unwrap().len()).collect();
    assert_eq!((files.len(), counts), (2, vec![2, 1]));
    // The next export names the one before, and what of it is not answered.
    let (_, csr) = office.csr("four", "/CN=four.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    let (more, next) = carrier.export(&[], "out");
    let before = openssl(&["dgst", "-sha256", "-r", office.path("out/oil-000001.json").to_str().unwrap()]);
    assert!(before.starts_with(next["previous"].as_str().unwrap()));
    let unanswered = next["unanswered"].as_array().unwrap();
    assert!(unanswered.len() == 3 && unanswered.iter().all(|one| one["export"] == 1), "{next}");
    carrier.office.restart();
    let office = &carrier.office;
    for file in files.iter().chain(&more) {
        let (taken, said) = carrier.import(&carrier.at_the_ca(file));
        assert!(taken, "{said}");
    }
    for csr in csrs.iter().chain([&csr]) {
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), csr).status, 200);
    }
    let records = office.records();
    let forms: Vec<_> = records.of(Kind::Issued).iter().filter_map(|record| record.form).collect();
    assert_eq!(forms, [Form::Batch, Form::Batch, Form::Plain, Form::Plain]);
}

#[test]
fn a_question_and_a_confirmation_are_carried_too() {
    let carrier = Carrier::open();
    let office = &carrier.office;
    let code = office.code();
    let ask = |csr: &[u8]| office.est("simpleenroll", &Who::Code(&code), csr).status;
    let round = |folder: &str, step: &str| {
        let mut found = Vec::new();
        office.until("something waits for the carrier", || {
            found = vec![carrier.export(&[], folder)];
            !found[0].0.is_empty()
        });
        let (files, manifest) = &found[0];
        assert_eq!(manifest["files"][0]["messages"][0]["step"], step, "{folder}");
        let (taken, said) = carrier.import(&carrier.at_the_ca(&files[0]));
        assert!(taken, "{said}");
    };
    // The CA wants to be asked later.
    office.mischief(r#"{"bodies": ["p10cr"], "waiting": {"polls": 1, "check_after": 1}}"#);
    let (_, pump) = office.csr("pump", "/CN=pump.plant.example");
    for (folder, step) in [("one", "request"), ("two", "poll"), ("three", "poll")] {
        assert_eq!(ask(&pump), 202, "{folder}");
        round(folder, step);
    }
    assert_eq!(ask(&pump), 200);
    // It wants to be told what becomes of its certificate.
    office.mischief(r#"{"bodies": ["p10cr"], "no_implicit_confirm": true}"#);
    let (_, valve) = office.csr("valve", "/CN=valve.plant.example");
    assert_eq!(ask(&valve), 202);
    round("four", "request");
    round("five", "accept");
    assert_eq!(ask(&valve), 200);
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Confirmed)), (2, 1));
}
