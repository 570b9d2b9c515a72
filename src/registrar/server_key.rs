//! Keys that are made here for a requester (RFC 7030 section 4.4). They live in memory, from the approval to the answer, and nowhere
//! else (DESIGN rule 8): the certificate counts only once the answer was written, and is revoked when it was not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use certs::{CsrContent, CsrDraft, Extension, Name, PublicKey, Signer, oid};
use zeroize::Zeroizing;

use super::forwarding::Forwarding;
use super::request::{Answered, Reply};
use super::voyage::Voyage;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{CaseId, Event, Exchange, ExchangeState, Millis, Outcome, Reason, ReasonCode, RequestForm, State};
use crate::rules::ServerKeyKind;
use crate::store::{CaseRow, Row, Unit};

/// A key that is made once its case is approved, while its requester is connected.
pub struct ServerKey {
    kind: ServerKeyKind,
    subject: Name,
    extensions: Vec<Extension>,
    made: Mutex<Option<Made>>,
}

struct Made {
    case: CaseId,
    private: Zeroizing<Vec<u8>>,
}

/// What others may know of a key that was made.
pub(super) struct Order {
    pub(super) public_key: PublicKey,
    /// The PKCS#10 that the key itself signed: the proof of possession for the CA.
    pub(super) request: Vec<u8>,
}

impl ServerKey {
    pub(super) fn new(kind: ServerKeyKind, csr: &CsrContent) -> Self {
        let (subject, extensions) = (csr.subject().clone(), csr.extensions().to_vec());
        // It would name the key of the request.
        let extensions = extensions.into_iter().filter(|found| found.oid != oid::SUBJECT_KEY_IDENTIFIER).collect();
        Self { kind, subject, extensions, made: Mutex::default() }
    }

    /// Whether this request asks for the same extensions.
    fn asks_like(&self, csr: &CsrContent) -> bool {
        let asked = csr.extensions().iter().filter(|found| found.oid != oid::SUBJECT_KEY_IDENTIFIER);
        asked.eq(&self.extensions)
    }

    /// Makes the key of a case, with the request for it.
    pub(super) async fn make(&self, maker: &Arc<dyn KeyMaker>, case: CaseId) -> Result<Order, Refusal> {
        let key = generated(Arc::clone(maker), self.kind).await?;
        let mut draft = CsrDraft::new(self.subject.clone(), key.public_key().clone());
        draft.extensions.clone_from(&self.extensions);
        let request = draft.sign(key.as_ref()).await.map_err(Refusal::away)?;
        let private = key.to_pkcs8().map_err(Refusal::away)?;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(Made { case, private });
        Ok(Order { public_key: key.public_key().clone(), request: request.der().to_vec() })
    }

    /// The private key (PKCS#8, DER) with its case; afterwards it is here no more.
    #[must_use]
    pub fn take(&self) -> Option<(CaseId, Zeroizing<Vec<u8>>)> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((made.case, made.private))
    }
}

/// The key stays out of sight.
impl std::fmt::Debug for ServerKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServerKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// An RSA key takes its time, so it is made aside, and one after the other. None is begun for a requester that would not wait for the
/// CA's answer any more.
#[expect(clippy::disallowed_methods, reason = "one at a time, and it ends by itself")]
async fn generated(maker: Arc<dyn KeyMaker>, kind: ServerKeyKind) -> Result<Box<dyn KeyPair>, Refusal> {
    let turn = tokio::time::timeout(KEY_MAKING_TIME / 2, ONE_AT_A_TIME.acquire()).await;
    let turn = turn.map_err(|_| Refusal::away("too many keys are asked for at once"))?.map_err(Refusal::away)?;
    let made = tokio::task::spawn_blocking(move || {
        let made = maker.make(kind);
        // Also where the requester is gone, and nobody waits for the key.
        drop(turn);
        made
    });
    made.await.map_err(Refusal::away)?.map_err(Refusal::away)
}

/// Makes key pairs for requesters. It is handed in, as all randomness is.
pub trait KeyMaker: Send + Sync + std::fmt::Debug {
    /// A new key pair. It may take seconds.
    ///
    /// # Errors
    /// When the library makes none.
    fn make(&self, kind: ServerKeyKind) -> Result<Box<dyn KeyPair>, String>;
}

/// A key pair in memory, as long as it is needed to sign its own request: RFC 4211 section 4 has no other proof that a CA could check
/// at once, though the certificate allows no signature.
pub trait KeyPair: Signer {
    /// The private key, PKCS#8, DER.
    ///
    /// # Errors
    /// When the library does not encode it.
    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, String>;
}

impl Registrar {
    /// A request for a key that was asked for before: by DESIGN rule 2 its case is found, but no certificate is given a second time, as
    /// its key is gone.
    pub(super) async fn join_server_key(
        &self,
        join_key: &[u8; 32],
        key: &ServerKey,
        reply: &Arc<dyn Reply>,
    ) -> Result<Option<Answered>, Refusal> {
        let Some(case) = self.store.case_by_join_key(join_key).await.map_err(Refusal::store)? else { return Ok(None) };
        match case.state {
            State::Received | State::Authenticated | State::Checked => {
                self.came_back(&case).await?;
                self.wait_for(case.id, None, reply).await.map(Some)
            }
            State::Approved => {
                self.came_back(&case).await?;
                self.send_with_key(case, key, Arc::clone(reply)).await.map(Some)
            }
            state if state.is_open() => Err(busy()),
            // Its certificate was not taken, and is about to be revoked.
            State::Issued => Err(busy()),
            _ => {
                let exchange = self.exchange_of(&case).await?.filter(|found| found.state == ExchangeState::Polling);
                let outcome = self.outcome_of(&case, None).await?;
                match (exchange, outcome) {
                    (Some(exchange), Some(refused @ Outcome::Refused(_))) => {
                        self.answer(Some(&exchange), refused, reply).await.map(Some)
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    /// An officer approved, and the requester is here again: the key is made and its request sent.
    async fn send_with_key(&self, case: CaseRow, key: &ServerKey, reply: Arc<dyn Reply>) -> Result<Answered, Refusal> {
        self.check_capacity()?;
        let rules = self.rules_of(&case).await?;
        let profile = rules.profile(&case.profile).ok_or_else(|| Refusal::UnknownProfile(case.profile.clone()))?;
        let authority = self.authority(&profile.authority)?;
        self.check_line(authority.name())?;
        let exchange = self.exchange_of(&case).await?;
        let exchange = exchange.ok_or_else(|| Refusal::store("the exchange of an approved case is not there"))?;
        // A repeat is known by its names; whatever else it asks for must be what was judged and approved.
        let approved = CsrContent::parse(&case.request).map_err(Refusal::store)?;
        if !key.asks_like(&approved) {
            let text = "the request is not the one that was approved: it asks for other extensions".to_owned();
            return Err(Refusal::Requester(Reason { code: ReasonCode::BadTemplate, text }));
        }
        let made = key.make(&self.key_maker, case.id).await?;
        let asked =
            Forwarding { form: RequestForm::Pkcs10, request: &made.request, message: &[], implicit: exchange.implicit };
        let fresh = self.fresh();
        let message = authority.compose(asked.order(profile, Some(&exchange))?, fresh).await.map_err(Refusal::away)?;
        let submission = self.submission(case.id, authority.name(), fresh, Some(&exchange));
        let public_key = made.public_key.der().to_vec();
        let id = case.id;
        let case = CaseRow { public_key: Some(public_key.clone()), ..case };
        let voyage =
            Voyage::begin(&submission, self.party_of(&case).await?, authority, message, Some(exchange.clone()));
        let at = self.now();
        let unit = Unit::new()
            .with(Row::GiveKey { case: id, key_print: *made.public_key.print().as_bytes(), public_key })
            .with(Row::MoveCase { case: id, from: State::Approved, event: Event::Prepare, at })
            .with(Row::MoveCase { case: id, from: State::Ready, event: Event::Submit, at })
            .with(deadline(&exchange, self.key_deadline()))
            .with(Row::Leaf(self.leaf(LeafKind::SubmissionRecorded, "house:registrar").case(id)));
        let unit = self.submission_rows(unit, submission, &voyage);
        // Another connection was first: its key is the one, and this one is nobody's.
        let Some(flight) = self.flights.take_off_alone(id, Some(Arc::clone(&reply))) else {
            drop(key.take());
            return Err(busy());
        };
        if let Err(fault) = self.store.commit(unit).await {
            self.flights.forget(id, &flight);
            // Nothing was sent: no certificate is lost with this key.
            drop(key.take());
            return Err(Refusal::store(fault));
        }
        self.set_out(voyage, &flight, exchange, reply).await
    }

    /// Until when a key that was made must have been handed over; a restart in between is found by this, too.
    pub(super) fn key_deadline(&self) -> Millis {
        self.now().plus(i64::try_from(self.settings.server_key_time.as_millis()).unwrap_or(i64::MAX / 4) * 2)
    }

    /// The answer with the key was written: the certificate counts.
    pub async fn key_delivered(&self, case: CaseId) -> Result<(), Refusal> {
        let Some(exchange) = self.undelivered(case).await? else { return Ok(()) };
        self.take_as_delivered(exchange).await
    }

    /// The answer with the key was not written, or nobody waited for it: the certificate is rejected, and revoked if need be.
    pub async fn key_lost(&self, case: CaseId) -> Result<(), Refusal> {
        match self.undelivered(case).await? {
            Some(exchange) => self.reject_for(exchange, "the answer with the key was not taken").await,
            None => Ok(()),
        }
    }

    async fn undelivered(&self, case: CaseId) -> Result<Option<Exchange>, Refusal> {
        // A key whose request was never recorded went nowhere.
        let Some(case) = self.store.case_by_id(case).await.map_err(Refusal::store)? else { return Ok(None) };
        let exchange = self.exchange_of(&case).await?;
        Ok(exchange.filter(|found| found.state == ExchangeState::Confirming && found.deadline.is_some()))
    }
}

/// An exchange stays where it is, with another deadline.
pub(super) fn deadline(exchange: &Exchange, at: Millis) -> Row {
    let (from, to) = (exchange.state, exchange.state);
    Row::MoveExchange { exchange: exchange.id, from, to, our_nonce: None, deadline: Some(at) }
}

fn busy() -> Refusal {
    Refusal::away(
        "this key is on its way over another connection, or was lost there; it is asked for anew when that is settled",
    )
}

/// What a requester must wait for its key, besides the CA: half of it for its turn.
pub const KEY_MAKING_TIME: Duration = Duration::from_secs(10);

static ONE_AT_A_TIME: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);
