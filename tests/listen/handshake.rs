//! What a handshake may agree on (RFC 9325), held against OpenSSL and rustls as clients.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, NamedGroup};
use tokio_rustls::TlsConnector;

use super::clients::{read_all, send};
use super::office::Office;
use super::tls::{AnyServer, Pki, VERSIONS, connect};

/// `openssl s_client` with these words and this input: whether it ended well, and what it said.
async fn s_client(office: &Office, words: &[&str], input: &str) -> (bool, String) {
    let mut openssl = tokio::process::Command::new("openssl")
        .args(["s_client", "-connect", &office.address.to_string()])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl is installed");
    let mut stdin = openssl.stdin.take().unwrap();
    for line in input.lines() {
        // s_client looks for its commands at the beginning of what it reads at once.
        tokio::time::sleep(Duration::from_millis(300)).await;
        send(&mut stdin, &format!("{line}\n")).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(stdin);
    let output = openssl.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn suites_without_forward_secrecy_or_authenticated_encryption_are_refused() {
    let pki = Pki::new();
    pki.make("rsa", "rsa:2048", &[]);
    let office = Office::https(pki.tls("rsa")).await;
    let suites = [
        ("ECDHE-RSA-AES256-GCM-SHA384", true),
        ("ECDHE-RSA-CHACHA20-POLY1305", true),
        ("ECDHE-RSA-AES128-SHA256", false),
        ("ECDHE-RSA-AES128-SHA", false),
        ("AES128-GCM-SHA256", false),
        ("DHE-RSA-AES128-GCM-SHA256", false),
        ("NULL-SHA256:@SECLEVEL=0", false),
        ("ADH-AES128-GCM-SHA256:@SECLEVEL=0", false),
    ];
    for (suite, good) in suites {
        let (done, said) = s_client(&office, &["-tls1_2", "-cipher", suite], "").await;
        assert_eq!(done, good, "{suite}: {said}");
        assert!(good || said.contains("handshake failure"), "{suite}: {said}");
    }
}

#[tokio::test]
async fn a_connection_is_not_renegotiated() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    // "R" has s_client ask for a new handshake.
    let (_, said) = s_client(&office, &["-tls1_2"], "R").await;
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation") || said.contains("unexpected message"), "{said}");
}

#[tokio::test]
async fn the_key_exchange_is_post_quantum_where_the_client_can() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let stream = connect(&office, &pki.client(VERSIONS[1], None)).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn nothing_is_taken_before_the_handshake_is_done() {
    let pki = Pki::new();
    let office = Office::https(pki.tls("server")).await;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[VERSIONS[1]])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_no_client_auth();
    config.enable_early_data = true;
    let config = Arc::new(config);
    let mut stream = connect(&office, &TlsConnector::from(Arc::clone(&config))).await.unwrap();
    send(&mut stream, "GET /who HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n").await;
    // The tickets come with the answer.
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert!(stream.get_ref().1.tls13_tickets_received() > 0);
    let mut again = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    assert!(again.early_data().is_none(), "RFC 8446 section 8: what came early can be replayed");
}

#[tokio::test]
async fn a_client_may_choose_among_the_curves_that_are_safe() {
    // In TLS 1.2 the groups are also those that an EC certificate may have.
    let pki = Pki::new();
    pki.make("rsa", "rsa:2048", &[]);
    let office = Office::https(pki.tls("rsa")).await;
    for (version, group, good) in [
        ("-tls1_2", "P-256", true),
        ("-tls1_2", "P-384", true),
        ("-tls1_2", "brainpoolP256r1", false),
        ("-tls1_3", "P-384", true),
        ("-tls1_3", "X25519", true),
        ("-tls1_3", "ffdhe2048", false),
    ] {
        let (done, said) = s_client(&office, &[version, "-groups", group], "").await;
        assert_eq!(done, good, "{group}: {said}");
    }
}

#[tokio::test]
async fn a_chain_that_is_too_long_ends_its_own_handshake_and_nothing_else() {
    let pki = Pki::new();
    pki.make("client", "ec", &[]);
    let office = Office::https(pki.tls("server")).await;
    let (client, key) = (pki.certificate("client"), pki.key("client"));
    let (client, key) = (client.to_str().unwrap(), key.to_str().unwrap());
    let one = std::fs::read_to_string(client).unwrap();
    for (count, good) in [(8, true), (200, false)] {
        let chain = pki.key("chain");
        std::fs::write(&chain, one.repeat(count)).unwrap();
        let words = ["-tls1_2", "-cert", client, "-key", key, "-cert_chain", chain.to_str().unwrap()];
        let (done, said) = s_client(&office, &words, "").await;
        assert_eq!(done, good, "{count}: {said}");
    }
    assert!(s_client(&office, &["-tls1_2"], "").await.0, "the office is still there");
}
