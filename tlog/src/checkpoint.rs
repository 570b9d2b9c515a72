//! Checkpoints (C2SP tlog-checkpoint): the size and the root of a log, signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::{Signer, SignerFault};

use crate::note::{MARK, Note, NoteFault, NoteKey};
use crate::tree::Hash;

/// What a log is at one size.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// Which log: the name of its key.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// A checkpoint with the note that says it, as it was signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

/// Why something is no checkpoint of a log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckpointFault {
    /// The note is not one, or not signed by the log.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// What it says is not a size and a root.
    #[error("this is no checkpoint: {0}")]
    Form(&'static str),
    /// It is another log's.
    #[error("this is a checkpoint of '{0}'")]
    Origin(String),
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Signs it with the private half of the log's key, whose name is its origin.
    ///
    /// # Errors
    /// When the key does not sign.
    pub async fn sign(self, key: &NoteKey, signer: &dyn Signer) -> Result<SignedCheckpoint, SignerFault> {
        let text = self.text();
        let signature = signer.sign(text.as_bytes()).await?;
        Ok(SignedCheckpoint { note: key.note(&text, &signature), checkpoint: self })
    }

    fn parse(text: &str) -> Result<Self, CheckpointFault> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let origin = line().ok_or(CheckpointFault::Form("it names no log"))?;
        let size = line().ok_or(CheckpointFault::Form("it has no size"))?;
        let root = line().ok_or(CheckpointFault::Form("it has no root"))?;
        // Extension lines are nobody's to audit; none of ours has any.
        if lines.next().is_some() {
            return Err(CheckpointFault::Form("it says more than a size and a root"));
        }
        let digits = !size.is_empty() && size.bytes().all(|digit| digit.is_ascii_digit());
        let canonical = digits && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| canonical).ok_or(CheckpointFault::Form("its size is no number"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| Hash::try_from(root).ok());
        let root = root.ok_or(CheckpointFault::Form("its root is no SHA-256"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl SignedCheckpoint {
    /// Reads a checkpoint of the log with this key.
    ///
    /// # Errors
    /// [`CheckpointFault`].
    pub fn parse(note: &str, key: &NoteKey) -> Result<Self, CheckpointFault> {
        let checkpoint = Checkpoint::parse(Note::parse(note)?.verified(key)?)?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointFault::Origin(checkpoint.origin));
        }
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, as it was signed.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// What is to be appended to a file that ends so, for this note to be found: behind what was left unfinished, an empty line.
#[must_use]
pub fn appended(end: &str, note: &str) -> String {
    let whole = end.is_empty() || end.ends_with('\n');
    if whole { note.to_owned() } else { format!("\n\n{note}") }
}

/// What stands in a file to which one note was appended after the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notes<'f> {
    /// The notes, in their order.
    pub whole: Vec<&'f str>,
    /// Pieces of notes, as a machine leaves them that loses its power.
    pub torn: Vec<&'f str>,
}

/// The checkpoints of the log of this name in a file.
#[must_use]
pub fn checkpoints<'f>(file: &'f str, origin: &str) -> Notes<'f> {
    let mut notes = Notes { whole: Vec::new(), torn: Vec::new() };
    let (mut begin, mut place, mut signed) = (0, 0, false);
    for line in file.split_inclusive('\n') {
        let signature = line.starts_with(MARK) && line.ends_with('\n');
        if signed && line == "\n" {
            // No note follows: the line of the signature was never finished.
            notes.torn.push(&file[begin..=place]);
            begin = place + 1;
        } else if signed && !signature {
            notes.take(&file[begin..place], origin);
            begin = place;
        }
        place += line.len();
        signed = signature;
    }
    if signed {
        notes.take(&file[begin..], origin);
    } else if begin < file.len() {
        notes.torn.push(&file[begin..]);
    }
    notes
}

impl<'f> Notes<'f> {
    /// A note; what was left unfinished may stand before it.
    fn take(&mut self, text: &'f str, origin: &str) {
        let begins = text.rfind(&format!("\n{origin}\n")).map_or(0, |place| place + 1);
        let (torn, whole) = text.split_at(begins);
        self.torn.extend((!torn.is_empty()).then_some(torn));
        self.whole.push(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Key, ORIGIN};

    #[test]
    fn the_text_is_that_of_the_standard() {
        let root = STANDARD.decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").unwrap().try_into().unwrap();
        let checkpoint = Checkpoint { origin: "example.com/behind-the-sofa".to_owned(), size: 20_852_163, root };
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(checkpoint.text(), text);
        assert_eq!(Checkpoint::parse(text), Ok(checkpoint));
    }

    #[test]
    fn a_signed_checkpoint_reads_back_as_the_log_s_own_only() {
        let key = Key::new();
        let signed = key.checkpoint(3, [7; 32]);
        assert_eq!(SignedCheckpoint::parse(signed.note(), &key.named(ORIGIN)).unwrap(), signed);
        let elsewhere = Checkpoint { origin: "other".to_owned(), ..signed.checkpoint().clone() };
        let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
        let own = key.named(ORIGIN);
        let std::task::Poll::Ready(Ok(elsewhere)) = std::pin::pin!(elsewhere.sign(&own, &key)).poll(&mut waker) else {
            panic!("a software key does not wait")
        };
        let fault = SignedCheckpoint::parse(elsewhere.note(), &key.named(ORIGIN));
        assert_eq!(fault, Err(CheckpointFault::Origin("other".to_owned())));
    }

    #[test]
    fn only_a_size_and_a_root_are_a_checkpoint() {
        let root = STANDARD.encode([0; 32]);
        for wrong in [
            "log\n1\n".to_owned(),
            format!("\n1\n{root}\n"),
            format!("log\n01\n{root}\n"),
            format!("log\n+1\n{root}\n"),
            format!("log\n18446744073709551616\n{root}\n"),
            format!("log\n1\n{}\n", STANDARD.encode([0; 31])),
            format!("log\n1\n{root}\nTimestamp: 1\n"),
        ] {
            assert!(matches!(Checkpoint::parse(&wrong), Err(CheckpointFault::Form(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_of_checkpoints_is_taken_apart_and_what_is_torn_is_told() {
        let key = Key::new();
        let [one, two] = [1, 2].map(|size| key.checkpoint(size, [0; 32]).note().to_owned());
        let file = format!("{one}{two}");
        let read = |file: &str| {
            let notes = checkpoints(file, ORIGIN);
            (notes.whole.iter().map(ToString::to_string).collect::<Vec<_>>(), notes.torn.concat())
        };
        assert_eq!(read(&file), (vec![one.clone(), two.clone()], String::new()));
        assert_eq!(read(""), (vec![], String::new()));
        for torn in (1..two.len()).filter(|torn| two.is_char_boundary(*torn)) {
            let torn = &two[..torn];
            assert_eq!(read(&format!("{one}{torn}")), (vec![one.clone()], torn.to_owned()));
            let behind = appended(torn, &two);
            let left = format!("{torn}{}", &behind[..behind.len() - two.len()]);
            assert_eq!(read(&format!("{one}{torn}{behind}")), (vec![one.clone(), two.clone()], left));
        }
    }
}
