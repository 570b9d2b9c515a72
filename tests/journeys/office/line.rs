//! EST over connections of Python's `ssl`, which tells tls-unique as OpenSSL computes it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Code, Office};

/// A client that makes one connection after the other, each resuming the session of the one before.
pub(crate) struct Line {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What OpenSSL says of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// The base64 of tls-unique.
    pub(crate) unique: String,
    pub(crate) resumed: bool,
}

impl Line {
    /// `version`: `TLSv1_2` or `TLSv1_3`.
    pub(crate) fn to(office: &Office, version: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", PYTHON, &office.ports.https().to_string(), version])
            .arg(office.pki("root.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, to, from: BufReader::new(from) }
    }

    /// Opens the next connection.
    pub(crate) fn connect(&mut self) -> Binding {
        let said = self.ask("connect");
        let (unique, resumed) = said.split_once(' ').unwrap_or_else(|| panic!("{said}"));
        Binding { unique: unique.to_owned(), resumed: resumed == "True" }
    }

    /// POSTs a request over it: the status and the words of the answer.
    pub(crate) fn post(&mut self, operation: &str, code: &Code, body: &[u8]) -> (u16, String) {
        let body = std::str::from_utf8(body).unwrap();
        let said = self.ask(&format!("{operation} {}:{} {body}", code.reference, code.secret));
        // A 202 has no words.
        let (status, words) = said.split_once(' ').unwrap_or((&said, ""));
        (status.parse().unwrap(), words.to_owned())
    }

    fn ask(&mut self, words: &str) -> String {
        writeln!(self.to, "{words}").and_then(|()| self.to.flush()).unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PYTHON: &str = r#"
import base64, http.client, socket, ssl, sys
port, version, roots = int(sys.argv[1]), ssl.TLSVersion[sys.argv[2]], sys.argv[3]
context = ssl.create_default_context(cafile=roots)
context.minimum_version = context.maximum_version = version
session, connection = None, None
for line in sys.stdin:
    words = line.split()
    if words[0] == "connect":
        if connection:
            session = connection.sock.session
            connection.close()
        plain = socket.create_connection(("127.0.0.1", port))
        connection = http.client.HTTPConnection("localhost")
        connection.sock = context.wrap_socket(plain, server_hostname="localhost", session=session)
        unique = connection.sock.get_channel_binding("tls-unique")
        print(base64.b64encode(unique).decode(), connection.sock.session_reused, flush=True)
    else:
        operation, user, body = words
        headers = {"Content-Type": "application/pkcs10", "Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
        connection.request("POST", "/.well-known/est/" + operation, body, headers)
        answer = connection.getresponse()
        print(answer.status, answer.read().decode().replace("\n", " "), flush=True)
"#;
