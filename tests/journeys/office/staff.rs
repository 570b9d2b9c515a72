//! Officers and their browsers: curl with a certificate, a jar of cookies, and what a browser tells with a form.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use certs::{Name, oid};
use demo_ca::pki::Pki;
use demo_ca::signer::SoftwareSigner;
use demo_ca::system_clock;

use super::{Answer, Office, Settings, done, text};

/// An office with officers, at work, and a browser for each of them.
pub(crate) struct Staffed {
    pub(crate) office: Office,
}

/// A browser. Its certificate is that of the file's name.
#[derive(Clone)]
pub(crate) struct Browser {
    name: String,
    folder: PathBuf,
    port: u16,
}

/// Everybody that a test may want, each with one job; the administrators are two.
pub(crate) const STAFF: [(&str, &str); 9] = [
    ("reza", "receiver"),
    ("chista", "checker"),
    ("anna", "registrar-officer"),
    ("parviz", "publisher"),
    ("arash", "archivist"),
    ("mina", "administrator"),
    ("majid", "administrator"),
    ("aida", "auditor"),
    ("sima", "security-officer"),
];

impl Office {
    /// Has officers from its next start on; the ways on which one person alone could get a certificate are closed or explained.
    pub(crate) fn name_officers(&self) {
        self.configure(|settings| {
            let reason = toml::Value::from("a test of the house");
            let alone: toml::Table = lone_paths(settings).into_iter().map(|path| (path, reason.clone())).collect();
            let officers = settings.table("officers");
            officers.insert("trust".into(), "own".into());
            officers.insert("alone".into(), alone.into());
            settings.set("listen", "console", format!("127.0.0.1:{}", self.ports.console()));
        });
        let mut file = String::new();
        for (name, job) in STAFF {
            self.certify_person(name);
            writeln!(file, "[[officer]]\nname = {name:?}\njobs = [{job:?}]\ncertificate = \"pki/{name}.pem\"").unwrap();
        }
        std::fs::write(self.path("officers.toml"), file).unwrap();
        self.told(&["init", "--officers", self.path("officers.toml").to_str().unwrap()]);
    }

    /// A key and a certificate of the demo's CA for somebody.
    pub(crate) fn certify_person(&self, name: &str) {
        let signer = SoftwareSigner::generate(demo_ca::signer::KeyChoice::P256).unwrap();
        signer.save(&self.pki(&format!("{name}.key"))).unwrap();
        let subject = Name::from_text(&format!("CN={name},O=DEMO NOT FOR PRODUCTION")).unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pki = Pki::load(&self.path("")).unwrap();
        let key = certs::Signer::public_key(&signer);
        let made = done(pki.issue_end_entity(&subject, key, &[oid::CLIENT_AUTH], system_clock()(), &random)).unwrap();
        std::fs::write(self.pki(&format!("{name}.pem")), made.to_pem()).unwrap();
    }
}

impl Staffed {
    pub(crate) fn open() -> Self {
        Self::open_with(|_| ())
    }

    pub(crate) fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut office = Office::prepared();
        office.configure(change);
        office.name_officers();
        office.start_authority();
        office.start();
        Self { office }
    }

    /// Somebody's browser, in which nobody is logged in.
    pub(crate) fn browser(&self, name: &str) -> Browser {
        Browser { name: name.to_owned(), folder: self.office.path(""), port: self.office.ports.console() }
    }

    /// Somebody's browser, logged in.
    pub(crate) fn logged_in(&self, name: &str) -> Browser {
        let browser = self.browser(name);
        let answer = browser.log_in();
        assert_eq!((answer.status, answer.header("Location")), (303, Some("/")), "{name}: {}", answer.text());
        browser
    }
}

impl Browser {
    /// The same browser with another certificate: what a thief of its cookies has.
    pub(crate) fn with_certificate_of(&self, name: &str) -> (Self, PathBuf) {
        (Self { name: name.to_owned(), ..self.clone() }, self.jar())
    }

    pub(crate) fn jar(&self) -> PathBuf {
        self.folder.join(format!("{}.cookies", self.name))
    }

    pub(crate) fn log_in(&self) -> Answer {
        self.post_bare("/log-in", &[("back", "")])
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.curl(path, &[])
    }

    /// A page that must be there.
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Sends a form as a page of the console has it.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token();
        self.post_bare(path, &[&[("form_token", token.as_str())], fields].concat())
    }

    /// What the forms of its session carry.
    pub(crate) fn form_token(&self) -> String {
        let page = self.get("/").text();
        let after = page.split("name=\"form_token\" value=\"").nth(1).unwrap_or_default();
        after.split('"').next().unwrap_or_default().to_owned()
    }

    /// Sends a form without what its session's pages have.
    pub(crate) fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut words = vec!["-X".to_owned(), "POST".to_owned(), "-H".to_owned(), format!("Origin: {}", self.origin())];
        for field in fields {
            words.extend(["--data-urlencode".to_owned(), field]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.curl(path, &words)
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Whatever curl can ask.
    pub(crate) fn curl(&self, path: &str, words: &[&str]) -> Answer {
        self.curl_with(&self.jar(), path, words)
    }

    /// The same with cookies of another browser.
    pub(crate) fn curl_with(&self, jar: &std::path::Path, path: &str, words: &[&str]) -> Answer {
        let pki = self.folder.join("pki");
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--http1.1", "--max-time", "30", "--cacert"]).arg(pki.join("root.pem"));
        command.arg("-b").arg(jar).arg("-c").arg(jar);
        if !self.name.is_empty() {
            command.arg("--cert").arg(pki.join(format!("{}.pem", self.name)));
            command.arg("--key").arg(pki.join(format!("{}.key", self.name)));
        }
        let output = command.args(words).arg(format!("{}{path}", self.origin())).output().expect("curl is installed");
        Answer::parse(&output.stdout).unwrap_or_else(|| panic!("{path}: {}", text(&output)))
    }
}

/// The ways that the demo's profiles leave open.
fn lone_paths(settings: &mut Settings) -> Vec<String> {
    let automatic = |profile: &toml::Value| profile["approval"].as_str() == Some("automatic");
    let profiles: Vec<String> = settings
        .table("profile")
        .iter()
        .filter(|(_, profile)| automatic(profile))
        .map(|(name, _)| name.clone())
        .collect();
    let mut found: Vec<String> = profiles.iter().map(|name| format!("code:{name}")).collect();
    for entry in settings.trusted_ras() {
        let served = entry["profiles"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        let name = entry["name"].as_str().unwrap();
        found.extend(
            served.filter(|served| profiles.contains(served)).map(|served| format!("trusted-ra:{name}:{served}")),
        );
    }
    found
}
