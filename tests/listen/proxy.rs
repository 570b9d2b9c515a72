//! The PROXY protocol: whose connection it is, said by a balancer.

use std::num::{NonZeroU32, NonZeroUsize};

use daftar::listen::Limits;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::clients::{body, read_all, send};
use super::office::Office;
use super::tls::{Pki, VERSIONS};

const WHO: &str = "GET /who HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n";

/// A header of version 2 for a client at this address, port 4660.
fn header(client: [u8; 4]) -> Vec<u8> {
    let addresses = [&client[..], &[192, 0, 2, 1], &[0x12, 0x34], &[0x01, 0xbb]].concat();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", addresses.as_slice()].concat()
}

async fn told(office: &Office, header: &[u8]) -> String {
    let mut stream = TcpStream::connect(office.address).await.unwrap();
    stream.write_all(header).await.unwrap();
    send(&mut stream, WHO).await;
    read_all(&mut stream).await
}

#[tokio::test]
async fn a_balancer_that_is_listed_says_whose_connection_it_is() {
    let office = Office::behind(Limits::default(), None, &["127.0.0.0/8"]).await;
    assert!(body(&told(&office, &header([198, 51, 100, 7])).await).starts_with("198.51.100.7:4660 "));
    // LOCAL: it looks whether we are there.
    let local = told(&office, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await;
    assert!(body(&local).starts_with("127.0.0.1:"), "{local}");
}

#[tokio::test]
async fn a_balancer_that_is_listed_must_say_it_and_in_time() {
    let limits = Limits { header_seconds: NonZeroU32::MIN, ..Limits::default() };
    let office = Office::behind(limits, None, &["127.0.0.1"]).await;
    for header in [&b""[..], b"PROXY TCP4 198.51.100.7 192.0.2.1 1 443\r\n"] {
        assert_eq!(told(&office, header).await, "");
    }
    let mut silent = TcpStream::connect(office.address).await.unwrap();
    assert_eq!(read_all(&mut silent).await, "");
    office.wait_for("ra_connections_refused_total{door=\"test\",reason=\"proxy\"} 3").await;
}

#[tokio::test]
async fn nobody_else_says_whose_connection_it_is() {
    let office = Office::behind(Limits::default(), None, &["127.0.0.2", "10.0.0.0/8"]).await;
    let answer = told(&office, &header([198, 51, 100, 7])).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(body(&told(&office, b"").await).starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn the_limit_of_an_address_is_that_of_the_client() {
    let limits = Limits { connections_per_address: NonZeroUsize::MIN, ..Limits::default() };
    let office = Office::behind(limits, None, &["127.0.0.1"]).await;
    let mut held = TcpStream::connect(office.address).await.unwrap();
    held.write_all(&header([198, 51, 100, 7])).await.unwrap();
    send(&mut held, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    assert!(super::clients::read_once(&mut held).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(told(&office, &header([198, 51, 100, 7])).await, "", "one connection only");
    assert!(told(&office, &header([198, 51, 100, 8])).await.starts_with("HTTP/1.1 200 "), "another client");
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let pki = Pki::new();
    let office = Office::behind(Limits::default(), Some(pki.tls("server")), &["127.0.0.1"]).await;
    let mut stream = TcpStream::connect(office.address).await.unwrap();
    stream.write_all(&header([198, 51, 100, 7])).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = pki.client(VERSIONS[1], None).connect(name, stream).await.unwrap();
    send(&mut stream, WHO).await;
    let answer = read_all(&mut stream).await;
    assert!(body(&answer).starts_with("198.51.100.7:4660 ") && answer.contains("1.3=true"), "{answer}");
}
