//! The RA itself: identify, rule, decide, record, forward, close.
//!
//! One request goes through [`Registrar::enrol`] from top to bottom: it is identified, judged and signed for the CA;
//! all of that is committed before anything is sent; the worker that drives the submission ([`voyage`]) commits the outcome
//! together with the requester's finished answer. Whatever a crash leaves open, [`worker`] takes up from the records.

mod absent;
mod arrival;
mod asked;
mod balancer;
mod batch;
mod carrying;
mod case_of;
mod checkpoints;
mod codes;
mod confirm;
mod enrol;
mod facts;
mod first_officers;
mod flight;
mod forwarding;
mod hand;
mod identify;
mod key_acts;
mod known_by;
mod limit;
mod limits;
mod metrics;
mod nonces;
mod office;
mod officers;
mod paths;
mod poll;
mod queue;
mod recording;
mod refusal;
mod relay;
mod request;
mod revoke;
mod secrets;
mod server_key;
mod session;
mod shelf;
mod support;
mod trust;
mod trusted_ra;
mod vet;
mod voyage;
mod watching;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::audit::{Leaf, LeafKind};
use crate::case::{Clock, Millis, Random};
use crate::rules::{MessageRules, Profile, RuleSet};
use crate::store::{Row, Store, Unit};
use crate::upstream::Authority;

pub use balancer::{Balancer, BalancerConfig};
pub use carrying::Brought;
pub use checkpoints::{CheckpointPlace, Log, LogConfig};
pub use codes::{CodeOrder, CodeView, MadeCode};
pub use confirm::Unconfirmed;
pub use facts::{SHORT_NAMES, usages};
pub use first_officers::begin_with_officers;
pub use hand::Hand;
pub use identify::{Identified, MacProof, Source};
pub use key_acts::{KeyAct, KeyStep, KeyVerb};
pub use metrics::Metrics;
pub use office::{CaseView, Readiness};
pub use officers::{Candidate, Learned, OfficerView, Roster};
pub use poll::{Claim, Known};
pub use recording::LEASE;
pub use refusal::Refusal;
pub use request::{
    Answered, CertificateRequest, Finished, Incoming, Possession, Reply, Replying, RevocationRequest, Transaction,
    without_own_rule,
};
pub use secrets::{SealBroken, Secrets, Vault};
pub use server_key::{KEY_MAKING_TIME, KeyMaker, KeyPair, ServerKey};
pub use session::{OfficerSettings, OnDuty, SessionToken};
pub use support::Wish;
pub use trust::{Trust, TrustConfig};
pub use trusted_ra::{TrustedRa, TrustedRaConfig};
pub use watching::{LeafView, QueueView};
pub use worker::Workers;

/// Everything the registrar works with, built from the ground up by cli.
#[derive(Debug)]
pub struct Parts {
    /// What is remembered.
    pub store: Store,
    /// The CAs by name.
    pub authorities: BTreeMap<String, Arc<dyn Authority>>,
    /// The trust tables by name.
    pub trust: BTreeMap<String, Trust>,
    /// The registration authorities below us.
    pub trusted_ras: Vec<TrustedRa>,
    /// The balancers that end TLS in front of us.
    pub balancers: Vec<Balancer>,
    /// The active rule set.
    pub rules: Arc<RuleSet>,
    /// The data key.
    pub secrets: Vault,
    /// Whether the RA key can sign now.
    pub key_ready: Arc<dyn KeyReady>,
    /// What makes keys for requesters.
    pub key_maker: Arc<dyn KeyMaker>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The audit log as it is signed; none where it is not.
    pub log: Option<Log>,
    /// How it works.
    pub settings: Settings,
}

/// Tells whether the RA key can sign: DESIGN rule 9 refuses automatic requests while it cannot.
pub trait KeyReady: Send + Sync + std::fmt::Debug {
    /// Whether it can.
    fn key_ready(&self) -> bool;
}

/// How the registrar works; from `[registrar]`, with the node's name.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this node in leases and leaves.
    pub node: String,
    /// The profile of a request that names none.
    pub default_profile: String,
    /// How long a requester waits for the CA before it is told to come back.
    pub answer_time: std::time::Duration,
    /// How long a requester is kept waiting for a key that is made here.
    pub server_key_time: std::time::Duration,
    /// When a waiting requester is told to come back, in seconds.
    pub check_after: u32,
    /// How long after delivery a repeated EST request gets the same certificate, in milliseconds (DESIGN rule 2).
    pub repeat_window: i64,
    /// How many cases may be on their way to CAs (DESIGN rule 9).
    pub queue_limit: u64,
    /// How long a requester may take to confirm, in milliseconds; never longer than the CA waits.
    pub confirm_time: i64,
    /// How long a requester that was told to come back may stay away before its case lapses, in milliseconds.
    pub come_back_time: i64,
    /// How long what a CA told is given to others, too, in milliseconds (RFC 9483 section 5.1.4).
    pub information_time: i64,
    /// How often a wrong answer of a CA is taken for a fault that passes, before an officer must look.
    pub answer_tries: u32,
    /// How many requests a credential may make in a minute.
    pub requests_per_minute: u32,
    /// How many failed log-ins an address may have in a minute.
    pub failures_per_minute: u32,
    /// How many iterations of key derivation an address may cost in a minute.
    pub iterations_per_minute: u32,
    /// How officers are dealt with.
    pub officers: OfficerSettings,
}

/// The registrar. Cheap to clone: all clones are the same one.
#[derive(Clone, Debug)]
pub struct Registrar(Arc<Inner>);

/// See [`Parts`].
#[derive(Debug)]
pub struct Inner {
    store: Store,
    authorities: BTreeMap<String, Arc<dyn Authority>>,
    trust: ArcSwap<BTreeMap<String, Trust>>,
    trusted_ras: Vec<TrustedRa>,
    balancers: Vec<Balancer>,
    rules: ArcSwap<RuleSet>,
    secrets: Vault,
    key_ready: Arc<dyn KeyReady>,
    key_maker: Arc<dyn KeyMaker>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Settings,
    flights: flight::Flights,
    limits: limits::Limits,
    shelf: shelf::Shelf,
    metrics: Metrics,
    queue: queue::Queue,
    log: Option<Log>,
}

impl std::ops::Deref for Registrar {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Registrar {
    /// The registrar of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let limits = limits::Limits::new(&parts.settings);
        Self(Arc::new(Inner {
            store: parts.store,
            authorities: parts.authorities,
            trust: ArcSwap::from_pointee(parts.trust),
            trusted_ras: parts.trusted_ras,
            balancers: parts.balancers,
            rules: ArcSwap::new(parts.rules),
            secrets: parts.secrets,
            key_ready: parts.key_ready,
            key_maker: parts.key_maker,
            clock: parts.clock,
            random: parts.random,
            settings: parts.settings,
            flights: flight::Flights::default(),
            limits,
            shelf: shelf::Shelf::default(),
            metrics: Metrics::default(),
            queue: queue::Queue::default(),
            log: parts.log,
        }))
    }

    /// Puts trust tables in place that were read again. One that is no longer configured stays: the active rules may name it.
    pub fn renew_trust(&self, tables: BTreeMap<String, Trust>) {
        let mut all = BTreeMap::clone(&self.trust.load());
        all.extend(tables);
        self.trust.store(Arc::new(all));
    }

    /// The profile of this name, or the default one, with its own name.
    #[must_use]
    pub fn profile(&self, name: Option<&str>) -> Option<(String, Profile)> {
        let name = name.unwrap_or(&self.settings.default_profile);
        self.rules.load().profile(name).map(|profile| (name.to_owned(), profile.clone()))
    }

    /// How the CMP messages of a profile look; of the default one where none is named.
    #[must_use]
    pub fn message_rules(&self, name: Option<&str>) -> MessageRules {
        let name = name.unwrap_or(&self.settings.default_profile);
        self.rules.load().profile(name).map(|profile| profile.cmp).unwrap_or_default()
    }

    /// How long a requester may take to confirm, in milliseconds.
    fn confirm_time(&self, profile: &str) -> i64 {
        let own = self.message_rules(Some(profile)).confirm_seconds;
        own.map_or(self.settings.confirm_time, |seconds| i64::from(seconds) * 1000)
    }

    /// The name of the profile that a requester was identified for.
    #[must_use]
    pub fn profile_name(&self, who: &Identified) -> Option<String> {
        who.profile().map(|_| who.profile.clone())
    }

    /// The certificates of a profile's CA, from the issuing CA up to the root, DER.
    #[must_use]
    pub fn ca_certificates(&self, profile: &Profile) -> Vec<Vec<u8>> {
        let chain = self.authorities.get(&profile.authority).map(|authority| authority.chain());
        chain.unwrap_or_default().iter().map(|certificate| certificate.der().to_vec()).collect()
    }

    /// The same with what connects the root with the one before or the next one (RFC 7030 section 4.1.3).
    #[must_use]
    pub fn ca_certificates_with_rollover(&self, profile: &Profile) -> Vec<Vec<u8>> {
        let rollover = self.authorities.get(&profile.authority).map(|authority| authority.rollover());
        let rollover = rollover.unwrap_or_default().iter().map(|certificate| certificate.der().to_vec());
        self.ca_certificates(profile).into_iter().chain(rollover).collect()
    }

    /// The numbers it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// When a waiting requester is told to come back, in seconds.
    #[must_use]
    pub fn check_after(&self) -> u32 {
        self.queue.check_after(self.settings.check_after)
    }

    /// Sixteen random octets, for a door's nonces.
    #[must_use]
    pub fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        nonce
    }

    /// Records that the service began or ended.
    pub async fn note_service(&self, started: bool) -> Result<(), Refusal> {
        let kind = if started { LeafKind::ServiceStarted } else { LeafKind::ServiceStopped };
        self.note(self.leaf(kind, "house:cli").hash("rule_set", *self.rules.load().hash())).await
    }

    /// Records that a door refused bad input: it changes nothing else.
    pub async fn note_bad_input(&self, source: &Source, actor: &str, fault: &str) -> Result<(), Refusal> {
        self.metrics.refused(source.door);
        let leaf = self
            .leaf(LeafKind::RequestRefused, actor)
            .plain("door", source.door.name())
            .plain("request", &source.request_id)
            .personal("fault", fault, self.random.as_ref());
        self.note(leaf).await
    }

    fn leaf(&self, kind: LeafKind, actor: &str) -> Leaf {
        Leaf::new(self.random.as_ref(), self.now(), &self.settings.node, kind, actor)
    }

    async fn note(&self, leaf: Leaf) -> Result<(), Refusal> {
        self.store.commit(Unit::new().with(Row::Leaf(leaf))).await.map_err(Refusal::store)
    }
}
