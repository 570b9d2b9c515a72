use super::clients::{ask, body, head, read_all, read_once, send, talk};
use super::office::Office;
use daftar::listen::Limits;
use tokio::net::TcpStream;

async fn office() -> Office {
    Office::http(Limits::default()).await
}

#[tokio::test]
async fn header_names_have_the_case_that_libest_compares() {
    let office = office().await;
    let answer = ask(office.address, "GET /login", "", "").await;
    let wanted = [
        "HTTP/1.1 401 Unauthorized",
        "WWW-Authenticate: Basic realm=\"www-authenticate: \"",
        "Connection: close",
        "Content-Length: 0",
    ];
    assert_eq!(head(&answer), wanted);
    assert_eq!(body(&answer), "");
    let answer = ask(office.address, "GET /encoded", "", "").await;
    let wanted = [
        "HTTP/1.1 200 OK",
        "Content-Type: a/b",
        "Content-Transfer-Encoding: base64",
        "Connection: close",
        "Content-Length: 5",
    ];
    assert_eq!(head(&answer), wanted);
    assert!(answer.contains("\r\nDate: ") && answer.contains("\r\nX-Request-Id: "));
    assert!(answer.len() - 5 < 1024, "strongSwan reads the head into 1024 bytes");
}

#[tokio::test]
async fn an_accepted_request_has_an_empty_body_and_whole_seconds() {
    let answer = ask(office().await.address, "GET /waiting", "", "").await;
    assert_eq!(head(&answer), ["HTTP/1.1 202 Accepted", "Retry-After: 5", "Connection: close", "Content-Length: 0"]);
    assert_eq!(body(&answer), "");
}

#[tokio::test]
async fn an_answer_without_content_has_no_length() {
    let answer = ask(office().await.address, "GET /nothing", "", "").await;
    assert_eq!(head(&answer), ["HTTP/1.1 204 No Content", "Connection: close"]);
}

#[tokio::test]
async fn a_streamed_answer_is_not_chunked() {
    let answer = ask(office().await.address, "GET /streamed", "", "").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nContent-Length: 31") && !head.contains("Transfer-Encoding"));
    assert_eq!(body, "www-authenticate: in a body\r\n\r\n");
}

#[tokio::test]
async fn a_chunked_request_is_taken() {
    let lines = "Transfer-Encoding: chunked\r\n";
    let answer = ask(office().await.address, "POST /echo", lines, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(body(&answer), "abcde");
    assert!(answer.contains("\r\nContent-Length: 5\r\n"));
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_continue_is_told() {
    let office = office().await;
    let mut stream = TcpStream::connect(office.address).await.unwrap();
    send(&mut stream, "POST /echo HTTP/1.1\r\nHost: ra\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(read_once(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    send(&mut stream, "abc").await;
    let answer = read_once(&mut stream).await;
    assert!(answer.contains("\r\nContent-Length: 3\r\n"), "{answer}");
    assert_eq!(body(&answer), "abc");
}

#[tokio::test]
async fn head_and_body_come_in_one_piece_and_connections_are_kept() {
    let office = office().await;
    let mut stream = TcpStream::connect(office.address).await.unwrap();
    for text in ["first", "second"] {
        send(&mut stream, &format!("POST /echo HTTP/1.1\r\nHost: ra\r\nContent-Length: {}\r\n\r\n{text}", text.len()))
            .await;
        let answer = read_once(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: "), "{answer}");
        assert_eq!(body(&answer), text);
    }
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let one = "GET /login HTTP/1.1\r\nHost: ra\r\n\r\nGET /streamed HTTP/1.1\r\nHost: ra\r\n\r\n";
    let last = "HEAD /echo HTTP/1.1\r\nHost: ra\r\n\r\nGET /login HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n";
    let answer = talk(office().await.address, format!("{one}{last}").as_bytes()).await;
    assert_eq!(answer.matches("WWW-Authenticate: ").count(), 2);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 4);
    assert_eq!(answer.matches("Content-Length: 5\r\n").count(), 1, "HEAD has the length that GET would have");
    assert!(!answer.contains("hello"));
}

#[tokio::test]
async fn a_request_without_host_is_refused_except_in_http_1_0() {
    let office = office().await;
    let answer = talk(office.address, b"GET /echo HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain"), "{answer}");
    let answer = talk(office.address, b"GET /echo HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert_eq!(body(&answer), "hello");
}

#[tokio::test]
async fn a_method_that_does_not_fit_is_told_which_do() {
    let answer = ask(office().await.address, "DELETE /echo", "", "").await;
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: "), "{answer}");
}

#[tokio::test]
async fn what_is_not_http_is_refused_with_proper_names() {
    let office = office().await;
    let answer = talk(office.address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("\r\nContent-Length: 0\r\n"),
        "{answer}"
    );
    office.wait_for("ra_connections_refused_total{door=\"test\",reason=\"malformed\"} 1").await;
}

#[tokio::test]
async fn a_request_cannot_be_smuggled_with_two_lengths() {
    let lines = "Content-Length: 3\r\nContent-Length: 4\r\n";
    let answer = ask(office().await.address, "POST /echo", lines, "abcd").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn handlers_know_the_connection_and_the_name_of_the_request() {
    let office = office().await;
    let mut stream = TcpStream::connect(office.address).await.unwrap();
    send(&mut stream, "GET /who HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n").await;
    let answer = read_all(&mut stream).await;
    let id = answer.split("X-Request-Id: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
    assert_eq!(id.len(), 32);
    let peer = body(&answer).split(' ').next().unwrap();
    assert_eq!(body(&answer), format!("{peer} {id} none"));
    assert!(peer.starts_with("127.0.0.1:") && !peer.ends_with(&format!(":{}", office.address.port())));
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_500_and_the_server_lives() {
    let office = office().await;
    let answer = ask(office.address, "GET /panic", "", "").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(!answer.contains("as the test wants"));
    assert_eq!(body(&ask(office.address, "GET /echo", "", "").await), "hello");
    office.wait_for("ra_http_requests_total{door=\"test\",status=\"500\"} 1").await;
    office.wait_for("ra_http_requests_total{door=\"test\",status=\"200\"} 1").await;
}
