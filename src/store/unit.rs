//! One unit of work: rows that are written in one transaction or not at all.

use super::checkpoints::Checkpoint;
use super::exports::NewExport;
use super::officers::OfficerChange;
use crate::audit::Leaf;
use crate::case::{
    CaseId, CertificateId, CodeId, CredentialId, Door, Event, Exchange, ExchangeId, ExchangeState, Kind, MessageId,
    Millis, RequestForm, Requester, State, SubmissionId, SubmissionState, SubmissionStep,
};

/// What is written together. The order of the rows is the order of execution.
#[derive(Debug, Default)]
pub struct Unit {
    pub(super) rows: Vec<Row>,
}

impl Unit {
    /// A unit without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl Into<Row>) {
        self.rows.push(row.into());
    }

    /// Adds a row, for chains.
    #[must_use]
    pub fn with(mut self, row: impl Into<Row>) -> Self {
        self.push(row);
        self
    }
}

/// One change. Each names what must hold before; where that does not hold, the whole unit fails with a [`super::Conflict`].
#[derive(Debug)]
pub enum Row {
    /// A new case. Conflict: an open case with the same join key ([`super::Conflict::OpenCase`]).
    OpenCase(Box<NewCase>),
    /// A case moves by the table in `case`. Conflict: it does not stand in `from`.
    MoveCase {
        /// Which.
        case: CaseId,
        /// Where it must stand.
        from: State,
        /// What happens; [`State::after`] gives the new state.
        event: Event,
        /// When.
        at: Millis,
    },
    /// A case gets the key that was made for it. Only the public half is ever known here.
    GiveKey {
        /// Which.
        case: CaseId,
        /// SHA-256 of the SubjectPublicKeyInfo.
        key_print: [u8; 32],
        /// SubjectPublicKeyInfo, DER.
        public_key: Vec<u8>,
    },
    /// A case gets its refusal or failure text for the requester.
    ExplainCase {
        /// Which.
        case: CaseId,
        /// [`crate::case::ReasonCode::name`].
        code: &'static str,
        /// The text.
        text: String,
    },
    /// A decision on a case.
    Decide(Box<NewDecision>),
    /// A new exchange. Conflict: its key is in use ([`super::Conflict::ExchangeKey`]).
    OpenExchange(Box<Exchange>),
    /// An exchange moves on. Conflict: it does not stand in `from`.
    MoveExchange {
        /// Which.
        exchange: ExchangeId,
        /// Where it must stand.
        from: ExchangeState,
        /// Where it goes.
        to: ExchangeState,
        /// The nonce of our newest message; `None` leaves what is there.
        our_nonce: Option<Vec<u8>>,
        /// When silence counts as rejection; `None` clears it.
        deadline: Option<Millis>,
    },
    /// A message, at either side, with its exact octets. Conflict: the same octets were recorded for the same exchange and leg
    /// ([`super::Conflict::Repeat`]).
    Record(Box<NewMessage>),
    /// A new submission: an outbox row.
    OpenSubmission(Box<NewSubmission>),
    /// A submission moves on. Conflict: it does not stand in `from` with `from_step`, as another worker carried it on. Where the unit records a message for the CA, too, its
    /// attempts are counted anew.
    MoveSubmission {
        /// Which.
        submission: SubmissionId,
        /// Where it must stand.
        from: SubmissionState,
        /// What its newest outgoing message must be.
        from_step: SubmissionStep,
        /// Where it goes.
        to: SubmissionState,
        /// What its newest outgoing message is.
        step: SubmissionStep,
        /// When a worker must look at it again.
        next_attempt: Option<Millis>,
        /// Until when the worker that has it keeps it; `None` gives it back (owner and lease are cleared).
        lease_until: Option<Millis>,
        /// When the CA takes silence for rejection; `None` leaves what is there.
        deadline: Option<Millis>,
    },
    /// A certificate that a case brought. Conflict: the same certificate is there already.
    AddCertificate(Box<NewCertificate>),
    /// What became of a certificate. What was revoked stays revoked, and what was rejected can only be revoked.
    MarkCertificate {
        /// Which.
        certificate: CertificateId,
        /// Where it stands now.
        status: CertificateStatus,
        /// When.
        at: Millis,
    },
    /// A new enrolment code.
    AddCode(Box<NewCode>),
    /// A code opens a case. Conflict: it is spent, expired or withdrawn ([`super::Conflict::Code`]).
    UseCode {
        /// Which.
        code: CodeId,
        /// The case it opens; a one-time code is bound to it.
        case: CaseId,
        /// When.
        at: Millis,
    },
    /// The case of a one-time code ended without a certificate in the requester's hands: it may be used again.
    FreeCode {
        /// Which.
        code: CodeId,
        /// The case it was bound to.
        case: CaseId,
    },
    /// A code is withdrawn.
    WithdrawCode {
        /// Which.
        code: CodeId,
        /// When.
        at: Millis,
    },
    /// A wrong secret was tried with a code's reference.
    CountTry {
        /// Which.
        code: CodeId,
    },
    /// A worker that starts anew gives back whatever it had when it ended: nobody works on it.
    Release {
        /// The worker.
        owner: String,
    },
    /// A data key, wrapped.
    AddDataKey(NewDataKey),
    /// A rule set is stored as proposed, unless it is known.
    ProposeRuleSet {
        /// SHA-256 of its canonical text.
        hash: [u8; 32],
        /// The canonical text.
        text: String,
        /// When.
        at: Millis,
    },
    /// A rule set becomes the active one; the one before is kept.
    ActivateRuleSet {
        /// Which.
        hash: [u8; 32],
        /// When.
        at: Millis,
        /// Who decided.
        actor: String,
    },
    /// An audit leaf, unnumbered; the sequencer numbers it.
    Leaf(Leaf),
    /// A nonce of HTTP Digest is used up to this count. Conflict: it was used as far ([`super::Conflict::State`]).
    SpendNonce {
        /// Which; its first octets are its moment.
        nonce: [u8; 24],
        /// The count.
        count: u32,
        /// The moment before which no nonce is good any more: those are forgotten.
        live_since: Millis,
    },
    /// The newest signed checkpoint of the audit log. One of a smaller tree is left out: another node was faster.
    KeepCheckpoint(Checkpoint),
    /// A change among the officers.
    Officer(OfficerChange),
    /// Files for a CA that people carry them to. Conflict: another export has the number, or one of the messages.
    Export(Box<NewExport>),
}

impl From<Leaf> for Row {
    fn from(leaf: Leaf) -> Self {
        Self::Leaf(leaf)
    }
}

/// A case at its opening.
#[derive(Debug)]
pub struct NewCase {
    /// Its identifier.
    pub id: CaseId,
    /// What it asks for.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// The door it came through.
    pub door: Door,
    /// The profile's name.
    pub profile: String,
    /// Who asks.
    pub requester: Requester,
    /// What a repeated request is recognised by (DESIGN rule 2); none where every request is a case of its own.
    pub join_key: Option<[u8; 32]>,
    /// The request as received: a PKCS#10, a CertReqMsg, or a RevDetails (DER).
    pub request: Vec<u8>,
    /// Which of these `request` is.
    pub form: RequestForm,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key_print: Option<[u8; 32]>,
    /// The SubjectPublicKeyInfo, DER: what comes back must hold it.
    pub public_key: Option<Vec<u8>>,
    /// The subject asked for, DER.
    pub subject: Option<Vec<u8>>,
    /// The alternative names asked for, GeneralNames in DER; none when there are none.
    pub alt_names: Option<Vec<u8>>,
    /// The subject as text, for lists.
    pub subject_text: String,
    /// The certificate it replaces or is about.
    pub about: Option<CertificateId>,
    /// The rule set it was judged under.
    pub rule_set: [u8; 32],
    /// When it arrived.
    pub created_at: Millis,
}

/// A decision on a case. A case may have several.
#[derive(Debug)]
pub struct NewDecision {
    /// Which case.
    pub case: CaseId,
    /// Who decided: `rules:HASH`, or an officer.
    pub actor: String,
    /// The facts that were judged, as versioned JSON.
    pub facts: String,
    /// The findings, as JSON.
    pub findings: String,
    /// `pass`, `refuse` or `vet`.
    pub verdict: &'static str,
    /// The rule set.
    pub rule_set: [u8; 32],
    /// When.
    pub at: Millis,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leg {
    /// From a requester to us.
    Request,
    /// From us to a requester.
    Reply,
    /// From us to a CA.
    Submission,
    /// From a CA to us.
    Answer,
}

/// A message with its exact octets.
#[derive(Debug)]
pub struct NewMessage {
    /// Its identifier.
    pub id: MessageId,
    /// Which way it went.
    pub leg: Leg,
    /// The exchange it belongs to (legs Request and Reply).
    pub exchange: Option<ExchangeId>,
    /// The submission it belongs to (legs Submission and Answer).
    pub submission: Option<SubmissionId>,
    /// Reply and Answer: the message it answers; `None` for the newest one of the other side.
    pub answers: Option<MessageId>,
    /// The protocol's transactionID, where it has one.
    pub transaction: Option<Vec<u8>>,
    /// What a repeat is known by: SHA-256 of the requester's own message, whatever was wrapped around it; elsewhere of the octets.
    pub hash: [u8; 32],
    /// The octets.
    pub octets: Vec<u8>,
    /// When.
    pub at: Millis,
}

/// A conversation with a CA at its opening. Its first message is a `Record` with leg Submission in the same unit.
#[derive(Debug)]
pub struct NewSubmission {
    /// Its identifier.
    pub id: SubmissionId,
    /// The case it serves.
    pub case: CaseId,
    /// The configured CA's name.
    pub authority: String,
    /// The transactionID we chose.
    pub transaction: Vec<u8>,
    /// Whether implicitConfirm is asked for.
    pub implicit: bool,
    /// The worker that has it.
    pub owner: String,
    /// Until when it has it.
    pub lease_until: Millis,
    /// When another may look at it.
    pub next_attempt: Millis,
    /// When it was opened.
    pub created_at: Millis,
}

/// A certificate and what is looked up by.
#[derive(Debug)]
pub struct NewCertificate {
    /// Its identifier.
    pub id: CertificateId,
    /// The case that brought it.
    pub case: CaseId,
    /// The profile's name.
    pub profile: String,
    /// The issuer's name in canonical form (`certs::Name::canonical`).
    pub issuer: Vec<u8>,
    /// The serial number's content octets.
    pub serial: Vec<u8>,
    /// Its subject in canonical form.
    pub subject: Vec<u8>,
    /// SHA-256 of the DER.
    pub hash: [u8; 32],
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key_print: [u8; 32],
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its end.
    pub not_after: Millis,
    /// Where it stands at once.
    pub status: CertificateStatus,
    /// When it came.
    pub at: Millis,
}

/// Where a certificate stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateStatus {
    /// Issued; not confirmed yet.
    Issued,
    /// In the requester's hands.
    Valid,
    /// A newer one took its place; it may still be revoked, but not renewed again.
    Renewed,
    /// Rejected by the end entity.
    Rejected,
    /// Revoked by the CA at our request.
    Revoked,
}

/// An enrolment code at its making. The secret stands only encrypted.
#[derive(Debug)]
pub struct NewCode {
    /// Its identifier.
    pub id: CodeId,
    /// HMAC of the reference, under the look-up key: how it is found.
    pub lookup: [u8; 32],
    /// The reference, readable: the EST user name or the CMP senderKID.
    pub reference: String,
    /// The data key that `secret` is encrypted under.
    pub data_key: i64,
    /// nonce || AES-256-GCM ciphertext.
    pub secret: Vec<u8>,
    /// The profile it serves.
    pub profile: String,
    /// How many cases it may open; none for any number.
    pub uses: Option<u32>,
    /// The names it is bound to, as JSON; none for what the profile allows.
    pub names: Option<String>,
    /// After this it opens no case.
    pub expires_at: Option<Millis>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Millis,
}

/// A data key, wrapped by the token's wrapping key or for a recovery certificate.
#[derive(Debug)]
pub struct NewDataKey {
    /// Its number; the same for each wrapping of the same key.
    pub id: i64,
    /// `token:LABEL` or `recovery:SHA-256`.
    pub wrapped_by: String,
    /// The wrapped key.
    pub blob: Vec<u8>,
    /// When.
    pub at: Millis,
}

/// The credential of an exchange and the transaction, as one key (DESIGN section 1, exchange).
#[must_use]
pub fn exchange_key(credential: &CredentialId, transaction: &[u8]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(b"cmp\0");
    context.update(credential.as_str().as_bytes());
    context.update(b"\0");
    context.update(transaction);
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}
