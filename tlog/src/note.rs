//! Signed notes (C2SP signed-note): a text that people can read, and lines that sign it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::algorithm::ecdsa_with_sha256;
use certs::{KeyKind, PublicKey};

/// A key that signs notes, under its name.
///
/// Its signatures are of type 0x02: ECDSA with SHA-256 on P-256, which every token can make.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteKey {
    name: String,
    key: PublicKey,
}

/// Why a key cannot sign notes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFault {
    /// C2SP signed-note, Format: a name has neither spaces nor plus signs.
    #[error(
        "'{0}' cannot name a key: it must have one character at least, and neither space nor '+' nor control characters"
    )]
    Name(String),
    /// Not on the curve that signatures of type 0x02 should be on.
    #[error("the key is not one for ECDSA on P-256")]
    Kind,
}

/// A note: what it says, and who signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note<'n> {
    text: &'n str,
    signatures: Vec<Line<'n>>,
}

/// `— NAME base64(key ID || signature)`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Line<'n> {
    name: &'n str,
    octets: Vec<u8>,
}

/// Why a note says nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteFault {
    /// It is not of the form.
    #[error("this is no signed note: {0}")]
    Form(&'static str),
    /// The key that is asked about did not sign.
    #[error("the note is not signed by '{0}' with this key")]
    Unsigned(String),
    /// The key's line is there, and the signature is not the key's for this text.
    #[error("the signature of '{0}' is not for this text: the note was changed, or signed by another")]
    Signature(String),
}

impl NoteKey {
    /// A key with its name.
    ///
    /// # Errors
    /// [`KeyFault`].
    pub fn new(name: &str, key: PublicKey) -> Result<Self, KeyFault> {
        let unfit = |sign: char| sign.is_whitespace() || sign.is_control() || sign == '+';
        if name.is_empty() || name.contains(unfit) {
            return Err(KeyFault::Name(name.to_owned()));
        }
        if key.kind() != KeyKind::P256 {
            return Err(KeyFault::Kind);
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The note with this text, which ends in a newline, and the signature over it.
    #[must_use]
    pub fn note(&self, text: &str, signature: &[u8]) -> String {
        let octets = [self.id().as_slice(), signature].concat();
        format!("{text}\n{MARK}{} {}\n", self.name, STANDARD.encode(octets))
    }

    /// C2SP signed-note, Signature types, 0x02: the first four octets of the SHA-256 of the SubjectPublicKeyInfo.
    fn id(&self) -> [u8; ID] {
        let mut id = [0; ID];
        id.copy_from_slice(&self.key.print().as_bytes()[..ID]);
        id
    }
}

impl<'n> Note<'n> {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteFault::Form`].
    pub fn parse(note: &'n str) -> Result<Self, NoteFault> {
        if note.chars().any(|sign| sign < ' ' && sign != '\n') {
            return Err(NoteFault::Form("there is a control character in it"));
        }
        // The text is separated from the signatures by the last empty line.
        let end = note.rfind("\n\n").ok_or(NoteFault::Form("there is no empty line before the signatures"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteFault::Form("the last line has no end"))?;
        let signatures = lines.split('\n').map(line).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(NoteFault::Form("there are too many signatures"));
        }
        Ok(Self { text, signatures })
    }

    /// What it says, once this key is known to have signed it.
    ///
    /// # Errors
    /// [`NoteFault::Unsigned`] and [`NoteFault::Signature`].
    pub fn verified(&self, key: &NoteKey) -> Result<&'n str, NoteFault> {
        let mine = |line: &&Line<'_>| line.name == key.name && line.octets[..ID] == key.id();
        // Lines of other keys say nothing to who knows only this one; each of this one must hold.
        let mut lines = self.signatures.iter().filter(mine).peekable();
        if lines.peek().is_none() {
            return Err(NoteFault::Unsigned(key.name.clone()));
        }
        for line in lines {
            let holds = key.key.verify(&ecdsa_with_sha256(), self.text.as_bytes(), &line.octets[ID..]);
            holds.map_err(|_| NoteFault::Signature(key.name.clone()))?;
        }
        Ok(self.text)
    }
}

fn line(line: &str) -> Result<Line<'_>, NoteFault> {
    let rest = line.strip_prefix(MARK).ok_or(NoteFault::Form("a signature's line does not begin as one"))?;
    let (name, octets) = rest.split_once(' ').ok_or(NoteFault::Form("a signature's line has no signature"))?;
    let octets = STANDARD.decode(octets).map_err(|_| NoteFault::Form("a signature is not base64"))?;
    if name.is_empty() || name.contains('+') || octets.len() <= ID {
        return Err(NoteFault::Form("a signature's line has no name or no signature"));
    }
    Ok(Line { name, octets })
}

/// How the line of a signature begins.
pub(crate) const MARK: &str = "\u{2014} ";

/// The octets of a key ID.
const ID: usize = 4;

/// C2SP signed-note, Format: a limit should be there, and is not below 16.
const MOST_SIGNATURES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Key, ORIGIN};

    /// Checkpoints that other logs signed, with their public keys: Sigstore's Rekor, and Google's log of Pixel images.
    const RECORDED: [(&str, &str, &str); 2] = [
        (
            "rekor.sigstore.dev",
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==",
            "Rekor\n798034\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n\n\u{2014} rekor.sigstore.dev wNI9ajBEAiARInWIWyCdyG27CO6LPnPekyw20qO0YJfoaPaowGp/XgIgc+qEHS3+GKVClgqq20uDLet7MCoTURUCRdxwWBHHufk=\n",
        ),
        (
            "pixel6_transparency_log",
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE37jHQmTXJPC8sUj0Dg0N0ZlxfRqJZV1YzlclXLQzhVYPcC/JblDoez0DSZwOSlShiCf4oo83MULQfec3erolDw==",
            "DEFAULT\n10\nbsWRucJU5xJPHb5eBdOm6+DM+VelCZBuvtI3sHERJ9Y=\n\n\u{2014} pixel6_transparency_log kcFuMDBFAiEAhqMAP8P6qf6QxtUJhzMhbN+MbZ9dwfUHzGQJmffJHtoCIGD0cNe47dHWBoPwYdgBCepB06/+g5O1FmYjXl06owL4\n",
        ),
    ];

    #[test]
    fn notes_of_other_logs_are_verified() {
        for (name, key, note) in RECORDED {
            let key = NoteKey::new(name, PublicKey::parse(&STANDARD.decode(key).unwrap()).unwrap()).unwrap();
            let text = Note::parse(note).unwrap().verified(&key).unwrap();
            assert_eq!(text, note.split("\n\n").next().unwrap().to_owned() + "\n");
            let changed = note.replacen("79803", "79804", 1).replacen("\n10\n", "\n11\n", 1);
            assert_eq!(Note::parse(&changed).unwrap().verified(&key), Err(NoteFault::Signature(name.to_owned())));
        }
    }

    #[test]
    fn a_note_is_verified_by_the_key_and_the_name_that_signed() {
        let (own, other) = (Key::new(), Key::new());
        let signed = own.checkpoint(0, [0; 32]);
        let note = Note::parse(signed.note()).unwrap();
        assert_eq!(note.verified(&own.named(ORIGIN)).unwrap(), signed.checkpoint().text());
        let unsigned = |name: &str| Err(NoteFault::Unsigned(name.to_owned()));
        assert_eq!(note.verified(&other.named(ORIGIN)), unsigned(ORIGIN));
        assert_eq!(note.verified(&own.named("another")), unsigned("another"));
    }

    #[test]
    fn lines_of_others_say_nothing_and_each_line_of_the_key_must_hold() {
        let own = Key::new();
        let (first, second) = (own.checkpoint(1, [1; 32]), own.checkpoint(2, [2; 32]));
        let line = |note: &str| note.split("\n\n").nth(1).unwrap().to_owned();
        let with = |line: String| format!("{}{line}", first.note());
        let stranger = with(line(Key::new().checkpoint(1, [1; 32]).note()));
        assert!(Note::parse(&stranger).unwrap().verified(&own.named(ORIGIN)).is_ok());
        let doubtful = with(line(second.note()));
        let fault = Note::parse(&doubtful).unwrap().verified(&own.named(ORIGIN));
        assert_eq!(fault, Err(NoteFault::Signature(ORIGIN.to_owned())));
    }

    #[test]
    fn what_is_no_note_is_not_read() {
        let note = Key::new().checkpoint(1, [1; 32]).note().to_owned();
        for wrong in [
            String::new(),
            note.replace("\n\n", "\n"),
            note.trim_end().to_owned(),
            note.replace('\u{2014}', "-"),
            note.replace("log ", "log+ "),
            format!("{note}\u{2014} x AAAA\n"),
            format!("{note}\u{2014} x ====\n"),
            note.replacen('\n', "\r\n", 1),
            format!("{note}{}", "\u{2014} x AAAAAAAA\n".repeat(64)),
        ] {
            assert!(matches!(Note::parse(&wrong), Err(NoteFault::Form(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_has_a_name_and_is_on_p256() {
        let key = Key::new();
        let named = |name: &str| NoteKey::new(name, key.named(ORIGIN).key().clone());
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\tb"] {
            assert_eq!(named(name), Err(KeyFault::Name(name.to_owned())));
        }
        let ed25519 = hex::decode("302a300506032b6570032100").unwrap();
        let ed25519 = PublicKey::parse(&[ed25519.as_slice(), &[5; 32]].concat()).unwrap();
        assert_eq!(NoteKey::new(ORIGIN, ed25519), Err(KeyFault::Kind));
    }
}
