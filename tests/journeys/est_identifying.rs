//! Who is let in over EST, and who is not (RFC 7030 sections 3.2.3 and 3.3.2).

use std::path::PathBuf;

use demo_ca::Kind;

use super::office::{Office, Request, Seal, Who, openssl, written};

const PKCS10: [&str; 2] = ["-H", "Content-Type: application/pkcs10"];

/// A maker of devices that works with `openssl ca`, on the demo's manufacturer.
struct Maker<'a>(&'a Office);

impl<'a> Maker<'a> {
    fn new(office: &'a Office) -> Self {
        let file = |name: &str| office.path(name).display().to_string();
        written(office.path("index.txt"), b"");
        written(office.path("serial"), b"4000\n");
        let content = format!(
            "[ca]\ndefault_ca = maker\n[maker]\ndatabase = {}\nserial = {}\nnew_certs_dir = {}\ndefault_md = sha256\n\
             default_crl_days = 30\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n\
             [device]\nkeyUsage = digitalSignature\n\
             [server]\nkeyUsage = digitalSignature\nextendedKeyUsage = serverAuth\n",
            file("index.txt"),
            file("serial"),
            file("")
        );
        written(office.path("maker.cnf"), content.as_bytes());
        Self(office)
    }

    fn run(&self, words: &[&str]) {
        let file = |name: &str| self.0.pki(name).display().to_string();
        let config = self.0.path("maker.cnf").display().to_string();
        let own =
            ["-batch", "-config", &config, "-cert", &file("manufacturer.pem"), "-keyfile", &file("manufacturer.key")];
        openssl(&[&["ca"], &own[..], words].concat());
    }

    /// A device with its certificate and key.
    fn device(&self, name: &str, words: &[&str]) -> (PathBuf, PathBuf) {
        let key = self.0.key(name).0;
        let (csr, pem) = (self.0.path(&format!("{name}.csr")), self.0.path(&format!("{name}.pem")));
        let (csr_file, subject) = (csr.to_str().unwrap(), format!("/CN={name}"));
        let key_file = key.to_str().unwrap();
        openssl(&["req", "-new", "-config", "/dev/null", "-key", key_file, "-subj", &subject, "-out", csr_file]);
        self.run(&[&["-notext", "-in", csr_file, "-out", pem.to_str().unwrap()], words].concat());
        (pem, key)
    }
}

#[test]
fn who_sends_no_credentials_is_challenged_and_counted_nowhere() {
    let office = Office::open_with(|settings| {
        settings.set("registrar", "failures_per_minute", 1);
        settings.set("registrar", "requests_per_minute", 1);
    });
    let code = office.one_time_code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    for _ in 0..4 {
        let answer = office.est("simpleenroll", &Who::Nobody, &csr);
        assert_eq!(answer.status, 401);
        assert!(answer.body.is_empty(), "est.md 0.6");
        assert_eq!(answer.header("WWW-Authenticate"), Some("Basic realm=\"EST\", charset=\"UTF-8\""));
    }
    assert_eq!(office.leaves("authentication_failed"), 0);
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
}

#[test]
fn credentials_that_cannot_be_taken_are_never_just_ignored() {
    let office = Office::open();
    let (pem, key) = (office.pki("device.pem"), office.pki("device.key"));
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    for (header, words) in [
        ("Authorization: Bearer abc", "bearer tokens are not taken"),
        ("Authorization: Digest username=\"a\"", "not taken"),
        ("Authorization: Negotiate abc", "not taken"),
        ("Authorization: Basic !!!", "base64"),
        ("Authorization: Basic", "cannot be read"),
    ] {
        for who in [Who::Nobody, Who::Holder(&pem, &key)] {
            let leaves = office.leaves("request_refused");
            let answer = office.est_with("simpleenroll", &who, &csr, &[&PKCS10[..], &["-H", header]].concat());
            assert_eq!(answer.status, 401, "{header}");
            assert!(answer.text().contains(words), "{header}: {}", answer.text());
            assert!(answer.header("WWW-Authenticate").is_some_and(|offer| offer.starts_with("Basic ")));
            assert_eq!(office.leaves("request_refused"), leaves + 1, "{header}");
        }
    }
    let code = office.code();
    let twice = ["-H", "Authorization: Basic YTpi", "-H", "Authorization: Basic YTpj"];
    let answer = office.est_with("simpleenroll", &Who::Nobody, &csr, &[&PKCS10[..], &twice].concat());
    assert_eq!((answer.status, answer.text().contains("one Authorization")), (401, true), "{}", answer.text());
    assert_eq!(office.case_count(), 0);
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
}

#[test]
fn a_profile_may_want_a_certificate_and_a_code() {
    let office = Office::open_with(|settings| {
        settings.add_profile("both", |profile| {
            profile.insert("enrol_needs".into(), "certificate-and-code".into());
        });
    });
    let code = office.make_code(&["--profile", "both", "--uses", "1", "--name", "pump.plant.example"]);
    let (pem, key) = (office.pki("device.pem"), office.pki("device.key"));
    let maker = Maker::new(&office);
    let (late_pem, late_key) = maker.device("late", &["-startdate", "20990101000000Z", "-enddate", "20991231000000Z"]);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let holder = Who::Holder(&pem, &key);
    let right = format!("{}:{}", code.reference, code.secret);
    let wrong = format!("{}:{}", code.reference, "0".repeat(32));
    let ask = |who: &Who<'_>, user: &[&str], csr: &[u8]| {
        office.est_with("both/simpleenroll", who, csr, &[&PKCS10[..], user].concat()).status
    };
    assert_eq!(ask(&Who::Nobody, &[], &csr), 401);
    assert_eq!(ask(&Who::Code(&code), &[], &csr), 401, "no certificate");
    assert_eq!(ask(&holder, &[], &csr), 401, "no code");
    assert_eq!(ask(&holder, &["--user", &wrong], &csr), 401, "a wrong code");
    assert_eq!(ask(&Who::Holder(&late_pem, &late_key), &["--user", &right], &csr), 401, "a bad certificate");
    // CMP has one protection: it cannot show both.
    for seal in [Seal::code(&code), Seal::device(&office)] {
        let message = seal.finish(Request::new("CN=pump.plant.example").draft(&seal));
        assert_eq!(office.send_to("/p/both", &message).failure(), cmp::FailureInfo::NOT_AUTHORIZED);
    }
    assert_eq!(office.case_count(), 0);
    let (_, foreign) = office.csr("foreign", "/CN=valve.plant.example");
    assert_eq!(ask(&holder, &["--user", &right], &foreign), 403, "the code's names bind beside the certificate");
    assert_eq!(ask(&holder, &["--user", &right], &csr), 200);
    let (_, other) = office.csr("other", "/CN=pump.plant.example");
    assert_eq!(ask(&holder, &["--user", &right], &other), 401, "the code is used up");
    assert_eq!(ask(&holder, &["--user", &right], &csr), 200, "but serves its own case");
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn only_certificates_that_are_good_now_and_for_this_open_the_door() {
    let mut office = Office::prepared();
    let maker = Maker::new(&office);
    let good = maker.device("good", &["-days", "30", "-extensions", "device"]);
    let revoked = maker.device("revoked", &["-days", "30", "-extensions", "device"]);
    let early = maker.device("early", &["-startdate", "20990101000000Z", "-enddate", "20991231000000Z"]);
    let late = maker.device("late", &["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]);
    let server = maker.device("server", &["-days", "30", "-extensions", "server"]);
    maker.run(&["-revoke", revoked.0.to_str().unwrap()]);
    let list = office.path("maker.crl").display().to_string();
    maker.run(&["-gencrl", "-out", &list]);
    openssl(&["crl", "-in", &list, "-outform", "DER", "-out", &list]);
    let own = office.key("alone").0;
    let alone = office.path("alone.pem");
    let words = ["req", "-x509", "-new", "-config", "/dev/null", "-days", "30", "-subj", "/CN=good"];
    openssl(&[&words[..], &["-key", own.to_str().unwrap(), "-out", alone.to_str().unwrap()]].concat());
    office.configure(|settings| {
        let maker = settings.table("trust")["manufacturer"].as_table_mut().unwrap();
        maker.insert("crl".into(), list.clone().into());
        maker.insert("crl_required".into(), true.into());
    });
    office.start_authority();
    office.start();
    let ask = |name: &str, (pem, key): (&PathBuf, &PathBuf)| {
        let (_, csr) = office.csr(&format!("new-{name}"), &format!("/CN={name}.plant.example"));
        office.est("simpleenroll", &Who::Holder(pem, key), &csr).status
    };
    for (number, (name, pem, key, why)) in [
        ("revoked", &revoked.0, &revoked.1, "has been revoked"),
        ("early", &early.0, &early.1, "not valid yet"),
        ("late", &late.0, &late.1, "has expired"),
        ("server", &server.0, &server.1, "extended key usage"),
        ("alone", &alone, &own, "no path"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(ask(name, (pem, key)), 401, "{name}");
        assert_eq!(office.leaves("authentication_failed"), number + 1, "{name}");
        let said = office.said();
        let lately = said.lines().rfind(|line| line.contains("not identified")).unwrap();
        assert!(lately.contains(why), "{name}: {lately}");
    }
    assert_eq!(office.case_count(), 0);
    assert_eq!(ask("good", (&good.0, &good.1)), 200);
}

#[test]
fn each_label_has_its_own_anchors_and_codes() {
    let office = Office::open_with(|settings| {
        settings.add_profile("codes", |profile| {
            profile.insert("enrol_with".into(), vec!["code"].into());
            let names = toml::Table::from_iter([("code".to_owned(), "profile".into())]);
            profile["subject"].as_table_mut().unwrap().insert("names".into(), names.into());
        });
    });
    let (pem, key) = (office.pki("device.pem"), office.pki("device.key"));
    let device = Who::Holder(&pem, &key);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("codes/simpleenroll", &device, &csr).status, 401, "the maker is not known there");
    assert_eq!(
        office.est("codes/simpleenroll", &Who::Code(&office.code()), &csr).status,
        403,
        "a code of another label"
    );
    assert_eq!(office.case_count(), 0);
    assert_eq!(office.est("codes/simpleenroll", &Who::Code(&office.code_for("codes")), &csr).status, 200);
    assert_eq!(office.est("simpleenroll", &device, &csr).status, 200, "the same key for another requester");
}

#[test]
fn those_who_wait_do_not_all_come_back_at_once() {
    let office = Office::open_with(|settings| {
        settings.set("registrar", "check_after_seconds", 1000);
        settings.default_profile().insert("approval".into(), "by-hand".into());
    });
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let waits: Vec<u32> = (0..6)
        .map(|_| {
            let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
            assert_eq!((answer.status, answer.body.len()), (202, 0));
            answer.header("Retry-After").unwrap().parse().unwrap()
        })
        .collect();
    assert!(waits.iter().all(|wait| (1000..=1500).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    assert_eq!(office.case_count(), 1, "the repeated request is recognised");
}
