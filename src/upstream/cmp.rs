//! The CMP driver: RFC 9810 and 9483 over HTTP(S) (RFC 9811), as a registration authority.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, Millis, Signer};
use cmp::Limits;
use serde::Deserialize;

use super::addresses::Addresses;
use super::batch::{self, Batches};
use super::certificates::read_certificates;
use super::http::{CONNECT_TIME, HttpClient, SendFault};
use super::messages::{self, Files, Messages};
use super::tls::tls_client;
use super::{Answer, AnswerFault, Authority, ComposeFault, Conversation, Fresh, Order, Pending, Received, Takes};
use crate::case::{Clock, Random};

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
    messages: Arc<Messages>,
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
        let files = Files {
            certificates: &config.certificates,
            rollover: config.rollover_certificates.as_deref(),
            ra: &config.ra_certificate,
            signer: config.signer_certificate.as_deref(),
            signer_key_identifier: config.signer_key_identifier.as_deref(),
        };
        let messages = Arc::new(Messages::new(&files, signer)?);
        let roots = match &config.tls_roots {
            Some(path) => read_certificates(path)?,
            None => messages.certificates.chain.clone(),
        };
        let (timeout, tls) = (Duration::from_secs(config.timeout_seconds), tls_client(&roots)?);
        let lines = config.urls().map(|url| HttpClient::new(url, timeout, tls.clone())).collect::<Result<_, _>>()?;
        let same_address = i64::try_from(config.same_address_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let addresses = Addresses::new(lines, same_address, Arc::clone(&clock));
        let batches = (config.batch_milliseconds > 0).then(|| {
            Batches::new(batch::Parts {
                addresses: addresses.clone(),
                wait: Duration::from_millis(config.batch_milliseconds),
                most: config.batch_limit.clamp(2, Limits::default().nested),
                messages: Arc::clone(&messages),
                clock,
                random,
            })
        });
        Ok(Self { name: name.to_owned(), addresses, messages, nested: config.nested, batches })
    }
}

impl Authority for Cmp {
    fn name(&self) -> &str {
        &self.name
    }

    fn chain(&self) -> &[Certificate] {
        &self.messages.certificates.chain
    }

    fn rollover(&self) -> &[Certificate] {
        &self.messages.certificates.rollover
    }

    fn compose<'a>(&'a self, order: Order<'a>, fresh: Fresh) -> Pending<'a, Result<Vec<u8>, ComposeFault>> {
        Box::pin(self.messages.compose(order, fresh))
    }

    fn takes_nested(&self) -> bool {
        self.nested
    }

    fn takes(&self) -> Takes {
        Takes::CMP
    }

    fn is_poll(&self, message: &[u8]) -> bool {
        messages::is_poll(message)
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
        self.messages.read(conversation, answer, now)
    }
}

/// Some 2 KiB each.
pub(super) const fn default_batch() -> usize {
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
