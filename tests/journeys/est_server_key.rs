//! Keys that are made for requesters (RFC 7030 section 4.4). Judged by OpenSSL.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::{Certificate, CsrDraft, Extension, KeyUsage, Name, Signer as _};
use demo_ca::Kind;
use demo_ca::signer::SoftwareSigner;

use super::office::{Answer, Code, Office, Settings, Who, csr_for, done, openssl, text, written};

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

/// A request whose key is of a curve that nobody is certified with here, and whose signature is nobody's.
fn request(office: &Office, name: &str, usage: &str) -> Vec<u8> {
    let key = office.key_of(name, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"]);
    let csr = csr_for(&key, SUBJECT, &["-addext", &format!("keyUsage=critical,{usage}")]);
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
fn a_key_is_waited_for_no_longer_than_a_request() {
    let office = Office::prepared();
    office.configure(|settings| {
        with_keys(settings, "P-256", "automatic");
        settings.set("registrar", "server_key_seconds", 55);
    });
    let said = super::office::text(&office.run(&["check"]));
    assert!(said.contains("registrar.server_key_seconds"), "{said}");
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
    // What nobody judged is not certified.
    let words = ["-addext", "keyUsage=critical,keyAgreement", "-addext", "extendedKeyUsage=codeSigning"];
    let more = csr_for(&office.key("more"), SUBJECT, &words);
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &more);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("not the one that was approved"), "{}", answer.text());
    assert_eq!((office.state().as_str(), office.records().count(Kind::Received)), ("approved", 0));
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
fn the_same_request_over_several_connections_brings_one_key() {
    let office = office("P-256");
    office.mischief(r#"{"delay_ms": 1000}"#);
    let code = office.make_code(&["--profile", "keys"]);
    let csr = request(&office, "unused", "keyAgreement");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || office.est("keys/serverkeygen", &Who::Code(&code), &csr);
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let (good, busy): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1);
    received(&office, "made", good[0]);
    for answer in busy {
        assert_eq!((answer.status, answer.header("Retry-After").is_some()), (503, true), "{}", answer.text());
    }
    office.until("the certificate counts", || office.state() == "confirmed");
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_ca_that_takes_too_long_leaves_no_certificate_behind() {
    let office = Office::open_with(|settings| {
        with_keys(settings, "P-256", "automatic");
        settings.set("registrar", "server_key_seconds", 1);
    });
    office.mischief(r#"{"delay_ms": 4500}"#);
    let code = office.code_for("keys");
    let csr = request(&office, "unused", "keyAgreement");
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
    assert_eq!((answer.status, answer.header("Retry-After").is_some()), (503, true), "{}", answer.text());
    office.until("the certificate is revoked", || office.records().count(Kind::Revoked) == 1);
}

/// A wish for encryption, as the attributes of a request: what names the key, and what the requester can.
fn wishing(office: &Office, usage: &str, attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let unused = SoftwareSigner::load(&office.key("unused").0).unwrap();
    let mut draft = CsrDraft::new(Name::from_text("CN=mail.plant.example").unwrap(), unused.public_key().clone());
    let usage = if usage == "keyAgreement" { KeyUsage::KEY_AGREEMENT } else { KeyUsage::KEY_ENCIPHERMENT };
    draft.extensions.push(Extension::key_usage(usage));
    let attributes = attributes.iter().map(|(oid, value)| (certs::ObjectIdentifier::new_unwrap(oid), value.clone()));
    draft.attributes.extend(attributes);
    STANDARD.encode(done(draft.sign(&unused)).unwrap().der()).into_bytes()
}

fn octets(identifier: &[u8]) -> Vec<u8> {
    [&[4, u8::try_from(identifier.len()).unwrap()], identifier].concat()
}

/// Each one is written as its OID, or as an OID and the octets of its parameters in hexadecimal.
fn capabilities(all: &[&str]) -> Vec<u8> {
    let sequence = |content: Vec<u8>| [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat();
    let one = |words: &&str| {
        let (oid, parameters) = words.split_once(' ').unwrap_or((words, ""));
        let oid = certs::ObjectIdentifier::new_unwrap(oid);
        let length = u8::try_from(oid.as_bytes().len()).unwrap();
        sequence([&[6, length], oid.as_bytes(), &hex::decode(parameters).unwrap()].concat())
    };
    sequence(all.iter().flat_map(one).collect())
}

/// The key in an answer, decrypted and its signature verified by OpenSSL; `with` are the words for what decrypts it.
fn unhidden(office: &Office, name: &str, answer: &Answer, with: &[&str]) {
    unhidden_from(&office.pki("ra.pem"), office, name, answer, with);
}

/// The same, by whoever has this certificate.
fn unhidden_from(maker: &Path, office: &Office, name: &str, answer: &Answer, with: &[&str]) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = parts(answer);
    assert_eq!(parts[0].0, "application/pkcs7-mime; smime-type=server-generated-key");
    let file = |what: &str| office.path(&format!("{name}.{what}")).to_str().unwrap().to_owned();
    written(office.path(&format!("{name}.enveloped")), &parts[0].1);
    let (enveloped, inner, signed, package) = (file("enveloped"), file("inner"), file("signed"), file("package"));
    openssl(&[&["cms", "-decrypt", "-inform", "DER", "-in", &enveloped, "-out", &inner], with].concat());
    // RFC 5958 section 4: a SignedData, without the ContentInfo that `cms -verify` wants around it.
    let inner = std::fs::read(inner).unwrap();
    let long = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    let id_signed_data = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    std::fs::write(&signed, long(0x30, &[&id_signed_data[..], &long(0xa0, &inner)].concat())).unwrap();
    let root = office.pki("root.pem");
    let verify =
        ["cms", "-verify", "-inform", "DER", "-in", &signed, "-CAfile", root.to_str().unwrap(), "-purpose", "any"];
    openssl(&[&verify[..], &["-signer", &file("signer"), "-out", &package]].concat());
    let shown = openssl(&["cms", "-cmsout", "-print", "-inform", "DER", "-in", &signed]);
    assert!(shown.contains("2.16.840.1.101.2.1.2.78.5"), "id-ct-KP-aKeyPackage: {shown}");
    let shown = openssl(&["x509", "-in", &file("signer"), "-noout", "-fingerprint"]);
    assert_eq!(shown, openssl(&["x509", "-in", maker.to_str().unwrap(), "-noout", "-fingerprint"]), "who made it");
    // One key in a SEQUENCE OF.
    let package = std::fs::read(package).unwrap();
    let header = if package[1] & 0x80 == 0 { 2 } else { 2 + usize::from(package[1] & 0x7f) };
    let key = written(office.path(&format!("{name}.p8")), &package[header..]);
    let certificate = office.received(&STANDARD.encode(&parts[1].1).into_bytes()).remove(0);
    belong_together(&key, &office.keep(name, &certificate));
}

#[test]
fn a_key_is_encrypted_with_a_secret_that_the_requester_names() {
    let office = office_with_secret("optional");
    let code = office.code_for("keys");
    let ask = |identifier: &[u8], wrap: &str| {
        let wish = [(DECRYPT_KEY_ID, octets(identifier)), (SMIME_CAPABILITIES, capabilities(&[wrap, AES_256_CBC]))];
        office.est("keys/serverkeygen", &Who::Code(&code), &wishing(&office, "keyAgreement", &wish))
    };
    // RFC 7030 section 4.4.1.1: an unknown identifier ends the request.
    for (identifier, wrap, words) in
        [(&b"nobody"[..], AES_256_WRAP, "names no key"), (SECRET_ID, "2.16.840.1.101.3.4.1.5", "SMIMECapabilities")]
    {
        let refused = ask(identifier, wrap);
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(words), "{}", refused.text());
    }
    // That of another profile is none.
    assert_eq!(ask(OTHERS_SECRET_ID, AES_256_WRAP).status, 400);
    assert_eq!(office.records().count(Kind::Received), 0);
    let id = hex::encode(SECRET_ID);
    unhidden(&office, "hidden", &ask(SECRET_ID, AES_256_WRAP), &["-secretkey", SECRET, "-secretkeyid", &id]);
    office.until("the certificate counts", || office.state() == "confirmed");
}

#[test]
fn keys_made_here_may_be_signed_with_a_key_of_its_own() {
    let mut office = office_with_secret("optional");
    let maker = office.answer_key("packages", "33");
    office.set_answer_key(("package_key", "packages"), "pki/packages.pem", ("packages", "33"));
    office.restart();
    let code = office.code_for("keys");
    let capabilities = capabilities(&[AES_256_WRAP, AES_256_CBC]);
    let wish = [(DECRYPT_KEY_ID, octets(SECRET_ID)), (SMIME_CAPABILITIES, capabilities)];
    let csr = wishing(&office, "keyAgreement", &wish);
    let answer = office.est("keys/serverkeygen", &Who::Code(&code), &csr);
    let id = hex::encode(SECRET_ID);
    unhidden_from(&maker, &office, "hidden", &answer, &["-secretkey", SECRET, "-secretkeyid", &id]);
    let checked = office.run(&["check"]);
    assert!(checked.status.success() && text(&checked).contains("hsm.package_key"), "{}", text(&checked));
    let standing = office.run(&["key", "status"]);
    assert!(text(&standing).contains("hsm.package_key"), "{}", text(&standing));
}

#[test]
fn a_key_is_encrypted_for_a_certificate_that_the_requester_has() {
    let rsa = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..];
    let p256 = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..];
    let p384 = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"][..];
    let (sha1, sha384) = (format!("{RSAES_OAEP} 3000"), format!("{RSAES_OAEP} {OAEP_SHA384}"));
    // RFC 5753 section 6: the example of AES-128, beside an AES-256 that is for other things.
    let aes128 = format!("{STD_DH} 300b0609608648016503040105");
    for (words, usage, can, seen) in [
        (rsa, "keyEncipherment", &[RSAES_OAEP][..], "sha256"),
        (rsa, "keyEncipherment", &[sha1.as_str()], "rsaesOaep"),
        (rsa, "keyEncipherment", &[sha384.as_str()], "sha384"),
        (rsa, "keyEncipherment", &["1.2.840.113549.1.1.1"], "rsaEncryption"),
        (p256, "keyAgreement", &[STD_DH, AES_256_WRAP], "id-aes256-wrap"),
        (p384, "keyAgreement", &[STD_DH, "2.16.840.1.101.3.4.1.5"], "id-aes128-wrap"),
        (p256, "keyAgreement", &[aes128.as_str(), AES_256_WRAP], "id-aes128-wrap"),
    ] {
        let office = office("P-256");
        let code = office.code_for("keys");
        let own = office.key_of("own", words);
        let csr = csr_for(&own, SUBJECT, &["-addext", &format!("keyUsage=critical,{usage}")]);
        let answer = office.est("keys/simpleenroll", &Who::Code(&code), &csr);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let held = office.received(&answer.body).remove(0);
        let identifier = Certificate::parse_pem(held.as_bytes()).unwrap()[0].subject_key_identifier().unwrap().to_vec();
        let held = office.keep("held", &held);
        let ask = |wish: &[(&str, Vec<u8>)]| {
            office.est("keys/serverkeygen", &Who::Code(&code), &wishing(&office, "keyAgreement", wish))
        };
        let wish = [(ASYMM_DECRYPT_KEY_ID, octets(&identifier)), (SMIME_CAPABILITIES, capabilities(can))];
        let asked = ask(&wish);
        let (held, own) = (held.to_str().unwrap(), own.0.to_str().unwrap());
        unhidden(&office, "hidden", &asked, &["-recip", held, "-inkey", own]);
        let enveloped = office.path("hidden.enveloped");
        let shown = openssl(&["cms", "-cmsout", "-print", "-inform", "DER", "-in", enveloped.to_str().unwrap()]);
        let shown = shown.split("encryptedContentInfo").next().unwrap();
        assert!(shown.contains(seen), "{can:?}: {shown}");
        assert!(seen != "rsaesOaep" || !shown.contains("sha"), "left out is SHA-1: {shown}");
        // Unknown, unable, two at once, and one that does not say what it can.
        for wish in [
            &[(ASYMM_DECRYPT_KEY_ID, octets(b"nobody")), (SMIME_CAPABILITIES, capabilities(can))][..],
            &[(ASYMM_DECRYPT_KEY_ID, octets(&identifier)), (SMIME_CAPABILITIES, capabilities(&[AES_256_CBC]))],
            &[
                (ASYMM_DECRYPT_KEY_ID, octets(&identifier)),
                (DECRYPT_KEY_ID, octets(&identifier)),
                (SMIME_CAPABILITIES, capabilities(can)),
            ],
            &[(ASYMM_DECRYPT_KEY_ID, octets(&identifier))],
        ] {
            let refused = ask(wish);
            assert_eq!(refused.status, 400, "{}", refused.text());
        }
        assert_eq!(office.records().count(Kind::Issued), 2);
    }
}

#[test]
fn a_certificate_for_signatures_has_no_key_encrypted_for_it() {
    let office = office("P-256");
    let (device, key) = (office.pki("device.pem"), office.pki("device.key"));
    let held = Certificate::parse_pem(&std::fs::read(&device).unwrap()).unwrap().remove(0);
    let wish = [
        (ASYMM_DECRYPT_KEY_ID, octets(held.subject_key_identifier().unwrap())),
        (SMIME_CAPABILITIES, capabilities(&[STD_DH, AES_256_WRAP])),
    ];
    let refused =
        office.est("keys/serverkeygen", &Who::Holder(&device, &key), &wishing(&office, "keyAgreement", &wish));
    assert_eq!(refused.status, 400, "RFC 7030 section 4.4.1.2");
    assert!(refused.text().contains("may encrypt"), "{}", refused.text());
}

#[test]
fn a_profile_may_send_keys_encrypted_only() {
    let office = office_with_secret("required");
    let code = office.code_for("keys");
    let plain = office.est("keys/serverkeygen", &Who::Code(&code), &request(&office, "unused", "keyAgreement"));
    assert_eq!(plain.status, 400);
    assert!(plain.text().contains("encrypted only"), "{}", plain.text());
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn a_secret_that_others_can_read_is_not_used() {
    let office = Office::prepared();
    office.configure(|settings| with_secret(settings, "optional"));
    let said = super::office::text(&office.run(&["check"]));
    assert!(said.contains("FAULT key_encryption_key"), "{said}");
    let file = written(office.path("kek"), SECRET.as_bytes());
    let told = |mode: u32| {
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        super::office::text(&office.run(&["check"]))
    };
    assert!(told(0o644).contains("chmod 600"));
    assert!(told(0o600).contains("ok    key_encryption_key"));
}

fn office_with_secret(demand: &'static str) -> Office {
    let mut office = Office::prepared();
    office.configure(|settings| with_secret(settings, demand));
    let file = written(office.path("kek"), SECRET.as_bytes());
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    office.start_authority();
    office.start();
    office
}

/// A profile with keys, and a secret for them.
fn with_secret(settings: &mut Settings, demand: &'static str) {
    with_keys(settings, "P-256", "automatic");
    let profile = settings.table("profile")["keys"].as_table_mut().unwrap();
    profile["est"].as_table_mut().unwrap().insert("server_key_encryption".into(), demand.into());
    for (identifier, profile) in [(SECRET_ID, "keys"), (OTHERS_SECRET_ID, "default")] {
        let mut entry = toml::Table::new();
        entry.insert("identifier".into(), hex::encode(identifier).into());
        entry.insert("file".into(), "kek".into());
        entry.insert("profiles".into(), vec![profile].into());
        settings.add_key_encryption_key(entry);
    }
}

const SECRET_ID: &[u8] = b"plant 7";
const OTHERS_SECRET_ID: &[u8] = b"plant 8";
const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const DECRYPT_KEY_ID: &str = "1.2.840.113549.1.9.16.2.37";
const ASYMM_DECRYPT_KEY_ID: &str = "1.2.840.113549.1.9.16.2.54";
const SMIME_CAPABILITIES: &str = "1.2.840.113549.1.9.15";
const AES_256_WRAP: &str = "2.16.840.1.101.3.4.1.45";
const AES_256_CBC: &str = "2.16.840.1.101.3.4.1.42";
const RSAES_OAEP: &str = "1.2.840.113549.1.1.7";
/// RSAES-OAEP-params with SHA-384 for both.
const OAEP_SHA384: &str =
    "302fa00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500";
const STD_DH: &str = "1.3.132.1.11.1";
