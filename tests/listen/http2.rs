//! HTTP/2 for who asks for it.

use std::num::NonZeroU32;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use daftar::listen::{Limits, ServerTls, TlsRules};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::office::Office;
use super::tls::{Pki, VERSIONS, connect};

fn tls(pki: &Pki) -> Arc<ServerTls> {
    pki.tls_by("server", TlsRules { require_extended_master_secret: true, http2: true })
}

async fn client(office: &Office, pki: &Pki) -> (SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>) {
    let stream = connect(office, &pki.client(VERSIONS[1], None)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn request(path: &str, body: &'static [u8]) -> Request<Full<Bytes>> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let uri = format!("https://localhost{path}");
    Request::builder().method(method).uri(uri).body(Full::new(Bytes::from_static(body))).unwrap()
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, path: &str, body: &'static [u8]) -> (StatusCode, String) {
    sender.ready().await.unwrap();
    let answer = sender.send_request(request(path, body)).await.unwrap();
    let status = answer.status();
    (status, String::from_utf8_lossy(&answer.into_body().collect().await.unwrap().to_bytes()).into_owned())
}

/// curl's version of HTTP and the body it got.
async fn curl(office: &Office, words: &[&str]) -> String {
    let output = tokio::process::Command::new("curl")
        .args(["-sSk", "--max-time", "10", "-w", " %{http_version}"])
        .args(words)
        .arg(format!("https://{}/echo", office.address))
        .stderr(Stdio::inherit())
        .output()
        .await
        .expect("curl is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn http_2_is_spoken_with_who_asks_for_it_where_it_is_switched_on() {
    let pki = Pki::new();
    let office = Office::https(tls(&pki)).await;
    assert_eq!(curl(&office, &["--http2", "--data", "ab"]).await, "ab 2");
    assert_eq!(curl(&office, &["--http1.1", "--data", "ab"]).await, "ab 1.1");
    let without = Office::https(pki.tls("server")).await;
    assert_eq!(curl(&without, &["--http2", "--data", "ab"]).await, "ab 1.1");
}

#[tokio::test]
async fn requests_at_the_same_time_are_answered_each_and_know_their_connection() {
    let pki = Pki::new();
    let office = Office::https(tls(&pki)).await;
    let (mut sender, _connection) = client(&office, &pki).await;
    sender.ready().await.unwrap();
    let slow = sender.send_request(request("/slow", b""));
    assert_eq!(ask(&mut sender, "/echo", b"abc").await, (StatusCode::OK, "abc".to_owned()));
    assert!(ask(&mut sender, "/who", b"").await.1.contains("1.3=true"));
    assert_eq!(slow.await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask(&mut sender, "/panic", b"").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ask(&mut sender, "/echo", &LARGE).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(ask(&mut sender, "/echo", b"abc").await.0, StatusCode::OK, "the connection goes on");
}

#[tokio::test]
async fn who_takes_request_after_request_back_is_let_go_and_nobody_else_notices() {
    let pki = Pki::new();
    let office = Office::https(tls(&pki)).await;
    let (mut sender, connection) = client(&office, &pki).await;
    let mut refused = false;
    for _ in 0..5000 {
        if timeout(Duration::from_secs(5), sender.ready()).await.expect("an answer or an end").is_err() {
            refused = true;
            break;
        }
        drop(tokio::time::timeout(Duration::ZERO, sender.send_request(request("/never", b""))).await);
        tokio::task::yield_now().await;
    }
    let ended = refused || timeout(Duration::from_secs(5), connection).await.is_ok();
    let (mut other, _connection) = client(&office, &pki).await;
    assert_eq!(ask(&mut other, "/echo", b"abc").await.0, StatusCode::OK);
    assert!(ended, "a client that does this is ended");
}

#[tokio::test]
async fn who_takes_requests_back_later_has_no_more_of_them_running_than_others() {
    let pki = Pki::new();
    let office = Office::https(tls(&pki)).await;
    let (mut sender, _connection) = client(&office, &pki).await;
    for _ in 0..16 {
        sender.ready().await.unwrap();
        // Long enough that a handler has it.
        let asked = timeout(Duration::from_millis(60), sender.send_request(request("/never", b""))).await;
        assert!(asked.is_err(), "it is never answered");
    }
    assert_eq!(ask(&mut sender, "/echo", b"abc").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (mut other, _connection) = client(&office, &pki).await;
    assert_eq!(ask(&mut other, "/echo", b"abc").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_is_ended_when_nothing_is_asked_for_its_time() {
    let pki = Pki::new();
    let office = Office::behind(
        Limits { idle_seconds: NonZeroU32::MIN.saturating_add(1), ..Limits::default() },
        Some(tls(&pki)),
        &[],
    )
    .await;
    let (mut sender, connection) = client(&office, &pki).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(ask(&mut sender, "/echo", b"abc").await.0, StatusCode::OK);
    let started = std::time::Instant::now();
    timeout(Duration::from_secs(6), connection).await.expect("it is ended").unwrap().unwrap();
    assert!(started.elapsed() > Duration::from_secs(1), "its time runs from the last request");
}

#[tokio::test]
async fn a_stop_lets_running_requests_end() {
    let pki = Pki::new();
    let office = Office::https(tls(&pki)).await;
    let (mut sender, _connection) = client(&office, &pki).await;
    sender.ready().await.unwrap();
    let slow = sender.send_request(request("/slow", b""));
    tokio::time::sleep(Duration::from_millis(200)).await;
    office.stop.stop();
    assert_eq!(slow.await.unwrap().status(), StatusCode::OK);
    timeout(Duration::from_secs(2), office.served).await.expect("the door ends").unwrap();
}

static LARGE: [u8; 70_000] = [b'x'; 70_000];
