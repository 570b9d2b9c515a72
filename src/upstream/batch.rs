//! Messages that go to the CA together (RFC 9483 section 5.2.2.2): for a CA that is far away or asked at intervals.
//!
//! Each message in a batch is recorded and protected for itself; the batch around them says nothing of them and is made anew
//! when they are repeated. So it is not recorded: what it carries is.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cmp::{Message, client};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::Fresh;
use super::addresses::Addresses;
use super::http::SendFault;
use super::messages::{Messages, answer_limits, own_limits};
use crate::case::{Clock, Random};

/// Collects messages for a while and sends them as one.
#[derive(Clone, Debug)]
pub(super) struct Batches(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    addresses: Addresses,
    wait: Duration,
    most: usize,
    messages: Arc<Messages>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    queue: Mutex<Vec<Passenger>>,
}

/// A message and who waits for its answer.
#[derive(Debug)]
struct Passenger {
    message: Vec<u8>,
    transaction: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    waiting: oneshot::Sender<Result<Vec<u8>, SendFault>>,
}

/// What batches are made with.
pub(super) struct Parts {
    pub(super) addresses: Addresses,
    pub(super) wait: Duration,
    pub(super) most: usize,
    pub(super) messages: Arc<Messages>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl Batches {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { addresses, wait, most, messages, clock, random } = parts;
        let queue = Mutex::default();
        Self(Arc::new(Inner { addresses, wait, most, messages, clock, random, queue }))
    }

    /// Sends a message with others; the first of them waits for company.
    pub(super) async fn send(&self, message: &[u8]) -> Result<Vec<u8>, SendFault> {
        let (waiting, answer) = oneshot::channel();
        let read =
            Message::parse(message, &own_limits()).map_err(|parse| SendFault::NotSent(parse.fault.to_string()))?;
        let (transaction, nonce) = (read.header().transaction_id.clone(), read.header().sender_nonce.clone());
        let first = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push(Passenger { message: message.to_vec(), transaction, nonce, waiting });
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
        let mut waiting = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        let mut batches = Vec::new();
        while !waiting.is_empty() {
            let (batch, left) = board(waiting, self.most);
            batches.push(batch);
            waiting = left;
        }
        // None waits for the answer to another: a lease covers one way to the CA.
        join_all(batches.into_iter().map(|batch| self.deliver(batch))).await;
    }

    async fn deliver(&self, passengers: Vec<Passenger>) {
        let messages: Vec<&[u8]> = passengers.iter().map(|one| one.message.as_slice()).collect();
        let answers = if let [alone] = messages.as_slice() {
            vec![self.addresses.post(&messages, alone, super::cmp::PKIXCMP).await]
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
        let sending = |fault: &dyn Display| BatchFault::Sending(fault.to_string());
        let fresh = Fresh { transaction: self.sixteen(), nonce: self.sixteen() };
        let octets = self.messages.bundle(messages, fresh).await.map_err(|fault| sending(&fault))?;
        let answer =
            self.addresses.post(messages, &octets, super::cmp::PKIXCMP).await.map_err(|fault| sending(&fault))?;
        self.unbundle(messages, &octets, &answer).map_err(BatchFault::Answer)
    }

    fn unbundle(
        &self,
        messages: &[&[u8]],
        octets: &[u8],
        answer: &[u8],
    ) -> Result<Vec<Result<Vec<u8>, SendFault>>, String> {
        let parse = |der: &[u8]| Message::parse(der, &own_limits()).map_err(|parse| parse.fault.to_string());
        let answer = Message::parse(answer, &answer_limits()).map_err(|parse| parse.fault.to_string())?;
        let sent = parse(octets)?;
        self.messages.verifier.check(&answer, self.clock.now()).map_err(|fault| fault.to_string())?;
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

/// Who travels in the next batch, and who is left: the CA tells messages apart by their transactionIDs (RFC 9483 section 5.2.2.2) and
/// may refuse a batch for a nonce that is there twice; requesters choose both in what is relayed. A message that is too large for a
/// batch goes alone.
fn board(waiting: Vec<Passenger>, most: usize) -> (Vec<Passenger>, Vec<Passenger>) {
    let (mut batch, mut left): (Vec<Passenger>, Vec<Passenger>) = (Vec::new(), Vec::new());
    let mut octets = 0;
    for passenger in waiting {
        let alike = |other: &Passenger| {
            let same = |one: &Option<Vec<u8>>, two: &Option<Vec<u8>>| one.is_some() && one == two;
            same(&other.transaction, &passenger.transaction) || same(&other.nonce, &passenger.nonce)
        };
        let fits = batch.len() < most && octets + passenger.message.len() <= BATCH_OCTETS && !batch.iter().any(alike);
        if batch.is_empty() || fits {
            octets += passenger.message.len();
            batch.push(passenger);
        } else {
            left.push(passenger);
        }
    }
    (batch, left)
}

/// The CA may take no more than we do, 64 KiB, and the batch's own header and protection need some.
const BATCH_OCTETS: usize = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn passenger(transaction: u8, nonce: u8, octets: usize) -> Passenger {
        let (waiting, _) = oneshot::channel();
        Passenger { message: vec![0; octets], transaction: Some(vec![transaction]), nonce: Some(vec![nonce]), waiting }
    }

    fn batches(mut waiting: Vec<Passenger>, most: usize) -> Vec<usize> {
        let mut sizes = Vec::new();
        while !waiting.is_empty() {
            let (batch, left) = board(waiting, most);
            sizes.push(batch.len());
            waiting = left;
        }
        sizes
    }

    #[test]
    fn a_batch_has_no_more_messages_and_octets_than_a_ca_takes() {
        assert_eq!(batches((0..7).map(|one| passenger(one, one, 100)).collect(), 3), [3, 3, 1]);
        assert_eq!(batches((0..5).map(|one| passenger(one, one, 20_000)).collect(), 32), [2, 2, 1]);
        assert_eq!(batches(vec![passenger(1, 1, 60_000), passenger(2, 2, 100)], 32), [1, 1]);
    }

    #[test]
    fn who_has_the_transaction_or_the_nonce_of_another_goes_with_the_next_batch() {
        assert_eq!(batches(vec![passenger(1, 1, 9), passenger(1, 2, 9), passenger(3, 3, 9)], 32), [2, 1]);
        assert_eq!(batches(vec![passenger(1, 1, 9), passenger(2, 1, 9), passenger(3, 3, 9)], 32), [2, 1]);
    }
}
