//! The CMP driver: RFC 9810 and 9483 over HTTP(S) (RFC 9811), as a registration authority.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, Millis, Name, Signer};
use cmp::client::{self, Answer as CmpAnswer};
use cmp::relay::{self, Possession};
use cmp::server::innermost;
use cmp::{Body, CertReqMsg, Draft, EncryptedKey, FailureInfo, InfoTypeAndValue, Limits, Message, Status, StatusInfo};
use serde::Deserialize;

use super::addresses::Addresses;
use super::batch::{self, Batches};
use super::certificates::{Certificates, read_certificates};
use super::http::{ANSWER_LIMIT, CONNECT_TIME, HttpClient, SendFault};
use super::inquiry;
use super::tls::tls_client;
use super::verifier::{Believed, Verifier};
use super::{
    Answer, AnswerFault, Authority, ComposeFault, Conversation, Fresh, Order, Pending, PrivateKey, Received, Takes,
    Vouching,
};
use crate::case::{Clock, Family, Random};

/// `[authority.NAME]` with `kind = "cmp"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CmpConfig {
    /// Where its CMP server listens.
    pub url: String,
    /// Further addresses of the same CA, with the same records behind them: each is tried when those before it take no connection or
    /// give no answers.
    #[serde(default)]
    pub further_urls: Vec<String>,
    /// For how long a message that may have arrived at an address is repeated there, and not elsewhere.
    #[serde(default = "default_same_address")]
    pub same_address_seconds: u64,
    /// PEM: the issuing CA's certificate first, then up to the root. What is issued must chain to the first.
    pub certificates: PathBuf,
    /// PEM: what leads from the root before to the root of `certificates`, or from it to the next one, while both are in use
    /// (OldWithOld, OldWithNew, NewWithOld: RFC 7030 section 4.1.3).
    pub rollover_certificates: Option<PathBuf>,
    /// PEM: the RA's own certificate first, then what its CA needs to know it by.
    pub ra_certificate: PathBuf,
    /// PEM: the certificates whose protection is believed, and no others. Without it and `signer_key_identifier`, a certificate
    /// issued by the CA with the extended key usage id-kp-cmcCA is.
    pub signer_certificate: Option<PathBuf>,
    /// Hexadecimal: the subject key identifier of the certificate whose protection is believed; the CA must have issued it.
    pub signer_key_identifier: Option<String>,
    /// PEM: what the CA's TLS server chains to, for an https address. Default: `certificates`.
    pub tls_roots: Option<PathBuf>,
    /// Whether it takes messages that are wrapped in ours (RFC 9483 section 5.2.2.1).
    #[serde(default)]
    pub nested: bool,
    /// For how long messages are collected that go to the CA together (RFC 9483 section 5.2.2.2); 0: each goes at once.
    #[serde(default)]
    pub batch_milliseconds: u64,
    /// The most messages in a batch.
    #[serde(default = "default_batch")]
    pub batch_limit: usize,
    /// How long an answer is waited for.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

impl CmpConfig {
    /// All addresses, in order.
    pub fn urls(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.url).chain(&self.further_urls)
    }

    /// How long a message and its answer may be on their way, in milliseconds: no connection at all addresses but one, and that slow.
    #[must_use]
    pub fn longest_way(&self) -> u64 {
        let answer = self.timeout_seconds.saturating_mul(1000);
        let connecting = answer.min(u64::try_from(CONNECT_TIME.as_millis()).unwrap_or(u64::MAX));
        let further = u64::try_from(self.further_urls.len()).unwrap_or(u64::MAX);
        self.batch_milliseconds.saturating_add(answer).saturating_add(connecting.saturating_mul(further))
    }
}

/// A CA that speaks CMP.
#[derive(Debug)]
pub struct Cmp {
    name: String,
    addresses: Addresses,
    certificates: Certificates,
    signer: Arc<dyn Signer>,
    verifier: Arc<Verifier>,
    nested: bool,
    batches: Option<Batches>,
}

impl Cmp {
    /// The CA of a table; its files are read once, here.
    ///
    /// # Errors
    /// A text that names the file or key and what is wrong with it.
    pub fn new(
        name: &str,
        config: &CmpConfig,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, String> {
        let certificates = Certificates::read(
            &config.certificates,
            config.rollover_certificates.as_deref(),
            &config.ra_certificate,
            signer.as_ref(),
        )?;
        let issuer = certificates.issuer().clone();
        let believed = Believed::read(config.signer_certificate.as_deref(), config.signer_key_identifier.as_deref())?;
        let roots = match &config.tls_roots {
            Some(path) => read_certificates(path)?,
            None => certificates.chain.clone(),
        };
        let (timeout, tls) = (Duration::from_secs(config.timeout_seconds), tls_client(&roots)?);
        let lines = config.urls().map(|url| HttpClient::new(url, timeout, tls.clone())).collect::<Result<_, _>>()?;
        let same_address = i64::try_from(config.same_address_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let addresses = Addresses::new(lines, same_address, Arc::clone(&clock));
        let verifier = Arc::new(Verifier::new(issuer.clone(), believed));
        let batches = (config.batch_milliseconds > 0).then(|| {
            Batches::new(batch::Parts {
                addresses: addresses.clone(),
                wait: Duration::from_millis(config.batch_milliseconds),
                most: config.batch_limit.clamp(2, Limits::default().nested),
                signer: Arc::clone(&signer),
                ra: certificates.ra.clone(),
                recipient: issuer.subject().clone(),
                verifier: Arc::clone(&verifier),
                clock,
                random,
            })
        });
        Ok(Self { name: name.to_owned(), addresses, certificates, signer, verifier, nested: config.nested, batches })
    }

    /// The RA's certificate, which vouches for what is forwarded.
    #[must_use]
    pub fn ra_certificate(&self) -> &Certificate {
        self.certificates.own()
    }

    /// RFC 9483 section 4.1.1: subject and key identifier of the protection certificate; messageTime is left out, so
    /// that recorded bytes stay good however late they are repeated (DESIGN rule 1).
    async fn finish(&self, mut draft: Draft) -> Result<Vec<u8>, ComposeFault> {
        draft.sender_kid = self.ra_certificate().subject_key_identifier().map(<[u8]>::to_vec);
        let extra: Vec<Vec<u8>> = self.certificates.ra.iter().map(|certificate| certificate.der().to_vec()).collect();
        Ok(draft.sign(self.signer.as_ref(), &extra).await?)
    }

    fn first(&self, fresh: Fresh, body: Vec<u8>, implicit: bool) -> Draft {
        let mut draft =
            client::first(self.ra_certificate().subject(), self.recipient(), fresh.transaction, fresh.nonce, body);
        if implicit {
            draft.general_info.push(InfoTypeAndValue::implicit_confirm());
        }
        draft
    }

    fn recipient(&self) -> &Name {
        self.certificates.issuer().subject()
    }

    fn draft(&self, order: Order<'_>, fresh: Fresh) -> Result<Draft, ComposeFault> {
        Ok(match order {
            Order::Pkcs10 { request, implicit } => self.first(fresh, cmp::body::p10cr(request), implicit),
            Order::Crmf { request, implicit, ra_verified: false } => {
                self.first(fresh, cmp::body::cr(request), implicit)
            }
            Order::Crmf { request, implicit, ra_verified: true } => {
                self.first(fresh, cmp::body::cr(&ra_verified(request)?), implicit)
            }
            // Confirmed always: the new certificate is kept before it is.
            Order::Renew(request) => self.first(fresh, cmp::body::kur(request), false),
            Order::Relay { message, family, vouching } => self.relayed(message, family, vouching)?,
            Order::Revoke { issuer, serial, reason } => {
                self.first(fresh, cmp::body::rr(&cmp::RevDetails::compose(issuer, serial, reason)), false)
            }
            Order::Inquire(inquiry) => self.first(fresh, cmp::body::genm(&[inquiry.question().encode()]), false),
            Order::Poll { sent, answer } => {
                let (sent, answer) = (recorded(sent)?, recorded(answer)?);
                let id = match (sent.body(), client::read(&answer)) {
                    (Body::PollReq(ids), _) => ids.first().copied().unwrap_or(0),
                    (_, Ok(CmpAnswer::Waiting { cert_req_id })) => cert_req_id,
                    _ => return Err(ComposeFault::Record("nothing there is waited for".to_owned())),
                };
                client::poll(sent.header(), answer.header(), fresh.nonce, id)
            }
            Order::Confirm { sent, answer, rejection, .. } => {
                let (sent, answer) = (recorded(sent)?, recorded(answer)?);
                let Ok(CmpAnswer::Issued(issued)) = client::read(&answer) else {
                    return Err(ComposeFault::Record("there is no certificate to confirm".to_owned()));
                };
                let status = rejection.map(|text| StatusInfo {
                    status: Status::Rejection,
                    text: vec![text.to_owned()],
                    failure: Some(FailureInfo::INCORRECT_DATA),
                });
                let about = (&issued.certificate, issued.cert_req_id);
                client::confirm(sent.header(), answer.header(), fresh.nonce, about, status)
            }
        })
    }

    /// RFC 9483 section 5.2.2.1: in a message of ours; section 5.2.3: under our protection, with the requester's header.
    fn relayed(&self, message: &[u8], family: Family, vouching: Vouching) -> Result<Draft, ComposeFault> {
        let received = recorded(message)?;
        if family == Family::Nested {
            return Ok(relay::wrap(&received, self.ra_certificate().subject(), self.recipient()));
        }
        let request = innermost(received);
        let unfit = |fault: cmp::Fault| ComposeFault::Record(fault.text);
        let body = match request.body() {
            Body::Ir(all) | Body::Cr(all) if vouching.ra_verified => {
                // RFC 9483 section 5.2.3.2: MUST verify it; an RA below us may have done so.
                let proven = all.0.iter().find(|one| !one.is_ra_verified()).map(CertReqMsg::prove);
                let proven = proven.transpose().map_err(unfit)?;
                let possession = proven.as_ref().map_or(Possession::Vouched, Possession::Proven);
                Some(relay::ra_verified(&request, possession, None).map_err(unfit)?)
            }
            _ => None,
        };
        let mut draft = relay::replace(&request, self.ra_certificate().subject(), body).map_err(unfit)?;
        // RFC 9810 section 5.1.1.3: the end entity's, and exactly one. An RA below may have shown it.
        if vouching.original && request.header().info(cmp::oid::ORIG_PKI_MESSAGE).is_none() {
            draft.general_info.push(InfoTypeAndValue::orig_pki_message(&[request.der()]));
        }
        Ok(draft)
    }
}

impl Authority for Cmp {
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
        Box::pin(async move {
            match order {
                Order::Relay { message, family: Family::Untouched, .. } => Ok(message.to_vec()),
                order => self.finish(self.draft(order, fresh)?).await,
            }
        })
    }

    fn takes_nested(&self) -> bool {
        self.nested
    }

    fn takes(&self) -> Takes {
        Takes::CMP
    }

    fn is_poll(&self, message: &[u8]) -> bool {
        recorded(message).is_ok_and(|message| matches!(innermost(message).body(), Body::PollReq(_)))
    }

    fn send<'a>(&'a self, message: &'a [u8]) -> Pending<'a, Result<Received, SendFault>> {
        Box::pin(async move {
            let answer = match &self.batches {
                Some(batches) => batches.send(message).await?,
                None => self.addresses.post(&[message], message, PKIXCMP).await?,
            };
            Ok(Received::message(answer))
        })
    }

    fn read(&self, conversation: Conversation<'_>, answer: &Received, now: Millis) -> Result<Answer, AnswerFault> {
        let malformed = |text: String| AnswerFault::Malformed(text);
        let message = Message::parse(&answer.octets, &answer_limits()).map_err(|fault| malformed(fault.fault.text))?;
        let parsed = |octets: &[u8]| Message::parse(octets, &own_limits()).map(innermost);
        let sent = parsed(conversation.sent).map_err(|fault| malformed(fault.fault.text))?;
        self.verifier.check(&message, now)?;
        let belongs = if matches!(sent.body(), Body::PollReq(_)) {
            let request = parsed(conversation.request).map_err(|fault| malformed(fault.fault.text))?;
            client::check_polled(&request, &sent, &message)
        } else {
            client::check_answer(&sent, &message)
        };
        belongs.map_err(|fault| AnswerFault::Mismatch(fault.text))?;
        match client::read(&message).map_err(|fault| malformed(fault.text))? {
            CmpAnswer::Support(_) => {
                let asked = parsed(conversation.request).map_err(|fault| malformed(fault.fault.text))?;
                let found = inquiry::read(&asked, &message, &self.certificates.chain, now)?;
                Ok(Answer::Informed(Box::new(found)))
            }
            answer => Ok(meaning(answer)),
        }
    }
}

fn meaning(answer: CmpAnswer) -> Answer {
    match answer {
        CmpAnswer::Issued(issued) => Answer::Issued {
            certificate: Box::new(issued.certificate),
            confirm: !issued.implicit_confirm,
            confirm_by: issued.confirm_wait_time,
            private_key: match issued.private_key {
                None => PrivateKey::None,
                Some(EncryptedKey::Enveloped(_)) => PrivateKey::Enveloped,
                Some(EncryptedKey::Value(_)) => PrivateKey::Other,
            },
        },
        CmpAnswer::Waiting { .. } => Answer::Waiting { check_after: 0 },
        CmpAnswer::PollAgain { after } => Answer::Waiting { check_after: u32::try_from(after).unwrap_or(u32::MAX) },
        CmpAnswer::Confirmed => Answer::Confirmed,
        CmpAnswer::Revoked => Answer::Revoked,
        CmpAnswer::Rejected(status) => refusal(&status),
        CmpAnswer::Error(content) => refusal(&content.status),
        CmpAnswer::Support(_) => Answer::Rejected { text: "a general response".to_owned(), revoked_before: false },
    }
}

/// A CRL is larger than any other answer.
pub(super) fn answer_limits() -> Limits {
    Limits { message: ANSWER_LIMIT, ..Limits::default() }
}

/// What we recorded: it may hold an answer, and a request as large and as deep as a requester's may be, wrapped in a message of ours.
pub(super) fn own_limits() -> Limits {
    let limits = answer_limits();
    Limits { depth: limits.depth + 1, ..limits }
}

fn refusal(status: &StatusInfo) -> Answer {
    let failure = status.failure.unwrap_or_default();
    let text = format!("{failure}: {}", status.text.join("; "));
    if failure.contains(FailureInfo::TRANSACTION_ID_IN_USE) {
        return Answer::InUse { text };
    }
    if failure.contains(FailureInfo::SYSTEM_UNAVAIL) || failure.contains(FailureInfo::BAD_TIME) {
        return Answer::NotNow { text, bad_time: failure.contains(FailureInfo::BAD_TIME) };
    }
    Answer::Rejected { text, revoked_before: failure.contains(FailureInfo::CERT_REVOKED) }
}

/// RFC 9483 section 5.2.3.2: the request stays, its proof of possession becomes our word.
fn ra_verified(request: &[u8]) -> Result<Vec<u8>, ComposeFault> {
    let request = CertReqMsg::parse(request).map_err(|fault| ComposeFault::Record(fault.text))?;
    Ok(request.vouched())
}

fn recorded(octets: &[u8]) -> Result<Message, ComposeFault> {
    Message::parse(octets, &own_limits()).map_err(|fault| ComposeFault::Record(fault.fault.text))
}

/// Some 2 KiB each.
const fn default_batch() -> usize {
    32
}

/// Front ends that share their records by copying them are seldom further behind.
const fn default_same_address() -> u64 {
    60
}

/// A CA that signs with a slow HSM answers within seconds; after this its connection is given up.
pub(super) const fn default_timeout() -> u64 {
    30
}

/// RFC 9811 section 3.4.
pub(super) const PKIXCMP: &str = "application/pkixcmp";
