//! The file driver: the messages of CMP for a CA that is off-line, carried to it and back by people (RFC 9483 section 6.4.1).

use std::path::PathBuf;
use std::sync::Arc;

use certs::{Certificate, Millis, Signer};
use cmp::{Body, Limits, Message};
use serde::Deserialize;

use super::cmp::default_batch;
use super::http::SendFault;
use super::messages::{self, Files, Messages, answer_limits};
use super::{
    Answer, AnswerFault, Arrived, Authority, Carriage, ComposeFault, Conversation, Fresh, Order, Pending, Received,
    Takes,
};

/// `[authority.NAME]` with `kind = "file"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
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
    /// Whether it takes several messages in one file, wrapped in ours (RFC 9483 section 5.2.2.2).
    #[serde(default)]
    pub nested: bool,
    /// The most messages in a file.
    #[serde(default = "default_batch")]
    pub batch_limit: usize,
}

/// A CA that is reached by files.
#[derive(Debug)]
pub struct File {
    name: String,
    messages: Messages,
    most: usize,
}

impl File {
    /// The CA of a table; its files are read once, here.
    ///
    /// # Errors
    /// A text that names the file or key and what is wrong with it.
    pub fn new(name: &str, config: &FileConfig, signer: Arc<dyn Signer>) -> Result<Self, String> {
        let files = Files {
            certificates: &config.certificates,
            rollover: config.rollover_certificates.as_deref(),
            ra: &config.ra_certificate,
            signer: config.signer_certificate.as_deref(),
            signer_key_identifier: config.signer_key_identifier.as_deref(),
        };
        let messages = Messages::new(&files, signer)?;
        let most = if config.nested { config.batch_limit.clamp(1, Limits::default().nested) } else { 1 };
        Ok(Self { name: name.to_owned(), messages, most })
    }
}

impl Authority for File {
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
        false
    }

    fn takes(&self) -> Takes {
        Takes::FILES
    }

    fn is_poll(&self, message: &[u8]) -> bool {
        messages::is_poll(message)
    }

    /// Nothing is sent from here: it waits until somebody carries it.
    fn send<'a>(&'a self, _message: &'a [u8]) -> Pending<'a, Result<Received, SendFault>> {
        Box::pin(std::future::ready(Err(SendFault::Carried)))
    }

    fn read(&self, conversation: Conversation<'_>, answer: &Received, now: Millis) -> Result<Answer, AnswerFault> {
        self.messages.read(conversation, answer, now)
    }

    fn carriage(&self) -> Option<&dyn Carriage> {
        Some(self)
    }
}

impl Carriage for File {
    fn most(&self) -> usize {
        self.most
    }

    fn pack<'a>(&'a self, messages: &'a [&'a [u8]], fresh: Fresh) -> Pending<'a, Result<Vec<u8>, ComposeFault>> {
        Box::pin(async move {
            match messages {
                [alone] => Ok(alone.to_vec()),
                several => self.messages.bundle(several, fresh).await,
            }
        })
    }

    fn vouch<'a>(&'a self, manifest: &'a [u8]) -> Pending<'a, Result<Vec<u8>, ComposeFault>> {
        Box::pin(async move { Ok(self.messages.signer.sign(manifest).await?) })
    }

    /// The protection of the message around others is not looked at: it says nothing of them, and each has its own.
    fn unpack(&self, file: &[u8]) -> Result<Vec<Arrived>, AnswerFault> {
        let malformed = |text: String| AnswerFault::Malformed(text);
        let message = Message::parse(file, &answer_limits()).map_err(|fault| malformed(fault.fault.text))?;
        let inners: Vec<&[u8]> = match message.body() {
            Body::Nested(inners) => inners.iter().map(Vec::as_slice).collect(),
            _ => vec![file],
        };
        let arrived = |der: &[u8]| {
            let message = Message::parse(der, &answer_limits()).map_err(|fault| malformed(fault.fault.text))?;
            let transaction = message.header().transaction_id.clone();
            let transaction = transaction.ok_or_else(|| malformed("a message has no transactionID".to_owned()))?;
            Ok(Arrived { transaction, answer: Received::message(der.to_vec()) })
        };
        inners.into_iter().map(arrived).collect()
    }
}
