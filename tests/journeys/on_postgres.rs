//! The office with its records on a PostgreSQL server.

use cmp::client::Answer;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Who};
use super::server::Server;

/// Its records are there, and nowhere else.
fn records_at(server: &Server) -> impl FnOnce(&mut Settings) + use<> {
    let url = server.url();
    move |settings| {
        settings.table("store").clear();
        settings.set("store", "url", url);
        settings.set("registrar", "answer_seconds", 0.5);
        settings.set("registrar", "check_after_seconds", 1);
    }
}

#[test]
fn an_office_that_is_killed_comes_back_with_everything() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump-7.plant.example");
    let mut enrolled = office.est("simpleenroll", &Who::Code(&code), &csr);
    office.until("the certificate", || {
        enrolled = office.est("simpleenroll", &Who::Code(&code), &csr);
        enrolled.status == 200
    });
    let seal = Seal::device(&office);
    let first = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    first.issued();
    let issued = office.records().count(Kind::Issued);
    office.kill();
    office.start();
    assert!(!office.path("data/daftar.sqlite").exists());
    assert_eq!(first.answer.der(), office.send(first.sent.der()).answer.der());
    assert!(matches!(office.send(&first.confirm(&seal, None)).read(), Answer::Confirmed));
    let again = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(office.received(&again.body), office.received(&enrolled.body));
    assert_eq!(office.records().count(Kind::Issued), issued);
    assert_eq!(office.cases().len(), 2);
    office.until("every leaf has a number", || office.told(&["audit", "verify"])["unnumbered"] == 0);
}

#[test]
fn what_was_on_its_way_to_the_ca_arrives_after_a_kill() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let code = office.code();
    office.mischief(r#"{"delay_ms": 2000}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    office.kill();
    office.start();
    office.until("the certificate", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.cases().len()), (1, 1));
}

#[test]
fn a_database_server_that_crashes_and_comes_back_is_found_again() {
    let mut server = Server::start();
    let office = Office::open_with(records_at(&server));
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    server.crash();
    let refused = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(office.records().count(Kind::Issued), 0);
    server.again();
    office.until("the certificate", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.cases().len()), (1, 1));
}
