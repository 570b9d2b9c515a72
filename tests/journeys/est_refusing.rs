//! Bad input over EST: each gets its status and a text that says what to mend, a leaf and a metric, and changes nothing.

use demo_ca::Kind;

use super::office::{Key, Office, Who, csr_for, openssl};

const PKCS10: [&str; 2] = ["-H", "Content-Type: application/pkcs10"];

fn with_its_signature_broken(csr: &[u8]) -> Vec<u8> {
    let engine = &base64::engine::general_purpose::STANDARD;
    let mut der = base64::Engine::decode(engine, csr).unwrap();
    *der.last_mut().unwrap() ^= 1;
    base64::Engine::encode(engine, der).into_bytes()
}

fn with_another_subject(csr: &[u8]) -> Vec<u8> {
    let engine = &base64::engine::general_purpose::STANDARD;
    let mut der = base64::Engine::decode(engine, csr).unwrap();
    let place = der.windows(4).position(|four| four == b"pump").unwrap();
    der[place..place + 4].copy_from_slice(b"pimp");
    base64::Engine::encode(engine, der).into_bytes()
}

/// Sends a bad request; it must change nothing, and leave a leaf and a count.
fn refused(office: &Office, who: &Who<'_>, body: &[u8], kind: &[&str], status: u16, words: &str) {
    let leaves = office.all_leaves();
    let counted = office.metric("ra_requests_refused", "est") + office.metric("ra_cases", "refused");
    let answer = office.est_with("simpleenroll", who, body, kind);
    assert_eq!(answer.status, status, "{words}: {}", answer.text());
    assert!(answer.text().contains(words), "'{words}' is not in: {}", answer.text());
    assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"), "RFC 8951 section 5");
    assert!(office.all_leaves() > leaves, "no leaf about: {words}");
    let now = office.metric("ra_requests_refused", "est") + office.metric("ra_cases", "refused");
    assert!(now > counted, "no count of: {words}");
}

#[test]
fn malformed_requests_are_refused_with_400_and_change_nothing() {
    let office = Office::open();
    let code = office.code();
    let who = Who::Code(&code);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    refused(&office, &who, b"", &PKCS10, 400, "");
    refused(&office, &who, b"!!! this is no base64 !!!", &PKCS10, 400, "base64");
    refused(&office, &who, b"AAAA", &PKCS10, 400, "");
    refused(&office, &who, b"MAMCAQA=", &PKCS10, 400, "");
    refused(&office, &who, &csr[..csr.len() / 2 / 4 * 4], &PKCS10, 400, "");
    refused(&office, &who, &with_its_signature_broken(&csr), &PKCS10, 400, "signature");
    refused(&office, &who, &with_another_subject(&csr), &PKCS10, 400, "signature");
    refused(&office, &who, &csr, &["-H", "Content-Type: text/plain"], 415, "application/pkcs10");
    refused(&office, &who, &csr, &["-H", "Content-Type:"], 415, "application/pkcs10");
    assert_eq!(office.case_count(), 0);
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn a_body_that_is_too_large_is_refused_with_413() {
    let office = Office::open();
    let code = office.code();
    let answer = office.est("simpleenroll", &Who::Code(&code), &vec![b'A'; 70_000]);
    assert_eq!(answer.status, 413);
    assert_eq!(office.records().count(Kind::Received), 0);
    assert!(office.metric("ra_http_requests", "413") > 0.0);
}

#[test]
fn unknown_labels_operations_and_methods_are_told_apart() {
    let office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est_get("nolabel/cacerts", &[]).status, 404);
    assert_eq!(office.est("nolabel/simpleenroll", &Who::Code(&code), &csr).status, 404);
    assert_eq!(office.est_get("nooperation", &[]).status, 404);
    assert_eq!(office.est_get("one/two/cacerts", &[]).status, 404);
    assert_eq!(office.est_get("", &[]).status, 404);
    // RFC 7030 section 4.3.2: 404 or 501 say that it is not offered.
    assert!(matches!(office.est("fullcmc", &Who::Code(&code), &csr).status, 404 | 501));
    assert!(matches!(office.est("serverkeygen", &Who::Code(&code), &csr).status, 404 | 501));
    for (operation, words, allowed) in [
        ("simpleenroll", &["-X", "GET"][..], "POST"),
        ("simplereenroll", &["-X", "PUT"], "POST"),
        ("cacerts", &["-X", "POST"], "GET"),
        ("csrattrs", &["-X", "DELETE"], "GET"),
    ] {
        let answer = office.est_get(operation, words);
        assert_eq!(answer.status, 405, "{operation} {words:?}");
        assert!(answer.header("Allow").is_some_and(|methods| methods.contains(allowed)), "{:?}", answer.lines);
    }
    assert_eq!(office.case_count(), 0);
}

#[test]
fn a_key_that_is_too_weak_is_refused_with_the_clause() {
    let office = Office::open();
    let (code, strict) = (office.code(), office.code_for("strict"));
    let rsa = |name: &str, bits: &str| office.key_of(name, &["-algorithm", "RSA", "-pkeyopt", bits]);
    // Too weak for anybody: its signature is not even looked at.
    let weak = csr_for(&rsa("weak", "rsa_keygen_bits:1024"), "/CN=pump", &[]);
    refused(&office, &Who::Code(&code), &weak, &PKCS10, 400, "RSA-1024");
    openssl(&[
        "genpkey",
        "-genparam",
        "-algorithm",
        "DSA",
        "-pkeyopt",
        "dsa_paramgen_bits:2048",
        "-out",
        &office.path("dsa").display().to_string(),
    ]);
    let dsa =
        csr_for(&office.key_of("old", &["-paramfile", &office.path("dsa").display().to_string()]), "/CN=pump", &[]);
    refused(&office, &Who::Code(&code), &dsa, &PKCS10, 400, "1.2.840.10040.4");
    // Too weak for this profile.
    let small = csr_for(&rsa("small", "rsa_keygen_bits:2048"), "/CN=pump", &[]);
    let answer = office.est("strict/simpleenroll", &Who::Code(&strict), &small);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("2048") && answer.text().contains("CPS 6.1.5"), "{}", answer.text());
    assert_eq!(office.only_case()["state"], "refused");
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn a_profile_says_which_keys_and_names_it_takes() {
    let office = Office::open_with(|settings| {
        let profile = settings.default_profile();
        profile.insert("dns_suffixes".into(), vec!["plant.example"].into());
        profile.insert("alternative_names".into(), vec!["dns"].into());
        let key = toml::Table::from_iter([("kinds".to_owned(), vec!["P-256"].into())]);
        profile.insert("key".into(), key.into());
    });
    let code = office.code();
    let who = Who::Code(&code);
    let key = office.key("pump");
    let rsa = office.key_of("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let ask = |key: &Key, subject: &str, extra: &[&str], words: &str| {
        refused(&office, &who, &csr_for(key, subject, extra), &PKCS10, 400, words);
    };
    ask(&rsa, "/CN=pump", &[], "RSA");
    ask(&key, "/CN=pump", &["-addext", "subjectAltName=DNS:pump.other.example"], "pump.other.example");
    ask(&key, "/CN=pump", &["-addext", "subjectAltName=DNS:*.plant.example"], "*.plant.example");
    ask(&key, "/CN=pump", &["-addext", "subjectAltName=IP:192.0.2.1"], "ip");
    ask(&key, "/CN=pump/title=chief", &[], "title");
    ask(&key, "/", &[], "subject");
    ask(&key, "/CN=pump", &["-addext", "basicConstraints=critical,CA:TRUE"], "CA");
    ask(&key, "/CN=pump", &["-addext", "keyUsage=keyCertSign"], "keyCertSign");
    // DESIGN rule 10: nobody becomes a registration authority by asking for it.
    ask(&key, "/CN=pump", &["-addext", "extendedKeyUsage=1.3.6.1.5.5.7.3.28"], "1.3.6.1.5.5.7.3.28");
    assert_eq!(office.records().count(Kind::Received), 0);
    let good = csr_for(&key, "/CN=pump", &["-addext", "subjectAltName=DNS:pump.plant.example"]);
    assert_eq!(office.est("simpleenroll", &who, &good).status, 200, "a refusal binds nobody (DESIGN rule 2)");
}

#[test]
fn wrong_credentials_are_challenged_again_and_written_down() {
    let office = Office::open();
    let code = office.one_time_code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let mut wrong = code.clone();
    wrong.secret = "00000000000000000000000000000000".to_owned();
    let mut unknown = code.clone();
    unknown.reference = "000000000000".to_owned();
    for (number, who) in [wrong, unknown].iter().enumerate() {
        let answer = office.est("simpleenroll", &Who::Code(who), &csr);
        assert_eq!(answer.status, 401);
        assert!(answer.body.is_empty());
        assert_eq!(office.leaves("authentication_failed"), number + 1);
    }
    assert!((office.metric("ra_authentication_failures", "est") - 2.0).abs() < 0.1);
    assert_eq!(office.case_count(), 0);
    // The code was not used up by others' tries.
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
}

#[test]
fn who_tries_too_many_secrets_is_told_to_stop() {
    let office = Office::open_with(|settings| settings.set("registrar", "failures_per_minute", 3));
    let mut code = office.code();
    let right = code.clone();
    code.secret = "wrong".to_owned();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    for _ in 0..3 {
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 401);
    }
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 429);
    assert!(answer.header("Retry-After").is_some());
    // Also with the right secret: it could be the one that was just guessed.
    assert_eq!(office.est("simpleenroll", &Who::Code(&right), &csr).status, 429);
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn an_expired_certificate_of_a_device_opens_no_door() {
    let office = Office::open();
    let key = office.key("old");
    let file = |name: &str| office.path(name).to_str().unwrap().to_owned();
    let csr = file("old.csr");
    openssl(&[
        "req",
        "-new",
        "-config",
        "/dev/null",
        "-key",
        key.0.to_str().unwrap(),
        "-subj",
        "/CN=old",
        "-out",
        &csr,
    ]);
    openssl(&[
        "x509",
        "-req",
        "-in",
        &csr,
        "-CA",
        office.pki("manufacturer.pem").to_str().unwrap(),
        "-CAkey",
        office.pki("manufacturer.key").to_str().unwrap(),
        "-days",
        "-1",
        "-out",
        &file("old.pem"),
    ]);
    let (_, wanted) = office.csr("own", "/CN=old.plant.example");
    let answer = office.est("simpleenroll", &Who::Holder(&office.path("old.pem"), &key.0), &wanted);
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(office.case_count(), 0);
}
