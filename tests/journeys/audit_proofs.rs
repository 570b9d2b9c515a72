//! The audit log before people who do not believe the office: signed, proven, and changed behind its back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::office::{Office, Who, text};

/// An office whose log is signed to its last leaf, and then stopped; the case of its certificate.
fn signed() -> (Office, String) {
    let mut office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    let case = office.only_id();
    rest(&office);
    assert!(office.stop().success());
    (office, case)
}

/// Waits until every leaf is signed.
fn rest(office: &Office) {
    office.until("a checkpoint of all leaves", || {
        let unsigned = "SELECT count(*) - COALESCE((SELECT size FROM checkpoint), 0) FROM leaf";
        office.number(unsigned) == 0
    });
}

fn copies(office: &Office) -> PathBuf {
    office.path("data").join("checkpoints")
}

/// The verifier, with nothing of the office but the key of its log.
fn verifier(office: &Office, words: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_daftar")).with_file_name("daftar-verify");
    assert!(program.exists(), "cargo build --workspace --bins");
    Command::new(program)
        .args(words)
        .arg("--key")
        .arg(office.pki("log.pem"))
        .args(["--origin", "demo.invalid/log"])
        .output()
        .unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Plain SQL behind the server's back.
fn meddle(office: &Office, sql: &str) {
    let database = rusqlite::Connection::open(office.path("data").join("daftar.sqlite")).unwrap();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    database.execute_batch(sql).unwrap();
}

#[test]
fn checkpoints_are_signed_within_a_second_and_no_oftener() {
    let office = Office::open();
    let code = office.code();
    for _ in 0..3 {
        let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    }
    rest(&office);
    let file = fs::read_to_string(copies(&office)).unwrap();
    let notes = tlog::checkpoints(&file, "demo.invalid/log");
    assert!(notes.torn.is_empty() && !notes.whole.is_empty(), "{file}");
    // Each says more than the one before.
    let sizes: Vec<u64> = notes.whole.iter().map(|note| note.lines().nth(1).unwrap().parse().unwrap()).collect();
    assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]), "{sizes:?}");
    assert!(office.metric("ra_audit_last_checkpoint_timestamp_seconds", "") > 1_700_000_000.0);
    let said = office.told(&["audit", "verify"]);
    assert_eq!(said["signed"], said["leaves"], "{said}");
    // Openssl has the last word on the signature: the note is the text, and behind four octets of the key's name the signature.
    let note = notes.whole.last().unwrap();
    let (signed, line) = note.split_once("\n\n").unwrap();
    let octets = base64(line.rsplit(' ').next().unwrap().trim());
    let (message, signature) = (office.path("message"), office.path("signature"));
    fs::write(&message, format!("{signed}\n")).unwrap();
    fs::write(&signature, &octets[4..]).unwrap();
    let key = office.pki("log.pem");
    let words = ["dgst", "-sha256", "-verify", shown(&key), "-signature", shown(&signature), shown(&message)];
    let judged = Command::new("openssl").args(words).output().unwrap();
    assert!(text(&judged).contains("Verified OK"), "{}", text(&judged));
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn a_case_is_proven_with_the_server_away_and_nothing_in_it_can_be_changed() {
    let (office, case) = signed();
    let file = office.path("dossier.json");
    let told = office.run(&["audit", "prove", &case, "--out", shown(&file)]);
    assert!(told.status.success(), "{}", text(&told));
    let judged = verifier(&office, &["dossier", shown(&file)]);
    assert!(judged.status.success(), "{}", text(&judged));
    for word in ["PROVEN", "decision", "certificate_issued", "verdict: pass"] {
        assert!(text(&judged).contains(word), "{word}: {}", text(&judged));
    }
    // A file that is there is left alone.
    assert!(!office.run(&["audit", "prove", &case, "--out", shown(&file)]).status.success());
    let dossier = fs::read_to_string(&file).unwrap();
    let mut read: serde_json::Value = serde_json::from_str(&dossier).unwrap();
    let other = read["leaves"][1]["canonical"].clone();
    read["leaves"][0]["canonical"] = other;
    fs::write(&file, read.to_string()).unwrap();
    let judged = verifier(&office, &["dossier", shown(&file)]);
    assert!(!judged.status.success() && text(&judged).contains("one of them was changed"), "{}", text(&judged));
    let unknown = office.run(&["audit", "prove", &"0".repeat(32)]);
    assert!(!unknown.status.success() && text(&unknown).contains("says nothing of case"), "{}", text(&unknown));
}

#[test]
fn the_exported_log_is_checked_by_anybody() {
    let (office, _) = signed();
    let folder = office.path("log");
    let told = office.told(&["audit", "export", "--to", shown(&folder)]);
    let copies = copies(&office);
    let all = ["log", shown(&folder), "--since", shown(&copies)];
    let judged = verifier(&office, &all);
    assert!(judged.status.success() && text(&judged).contains("PROVEN"), "{}", text(&judged));
    assert!(text(&judged).contains(told["root"].as_str().unwrap()));
    assert_eq!(
        office.told(&["audit", "export", "--to", shown(&folder)])["files"],
        0,
        "what is there is not written again"
    );
    let bundle = fs::read_dir(folder.join("tile/entries/000.p")).unwrap().next().unwrap().unwrap().path();
    let mut octets = fs::read(&bundle).unwrap();
    let last = octets.len() - 1;
    octets[last] ^= 1;
    fs::write(&bundle, octets).unwrap();
    let judged = verifier(&office, &all);
    assert!(!judged.status.success(), "{}", text(&judged));
}

#[test]
fn what_plain_sql_does_to_the_log_is_found() {
    let (office, _) = signed();
    let database = office.path("data").join("daftar.sqlite");
    let whole = fs::read(&database).unwrap();
    assert!(office.run(&["audit", "verify"]).status.success());
    let copy = "INSERT INTO leaf (id, at, number, hash, canonical) SELECT id, at, NULL, hash, canonical FROM leaf WHERE number = 2";
    for (what, sql) in [
        ("changed", "UPDATE leaf SET canonical = CAST(canonical || x'00' AS BLOB) WHERE number = 2"),
        (
            "changed with its hash",
            "UPDATE leaf SET (hash, canonical) = (SELECT hash, canonical FROM leaf WHERE number = 1) WHERE number = 2",
        ),
        ("removed", "DELETE FROM leaf WHERE number = 2"),
        ("the last removed", "DELETE FROM leaf WHERE number = (SELECT MAX(number) FROM leaf)"),
        (
            "reordered",
            "UPDATE leaf SET number = -1 WHERE number = 1; UPDATE leaf SET number = 1 WHERE number = 2; \
             UPDATE leaf SET number = 2 WHERE number = -1",
        ),
        (
            "inserted",
            "UPDATE leaf SET number = number + 1000 WHERE number > 2; UPDATE leaf SET number = number - 999 WHERE number > 999; \
             INSERT INTO leaf (id, at, number, hash, canonical) SELECT id, at, 3, hash, canonical FROM leaf WHERE number = 2",
        ),
        ("a node of the tree changed", "UPDATE tree_node SET hash = zeroblob(32) WHERE level = 1 AND position = 0"),
        ("a value behind a commitment changed", "UPDATE leaf_detail SET value = value || '0'"),
    ] {
        meddle(&office, sql);
        let told = office.run(&["audit", "verify"]);
        assert_eq!(told.status.code(), Some(1), "{what}: {}", text(&told));
        fs::write(&database, &whole).unwrap();
    }
    // A second leaf of the same content that waits for its number is no harm that a hash could tell: it is counted.
    let waiting = || office.told(&["audit", "verify"])["unnumbered"].as_u64().unwrap();
    let before = waiting();
    meddle(&office, copy);
    assert_eq!(waiting(), before + 1);
}

#[test]
fn a_database_that_was_rolled_back_is_found_and_signed_no_more() {
    let (mut office, _) = signed();
    let database = office.path("data").join("daftar.sqlite");
    let earlier = fs::read(&database).unwrap();
    office.start();
    let code = office.code();
    let (_, csr) = office.csr("valve", "/CN=valve.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    rest(&office);
    assert!(office.stop().success());
    fs::write(&database, earlier).unwrap();
    let told = office.run(&["audit", "verify", "--checkpoints", shown(&copies(&office))]);
    assert_eq!(told.status.code(), Some(1), "{}", text(&told));
    assert!(text(&told).contains("the database was rolled back"), "{}", text(&told));
    // The log of the database by itself is whole: only the copy elsewhere tells.
    let nowhere = office.path("none");
    fs::write(&nowhere, "").unwrap();
    assert!(office.run(&["audit", "verify", "--checkpoints", shown(&nowhere)]).status.success());
    let before = fs::read(copies(&office)).unwrap();
    office.launch();
    office.until("the log says so", || office.said().contains("nothing is signed"));
    let ready = Office::try_get(office.ports.metrics(), "/readyz").unwrap();
    assert!(ready.status == 503 && ready.text().contains("\"audit\":false"), "{}", ready.text());
    assert_eq!(fs::read(copies(&office)).unwrap(), before, "what was signed before is not followed by another log");
}
