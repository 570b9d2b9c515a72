//! What belongs to one TLS connection and no other, held against what OpenSSL says of the same connection.

use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::HandshakeKind;

use super::clients::{body, read_all, send};
use super::office::Office;
use super::tls::{Pki, VERSIONS, connect, is_1_3};

/// Two connections of Python's `ssl`, the second resuming the first: tls-unique as both sides have it, and whether it was resumed.
async fn by_python(office: &Office, options: &'static str) -> Vec<(String, String, bool)> {
    let port = office.address.port().to_string();
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON, &port, options]);
    let output = tokio::process::Command::from(python).output().await.expect("python3 is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines()
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [client, server, resumed] => (client.to_owned(), server.to_owned(), resumed == "True"),
            _ => panic!("{said}"),
        })
        .collect()
}

#[tokio::test]
async fn tls_unique_is_what_openssl_says_in_a_full_and_a_resumed_handshake() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let seen = by_python(&office, "0").await;
    assert_eq!(seen.iter().map(|(_, _, resumed)| *resumed).collect::<Vec<_>>(), [false, true]);
    for (client, server, resumed) in &seen {
        assert_eq!(client.len(), 24);
        assert!(server.split(',').any(|value| value == format!("unique:{client}")), "{resumed}: {client} {server}");
        assert!(server.contains("exporter:"), "{server}");
    }
    assert_ne!(seen[0].0, seen[1].0);
}

#[tokio::test]
async fn without_extended_master_secret_a_resumed_handshake_has_no_binding_and_there_is_no_exporter() {
    let pki = Pki::new();
    let office = Office::https(pki.tls_with("server", false)).await;
    for options in [NO_EXTENDED_MASTER_SECRET, "0"] {
        let seen = by_python(&office, options).await;
        let [(first, of_first, false), (_, of_second, true)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(*of_first, format!("unique:{first}"));
        assert_eq!(of_second, "-");
    }
}

#[tokio::test]
async fn without_extended_master_secret_there_is_no_session_where_it_is_demanded() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON, &office.address.port().to_string(), NO_EXTENDED_MASTER_SECRET]);
    let output = tokio::process::Command::from(python).output().await.unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
}

#[tokio::test]
async fn tls_exporter_is_what_openssl_exports_on_tls_1_3_and_there_is_no_tls_unique() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-tls1_3", "-ign_eof", "-connect", &office.address.to_string()]);
    openssl.args(["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"]);
    let mut openssl = tokio::process::Command::from(openssl)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut stdin = openssl.stdin.take().unwrap();
    send(&mut stdin, "GET /binding HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n").await;
    let output = openssl.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let exported = said.lines().find_map(|line| line.trim().strip_prefix("Keying material: ")).expect(&said);
    assert!(said.contains(&format!("\r\n\r\nexporter:{}", exported.to_lowercase())), "{said}");
}

#[tokio::test]
async fn tls_exporter_is_the_same_on_both_sides_of_every_handshake() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    for version in VERSIONS {
        let client = pki.client(version, None);
        let mut before = String::new();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = connect(&office, &client).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            let own =
                stream.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
            send(&mut stream, "GET /binding HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n").await;
            let answer = read_all(&mut stream).await;
            let wanted = format!("exporter:{}", hex::encode(own));
            assert!(body(&answer).split(',').any(|value| value == wanted), "{answer}");
            assert_eq!(body(&answer).contains("unique:"), !is_1_3(version), "{answer}");
            assert_ne!(before, wanted);
            before = wanted;
        }
    }
}

#[tokio::test]
async fn bindings_of_connections_that_shake_hands_at_the_same_time_are_not_mixed_up() {
    let pki = Pki::new();
    let office = Arc::new(Office::https(pki.tls("server")).await);
    let asked = (0..4).map(|_| by_python(&office, "0"));
    for seen in futures_util::future::join_all(asked).await {
        for (client, server, _) in seen {
            assert!(server.contains(&format!("unique:{client}")), "{client} {server}");
        }
    }
}

/// SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3, which Python 3.11 has no name for.
const NO_EXTENDED_MASTER_SECRET: &str = "1";

const PYTHON: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.options |= int(sys.argv[2])
session = None
for _ in range(2):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain:
        with context.wrap_socket(plain, session=session) as tls:
            tls.sendall(b"GET /binding HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := tls.recv(4096):
                answer += piece
            body = answer.split(b"\r\n\r\n", 1)[1].decode()
            print(tls.get_channel_binding("tls-unique").hex(), body, tls.session_reused)
            session = tls.session
"#;
