//! Officers log in, are heard again, and leave. Known is an officer by the SHA-256 of a certificate that chains to the officers' anchors,
//! never by a name (DESIGN section 4); each of his requests comes over TLS that the same certificate opened, so that nobody else has any
//! use for his session's token.

use aws_lc_rs::digest::{SHA256, digest};
use certs::Certificate;
use certs::path::Purpose;
use zeroize::Zeroizing;

use super::hand::Hand;
use super::{Refusal, Registrar, Source};
use crate::audit::LeafKind;
use crate::case::{CredentialId, Millis, OfficerId};
use crate::duty::{Act, Job, Jobs, OfficerName, OfficerState};
use crate::store::{CommitError, OfficerChange, OfficerRow, Row, Unit};

/// An officer whose session is good now. Only what is made here is one.
#[derive(Clone, Debug)]
pub struct OnDuty {
    id: OfficerId,
    name: OfficerName,
    jobs: Jobs,
    lapsed: Vec<Job>,
    seen_before: Option<Millis>,
}

impl OnDuty {
    /// The identifier, which the audit log names.
    #[must_use]
    pub const fn id(&self) -> OfficerId {
        self.id
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &OfficerName {
        &self.name
    }

    /// The jobs, those included whose qualification has run out.
    #[must_use]
    pub const fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Jobs that he has and cannot do now, for a qualification that they demand is missing.
    #[must_use]
    pub fn lapsed(&self) -> &[Job] {
        &self.lapsed
    }

    /// When he was at work last before this session's last request.
    #[must_use]
    pub const fn seen_before(&self) -> Option<Millis> {
        self.seen_before
    }

    /// Whether he may do it.
    #[must_use]
    pub fn may(&self, act: Act) -> bool {
        self.jobs.iter().any(|job| job.may(act) && !self.lapsed.contains(&job))
    }
}

/// What a logged-in officer's browser shows again: 256 random bits. It cannot be printed.
#[derive(Clone)]
pub struct SessionToken(Zeroizing<[u8; 32]>);

impl SessionToken {
    /// Reads 64 hexadecimal digits; nothing else is a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, octets.as_mut_slice()).ok()?;
        Some(Self(octets))
    }

    /// The text for the browser.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// What stands in every form of this session's pages, and in nobody else's.
    #[must_use]
    pub fn form_token(&self) -> String {
        hex::encode(self.hash(b"daftar form token"))
    }

    fn stored(&self) -> [u8; 32] {
        self.hash(b"daftar session token")
    }

    fn hash(&self, what: &[u8]) -> [u8; 32] {
        let hashed = digest(&SHA256, &[what, &[0], self.0.as_slice()].concat());
        let mut octets = [0; 32];
        octets.copy_from_slice(hashed.as_ref());
        octets
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionToken").finish_non_exhaustive()
    }
}

/// How officers are dealt with; from `[officers]`.
#[derive(Clone, Debug, Default)]
pub struct OfficerSettings {
    /// The trust table that their certificates chain to; none: there is no console.
    pub trust: Option<String>,
    /// After so many milliseconds without a request a session ends.
    pub idle: i64,
    /// After so many milliseconds a session ends in any case.
    pub longest: i64,
    /// After so many milliseconds the officers must be gone through again.
    pub review: i64,
    /// The course that a job demands.
    pub qualifications: Vec<(Job, String)>,
}

impl Registrar {
    /// The officer at work who has this certificate, and whose it can be now; nobody is logged in by this.
    pub async fn officer_of(&self, chain: &[Certificate]) -> Result<Option<OfficerRow>, Refusal> {
        let Some(end) = chain.first() else { return Ok(None) };
        if self.check_officer_path(chain).is_err() {
            return Ok(None);
        }
        let found = self.store.officer_by_certificate(&end.hash()).await.map_err(Refusal::store)?;
        Ok(found.filter(|officer| officer.state == OfficerState::Active))
    }

    /// Logs in whoever holds the key of the first certificate.
    ///
    /// # Errors
    /// [`Refusal::NotIdentified`] when that is no officer's; the log has the reason.
    pub async fn log_in(&self, source: &Source, chain: &[Certificate]) -> Result<SessionToken, Refusal> {
        let officer = self.recognise(source, chain).await?;
        self.open_session(&officer).await
    }

    /// The officer who holds the key of the first certificate, for a command that comes over TLS which it opened. Nobody is logged in by it.
    ///
    /// # Errors
    /// As with [`log_in`](Self::log_in).
    pub async fn officer_at_hand(&self, source: &Source, chain: &[Certificate]) -> Result<OnDuty, Refusal> {
        let officer = self.recognise(source, chain).await?;
        let now = self.now();
        let seen = OfficerChange::Seen { token: None, officer: officer.id, at: now };
        self.store.commit(Unit::new().with(Row::Officer(seen))).await.map_err(Refusal::store)?;
        self.on_duty_now(officer, now).await
    }

    async fn recognise(&self, source: &Source, chain: &[Certificate]) -> Result<OfficerRow, Refusal> {
        self.look_failures(source).await?;
        let Some(end) = chain.first() else { return Err(Refusal::NotIdentified) };
        let fault = match (self.check_officer_path(chain), self.officer_of(chain).await?) {
            (Ok(()), Some(officer)) => return Ok(officer),
            (Ok(()), None) => "this certificate is no officer's who is at work".to_owned(),
            (Err(fault), _) => fault,
        };
        self.count_failure(source).await?;
        self.note_failure(source, CredentialId::certificate(&end.hash()).as_str(), &fault).await?;
        Err(Refusal::NotIdentified)
    }

    async fn open_session(&self, officer: &OfficerRow) -> Result<SessionToken, Refusal> {
        let mut octets = Zeroizing::new([0; 32]);
        self.random.fill(octets.as_mut_slice());
        let token = SessionToken(octets);
        let at = self.now();
        let leaf = self.leaf(LeafKind::OfficerLoggedIn, CredentialId::officer(officer.id).as_str()).personal(
            "officer",
            officer.name.as_str(),
            self.random.as_ref(),
        );
        let unit = Unit::new()
            .with(Row::Officer(OfficerChange::CloseSessions { began_before: at.plus(-self.settings.officers.longest) }))
            .with(Row::Officer(OfficerChange::OpenSession { token: token.stored(), officer: officer.id, at }))
            .with(Row::Leaf(leaf));
        match self.store.commit(unit).await {
            Ok(()) => Ok(token),
            // Disabled at this moment.
            Err(CommitError::Conflict(_)) => Err(Refusal::NotIdentified),
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    /// The officer of a session, when it is good for a request over TLS that this certificate opened.
    ///
    /// # Errors
    /// [`Refusal::NotIdentified`] when nobody is logged in under this token here and now.
    pub async fn on_duty(&self, token: &SessionToken, chain: &[Certificate]) -> Result<OnDuty, Refusal> {
        let stored = token.stored();
        let now = self.now();
        let Some(session) = self.store.session(&stored).await.map_err(Refusal::store)? else {
            return Err(Refusal::NotIdentified);
        };
        let settings = &self.settings.officers;
        if now.0 - session.seen_at.0 > settings.idle || now.0 - session.began_at.0 > settings.longest {
            self.close_session(&stored).await?;
            return Err(Refusal::NotIdentified);
        }
        let Some(officer) = self.officer_of(chain).await?.filter(|officer| officer.id == session.officer) else {
            tracing::warn!(officer = %session.officer, "a session was shown over TLS of another certificate");
            return Err(Refusal::NotIdentified);
        };
        if now.0 - session.seen_at.0 >= MINUTE {
            let seen = OfficerChange::Seen { token: Some(stored), officer: officer.id, at: now };
            self.store.commit(Unit::new().with(Row::Officer(seen))).await.map_err(Refusal::store)?;
        }
        self.on_duty_now(officer, now).await
    }

    async fn on_duty_now(&self, officer: OfficerRow, now: Millis) -> Result<OnDuty, Refusal> {
        let lapsed = self.lapsed(&officer, now).await?;
        Ok(OnDuty { id: officer.id, name: officer.name, jobs: officer.jobs, lapsed, seen_before: officer.seen_at })
    }

    /// Ends a session.
    pub async fn log_out(&self, token: &SessionToken, officer: &OnDuty) -> Result<(), Refusal> {
        self.close_session(&token.stored()).await?;
        let hand = Hand::Officer(officer.clone());
        self.note(self.leaf_by(LeafKind::OfficerAction, &hand).plain("act", "log-out")).await
    }

    async fn close_session(&self, stored: &[u8; 32]) -> Result<(), Refusal> {
        let close = OfficerChange::CloseSession { token: *stored };
        self.store.commit(Unit::new().with(Row::Officer(close))).await.map_err(Refusal::store)
    }

    /// The jobs of an officer that demand a course of which he has no proof that holds now.
    async fn lapsed(&self, officer: &OfficerRow, now: Millis) -> Result<Vec<Job>, Refusal> {
        let demanded: Vec<_> =
            self.settings.officers.qualifications.iter().filter(|(job, _)| officer.jobs.have(*job)).collect();
        if demanded.is_empty() {
            return Ok(Vec::new());
        }
        let learned = self.store.qualifications(Some(officer.id)).await.map_err(Refusal::store)?;
        let holds = |course: &str| {
            learned.iter().any(|row| row.course == course && row.valid_until.is_none_or(|until| until > now))
        };
        Ok(demanded.into_iter().filter(|(_, course)| !holds(course)).map(|(job, _)| *job).collect())
    }

    pub(super) fn check_officer_path(&self, chain: &[Certificate]) -> Result<(), String> {
        let tables = self.trust.load();
        let table = self.settings.officers.trust.as_ref().and_then(|name| tables.get(name));
        let table = table.ok_or_else(|| "no trust table is for officers".to_owned())?;
        let checked = table.check(chain, Purpose::ClientAuth, self.now());
        checked.map(drop).map_err(|fault| fault.to_string())
    }
}

/// A session is written to be heard at most so often.
const MINUTE: i64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_printed_and_its_form_token_does_not_tell_it() {
        let token = SessionToken::parse(&"7a".repeat(32)).unwrap();
        assert_eq!(*token.text(), "7a".repeat(32));
        assert!(!format!("{token:?}").contains("7a"));
        assert_ne!(token.form_token(), hex::encode(token.stored()));
        assert_ne!(token.form_token(), *token.text());
        for wrong in ["", "7a", &"7z".repeat(32), &"7a".repeat(33)] {
            assert!(SessionToken::parse(wrong).is_none());
        }
    }
}
