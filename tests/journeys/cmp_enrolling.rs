//! Certificates over CMP, by OpenSSL's client (RFC 9483 section 4.1).

use std::process::Output;

use demo_ca::Kind;

use super::office::{Code, Office, csr_for, openssl};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Runs `openssl cmp`, which must write a certificate that OpenSSL accepts.
fn gets(office: &Office, protection: &[String], words: &[&str]) {
    let out = office.path("got.pem");
    let _ = std::fs::remove_file(&out);
    let protection: Vec<&str> = protection.iter().map(String::as_str).collect();
    let output = office.openssl_cmp(&[&protection[..], words, &["-certout", "got.pem"]].concat());
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    assert!(office.accepts(&std::fs::read_to_string(out).unwrap()), "{words:?}");
}

/// Runs `openssl cmp`, which must fail with these words.
fn refused(office: &Office, protection: &[String], words: &[&str], failure: &str) {
    let protection: Vec<&str> = protection.iter().map(String::as_str).collect();
    // OpenSSL wants a place for what it must not get.
    let place: &[&str] = if words.contains(&"rr") { &[] } else { &["-certout", "refused.pem"] };
    let output = office.openssl_cmp(&[&protection[..], words, place].concat());
    assert!(!output.status.success(), "{words:?}: {}", said(&output));
    assert!(!office.path("refused.pem").exists(), "{words:?}");
    assert!(said(&output).contains(failure), "{words:?}: '{failure}' is not in: {}", said(&output));
}

fn by(code: &Code) -> Vec<String> {
    Office::by_code(code)
}

#[test]
fn a_secret_gets_certificates_by_ir_cr_and_p10cr() {
    let office = Office::open();
    let by = by(&office.code());
    for implicit in [&["-implicit_confirm"][..], &[]] {
        for command in ["ir", "cr"] {
            office.key("new");
            let words = [
                "-cmd",
                command,
                "-newkey",
                "new.key",
                "-subject",
                "/CN=pump.plant.example",
                "-sans",
                "pump.plant.example",
            ];
            gets(&office, &by, &[&words, implicit].concat());
        }
        let key = office.key("new");
        let csr = office.path("new.csr");
        openssl(&[
            "req",
            "-new",
            "-config",
            "/dev/null",
            "-key",
            key.0.to_str().unwrap(),
            "-subj",
            "/CN=pump.plant.example",
            "-out",
            csr.to_str().unwrap(),
        ]);
        gets(&office, &by, &[&["-cmd", "p10cr", "-csr", "new.csr"], implicit].concat());
    }
    let records = office.records();
    assert_eq!(records.count(Kind::Issued), 6);
    assert_eq!(records.count(Kind::Revoked), 0);
    assert!(office.cases().iter().all(|case| case["state"] == "confirmed"), "{:?}", office.cases());
}

#[test]
fn a_device_gets_updates_and_revokes_certificates_with_signatures() {
    let office = Office::open();
    let device = office.by_device();
    for (command, implicit) in [("ir", &["-implicit_confirm"][..]), ("cr", &[])] {
        office.key("own");
        let words = ["-cmd", command, "-newkey", "own.key", "-subject", "/CN=device-1.plant.example"];
        gets(&office, &device, &[&words, implicit].concat());
    }
    let key = office.key("p10");
    let csr = office.path("p10.csr");
    openssl(&[
        "req",
        "-new",
        "-config",
        "/dev/null",
        "-key",
        key.0.to_str().unwrap(),
        "-subj",
        "/CN=device-1.plant.example",
        "-out",
        csr.to_str().unwrap(),
    ]);
    gets(&office, &device, &["-cmd", "p10cr", "-csr", "p10.csr"]);
    // What it got now serves it.
    std::fs::rename(office.path("got.pem"), office.path("own.pem")).unwrap();
    let own = ["-cert", "own.pem", "-key", "p10.key"].map(str::to_owned);
    office.key("next");
    gets(&office, &own, &["-cmd", "kur", "-newkey", "next.key", "-oldcert", "own.pem"]);
    assert_eq!(office.cases()[0]["kind"], "rekey");
    std::fs::rename(office.path("got.pem"), office.path("next.pem")).unwrap();
    let output = office.openssl_cmp(&[
        "-cert",
        "next.pem",
        "-key",
        "next.key",
        "-cmd",
        "rr",
        "-oldcert",
        "next.pem",
        "-revreason",
        "1",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let records = office.records();
    assert_eq!(records.count(Kind::Issued), 4);
    let revoked = records.of(Kind::Revoked);
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].reason, Some(1));
    assert_eq!(office.cases()[0]["state"], "revoked");
    // A certificate that is revoked opens no door any more; its holder is told so (RFC 9810 section 5.3.10).
    refused(
        &office,
        &["-cert", "next.pem", "-key", "next.key"].map(str::to_owned),
        &["-cmd", "rr", "-oldcert", "next.pem"],
        "certRevoked",
    );
    office.key("later");
    let words = ["-cmd", "kur", "-newkey", "later.key", "-oldcert", "next.pem"];
    refused(&office, &["-cert", "next.pem", "-key", "next.key"].map(str::to_owned), &words, "signerNotTrusted");
    assert_eq!(office.records().count(Kind::Issued), 4);
}

#[test]
fn updates_and_revocations_under_a_secret_are_answered_with_wrong_integrity() {
    let office = Office::open();
    let code = office.code();
    let (_, old) = office.enrolled("old", "/CN=pump.plant.example", &code);
    office.keep("old", &old);
    let leaves = office.leaves("request_refused");
    office.key("new");
    refused(&office, &by(&code), &["-cmd", "kur", "-newkey", "new.key", "-oldcert", "old.pem"], "wrongIntegrity");
    refused(&office, &by(&code), &["-cmd", "rr", "-oldcert", "old.pem", "-revreason", "1"], "wrongIntegrity");
    assert_eq!(office.leaves("request_refused"), leaves + 2);
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (1, 0));
}

#[test]
fn https_carries_messages_like_http() {
    let office = Office::open();
    let by = by(&office.code());
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    office.key("new");
    let words = ["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump.plant.example", "-certout", "got.pem"];
    let output = office.openssl_cmps(&[&by[..], &words].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert!(office.accepts(&std::fs::read_to_string(office.path("got.pem")).unwrap()));
}

#[test]
fn a_path_names_the_profile_and_the_operation() {
    let office = Office::open_with(|settings| settings.add_profile("small", |_| ()));
    let small = Office::by_code(&office.code_for("small"));
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    office.key("new");
    let words = ["-newkey", "new.key", "-subject", "/CN=pump.plant.example", "-certout", "got.pem"];
    let ask =
        |path: &str, command: &str| office.openssl_cmp_at(path, &[&small[..], &["-cmd", command], &words].concat());
    for (path, command) in [("/p/small", "ir"), ("/p/small/initialization", "ir"), ("/p/small/certification", "cr")] {
        let output = ask(path, command);
        assert!(output.status.success(), "{path}: {}", said(&output));
    }
    let wrong = ask("/p/small/revocation", "ir");
    assert!(said(&wrong).contains("badRequest"), "{}", said(&wrong));
    let unknown = ask("/p/nobody", "ir");
    assert!(!unknown.status.success());
    let other = ask("", "ir");
    assert!(said(&other).contains("notAuthorized"), "cmp.md 1.1: {}", said(&other));
    assert!(office.cases().iter().all(|case| case["profile"] == "small"));
    assert_eq!(office.records().count(Kind::Issued), 3);
}

#[test]
fn names_and_keys_that_the_profile_does_not_take_are_a_rejection() {
    let office = Office::open();
    let by = by(&office.code());
    office.key("new");
    refused(&office, &by, &["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump/title=chief"], "badCertTemplate");
    office.key_of("weak", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    refused(&office, &by, &["-cmd", "cr", "-newkey", "weak.key", "-subject", "/CN=pump"], "badCertTemplate");
    assert_eq!(office.records().count(Kind::Received), 0);
    assert!(office.cases().iter().all(|case| case["state"] == "refused"));
    // The same credential may ask again, better.
    gets(&office, &by, &["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump"]);
}

#[test]
fn the_answer_brings_the_chain_and_is_signed_by_the_ra() {
    let office = Office::open();
    let device: Vec<String> = office.by_device();
    let device: Vec<&str> = device.iter().map(String::as_str).collect();
    office.key("new");
    let words = [
        "-cmd",
        "ir",
        "-newkey",
        "new.key",
        "-subject",
        "/CN=device-1",
        "-certout",
        "got.pem",
        "-extracertsout",
        "extra.pem",
    ];
    let output = office.openssl_cmp(&[&device[..], &words].concat());
    assert!(output.status.success(), "{}", said(&output));
    let extra = super::office::certificates(&std::fs::read_to_string(office.path("extra.pem")).unwrap());
    let ra = std::fs::read_to_string(office.pki("ra.pem")).unwrap();
    assert_eq!(extra[0].trim(), super::office::certificates(&ra)[0].trim(), "RFC 9483 section 3.3");
    let issuing = std::fs::read_to_string(office.pki("issuing.pem")).unwrap();
    assert!(extra.iter().any(|pem| pem.trim() == issuing.trim()));
}

#[test]
fn a_request_under_the_key_of_a_csr_keeps_its_proof() {
    let office = Office::open();
    let code = office.code();
    let key = office.key("pump");
    // The same key by EST and by CMP: the demo allows it (DESIGN rule 2).
    let csr = csr_for(&key, "/CN=pump.plant.example", &[]);
    assert_eq!(office.est("simpleenroll", &super::office::Who::Code(&code), &csr).status, 200);
    gets(&office, &by(&code), &["-cmd", "ir", "-newkey", "pump.key", "-subject", "/CN=pump.plant.example"]);
    let records = office.records();
    let bodies: Vec<&str> = records.of(Kind::Issued).iter().map(|record| record.body.as_str()).collect();
    // DESIGN rule 3: each goes up in its own form, so that the proof can be kept byte for byte.
    assert_eq!(bodies[0], "p10cr");
    assert!(matches!(bodies[1], "ir" | "cr"), "{bodies:?}");
}
