use std::collections::BTreeMap;

use super::config::{Config, KeyRef};

/// What a signing key on the token is for. Each has sessions and a queue of its own, so that none waits for another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Use {
    /// The messages to the CAs: the RA key. Where no other is configured for them, it signs the answers, too.
    Requests,
    /// The answers to requesters.
    Answers,
    /// The answers of exchanges that began before the key for answers was changed.
    RetiringAnswers,
    /// The keys that are made for requesters (RFC 7030 section 4.4.2).
    KeyPackages,
    /// The checkpoints of the audit log.
    Checkpoints,
    /// The TLS handshakes of the server.
    Handshakes,
}

impl Use {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Requests, Self::Answers, Self::RetiringAnswers, Self::KeyPackages, Self::Checkpoints, Self::Handshakes];

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "the RA key",
            Self::Answers => "the key for answers",
            Self::RetiringAnswers => "the retiring key for answers",
            Self::KeyPackages => "the key for keys made here",
            Self::Checkpoints => "the key of the audit log",
            Self::Handshakes => "the TLS key",
        }
    }

    /// For programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Answers => "answers",
            Self::RetiringAnswers => "retiring_answers",
            Self::KeyPackages => "key_packages",
            Self::Checkpoints => "checkpoints",
            Self::Handshakes => "handshakes",
        }
    }

    /// Its place among all.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Requests => 0,
            Self::Answers => 1,
            Self::RetiringAnswers => 2,
            Self::KeyPackages => 3,
            Self::Checkpoints => 4,
            Self::Handshakes => 5,
        }
    }
}

impl Config {
    /// The signing keys that are configured.
    pub(super) fn signing_keys(&self) -> BTreeMap<Use, KeyRef> {
        let configured = |used| match used {
            Use::Requests => Some(self.signing_key.clone()),
            Use::Answers => self.answer_key.clone(),
            Use::RetiringAnswers => self.retiring_answer_key.clone(),
            Use::KeyPackages => self.package_key.clone(),
            Use::Checkpoints => self.checkpoint_key.clone(),
            Use::Handshakes => self.tls_key.clone(),
        };
        Use::ALL.into_iter().filter_map(|used| Some((used, configured(used)?))).collect()
    }

    /// How many sessions sign with a key of this use.
    pub(super) fn sessions_for(&self, used: Use) -> usize {
        let there = |key: &Option<KeyRef>, sessions| if key.is_some() { sessions } else { 0 };
        match used {
            Use::Requests => self.sessions,
            Use::Answers => there(&self.answer_key, self.sessions),
            // Fewer from day to day.
            Use::RetiringAnswers => there(&self.retiring_answer_key, 1),
            Use::KeyPackages => there(&self.package_key, self.sessions),
            // One signature a second.
            Use::Checkpoints => there(&self.checkpoint_key, 1),
            Use::Handshakes => there(&self.tls_key, self.sessions),
        }
    }
}
