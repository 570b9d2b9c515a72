//! Keys that are made for requesters (RFC 7030 section 4.4). Judged by OpenSSL.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demo_ca::Kind;

use super::office::{Answer, Code, Office, Settings, Who, csr_for, openssl, written};

const SUBJECT: &str = "/CN=mail.plant.example";

/// Requests for an encryption certificate, whose key is made by the office.
fn with_keys(settings: &mut Settings, kind: &'static str, approval: &'static str) {
    settings.add_profile("keys", |profile| {
        profile.insert("key_usage".into(), vec!["keyEncipherment", "keyAgreement"].into());
        profile.insert("approval".into(), approval.into());
        let est = profile.entry("est").or_insert_with(|| toml::Table::new().into());
        est.as_table_mut().unwrap().insert("server_key".into(), kind.into());
    });
    settings.set("registrar", "check_after_seconds", 1);
}

fn office(kind: &'static str) -> Office {
    Office::open_with(|settings| with_keys(settings, kind, "automatic"))
}

/// A request whose key is somebody's and whose signature is nobody's.
fn request(office: &Office, name: &str, usage: &str) -> Vec<u8> {
    let csr = csr_for(&office.key(name), SUBJECT, &["-addext", &format!("keyUsage=critical,{usage}")]);
    let mut der = STANDARD.decode(&csr).unwrap();
    *der.last_mut().unwrap() ^= 1;
    STANDARD.encode(der).into_bytes()
}

/// The parts of an answer: content type, and content out of its base64.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let content_type = answer.header("Content-Type").unwrap();
    let boundary = content_type.strip_prefix("multipart/mixed; boundary=").unwrap();
    let text = answer.text();
    let (inside, after) = text.split_once(&format!("--{boundary}--")).unwrap();
    assert_eq!(after.trim(), "");
    let start = format!("--{boundary}\r\n");
    let parts = inside.split(&start).skip(1);
    parts
        .map(|part| {
            let (head, body) = part.split_once("\r\n\r\n").unwrap();
            let mut fields = head.lines();
            let kind = fields.next().unwrap().strip_prefix("Content-Type: ").unwrap().to_owned();
            assert_eq!(fields.next(), Some("Content-Transfer-Encoding: base64"));
            (kind, STANDARD.decode(body.trim()).unwrap())
        })
        .collect()
}

/// Key and certificate of an answer, as files that OpenSSL found to belong together.
fn received(office: &Office, name: &str, answer: &Answer) -> (PathBuf, PathBuf) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = parts(answer);
    let [(key_type, key), (certificate_type, certificate)] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    assert_eq!(key_type, "application/pkcs8");
    assert_eq!(certificate_type, "application/pkcs7-mime; smime-type=certs-only");
    let key = written(office.path(&format!("{name}.p8")), key);
    let certificate = office.received(&STANDARD.encode(certificate).into_bytes()).remove(0);
    assert!(office.accepts(&certificate));
    let certificate = office.keep(name, &certificate);
    belong_together(&key, &certificate);
    (key, certificate)
}

fn belong_together(key: &Path, certificate: &Path) {
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    openssl(&["pkey", "-inform", "DER", "-in", key, "-check", "-noout"]);
    let of_key = openssl(&["pkey", "-inform", "DER", "-in", key, "-pubout"]);
    assert_eq!(of_key, openssl(&["x509", "-in", certificate, "-noout", "-pubkey"]));
}

#[test]
fn a_key_comes_with_its_certificate_and_neither_is_kept() {
    for (kind, usage) in [("RSA-2048", "keyEncipherment"), ("P-256", "keyAgreement")] {
        let office = office(kind);
        let code = office.code_for("keys");
        let csr = request(&office, "unused", usage);
        let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
        let (key, certificate) = received(&office, "made", &answer);
        let shown = openssl(&["x509", "-in", certificate.to_str().unwrap(), "-noout", "-text"]);
        assert!(
            shown.contains("CN = mail.plant.example") && shown.contains("Key Encipherment") != (kind == "P-256"),
            "{shown}"
        );
        // The key of the request is ignored, and so is its signature.
        let unused = openssl(&["pkey", "-in", office.path("unused.key").to_str().unwrap(), "-pubout"]);
        assert_ne!(unused, openssl(&["x509", "-in", certificate.to_str().unwrap(), "-noout", "-pubkey"]));
        office.until("the certificate counts", || office.state() == "confirmed");
        assert_eq!(office.records().count(Kind::Issued), 1);
        assert_eq!(office.records().count(Kind::Revoked), 0);
        // What nobody else may have: the private scalar (RFC 5915 section 3), or a part of the private exponent.
        let der = std::fs::read(&key).unwrap();
        let start = if kind == "P-256" { 36 } else { der.len() / 2 };
        let secret = &der[start..start + 24];
        std::fs::remove_file(&key).unwrap();
        office.until("nothing more is written", || office.all_leaves() > 0);
        assert_eq!(holding(&office.path(""), secret), Vec::<PathBuf>::new(), "{kind}: DESIGN rule 8");
    }
}

/// The files below a folder with these octets in them, plain, in base64 or in hexadecimal.
fn holding(folder: &Path, octets: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, octets));
        } else if let Ok(content) = std::fs::read(&path) {
            let forms = [octets.to_vec(), hex::encode(octets).into_bytes()];
            let base64 = (0..3).map(|skip| STANDARD.encode(&octets[skip..skip + 18]).into_bytes());
            if forms.into_iter().chain(base64).any(|form| content.windows(form.len()).any(|window| window == form)) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn keys_are_made_only_where_a_profile_says_so() {
    let office = office("P-256");
    let csr = request(&office, "unused", "keyAgreement");
    let answer = office.est("serverkeygen", &Who::Code(&office.code()), &csr);
    assert_eq!(answer.status, 501, "{}", answer.text());
    // And under its rules.
    let code = office.code_for("keys");
    let signing = request(&office, "signing", "digitalSignature");
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &signing);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("digitalSignature"), "{}", answer.text());
    assert_eq!(office.est("keys/serverkeygen", &Who::Nobody, &csr).status, 401);
    assert_eq!(office.est("keys/serverkeygen", &Who::Code(&code), b"MAMCAQA=").status, 400);
    let plain = office.est_with("keys/serverkeygen", &Who::Code(&code), &csr, &["-H", "Content-Type: text/plain"]);
    assert_eq!(plain.status, 415);
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn no_profile_for_signatures_has_keys_made() {
    let office = Office::prepared();
    office.configure(|settings| {
        with_keys(settings, "P-256", "automatic");
        let profile = settings.table("profile")["keys"].as_table_mut().unwrap();
        profile.insert("key_usage".into(), vec!["keyAgreement", "digitalSignature"].into());
    });
    let said = super::office::text(&office.run(&["check"]));
    assert!(said.contains("profile.keys.est.server_key") && said.contains("digitalSignature"), "{said}");
}

#[test]
fn an_officer_decides_before_there_is_a_key() {
    let mut office = Office::open_with(|settings| with_keys(settings, "P-256", "by-hand"));
    let code = office.make_code(&["--profile", "keys"]);
    let ask = |office: &Office, name: &str| {
        office.est("keys/serverkeygen", &Who::Code(&code), &request(office, name, "keyAgreement"))
    };
    let first = ask(&office, "first");
    assert_eq!((first.status, first.header("Retry-After").is_some()), (202, true), "{}", first.text());
    assert_eq!(office.state(), "checked");
    office.restart();
    // Another key in the request makes no other request of it.
    assert_eq!(ask(&office, "second").status, 202);
    office.told(&["case", "approve", &office.only_id(), "--officer", "anna"]);
    // An approval that has not been sent after five seconds is sent by the sweeper.
    let approved = std::time::Instant::now();
    office.until("the sweeper had its time", || approved.elapsed() > Duration::from_secs(8));
    assert_eq!(office.state(), "approved", "nobody is here to take the key");
    assert_eq!(office.records().count(Kind::Received), 0);
    received(&office, "made", &ask(&office, "third"));
    office.until("the certificate counts", || office.state() == "confirmed");
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn a_refusal_by_an_officer_is_told_and_there_was_no_key() {
    let office = Office::open_with(|settings| with_keys(settings, "P-256", "by-hand"));
    let code = office.code_for("keys");
    let csr = request(&office, "unused", "keyAgreement");
    assert_eq!(office.est("keys/serverkeygen", &Who::Code(&code), &csr).status, 202);
    office.told(&["case", "refuse", &office.only_id(), "--officer", "anna", "--text", "no mail in our plant"]);
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("no mail in our plant"), "{}", answer.text());
    assert_eq!(office.records().count(Kind::Received), 0);
}

/// A requester with so many seconds of patience.
fn sent_by_curl(office: &Office, code: &Code, csr: &[u8], seconds: &str) -> Child {
    let body = written(office.path("sent"), csr);
    Command::new("curl")
        .args(["-sS", "--max-time", seconds, "--cacert", office.pki("root.pem").to_str().unwrap()])
        .args(["--user", &format!("{}:{}", code.reference, code.secret), "-H", "Content-Type: application/pkcs10"])
        .args(["--data-binary", &format!("@{}", body.display())])
        .arg(format!("https://localhost:{}/.well-known/est/keys/serverkeygen", office.ports.https()))
        .stderr(Stdio::null())
        .spawn()
        .expect("curl is installed")
}

#[test]
fn an_answer_that_nobody_takes_has_its_certificate_revoked() {
    let office = office("P-256");
    office.mischief(r#"{"delay_ms": 2000}"#);
    let code = office.make_code(&["--profile", "keys"]);
    let csr = request(&office, "unused", "keyAgreement");
    assert!(!sent_by_curl(&office, &code, &csr, "1").wait().unwrap().success());
    // While the first is on its way, nobody gets a second key for it.
    assert_eq!(office.est("keys/serverkeygen", &Who::Code(&code), &csr).status, 503);
    office.until("the certificate is revoked", || office.records().count(Kind::Revoked) == 1);
    office.until("the case is ended", || office.state() == "rejected");
    // The code is free again: a repeat is a new case, with another key.
    office.mischief(r#"{"delay_ms": 0}"#);
    office.until("the next key", || {
        let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
        if answer.status == 200 {
            received(&office, "made", &answer);
        }
        answer.status == 200
    });
    assert_eq!(office.case_count(), 2);
    assert_eq!(office.records().count(Kind::Issued), 2);
    assert_eq!(office.records().count(Kind::Revoked), 1);
}

#[test]
fn a_key_does_not_survive_a_restart_and_neither_does_its_certificate() {
    let mut office = Office::open_with(|settings| {
        with_keys(settings, "P-256", "automatic");
        settings.set("registrar", "server_key_seconds", 2);
    });
    office.mischief(r#"{"delay_ms": 1500}"#);
    let code = office.code_for("keys");
    let csr = request(&office, "unused", "keyAgreement");
    let mut curl = sent_by_curl(&office, &code, &csr, "30");
    office.until("the request is on its way", || office.case_count() == 1 && office.state() == "submitted");
    office.kill();
    assert!(!curl.wait().unwrap().success());
    office.start();
    office.until("the certificate is revoked", || office.records().count(Kind::Revoked) == 1);
    office.mischief(r#"{"delay_ms": 0}"#);
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
    received(&office, "made", &answer);
    assert_eq!(office.records().count(Kind::Issued), 2);
}

#[test]
fn a_ca_that_takes_too_long_leaves_no_certificate_behind() {
    let office = Office::open_with(|settings| {
        with_keys(settings, "P-256", "automatic");
        settings.set("registrar", "server_key_seconds", 1);
    });
    office.mischief(r#"{"delay_ms": 2500}"#);
    let code = office.code_for("keys");
    let csr = request(&office, "unused", "keyAgreement");
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
    assert_eq!((answer.status, answer.header("Retry-After").is_some()), (503, true), "{}", answer.text());
    office.until("the certificate is revoked", || office.records().count(Kind::Revoked) == 1);
}
