//! Clients that show every byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Sends these bytes and reads until the server closes.
pub(crate) async fn talk(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    read_all(&mut stream).await
}

/// Sends a request with these lines after Host, and reads until the server closes.
pub(crate) async fn ask(address: SocketAddr, first: &str, lines: &str, body: &str) -> String {
    let request = format!("{first} HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n{lines}\r\n{body}");
    talk(address, request.as_bytes()).await
}

pub(crate) async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// One read: what the server sent in one piece.
pub(crate) async fn read_once(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut buffer = vec![0; 16 * 1024];
    let length = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("the server answers").unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The lines of the head, without those that change from time to time.
pub(crate) fn head(answer: &str) -> Vec<&str> {
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    let changing = |line: &&str| !line.starts_with("Date: ") && !line.starts_with("X-Request-Id: ");
    head.split("\r\n").filter(changing).collect()
}

const PATIENCE: Duration = Duration::from_secs(8);
