//! One line of the audit log.

use tlog::{Canonical, Hash, leaf_hash};

use crate::case::{CaseId, LeafId, Millis, Random};

/// What happened. The names are part of the canonical bytes and never change.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LeafKind {
    /// A request came.
    RequestReceived,
    /// A request was refused for its form: bad input.
    RequestRefused,
    /// Credentials were missing or wrong.
    AuthenticationFailed,
    /// A rule set or an officer decided on a case.
    Decision,
    /// A signed message to a CA was recorded.
    SubmissionRecorded,
    /// A CA's answer was recorded.
    AnswerRecorded,
    /// A CA's answer was not believed.
    AnswerDisbelieved,
    /// It cannot be told what a CA did.
    Undecided,
    /// A requester did not come back: its case ended without a certificate.
    Lapsed,
    /// A certificate came.
    CertificateIssued,
    /// A certificate was confirmed.
    Confirmed,
    /// A certificate was rejected by the end entity, by word or by silence.
    Rejected,
    /// A certificate was revoked.
    Revoked,
    /// A certificate is not what was approved and was not handed over.
    Withheld,
    /// An enrolment code was made.
    CodeCreated,
    /// An enrolment code was withdrawn.
    CodeWithdrawn,
    /// A rule set was stored as proposed.
    RuleSetProposed,
    /// A rule set became the active one.
    RuleSetActivated,
    /// Something was done with the RA key: made, certified, taken into use, destroyed.
    KeyCeremony,
    /// A data key was made or wrapped anew.
    DataKeyCreated,
    /// The service began to serve.
    ServiceStarted,
    /// The service ended in order.
    ServiceStopped,
    /// The configuration was read anew.
    ConfigurationLoaded,
    /// An officer logged in.
    OfficerLoggedIn,
    /// An officer did something that has no kind of its own.
    OfficerAction,
    /// A document was looked at.
    DocumentViewed,
}

/// A named fact of a leaf.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// What it is.
    pub name: &'static str,
    /// What it says.
    pub value: FactValue,
}

/// What a fact says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FactValue {
    /// A text that holds no personal data; it stands in the log for ever.
    Plain(String),
    /// A SHA-256.
    Hash([u8; 32]),
    /// Personal data: the log holds only SHA-256(salt || value). Salt and value stand beside it and can be destroyed.
    Personal {
        /// 16 random octets.
        salt: [u8; 16],
        /// The value.
        value: String,
    },
}

/// What can be destroyed without breaking the log: the salt and value behind a commitment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Detail<'a> {
    /// The place of the fact in its leaf, from 0.
    pub position: usize,
    /// The fact's name.
    pub name: &'static str,
    /// The salt.
    pub salt: &'a [u8; 16],
    /// The value.
    pub value: &'a str,
}

/// A line of the audit log, not numbered yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leaf {
    /// Its identifier.
    pub id: LeafId,
    /// When it happened.
    pub at: Millis,
    /// The node that saw it.
    pub node: String,
    /// What happened.
    pub kind: LeafKind,
    /// Who did it: a credential, `rules:HASH`, `house:NAME`, `authority:NAME`. Holds no personal data.
    pub actor: String,
    /// The case it is about.
    pub case: Option<CaseId>,
    /// More about it.
    pub facts: Vec<Fact>,
}

impl Leaf {
    /// A leaf under a random identifier.
    #[must_use]
    pub fn new(random: &dyn Random, now: Millis, node: &str, kind: LeafKind, actor: &str) -> Self {
        Self {
            id: LeafId::new(random),
            at: now,
            node: node.to_owned(),
            kind,
            actor: actor.to_owned(),
            case: None,
            facts: Vec::new(),
        }
    }

    /// Names the case it is about.
    #[must_use]
    pub const fn case(mut self, case: CaseId) -> Self {
        self.case = Some(case);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: FactValue) -> Self {
        self.facts.push(Fact { name, value });
        self
    }

    /// Adds a text that holds no personal data.
    #[must_use]
    pub fn plain(self, name: &'static str, value: &str) -> Self {
        self.fact(name, FactValue::Plain(value.to_owned()))
    }

    /// Adds a SHA-256.
    #[must_use]
    pub fn hash(self, name: &'static str, value: [u8; 32]) -> Self {
        self.fact(name, FactValue::Hash(value))
    }

    /// Adds personal data under a new salt. It is kept as text, and not every database's texts may hold a NUL.
    #[must_use]
    pub fn personal(self, name: &'static str, value: &str, random: &dyn Random) -> Self {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        self.fact(name, FactValue::Personal { salt, value: value.replace('\0', "\u{fffd}") })
    }

    /// The bytes that the log stands for, for ever: see [`Canonical`].
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let facts = self.facts.iter().map(|fact| match &fact.value {
            FactValue::Plain(text) => tlog::Fact::plain(fact.name, text),
            FactValue::Hash(hash) => tlog::Fact::hash(fact.name, hash),
            FactValue::Personal { salt, value } => tlog::Fact::personal(fact.name, salt, value),
        });
        let words = (self.node.as_str(), self.kind.name(), self.actor.as_str());
        let case = self.case.as_ref().map(CaseId::as_bytes);
        Canonical::new(self.id.as_bytes(), self.at.0, words, case, facts.collect()).to_octets()
    }

    /// The hash of the canonical bytes as a leaf of the tree (RFC 9162 section 2.1.1).
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.canonical())
    }

    /// What stands behind the commitments.
    pub fn details(&self) -> impl Iterator<Item = Detail<'_>> {
        self.facts.iter().enumerate().filter_map(|(position, fact)| match &fact.value {
            FactValue::Personal { salt, value } => Some(Detail { position, name: fact.name, salt, value }),
            FactValue::Plain(_) | FactValue::Hash(_) => None,
        })
    }
}

impl LeafKind {
    /// The name in the canonical bytes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestReceived => "request_received",
            Self::RequestRefused => "request_refused",
            Self::AuthenticationFailed => "authentication_failed",
            Self::Decision => "decision",
            Self::SubmissionRecorded => "submission_recorded",
            Self::AnswerRecorded => "answer_recorded",
            Self::AnswerDisbelieved => "answer_disbelieved",
            Self::Undecided => "undecided",
            Self::Lapsed => "lapsed",
            Self::CertificateIssued => "certificate_issued",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
            Self::Withheld => "withheld",
            Self::CodeCreated => "code_created",
            Self::CodeWithdrawn => "code_withdrawn",
            Self::RuleSetProposed => "rule_set_proposed",
            Self::RuleSetActivated => "rule_set_activated",
            Self::KeyCeremony => "key_ceremony",
            Self::DataKeyCreated => "data_key_created",
            Self::ServiceStarted => "service_started",
            Self::ServiceStopped => "service_stopped",
            Self::ConfigurationLoaded => "configuration_loaded",
            Self::OfficerLoggedIn => "officer_logged_in",
            Self::OfficerAction => "officer_action",
            Self::DocumentViewed => "document_viewed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in the logs of all offices. Add to them; what stands here never changes.
    const NAMES: [(LeafKind, &str); 26] = [
        (LeafKind::RequestReceived, "request_received"),
        (LeafKind::RequestRefused, "request_refused"),
        (LeafKind::AuthenticationFailed, "authentication_failed"),
        (LeafKind::Decision, "decision"),
        (LeafKind::SubmissionRecorded, "submission_recorded"),
        (LeafKind::AnswerRecorded, "answer_recorded"),
        (LeafKind::AnswerDisbelieved, "answer_disbelieved"),
        (LeafKind::Undecided, "undecided"),
        (LeafKind::Lapsed, "lapsed"),
        (LeafKind::CertificateIssued, "certificate_issued"),
        (LeafKind::Confirmed, "confirmed"),
        (LeafKind::Rejected, "rejected"),
        (LeafKind::Revoked, "revoked"),
        (LeafKind::Withheld, "withheld"),
        (LeafKind::CodeCreated, "code_created"),
        (LeafKind::CodeWithdrawn, "code_withdrawn"),
        (LeafKind::RuleSetProposed, "rule_set_proposed"),
        (LeafKind::RuleSetActivated, "rule_set_activated"),
        (LeafKind::KeyCeremony, "key_ceremony"),
        (LeafKind::DataKeyCreated, "data_key_created"),
        (LeafKind::ServiceStarted, "service_started"),
        (LeafKind::ServiceStopped, "service_stopped"),
        (LeafKind::ConfigurationLoaded, "configuration_loaded"),
        (LeafKind::OfficerLoggedIn, "officer_logged_in"),
        (LeafKind::OfficerAction, "officer_action"),
        (LeafKind::DocumentViewed, "document_viewed"),
    ];

    #[test]
    fn the_names_of_kinds_never_change() {
        for (kind, name) in NAMES {
            assert_eq!(kind.name(), name);
        }
    }

    #[derive(Debug)]
    struct Fives;

    impl Random for Fives {
        fn fill(&self, octets: &mut [u8]) {
            octets.fill(5);
        }
    }

    #[test]
    fn only_personal_facts_have_details() {
        let leaf = Leaf::new(&Fives, Millis(1), "n1", LeafKind::AuthenticationFailed, "code:00")
            .plain("door", "est")
            .personal("address", "192.0.2.7", &Fives);
        let details: Vec<_> = leaf.details().collect();
        assert_eq!(details, [Detail { position: 1, name: "address", salt: &[5; 16], value: "192.0.2.7" }]);
    }

    #[test]
    fn personal_data_is_not_in_the_canonical_bytes() {
        // The salt differs from the identifier, so that it would be seen.
        let personal = FactValue::Personal { salt: [6; 16], value: "192.0.2.7".to_owned() };
        let leaf =
            Leaf::new(&Fives, Millis(1), "n1", LeafKind::AuthenticationFailed, "code:00").fact("address", personal);
        let canonical = leaf.canonical();
        assert!(canonical.windows(16).any(|part| part == [5; 16]));
        assert!(!canonical.windows(16).any(|part| part == [6; 16]));
        assert!(!canonical.windows(9).any(|part| part == b"192.0.2.7"));
    }
}
