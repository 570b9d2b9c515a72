//! General messages (RFC 9483 sections 4.3 and 5.1.4): an exchange of its own without a case. What the house knows is answered at
//! once; what only the CA knows is asked there, in a transaction of our own, and kept for a short time.
//!
//! A question to the CA changes nothing there, so what a crash cuts off is asked anew when its requester repeats or polls.

use std::sync::Arc;

use certs::{Crl, Millis, Name};

use super::identify::Identified;
use super::recording::sha256;
use super::request::{Answered, Incoming, Reply};
use super::shelf::{Found, Told};
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{
    CredentialId, Exchange, ExchangeId, ExchangeState, Family, Information, Outcome, Reason, ReasonCode,
};
use crate::store::{CommitError, Conflict, Leg, Row, Unit};
use crate::upstream::{Answer, Authority, Conversation, CrlOf, Inquiry, Order, SendFault};

/// What a requester wants to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wish {
    /// What the house knows itself, in the words of the door.
    Own(Vec<u8>),
    /// What follows a root (DER), or the root of the profile's CA.
    RootUpdate(Option<Vec<u8>>),
    /// A CRL, if there is a newer one than the requester has.
    Crl {
        /// Which.
        of: CrlOf,
        /// thisUpdate of the one it has.
        newer_than: Option<Millis>,
    },
    /// The latest CRL of the profile's CA.
    CurrentCrl,
}

impl Wish {
    /// The name in the audit log.
    const fn name(&self) -> &'static str {
        match self {
            Self::Own(_) => "own",
            Self::RootUpdate(_) => "root_update",
            Self::Crl { .. } => "crl",
            Self::CurrentCrl => "current_crl",
        }
    }
}

/// What must be asked where.
struct Errand {
    authority: Arc<dyn Authority>,
    inquiry: Inquiry,
}

impl Registrar {
    /// The first message of an exchange: recorded, and answered.
    pub async fn inform(
        &self,
        who: &Identified,
        wish: Wish,
        message: Incoming,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        self.check_standing(who).await?;
        self.check_code(who).await?;
        let exchange = self.exchange(who, &message, None, Family::Terminated, true);
        let request = self.request_message(&exchange, &message);
        let leaf = self
            .leaf(LeafKind::RequestReceived, who.requester.credential.as_str())
            .plain("profile", &who.profile)
            .plain("request", &who.source.request_id)
            .plain("wish", wish.name())
            .hash("message", sha256(&message.octets));
        let opening =
            Unit::new().with(Row::OpenExchange(Box::new(exchange.clone()))).with(request).with(Row::Leaf(leaf));
        let oldest = self.now().plus(-self.settings.information_time);
        let outcome = match self.look_up(who, &wish)? {
            Errands::Done(information) => Outcome::Informed(information),
            Errands::Ask(errand) => {
                match self.shelf.find(errand.authority.name(), &errand.inquiry, oldest) {
                    Found::Told(information) => Outcome::Informed(information),
                    found => {
                        // DESIGN rule 9: nothing is begun that could not be signed.
                        self.check_capacity()?;
                        self.commit_exchange(opening).await?;
                        let told = self.ask(errand, found, exchange.id);
                        let outcome = self.patiently(told).await;
                        return self.tell(&exchange, &message.hash, &wish, outcome, &reply).await;
                    }
                }
            }
        };
        let outcome = granted(&wish, outcome);
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let unit = self.answer_rows(opening, &exchange, &outcome, &finished);
        self.commit_exchange(unit).await?;
        Ok(Answered { outcome: Some(outcome), octets: finished.octets })
    }

    /// A pollReq, or a message that came before and has no answer yet: the answer, or patience.
    pub async fn inform_again(
        &self,
        who: &Identified,
        exchange: Exchange,
        wish: Wish,
        message: Incoming,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let known = self.store.request_in_exchange(exchange.id, &message.hash).await;
        if known.map_err(Refusal::store)?.is_none() {
            if exchange.state != ExchangeState::Polling {
                return Err(Refusal::OutOfPlace("nothing is waited for in this transaction"));
            }
            let row = self.request_message(&exchange, &message);
            self.store.commit(Unit::new().with(row)).await.map_err(Refusal::store)?;
        }
        let outcome = match self.look_up(who, &wish)? {
            Errands::Done(information) => Outcome::Informed(information),
            // An answer that came after the question is no older than it could be.
            Errands::Ask(errand) => {
                match self.shelf.find(errand.authority.name(), &errand.inquiry, exchange.created_at) {
                    Found::Told(information) => Outcome::Informed(information),
                    found => {
                        self.check_capacity()?;
                        self.patiently(self.ask(errand, found, exchange.id)).await
                    }
                }
            }
        };
        self.tell(&exchange, &message.hash, &wish, outcome, &reply).await
    }

    /// The message that began an exchange.
    pub async fn begun(&self, exchange: &Exchange) -> Result<Vec<u8>, Refusal> {
        let first = self.store.first_request(exchange.id).await.map_err(Refusal::store)?;
        first.ok_or_else(|| Refusal::store("the first message of an exchange is not there"))
    }

    /// What can be told without the CA, or what it must be asked.
    fn look_up(&self, who: &Identified, wish: &Wish) -> Result<Errands, Refusal> {
        let profile = who.profile().ok_or_else(|| Refusal::UnknownProfile(who.profile.clone()))?;
        let authority = self.authority(&profile.authority)?;
        let chain = authority.chain();
        let issued_by = |name: &Name| chain.iter().position(|ca| ca.subject().matches(name));
        let inquiry = match wish {
            Wish::Own(words) => return Ok(Errands::Done(Information::Own(words.clone()))),
            _ if !authority.takes().messages => {
                let text = "the CA of this profile answers no questions; its publication points may".to_owned();
                return Err(Refusal::Requester(Reason { code: ReasonCode::Authority, text }));
            }
            Wish::RootUpdate(Some(root)) => Inquiry::RootUpdate(root.clone()),
            Wish::RootUpdate(None) => match chain.last() {
                Some(root) => Inquiry::RootUpdate(root.der().to_vec()),
                None => return Ok(Errands::Done(Information::RootUpdate(None))),
            },
            Wish::CurrentCrl => Inquiry::CurrentCrl,
            Wish::Crl { of: CrlOf::Issuer(name), .. } => match issued_by(name) {
                Some(0) => Inquiry::CurrentCrl,
                Some(_) => Inquiry::Crl(CrlOf::Issuer(name.clone())),
                // RFC 9483 section 4.3.4: "MUST be absent if no CRL to be returned is available".
                None => return Ok(Errands::Done(Information::Crl(None))),
            },
            Wish::Crl { of, .. } => Inquiry::Crl(of.clone()),
        };
        Ok(Errands::Ask(Errand { authority, inquiry }))
    }

    /// Waits where somebody asks already; else asks, by a task that outlives a requester that goes away.
    fn ask(&self, errand: Errand, found: Found, exchange: ExchangeId) -> Told {
        match found {
            Found::Asked(told) => told,
            Found::Told(information) => tokio::sync::watch::channel(Some(Outcome::Informed(information))).1,
            Found::Nothing(sender) => {
                let told = sender.subscribe();
                let registrar = self.clone();
                tokio::spawn(async move {
                    let outcome = registrar.converse(&errand, exchange).await;
                    let (name, now) = (errand.authority.name(), registrar.now());
                    registrar.shelf.put(name, &errand.inquiry, &outcome, now);
                    sender.send_replace(Some(outcome));
                });
                told
            }
        }
    }

    /// The whole conversation with the CA; each message is recorded before it is sent.
    async fn converse(&self, errand: &Errand, exchange: ExchangeId) -> Outcome {
        match self.converse_or(errand, exchange).await {
            Ok(outcome) => outcome,
            Err(fault) => {
                tracing::error!(authority = errand.authority.name(), %fault, cause = ?fault, "the CA could not be asked");
                refused(ReasonCode::Unavailable, "what only the CA knows is not available now")
            }
        }
    }

    async fn converse_or(&self, errand: &Errand, exchange: ExchangeId) -> Result<Outcome, Refusal> {
        let authority = &errand.authority;
        let fresh = self.fresh();
        let request = authority.compose(Order::Inquire(&errand.inquiry), fresh).await.map_err(Refusal::away)?;
        let mut sent = request.clone();
        for _ in 0..LONGEST_WAIT {
            self.record(Leg::Submission, exchange, &fresh.transaction, &sent).await?;
            let received = match authority.send(&sent).await {
                Ok(received) => received,
                Err(fault) => return Ok(self.no_answer(authority.as_ref(), &fault)),
            };
            self.record(Leg::Answer, exchange, &fresh.transaction, &received.octets).await?;
            let conversation = Conversation { request: &request, sent: &sent };
            let answer = authority.read(conversation, &received, self.now());
            let octets = received.octets;
            let answer = match answer {
                Ok(answer) => answer,
                Err(fault) => return self.disbelieved(authority.as_ref(), &octets, &fault.to_string()).await,
            };
            match answer {
                Answer::Informed(information) => return Ok(Outcome::Informed(*information)),
                Answer::Waiting { check_after } => {
                    tokio::time::sleep(std::time::Duration::from_secs(check_after.clamp(1, LONGEST_PAUSE).into()))
                        .await;
                    let order = Order::Poll { sent: &sent, answer: &octets };
                    sent = authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
                }
                Answer::NotNow { text, .. } => return Ok(refused(ReasonCode::Unavailable, &text)),
                Answer::Rejected { text, .. } => return Ok(refused(ReasonCode::Authority, &text)),
                other => {
                    let fault = format!("it does not answer what was asked: {other:?}");
                    return self.disbelieved(authority.as_ref(), &octets, &fault).await;
                }
            }
        }
        Ok(refused(ReasonCode::Unavailable, "the CA does not come to an end with its answer"))
    }

    fn no_answer(&self, authority: &dyn Authority, fault: &SendFault) -> Outcome {
        self.metrics.authority_fault();
        tracing::warn!(authority = authority.name(), %fault, "the CA gave no answer");
        match fault {
            // RFC 9483 section 6.1: an unexpected status becomes an error with "e.g., systemFailure".
            SendFault::Status { status, .. } => {
                refused(ReasonCode::Withheld, &format!("the CA answered with HTTP status {status}"))
            }
            SendFault::NotSent(_)
            | SendFault::NoAnswer(_)
            | SendFault::Unanswered
            | SendFault::Carried
            | SendFault::Batch(_)
            | SendFault::BatchAnswer(_) => refused(ReasonCode::Unavailable, "the CA cannot be reached now"),
        }
    }

    /// An answer that is not the CA's own, or does not hold, is nobody's knowledge.
    async fn disbelieved(&self, authority: &dyn Authority, octets: &[u8], fault: &str) -> Result<Outcome, Refusal> {
        tracing::error!(authority = authority.name(), fault, "the CA's answer is not believed");
        self.metrics.authority_fault();
        let leaf = self
            .leaf(LeafKind::AnswerDisbelieved, &format!("authority:{}", authority.name()))
            .hash("answer", sha256(octets))
            .personal("fault", fault, self.random.as_ref());
        self.note(leaf).await?;
        Ok(refused(ReasonCode::Withheld, "what the CA answered is not believed"))
    }

    async fn record(&self, leg: Leg, exchange: ExchangeId, transaction: &[u8], octets: &[u8]) -> Result<(), Refusal> {
        let row = self.message(leg, Some(exchange), None, Some(transaction.to_vec()), octets);
        self.store.commit(Unit::new().with(row)).await.map_err(Refusal::store)
    }

    /// The outcome, or patience when it takes longer than a requester should wait.
    async fn patiently(&self, mut told: Told) -> Outcome {
        let outcome = tokio::time::timeout(self.settings.answer_time, told.wait_for(Option::is_some)).await;
        match outcome {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| self.waiting()),
            Ok(Err(_)) => refused(ReasonCode::Unavailable, "what only the CA knows is not available now"),
            Err(_) => self.waiting(),
        }
    }

    /// Records an answer to a message of an open exchange; the answer that was recorded first stays the answer.
    async fn tell(
        &self,
        exchange: &Exchange,
        hash: &[u8; 32],
        wish: &Wish,
        outcome: Outcome,
        reply: &Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let outcome = granted(wish, outcome);
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let unit = self.answer_rows(Unit::new(), exchange, &outcome, &finished);
        match self.store.commit(unit).await {
            Ok(()) => Ok(Answered { outcome: Some(outcome), octets: finished.octets }),
            Err(CommitError::Conflict(conflict)) => {
                let known = self.store.request_in_exchange(exchange.id, hash).await;
                let answer = known.map_err(Refusal::store)?.and_then(|known| known.reply);
                let octets = answer.ok_or_else(|| Refusal::store(format!("{conflict:?}")))?;
                Ok(Answered { outcome: None, octets })
            }
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    pub(super) async fn commit_exchange(&self, unit: Unit) -> Result<(), Refusal> {
        match self.store.commit(unit).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(Conflict::ExchangeKey { .. })) => Err(Refusal::TransactionInUse),
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    /// DESIGN rule 11: a code that opens no case any more authenticates nothing new.
    async fn check_code(&self, who: &Identified) -> Result<(), Refusal> {
        let Some(code) = who.requester.credential.as_code() else { return Ok(()) };
        let row = self.store.code_by_id(code).await.map_err(Refusal::store)?;
        let now = self.now();
        let open = row.is_some_and(|row| {
            row.withdrawn_at.is_none()
                && row.expires_at.is_none_or(|end| now < end)
                && row.uses.is_none_or(|uses| row.used < uses)
        });
        if open {
            return Ok(());
        }
        let credential: &CredentialId = &who.requester.credential;
        self.note_failure(&who.source, credential.as_str(), "the code is spent, expired or withdrawn").await?;
        Err(Refusal::NotIdentified)
    }
}

enum Errands {
    Done(Information),
    Ask(Errand),
}

/// What a requester gets of what the CA told: RFC 9483 section 4.3.4 wants a CRL only if it "is more recent".
fn granted(wish: &Wish, outcome: Outcome) -> Outcome {
    let Wish::Crl { newer_than, .. } = wish else { return outcome };
    let der = match outcome {
        Outcome::Informed(Information::CurrentCrl(der)) => Some(der),
        Outcome::Informed(Information::Crl(der)) => der,
        other => return other,
    };
    let newer = der.filter(|der| match newer_than {
        None => true,
        Some(theirs) => Crl::parse(der).is_ok_and(|crl| crl.this_update() > *theirs),
    });
    Outcome::Informed(Information::Crl(newer))
}

fn refused(code: ReasonCode, text: &str) -> Outcome {
    Outcome::Refused(Reason { code, text: text.to_owned() })
}

/// So often a CA is polled for an answer.
const LONGEST_WAIT: usize = 120;

/// A CA that wants to be asked later than this is asked every half minute all the same: nothing depends on its patience.
const LONGEST_PAUSE: u32 = 30;
