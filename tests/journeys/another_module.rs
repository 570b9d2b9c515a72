//! An office whose token is of another maker than the demo's: of the PKCS#11 module that `DAFTAR_TEST_MODULE` names, as
//! `make kryoptic` does, else a second token of `SoftHSM`.

use std::fs;

use certs::{Certificate, PublicKey, oid};
use demo_ca::Kind;
use demo_ca::pki::Pki;

use super::office::{Office, Request, Seal, Who, text};

/// Prepared with a token of the other module, whose keys were made there, and certified.
fn office() -> Office {
    let office = Office::prepared();
    if let Ok(module) = std::env::var("DAFTAR_TEST_MODULE") {
        office.configure(|settings| settings.set("hsm", "module", module));
    }
    office.configure(|settings| settings.set("hsm", "token", "another"));
    let made = office.run(&["demo-token"]);
    assert!(made.status.success(), "{}", text(&made));
    let key = String::from_utf8(made.stdout).unwrap();
    let key = PublicKey::parse(&hex::decode(key.trim()).unwrap()).unwrap();
    let old = office.ra();
    assert!(*old.public_key() != key);
    fs::write(office.pki("ra.pem"), certified(&office, &key, &old).to_pem()).unwrap();
    office
}

fn certified(office: &Office, key: &PublicKey, old: &Certificate) -> Certificate {
    let pki = Pki::load(&office.path("")).unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let made = pki.issue_end_entity(old.subject(), key, &[oid::CMC_RA], demo_ca::system_clock()(), &random);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(made).unwrap()
}

#[test]
fn requesters_do_not_notice_whose_token_it_is() {
    let mut office = office();
    office.put_tls_on_the_token();
    office.start_authority();
    office.start();
    let code = office.code();
    let seal = Seal::device(&office);
    for round in 0..2 {
        let (_, csr) = office.csr("pump", &format!("/CN=pump-{round}.plant.example"));
        let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
        assert_eq!(answer.status, 200, "{}", answer.text());
        office.ask(&seal, &Request::new(&format!("CN=valve-{round}.plant.example"))).issued();
        office.restart();
    }
    assert_eq!(office.records().count(Kind::Issued), 4);
    let standing = office.run(&["key", "status"]);
    assert!(standing.status.success(), "{}", text(&standing));
    let checked = office.run(&["check"]);
    assert!(checked.status.success(), "{}", text(&checked));
    assert!(office.run(&["audit", "verify"]).status.success());
}

#[test]
fn a_successor_is_made_and_the_old_key_destroyed() {
    let mut office = office();
    office.start_authority();
    office.start();
    let who = ["--officer", "anna"];
    let successor = ["--label", "next", "--id", "11"];
    let made = office.told(&[&["key", "generate"], &successor[..], &who].concat());
    assert_eq!(made["outcome"], "done", "{made}");
    let renewed = office.told(&[&["key", "renew"], &successor[..], &who].concat());
    office.told(&[&["key", "install", renewed["written_to"].as_str().unwrap()], &who[..]].concat());
    office.configure(|settings| {
        let names = [("label", "next"), ("id", "11")].map(|(key, name)| (key.to_owned(), name.into()));
        settings.set("hsm", "signing_key", toml::Table::from_iter(names));
    });
    office.restart();
    office.told(
        &[&["key", "retire", "--label", "demo-ra-signing", "--yes-destroy", "demo-ra-signing"], &who[..]].concat(),
    );
    let listed = text(&office.run(&["key", "list"]));
    assert!(listed.contains("next") && !listed.contains("demo-ra-signing"), "{listed}");
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
}
