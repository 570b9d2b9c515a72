//! The EST driver: RFC 7030 as an EST client that is a registration authority (section 3.7).
//!
//! Everything goes up as `/simpleenroll`, a renewal, too: `/simplereenroll` renews the certificate of the TLS handshake
//! (RFC 7030 section 4.2.2), which is ours and not the requester's. EST has neither confirmation nor revocation.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, CsrContent, Millis, Signer};
use est::{CONTENT_TYPE_REQUEST, Layout, Operation, Path};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Uri};
use serde::Deserialize;

use super::certificates::{Certificates, read_certificates};
use super::cmp::default_timeout;
use super::http::{Head, HttpClient, SendFault, shown};
use super::tls::tls_client_as;
use super::{
    Answer, AnswerFault, Authority, ComposeFault, Conversation, Fresh, Order, Pending, PrivateKey, Received, Takes,
};

/// `[authority.NAME]` with `kind = "est"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstConfig {
    /// Where its EST server listens, without the operation: `https://HOST/.well-known/est`, or with a label behind it.
    pub url: String,
    /// PEM: the issuing CA's certificate first, then up to the root. What is issued must chain to the first.
    pub certificates: PathBuf,
    /// PEM: what leads from the root before to the root of `certificates`, or from it to the next one, while both are in use
    /// (OldWithOld, OldWithNew, NewWithOld: RFC 7030 section 4.1.3).
    pub rollover_certificates: Option<PathBuf>,
    /// PEM: the RA's own certificate first, then what its CA needs to know it by; it is shown in the TLS handshake.
    pub ra_certificate: PathBuf,
    /// PEM: what the EST server chains to. Default: `certificates`.
    pub tls_roots: Option<PathBuf>,
    /// How long an answer is waited for.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

/// A CA behind an EST server.
#[derive(Debug)]
pub struct Est {
    name: String,
    http: HttpClient,
    certificates: Certificates,
}

impl EstConfig {
    /// The address of the one operation that is asked for.
    ///
    /// # Errors
    /// A text that tells what is wrong with `url`.
    pub fn enrolment(&self) -> Result<String, String> {
        let url = self.url.trim_end_matches('/');
        let address = format!("{url}/{}", Operation::SimpleEnroll);
        let uri: Uri = address.parse().map_err(|fault| format!("'{url}' is not an address: {fault}"))?;
        // RFC 7030 section 3.3: EST is spoken over TLS only.
        if uri.scheme_str() != Some("https") {
            return Err(format!("'{url}' must begin with https://"));
        }
        if uri.query().is_some() {
            return Err(format!("'{url}' has a query, which EST has not"));
        }
        Path::parse(uri.path()).map_err(|fault| format!("'{url}': {fault}"))?;
        Ok(address)
    }
}

impl Est {
    /// The CA of a table; its files are read once, here.
    ///
    /// # Errors
    /// A text that names the file or key and what is wrong with it.
    pub fn new(name: &str, config: &EstConfig, signer: Arc<dyn Signer>) -> Result<Self, String> {
        let certificates = Certificates::read(
            &config.certificates,
            config.rollover_certificates.as_deref(),
            &config.ra_certificate,
            signer.as_ref(),
        )?;
        certificates.check_tls_client(&config.ra_certificate)?;
        let roots = match &config.tls_roots {
            Some(path) => read_certificates(path)?,
            None => certificates.chain.clone(),
        };
        let tls = tls_client_as(&roots, &certificates.ra, signer)?;
        let http = HttpClient::aside(&config.enrolment()?, Duration::from_secs(config.timeout_seconds), tls)?;
        Ok(Self { name: name.to_owned(), http, certificates })
    }

    /// The RA's certificate, which is our word in the TLS handshake.
    #[must_use]
    pub fn ra_certificate(&self) -> &Certificate {
        self.certificates.own()
    }

    async fn post(&self, body: &[u8]) -> Result<Received, SendFault> {
        let headers = [(CONTENT_TYPE, CONTENT_TYPE_REQUEST), (CONTENT_TRANSFER_ENCODING, "base64")];
        let (head, octets) = self.http.exchange(body, &headers, BODY_LIMIT).await?;
        if is_answer(head.status) {
            return Ok(Received { octets, head });
        }
        let retry_after = head.retry_after(None);
        Err(SendFault::Status { status: head.status, text: words(&octets, &head), retry_after })
    }
}

impl Authority for Est {
    fn name(&self) -> &str {
        &self.name
    }

    fn chain(&self) -> &[Certificate] {
        &self.certificates.chain
    }

    fn rollover(&self) -> &[Certificate] {
        &self.certificates.rollover
    }

    fn compose<'a>(&'a self, order: Order<'a>, _: Fresh) -> Pending<'a, Result<Vec<u8>, ComposeFault>> {
        Box::pin(async move {
            match order {
                // RFC 8951 section 3: base64 of the DER. An old server reads no line as long as a request.
                Order::Pkcs10 { request, .. } => Ok(est::encode_payload(request, Layout::Wrapped64)),
                // RFC 7030 section 4.2.3: the client "simply sends the same request repeatedly".
                Order::Poll { sent, .. } => Ok(sent.to_vec()),
                Order::Crmf { .. } => Err(ComposeFault::NotTaken("a certificate by a template")),
                Order::Renew(_) => Err(ComposeFault::NotTaken("the RA's own certificate")),
                Order::Relay { .. } => Err(ComposeFault::NotTaken("an answer to the requester's own message")),
                Order::Revoke { .. } => Err(ComposeFault::NotTaken("a revocation")),
                Order::Inquire(_) => Err(ComposeFault::NotTaken("information")),
                Order::Confirm { .. } => Err(ComposeFault::NotTaken("a confirmation")),
            }
        })
    }

    fn takes_nested(&self) -> bool {
        false
    }

    fn takes(&self) -> Takes {
        Takes::PKCS10_ONLY
    }

    fn is_poll(&self, _: &[u8]) -> bool {
        // Whoever asks again sends the request.
        false
    }

    fn send<'a>(&'a self, message: &'a [u8]) -> Pending<'a, Result<Received, SendFault>> {
        Box::pin(self.post(message))
    }

    fn read(&self, conversation: Conversation<'_>, answer: &Received, now: Millis) -> Result<Answer, AnswerFault> {
        let Received { octets, head } = answer;
        match head.status {
            200 => Ok(Answer::Issued {
                certificate: Box::new(certificate(octets, conversation.request)?),
                confirm: false,
                confirm_by: None,
                private_key: PrivateKey::None,
            }),
            202 => Ok(Answer::Waiting { check_after: head.retry_after(Some(now)).unwrap_or(USUAL_WAIT) }),
            status => Ok(Answer::Rejected {
                text: format!("HTTP status {status}: {}", words(octets, head)),
                revoked_before: false,
            }),
        }
    }
}

/// Whether a status says what becomes of the request (RFC 7030 section 4.2.3). A server that does not know the RA or the address, or has
/// no time, has not looked at it (RFC 9110 sections 15.5.2, 15.5.5, 15.5.6 and 15.5.9, RFC 6585 section 4): that is for people to
/// mend, and the request waits for it.
fn is_answer(status: u16) -> bool {
    matches!(status, 200 | 202 | 400..=499) && !matches!(status, 401 | 404 | 405 | 408 | 429)
}

/// RFC 7030 section 4.2.3: "containing only the certificate that was issued". Some servers send its chain along; then it is the one
/// for the key of the request.
fn certificate(body: &[u8], request: &[u8]) -> Result<Certificate, AnswerFault> {
    let malformed = |fault: &dyn std::fmt::Display| AnswerFault::Malformed(fault.to_string());
    let der = est::decode_payload(body).map_err(|fault| malformed(&fault))?;
    let found = est::parse_certs_only(&der).map_err(|fault| malformed(&fault))?;
    let found = found.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>();
    let mut found = found.map_err(|fault| malformed(&fault))?;
    if found.len() > 1 {
        let asked = est::decode_request(request).map_err(|fault| malformed(&fault))?;
        let asked = CsrContent::parse(&asked).and_then(CsrContent::with_key).map_err(|fault| malformed(&fault))?;
        found.retain(|certificate| certificate.public_key() == asked.public_key());
    }
    match (found.pop(), found.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        _ => Err(AnswerFault::Malformed("there is not exactly one certificate that it could mean".to_owned())),
    }
}

/// RFC 7030 section 4.2.3: explanatory text, unless it is a CMC response.
fn words(body: &[u8], head: &Head) -> String {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match kind.and_then(est::ContentType::parse) {
        Some(kind) if kind.is("application/pkcs7-mime") => "the reason is in a CMC response".to_owned(),
        _ if body.is_empty() => "without a word".to_owned(),
        _ => shown(body, LONGEST_WORDS),
    }
}

/// RFC 8951 section 3 has no use for it, but a server that follows RFC 7030 section 4.2.1 to the letter may wait for it.
pub(super) const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

/// A certificate with the longest signature there is, its chain, and base64.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// As much as people read of a refusal.
const LONGEST_WORDS: usize = 400;

/// RFC 7030 section 4.2.3: Retry-After "MUST" be there; for a server that leaves it out.
pub(super) const USUAL_WAIT: u32 = 30;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn head(status: u16, fields: &[(HeaderName, &'static str)]) -> Head {
        let fields = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        Head { status, headers: fields.collect::<HeaderMap>() }
    }

    #[test]
    fn only_what_is_said_of_the_request_is_an_answer() {
        for status in [200, 202, 400, 403, 409, 499] {
            assert!(is_answer(status), "{status}");
        }
        for status in [201, 204, 301, 302, 307, 401, 404, 405, 408, 429, 500, 503] {
            assert!(!is_answer(status), "{status}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words_where_it_has_some() {
        let plain = head(403, &[(CONTENT_TYPE, "text/plain")]);
        assert_eq!(words(b"no such\npump", &plain), "no suchpump");
        assert_eq!(words(b"", &plain), "without a word");
        assert_eq!(words(&[b'a'; 1000], &plain).len(), LONGEST_WORDS);
        let cmc = head(403, &[(CONTENT_TYPE, "application/pkcs7-mime; smime-type=CMC-response")]);
        assert_eq!(words(b"MII", &cmc), "the reason is in a CMC response");
    }

    #[test]
    fn the_address_is_one_of_est_over_tls() {
        let at = |url: &str| {
            let config = format!("url = {url:?}\ncertificates = \"a\"\nra_certificate = \"b\"");
            toml::from_str::<EstConfig>(&config).unwrap().enrolment()
        };
        let root = "https://ca.example/.well-known/est";
        assert_eq!(at(root).unwrap(), format!("{root}/simpleenroll"));
        assert_eq!(at(&format!("{root}/plant/")).unwrap(), format!("{root}/plant/simpleenroll"));
        for wrong in [
            "http://ca.example/.well-known/est",
            "https://ca.example",
            "https://ca.example/.well-known/est/simpleenroll",
            "https://ca.example/.well-known/est/a/b",
            "https://ca.example/.well-known/est?a=b",
            "ca.example",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
