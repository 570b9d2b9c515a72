//! Officers and their browsers: curl with a certificate, a jar of cookies, and what a browser tells with a form.

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

impl Office {
    /// Has the officers of the demo from its next start on.
    pub(crate) fn name_officers(&self) {
        self.told(&["init", "--officers", self.path("officers/officers.toml").to_str().unwrap()]);
    }

    /// The officers of the demo by name, each with the one job.
    pub(crate) fn staff(&self) -> Vec<(String, String)> {
        let file: toml::Table = std::fs::read_to_string(self.path("officers/officers.toml")).unwrap().parse().unwrap();
        let officers = file["officer"].as_array().unwrap().iter();
        let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
        officers.map(|officer| (text(&officer["name"]), text(&officer["jobs"][0]))).collect()
    }

    /// A file with somebody's certificate and key, as commands take it.
    pub(crate) fn with_key(&self, name: &str) -> String {
        self.path("officers").join(format!("{name}.pem")).to_str().unwrap().to_owned()
    }

    /// A key and a certificate of the demo's CA for somebody.
    pub(crate) fn certify_person(&self, name: &str) {
        let signer = SoftwareSigner::generate(demo_ca::signer::KeyChoice::P256).unwrap();
        let file = PathBuf::from(self.with_key(name));
        signer.save(&file.with_extension("key")).unwrap();
        let subject = Name::from_text(&format!("CN={name},O=DEMO NOT FOR PRODUCTION")).unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pki = Pki::load(&self.path("")).unwrap();
        let key = certs::Signer::public_key(&signer);
        let made = done(pki.issue_end_entity(&subject, key, &[oid::CLIENT_AUTH], system_clock()(), &random)).unwrap();
        let key = std::fs::read_to_string(file.with_extension("key")).unwrap();
        std::fs::write(file, made.to_pem() + &key).unwrap();
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
        let officers = self.folder.join("officers");
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--http1.1", "--max-time", "30", "--cacert"]).arg(self.folder.join("pki/root.pem"));
        command.arg("-b").arg(jar).arg("-c").arg(jar);
        if !self.name.is_empty() {
            command.arg("--cert").arg(officers.join(format!("{}.pem", self.name)));
            command.arg("--key").arg(officers.join(format!("{}.key", self.name)));
        }
        let output = command.args(words).arg(format!("{}{path}", self.origin())).output().expect("curl is installed");
        Answer::parse(&output.stdout).unwrap_or_else(|| panic!("{path}: {}", text(&output)))
    }
}
