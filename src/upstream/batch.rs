//! Messages that go to the CA together (RFC 9483 section 5.2.2.2): for a CA that is far away or asked at intervals.
//!
//! Each message in a batch is recorded and protected for itself; the batch around them says nothing of them and is made anew
//! when they are repeated. So it is not recorded: what it carries is.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use certs::{Certificate, Name, Signer};
use cmp::{Limits, Message, client, relay};
use tokio::sync::oneshot;

use super::http::{HttpClient, SendFault};
use super::verifier::Verifier;
use crate::case::{Clock, Random};

/// Collects messages for a while and sends them as one.
#[derive(Clone, Debug)]
pub(super) struct Batches(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: HttpClient,
    wait: Duration,
    most: usize,
    signer: Arc<dyn Signer>,
    ra: Vec<Certificate>,
    recipient: Name,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    queue: Mutex<Vec<Passenger>>,
}

/// A message and who waits for its answer.
#[derive(Debug)]
struct Passenger {
    message: Vec<u8>,
    waiting: oneshot::Sender<Result<Vec<u8>, SendFault>>,
}

/// What batches are made with.
pub(super) struct Parts {
    pub(super) http: HttpClient,
    pub(super) wait: Duration,
    pub(super) most: usize,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) ra: Vec<Certificate>,
    pub(super) recipient: Name,
    pub(super) verifier: Arc<Verifier>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl Batches {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { http, wait, most, signer, ra, recipient, verifier, clock, random } = parts;
        let queue = Mutex::default();
        Self(Arc::new(Inner { http, wait, most, signer, ra, recipient, verifier, clock, random, queue }))
    }

    /// Sends a message with others; the first of them waits for company.
    pub(super) async fn send(&self, message: &[u8]) -> Result<Vec<u8>, SendFault> {
        let (waiting, answer) = oneshot::channel();
        let first = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push(Passenger { message: message.to_vec(), waiting });
            queue.len() == 1
        };
        if first {
            // A task of its own: who asked first may go away.
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move {
                tokio::time::sleep(inner.wait).await;
                inner.leave().await;
            });
        }
        answer.await.unwrap_or_else(|_| Err(SendFault::NotSent("the batch was given up".to_owned())))
    }
}

/// Why a batch came to nothing.
enum BatchFault {
    /// It was not answered.
    Sending(String),
    /// What answered it is an error, or no answer to it.
    Answer(String),
}

impl BatchFault {
    /// RFC 9483 section 3.6.3: a fault of the batch is one of each message in it.
    fn for_each(&self) -> SendFault {
        match self {
            Self::Sending(text) => SendFault::Batch(text.clone()),
            Self::Answer(text) => SendFault::BatchAnswer(text.clone()),
        }
    }
}

impl Inner {
    async fn leave(&self) {
        let mut all = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(self.most));
            self.deliver(std::mem::replace(&mut all, rest)).await;
        }
    }

    async fn deliver(&self, passengers: Vec<Passenger>) {
        let messages: Vec<&[u8]> = passengers.iter().map(|one| one.message.as_slice()).collect();
        let answers = if let [alone] = messages.as_slice() {
            vec![self.http.post(alone, super::cmp::PKIXCMP).await]
        } else {
            match self.exchange(&messages).await {
                Ok(answers) => answers,
                Err(fault) => passengers.iter().map(|_| Err(fault.for_each())).collect(),
            }
        };
        for (passenger, answer) in passengers.into_iter().zip(answers) {
            // Who does not wait any more asks again.
            let _ = passenger.waiting.send(answer);
        }
    }

    async fn exchange(&self, messages: &[&[u8]]) -> Result<Vec<Result<Vec<u8>, SendFault>>, BatchFault> {
        let own = self.ra.first().ok_or_else(|| BatchFault::Sending("there is no RA certificate".to_owned()))?;
        let mut draft = relay::batch(messages, own.subject(), &self.recipient, self.sixteen(), self.sixteen());
        draft.sender_kid = own.subject_key_identifier().map(<[u8]>::to_vec);
        let extra: Vec<Vec<u8>> = self.ra.iter().map(|certificate| certificate.der().to_vec()).collect();
        let sending = |fault: &dyn Display| BatchFault::Sending(fault.to_string());
        let octets = draft.sign(self.signer.as_ref(), &extra).await.map_err(|fault| sending(&fault))?;
        let answer = self.http.post(&octets, super::cmp::PKIXCMP).await.map_err(|fault| sending(&fault))?;
        self.unbundle(messages, &octets, &answer).map_err(BatchFault::Answer)
    }

    fn unbundle(
        &self,
        messages: &[&[u8]],
        octets: &[u8],
        answer: &[u8],
    ) -> Result<Vec<Result<Vec<u8>, SendFault>>, String> {
        let parse = |der: &[u8]| Message::parse(der, &Limits::default()).map_err(|parse| parse.fault.to_string());
        let (sent, answer) = (parse(octets)?, parse(answer)?);
        self.verifier.check(&answer, self.clock.now()).map_err(|fault| fault.to_string())?;
        client::check_answer(&sent, &answer).map_err(|fault| fault.to_string())?;
        let inners = messages.iter().map(|message| parse(message)).collect::<Result<Vec<_>, _>>()?;
        let transactions: Vec<&[u8]> =
            inners.iter().map(|inner| inner.header().transaction_id.as_deref().unwrap_or_default()).collect();
        let bundle = client::unbundle(&transactions, &answer).map_err(|fault| fault.to_string())?;
        if bundle.extra > 0 {
            // RFC 9483 section 5.2.2.2: "any extra messages MUST be dropped".
            tracing::warn!(extra = bundle.extra, "the CA's batch has answers that nobody asked for; they are dropped");
        }
        let missing = || SendFault::Unanswered;
        Ok(bundle.answers.into_iter().map(|found| found.map(|one| one.der().to_vec()).ok_or_else(missing)).collect())
    }

    fn sixteen(&self) -> [u8; 16] {
        let mut octets = [0; 16];
        self.random.fill(&mut octets);
        octets
    }
}
