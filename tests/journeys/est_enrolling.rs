//! A first certificate over EST (RFC 7030 sections 4.1, 4.2.1 and 4.5).

use certs::{Certificate, CertificateDraft, Extension, KeyUsage, Name, Signer as _};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Office, Who, csr_for, done, openssl, read, written};

#[test]
fn anybody_gets_the_whole_chain() {
    let office = Office::open();
    let answer = office.est_get("cacerts", &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.header("Content-Type").unwrap().starts_with("application/pkcs7-mime"));
    let chain = office.received(&answer.body);
    assert_eq!(chain.len(), 2, "the issuing CA and the root (RFC 7030 section 4.1.3)");
    let root = String::from_utf8(std::fs::read(office.pki("root.pem")).unwrap()).unwrap();
    assert!(chain.iter().any(|pem| pem.trim() == root.trim()));
    assert!(chain.iter().all(|pem| office.accepts(pem)));
}

#[test]
fn a_code_gets_exactly_one_certificate_that_openssl_accepts() {
    let office = Office::open();
    let code = office.code();
    let (key, csr) = office.csr("pump", "/CN=pump-7.plant.example/O=Plant");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("Content-Type"), Some("application/pkcs7-mime; smime-type=certs-only"));
    let received = office.received(&answer.body);
    assert_eq!(received.len(), 1, "RFC 7030 section 4.2.3");
    assert!(office.accepts(&received[0]));
    let certificate = office.keep("pump", &received[0]);
    let public = openssl(&["pkey", "-pubout", "-in", key.0.to_str().unwrap()]);
    assert_eq!(openssl(&["x509", "-noout", "-pubkey", "-in", certificate.to_str().unwrap()]), public);
    let subject = openssl(&["x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", certificate.to_str().unwrap()]);
    assert_eq!(subject.trim(), "subject=O=Plant,CN=pump-7.plant.example");
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn names_and_keys_of_all_allowed_kinds_are_certified() {
    let office = Office::open();
    let code = office.code();
    let kinds: [(&str, &[&str]); 5] = [
        ("ed25519", &["-algorithm", "ED25519"]),
        ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ("p521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ];
    for (name, words) in kinds {
        let key = office.key_of(name, words);
        let names = ["-addext", "subjectAltName=DNS:a.plant.example,IP:192.0.2.7"];
        let csr = csr_for(&key, "/CN=a.plant.example", &names);
        let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let certificate = office.received(&answer.body).remove(0);
        assert!(office.accepts(&certificate));
        let file = office.keep(name, &certificate);
        let names = openssl(&["x509", "-noout", "-ext", "subjectAltName", "-in", file.to_str().unwrap()]);
        assert!(names.contains("DNS:a.plant.example, IP Address:192.0.2.7"), "{names}");
    }
}

#[test]
fn a_device_with_its_makers_certificate_gets_one_of_ours() {
    let office = Office::open();
    let (_, csr) = office.csr("own", "/CN=device-1.plant.example");
    let device = (office.pki("device.pem"), office.pki("device.key"));
    let answer = office.est("simpleenroll", &Who::Holder(&device.0, &device.1), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = office.received(&answer.body);
    assert_eq!(received.len(), 1);
    assert!(office.accepts(&received[0]));
}

#[test]
fn a_certificate_of_an_unknown_maker_opens_no_door() {
    let office = Office::open();
    let key = office.key("stranger");
    let certificate = office.path("stranger.pem");
    openssl(&[
        "req",
        "-x509",
        "-config",
        "/dev/null",
        "-key",
        key.0.to_str().unwrap(),
        "-subj",
        "/CN=stranger",
        "-days",
        "9",
        "-out",
        certificate.to_str().unwrap(),
    ]);
    let before = office.leaves("authentication_failed");
    let (_, csr) = office.csr("own", "/CN=stranger.plant.example");
    let answer = office.est("simpleenroll", &Who::Holder(&certificate, &key.0), &csr);
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(office.leaves("authentication_failed"), before + 1);
    assert_eq!(office.case_count(), 0);
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let office = Office::open();
    let code = office.code();
    let versions: [(&str, &[&str]); 2] = [("TLSv1.2", &["--tls-max", "1.2"]), ("TLSv1.3", &["--tlsv1.3"])];
    for (number, (version, words)) in versions.iter().enumerate() {
        let (_, csr) = office.csr(version, &format!("/CN=tls-{number}.plant.example"));
        let kind = ["-H", "Content-Type: application/pkcs10"];
        let answer = office.est_with("simpleenroll", &Who::Code(&code), &csr, &[&kind, *words].concat());
        assert_eq!(answer.status, 200, "{version}: {}", answer.text());
        assert_eq!(office.received(&answer.body).len(), 1);
    }
    let old = std::process::Command::new("curl")
        .args(["-sS", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", "--cacert"])
        .arg(office.pki("root.pem"))
        .arg(format!("https://localhost:{}/.well-known/est/cacerts", office.ports.https()))
        .output()
        .unwrap();
    assert!(!old.status.success(), "RFC 8996: TLS 1.1 must not be negotiated");
    let plain = office.get(office.ports.http(), "/.well-known/est/cacerts");
    assert_eq!(plain.status, 404, "RFC 7030 section 3.3: not without TLS");
}

#[test]
fn the_attributes_of_a_request_are_told_before_it_is_made() {
    let office = Office::open();
    let answer = office.est_get("csrattrs", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("Content-Type"), Some("application/csrattrs"));
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, answer.text().trim()).unwrap();
    let path = written(office.path("csrattrs.der"), &der);
    let shown = openssl(&["asn1parse", "-inform", "DER", "-in", path.to_str().unwrap()]);
    assert!(shown.contains("id-ecPublicKey") && shown.contains("prime256v1"), "{shown}");
    assert!(shown.contains("Subject Alternative Name"), "{shown}");
    assert!(shown.contains("1.2.840.113549.1.9.16.2.61"), "the template of RFC 9908 section 3.4: {shown}");
}

#[test]
fn while_a_root_changes_the_way_to_the_other_one_is_told_too() {
    let mut office = Office::prepared();
    let root = Certificate::parse_pem(&read(&office.pki("root.pem"))).unwrap().remove(0);
    let new = SoftwareSigner::generate(KeyChoice::P256).unwrap();
    let link = |subject: &Name| CertificateDraft {
        serial: vec![0x51],
        issuer: root.subject().clone(),
        subject: subject.clone(),
        public_key: new.public_key().clone(),
        not_before: root.not_before(),
        not_after: root.not_after(),
        extensions: vec![Extension::basic_constraints(true, None), Extension::key_usage(KeyUsage::KEY_CERT_SIGN)],
    };
    // NewWithOld: the new root's key, signed by the old one.
    let old = SoftwareSigner::load(&office.pki("root.key")).unwrap();
    let new_with_old = done(link(root.subject()).sign(&old)).unwrap();
    let strange = done(link(&Name::from_text("CN=Somebody").unwrap()).sign(&old)).unwrap();
    office.configure(|settings| {
        let authority = settings.table("authority")["demo"].as_table_mut().unwrap();
        authority.insert("rollover_certificates".into(), "pki/links.pem".into());
    });
    office.start_authority();
    written(office.pki("links.pem"), strange.to_pem().as_bytes());
    office.launch();
    assert!(!office.ended().success(), "it is no certificate of the root");
    assert!(office.said().contains("rollover_certificates"), "{}", office.said());
    written(office.pki("links.pem"), new_with_old.to_pem().as_bytes());
    office.start();
    let told = office.received(&office.est_get("cacerts", &[]).body);
    let chain = read(&office.pki("chain.pem"));
    let mut expected: Vec<Vec<u8>> =
        Certificate::parse_pem(&chain).unwrap().iter().map(|ca| ca.der().to_vec()).collect();
    expected.push(new_with_old.der().to_vec());
    expected.sort();
    let mut told: Vec<Vec<u8>> =
        told.iter().map(|pem| Certificate::parse_pem(pem.as_bytes()).unwrap()[0].der().to_vec()).collect();
    told.sort();
    // RFC 7030 section 4.1.3.
    assert_eq!(told, expected);
}

#[test]
fn a_request_is_held_to_the_attributes_that_are_told() {
    let office = Office::open_with(|settings| {
        settings.add_profile("named", |profile| {
            profile.insert("required_alternative_names".into(), vec!["dns"].into());
            let subject = profile["subject"].as_table_mut().unwrap();
            subject.insert("required".into(), vec!["CN", "O"].into());
            subject.insert("fixed".into(), toml::toml! { O = "Oil Company" }.into());
            let mut key = toml::Table::new();
            key.insert("kinds".into(), vec!["P-256"].into());
            profile.insert("key".into(), key.into());
        });
    });
    let answer = office.est_get("named/csrattrs", &[]);
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, answer.text().trim()).unwrap();
    let path = written(office.path("csrattrs.der"), &der);
    let shown = openssl(&["asn1parse", "-inform", "DER", "-in", path.to_str().unwrap()]);
    for word in ["commonName", "organizationName", "Oil Company", "prime256v1", "Subject Alternative Name"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let code = office.code_for("named");
    let ask = |csr: &[u8]| office.est("named/simpleenroll", &Who::Code(&code), csr);
    let names = ["-addext", "subjectAltName=DNS:one.plant.example"];
    for (subject, more, key, word) in [
        ("/CN=one.plant.example", &names[..], "EC", "attribute O"),
        ("/O=Gas Company/CN=one.plant.example", &names, "EC", "'Oil Company'"),
        ("/O=Oil Company/CN=one.plant.example", &[], "EC", "kind 'dns'"),
        ("/O=Oil Company/CN=one.plant.example", &names, "RSA", "kind RSA"),
    ] {
        let answer = ask(&csr_of(&office, key, subject, more));
        assert_eq!(answer.status, 400, "{subject}: {}", answer.text());
        assert!(answer.text().contains(word), "{word}: {}", answer.text());
    }
    let answer = ask(&csr_of(&office, "EC", "/O=Oil Company/CN=one.plant.example", &names));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A request (PEM) with a new key.
fn csr_of(office: &Office, key: &str, subject: &str, more: &[&str]) -> Vec<u8> {
    let file = office.path("held.key");
    let kind: &[&str] = if key == "RSA" { &["rsa:2048"] } else { &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] };
    let words =
        [&["req", "-new", "-nodes", "-newkey"], kind, &["-keyout", file.to_str().unwrap(), "-subj", subject], more];
    openssl(&words.concat()).into_bytes()
}

#[test]
fn a_label_is_a_profile_and_a_code_is_for_its_own_profile_only() {
    let office = Office::open_with(|settings| {
        settings.add_profile("small", |profile| {
            profile.insert("validity_days".into(), 90.into());
        });
    });
    let small = office.code_for("small");
    let (_, csr) = office.csr("one", "/CN=one.plant.example");
    let answer = office.est("small/simpleenroll", &Who::Code(&small), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(office.only_case()["profile"], "small");
    let (_, csr) = office.csr("two", "/CN=two.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&small), &csr).status, 403);
    assert_eq!(office.est_get("small/cacerts", &[]).status, 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
}
