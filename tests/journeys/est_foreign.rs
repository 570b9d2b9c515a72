//! A CA behind an EST server that is not ours: Python's `ssl` and `http.server` speak, and `openssl` issues.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use certs::oid;

use super::office::{Answer, Office, Who};
use super::two_offices::certify;

/// An office whose CA is such a server.
struct Row {
    office: Office,
    server: Child,
}

impl Drop for Row {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Row {
    fn open() -> Self {
        Self::open_at("/.well-known/est")
    }

    fn open_at(path: &str) -> Self {
        let mut office = Office::prepared();
        // Nothing else is at the place of the demo's CA.
        let port = office.ports.authority();
        let ra = certify(&office, &office.ra(), &[oid::CMC_RA, oid::CLIENT_AUTH]);
        fs::write(office.pki("ra.pem"), ra.to_pem()).unwrap();
        let url = format!("https://localhost:{port}{path}");
        office.configure(|settings| {
            settings.set("registrar", "answer_seconds", 0.3);
            settings.set("registrar", "check_after_seconds", 1);
            let texts =
                [("kind", "est"), ("url", &url), ("certificates", "pki/chain.pem"), ("ra_certificate", "pki/ra.pem")];
            let table: toml::Table = texts.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect();
            settings.table("authority").insert("foreign".into(), table.into());
            settings.default_profile().insert("authority".into(), "foreign".into());
        });
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journeys/est_server/server.py");
        let server = Command::new("python3").arg(program).arg(port.to_string()).arg(office.path("")).spawn().unwrap();
        office.start();
        office.until("the EST server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { office, server }
    }

    /// What the next answers are.
    fn order(&self, lines: &[&str]) {
        fs::write(self.office.path("orders"), lines.join("\n")).unwrap();
    }

    /// The requests that came, each by its hash and who asked.
    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.office.path("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    /// Asks until the answer is no "later".
    fn enrol(&self, name: &str) -> Answer {
        let code = self.office.code();
        let (_, csr) = self.office.csr(name, &format!("/CN={name}.plant.example"));
        let mut last = None;
        self.office.until("an answer", || {
            let answer = self.office.est("simpleenroll", &Who::Code(&code), &csr);
            let told = answer.status != 202;
            last = Some(answer);
            told
        });
        last.unwrap()
    }

    fn issued(&self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(self.office.accepts(&self.office.received(&answer.body).remove(0)));
    }
}

#[test]
fn a_certificate_comes_from_a_server_of_others_in_each_form_that_it_may_have() {
    let row = Row::open();
    for (number, order) in ["{}", r#"{"as": "with its chain"}"#, r#"{"lines": "none"}"#].into_iter().enumerate() {
        row.order(&[order]);
        let answer = row.enrol(&format!("pump-{number}"));
        row.issued(&answer);
    }
    // It knew the RA by its certificate.
    assert!(row.asked().iter().all(|line| line.ends_with(" Local RA")), "{:?}", row.asked());
    assert_eq!(row.asked().len(), 3);
}

#[test]
fn the_same_request_is_sent_until_the_server_has_decided_and_issued_once() {
    let row = Row::open();
    row.order(&[
        r#"{"status": 202, "headers": {"Retry-After": "1"}}"#,
        r#"{"status": 202, "headers": {"Retry-After": "1"}}"#,
    ]);
    row.issued(&row.enrol("pump"));
    let asked = row.asked();
    assert!(asked.len() == 3 && asked.iter().all(|line| *line == asked[0]), "{asked:?}");
    assert_eq!(row.office.number("SELECT count(*) FROM certificate"), 1);
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let row = Row::open();
    let begun = Instant::now();
    row.order(&[r#"{"status": 503, "headers": {"Retry-After": "4"}, "body": "too busy"}"#]);
    row.issued(&row.enrol("pump"));
    assert!(begun.elapsed() >= Duration::from_secs(4), "it was asked after {:?}", begun.elapsed());
    assert_eq!(row.asked().len(), 2);
    assert!(row.office.said().contains("HTTP status 503: too busy"), "{}", row.office.said());
}

#[test]
fn a_refusal_is_told_in_its_words_and_another_key_is_not_believed() {
    let row = Row::open();
    row.order(&[r#"{"status": 403, "headers": {"Content-Type": "text/plain"}, "body": "no such pump"}"#]);
    let refused = row.enrol("pump");
    assert!(refused.status == 403 && refused.text().contains("no such pump"), "{} {}", refused.status, refused.text());
    assert_eq!(row.asked().len(), 1);
    row.order(&[r#"{"as": "of another"}"#]);
    let withheld = row.enrol("valve");
    assert_ne!(withheld.status, 200, "{}", withheld.text());
    assert_eq!(row.office.cases()[0]["state"], "withheld");
}

#[test]
fn a_wrong_address_ends_no_case() {
    let row = Row::open_at("/.well-known/est/typing-error");
    let code = row.office.code();
    let (_, csr) = row.office.csr("pump", "/CN=pump.plant.example");
    let ask = || row.office.est("simpleenroll", &Who::Code(&code), &csr).status;
    assert_eq!(ask(), 202);
    row.office.until("it was asked twice", || row.asked().len() > 1);
    assert_eq!((ask(), row.office.state().as_str()), (202, "submitted"));
    assert!(row.office.said().contains("HTTP status 404"), "{}", row.office.said());
    let url = format!("https://localhost:{}/.well-known/est", row.office.ports.authority());
    let mut row = row;
    row.office.configure(|settings| {
        settings.table("authority")["foreign"].as_table_mut().unwrap().insert("url".into(), url.into());
    });
    row.office.restart();
    let ask = || row.office.est("simpleenroll", &Who::Code(&code), &csr).status;
    row.office.until("the address is mended", || ask() == 200);
}
