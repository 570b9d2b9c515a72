//! CAs that are off-line: what waits for them is written into files that people carry, and the answers that they bring back are taken in
//! (RFC 9483 section 6.4.1).
//!
//! A message goes out in one export, which is kept and can be had again, octet for octet. Beside its files each export has a manifest that
//! the RA key signs: its number, the hash of the manifest before it, and every message; so that whoever feeds the CA sees what is missing, and
//! what was there before.

use serde::Serialize;

use super::hand::Hand;
use super::recording::sha256;
use super::voyage::{Next, Voyage};
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{CaseId, SubmissionStep};
use crate::duty::Act;
use crate::store::{CommitError, Export, ExportFile, NewExport, Row, Unit};
use crate::upstream::{Answer, Arrived, Authority, Carriage};

/// What the manifest says. New fields come at the end; a change of meaning has another version.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    version: u32,
    authority: &'a str,
    number: u32,
    /// SHA-256 of the manifest before this one.
    previous: Option<String>,
    made_at: String,
    files: Vec<Listed>,
    /// Messages of earlier exports that nobody answered yet.
    unanswered: Vec<Carried>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    octets: usize,
    sha256: String,
    messages: Vec<Carried>,
}

/// A message, in a manifest.
#[derive(Clone, Debug, Serialize)]
struct Carried {
    transaction_id: String,
    step: &'static str,
    sha256: String,
    /// The export in which it went.
    export: u32,
}

/// What became of an answer that was brought.
#[derive(Clone, Debug, Serialize)]
pub struct Brought {
    /// Its transactionID, in hexadecimal digits.
    pub transaction_id: String,
    /// The case that it is about, where it is known.
    pub case: Option<String>,
    /// Whether it was taken in.
    pub taken: bool,
    /// What it says, or why it was left.
    pub text: String,
}

/// A message that waits for somebody to carry it.
struct Waiting {
    message: Vec<u8>,
    hash: [u8; 32],
    transaction: Vec<u8>,
    step: SubmissionStep,
}

impl Registrar {
    /// Writes everything that waits for a CA into files; none when nothing does.
    ///
    /// # Errors
    /// [`Refusal::Requester`] when this is no CA that files are carried to.
    pub async fn export(&self, authority: &str, hand: &Hand) -> Result<Option<Export>, Refusal> {
        self.permit(hand, Act::CarryFiles).await?;
        let driver = self.carried_to(authority)?;
        let carriage = carriage(driver.as_ref())?;
        let (waiting, unanswered) = self.waiting_for_carrier(authority).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let before = self.store.newest_export(authority).await.map_err(Refusal::store)?;
        let number = before.as_ref().map_or(1, |before| before.number.saturating_add(1));
        let mut files = Vec::new();
        let mut listed = Vec::new();
        for (place, part) in waiting.chunks(carriage.most().max(1)).enumerate() {
            let messages: Vec<&[u8]> = part.iter().map(|one| one.message.as_slice()).collect();
            let octets = carriage.pack(&messages, self.fresh()).await.map_err(Refusal::away)?;
            // RFC 9483 section 6.4.1: "The filename extension ".pki" MUST be used."
            let name = format!("{authority}-{number:06}-{:04}.pki", place + 1);
            listed.push(Listed {
                name: name.clone(),
                octets: octets.len(),
                sha256: hex::encode(sha256(&octets)),
                messages: part.iter().map(|one| one.listed(number)).collect(),
            });
            files.push(ExportFile { name, octets });
        }
        let at = self.now();
        let manifest = Manifest {
            version: 1,
            authority,
            number,
            previous: before.map(|before| hex::encode(sha256(&before.manifest))),
            made_at: at.to_string(),
            files: listed,
            unanswered,
        };
        let manifest = serde_json::to_vec_pretty(&manifest).map_err(Refusal::away)?;
        let signature = carriage.vouch(&manifest).await.map_err(Refusal::away)?;
        let leaf = self
            .leaf_by(LeafKind::OfficerAction, hand)
            .plain("act", Act::CarryFiles.name())
            .plain("authority", authority)
            .plain("export", &number.to_string())
            .hash("manifest", sha256(&manifest));
        let export = Export { authority: authority.to_owned(), number, manifest, signature, made_at: at, files };
        let messages = waiting.iter().map(|one| one.hash).collect();
        let new = NewExport { export: export.clone(), messages };
        let unit = Unit::new().with(Row::Export(Box::new(new))).with(Row::Leaf(leaf));
        match self.store.commit(unit).await {
            Ok(()) => Ok(Some(export)),
            Err(CommitError::Conflict(_)) => {
                Err(Refusal::OutOfPlace("another export was made at this moment; ask again"))
            }
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    /// An earlier export once more, as it was.
    pub async fn export_again(&self, authority: &str, number: u32, hand: &Hand) -> Result<Export, Refusal> {
        self.permit(hand, Act::CarryFiles).await?;
        self.carried_to(authority)?;
        let found = self.store.export(authority, number).await.map_err(Refusal::store)?;
        found.ok_or_else(|| Refusal::input(format!("there is no export {number} for '{authority}'")))
    }

    /// Takes in the answers of a file that somebody brought. One that is not believed, or was there before, changes nothing.
    ///
    /// # Errors
    /// [`Refusal::Requester`] when the file is no message of CMP, or this is no CA that files are carried to.
    pub async fn import(&self, authority: &str, file: &[u8], hand: &Hand) -> Result<Vec<Brought>, Refusal> {
        self.permit(hand, Act::CarryFiles).await?;
        let driver = self.carried_to(authority)?;
        let arrived = carriage(driver.as_ref())?.unpack(file).map_err(|fault| Refusal::input(fault.to_string()))?;
        let leaf = self
            .leaf_by(LeafKind::OfficerAction, hand)
            .plain("act", Act::CarryFiles.name())
            .plain("authority", authority)
            .hash("import", sha256(file));
        self.note(leaf).await?;
        let mut brought = Vec::new();
        for one in arrived {
            brought.push(self.take_in(authority, one).await?);
        }
        Ok(brought)
    }

    async fn take_in(&self, authority: &str, arrived: Arrived) -> Result<Brought, Refusal> {
        let Arrived { transaction, answer } = arrived;
        let told = |case: Option<CaseId>, taken: bool, text: &str| {
            let (case, text) = (case.map(|case| case.to_string()), text.to_owned());
            Ok(Brought { transaction_id: hex::encode(&transaction), case, taken, text })
        };
        let found = self.store.submission_of_transaction(authority, &transaction).await.map_err(Refusal::store)?;
        let Some(submission) = found else { return told(None, false, "no such transaction was begun with this CA") };
        let case = Some(submission.case);
        let waits = submission.next_attempt.is_none() && submission.state.is_open();
        if !waits {
            return told(case, false, "nothing is waited for: it was answered before");
        }
        let mut voyage = self.voyage_of(submission).await?;
        if self.store.exported_in(&sha256(&voyage.sent)).await.map_err(Refusal::store)?.is_none() {
            return told(case, false, "its newest message was not exported yet: this answers an older one");
        }
        let says = match self.read(&voyage, &answer) {
            Ok(Answer::NotNow { text, .. } | Answer::InUse { text }) => {
                return told(case, false, &format!("the CA did not take the request; carry it there again: {text}"));
            }
            Ok(says) => says,
            Err(fault) => {
                tracing::error!(case = %voyage.case(), authority, %fault, "an answer that was brought is not believed");
                return told(case, false, &fault.to_string());
            }
        };
        let text = spoken(&says);
        if self.flights.find(voyage.case()).is_none() {
            self.flights.take_off(voyage.case(), None);
        }
        if matches!(self.heard(&mut voyage, answer.octets, says).await?, Next::Leg) {
            self.drive(voyage).await;
        }
        told(case, true, &text)
    }

    /// The newest messages that wait and were never exported; and those that were.
    async fn waiting_for_carrier(&self, authority: &str) -> Result<(Vec<Waiting>, Vec<Carried>), Refusal> {
        let (mut waiting, mut unanswered) = (Vec::new(), Vec::new());
        let found = self.store.carried_submissions(authority, MOST).await.map_err(Refusal::store)?;
        for submission in found {
            let messages = self.store.sent_messages(submission.id).await.map_err(Refusal::store)?;
            let Some(message) = messages.into_iter().next_back() else { continue };
            let hash = sha256(&message);
            let one = Waiting { message, hash, transaction: submission.transaction, step: submission.step };
            match self.store.exported_in(&hash).await.map_err(Refusal::store)? {
                None => waiting.push(one),
                Some(export) => unanswered.push(one.listed(export)),
            }
        }
        Ok((waiting, unanswered))
    }

    /// Its CA is off-line: the message waits for an export, and its requester is told to come back.
    pub(super) async fn leave_for_carrier(&self, voyage: &mut Voyage) -> Result<Next, Refusal> {
        self.keep_in_outbox(voyage, None).await?;
        self.flights.land(voyage.case(), self.waiting(), None);
        Ok(Next::Ashore)
    }

    fn carried_to(&self, authority: &str) -> Result<std::sync::Arc<dyn Authority>, Refusal> {
        let found = self.authorities.get(authority).cloned();
        found.ok_or_else(|| Refusal::input(format!("there is no [authority.{authority}]")))
    }
}

impl Waiting {
    fn listed(&self, export: u32) -> Carried {
        Carried {
            transaction_id: hex::encode(&self.transaction),
            step: self.step.name(),
            sha256: hex::encode(self.hash),
            export,
        }
    }
}

fn carriage(driver: &dyn Authority) -> Result<&dyn Carriage, Refusal> {
    driver.carriage().ok_or_else(|| {
        Refusal::input(format!("'{}' is not of kind \"file\": it is spoken with directly", driver.name()))
    })
}

fn spoken(answer: &Answer) -> String {
    match answer {
        Answer::Issued { .. } => "it issued".to_owned(),
        Answer::Waiting { .. } => "it needs time: the question how it is going is in the next export".to_owned(),
        Answer::Confirmed => "it took the confirmation".to_owned(),
        Answer::Revoked => "it revoked".to_owned(),
        Answer::Rejected { text, .. } => format!("it refused: {text}"),
        other => format!("{other:?}"),
    }
}

/// In one export.
const MOST: u32 = 10_000;
