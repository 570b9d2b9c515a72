//! A profile: what one kind of certificate may be, and who may ask for it. One `[profile.NAME]` table in daftar.toml.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{EstRules, MessageRules};

/// One profile. Its name is the EST label and the CMP path segment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in daftar.toml")]
pub struct Profile {
    /// The CA that requests go to: a name of `[authority.NAME]`.
    pub authority: String,
    /// How CMP requests reach the CA.
    #[serde(default)]
    pub forward: Forward,
    /// What becomes of the proof of possession on its way to the CA.
    #[serde(default)]
    pub proof: Proof,
    /// Whether what goes under our protection instead of the requester's carries its whole message, too, as origPKIMessage
    /// (RFC 9810 section 5.1.1.3).
    #[serde(default)]
    pub original_message: bool,
    /// Whether the rules alone approve, or an officer must.
    #[serde(default)]
    pub approval: Approval,
    /// How a requester may prove itself for a first certificate: `code`, and names of `[trust.NAME]`.
    pub enrol_with: BTreeSet<String>,
    /// Whether one of these ways is enough.
    #[serde(default)]
    pub enrol_needs: EnrolNeeds,
    /// The names of `[trust.NAME]` whose certificates may be renewed here.
    #[serde(default)]
    pub renew_with: BTreeSet<String>,
    /// Whether a renewal keeps its key.
    #[serde(default)]
    pub renewal_key: RenewalKey,
    /// For how many days after its end a certificate may still be renewed over EST; 0: not at all.
    #[serde(default)]
    pub renew_expired_days: u32,
    /// The keys that may be certified.
    #[serde(default)]
    pub key: KeyRules,
    /// The subject.
    #[serde(default)]
    pub subject: SubjectRules,
    /// The kinds of alternative names that may be asked for: `dns`, `ip`, `email`, `uri`.
    #[serde(default)]
    pub alternative_names: BTreeSet<String>,
    /// The kinds of alternative names of which at least one must be asked for each.
    #[serde(default)]
    pub required_alternative_names: BTreeSet<String>,
    /// Suffixes that every dNSName must have one of; empty: any.
    #[serde(default)]
    pub dns_suffixes: BTreeSet<String>,
    /// Whether a wildcard dNSName may be asked for.
    #[serde(default)]
    pub dns_wildcards: bool,
    /// The key usages that may be asked for (RFC 5280 section 4.2.1.3 names).
    #[serde(default = "default_key_usage")]
    pub key_usage: BTreeSet<String>,
    /// The extended key usages that a certificate may have, asked for or given by the CA, as dotted identifiers.
    #[serde(default)]
    pub extended_key_usage: BTreeSet<String>,
    /// Further extensions that may be asked for, as dotted identifiers.
    #[serde(default)]
    pub other_extensions: BTreeSet<String>,
    /// The rules of RFC 5280 that the CA's certificates may break, by the names in `certs::lint`.
    #[serde(default)]
    pub lint_allow: BTreeSet<String>,
    /// The longest validity in days that a certificate may have, asked for or given by the CA.
    #[serde(default = "default_validity_days")]
    pub validity_days: u32,
    /// Whether the same key may stand in several valid certificates.
    #[serde(default)]
    pub same_key: bool,
    /// Whether a CMP requester's wish for implicit confirmation is granted (RFC 9810 section 5.1.1.1).
    #[serde(default = "yes")]
    pub implicit_confirm: bool,
    /// What a requester may sign its proof of possession and its CMP messages with: `RSA` (PKCS #1), `RSASSA-PSS`, `ECDSA`,
    /// `Ed25519`, `ML-DSA`.
    #[serde(default = "default_signatures")]
    pub signatures: BTreeSet<String>,
    /// Whether the CA may be asked to make a requester's key (RFC 9483 section 4.1.6).
    #[serde(default)]
    pub central_keys: bool,
    /// How its CMP messages look.
    #[serde(default)]
    pub cmp: MessageRules,
    /// What its EST requests may and must carry.
    #[serde(default)]
    pub est: EstRules,
    /// The clause of the CP/CPS behind a rule, by the rule's name; others have the built-in reference.
    #[serde(default)]
    pub clauses: BTreeMap<String, String>,
}

/// How CMP requests reach the CA (DESIGN rule 3). A MAC is always ended here, as only we know the secret.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forward {
    /// In a transaction of our own (RFC 9483 sections 5.1 and 5.3.1).
    #[default]
    Behalf,
    /// Wrapped in a message of ours (RFC 9483 section 5.2.2.1).
    Nested,
    /// With our protection instead of the requester's (RFC 9483 section 5.2.3). A kur is wrapped, as it must be.
    Replace,
    /// As it came (RFC 9483 section 5.2.1): no signature of ours is on it.
    Untouched,
}

/// What becomes of the proof of possession on its way to the CA. A wrapped or untouched message keeps it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It goes up as it came (RFC 9483 section 5.2.3.1).
    #[default]
    Keep,
    /// `raVerified`, after our own check (RFC 9483 section 5.2.3.2), for a CA that cannot check it. A PKCS#10 keeps its own.
    RaVerified,
}

/// What a requester must prove itself with for a first or further certificate.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolNeeds {
    /// One of the ways in `enrol_with`.
    #[default]
    OneWay,
    /// A certificate and an enrolment code, both (RFC 7030 section 3.2.3). CMP protects a message in one way only, so it cannot
    /// be had over CMP.
    CertificateAndCode,
}

/// Who approves.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// The rules: a request without findings is approved in the name of the rule set.
    Automatic,
    /// An officer, for every request.
    #[default]
    ByHand,
}

/// What a renewal does with its key (RFC 7030 section 4.2.2: renew or rekey).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenewalKey {
    /// It keeps it, or brings a new one.
    #[default]
    Any,
    /// It brings a new one.
    New,
    /// It keeps it.
    Same,
}

/// Which keys may be certified.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyRules {
    /// Kinds: `P-256`, `P-384`, `P-521`, `Ed25519`, `RSA`, `ML-DSA-44`, `ML-DSA-65`, `ML-DSA-87`.
    pub kinds: BTreeSet<String>,
    /// The smallest RSA modulus in bits.
    pub rsa_min_bits: u32,
    /// The largest RSA modulus in bits.
    pub rsa_max_bits: u32,
}

impl Default for KeyRules {
    /// NIST SP 800-57: 112 bits of strength and more; RSA beyond 4096 bits costs more than it gives.
    fn default() -> Self {
        Self {
            kinds: ["P-256", "P-384", "P-521", "RSA"].map(String::from).into(),
            rsa_min_bits: 2048,
            rsa_max_bits: 4096,
        }
    }
}

/// What the subject may hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubjectRules {
    /// Attributes that must be there: short names (`CN`) or dotted identifiers.
    pub required: BTreeSet<String>,
    /// Attributes that may be there besides.
    pub allowed: BTreeSet<String>,
    /// Attributes that must have this value wherever they stand.
    pub fixed: BTreeMap<String, String>,
    /// Whether an empty subject may be asked for when there is an alternative name (RFC 5280 section 4.1.2.6).
    pub may_be_empty: bool,
    /// What a first or further certificate may name, by how the requester is known: `code`, or a name of `[trust.NAME]`.
    /// A way that is not listed names its own credential.
    pub names: BTreeMap<String, Naming>,
}

/// How the names asked for must fit the credential: the policy that RFC 9483 section 5.1.1 leaves to us.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// The subject is that of the certificate, the alternative names are among its own; under a code the names it is bound
    /// to or, where it is bound to none, its reference.
    #[default]
    Credential,
    /// The subject's serialNumber is the certificate's: what a device is called is new, which device it is stays
    /// (IEEE 802.1AR section 8.6).
    SerialNumber,
    /// Whatever the rest of the profile allows.
    Profile,
}

impl SubjectRules {
    /// How the names must fit a credential of this kind.
    #[must_use]
    pub fn naming(&self, kind: &str) -> Naming {
        self.names.get(kind).copied().unwrap_or_default()
    }
}

/// A signature key and nothing else, where nothing is said: RFC 5280 section 4.2.1.3.
fn default_key_usage() -> BTreeSet<String> {
    ["digitalSignature", "keyEncipherment", "keyAgreement"].map(String::from).into()
}

/// All that can be checked: which of them a key can make is decided by the kinds of keys.
fn default_signatures() -> BTreeSet<String> {
    ["RSA", "RSASSA-PSS", "ECDSA", "Ed25519", "ML-DSA"].map(String::from).into()
}

/// A year and a month: yearly renewal with some slack.
const fn default_validity_days() -> u32 {
    397
}

const fn yes() -> bool {
    true
}
