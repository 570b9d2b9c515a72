//! The key of TLS is on the token: handshakes go on there, and nobody else waits for them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certs::{AltName, Csr, oid};
use demo_ca::pki::Pki;

use super::office::{Office, Who, text};
use super::token_away::{bring_back, take_away};

impl Office {
    /// Makes a key on the token and has it certified for TLS; no other is left.
    pub(super) fn put_tls_on_the_token(&self) {
        self.put_tls_on_the_token_as("P-384");
    }

    fn put_tls_on_the_token_as(&self, kind: &str) {
        let named = ["--label", "tls", "--id", "41"];
        let kind = ["--kind", kind, "--officer", "anna"];
        self.told(&[&["key", "generate"], &named[..], &kind].concat());
        let asked = self.run(&[&["key", "csr", "--dns", "localhost", "--officer", "anna"], &named[..]].concat());
        let asked = Csr::parse_pem(&asked.stdout).unwrap_or_else(|fault| panic!("{fault}: {}", text(&asked)));
        assert_eq!(asked.alt_names(), [AltName::Dns("localhost".to_owned())]);
        assert_eq!(asked.extended_key_usages(), Some(&[oid::SERVER_AUTH][..]));
        let pki = Pki::load(&self.path("")).unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let made = pki.issue_tls_server(asked.public_key(), demo_ca::system_clock()(), &random);
        let made = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(made).unwrap();
        let chain = [made.to_pem(), pki.issuing.certificate.to_pem()].concat();
        fs::write(self.pki("tls-token.pem"), chain).unwrap();
        fs::remove_file(self.pki("tls.key")).unwrap();
        self.configure(|settings| {
            settings.table("listen").remove("key_file");
            settings.set("listen", "certificate_file", "pki/tls-token.pem");
            let key = [("label", "tls"), ("id", "41")].map(|(name, value)| (name.to_owned(), value.into()));
            settings.set("hsm", "tls_key", toml::Table::from_iter(key));
        });
    }

    /// A handshake and a request by a client without a session.
    fn greet(&self) -> Child {
        Command::new("curl")
            .args(["-sS", "-f", "--max-time", "8", "--cacert"])
            .arg(self.pki("root.pem"))
            .arg(format!("https://localhost:{}/.well-known/est/cacerts", self.ports.https()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("curl is installed")
    }

    fn greets(&self) -> bool {
        self.greet().wait().unwrap().success()
    }

    /// Whom no handshake concerns is answered as ever.
    fn lives_on(&self) {
        let begun = Instant::now();
        assert_eq!(self.get(self.ports.metrics(), "/livez").status, 200);
        // A GET there is no CMP; that it is told so at once is what counts.
        assert!(Self::try_get(self.ports.http(), "/.well-known/cmp").is_some());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

fn at_work(shim: bool) -> (Office, Option<pkcs11_shim::Lever>) {
    let mut office = Office::prepared();
    office.put_tls_on_the_token();
    let lever = shim.then(|| office.shimmed());
    office.start_authority();
    office.start();
    (office, lever)
}

#[test]
fn requesters_shake_hands_with_the_token() {
    let (office, _) = at_work(false);
    let versions: [&[&str]; 3] = [
        &["--tlsv1.2", "--tls-max", "1.2"],
        &["--tlsv1.3"],
        // RFC 8446 section 4.1.4: the first key share is of a group that the server has not, so the client is told to send another.
        &["--tlsv1.3", "--curves", "P-521:P-256"],
    ];
    for version in versions {
        assert_eq!(office.est_get("cacerts", version).status, 200, "{version:?}");
    }
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    let checked = office.run(&["check"]);
    assert!(checked.status.success() && text(&checked).contains("hsm.tls_key"), "{}", text(&checked));
    let standing = office.run(&["key", "status"]);
    assert!(standing.status.success() && text(&standing).contains("hsm.tls_key"), "{}", text(&standing));
    let retired = office.run(&["key", "retire", "--label", "tls", "--officer", "anna"]);
    assert!(text(&retired).contains("hsm.tls_key is the key"), "{}", text(&retired));
}

#[test]
fn a_key_is_made_for_one_purpose() {
    let office = Office::prepared();
    let who = ["--officer", "anna"];
    let none = office.run(&[&["key", "generate", "--purpose", "tls"], &who[..]].concat());
    assert!(!none.status.success() && text(&none).contains("no key for this is configured"), "{}", text(&none));
    office.configure(|settings| {
        settings.table("listen").remove("key_file");
        settings.set("hsm", "tls_key", toml::Table::from_iter([("label".to_owned(), "tls".into())]));
    });
    let unnamed = office.run(&[&["key", "generate", "--purpose", "tls"], &who[..]].concat());
    assert!(text(&unnamed).contains("needs both label and id"), "{}", text(&unnamed));
    office.configure(|settings| settings.set("hsm", "tls_key", "pkcs11:object=tls;id=%41"));
    // What TLS 1.3 cannot sign with is not made for it.
    let made = office.told(&[&["key", "generate", "--purpose", "tls", "--kind", "RSA-3072"], &who[..]].concat());
    assert!(made["tls_made"] == "yes" && made.get("made").is_none(), "{made}");
    let listed = text(&office.run(&["key", "list"]));
    assert!(listed.lines().any(|line| line.contains("tls") && line.contains("P-256")), "{listed}");
}

#[test]
fn without_the_token_only_handshakes_fail_and_with_it_they_do_not() {
    let (mut office, _) = at_work(false);
    take_away(&office);
    office.until("it is missed", || !office.greets() && office.get(office.ports.metrics(), "/readyz").status == 503);
    let begun = Instant::now();
    assert!(!office.greets());
    assert!(begun.elapsed() < Duration::from_secs(1), "told at once: {:?}", begun.elapsed());
    office.lives_on();
    bring_back(&office);
    office.until("it serves", || office.greets());
    assert_eq!(office.said().matches("Daftar serves").count(), 1, "without a restart");

    assert!(office.stop().success());
    take_away(&office);
    office.launch();
    office.until("it has started", || Office::try_get(office.ports.metrics(), "/livez").is_some());
    assert!(!office.greets());
    office.lives_on();
    bring_back(&office);
    office.until("it serves", || office.greets());
}

#[test]
fn nobody_else_waits_for_handshakes_that_hang() {
    let (office, lever) = at_work(true);
    let lever = lever.unwrap();
    assert!(office.greets());
    let threads = office.threads();
    lever.pull("C_SignInit hang").unwrap();
    let hello = |_| {
        let mut client = office.tls();
        client.conn.write_tls(&mut client.sock).unwrap();
        client
    };
    let hanging: Vec<_> = (0..80).map(hello).collect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        office.lives_on();
        assert!(
            office.metric("ra_hsm_queued_signatures", "purpose=\"requests\"") < 0.5,
            "each purpose has its own queue"
        );
        assert!(office.threads() < threads + 40, "{} threads, and {threads} before", office.threads());
    }
    assert!(office.metric("ra_hsm_queued_signatures", "purpose=\"handshakes\"") > 0.5);
    lever.release().unwrap();
    drop(hanging);
    office.until("it serves", || office.greets());
    assert_eq!(office.said().matches("Daftar serves").count(), 1, "without a restart");
}

#[test]
fn a_key_that_the_server_did_not_start_with_is_not_taken_up() {
    let mut office = Office::prepared();
    office.start_authority();
    office.start();
    office.put_tls_on_the_token();
    office.hang_up();
    office.until("it is told", || office.said().contains("the TLS key was not configured at the start"));
    assert!(office.greets(), "with the key that was in the file");
    office.restart();
    assert!(office.greets());
}

#[test]
fn an_rsa_key_on_the_token_is_none_for_tls() {
    let mut office = Office::prepared();
    office.put_tls_on_the_token_as("RSA-3072");
    let checked = text(&office.run(&["check"]));
    assert!(checked.contains("an RSA key on the token cannot be that of TLS"), "{checked}");
    office.launch();
    assert_eq!(office.ended().code(), Some(1));
}

#[test]
fn a_certificate_for_another_key_changes_nothing() {
    let (office, _) = at_work(false);
    let good = fs::read(office.pki("tls-token.pem")).unwrap();
    fs::copy(office.pki("ra.pem"), office.pki("tls-token.pem")).unwrap();
    let checked = text(&office.run(&["check"]));
    assert!(checked.contains("FAULT hsm.tls_key"), "{checked}");
    let standing = office.run(&["key", "status"]);
    assert!(!standing.status.success() && text(&standing).contains("is not for hsm.tls_key"), "{}", text(&standing));
    office.hang_up();
    office.until("it is told", || office.said().contains("the old certificate stays in use"));
    assert!(office.greets());
    fs::write(office.pki("tls-token.pem"), good).unwrap();
    office.hang_up();
    office.until("it is read", || office.said().contains("certificates and limits were read again"));
    assert!(office.greets());
}
