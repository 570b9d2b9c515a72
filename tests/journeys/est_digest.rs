//! An enrolment code shown by HTTP Digest (RFC 7616), where a profile says so.

use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use demo_ca::Kind;

use super::office::{Answer, Code, Office, Who};

fn with_schemes(schemes: &str) -> Office {
    Office::open_with(|settings| {
        let est = toml::Table::from_iter([("http_schemes".to_owned(), schemes.into())]);
        settings.default_profile().insert("est".into(), est.into());
    })
}

/// What curl ends with; it reads the challenge and computes the Digest itself.
fn curl(office: &Office, scheme: &str, code: &Code, name: &str) -> u16 {
    let (_, csr) = office.csr(name, &format!("/CN={name}.plant.example"));
    let file = office.path(&format!("{name}.b64"));
    std::fs::write(&file, csr).unwrap();
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "40", scheme, "--user", &format!("{}:{}", code.reference, code.secret)])
        .args(["-H", "Content-Type: application/pkcs10", "-w", "%{http_code}", "-o", "/dev/null", "--cacert"])
        .arg(office.pki("root.pem"))
        .args(["--data-binary", &format!("@{}", file.display())])
        .arg(format!("https://localhost:{}{TARGET}", office.ports.https()))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

fn challenges(answer: &Answer) -> Vec<&str> {
    answer.lines.iter().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect()
}

/// A nonce of the server.
pub(super) fn nonce(office: &Office) -> String {
    let answer = office.est("simpleenroll", &Who::Nobody, b"");
    let offered = challenges(&answer).into_iter().find(|offer| offer.starts_with("Digest ")).unwrap().to_owned();
    offered.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn hashed(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

pub(super) fn header(code: &Code, nonce: &str, count: u32) -> String {
    let known = hashed(&format!("{}:EST:{}", code.reference, code.secret));
    let about = hashed(&format!("POST:{TARGET}"));
    let response = hashed(&format!("{known}:{nonce}:{count:08x}:ours:auth:{about}"));
    format!(
        "Authorization: Digest username=\"{}\", realm=\"EST\", nonce=\"{nonce}\", uri=\"{TARGET}\", algorithm=SHA-256, \
         qop=auth, nc={count:08x}, cnonce=\"ours\", response=\"{response}\"",
        code.reference
    )
}

pub(super) fn send(office: &Office, header: &str, csr: &[u8]) -> Answer {
    office.est_with("simpleenroll", &Who::Nobody, csr, &["-H", "Content-Type: application/pkcs10", "-H", header])
}

/// Whether another nonce is all that is wanted.
pub(super) fn is_stale(answer: &Answer) -> bool {
    challenges(answer)[0].contains("stale=true")
}

#[test]
fn digest_is_taken_only_where_the_profile_says_so() {
    for (schemes, offered, basic, digest) in [
        ("basic", &["Basic "][..], 200, 401),
        ("digest", &["Digest "], 401, 200),
        ("basic-and-digest", &["Basic ", "Digest "], 200, 200),
    ] {
        let office = with_schemes(schemes);
        let code = office.code();
        let answer = office.est("simpleenroll", &Who::Nobody, b"");
        assert_eq!(answer.status, 401);
        assert!(answer.body.is_empty(), "est.md 0.6");
        let found = challenges(&answer);
        assert_eq!(found.len(), offered.len(), "{schemes}: {found:?}");
        assert!(found.iter().zip(offered).all(|(found, offered)| found.starts_with(offered)), "{schemes}: {found:?}");
        assert_eq!(curl(&office, "--basic", &code, "one"), basic, "{schemes}");
        assert_eq!(curl(&office, "--digest", &code, "two"), digest, "{schemes}");
        assert_eq!(
            office.records().count(Kind::Issued),
            [basic, digest].iter().filter(|status| **status == 200).count()
        );
    }
}

#[test]
fn a_digest_is_good_once() {
    let office = with_schemes("digest");
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let nonce = nonce(&office);
    let first = header(&code, &nonce, 1);
    assert_eq!(send(&office, &first, &csr).status, 200);
    let (_, other) = office.csr("valve", "/CN=valve.plant.example");
    let replayed = send(&office, &first, &other);
    assert_eq!(replayed.status, 401);
    assert!(is_stale(&replayed), "{:?}", replayed.lines);
    assert_eq!(send(&office, &header(&code, &nonce, 2), &other).status, 200);
    assert_eq!(office.records().count(Kind::Issued), 2);
}

#[test]
fn a_stale_nonce_is_no_guess_and_a_wrong_secret_is() {
    let mut office = with_schemes("digest");
    let code = office.one_time_code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let live = nonce(&office);
    let wrong = Code { secret: "0".repeat(32), ..code.clone() };
    let tries = |office: &Office| office.told(&["code", "list"])[0]["tries"].as_u64().unwrap();
    let invented = send(&office, &header(&wrong, &"00".repeat(56), 1), &csr);
    assert_eq!(invented.status, 401);
    assert!(is_stale(&invented), "{:?}", invented.lines);
    assert_eq!((tries(&office), office.leaves("authentication_failed")), (0, 0));
    let guessed = send(&office, &header(&wrong, &live, 1), &csr);
    assert_eq!(guessed.status, 401);
    assert!(!challenges(&guessed)[0].contains("stale"), "{:?}", guessed.lines);
    assert_eq!((tries(&office), office.leaves("authentication_failed")), (1, 1));
    office.restart();
    assert_eq!(
        send(&office, &header(&code, &live, 1), &csr).status,
        200,
        "a restart takes nothing from who was challenged before"
    );
    let again = send(&office, &header(&code, &live, 1), &csr);
    assert_eq!(again.status, 401);
    assert!(is_stale(&again), "{:?}", again.lines);
}

#[test]
fn a_one_time_code_opens_one_case_by_digest_too() {
    let office = with_schemes("digest");
    let code = office.one_time_code();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let names: Vec<String> = (0..4).map(|number| format!("race-{number}")).collect();
        let asked: Vec<_> = names
            .iter()
            .map(|name| {
                let (office, code, name) = (&office, &code, name.clone());
                scope.spawn(move || curl(office, "--digest", code, &name))
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 3, "{statuses:?}");
    assert_eq!(office.records().count(Kind::Issued), 1);
}

const TARGET: &str = "/.well-known/est/simpleenroll";
