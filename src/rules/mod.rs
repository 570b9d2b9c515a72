//! The office's rules: `(profile, facts) -> findings, verdict`. Pure, versioned, replayable.
//!
//! Whatever a rule needs to know is a fact, and facts are recorded with the decision; so every verdict can be
//! computed again years later from the record alone ([`rule`]).

mod est_rules;
mod facts;
mod messages;
mod naming;
mod profile;
mod rule_set;
mod ruling;

pub use est_rules::{
    ChallengePassword, Demand, EstRules, HttpSchemes, OtpChallenge, RevocationChallenge, ServerKeyKind,
};
pub use facts::{AttributeFact, CredentialFact, Facts, HolderFact, KeyFact, LintFact, NameFact, ReplacedFact};
pub use messages::{ExtraCerts, MessageRules};
pub use profile::{Approval, EnrolNeeds, Forward, KeyRules, Naming, Profile, Proof, RenewalKey, SubjectRules};
pub use rule_set::{RuleSet, RuleSetFault};
pub use ruling::{Finding, Ruling, Verdict, rule};
