//! EST by curl.

use std::path::Path;
use std::process::Command;

use super::{Answer, Code, Office, text, written};

/// How a requester proves itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    Nobody,
    /// HTTP Basic.
    Code(&'a Code),
    /// A certificate and its key, in the TLS handshake.
    Holder(&'a Path, &'a Path),
}

impl Office {
    /// GET of an operation, such as `cacerts` or `strict/csrattrs`.
    pub(crate) fn est_get(&self, operation: &str, extra: &[&str]) -> Answer {
        self.curl(operation, &Who::Nobody, extra)
    }

    /// POST of a request.
    pub(crate) fn est(&self, operation: &str, who: &Who<'_>, body: &[u8]) -> Answer {
        self.est_with(operation, who, body, &["-H", "Content-Type: application/pkcs10"])
    }

    /// POST of anything in any way.
    pub(crate) fn est_with(&self, operation: &str, who: &Who<'_>, body: &[u8], extra: &[&str]) -> Answer {
        let unique = hex::encode(super::random());
        let file = written(self.path(&format!("body-{unique}")), body);
        let data = format!("@{}", file.display());
        self.curl(operation, who, &[&["--data-binary", &data], extra].concat())
    }

    /// A new key and its certificate, from the default profile.
    pub(crate) fn enrolled(&self, name: &str, subject: &str, code: &Code) -> (super::Key, String) {
        let (key, csr) = self.csr(name, subject);
        let answer = self.est("simpleenroll", &Who::Code(code), &csr);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut received = self.received(&answer.body);
        assert_eq!(received.len(), 1, "RFC 7030 section 4.2.3");
        (key, received.remove(0))
    }

    fn curl(&self, operation: &str, who: &Who<'_>, extra: &[&str]) -> Answer {
        self.curl_at(self.ports.https(), operation, who, extra)
    }

    /// At another port than that of EST.
    pub(crate) fn curl_at(&self, port: u16, operation: &str, who: &Who<'_>, extra: &[&str]) -> Answer {
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--max-time", "40", "--cacert"]).arg(self.pki("root.pem"));
        match who {
            Who::Nobody => {}
            Who::Code(code) => {
                command.args(["--user", &format!("{}:{}", code.reference, code.secret)]);
            }
            Who::Holder(certificate, key) => {
                command.arg("--cert").arg(certificate).arg("--key").arg(key);
            }
        }
        let output = command
            .args(extra)
            .arg(format!("https://localhost:{port}/.well-known/est/{operation}"))
            .output()
            .expect("curl is installed");
        Answer::parse(&output.stdout).unwrap_or_else(|| panic!("{operation}: {}", text(&output)))
    }
}
