//! What EST clients see on the wire: they are picky about it (shared/est.md section 0).

use std::io::{Read as _, Write as _};

use super::office::{Answer, Office, Who};

fn ask(office: &Office, first: &str, lines: &str, body: &[u8]) -> (String, Answer) {
    let head = format!("{first} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
    let octets = office.talk_tls(&[head.as_bytes(), body].concat());
    let shown = String::from_utf8_lossy(&octets).into_owned();
    let answer = Answer::parse(&octets).unwrap_or_else(|| panic!("no answer: {shown}"));
    (shown, answer)
}

fn basic(office: &Office) -> String {
    let code = office.code();
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{}:{}", code.reference, code.secret),
    );
    format!("Authorization: Basic {pair}\r\nContent-Type: application/pkcs10\r\n")
}

#[test]
fn headers_have_the_case_that_old_clients_compare() {
    let office = Office::open();
    let (shown, answer) = ask(&office, "GET /.well-known/est/cacerts", "", b"");
    assert_eq!(answer.status, 200);
    for name in ["Content-Type", "Content-Length", "Content-Transfer-Encoding"] {
        assert!(answer.header(name).is_some(), "{name} is missing: {shown}");
    }
    assert_eq!(answer.header("Content-Transfer-Encoding"), Some("base64"));
    assert!(!shown.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{shown}");
    let length: usize = answer.header("Content-Length").unwrap().parse().unwrap();
    assert_eq!(length, answer.body.len());
    let head = shown.len() - answer.body.len();
    assert!(head < 1024, "strongSwan reads the head into 1024 octets; it has {head}");
}

#[test]
fn a_payload_is_one_line_of_base64_with_a_line_feed() {
    let office = Office::open();
    let lines = basic(&office);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let lines = format!("{lines}Content-Length: {}\r\n", csr.len());
    for (first, lines, body) in [
        ("GET /.well-known/est/cacerts", "", &b""[..]),
        ("GET /.well-known/est/csrattrs", "", b""),
        ("POST /.well-known/est/simpleenroll", lines.as_str(), &csr),
    ] {
        let (shown, answer) = ask(&office, first, lines, body);
        assert_eq!(answer.status, 200, "{shown}");
        let text = answer.text();
        assert!(text.ends_with('\n'), "{shown}");
        assert_eq!(text.matches('\n').count(), 1, "{shown}");
        assert!(!text.contains('\r') && !text.contains('\0'), "{shown}");
    }
}

#[test]
fn a_requester_without_credentials_is_challenged_with_an_empty_answer() {
    let office = Office::open();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let lines = format!("Content-Type: application/pkcs10\r\nContent-Length: {}\r\n", csr.len());
    let (shown, answer) = ask(&office, "POST /.well-known/est/simpleenroll", &lines, &csr);
    assert_eq!(answer.status, 401, "{shown}");
    assert_eq!(answer.header("Content-Length"), Some("0"));
    assert!(answer.body.is_empty());
    let challenges: Vec<&String> = answer.lines.iter().filter(|line| line.starts_with("WWW-Authenticate: ")).collect();
    assert_eq!(challenges.len(), 1, "{shown}");
    assert!(challenges[0].starts_with("WWW-Authenticate: Basic realm=\""), "{shown}");
}

#[test]
fn who_must_wait_is_told_so_with_an_empty_answer() {
    let office = Office::open_with(|settings| settings.set("registrar", "answer_seconds", 0.2));
    office.mischief(r#"{"delay_ms": 3000}"#);
    let lines = basic(&office);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let lines = format!("{lines}Content-Length: {}\r\n", csr.len());
    let (shown, answer) = ask(&office, "POST /.well-known/est/simpleenroll", &lines, &csr);
    assert_eq!(answer.status, 202, "{shown}");
    assert_eq!(answer.header("Content-Length"), Some("0"));
    let seconds = answer.header("Retry-After").expect("RFC 7030 section 4.2.3");
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{shown}");
}

#[test]
fn a_request_in_chunks_is_read() {
    let office = Office::open();
    let lines = basic(&office);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let (one, two) = csr.split_at(100);
    let mut body = Vec::new();
    for chunk in [one, two] {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let lines = format!("{lines}Transfer-Encoding: chunked\r\n");
    let (shown, answer) = ask(&office, "POST /.well-known/est/simpleenroll", &lines, &body);
    assert_eq!(answer.status, 200, "{shown}");
    assert_eq!(office.received(&answer.body).len(), 1);
}

/// One line of base64 in another layout.
type Layout = fn(&str) -> Vec<u8>;

fn wrapped(text: &str, width: usize, end: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("{}{end}", lines.join(end))
}

fn pem(label: &str, text: &str) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", wrapped(text, 64, "\n")).into_bytes()
}

#[test]
fn every_layout_of_a_request_is_read() {
    let office = Office::open();
    let code = office.code();
    let layouts: [(&str, Layout); 5] = [
        ("64", |text| wrapped(text, 64, "\n").into_bytes()),
        ("76 CRLF", |text| wrapped(text, 76, "\r\n").into_bytes()),
        ("PEM", |text| pem("CERTIFICATE REQUEST", text)),
        ("old PEM", |text| pem("NEW CERTIFICATE REQUEST", text)),
        ("DER", |text| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap()),
    ];
    for (number, (name, layout)) in layouts.iter().enumerate() {
        let (_, csr) = office.csr(&format!("layout-{number}"), &format!("/CN=layout-{number}.plant.example"));
        let body = layout(std::str::from_utf8(&csr).unwrap());
        let answer = office.est("simpleenroll", &Who::Code(&code), &body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}

#[test]
fn a_content_type_is_read_as_http_means_it() {
    let office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let kind = ["-H", "Content-Type: Application/PKCS10; charset=utf-8", "-H", "Content-Transfer-Encoding: binary"];
    let answer = office.est_with("simpleenroll", &Who::Code(&code), &csr, &kind);
    assert_eq!(answer.status, 200, "RFC 8951 section 3 ignores Content-Transfer-Encoding: {}", answer.text());
}

#[test]
fn a_connection_serves_several_requests() {
    let office = Office::open();
    let mut stream = office.tls();
    for _ in 0..3 {
        stream.write_all(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut octets = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the server closed");
            octets.extend_from_slice(&buffer[..count]);
            let Some(answer) = Answer::parse(&octets) else { continue };
            let length: usize = answer.header("Content-Length").unwrap().parse().unwrap();
            if answer.body.len() == length {
                assert_eq!(answer.status, 200);
                break;
            }
        }
    }
}
