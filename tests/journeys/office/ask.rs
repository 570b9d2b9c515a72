//! Keys and requests, made and checked by OpenSSL.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Office, text, written};

/// A private key in a file.
#[derive(Clone, Debug)]
pub(crate) struct Key(pub(crate) PathBuf);

impl Office {
    /// A certificate of the demo's issuing CA, made past the office, with these extensions (openssl's words).
    pub(crate) fn issued_by_hand(&self, name: &str, extensions: &str) -> (Key, PathBuf) {
        let (key, request) = self.csr(name, &format!("/CN={name}.plant.example"));
        let (request_file, extension_file) = (self.path(&format!("{name}.der")), self.path(&format!("{name}.ext")));
        std::fs::write(&request_file, STANDARD.decode(request).unwrap()).unwrap();
        std::fs::write(&extension_file, extensions).unwrap();
        let certificate = self.path(&format!("{name}.by-hand.pem"));
        let (ca, ca_key) = (self.pki("issuing.pem"), self.pki("issuing.key"));
        let mut words = vec!["x509", "-req", "-inform", "DER", "-days", "30"];
        let files = [
            ("-in", &request_file),
            ("-extfile", &extension_file),
            ("-CA", &ca),
            ("-CAkey", &ca_key),
            ("-out", &certificate),
        ];
        words.extend(files.iter().flat_map(|(word, file)| [*word, file.to_str().unwrap()]));
        openssl(&words);
        (key, certificate)
    }

    /// A new key on P-256.
    pub(crate) fn key(&self, name: &str) -> Key {
        self.key_of(name, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    /// A new key by the words of `openssl genpkey`.
    pub(crate) fn key_of(&self, name: &str, words: &[&str]) -> Key {
        let path = self.path(&format!("{name}.key"));
        openssl(&[&["genpkey", "-out", path.to_str().unwrap()], words].concat());
        Key(path)
    }

    /// A request for a new key of its own, base64 in one line as EST sends it.
    pub(crate) fn csr(&self, name: &str, subject: &str) -> (Key, Vec<u8>) {
        let key = self.key(name);
        let csr = csr_for(&key, subject, &[]);
        (key, csr)
    }

    /// The certificates in an EST answer, each as PEM.
    pub(crate) fn received(&self, body: &[u8]) -> Vec<String> {
        let base64 = String::from_utf8(body.to_vec()).unwrap();
        let base64: String = base64.split_whitespace().collect();
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).unwrap();
        let path = written(self.path("received.p7"), &der);
        certificates(&openssl(&["pkcs7", "-inform", "DER", "-print_certs", "-in", path.to_str().unwrap()]))
    }

    /// A file with one certificate.
    pub(crate) fn keep(&self, name: &str, pem: &str) -> PathBuf {
        written(self.path(&format!("{name}.pem")), pem.as_bytes())
    }

    /// Whether OpenSSL takes a certificate for one of this office's CA.
    pub(crate) fn accepts(&self, pem: &str) -> bool {
        let path = written(self.path("to-verify.pem"), pem.as_bytes());
        verifies(&self.pki("root.pem"), &self.pki("issuing.pem"), &path)
    }
}

/// A signed request, base64 in one line; `extra` are words of `openssl req`.
pub(crate) fn csr_for(key: &Key, subject: &str, extra: &[&str]) -> Vec<u8> {
    let der = csr_der(key, subject, extra);
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der).into_bytes()
}

/// A signed request with attributes besides, each by name or dotted identifier with its text; base64 in one line.
pub(crate) fn csr_with_attributes(key: &Key, common_name: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let lines = attributes.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join("\n");
    let content = format!(
        "[req]\nprompt = no\ndistinguished_name = dn\nattributes = more\n[dn]\nCN = {common_name}\n[more]\n{lines}\n"
    );
    let file = written(key.0.with_extension("cnf"), content.as_bytes());
    let words = ["req", "-new", "-outform", "DER"];
    let output = Command::new("openssl").args(words).arg("-key").arg(&key.0).arg("-config").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", super::text(&output));
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, output.stdout).into_bytes()
}

/// A signed request, DER.
pub(crate) fn csr_der(key: &Key, subject: &str, extra: &[&str]) -> Vec<u8> {
    let file = key.0.to_str().unwrap();
    // What openssl.cnf says is nobody's wish here.
    let words = ["req", "-new", "-config", "/dev/null", "-key", file, "-subj", subject, "-outform", "DER"];
    let output = Command::new("openssl").args(words).args(extra).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    output.stdout
}

/// The PEM blocks in a text.
pub(crate) fn certificates(pem: &str) -> Vec<String> {
    pem.split(BEGIN)
        .skip(1)
        .map(|block| format!("{BEGIN}{}{END}\n", block.split(END).next().unwrap_or_default()))
        .collect()
}

pub(crate) fn verifies(root: &Path, issuing: &Path, certificate: &Path) -> bool {
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-no-CAfile", "-no-CApath", "-CAfile"])
        .arg(root)
        .arg("-untrusted")
        .arg(issuing)
        .arg(certificate)
        .output()
        .unwrap();
    output.status.success()
}

/// Runs OpenSSL, which must succeed, and gives what it wrote.
pub(crate) fn openssl(words: &[&str]) -> String {
    let output = Command::new("openssl").args(words).output().expect("openssl is installed");
    assert!(output.status.success(), "openssl {words:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
