//! A conversation with OpenSSL's mock server: what we compose is taken by another implementation,
//! and what it answers passes our checks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use certs::{Certificate, Signer};

use crate::client::{self, Answer};
use crate::crmf::{self, CertTemplateDraft, Control};
use crate::header::InfoTypeAndValue;
use crate::sample::{self, Key, name};
use crate::{Draft, Limits, MacKey, Message, Protection, RevDetails, Status, body};

const SECRET: &[u8] = b"not a secret";

/// `openssl cmp -port`, which ends when this is dropped.
struct Mock {
    process: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Mock {
    fn start(tag: &str, trusted: &Certificate, more: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("daftar-cmp-{}-{tag}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("trusted.pem"), trusted.to_pem()).unwrap();
        certify(&folder, "server");
        certify(&folder, "issued");
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("openssl")
            .current_dir(&folder)
            .args(["cmp", "-port", &address.port().to_string(), "-rsp_cert", "issued.pem"])
            .args(["-grant_implicitconf", "-srv_trusted", "trusted.pem"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mock = Self { process, address, folder };
        drop(mock.connect());
        mock
    }

    fn connect(&self) -> TcpStream {
        for _ in 0..200 {
            if let Ok(stream) = TcpStream::connect(self.address) {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                return stream;
            }
            #[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the mock server does not listen");
    }

    /// One POST, one answer, both checked to belong together.
    fn exchange(&self, request: &[u8]) -> Message {
        let mut stream = self.connect();
        let head = format!(
            "POST / HTTP/1.0\r\nContent-Type: application/pkixcmp\r\nContent-Length: {}\r\n\r\n",
            request.len()
        );
        stream.write_all(&[head.as_bytes(), request].concat()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut der = vec![0; length];
        reader.read_exact(&mut der).unwrap();
        let answer = Message::parse(&der, &Limits::default()).unwrap();
        client::check_answer(&sample::read(request), &answer).unwrap();
        answer
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A self-signed certificate and its key, as files.
fn certify(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", &format!("/CN={name}"), "-days", "2"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

fn first(body: Vec<u8>) -> Draft {
    let mut draft = sample::draft(body);
    draft.general_info = vec![InfoTypeAndValue::implicit_confirm()];
    draft
}

/// OpenSSL leaves a self-signed certificate out of extraCerts: its peers know it.
fn verify_signature(answer: &Message, server: &Certificate) {
    let Ok(Protection::Signature(proof)) = answer.protection_kind() else { panic!("the answer is not signed") };
    answer.check_signer(server).unwrap();
    proof.verify(server.public_key()).unwrap();
}

#[test]
fn openssl_takes_our_mac_and_answers_with_one_that_we_take() {
    let key = Key::new();
    let device = sample::certificate(&key, "CN=device", None);
    let secret = format!("pass:{}", std::str::from_utf8(SECRET).unwrap());
    let mock = Mock::start("mac", &device, &["-srv_ref", "ref1", "-srv_secret", &secret]);

    let mac = MacKey::from_secret(SECRET, [7; 16], 500, b"ref1");
    let request = first(body::ir(&sample::request(&key))).mac(&mac, &[]);
    let answer = mock.exchange(&request);
    let Ok(Protection::Mac(proof)) = answer.protection_kind() else { panic!("the answer has no MAC") };
    proof.verify(SECRET).unwrap();
    let Ok(Answer::Issued(issued)) = client::read(&answer) else { panic!("no certificate") };
    assert!(issued.implicit_confirm);
    assert_eq!(issued.certificate.subject(), &name("CN=issued"));
}

#[test]
fn openssl_refuses_a_mac_with_another_secret() {
    let key = Key::new();
    let device = sample::certificate(&key, "CN=device", None);
    let mock = Mock::start("wrong", &device, &["-srv_ref", "ref1", "-srv_secret", "pass:another"]);
    let mac = MacKey::from_secret(SECRET, [7; 16], 500, b"ref1");
    let answer = mock.exchange(&first(body::ir(&sample::request(&key))).mac(&mac, &[]));
    let Ok(Answer::Error(content)) = client::read(&answer) else { panic!("no error") };
    assert_eq!(content.status.status, Status::Rejection);
    assert!(content.status.text.iter().any(|text| text.contains("wrong pbm value")));
}

#[test]
fn openssl_takes_our_signatures_and_proofs() {
    let key = Key::new();
    let device = sample::certificate(&key, "CN=device", None);
    let mock = Mock::start("sig", &device, &["-srv_cert", "server.pem", "-srv_key", "server.key"]);
    let server = std::fs::read(mock.folder.join("server.pem")).unwrap();
    let server = Certificate::parse_pem(&server).unwrap().remove(0);
    let signed = |draft: Draft| {
        let extra_certs = [device.der().to_vec()];
        mock.exchange(&sample::wait(draft.sign(&key, &extra_certs)).unwrap())
    };

    let issued = |answer: &Message| {
        verify_signature(answer, &server);
        match client::read(answer) {
            Ok(Answer::Issued(issued)) => issued.certificate.clone(),
            other => panic!("no certificate: {other:?}"),
        }
    };
    issued(&signed(first(body::cr(&sample::request(&key)))));

    let csr = certs::CsrDraft::new(name("CN=device"), key.public_key().clone());
    let csr = sample::wait(csr.sign(&key)).unwrap();
    let certificate = issued(&signed(first(body::p10cr(csr.der()))));

    let template = CertTemplateDraft::new(name("CN=device"), key.public_key().clone());
    let old = Control::old_cert_id(certificate.issuer(), certificate.serial());
    let update = crmf::request_with(0, &template, &[old]);
    let update = sample::wait(crmf::sign(&update, &key)).unwrap();
    issued(&signed(first(body::kur(&update))));

    let mut revocation = sample::draft(body::rr(&RevDetails::compose_for(&certificate, Some(1))));
    revocation.transaction_id = Some(vec![9; 16]);
    let answer = signed(revocation);
    verify_signature(&answer, &server);
    assert!(matches!(client::read(&answer), Ok(Answer::Revoked)));
}
