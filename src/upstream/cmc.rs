//! The CMC driver: Full PKI Requests (RFC 10002) that the RA key signs, over EST (RFC 7030 section 4.3) or plain HTTP(S) (RFC 10003
//! section 6).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, Millis, Signer};
use cmc::client::{self, AskFault, Asked, Asking, Response, Sent, Thread, Told};
use cmc::{FailInfo, IssuerAndSerial, RevokeRequest};
use est::{ContentType, Layout, Operation, Path};
use http::Uri;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::certificates::{Certificates, read_certificates};
use super::cmp::default_timeout;
use super::est::{BODY_LIMIT, CONTENT_TRANSFER_ENCODING, USUAL_WAIT};
use super::http::{Head, HttpClient, SendFault, shown};
use super::tls::{tls_client, tls_client_as};
use super::verifier::{Believed, Verifier};
use super::{
    Answer, AnswerFault, Authority, ComposeFault, Conversation, Fresh, Order, Pending, PrivateKey, Received, Takes,
};

/// `[authority.NAME]` with `kind = "cmc"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CmcConfig {
    /// Where it listens: an EST server's `https://HOST/.well-known/est`, or with a label behind it, without the operation; or any other
    /// address of HTTP(S), which takes the message itself.
    pub url: String,
    /// PEM: the issuing CA's certificate first, then up to the root. What is issued must chain to the first.
    pub certificates: PathBuf,
    /// PEM: what leads from the root before to the root of `certificates`, or from it to the next one, while both are in use
    /// (OldWithOld, OldWithNew, NewWithOld: RFC 7030 section 4.1.3).
    pub rollover_certificates: Option<PathBuf>,
    /// PEM: the RA's own certificate first, then what its CA needs to know it by; over EST it is shown in the TLS handshake, too.
    pub ra_certificate: PathBuf,
    /// PEM: the certificates whose signature is believed, and no others. Without it and `signer_key_identifier`, a certificate
    /// issued by the CA with the extended key usage id-kp-cmcCA is.
    pub signer_certificate: Option<PathBuf>,
    /// Hexadecimal: the subject key identifier of the certificate whose signature is believed; the CA must have issued it.
    pub signer_key_identifier: Option<String>,
    /// PEM: what the CA's TLS server chains to, for an https address. Default: `certificates`.
    pub tls_roots: Option<PathBuf>,
    /// How long an answer is waited for.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

impl CmcConfig {
    /// Whether the address is that of an EST server.
    #[must_use]
    pub fn is_est(&self) -> bool {
        self.url.contains(WELL_KNOWN)
    }

    /// Where messages are posted.
    ///
    /// # Errors
    /// A text that tells what is wrong with `url`.
    pub fn address(&self) -> Result<String, String> {
        if !self.is_est() {
            return Ok(self.url.clone());
        }
        let url = self.url.trim_end_matches('/');
        let address = format!("{url}/{}", Operation::FullCmc);
        let uri: Uri = address.parse().map_err(|fault| format!("'{url}' is not an address: {fault}"))?;
        // RFC 7030 section 3.3: EST is spoken over TLS only.
        if uri.scheme_str() != Some("https") {
            return Err(format!("'{url}' is an EST server's, and must begin with https://"));
        }
        if uri.query().is_some() {
            return Err(format!("'{url}' has a query, which EST has not"));
        }
        Path::parse(uri.path()).map_err(|fault| format!("'{url}': {fault}"))?;
        Ok(address)
    }
}

/// A CA that speaks CMC.
#[derive(Debug)]
pub struct Cmc {
    name: String,
    http: HttpClient,
    /// Whether messages go as EST has them: base64.
    est: bool,
    certificates: Certificates,
    signer: Arc<dyn Signer>,
    verifier: Verifier,
}

impl Cmc {
    /// The CA of a table; its files are read once, here.
    ///
    /// # Errors
    /// A text that names the file or key and what is wrong with it.
    pub fn new(name: &str, config: &CmcConfig, signer: Arc<dyn Signer>) -> Result<Self, String> {
        let certificates = Certificates::read(
            &config.certificates,
            config.rollover_certificates.as_deref(),
            &config.ra_certificate,
            signer.as_ref(),
        )?;
        let believed = Believed::read(config.signer_certificate.as_deref(), config.signer_key_identifier.as_deref())?;
        let roots = match &config.tls_roots {
            Some(path) => read_certificates(path)?,
            None => certificates.chain.clone(),
        };
        let (address, timeout, est) = (config.address()?, Duration::from_secs(config.timeout_seconds), config.is_est());
        let http = if est {
            certificates.check_tls_client(&config.ra_certificate)?;
            let tls = tls_client_as(&roots, &certificates.ra, Arc::clone(&signer))?;
            HttpClient::aside(&address, timeout, tls)?
        } else {
            HttpClient::new(&address, timeout, tls_client(&roots)?)?
        };
        let verifier = Verifier::new(certificates.issuer().clone(), believed);
        Ok(Self { name: name.to_owned(), http, est, certificates, signer, verifier })
    }

    async fn ask(&self, asking: Asking<'_>, thread: &Thread) -> Result<Vec<u8>, ComposeFault> {
        let asked = client::ask(asking, thread, self.signer.as_ref(), &self.certificates.ra).await;
        asked.map_err(|fault| match fault {
            AskFault::Request(fault) => ComposeFault::Record(fault.to_string()),
            AskFault::Signer(fault) => ComposeFault::Key(fault),
        })
    }

    async fn compose_order(&self, order: Order<'_>, fresh: Fresh) -> Result<Vec<u8>, ComposeFault> {
        let first = Thread::begin(fresh.transaction, fresh.nonce);
        match order {
            Order::Pkcs10 { request, .. } => self.ask(Asking::Pkcs10(request), &first).await,
            Order::Crmf { request, ra_verified: true, .. } => self.ask(Asking::Crmf(request), &first).await,
            Order::Crmf { ra_verified: false, .. } => {
                Err(ComposeFault::NotTaken("a certificate by a template as it came"))
            }
            Order::Revoke { issuer, serial, reason } => {
                let certificate = IssuerAndSerial { issuer: issuer.clone(), serial: serial.to_vec() };
                let reason = reason.unwrap_or(UNSPECIFIED);
                let revoke = RevokeRequest { certificate, reason, invalidity: None, passphrase: None, comment: None };
                self.ask(Asking::Revoke(&revoke), &first).await
            }
            Order::Poll { sent, answer } => {
                let (before, answer) = (recorded(sent)?, response(answer).map_err(ComposeFault::Record)?);
                let told = answer.told(&before, &before).map_err(|fault| ComposeFault::Record(fault.to_string()))?;
                let token = match (told, before.asked) {
                    (Told::Pending(Some((token, _))), _) | (Told::Pending(None), Asked::Query(token)) => token,
                    // RFC 10002 section 6.13: pendInfo "MAY be omitted". Then there is nothing to ask with but the request itself.
                    (Told::Pending(None), _) => return Ok(sent.to_vec()),
                    _ => return Err(ComposeFault::Record("nothing there is waited for".to_owned())),
                };
                self.ask(Asking::Query(&token), &before.thread.next(&answer, fresh.nonce)).await
            }
            Order::Confirm { sent, answer, certificate, rejection } => {
                let (before, answer) = (recorded(sent)?, response(answer).map_err(ComposeFault::Record)?);
                let thread = before.thread.next(&answer, fresh.nonce);
                let issued =
                    IssuerAndSerial { issuer: certificate.issuer().clone(), serial: certificate.serial().to_vec() };
                let asking = match rejection {
                    None => Asking::Accept { answer: &answer, certificate: &issued },
                    Some(text) => Asking::Reject { answer: &answer, text },
                };
                self.ask(asking, &thread).await
            }
            Order::Renew(_) => Err(ComposeFault::NotTaken("the RA's own certificate")),
            Order::Relay { .. } => Err(ComposeFault::NotTaken("an answer to the requester's own message")),
            Order::Inquire(_) => Err(ComposeFault::NotTaken("information")),
        }
    }

    async fn post(&self, message: &[u8]) -> Result<Received, SendFault> {
        let (head, octets) = if self.est {
            let headers = [(CONTENT_TYPE, EST_REQUEST), (CONTENT_TRANSFER_ENCODING, "base64")];
            self.http.exchange(&est::encode_payload(message, Layout::Wrapped64), &headers, BODY_LIMIT).await?
        } else {
            self.http.exchange(message, &[(CONTENT_TYPE, HTTP_REQUEST)], BODY_LIMIT).await?
        };
        if is_answer(&head) && !octets.is_empty() {
            return Ok(Received { octets, head });
        }
        let retry_after = head.retry_after(None);
        Err(SendFault::Status { status: head.status, text: shown(&octets, LONGEST_WORDS), retry_after })
    }
}

impl Authority for Cmc {
    fn name(&self) -> &str {
        &self.name
    }

    fn chain(&self) -> &[Certificate] {
        &self.certificates.chain
    }

    fn rollover(&self) -> &[Certificate] {
        &self.certificates.rollover
    }

    fn compose<'a>(&'a self, order: Order<'a>, fresh: Fresh) -> Pending<'a, Result<Vec<u8>, ComposeFault>> {
        Box::pin(self.compose_order(order, fresh))
    }

    fn takes_nested(&self) -> bool {
        false
    }

    fn takes(&self) -> Takes {
        Takes::CMC
    }

    fn is_poll(&self, message: &[u8]) -> bool {
        recorded(message).is_ok_and(|sent| sent.is_query())
    }

    fn send<'a>(&'a self, message: &'a [u8]) -> Pending<'a, Result<Received, SendFault>> {
        Box::pin(self.post(message))
    }

    fn read(&self, conversation: Conversation<'_>, answer: &Received, now: Millis) -> Result<Answer, AnswerFault> {
        let malformed = |fault: &dyn std::fmt::Display| AnswerFault::Malformed(fault.to_string());
        let (head, answer) = (&answer.head, response(&answer.octets).map_err(AnswerFault::Malformed)?);
        let sent = recorded(conversation.sent).map_err(|fault| malformed(&fault))?;
        let request = recorded(conversation.request).map_err(|fault| malformed(&fault))?;
        self.verifier.check_response(&answer, now)?;
        answer.check_belongs(&sent).map_err(|fault| AnswerFault::Mismatch(fault.text))?;
        let told = answer.told(&request, &sent).map_err(|fault| AnswerFault::Mismatch(fault.text))?;
        match (told, request.asked) {
            (told @ (Told::Done | Told::ConfirmRequired), Asked::Certificate(key)) => Ok(Answer::Issued {
                certificate: Box::new(answer.certificate_for(&key).map_err(|fault| malformed(&fault.text))?),
                confirm: told == Told::ConfirmRequired,
                confirm_by: None,
                private_key: PrivateKey::None,
            }),
            (Told::Done, Asked::Revocation) => Ok(Answer::Revoked),
            (Told::Done, Asked::Confirmation) => Ok(Answer::Confirmed),
            (Told::Done | Told::ConfirmRequired, _) => {
                Err(AnswerFault::Mismatch("it grants what nobody asked for".to_owned()))
            }
            (Told::Pending(info), _) => Ok(Answer::Waiting { check_after: wait(head, info.map(|(_, at)| at), now) }),
            (Told::Failed { failure: Some(failure @ (FailInfo::TRY_LATER | FailInfo::BAD_TIME)), text }, _) => {
                Ok(Answer::NotNow { text, bad_time: failure == FailInfo::BAD_TIME })
            }
            (Told::Failed { text, .. }, _) => Ok(Answer::Rejected { text, revoked_before: false }),
        }
    }
}

/// Seconds until the CA wants to be asked again: HTTP says it of each answer (RFC 9110 section 10.2.3), pendTime stays as it was at the
/// first one (RFC 10002 section 6.13).
fn wait(head: &Head, time: Option<Millis>, now: Millis) -> u32 {
    let at = time.map(|time| time.seconds().saturating_sub(now.seconds())).filter(|seconds| *seconds > 0);
    let by_time = || at.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    head.retry_after(Some(now)).or_else(by_time).unwrap_or(USUAL_WAIT)
}

/// Whether a CMC response came, whatever the status (RFC 7030 section 4.3.2: one is in refusals, too). A server that is not well or has
/// no time has not decided, and says when to come again.
fn is_answer(head: &Head) -> bool {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(ContentType::parse);
    // Without smime-type, or with another, the body tells.
    kind.is_some_and(|kind| kind.is("application/pkcs7-mime")) && !matches!(head.status, 300..=399 | 408 | 429 | 503)
}

/// A Full PKI Response as DER, or in base64, as EST has it (RFC 8951 section 3).
fn response(octets: &[u8]) -> Result<Response, String> {
    let is_der = octets.first() == Some(&SEQUENCE);
    let decoded =
        if is_der { Ok(octets.to_vec()) } else { est::decode_payload(octets).map_err(|fault| fault.to_string()) };
    Response::parse(&decoded?).map_err(|fault| fault.to_string())
}

fn recorded(message: &[u8]) -> Result<Sent, ComposeFault> {
    Sent::parse(message).map_err(|fault| ComposeFault::Record(fault.to_string()))
}

/// RFC 7030 section 3.2.2.
const WELL_KNOWN: &str = "/.well-known/est";

/// RFC 7030 section 4.3.1.
const EST_REQUEST: &str = "application/pkcs7-mime; smime-type=CMC-request";

/// RFC 10003 section 6.1.
const HTTP_REQUEST: &str = "application/pkcs7-mime; smime-type=CMC-Request; name=request.p7m";

/// CRLReason (RFC 5280 section 5.3.1): RevokeRequest always has one.
const UNSPECIFIED: u8 = 0;

/// The identifier octet that every ContentInfo begins with.
const SEQUENCE: u8 = 0x30;

/// As much as people read of what is no answer.
const LONGEST_WORDS: usize = 120;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn head(status: u16, fields: &[(HeaderName, &'static str)]) -> Head {
        let fields = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        Head { status, headers: fields.collect::<HeaderMap>() }
    }

    #[test]
    fn an_address_is_of_est_over_tls_or_any_other_one() {
        let at = |url: &str| {
            let config = format!("url = {url:?}\ncertificates = \"a\"\nra_certificate = \"b\"");
            toml::from_str::<CmcConfig>(&config).unwrap().address()
        };
        let root = "https://ca.example/.well-known/est";
        assert_eq!(at(root).unwrap(), format!("{root}/fullcmc"));
        assert_eq!(at(&format!("{root}/plant/")).unwrap(), format!("{root}/plant/fullcmc"));
        for plain in ["http://ca.example/cmc", "https://ca.example/ca/ee/ca/profileSubmitCMCFull?a=b"] {
            assert_eq!(at(plain).unwrap(), plain);
        }
        for wrong in [
            "http://ca.example/.well-known/est",
            "https://ca.example/.well-known/est/fullcmc",
            "https://ca.example/.well-known/est/a/b",
            "https://ca.example/.well-known/est?a=b",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cmc_response_is_an_answer_unless_the_server_has_no_time() {
        let response = "application/pkcs7-mime; smime-type=CMC-response";
        for status in [200, 202, 400, 403, 500] {
            assert!(is_answer(&head(status, &[(CONTENT_TYPE, response)])), "{status}");
            assert!(!is_answer(&head(status, &[(CONTENT_TYPE, "text/html")])), "{status}");
            assert!(!is_answer(&head(status, &[])), "{status}");
        }
        for status in [302, 408, 429, 503] {
            assert!(!is_answer(&head(status, &[(CONTENT_TYPE, response)])), "{status}");
        }
    }

    #[test]
    fn the_next_question_comes_when_the_ca_says() {
        use http::header::RETRY_AFTER;
        let now = Millis::from_seconds(1_795_000_000);
        let soon = Some(now.plus(90_000));
        assert_eq!(wait(&head(202, &[(RETRY_AFTER, "7")]), soon, now), 7);
        assert_eq!(wait(&head(200, &[]), soon, now), 90);
        for past in [None, Some(now), Some(now.plus(-90_000))] {
            assert_eq!(wait(&head(200, &[]), past, now), USUAL_WAIT);
        }
    }
}
