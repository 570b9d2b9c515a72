//! Requests to a configured address: no redirects, bounded in time and size (DESIGN rule 12).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use certs::Millis;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name as DnsName;
use hyper_util::rt::TokioExecutor;
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::connector::Connector;

/// A client for one address.
#[derive(Clone, Debug)]
pub struct HttpClient {
    uri: Uri,
    timeout: Duration,
    client: Client<Connector, Full<Bytes>>,
}

/// What HTTP says of a body.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
}

impl Head {
    /// When it wants to be asked again (RFC 9110 section 10.2.3): seconds, or a date, which is compared with the time that is given or
    /// else with the sender's own.
    pub(super) fn retry_after(&self, now: Option<Millis>) -> Option<u32> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        let now = match now {
            Some(now) => now.seconds(),
            None => date(self.headers.get(DATE)?.to_str().ok()?)?,
        };
        Some(u32::try_from(date(value)?.saturating_sub(now).max(0)).unwrap_or(u32::MAX))
    }
}

/// RFC 9110 section 5.6.7, as it is written today; seconds since 1970.
fn date(text: &str) -> Option<i64> {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    Some(PrimitiveDateTime::parse(text.trim(), form).ok()?.assume_utc().unix_timestamp())
}

/// Why there is no answer, and whether the message can have arrived.
#[derive(Debug, thiserror::Error)]
pub enum SendFault {
    /// Nothing was sent: no connection was made.
    #[error("the CA cannot be reached: {0}")]
    NotSent(String),
    /// It may have arrived: the connection broke, or no answer came in time.
    #[error("the CA did not answer: {0}")]
    NoAnswer(String),
    /// It went in a batch, and the answer to that has none for it (RFC 9483 section 5.2.2.2).
    #[error("the CA's answer to the batch has none for this message")]
    Unanswered,
    /// The batch that it went in was answered by an error, or by what is no answer to it (RFC 9483 section 3.6.3).
    #[error("the answer to the batch: {0}")]
    BatchAnswer(String),
    /// The batch that it went in was not answered.
    #[error("the batch failed: {0}")]
    Batch(String),
    /// Nothing is sent to this CA: people carry files to it.
    #[error("people carry it to the CA: `daftar upstream export`")]
    Carried,
    /// Something that is no answer of the protocol came back.
    #[error("the CA answered with HTTP status {status}: {text}")]
    Status {
        /// The status.
        status: u16,
        /// The first line of the body, shortened.
        text: String,
        /// In how many seconds it wants to be asked again, where it says so.
        retry_after: Option<u32>,
    },
}

impl SendFault {
    /// Whether the CA itself gave no answer, or was not well; others may have been served.
    #[must_use]
    pub const fn is_silence(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NoAnswer(_) | Self::Batch(_) => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Unanswered | Self::BatchAnswer(_) | Self::Carried => false,
        }
    }

    /// In how many seconds the CA wants to be asked again, where it said so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl HttpClient {
    /// A client for this address. TLS servers must chain to `roots`.
    ///
    /// # Errors
    /// A text when the address is not one of http or https.
    pub fn new(uri: &str, timeout: Duration, tls: rustls::ClientConfig) -> Result<Self, String> {
        Self::connecting(uri, timeout, tls, Connector::here)
    }

    /// A client whose handshakes may block: they are made aside.
    ///
    /// # Errors
    /// As with [`new`](Self::new).
    pub(super) fn aside(uri: &str, timeout: Duration, tls: rustls::ClientConfig) -> Result<Self, String> {
        Self::connecting(uri, timeout, tls, |connector| Connector::aside(connector, timeout))
    }

    fn connecting(
        uri: &str,
        timeout: Duration,
        tls: rustls::ClientConfig,
        way: impl FnOnce(super::connector::Https) -> Connector,
    ) -> Result<Self, String> {
        let uri: Uri = uri.parse().map_err(|fault| format!("'{uri}' is not an address: {fault}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(format!("'{uri}' must begin with http:// or https:// and name a host"));
        }
        // A literal address passes by the resolver.
        let literal = uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
        if literal.and_then(|host| host.parse().ok()).is_some_and(is_link_local) {
            return Err(format!("'{uri}' is a link-local address, which is never called"));
        }
        let mut connector = HttpConnector::new_with_resolver(CheckedResolver);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout.min(CONNECT_TIME)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            // A POST must never be sent twice without our knowing: the outbox alone repeats.
            .retry_canceled_requests(false)
            .build(way(connector));
        Ok(Self { uri, timeout, client })
    }

    /// Where it calls, for people.
    pub(super) fn address(&self) -> String {
        self.uri.to_string()
    }

    /// Posts a body and returns the body of the answer (RFC 9811 section 3.3).
    ///
    /// # Errors
    /// [`SendFault`], telling whether the message can have arrived.
    pub async fn post(&self, body: &[u8], content_type: &str) -> Result<Vec<u8>, SendFault> {
        let (head, octets) = self.exchange(body, &[(CONTENT_TYPE, content_type)], ANSWER_LIMIT).await?;
        let carries_message =
            head.headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == content_type.as_bytes());
        // RFC 9811 section 3.1: a PKIMessage is processed whatever the status.
        if carries_message && !octets.is_empty() && !(300..400).contains(&head.status) {
            return Ok(octets);
        }
        Err(SendFault::Status { status: head.status, text: shown(&octets, 120), retry_after: head.retry_after(None) })
    }

    /// Posts a body and returns what comes back, of this many octets at most.
    ///
    /// # Errors
    /// [`SendFault`], telling whether the message can have arrived.
    pub(super) async fn exchange(
        &self,
        body: &[u8],
        headers: &[(HeaderName, &str)],
        limit: usize,
    ) -> Result<(Head, Vec<u8>), SendFault> {
        let request = Request::post(self.uri.clone()).header(CONTENT_LENGTH, body.len());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        let request = request
            .body(Full::new(Bytes::copy_from_slice(body)))
            .map_err(|fault| SendFault::NotSent(fault.to_string()))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|fault| {
                let text = chain_of(&fault);
                if fault.is_connect() { SendFault::NotSent(text) } else { SendFault::NoAnswer(text) }
            })?;
            let (head, body) = response.into_parts();
            let octets = Limited::new(body, limit)
                .collect()
                .await
                .map_err(|fault| SendFault::NoAnswer(fault.to_string()))?
                .to_bytes();
            Ok((Head { status: head.status.as_u16(), headers: head.headers }, octets.to_vec()))
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(SendFault::NoAnswer(format!("nothing came within {:?}", self.timeout))))
    }
}

/// The first characters of a body, for people.
pub(super) fn shown(octets: &[u8], most: usize) -> String {
    String::from_utf8_lossy(octets).chars().filter(|c| !c.is_control()).take(most).collect()
}

/// Resolves names and refuses link-local addresses, where cloud machines keep their secrets.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedResolver;

impl tower::Service<DnsName> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = super::Pending<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: DnsName) -> Self::Future {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| !is_link_local(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(std::io::Error::other(format!("{} has no address that may be called", name.as_str())));
            }
            Ok(found.into_iter())
        })
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local() || address.is_unspecified() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_unspecified(),
    }
}

fn chain_of(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// A CRL with a hundred thousand entries, and a comfortable margin.
pub(super) const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// A CA in the next building answers a connection at once; ten seconds are for the worst network.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Kept below the minute after which middle boxes forget a connection.
const IDLE_TIME: Duration = Duration::from_secs(45);

#[cfg(test)]
mod tests {
    use super::super::tls::tls_client;
    use super::*;

    #[test]
    fn link_local_addresses_are_never_called() {
        for address in ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"] {
            assert!(is_link_local(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1", "10.0.0.1", "::1"] {
            assert!(!is_link_local(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let head = |fields: &[(HeaderName, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)));
            Head { status: 202, headers: fields.collect() }
        };
        let (now, soon) = (Millis(784_111_777_000), "Sun, 06 Nov 1994 08:50:07 GMT");
        let after = |value| head(&[(RETRY_AFTER, value)]).retry_after(Some(now));
        assert_eq!((after("120"), after(soon)), (Some(120), Some(30)));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(after("99999999999999"), Some(u32::MAX));
        assert_eq!((after("soon"), after("-1"), head(&[]).retry_after(Some(now))), (None, None, None));
        // Who has no clock takes the sender's.
        let told = [(RETRY_AFTER, soon), (DATE, "Sun, 06 Nov 1994 08:50:00 GMT")];
        assert_eq!((head(&told).retry_after(None), head(&told[..1]).retry_after(None)), (Some(7), None));
    }

    #[test]
    fn only_http_and_https_are_called() {
        let tls = tls_client(&[]).unwrap();
        assert!(HttpClient::new("ftp://ca.example/", Duration::from_secs(1), tls.clone()).is_err());
        assert!(HttpClient::new("http://169.254.169.254/", Duration::from_secs(1), tls.clone()).is_err());
        assert!(HttpClient::new("http://127.0.0.1:1/cmp", Duration::from_secs(1), tls).is_ok());
    }
}
