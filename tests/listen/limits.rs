use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::clients::{ask, body, head, read_all, read_once, send};
use super::office::{Office, SLOW_DONE};
use daftar::listen::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

async fn connect(office: &Office) -> TcpStream {
    TcpStream::connect(office.address).await.unwrap()
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_read() {
    let office = Office::http(Limits::default()).await;
    let mut stream = connect(&office).await;
    send(&mut stream, "POST /echo HTTP/1.1\r\nHost: ra\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n").await;
    let answer = read_all(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n") && head(&answer).contains(&"Connection: close"),
        "{answer}"
    );
    assert_eq!(body(&answer), "the body is larger than 65536 bytes\n");
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_taken() {
    let office = Office::http(Limits::default()).await;
    let answer = ask(office.address, "POST /echo", "Content-Length: 65536\r\n", &"x".repeat(65536)).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(body(&answer).len(), 65536);
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_large_body_still_reads_its_refusal() {
    let office = Office::http(Limits::default()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(8 * 1024).unwrap(); // so that most of it still has to be sent when the server is done
    let mut stream = socket.connect(office.address).await.unwrap();
    send(&mut stream, &format!("POST /echo HTTP/1.1\r\nHost: ra\r\nContent-Length: {}\r\n\r\n", 3 << 20)).await;
    sleep(Duration::from_millis(200)).await;
    for _ in 0..48 {
        send(&mut stream, &"x".repeat(64 * 1024)).await;
    }
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_is_refused_once_it_is_too_large() {
    let office = Office::http(Limits::default()).await;
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let answer = ask(
        office.address,
        "POST /echo",
        "Transfer-Encoding: chunked\r\n",
        &format!("{chunk}{chunk}1\r\nx\r\n0\r\n\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && head(&answer).contains(&"Connection: close"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let office = Office::http(Limits::default()).await;
    let answer = ask(office.address, "GET /echo", &format!("X: {}\r\n", "x".repeat(17 * 1024)), "").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_limit_that_changes_holds_for_the_next_connection() {
    let office = Office::http(Limits::default()).await;
    office.limits.store(Arc::new(Limits { body: NonZeroUsize::new(3).unwrap(), ..Limits::default() }));
    let answer = ask(office.address, "POST /echo", "Content-Length: 4\r\n", "abcd").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_slow_head_ends_the_connection_also_when_it_drips() {
    let office = Office::http(Limits { header_seconds: one(), ..Limits::default() }).await;
    let mut silent = connect(&office).await;
    let mut dripping = connect(&office).await;
    let started = Instant::now();
    let drip = async {
        for byte in "GET /echo HTTP/1.1\r\nHost: ra\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa".bytes() {
            if dripping.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("the server takes all drops");
    };
    let ((), answer) = tokio::join!(drip, read_all(&mut silent));
    assert_eq!(answer, "");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_connection_may_be_idle_for_its_time_and_no_longer() {
    let limits = Limits { header_seconds: one(), idle_seconds: NonZeroU32::new(3).unwrap(), ..Limits::default() };
    let office = Office::http(limits).await;
    let mut stream = connect(&office).await;
    for pause in [0, 1500] {
        sleep(Duration::from_millis(pause)).await;
        send(&mut stream, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\n").await;
        assert_eq!(body(&read_once(&mut stream).await), "hello");
    }
    let started = Instant::now();
    assert_eq!(read_all(&mut stream).await, "");
    assert!(started.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn what_rests_is_served_ended_and_forgotten_like_any_other() {
    let limits = Limits { connections_per_address: NonZeroUsize::new(3).unwrap(), ..Limits::default() };
    let office = Office::http(limits).await;
    let (mut split, mut leaves, mut stays) = (connect(&office).await, connect(&office).await, connect(&office).await);
    send(&mut split, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\nGET /echo HT").await;
    for stream in [&mut leaves, &mut stays] {
        send(stream, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    }
    for stream in [&mut split, &mut leaves, &mut stays] {
        assert_eq!(body(&read_once(stream).await), "hello");
    }
    sleep(RESTING).await;
    // Its head was begun before, in one piece with the request before it.
    send(&mut split, "TP/1.1\r\nHost: ra\r\n\r\n").await;
    assert_eq!(body(&read_once(&mut split).await), "hello");
    for _ in 0..2 {
        send(&mut stays, "POST /echo HTTP/1.1\r\nHost: ra\r\nContent-Length: 2\r\n\r\nyo").await;
        assert!(read_once(&mut stays).await.ends_with("yo"));
    }
    // Its place is free again.
    drop(leaves);
    sleep(Duration::from_millis(100)).await;
    send(&mut connect(&office).await, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    sleep(RESTING).await;
    office.stop.stop();
    for stream in [&mut split, &mut stays] {
        assert_eq!(read_all(stream).await, "");
    }
    timeout(Duration::from_secs(2), office.served).await.expect("the door ends").unwrap();
}

#[tokio::test]
async fn a_second_head_has_its_time_too() {
    let office = Office::http(Limits { header_seconds: one(), ..Limits::default() }).await;
    let mut stream = connect(&office).await;
    send(&mut stream, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    assert_eq!(body(&read_once(&mut stream).await), "hello");
    send(&mut stream, "GET /echo HT").await;
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    let office = Office::http(Limits { body_seconds: one(), ..Limits::default() }).await;
    let answer = ask(office.address, "POST /echo", "Content-Length: 4\r\n", "ab").await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && head(&answer).contains(&"Connection: close"), "{answer}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_to_be_asked_again() {
    let office = Office::http(Limits { request_seconds: one(), ..Limits::default() }).await;
    let answer = ask(office.address, "GET /never", "", "").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && head(&answer).contains(&"Retry-After: 10"), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_let_go() {
    let office = Office::http(Limits { send_seconds: one(), ..Limits::default() }).await;
    let mut stream = connect(&office).await;
    send(&mut stream, "GET /large HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    office.wait_for("ra_connections{door=\"test\"} 1").await;
    office.wait_for("ra_connections{door=\"test\"} 0").await;
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let office = Office::http(Limits::default()).await;
    let answer = ask(office.address, "GET /large", "", "").await;
    assert_eq!(body(&answer).len(), 32 << 20);
}

#[tokio::test]
async fn an_address_with_too_many_connections_gets_no_more_until_one_ends() {
    let office =
        Office::http(Limits { connections_per_address: NonZeroUsize::new(2).unwrap(), ..Limits::default() }).await;
    let mut first = connect(&office).await;
    let _second = connect(&office).await;
    let mut third = connect(&office).await;
    assert_eq!(read_all(&mut third).await, "");
    office.wait_for("ra_connections_refused_total{door=\"test\",reason=\"connections_per_address\"} 1").await;
    first.shutdown().await.unwrap();
    office.wait_for("ra_connections{door=\"test\"} 1").await;
    assert_eq!(body(&ask(office.address, "GET /echo", "", "").await), "hello");
}

#[tokio::test]
async fn a_door_with_too_many_connections_takes_no_more() {
    let office = Office::http(Limits { connections: NonZeroUsize::MIN, ..Limits::default() }).await;
    let _first = connect(&office).await;
    let mut second = connect(&office).await;
    assert_eq!(read_all(&mut second).await, "");
    office.wait_for("ra_connections_refused_total{door=\"test\",reason=\"connections\"} 1").await;
}

#[tokio::test]
async fn a_stop_lets_running_requests_end_and_takes_no_new_ones() {
    let office = Office::http(Limits::default()).await;
    let (mut idle, mut busy) = (connect(&office).await, connect(&office).await);
    send(&mut idle, "GET /echo HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    assert_eq!(body(&read_once(&mut idle).await), "hello");
    send(&mut busy, "GET /slow HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    sleep(Duration::from_millis(200)).await;
    office.stop.stop();
    assert_eq!(read_all(&mut idle).await, "");
    assert!(TcpStream::connect(office.address).await.is_err());
    let answer = read_all(&mut busy).await;
    assert!(head(&answer).contains(&"Connection: close"), "{answer}");
    assert_eq!(body(&answer), "done");
    timeout(Duration::from_secs(2), office.served).await.expect("the door ends").unwrap();
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_its_grace() {
    let office = Office::http(Limits { grace_seconds: one(), ..Limits::default() }).await;
    let mut stream = connect(&office).await;
    send(&mut stream, "GET /never HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    sleep(Duration::from_millis(200)).await;
    office.stop.stop();
    timeout(Duration::from_secs(3), office.served).await.expect("the door ends").unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_cut_off_what_was_begun_and_a_stop_waits_for_it() {
    let office = Office::http(Limits::default()).await;
    SLOW_DONE.store(false, Ordering::Relaxed);
    let mut stream = connect(&office).await;
    send(&mut stream, "GET /slow HTTP/1.1\r\nHost: ra\r\n\r\n").await;
    sleep(Duration::from_millis(200)).await;
    drop(stream);
    office.wait_for("ra_http_requests_total{door=\"test\",status=\"499\"} 1").await;
    office.stop.stop();
    timeout(Duration::from_secs(3), office.served).await.expect("the door ends").unwrap();
    assert!(SLOW_DONE.load(Ordering::Relaxed));
}

/// After this time a connection that was used rests (src/listen/wire.rs).
const RESTING: Duration = Duration::from_millis(1300);
