use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cmp::{BodyKind, FailureInfo};
use serde::{Deserialize, Serialize};

/// How the CA shall misbehave, on request of a test. Everything is off unless it is asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that a test can ask for in JSON")]
pub struct Mischief {
    /// For how many messages; 0 takes back all mischief that was asked for before.
    pub next: u32,
    /// Which messages, by the name of their body in RFC 9810: a wrapped one by its own, a batch by `nested`. Repeats
    /// that get a stored answer never count.
    pub bodies: Vec<String>,
    /// Answers so many milliseconds late.
    pub delay_ms: u64,
    /// Says transactionIdInUse to a repeat that comes while it works on the message still.
    pub busy: bool,
    /// Lets the requester wait and poll, whatever it asked for (RFC 9483 section 4.4).
    pub waiting: Option<Waiting>,
    /// Signs the answer with a key that nobody certified, under the CA's own certificate.
    pub wrong_key: bool,
    /// Signs the answer with this certificate's key, such as a device's or a registration authority's.
    pub device_signed: Option<KeyFiles>,
    /// Sends the answer without protection.
    pub unprotected: bool,
    /// Answers with a message under this HTTP status.
    pub answer_status: Option<u16>,
    /// Answers with another transactionID.
    pub wrong_transaction: bool,
    /// Answers with another recipNonce.
    pub wrong_nonce: bool,
    /// Answers under another name than its own.
    pub wrong_sender: bool,
    /// Does everything, and answers with what the message before was answered with.
    pub stale: bool,
    /// Does everything, and sends the first half of the answer as if it were all.
    pub truncated: bool,
    /// Does everything, sends the first half of the answer, and closes the connection.
    pub half_closed: bool,
    /// Does everything, and sends so many million octets of nothing behind the answer.
    pub padding_megabytes: u32,
    /// Answers the last pollReq with the senderNonce of the request that had to wait as recipNonce.
    pub original_nonce: bool,
    /// Leaves out so many of the answers to a batch, the first ones.
    pub missing_answers: u32,
    /// Adds so many answers to a batch that answer nothing in it.
    pub extra_answers: u32,
    /// Does everything, writes it down, and closes the connection without an answer.
    pub drop: bool,
    /// Does nothing and closes the connection.
    pub ignore: bool,
    /// Does nothing and answers with this HTTP status and no body.
    pub http_status: Option<u16>,
    /// Refuses the message; with `unprotected` and `answer_status` as badly as others do.
    pub refuse: Option<Refusal>,
    /// Does not grant implicitConfirm.
    pub no_implicit_confirm: bool,
    /// Says grantedWithMods with this text, whatever is granted.
    pub with_mods: Option<String>,
    /// Issues something else than what was asked for.
    pub certificate: Option<Twist>,
}

/// For how long a requester waits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// How many times pollReq is answered with pollRep.
    pub polls: u32,
    /// The seconds that pollRep tells to wait.
    pub check_after: i64,
}

/// A certificate and its key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFiles {
    /// PEM file of the certificate.
    pub certificate: PathBuf,
    /// PEM file of the key.
    pub key: PathBuf,
}

/// What to say when refusing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The failInfo by its name in RFC 9810, such as `badCertTemplate`.
    pub failure: String,
    /// The text.
    pub text: String,
}

/// What to issue instead.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Twist {
    /// Another subject (RFC 4514 text).
    pub subject: Option<String>,
    /// Another, newly made key.
    pub public_key: bool,
    /// Another validity.
    pub validity_days: Option<u32>,
    /// One more dNSName.
    pub extra_dns: Option<String>,
    /// An authority.
    pub authority: bool,
    /// Other extensions in the place of those of the same kind, or besides.
    pub extensions: Vec<TwistedExtension>,
    /// None at all: the newest one that was issued before.
    pub again: bool,
}

/// An extension that is no good.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TwistedExtension {
    /// Which one, dotted.
    pub oid: String,
    /// Whether it is critical.
    #[serde(default)]
    pub critical: bool,
    /// Its DER in hexadecimal; without it the extension is left out.
    pub value: Option<String>,
}

impl Default for Mischief {
    fn default() -> Self {
        Self {
            next: 1,
            bodies: ["ir", "cr", "p10cr", "kur", "rr"].map(str::to_owned).to_vec(),
            delay_ms: 0,
            busy: false,
            waiting: None,
            wrong_key: false,
            device_signed: None,
            unprotected: false,
            answer_status: None,
            wrong_transaction: false,
            wrong_nonce: false,
            wrong_sender: false,
            stale: false,
            truncated: false,
            half_closed: false,
            padding_megabytes: 0,
            original_nonce: false,
            missing_answers: 0,
            extra_answers: 0,
            drop: false,
            ignore: false,
            http_status: None,
            refuse: None,
            no_implicit_confirm: false,
            with_mods: None,
            certificate: None,
        }
    }
}

impl Mischief {
    /// No mischief at all.
    #[must_use]
    pub fn none() -> Self {
        Self { next: 0, bodies: Vec::new(), ..Self::default() }
    }

    /// Reads one or a list of them (JSON).
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn parse(json: &[u8]) -> Result<Vec<Self>, String> {
        let all = match serde_json::from_slice(json).map_err(|error| error.to_string())? {
            OneOrMany::One(one) => {
                vec![serde_json::from_value(one).map_err(|error| error.to_string())?]
            }
            OneOrMany::Many(many) => many
                .into_iter()
                .map(|one| serde_json::from_value(one).map_err(|error| error.to_string()))
                .collect::<Result<Vec<Self>, _>>()?,
        };
        all.iter().try_for_each(Self::check)?;
        Ok(all)
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        (self.delay_ms > 0).then(|| Duration::from_millis(self.delay_ms))
    }

    fn check(&self) -> Result<(), String> {
        if let Some(body) = self.bodies.iter().find(|name| kind(name).is_none()) {
            return Err(format!("bodies: {body} is no body of RFC 9810"));
        }
        if let Some(refusal) = &self.refuse {
            refusal.failure_info().ok_or_else(|| format!("refuse: {} is no failInfo", refusal.failure))?;
        }
        Ok(())
    }
}

impl Refusal {
    pub(crate) fn fault(&self) -> cmp::Fault {
        cmp::Fault::new(self.failure_info().unwrap_or(FailureInfo::BAD_REQUEST), self.text.clone())
    }

    fn failure_info(&self) -> Option<FailureInfo> {
        (0..32).map(|bit| FailureInfo(1 << bit)).find(|failure| failure.to_string() == self.failure)
    }
}

/// Mischief that was asked for and has not been done yet.
#[derive(Debug, Default)]
pub(crate) struct Plot {
    planned: Mutex<VecDeque<Mischief>>,
    busy: AtomicBool,
}

impl Plot {
    /// Adds to what is planned; returns how many messages are still to suffer.
    pub(crate) fn add(&self, all: Vec<Mischief>) -> u32 {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        for mischief in all {
            if mischief.next == 0 {
                planned.clear();
            } else {
                planned.push_back(mischief);
            }
        }
        planned.iter().fold(0, |sum, mischief| sum.saturating_add(mischief.next))
    }

    /// Whether the newest mischief has repeats refused while their message is worked on.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// What a message of this kind has to suffer.
    pub(crate) fn take(&self, body: BodyKind) -> Mischief {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let applies = |mischief: &Mischief| mischief.bodies.iter().any(|name| kind(name) == Some(body));
        let Some(index) = planned.iter().position(applies) else {
            return Mischief::none();
        };
        let Some(found) = planned.get_mut(index) else {
            return Mischief::none();
        };
        found.next = found.next.saturating_sub(1);
        let taken = found.clone();
        self.busy.store(taken.busy, Ordering::SeqCst);
        if found.next == 0 {
            planned.remove(index);
        }
        taken
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

fn kind(name: &str) -> Option<BodyKind> {
    (0..=26).filter_map(BodyKind::from_tag).find(|kind| kind.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mischief_lasts_for_as_many_messages_of_its_kind_as_asked() {
        let plot = Plot::default();
        let asked = Mischief::parse(br#"{"next": 2, "bodies": ["p10cr"], "drop": true}"#).unwrap();
        assert_eq!(plot.add(asked), 2);
        assert!(!plot.take(BodyKind::Ir).drop);
        assert!(plot.take(BodyKind::P10cr).drop);
        assert!(plot.take(BodyKind::P10cr).drop);
        assert!(!plot.take(BodyKind::P10cr).drop);
    }

    #[test]
    fn asking_for_none_takes_all_back() {
        let plot = Plot::default();
        plot.add(Mischief::parse(br#"[{"next": 5, "delay_ms": 10}, {"drop": true}]"#).unwrap());
        assert_eq!(plot.add(Mischief::parse(br#"{"next": 0}"#).unwrap()), 0);
    }

    #[test]
    fn mischief_that_nobody_knows_is_refused() {
        assert!(Mischief::parse(br#"{"explode": true}"#).unwrap_err().contains("explode"));
        assert!(Mischief::parse(br#"{"bodies": ["xr"]}"#).unwrap_err().contains("xr"));
        assert!(Mischief::parse(br#"{"refuse": {"failure": "badMood", "text": ""}}"#).unwrap_err().contains("badMood"));
        let refuse = Mischief::parse(br#"{"refuse": {"failure": "badCertTemplate", "text": "no"}}"#).unwrap();
        let refuse = refuse.first().unwrap().refuse.as_ref().unwrap();
        assert_eq!(refuse.failure_info(), Some(FailureInfo::BAD_CERT_TEMPLATE));
    }
}
