//! The demo CA and OpenSSL's CMP client, which acts as a registration authority.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_lc_rs::rand::SystemRandom;
use certs::Certificate;
use demo_ca::pki::{Part, Pki};
use demo_ca::signer::{KeyChoice, SoftwareSigner};
use demo_ca::{Config, Running, serve};

struct Office {
    dir: tempfile::TempDir,
    running: Running,
}

impl Office {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Pki::create(dir.path(), demo_ca::system_clock()(), &SystemRandom::new()).await.unwrap();
        let running = serve(Config::new(dir.path(), 0)).await.unwrap();
        Self { dir, running }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pki(&self) -> PathBuf {
        demo_ca::pki::folder(self.dir.path())
    }

    /// Runs `openssl cmp` as the second RA; answers must be signed by the demo CA.
    async fn cmp(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command
            .args(["cmp", "-server", &self.running.address().to_string(), "-path", "cmp"])
            .args(["-recipient", "/O=DEMO NOT FOR PRODUCTION/CN=Demo CMP Signer"])
            .arg("-trusted")
            .arg(Part::Root.certificate_file(&self.pki()))
            .arg("-cert")
            .arg(Part::SecondRa.certificate_file(&self.pki()))
            .arg("-key")
            .arg(Part::SecondRa.key_file(&self.pki()))
            .args(arguments)
            .current_dir(self.dir.path());
        #[expect(clippy::disallowed_methods, reason = "the CA that it asks runs on this runtime")]
        let said = tokio::task::spawn_blocking(move || command.output()).await;
        said.unwrap().unwrap()
    }

    async fn succeeds(&self, arguments: &[&str]) {
        let output = self.cmp(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }

    fn new_key(&self, choice: KeyChoice) {
        SoftwareSigner::generate(choice).unwrap().save(&self.path("new.key")).unwrap();
    }

    fn certificate(&self) -> Certificate {
        let pem = std::fs::read(self.path("new.pem")).unwrap();
        Certificate::parse_pem(&pem).unwrap().remove(0)
    }

    /// What OpenSSL says about the certificate and the current revocation list.
    fn verifies(&self) -> bool {
        let list = self.path("crl.pem");
        run(Command::new("openssl")
            .args(["crl", "-inform", "DER", "-in"])
            .arg(self.path("ca/ca.crl"))
            .arg("-out")
            .arg(&list));
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-policy_check", "-crl_check", "-CRLfile"])
            .arg(list)
            .arg("-CAfile")
            .arg(Part::Root.certificate_file(&self.pki()))
            .arg("-untrusted")
            .arg(Part::Issuing.certificate_file(&self.pki()))
            .arg(self.path("new.pem"))
            .output()
            .unwrap();
        output.status.success()
    }
}

/// Everything it said: its own log goes to standard output.
fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_gets_certificates_by_each_request() {
    let office = Office::open().await;
    let enrol =
        ["-newkey", "new.key", "-subject", "/CN=machine.example", "-sans", "machine.example", "-certout", "new.pem"];
    for (command, choice) in [("ir", KeyChoice::P256), ("cr", KeyChoice::Rsa2048), ("ir", KeyChoice::P384)] {
        for implicit in [&["-implicit_confirm"][..], &[]] {
            office.new_key(choice);
            office.succeeds(&[&["-cmd", command][..], &enrol, implicit].concat()).await;
            assert!(office.verifies());
        }
    }
    let names = office.certificate().alt_names().to_vec();
    assert_eq!(names, [certs::AltName::Dns("machine.example".to_owned())]);
    // raVerified in place of a proof.
    office.succeeds(&[&["-cmd", "cr", "-popo", "0"][..], &enrol].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_gets_a_certificate_for_a_pkcs10_request_and_revokes_it() {
    let office = Office::open().await;
    office.new_key(KeyChoice::P256);
    run(Command::new("openssl")
        .args(["req", "-new", "-key", "new.key", "-subj", "/CN=machine.example", "-out", "new.csr"])
        .args(["-addext", "extendedKeyUsage=clientAuth"])
        .current_dir(office.dir.path()));
    office.succeeds(&["-cmd", "p10cr", "-csr", "new.csr", "-certout", "new.pem"]).await;
    assert!(office.verifies());
    assert_eq!(office.certificate().extended_key_usages().unwrap(), [certs::oid::CLIENT_AUTH]);
    office.succeeds(&["-cmd", "rr", "-oldcert", "new.pem", "-revreason", "1"]).await;
    assert!(!office.verifies());
    let again = office.cmp(&["-cmd", "rr", "-oldcert", "new.pem", "-revreason", "1"]).await;
    assert!(text(&again).contains("certRevoked"), "{}", text(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_key_and_a_weak_signature_are_refused() {
    let office = Office::open().await;
    for (arguments, failure) in [(["rsa:1024", "-sha256"], "badCertTemplate"), (["rsa:2048", "-sha1"], "badAlg")] {
        run(Command::new("openssl")
            .args(["req", "-new", "-nodes", "-subj", "/CN=machine.example", "-keyout", "new.key", "-out", "new.csr"])
            .arg("-newkey")
            .args(arguments)
            .current_dir(office.dir.path()));
        let output = office.cmp(&["-cmd", "p10cr", "-csr", "new.csr", "-certout", "new.pem"]).await;
        assert!(text(&output).contains(failure), "{}", text(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_updates_a_key() {
    let office = Office::open().await;
    office.new_key(KeyChoice::P256);
    let enrol = ["-newkey", "new.key", "-subject", "/CN=machine.example", "-certout", "new.pem"];
    office.succeeds(&[&["-cmd", "ir"][..], &enrol].concat()).await;
    std::fs::copy(office.path("new.pem"), office.path("old.pem")).unwrap();
    std::fs::copy(office.path("new.key"), office.path("old.key")).unwrap();
    office.new_key(KeyChoice::P256);
    // RFC 9483 section 4.1.3: with the certificate to be updated; the last -cert and -key count.
    office.succeeds(&[&["-cmd", "kur", "-cert", "old.pem", "-key", "old.key"][..], &enrol].concat()).await;
    assert!(office.verifies());
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_waits_and_polls() {
    let office = Office::open().await;
    office.new_key(KeyChoice::P256);
    let mischief = office.path("mischief.json");
    std::fs::write(&mischief, r#"{"waiting": {"polls": 1, "check_after": 1}}"#).unwrap();
    let Office { dir, running } = office;
    running.stop().await;
    let mut config = Config::new(dir.path(), 0);
    config.mischief = demo_ca::mischief::Mischief::parse(&std::fs::read(mischief).unwrap()).unwrap();
    let office = Office { running: serve(config).await.unwrap(), dir };
    let enrol = ["-newkey", "new.key", "-subject", "/CN=machine.example", "-certout", "new.pem"];
    office.succeeds(&[&["-cmd", "ir"][..], &enrol].concat()).await;
    assert!(office.verifies());
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_enrols_a_device_under_its_own_name_only() {
    let office = Office::open().await;
    office.new_key(KeyChoice::P256);
    let pki = office.pki();
    let (certificate, key) = (Part::Device.certificate_file(&pki), Part::Device.key_file(&pki));
    let device =
        ["-cmd", "ir", "-newkey", "new.key", "-certout", "new.pem", "-cert", path(&certificate), "-key", path(&key)];
    let output = office.cmp(&[&device[..], &["-subject", "/CN=machine.example"]].concat()).await;
    assert!(!output.status.success());
    assert!(text(&output).contains("notAuthorized"), "{}", text(&output));
    office.succeeds(&[&device[..], &["-subject", "/CN=pump/serialNumber=DEVICE-0001"]].concat()).await;
    assert!(office.verifies());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
