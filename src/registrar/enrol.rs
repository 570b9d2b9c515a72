//! The one path of a request for a certificate: read down [`Registrar::enrol`].

use std::sync::Arc;

use certs::AltName;

use super::asked::Asked;
use super::flight::Flight;
use super::forwarding::{Forwarding, family};
use super::identify::Identified;
use super::recording::{Committed, Opening, sha256};
use super::request::{Answered, CertificateRequest, Incoming, Reply};
use super::server_key::deadline;
use super::voyage::{Party, Voyage, expected};
use super::{Refusal, Registrar};
use crate::audit::{Leaf, LeafKind};
use crate::case::{
    CaseId, CertificateId, Event, Exchange, ExchangeState, Family, Kind, Outcome, Reason, ReasonCode, RequestForm,
    State,
};
use crate::failpoint::failpoint;
use crate::rules::{Facts, Profile, Proof, Ruling, Verdict, rule};
use crate::store::{CaseRow, CertificateStatus, NewCase, NewDecision, Row, Unit, exchange_key};
use crate::upstream::{Authority, Fresh, Templates};

impl Registrar {
    /// Decides on a request for a certificate and, when it is approved, brings the answer of the CA.
    ///
    /// The answer is recorded before it is returned. When the CA takes longer than `answer_time`, or an officer must
    /// decide, the outcome is [`Outcome::Waiting`].
    pub async fn enrol(
        &self,
        who: &Identified,
        mut request: CertificateRequest,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        self.check_standing(who).await?;
        if who.expired && request.replaces.is_none() {
            let fault = "the certificate has expired; it can only be renewed";
            self.note_failure(&who.source, who.requester.credential.as_str(), fault).await?;
            return Err(Refusal::NotIdentified);
        }
        if request.replaces.is_none() && !who.is_proven_enough() {
            let fault = "this profile wants a certificate and an enrolment code, both";
            self.note_failure(&who.source, who.requester.credential.as_str(), fault).await?;
            return Err(Refusal::NotAllowed(fault.to_owned()));
        }
        let join_key = request.message.transaction.is_none().then(|| join_key(who, &request));
        if let Some(key) = &join_key {
            let answered = match &request.server_key {
                Some(server_key) => self.join_server_key(key, server_key, &reply).await?,
                None => self.join(key, &reply).await?,
            };
            let taken = self.take_once(who, &request.message, answered.is_some()).await?;
            if let Some(answered) = answered {
                return Ok(answered);
            }
            if taken {
                let text =
                    "this message was taken before, and its answer is not given any more; sign a new one".to_owned();
                return Err(Refusal::Requester(Reason { code: ReasonCode::BadRequest, text }));
            }
        }
        let replaced = match &request.replaces {
            Some((issuer, serial)) => self.named_certificate(issuer, serial).await?,
            None => None,
        };
        let kind = match (request.kind, &replaced) {
            (Kind::Rekey, Some(row))
                if request.public_key.as_ref().is_some_and(|key| row.key_print == *key.print().as_bytes()) =>
            {
                Kind::Renew
            }
            (kind, _) => kind,
        };
        let facts = self.facts_of(who, &request, kind, replaced.as_ref()).await?;
        let profile = who.profile().ok_or_else(|| Refusal::UnknownProfile(who.profile.clone()))?;
        let ruling = rule(profile, &facts);
        let authority = self.authority(&profile.authority)?;
        let family = family(profile, who, kind, &request.message, authority.as_ref());
        if request.form == RequestForm::Crmf && !authority.takes().template(profile.proof == Proof::RaVerified) {
            let text = match authority.takes().templates {
                Templates::None => {
                    "the CA of this profile takes PKCS#10 only: ask with p10cr, or over EST with the names in the request itself"
                }
                Templates::Vouched | Templates::Any => {
                    "this profile takes PKCS#10 only, as its CA knows no other proof of possession: ask with p10cr, or over EST with the \
                     names in the request itself"
                }
            };
            return Err(Refusal::Requester(Reason { code: ReasonCode::BadTemplate, text: text.to_owned() }));
        }
        let id = CaseId::new(self.now(), self.random.as_ref());
        let mut ordered = None;
        if let (Some(server_key), Verdict::Pass) = (&request.server_key, ruling.verdict) {
            self.check_capacity()?;
            self.check_line(authority.name())?;
            let made = server_key.make(&self.key_maker, id).await?;
            request.public_key = Some(made.public_key);
            ordered = Some(made.request);
        }
        if request.public_key.is_none() && request.server_key.is_none() && !family.keeps_protection() {
            // RFC 9483 section 5.2.3: the key is encrypted for the one whose protection the CA sees.
            let text =
                "a request for a key that the CA makes goes to it only under its requester's own protection".to_owned();
            return Err(Refusal::Requester(Reason { code: ReasonCode::BadTemplate, text }));
        }
        let about = replaced.map(|row| row.id);
        let opening = self.open(id, who, request, kind, family, about, join_key, &ruling, &facts)?;
        let opening = Opening { ordered, ..opening };
        match ruling.verdict {
            Verdict::Refuse => self.refuse(opening, &ruling, reply).await,
            Verdict::Vet => self.hold(opening, reply).await,
            Verdict::Pass => self.forward(opening, profile, authority, reply).await,
        }
    }

    /// Whether a message was taken before that says by its signature alone who sends it: later, when its certificate is gone, it must
    /// bring no new one. One that only joins a case is marked as taken, too.
    async fn take_once(&self, who: &Identified, message: &Incoming, joins: bool) -> Result<bool, Refusal> {
        let Some(signed) = &message.once else { return Ok(false) };
        let key = exchange_key(&who.requester.credential, signed);
        let taken = self.store.exchange_by_key(&key).await.map_err(Refusal::store)?.is_some();
        if joins && !taken {
            let exchange = self.exchange(who, message, None, Family::Terminated, true);
            let exchange = Exchange { state: ExchangeState::Ended, deadline: None, ..exchange };
            let request = self.request_message(&exchange, message);
            match self.commit_exchange(Unit::new().with(Row::OpenExchange(Box::new(exchange))).with(request)).await {
                Ok(()) | Err(Refusal::TransactionInUse) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(taken)
    }

    /// What became of a case that its requester was told of by its join key ([`Registrar::pending_key`]); none where it has no such case.
    pub async fn enquire(
        &self,
        who: &Identified,
        key: &[u8; 32],
        reply: Arc<dyn Reply>,
    ) -> Result<Option<Answered>, Refusal> {
        self.check_standing(who).await?;
        let case = self.store.case_by_join_key(key).await.map_err(Refusal::store)?;
        // Nobody comes back for a key by another door than the one that makes it.
        let own = case.is_some_and(|case| {
            case.requester.credential == who.requester.credential && case.form != RequestForm::ServerKey
        });
        if own { self.join(key, &reply).await } else { Ok(None) }
    }

    /// What a request that is waiting is asked for by ([`Registrar::enquire`]).
    #[must_use]
    pub fn pending_key(&self, who: &Identified, request: &CertificateRequest) -> [u8; 32] {
        join_key(who, request)
    }

    /// A repeated EST request joins its open case, or gets its certificate again (DESIGN rule 2).
    async fn join(&self, key: &[u8; 32], reply: &Arc<dyn Reply>) -> Result<Option<Answered>, Refusal> {
        let Some(case) = self.store.case_by_join_key(key).await.map_err(Refusal::store)? else { return Ok(None) };
        if case.state.is_open() {
            self.came_back(&case).await?;
            return self.wait_for(case.id, None, reply).await.map(Some);
        }
        // A requester that was told to come back gets what became of its case, once, however late; also a refusal.
        if let Some(exchange) = self.exchange_of(&case).await?.filter(|found| found.state == ExchangeState::Polling)
            && let Some(outcome) = self.outcome_of(&case, None).await?
        {
            return self.answer(Some(&exchange), outcome, reply).await.map(Some);
        }
        let recent = case.changed_at.plus(self.settings.repeat_window) > self.now();
        if !recent || !matches!(case.state, State::Issued | State::Confirmed | State::HandedOver) {
            return Ok(None);
        }
        let certificate = self.store.certificate_of_case(case.id).await.map_err(Refusal::store)?;
        if certificate.is_none_or(|row| row.status == CertificateStatus::Revoked) {
            return Ok(None);
        }
        match self.outcome_of(&case, None).await? {
            Some(outcome @ Outcome::Issued(_)) => self.render(outcome, reply).await.map(Some),
            _ => Ok(None),
        }
    }

    /// A requester that keeps asking is not gone. Its exchange says so now and then, not at each of its requests.
    pub(super) async fn came_back(&self, case: &CaseRow) -> Result<(), Refusal> {
        let exchange = self.exchange_of(case).await?.filter(|found| found.state == ExchangeState::Polling);
        let late = self.now().plus(self.settings.come_back_time / 2);
        let Some(exchange) = exchange.filter(|found| found.deadline.is_none_or(|deadline| deadline < late)) else {
            return Ok(());
        };
        let unit = Unit::new().with(Row::MoveExchange {
            exchange: exchange.id,
            from: exchange.state,
            to: exchange.state,
            our_nonce: None,
            deadline: Some(self.come_back_by()),
        });
        self.store.commit(unit).await.map_err(Refusal::store)
    }

    /// Waits for a case that is on its way on this node, else tells to come back.
    pub(super) async fn wait_for(
        &self,
        case: CaseId,
        exchange: Option<&Exchange>,
        reply: &Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let waiting = Outcome::Waiting { check_after: self.check_after() };
        let Some(flight) = self.flights.find(case) else { return self.answer(exchange, waiting, reply).await };
        let patience = self.settings.answer_time;
        let landed = tokio::time::timeout(patience, flight.landing()).await;
        let outcome = landed.ok().flatten().unwrap_or(waiting);
        self.answer(exchange, outcome, reply).await
    }

    /// An answer that is not recorded, as nothing changed: EST only.
    async fn render(&self, outcome: Outcome, reply: &Arc<dyn Reply>) -> Result<Answered, Refusal> {
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        Ok(Answered { outcome: Some(outcome), octets: finished.octets })
    }

    /// An answer for an exchange that is open already, recorded.
    pub(super) async fn answer(
        &self,
        exchange: Option<&Exchange>,
        outcome: Outcome,
        reply: &Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let Some(exchange) = exchange else { return self.render(outcome, reply).await };
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let unit = self.answer_rows(Unit::new(), exchange, &outcome, &finished);
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Answered { outcome: Some(outcome), octets: finished.octets })
    }

    #[expect(clippy::too_many_arguments, reason = "everything that stands in an opening, once")]
    fn open(
        &self,
        id: CaseId,
        who: &Identified,
        request: CertificateRequest,
        kind: Kind,
        family: Family,
        about: Option<CertificateId>,
        join_key: Option<[u8; 32]>,
        ruling: &Ruling,
        facts: &Facts,
    ) -> Result<Opening, Refusal> {
        let now = self.now();
        // Whether a relayed requester must confirm is for the CA to say.
        let implicit = !family.is_relayed() && request.server_key.is_none() && grants_implicit(who, &request.message);
        let mut exchange = self.exchange(who, &request.message, Some(id), family, implicit);
        if exchange.awaits_delivery() {
            exchange.deadline = Some(self.key_deadline());
        }
        let case = NewCase {
            id,
            kind,
            state: State::Received,
            door: request.door,
            profile: who.profile.clone(),
            requester: who.requester.clone(),
            join_key,
            request: request.request,
            form: request.form,
            key_print: request.public_key.as_ref().map(|key| *key.print().as_bytes()),
            public_key: request.public_key.as_ref().map(|key| key.der().to_vec()),
            subject: Some(request.subject.der().to_vec()),
            subject_text: request.subject.to_string(),
            alt_names: (!request.alt_names.is_empty()).then(|| AltName::encode_all(&request.alt_names)),
            about,
            rule_set: *who.rules.hash(),
            created_at: now,
        };
        let decision = self.decision(id, who, ruling, facts)?;
        let leaf = self.decision_leaf(id, who, ruling, family, &request.message.octets);
        Ok(Opening {
            case,
            exchange,
            decision,
            leaf,
            message: request.message,
            code: who.code.as_ref().map(|code| code.id),
            profile: who.profile().cloned(),
            asked: Asked::of(facts),
            ordered: None,
        })
    }

    pub(super) fn decision(
        &self,
        case: CaseId,
        who: &Identified,
        ruling: &Ruling,
        facts: &Facts,
    ) -> Result<NewDecision, Refusal> {
        Ok(NewDecision {
            case,
            actor: format!("rules:{}", hex::encode(who.rules.hash())),
            facts: serde_json::to_string(facts).map_err(Refusal::away)?,
            findings: serde_json::to_string(&ruling.findings).map_err(Refusal::away)?,
            verdict: ruling.verdict.name(),
            rule_set: *who.rules.hash(),
            at: self.now(),
        })
    }

    pub(super) fn decision_leaf(
        &self,
        case: CaseId,
        who: &Identified,
        ruling: &Ruling,
        family: Family,
        message: &[u8],
    ) -> Leaf {
        let leaf = self
            .leaf(LeafKind::Decision, who.requester.credential.as_str())
            .case(case)
            .plain("verdict", ruling.verdict.name())
            .plain("profile", &who.profile)
            .plain("request", &who.source.request_id)
            // Nobody vouches for what goes up untouched (DESIGN rule 3).
            .plain("family", family.name())
            .hash("rule_set", *who.rules.hash())
            .hash("message", sha256(message));
        if who.vouchers.is_empty() { leaf } else { leaf.plain("vouched_by", &who.vouchers.join("; ")) }
    }

    /// The rules said no: recorded, and answered.
    async fn refuse(&self, opening: Opening, ruling: &Ruling, reply: Arc<dyn Reply>) -> Result<Answered, Refusal> {
        let (code, text) = ruling.reason();
        let state = walk(&[Event::Refuse])?;
        let case = opening.case.id;
        let outcome = Outcome::Refused(Reason { code, text: text.clone() });
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let exchange = opening.exchange.clone();
        // A refused request uses up no code (DESIGN rule 11).
        let unit = self.opening_rows(Opening { code: None, ..opening }, state);
        let unit = unit.with(Row::ExplainCase { case, code: code.name(), text });
        let unit = self.answer_rows(unit, &exchange, &outcome, &finished);
        self.commit_opening(unit, state).await?;
        Ok(Answered { outcome: Some(outcome), octets: finished.octets })
    }

    /// An officer must decide: recorded, and told to come back.
    async fn hold(&self, opening: Opening, reply: Arc<dyn Reply>) -> Result<Answered, Refusal> {
        let state = walk(&[Event::Authenticate, Event::Check])?;
        let outcome = Outcome::Waiting { check_after: self.settings.check_after };
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let exchange = opening.exchange.clone();
        let unit = self.opening_rows(opening, state);
        let mut unit = self.answer_rows(unit, &exchange, &outcome, &finished);
        if exchange.awaits_delivery() {
            // There is no key yet, and officers take their time.
            let polling = Exchange { state: ExchangeState::Polling, ..exchange };
            unit.push(deadline(&polling, self.come_back_by()));
        }
        match self.commit_opening(unit, state).await? {
            Committed::Opened => Ok(Answered { outcome: Some(outcome), octets: finished.octets }),
            Committed::Joins(case) => self.wait_for(case, None, &reply).await,
        }
    }

    /// Approved by the rules: signed, recorded, sent, waited for.
    async fn forward(
        &self,
        opening: Opening,
        profile: &Profile,
        authority: Arc<dyn Authority>,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        self.check_capacity()?;
        let fresh = self.fresh();
        let exchange = opening.exchange.clone();
        let (form, request) = match &opening.ordered {
            Some(request) => (RequestForm::Pkcs10, request),
            None => (opening.case.form, &opening.case.request),
        };
        let asked = Forwarding { form, request, message: &opening.message.octets, implicit: exchange.implicit };
        let message = authority.compose(asked.order(profile, Some(&exchange))?, fresh).await.map_err(Refusal::away)?;
        let state = walk(&[Event::Approve, Event::Prepare, Event::Submit])?;
        let party = Party::of_new(&opening)?;
        let submission = self.submission(opening.case.id, authority.name(), fresh, Some(&exchange));
        let voyage = Voyage::begin(&submission, party, authority, message, Some(exchange.clone()));
        let unit = self.submission_rows(self.opening_rows(opening, state), submission, &voyage);
        let flight = self.flights.take_off(voyage.case(), Some(Arc::clone(&reply)));
        match self.commit_opening(unit, state).await {
            Ok(Committed::Opened) => self.set_out(voyage, &flight, exchange, reply).await,
            Ok(Committed::Joins(_)) if exchange.awaits_delivery() => {
                self.flights.forget(voyage.case(), &flight);
                Err(Refusal::away("the same key is asked for over another connection"))
            }
            Ok(Committed::Joins(case)) => {
                self.flights.forget(voyage.case(), &flight);
                self.wait_for(case, None, &reply).await
            }
            Err(fault) => {
                self.flights.forget(voyage.case(), &flight);
                Err(fault)
            }
        }
    }

    /// Sends a recorded submission and waits for its landing, but not longer than a requester should. The flight was begun
    /// before the commit, so that a repeat that comes right after it finds it.
    pub(super) async fn set_out(
        &self,
        voyage: Voyage,
        flight: &Flight,
        exchange: Exchange,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        self.metrics.in_flight(self.flights.len());
        // The task outlives a requester that goes away: what was begun is brought to its end.
        let registrar = self.clone();
        tokio::spawn(async move { registrar.drive(voyage).await });
        self.await_landing(flight, exchange, reply).await
    }

    async fn await_landing(
        &self,
        flight: &Flight,
        exchange: Exchange,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let patience =
            if exchange.awaits_delivery() { self.settings.server_key_time } else { self.settings.answer_time };
        loop {
            if let Ok(landed) = tokio::time::timeout(patience, flight.landing()).await {
                // RFC 9483 section 5.2.2.2: systemUnavail where the answer to a batch has none for this message.
                failpoint("after-answer");
                let outcome = landed.ok_or_else(|| Refusal::away("the CA left the message unanswered"))?;
                return match (flight.take_answer(), &outcome) {
                    (Some(octets), _) => Ok(Answered { outcome: Some(outcome), octets }),
                    (None, Outcome::Waiting { .. }) if polls_the_authority(&exchange) => Err(no_word()),
                    (None, _) => self.answer(Some(&exchange), outcome, &reply).await,
                };
            }
            // Without the reply the worker is about to answer, or gives it back.
            if flight.claim_reply().is_some() {
                if polls_the_authority(&exchange) {
                    return Err(no_word());
                }
                if exchange.awaits_delivery() {
                    return Err(Refusal::away("the CA takes longer than a requester can be kept waiting for its key"));
                }
                let waiting = Outcome::Waiting { check_after: self.check_after() };
                return self.answer(Some(&exchange), waiting, &reply).await;
            }
        }
    }

    /// DESIGN rule 9: no case is opened that could not be signed or queued.
    pub(super) fn check_capacity(&self) -> Result<(), Refusal> {
        if !self.key_ready.key_ready() {
            return Err(Refusal::away("the RA key cannot sign: its token is away or closed"));
        }
        if self.queue.open() >= self.settings.queue_limit {
            return Err(Refusal::away("the queue to the CA is full"));
        }
        Ok(())
    }

    /// Nobody comes back for a key, so none is made while its CA is left alone.
    pub(super) fn check_line(&self, authority: &str) -> Result<(), Refusal> {
        match self.queue.closed_until(authority, self.now()) {
            None => Ok(()),
            Some(_) => Err(Refusal::away(format!("the CA '{authority}' gives no answers"))),
        }
    }

    pub(super) fn authority(&self, name: &str) -> Result<Arc<dyn Authority>, Refusal> {
        let found = self.authorities.get(name).cloned();
        found.ok_or_else(|| Refusal::away(format!("there is no [authority.{name}]")))
    }

    pub(super) fn fresh(&self) -> Fresh {
        Fresh { transaction: self.nonce(), nonce: self.nonce() }
    }
}

/// RFC 9810 section 5.1.1.1: granted when it is asked for and the profile allows it. EST knows no confirmation.
fn grants_implicit(who: &Identified, message: &Incoming) -> bool {
    let allowed = who.profile().is_some_and(|profile| profile.implicit_confirm);
    message.transaction.as_ref().is_none_or(|transaction| transaction.implicit && allowed)
}

/// Whether what is on its way is a relayed pollReq: it is between requester and CA, and an answer of ours would break the chain of
/// their nonces. A relayed certConf has its deadline until it is recorded; its pollReq has none.
fn polls_the_authority(exchange: &Exchange) -> bool {
    let confirming = exchange.state == ExchangeState::Confirming && exchange.deadline.is_none();
    exchange.family.is_relayed() && (exchange.state == ExchangeState::Polling || confirming)
}

fn no_word() -> Refusal {
    Refusal::away("the CA does not answer a relayed pollReq")
}

/// The state after these events, from the start.
pub(super) fn walk(events: &[Event]) -> Result<State, Refusal> {
    events.iter().try_fold(State::Received, |state, event| state.after(*event)).map_err(Refusal::away)
}

/// What a repeated EST request is recognised by (DESIGN rule 2): requester, label, operation, key, subject, alternative
/// names and the certificate renewed. Not the CSR's bytes: a client signs anew at each try (RFC 7030 section 4.2.3).
fn join_key(who: &Identified, request: &CertificateRequest) -> [u8; 32] {
    let mut names = request.alt_names.clone();
    names.sort();
    let (issuer, serial) = match &request.replaces {
        Some((issuer, serial)) => (issuer.canonical(), serial.clone()),
        None => (Vec::new(), Vec::new()),
    };
    let parts: [&[u8]; 8] = [
        who.requester.credential.as_str().as_bytes(),
        who.profile.as_bytes(),
        match (&request.server_key, request.kind) {
            (Some(_), _) => b"serverkeygen",
            (None, Kind::Issue) => b"enroll",
            (None, _) => b"reenroll",
        },
        request.public_key.as_ref().map(certs::PublicKey::der).unwrap_or_default(),
        &request.subject.canonical(),
        &AltName::encode_all(&names),
        &issuer,
        &serial,
    ];
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        // With its length, so that no two lists of parts read the same.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

impl Party {
    /// The party of a case that is about to be opened.
    fn of_new(opening: &Opening) -> Result<Self, Refusal> {
        let case = &opening.case;
        let profile = opening.profile.as_ref().ok_or_else(|| Refusal::UnknownProfile(case.profile.clone()))?;
        Ok(Self {
            case: case.id,
            kind: case.kind,
            door: case.door,
            profile: case.profile.clone(),
            expected: expected(
                profile,
                case.kind,
                case.public_key.as_deref(),
                case.subject.as_deref(),
                case.alt_names.as_deref(),
            )?,
            asked: opening.asked.clone(),
            about: case.about,
            code: opening.code,
        })
    }
}
