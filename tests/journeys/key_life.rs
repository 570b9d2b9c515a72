//! The life of the RA's key: made, certified, taken into use, renewed, destroyed; by `daftar key`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use certs::{Certificate, CertificateDraft, Csr, Extension, KeyUsage, Millis, ObjectIdentifier, PublicKey, oid};
use demo_ca::Kind;
use demo_ca::pki::{Identity, Pki};
use serde_json::Value;

use super::office::{Office, Request, Seal, Who, openssl, text};

impl Office {
    /// A command that must be refused, with all these words.
    fn is_refused(&self, words: &[&str], said: &[&str]) {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", text(&output));
        for said in said {
            assert!(text(&output).contains(said), "{words:?}: '{said}' is not in: {}", text(&output));
        }
    }

    /// What `key status` tells of the demo's CA, and whether that needs a person.
    fn standing(&self) -> (Value, bool) {
        let output = self.run(&["key", "status", "--json"]);
        let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        (all[0].clone(), output.status.code() == Some(1))
    }

    /// The public key of a key on the token, from a request for it.
    pub(super) fn key_on_token(&self, named: &[&str]) -> PublicKey {
        let words = [&["key", "csr", "--officer", "anna", "--subject", "CN=x"], named].concat();
        Csr::parse_pem(&self.run(&words).stdout).unwrap().public_key().clone()
    }

    fn use_key(&self, label: &str, id: &str) {
        self.configure(|settings| {
            let names = [("label", label), ("id", id)].map(|(name, value)| (name.to_owned(), value.into()));
            settings.set("hsm", "signing_key", toml::Table::from_iter(names));
        });
    }

    fn enrols(&self, name: &str) {
        let code = self.code();
        let (_, csr) = self.csr(name, &format!("/CN={name}.plant.example"));
        let answer = self.est("simpleenroll", &Who::Code(&code), &csr);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The certificate of the RA in use.
    fn ra_file(&self) -> Certificate {
        first(&self.pki("ra.pem"))
    }
}

fn first(path: &PathBuf) -> Certificate {
    Certificate::parse_pem(&fs::read(path).unwrap()).unwrap().remove(0)
}

fn word<'a>(told: &'a Value, name: &str) -> &'a str {
    told[name].as_str().unwrap_or_else(|| panic!("no {name} in {told}"))
}

/// A certificate by the demo's own CA, or by another, as a test wants it.
pub(super) struct Paper<'a> {
    issuer: &'a Identity,
    key: &'a PublicKey,
    pub(super) purposes: &'a [ObjectIdentifier],
    usage: KeyUsage,
    /// Days from now.
    from: i64,
    until: i64,
}

impl<'a> Paper<'a> {
    pub(super) fn good(issuer: &'a Identity, key: &'a PublicKey) -> Self {
        Self { issuer, key, purposes: &[oid::CMC_RA], usage: KeyUsage::DIGITAL_SIGNATURE, from: -700, until: 100 }
    }

    pub(super) fn write(&self, path: PathBuf) -> PathBuf {
        let at = |days: i64| Millis::from_seconds(Office::now().plus(days * 24 * 3600 * 1000).seconds());
        let draft = CertificateDraft {
            serial: super::office::random().iter().map(|octet| octet & 0x7f | 1).collect(),
            issuer: self.issuer.certificate.subject().clone(),
            subject: certs::Name::from_text("CN=Another RA,O=DEMO NOT FOR PRODUCTION").unwrap(),
            public_key: self.key.clone(),
            not_before: at(self.from),
            not_after: at(self.until),
            extensions: vec![Extension::key_usage(self.usage), Extension::extended_key_usage(self.purposes)],
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let certificate = runtime.block_on(draft.sign(&self.issuer.signer)).unwrap();
        fs::write(&path, certificate.to_pem()).unwrap();
        path
    }
}

#[test]
fn the_ra_key_changes_over_to_its_successor_without_a_gap() {
    let mut office = Office::open();
    let (before, alarm) = office.standing();
    assert!(!alarm && before["days_left"].as_i64() > Some(600) && before["stays_on_token"] == true, "{before}");
    let old = office.ra_file();
    let successor = ["--label", "ra-2027", "--id", "11"];
    let who = ["--officer", "anna", "--witness", "bert"];
    let made = office.told(&[&["key", "generate"], &successor[..], &who].concat());
    assert_eq!((word(&made, "made"), word(&made, "outcome")), ("yes", "done"));
    let renewed = office.told(&[&["key", "renew"], &successor[..], &who].concat());
    assert_eq!(word(&renewed, "public_key_sha256"), word(&made, "public_key_sha256"));
    assert_eq!(office.ra_file(), old, "the old certificate stays in use");
    office.enrols("overlap");
    let file = word(&renewed, "written_to").to_owned();
    let new = first(&PathBuf::from(&file));
    assert!(new.subject().matches(old.subject()) && new.serial() != old.serial());
    assert_eq!(new.extended_key_usages(), Some(&[oid::CMC_RA][..]));
    let records = office.records();
    let of_new = |kind| records.of(kind).iter().any(|record| record.serial == new.serial());
    assert!(of_new(Kind::Issued) && of_new(Kind::Confirmed) && !of_new(Kind::Revoked));

    let installed = office.told(&["key", "install", &file, "--authority", "demo", "--officer", "anna"]);
    assert!(word(&installed, "next").contains("hsm.signing_key = { label = \"ra-2027\", id = \"11\" }"), "{installed}");
    assert_eq!(office.ra_file(), new);
    assert_eq!(first(&PathBuf::from(word(&installed, "old_certificate_in"))), old);
    let (between, alarm) = office.standing();
    assert!(alarm && between["faults"].to_string().contains("hsm.signing_key names"), "{between}");
    office.enrols("still");
    office.use_key("ra-2027", "11");
    office.restart();
    office.enrols("after");
    office.ask(&Seal::code(&office.code()), &Request::new("CN=mac.plant.example")).issued();
    let last = office.records().of(Kind::Issued).last().unwrap().signer.clone();
    assert_eq!(last, new.subject().to_string());
    let left = office.metric("ra_certificate_seconds_left", "certificate=\"authority.demo.ra_certificate\"");
    let wanted = new.not_after().seconds() - Office::now().seconds();
    assert!((0..=10).any(|passed| left.to_string() == (wanted + passed).to_string()), "{left}");
    let (after, alarm) = office.standing();
    assert!(!alarm && word(&after, "key").contains("ra-2027"), "{after}");

    let retire = ["key", "retire", "--label", "demo-ra-signing", "--officer", "anna"];
    office.is_refused(&retire, &["--yes-destroy demo-ra-signing", &old.public_key().print().to_string()]);
    office.is_refused(&[&retire[..], &["--yes-destroy", "ra-2027"]].concat(), &["nothing was destroyed"]);
    let gone = office.told(&[&retire[..], &["--yes-destroy", "demo-ra-signing"]].concat());
    assert_eq!(word(&gone, "public_key_sha256"), old.public_key().print().to_string());
    let left = office.told(&["key", "list"]).to_string();
    assert!(left.contains("ra-2027") && !left.contains("demo-ra-signing"), "{left}");
    office.restart();
    office.enrols("alone");
    office.until("every leaf has a number", || office.number("SELECT count(*) FROM leaf WHERE number IS NULL") == 0);
    // Two for each act: generate, renew, install, retire.
    assert_eq!(office.leaves("key_ceremony"), 8);
    office.told(&["audit", "verify"]);
}

#[test]
fn a_ceremony_leaves_a_report_that_says_how_the_key_is_kept() {
    let mut office = Office::open();
    office.stop();
    let words = ["key", "generate", "--label", "next", "--id", "21", "--kind", "P-384", "--officer", "anna"];
    let output = office.run(&[&words[..], &["--witness", "bert"]].concat());
    assert!(output.status.success(), "{}", text(&output));
    let reports: Vec<PathBuf> =
        fs::read_dir(office.path("data/ceremonies")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(reports.len(), 1);
    assert_eq!(fs::metadata(&reports[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let report = fs::read_to_string(&reports[0]).unwrap();
    assert!(text(&output).contains(report.split("\n\nsigned").next().unwrap()), "{report}");
    for said in [
        "officer: anna",
        "witness: bert",
        "token: daftar-demo",
        "token_manufacturer: SoftHSM project",
        "kind: P-384",
        "CKA_SENSITIVE           true, as it must be",
        "CKA_ALWAYS_SENSITIVE    true, as it must be",
        "CKA_EXTRACTABLE         false, as it must be",
        "CKA_NEVER_EXTRACTABLE   true, as it must be",
        "CKA_SIGN                true, as it must be",
        "CKA_DECRYPT             false, as it must be",
        "CKM_ECDSA               keys from",
        "outcome: done",
    ] {
        assert!(report.contains(said), "'{said}' is not in {report}");
    }
    assert!(report.contains(&office.key_on_token(&["--label", "next"]).print().to_string()), "{report}");
    // While no server runs they are written by the commands themselves.
    assert_eq!(office.leaves("key_ceremony"), 4);
    office.start();
    office.until("every leaf has a number", || office.number("SELECT count(*) FROM leaf WHERE number IS NULL") == 0);
    office.told(&["audit", "verify"]);
    let configured = office.told(&["key", "generate", "--officer", "anna"]);
    assert_eq!(
        (word(&configured, "made"), word(&configured, "wrapping_made")),
        ("is there already", "is there already")
    );
    for list in ["attributes", "mechanisms", "wrapping_attributes", "wrapping_mechanisms"] {
        assert!(configured[list].as_array().is_some_and(|entries| entries.len() > 1), "{configured}");
    }
    let alone = office.run(&[&words[..], &["--witness", "anna"]].concat());
    assert!(!alone.status.success() && text(&alone).contains("somebody else"), "{}", text(&alone));
    let again = office.told(&words);
    assert_eq!(word(&again, "made"), "is there already");
    for words in [
        &["key", "generate", "--label", "half", "--officer", "anna"][..],
        &["key", "csr", "--label", "none", "--officer", "anna"],
    ] {
        assert_eq!(office.run(words).status.code(), Some(1), "{words:?}");
    }
    for words in [&["key", "generate"][..], &["key", "csr", "--id", "1x", "--officer", "anna"], &["key", "install"]] {
        assert_eq!(office.run(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn a_request_for_the_ra_key_is_signed_on_the_token_and_asks_for_an_ra() {
    let office = Office::open();
    let path = office.path("ra.csr");
    let out = path.to_str().unwrap();
    let words = ["key", "csr", "--officer", "anna", "--out", out];
    assert_eq!(word(&office.told(&words), "outcome"), "done");
    let shown = openssl(&["req", "-verify", "-noout", "-text", "-in", out]);
    for said in ["CN = Daftar demo RA", "Digital Signature", "CMC Registration Authority"] {
        assert!(shown.contains(said), "{shown}");
    }
    let verified = Command::new("openssl").args(["req", "-verify", "-noout", "-in", out]).output().unwrap();
    assert!(text(&verified).contains("verify OK"), "{}", text(&verified));
    assert_eq!(Csr::parse_pem(&fs::read(&path).unwrap()).unwrap().public_key(), office.ra_file().public_key());
    office.is_refused(&words, &["ra.csr", "exists"]);
    let named = office.run(&["key", "csr", "--officer", "anna", "--subject", "CN=RA 2,O=Plant"]);
    let csr = Csr::parse_pem(&named.stdout).unwrap();
    assert!(csr.subject().matches(&certs::Name::from_text("CN=RA 2,O=Plant").unwrap()));
    csr.prove().unwrap();
}

#[test]
fn a_certificate_that_does_not_fit_is_not_installed() {
    let office = Office::open();
    let (kept, pki) = (fs::read(office.pki("ra.pem")).unwrap(), Pki::load(&office.path("")).unwrap());
    let key = office.key_on_token(&[]);
    let good = Paper::good(&pki.issuing, &key);
    let papers = [
        (Paper { issuer: &pki.manufacturer, ..Paper::good(&pki.issuing, &key) }, "no path leads from"),
        (Paper { purposes: &[oid::CLIENT_AUTH], ..Paper::good(&pki.issuing, &key) }, "id-kp-cmcRA"),
        (Paper { usage: KeyUsage::KEY_ENCIPHERMENT, ..Paper::good(&pki.issuing, &key) }, "key usage digitalSignature"),
        (Paper { until: -1, ..Paper::good(&pki.issuing, &key) }, "ended at"),
        (Paper { from: 2, ..Paper::good(&pki.issuing, &key) }, "does not begin before"),
        (Paper { key: pki.device.certificate.public_key(), ..Paper::good(&pki.issuing, &key) }, "not on the token"),
    ];
    for (paper, said) in papers {
        let path = paper.write(office.path("paper.pem"));
        office.is_refused(&["key", "install", path.to_str().unwrap(), "--officer", "anna"], &[said]);
        assert_eq!(fs::read(office.pki("ra.pem")).unwrap(), kept, "{said}");
    }
    let same = office.pki("ra.pem");
    office.is_refused(
        &["key", "install", same.to_str().unwrap(), "--officer", "anna"],
        &["holds this certificate already"],
    );
    // What was refused is written down, too.
    assert_eq!(office.leaves("failed"), 7);
    let path = good.write(office.path("paper.pem"));
    let installed = office.told(&["key", "install", path.to_str().unwrap(), "--officer", "anna"]);
    assert!(word(&installed, "next").starts_with("restart the server"), "{installed}");
    assert_eq!(office.ra_file(), first(&path));
}

#[test]
fn a_ca_behind_an_est_server_needs_a_certificate_for_tls_clients_too() {
    let office = Office::open();
    let (kept, pki) = (fs::read(office.pki("ra.pem")).unwrap(), Pki::load(&office.path("")).unwrap());
    let asked = |words: &[&str]| {
        let csr = office.path("asked.csr");
        fs::write(&csr, office.run(&[&["key", "csr", "--officer", "anna"], words].concat()).stdout).unwrap();
        text(&Command::new("openssl").args(["req", "-noout", "-text", "-in"]).arg(&csr).output().unwrap())
    };
    assert!(!asked(&[]).contains("TLS Web Client Authentication"));
    office.configure(|settings| {
        let texts = [
            ("kind", "est"),
            ("url", "https://localhost:1/.well-known/est"),
            ("certificates", "pki/chain.pem"),
            ("ra_certificate", "pki/ra.pem"),
        ];
        let table: toml::Table = texts.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect();
        settings.table("authority").insert("central".into(), table.into());
    });
    let csr = asked(&["--authority", "central"]);
    assert!(csr.contains("TLS Web Client Authentication") && csr.contains("CMC Registration Authority"), "{csr}");
    assert!(!asked(&["--authority", "demo"]).contains("TLS Web Client Authentication"));
    assert!(asked(&["--subject", "CN=Another RA"]).contains("TLS Web Client Authentication"), "either CA may be asked");
    let key = office.key_on_token(&[]);
    let path = Paper::good(&pki.issuing, &key).write(office.path("paper.pem"));
    let install = ["key", "install", path.to_str().unwrap(), "--authority", "central", "--officer", "anna"];
    office.is_refused(&install, &["id-kp-clientAuth"]);
    assert_eq!(fs::read(office.pki("ra.pem")).unwrap(), kept);
    let both = Paper { purposes: &[oid::CMC_RA, oid::CLIENT_AUTH], ..Paper::good(&pki.issuing, &key) };
    both.write(office.path("paper.pem"));
    office.told(&install);
    let renew = ["key", "renew", "--authority", "central", "--label", "next", "--id", "41", "--officer", "anna"];
    office.is_refused(&renew, &["the CA does not speak", "daftar key csr"]);
}

#[test]
fn what_ends_soon_is_told_in_time() {
    let mut office = Office::open();
    let pki = Pki::load(&office.path("")).unwrap();
    let key = office.key_on_token(&[]);
    for (days, alarm, level) in [(59, "notice", "WARN"), (29, "warning", "WARN"), (6, "critical", "ERROR")] {
        // A moment more, which the test itself takes.
        let paper = Paper { until: days + 1, ..Paper::good(&pki.issuing, &key) };
        let path = paper.write(office.path("paper.pem"));
        office.told(&["key", "install", path.to_str().unwrap(), "--officer", "anna"]);
        office.restart();
        let (standing, needs_a_person) = office.standing();
        assert_eq!((word(&standing, "alarm"), standing["days_left"].as_i64()), (alarm, Some(days)), "{standing}");
        assert!(needs_a_person);
        let warned = |line: &str| line.contains(&format!("{alarm}: the RA certificate ends")) && line.contains(level);
        office.until("the log warns", || office.said().lines().any(warned));
        let checked = text(&office.run(&["check"]));
        assert!(checked.contains(&format!("note  authority.demo.ra_certificate: {alarm}")), "{checked}");
    }
    let path = Paper { until: -1, ..Paper::good(&pki.issuing, &key) }.write(office.pki("ra.pem"));
    let (standing, needs_a_person) = office.standing();
    assert!(needs_a_person && standing["faults"].to_string().contains("ended at"), "{standing}");
    office.is_refused(&["key", "renew", "--label", "x", "--id", "31", "--officer", "anna"], &["ended at"]);
    fs::remove_file(path).unwrap();
    fs::rename(office.path("token"), office.path("token-away")).unwrap();
    let (standing, needs_a_person) = office.standing();
    let faults = standing["faults"].to_string();
    assert!(needs_a_person && faults.contains("ra.pem") && faults.contains("the token is not available"), "{standing}");
}

#[test]
fn a_renewal_waits_for_the_ca_and_takes_only_what_was_asked_for() {
    let office = Office::open();
    let renew = ["key", "renew", "--label", "next", "--id", "41", "--kind", "RSA-3072", "--officer", "anna"];
    for (mischief, said) in [
        (r#"{"certificate": {"subject": "CN=Somebody"}}"#, "it names 'CN=Somebody'"),
        (r#"{"certificate": {"public_key": true}}"#, "it is for another key"),
        (r#"{"refuse": {"failure": "badCertTemplate", "text": "not today"}}"#, "not today"),
        (r#"{"wrong_key": true}"#, "the CA's answer is not signed"),
        (r#"{"ignore": true, "next": 5}"#, "the CA did not answer"),
    ] {
        office.mischief(mischief);
        office.is_refused(&renew, &[said]);
    }
    // Rejected at the CA, too.
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Confirmed)), (3, 0));
    assert_eq!(records.count(Kind::Revoked), 2);
    // An answer that is lost is asked for again by the same bytes.
    office.mischief(r#"{"drop": true, "waiting": {"polls": 2, "check_after": 1}}"#);
    office.mischief(r#"{"drop": true, "bodies": ["certConf"]}"#);
    let renewed = office.told(&renew);
    assert_eq!(word(&renewed, "made"), "is there already");
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Confirmed)), (4, 1));
    let certificates = fs::read_dir(office.path("pki")).unwrap().map(|entry| entry.unwrap().file_name());
    let beside: Vec<String> =
        certificates.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with("ra-")).collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    office
        .is_refused(&["key", "renew", "--label", "demo-ra-signing", "--officer", "anna"], &["the present certificate"]);
    office.is_refused(
        &["key", "retire", "--label", "demo-ra-signing", "--yes-destroy", "demo-ra-signing", "--officer", "anna"],
        &["hsm.signing_key is the key", "in use"],
    );
    office.use_key("next", "41");
    let retire =
        ["key", "retire", "--label", "demo-ra-signing", "--yes-destroy", "demo-ra-signing", "--officer", "anna"];
    // The configuration has changed, and the certificate has not.
    office.is_refused(&retire, &["authority.demo.ra_certificate", "has a certificate for the key"]);
    let file = office.pki(&beside[0]);
    office.told(&["key", "install", file.to_str().unwrap(), "--officer", "anna"]);
    // Both have changed, and the server that runs has not.
    office.is_refused(&retire, &["the running server signs with this key"]);
    office.enrols("still");
}

#[test]
fn with_two_cas_there_is_one_key_and_both_certificates_change() {
    let mut office = Office::prepared();
    fs::copy(office.pki("ra.pem"), office.pki("second-office.pem")).unwrap();
    office.configure(|settings| {
        let authorities = settings.table("authority");
        let mut second = authorities["demo"].clone();
        second["ra_certificate"] = "pki/second-office.pem".into();
        authorities.insert("second".to_owned(), second);
    });
    office.start_authority();
    office.start();
    let who = ["--officer", "anna"];
    let successor = ["--label", "next", "--id", "51"];
    office.is_refused(&[&["key", "renew"], &successor[..], &who].concat(), &["say which with --authority"]);
    office.is_refused(
        &[&["key", "renew", "--authority", "third"], &successor[..], &who].concat(),
        &["[authority.third]"],
    );
    for authority in ["demo", "second"] {
        let renewed = office.told(&[&["key", "renew", "--authority", authority], &successor[..], &who].concat());
        let file = word(&renewed, "written_to");
        office.told(&[&["key", "install", file, "--authority", authority], &who[..]].concat());
    }
    office.use_key("next", "51");
    office.restart();
    office.enrols("both");
    assert_eq!(office.run(&["key", "status"]).status.code(), Some(0));
    assert!(office.metric("ra_certificate_seconds_left", "certificate=\"authority.second.ra_certificate\"") > 0.0);
}
