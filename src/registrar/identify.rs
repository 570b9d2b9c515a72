//! Who asks. Only what is made here can be enrolled for: [`Identified`] has no other constructor.

use std::net::IpAddr;

use certs::Certificate;
use certs::path::{PathFault, Purpose};

use super::codes::Code;
use super::facts;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{CredentialId, Door, Requester};
use crate::rules::{CredentialFact, EnrolNeeds, Naming, Profile, RuleSet};
use crate::store::CertificateStatus;

/// Where a claim comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The door.
    pub door: Door,
    /// The address.
    pub peer: IpAddr,
    /// The name of the HTTP request, for log and audit.
    pub request_id: String,
    /// The profile asked for: EST label or CMP path segment; none for the default.
    pub profile: Option<String>,
}

/// A requester whose claim was proven, for one profile.
#[derive(Clone, Debug)]
pub struct Identified {
    pub(super) requester: Requester,
    pub(super) fact: CredentialFact,
    pub(super) certificate: Option<Certificate>,
    pub(super) code: Option<Code>,
    pub(super) profile: String,
    pub(super) rules: std::sync::Arc<RuleSet>,
    pub(super) source: Source,
    /// The registration authorities that wrapped its message in theirs, outermost first (RFC 9483 section 5.2.2.1).
    pub(super) vouchers: Vec<String>,
    /// Why nothing new may be asked for, though the requester is known: its certificate was revoked or rejected.
    pub(super) fallen: Option<String>,
    /// Whether its certificate has expired, so that it can only be renewed.
    pub(super) expired: bool,
}

impl Identified {
    /// What the requester proved itself with.
    #[must_use]
    pub fn credential(&self) -> &CredentialId {
        &self.requester.credential
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.requester.name
    }

    /// How the names it asks for must fit its credential (RFC 9483 section 5.1.1).
    #[must_use]
    pub fn naming(&self) -> Naming {
        match self.profile() {
            // It asks for others.
            Some(_) if self.fact.registration_authority => Naming::Profile,
            Some(profile) => profile.subject.naming(&self.fact.kind),
            None => Naming::default(),
        }
    }

    /// The certificate it proved itself with.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether it is a registration authority that is trusted to speak for others in this profile (DESIGN rule 10).
    #[must_use]
    pub const fn is_registration_authority(&self) -> bool {
        self.fact.registration_authority
    }

    /// The requester of a message that a registration authority wrapped in its own (RFC 9483 section 5.2.2.1).
    #[must_use]
    pub fn vouched_by(mut self, authority: &Self) -> Self {
        self.vouchers.push(authority.requester.name.clone());
        self
    }

    /// A requester that proved itself with a certificate and with an enrolment code (RFC 7030 section 3.2.3). The case hangs on the
    /// code, as it can be used up; the names must fit both.
    #[must_use]
    pub fn and_code(self, code: Self) -> Self {
        let name = format!("{} with the code {}", self.requester.name, code.requester.name);
        Self {
            requester: Requester { credential: code.requester.credential, name },
            fact: CredentialFact { names: code.fact.names, ..self.fact },
            code: code.code,
            ..self
        }
    }

    /// Whether it proved itself in as many ways as its profile wants. A registration authority that is trusted has no code of
    /// those that it speaks for.
    pub(super) fn is_proven_enough(&self) -> bool {
        let both = self.certificate.is_some() && self.code.is_some();
        let needs = self.profile().map(|profile| profile.enrol_needs).unwrap_or_default();
        needs == EnrolNeeds::OneWay || both || self.fact.registration_authority
    }

    /// The name of the profile it was identified for.
    #[must_use]
    pub fn profile_name(&self) -> &str {
        &self.profile
    }

    /// The profile it was identified for.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.rules.profile(&self.profile)
    }
}

/// A MAC that a shared secret verifies; made by a protocol crate, asked here (DESIGN section 1 (a)). It keeps the key that
/// it derives, which protects the answer, a refusal's too (DESIGN section 1 (d)).
pub trait MacProof: Send + Sync {
    /// What the secret is found by.
    fn reference(&self) -> &[u8];

    /// How many iterations it takes to derive the key; none where it was derived before.
    fn iterations(&self) -> u32;

    /// Whether the secret verifies the MAC.
    fn verify(&self, secret: &[u8]) -> bool;
}

impl Registrar {
    /// Identifies by an enrolment code's reference and secret (RFC 7617: user name and password).
    pub async fn identify_code(&self, source: Source, reference: &str, secret: &[u8]) -> Result<Identified, Refusal> {
        let same = |stored: &[u8]| aws_lc_rs::constant_time::verify_slices_are_equal(stored, secret).is_ok();
        self.by_secret(source, reference.as_bytes(), 0, same).await
    }

    /// Identifies by an enrolment code that stands in the request itself. It must be good for one case: the request is kept and
    /// goes to the CA as it is, so whoever reads it there could use the code again.
    pub async fn identify_carried_code(
        &self,
        source: Source,
        reference: &str,
        secret: &[u8],
    ) -> Result<Identified, Refusal> {
        let who = self.identify_code(source, reference, secret).await?;
        if who.code.as_ref().is_some_and(|code| code.one_time) {
            return Ok(who);
        }
        let fault = "the code in the request is good for more than one case, and a request is no place for such a code";
        self.note_failure(&who.source, who.requester.credential.as_str(), fault).await?;
        Err(Refusal::NotAllowed(fault.to_owned()))
    }

    /// Identifies by a MAC under an enrolment code's secret (RFC 9483 section 4.1.5).
    pub async fn identify_mac(&self, source: Source, proof: &dyn MacProof) -> Result<Identified, Refusal> {
        self.by_secret(source, proof.reference(), proof.iterations(), |secret| proof.verify(secret)).await
    }

    /// Identifies by a certificate whose key signed the TLS handshake or the message; the first of `chain` is the
    /// requester's, the rest is what it sent besides.
    pub async fn identify_certificate(
        &self,
        source: Source,
        chain: &[Certificate],
        purpose: Purpose,
    ) -> Result<Identified, Refusal> {
        let (name, rules) = self.profile_for(&source)?;
        let Some(end) = chain.first() else { return Err(Refusal::NotIdentified) };
        let credential = CredentialId::certificate(&end.hash());
        let entry = self.entry_for(end, &name);
        if entry.is_none() {
            // A registration authority speaks for many.
            self.count_request(&source, &credential).await?;
        }
        let Some(profile) = rules.profile(&name) else { return Err(Refusal::UnknownProfile(name)) };
        let trusted = match entry {
            Some(entry) => self.check_entry(entry, profile, chain, purpose).map(|table| Trusted::now(table, true)),
            None => self.trust_of(profile, chain, purpose),
        };
        let status = self.store.certificate_by_hash(&end.hash()).await.map_err(Refusal::store)?.map(|row| row.status);
        // A holder whose certificate ended still gets the answers of exchanges that it began before.
        let fallen = matches!(status, Some(CertificateStatus::Revoked | CertificateStatus::Rejected))
            .then(|| format!("the certificate of {} is revoked or was rejected", end.subject()));
        match trusted {
            Err(fault) => {
                self.note_failure(&source, credential.as_str(), &fault).await?;
                Err(Refusal::NotIdentified)
            }
            Ok(Trusted { table: kind, own_authority, expired }) => Ok(Identified {
                requester: Requester { credential, name: end.subject().to_string() },
                fact: CredentialFact {
                    kind,
                    names: None,
                    subject: Some(facts::attributes(end.subject())),
                    own_authority,
                    registration_authority: entry.is_some(),
                },
                certificate: Some(end.clone()),
                code: None,
                profile: name,
                rules,
                source,
                vouchers: Vec::new(),
                fallen,
                expired,
            }),
        }
    }

    /// Whether a requester may begin something new, or vouch for others: its certificate is neither revoked nor rejected.
    pub async fn check_standing(&self, who: &Identified) -> Result<(), Refusal> {
        let Some(fallen) = &who.fallen else { return Ok(()) };
        self.note_failure(&who.source, who.requester.credential.as_str(), fallen).await?;
        Err(Refusal::NotIdentified)
    }

    /// The trust table that the chain leads to, of those the profile names, and whether the last step to the certificate was
    /// the profile's own CA.
    fn trust_of(&self, profile: &Profile, chain: &[Certificate], purpose: Purpose) -> Result<Trusted, String> {
        let tables = self.trust.load();
        let now = self.now();
        // Over EST a certificate may be renewed for a time after its end, where the profile says so.
        let grace = i64::from(profile.renew_expired_days) * DAY;
        let in_grace = |end: &Certificate| end.not_after() < now && now <= end.not_after().plus(grace);
        let lenient = purpose == Purpose::ClientAuth && chain.first().is_some_and(in_grace);
        let mut last = "the profile names no trust table".to_owned();
        let mut found = false;
        for name in profile.renew_with.iter().chain(&profile.enrol_with).filter(|name| *name != CODE) {
            let Some(trust) = tables.get(name) else { continue };
            let expired = lenient && profile.renew_with.contains(name);
            let checked = if expired { trust.check_expired(chain, purpose) } else { trust.check(chain, purpose, now) };
            match checked {
                Ok(path) => {
                    let own = self.authorities.get(&profile.authority).and_then(|own| own.chain().first());
                    let by = path.issuer();
                    let same =
                        |own: &Certificate| own.public_key() == by.public_key() && own.subject().matches(by.subject());
                    return Ok(Trusted { table: name.clone(), own_authority: own.is_some_and(same), expired });
                }
                // A table that a certificate does lead to knows better what is wrong with it.
                Err(PathFault::NoPath { .. }) if found => {}
                Err(fault) => {
                    found = !matches!(fault, PathFault::NoPath { .. });
                    last = fault.to_string();
                }
            }
        }
        Err(last)
    }

    async fn by_secret(
        &self,
        source: Source,
        reference: &[u8],
        iterations: u32,
        verify: impl Fn(&[u8]) -> bool,
    ) -> Result<Identified, Refusal> {
        let (profile, rules) = self.profile_for(&source)?;
        self.look_failures(&source).await?;
        let found = self.code_by_reference(reference).await?;
        if found.is_some() && iterations > 0 {
            self.count_iterations(&source, iterations).await?;
        }
        let proven = found.as_ref().is_some_and(|(_, secret)| verify(secret));
        let tried = found.as_ref().map(|(code, _)| code.id);
        let (Some((code, _)), true) = (found, proven) else {
            if let Some(code) = tried {
                // DESIGN rule 11: tries stay counted, whatever becomes of the code.
                self.store.count_try(code).await.map_err(Refusal::store)?;
            }
            self.count_failure(&source).await?;
            let shown: String =
                String::from_utf8_lossy(reference).chars().take(64).filter(|c| !c.is_control()).collect();
            self.note_failure(
                &source,
                &format!("reference:{}", hex::encode(self.secrets.secrets()?.lookup(reference))),
                &format!("wrong reference or secret: '{shown}'"),
            )
            .await?;
            return Err(Refusal::NotIdentified);
        };
        let credential = CredentialId::code(code.id);
        self.count_request(&source, &credential).await?;
        let allowed = rules.profile(&profile).is_some_and(|rules| rules.enrol_with.contains(CODE));
        if code.profile != profile || !allowed {
            let fault = format!("the code is for the profile '{}', not for '{profile}'", code.profile);
            self.note_failure(&source, credential.as_str(), &fault).await?;
            return Err(Refusal::NotAllowed(fault));
        }
        let identified = Identified {
            requester: Requester { credential, name: code.reference.clone() },
            fact: CredentialFact {
                kind: CODE.to_owned(),
                names: code.names.clone(),
                subject: None,
                own_authority: false,
                registration_authority: false,
            },
            certificate: None,
            code: Some(code),
            profile,
            rules,
            source,
            vouchers: Vec::new(),
            fallen: None,
            expired: false,
        };
        Ok(identified)
    }

    /// The profile's name and the rules it stands in.
    fn profile_for(&self, source: &Source) -> Result<(String, std::sync::Arc<RuleSet>), Refusal> {
        let rules = self.rules.load_full();
        let name = source.profile.as_ref().unwrap_or(&self.settings.default_profile);
        if rules.profile(name).is_none() {
            return Err(Refusal::UnknownProfile(name.clone()));
        }
        Ok((name.clone(), rules))
    }

    pub(super) async fn note_failure(&self, source: &Source, actor: &str, fault: &str) -> Result<(), Refusal> {
        tracing::warn!(request = %source.request_id, door = %source.door, peer = %source.peer, fault, "not identified");
        self.metrics.authentication_failed(source.door);
        let leaf = self.leaf(LeafKind::AuthenticationFailed, actor).plain("door", source.door.name());
        self.note(leaf.personal("address", &source.peer.to_string(), self.random.as_ref())).await
    }
}

/// Where a requester's certificate leads.
struct Trusted {
    /// The name of the table.
    table: String,
    /// Whether the CA that the profile asks issued it.
    own_authority: bool,
    /// Whether it has expired.
    expired: bool,
}

impl Trusted {
    const fn now(table: String, own_authority: bool) -> Self {
        Self { table, own_authority, expired: false }
    }
}

/// The word for enrolment codes in a profile's `enrol_with`.
pub(super) const CODE: &str = "code";

const DAY: i64 = 24 * 60 * 60 * 1000;
