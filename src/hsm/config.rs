use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::Fault;
use super::purpose::Use;
use super::uri::{Class, Uri};

/// The section `[hsm]`.
///
/// ```toml
/// [hsm]
/// module = "/usr/lib/softhsm/libsofthsm2.so"
/// token = "daftar"
/// pin_file = "/etc/daftar/pin"
/// signing_key = { label = "ra-signing", id = "01" }
/// wrapping_key = "pkcs11:object=ra-wrapping;id=%02"
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The PKCS#11 module: absolute name of a shared library.
    pub module: PathBuf,
    /// The token's label. A slot number is not taken: slots are renumbered when a token goes and comes.
    #[serde(default)]
    pub token: Option<String>,
    /// The token's serial number, where labels are not unique.
    #[serde(default)]
    pub token_serial: Option<String>,
    /// File with the user PIN, readable by its owner only.
    #[serde(default)]
    pub pin_file: Option<PathBuf>,
    /// Name of a systemd credential with the user PIN, instead of `pin_file`.
    #[serde(default)]
    pub pin_credential: Option<String>,
    /// Sessions, each with a thread: the signatures that the token can make at the same time.
    #[serde(default = "default_sessions")]
    pub sessions: usize,
    /// Signatures that may wait for a session; more are refused as long as that lasts.
    #[serde(default = "default_queue_limit")]
    pub queue_limit: usize,
    /// Seconds after which a signature that was not made is given up.
    #[serde(default = "default_deadline_seconds")]
    pub deadline_seconds: u64,
    /// Seconds after which a call into the module is taken for one that hangs.
    #[serde(default = "default_call_seconds")]
    pub call_seconds: u64,
    /// The RA's signing key.
    pub signing_key: KeyRef,
    /// The key that signs the answers to requesters, where that is not the signing key (`[answers]`).
    #[serde(default)]
    pub answer_key: Option<KeyRef>,
    /// The one before it, for exchanges that began under it.
    #[serde(default)]
    pub retiring_answer_key: Option<KeyRef>,
    /// The key that signs keys made here for requesters, where that is not the one for answers (`[answers]`).
    #[serde(default)]
    pub package_key: Option<KeyRef>,
    /// The P-256 key that signs the checkpoints of the audit log (`[audit]`).
    #[serde(default)]
    pub checkpoint_key: Option<KeyRef>,
    /// The P-256 or P-384 key of TLS, instead of `listen.key_file`.
    #[serde(default)]
    pub tls_key: Option<KeyRef>,
    /// The AES-256 key that wraps the data keys.
    #[serde(default)]
    pub wrapping_key: Option<KeyRef>,
}

impl Config {
    /// Checks what can be known without the token.
    ///
    /// # Errors
    /// [`Fault::Config`], naming the key.
    pub fn check(&self) -> Result<(), Fault> {
        let fault = |text: &str| Err(Fault::Config(text.into()));
        if !self.module.is_absolute() {
            return fault("module: an absolute file name is needed");
        }
        if self.pin_file.is_some() == self.pin_credential.is_some() {
            return fault("exactly one of pin_file and pin_credential is needed");
        }
        if !(1..=64).contains(&self.sessions) {
            return fault("sessions: 1 to 64");
        }
        if !(1..=65_536).contains(&self.queue_limit) {
            return fault("queue_limit: 1 to 65536");
        }
        if !(1..=120).contains(&self.deadline_seconds) {
            return fault("deadline_seconds: 1 to 120");
        }
        if !(1..=60).contains(&self.call_seconds) {
            return fault("call_seconds: 1 to 60");
        }
        if self.signing_key.class == Some(Class::Secret) {
            return fault("signing_key: type=secret-key cannot sign; say type=private");
        }
        for (name, key) in self.answer_keys() {
            if key.class == Some(Class::Secret) {
                return fault(&format!("{name}: type=secret-key cannot sign; say type=private"));
            }
            if key.names_the_same(&self.signing_key) {
                return fault(&format!("{name}: the signing_key answers by itself; leave this away"));
            }
            if self.checkpoint_key.as_ref().is_some_and(|log| log.names_the_same(key)) {
                return fault("checkpoint_key: it signs the audit log and nothing else; it cannot sign answers");
            }
        }
        if let (Some(new), Some(old)) = (&self.answer_key, &self.retiring_answer_key)
            && new.names_the_same(old)
        {
            return fault("retiring_answer_key: it is the answer_key, which does not retire");
        }
        if let Some(key) = &self.checkpoint_key {
            if key.class == Some(Class::Secret) {
                return fault("checkpoint_key: type=secret-key cannot sign; say type=private");
            }
            if key.names_the_same(&self.signing_key) {
                return fault("checkpoint_key: it signs the audit log and nothing else; it cannot be the signing_key");
            }
        }
        if let (Some(answers), Some(packages)) = (&self.answer_key, &self.package_key)
            && answers.names_the_same(packages)
        {
            return fault("package_key: the answer_key signs keys that are made here by itself; leave this away");
        }
        if let Some(key) = &self.tls_key {
            if key.class == Some(Class::Secret) {
                return fault("tls_key: type=secret-key cannot sign; say type=private");
            }
            // What it signs is chosen by whoever connects, in part.
            if let Some((name, _)) = self.keys().find(|(name, other)| *name != "tls_key" && other.names_the_same(key)) {
                return fault(&format!("tls_key: it signs TLS handshakes and nothing else; it cannot be the {name}"));
            }
        }
        if self.wrapping_key.as_ref().is_some_and(|key| key.class == Some(Class::Private)) {
            return fault("wrapping_key: type=private cannot wrap; say type=secret-key");
        }
        self.token_choice().map(drop)
    }

    /// Which token, from the section and from the keys' URIs, which must agree.
    pub(super) fn token_choice(&self) -> Result<TokenChoice, Fault> {
        let mut choice =
            TokenChoice { label: self.token.clone(), serial: self.token_serial.clone(), ..TokenChoice::default() };
        for (_, key) in self.keys().chain(self.wrapping_key.as_ref().map(|key| ("wrapping_key", key))) {
            choice.join(&key.token)?;
        }
        if choice.label.is_none() && choice.serial.is_none() {
            return Err(Fault::Config("token or token_serial is needed".into()));
        }
        if choice.label.as_ref().is_some_and(|label| label.is_empty() || label.len() > 32) {
            return Err(Fault::Config("token: a label has 1 to 32 octets".into()));
        }
        Ok(choice)
    }

    /// All keys that sign, as the section names them.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &KeyRef)> {
        let others = [("checkpoint_key", &self.checkpoint_key), ("tls_key", &self.tls_key)];
        let others = others.into_iter().filter_map(|(name, key)| Some((name, key.as_ref()?)));
        std::iter::once(("signing_key", &self.signing_key)).chain(self.answer_keys()).chain(others)
    }

    /// The keys that sign nothing but answers, as the section names them.
    pub fn answer_keys(&self) -> impl Iterator<Item = (&'static str, &KeyRef)> {
        let keys = [
            ("answer_key", &self.answer_key),
            ("retiring_answer_key", &self.retiring_answer_key),
            ("package_key", &self.package_key),
        ];
        keys.into_iter().filter_map(|(name, key)| Some((name, key.as_ref()?)))
    }

    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }

    /// Each session's thread and the one in its place may hang; when those in their places do, nothing is answered at all.
    pub(super) fn most_lost(&self) -> usize {
        (2 * Use::ALL.into_iter().map(|used| self.sessions_for(used)).sum::<usize>()).min(8)
    }

    pub(super) fn call_time(&self) -> Duration {
        Duration::from_secs(self.call_seconds)
    }
}

/// A key on the token, by label, by id, or both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRef {
    /// `CKA_LABEL`.
    pub label: Option<String>,
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
    pub(super) token: TokenChoice,
    pub(super) class: Option<Class>,
}

impl KeyRef {
    /// The key with this label and this id.
    #[must_use]
    pub fn new(label: &str, id: &[u8]) -> Self {
        Self { label: Some(label.into()), id: Some(id.into()), token: TokenChoice::default(), class: None }
    }

    /// The key with what is given of label and id; none when that is nothing.
    #[must_use]
    pub fn by(label: Option<String>, id: Option<Vec<u8>>) -> Option<Self> {
        let key = Self {
            label: label.filter(|label| !label.is_empty()),
            id: id.filter(|id| !id.is_empty()),
            token: TokenChoice::default(),
            class: None,
        };
        key.named().ok()
    }
}

impl KeyRef {
    /// Whether both name one key, as far as the names tell.
    fn names_the_same(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        agree(self.label.as_ref(), other.label.as_ref()) && agree(self.id.as_ref(), other.id.as_ref())
    }
}

impl FromStr for KeyRef {
    type Err = Fault;

    /// Reads a PKCS #11 URI (RFC 7512).
    fn from_str(text: &str) -> Result<Self, Fault> {
        let uri = Uri::parse(text).map_err(|fault| Fault::Config(fault.to_string()))?;
        let key = Self {
            label: uri.object,
            id: uri.id,
            token: TokenChoice {
                label: uri.token,
                serial: uri.serial,
                manufacturer: uri.manufacturer,
                model: uri.model,
            },
            class: uri.class,
        };
        key.named()
    }
}

impl KeyRef {
    fn named(self) -> Result<Self, Fault> {
        if self.label.is_none() && self.id.is_none() {
            return Err(Fault::Config("a key is named by label (object=), by id, or both".into()));
        }
        Ok(self)
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.label, &self.id) {
            (Some(label), Some(id)) => write!(f, "label {label:?} and id {}", hex::encode(id)),
            (Some(label), None) => write!(f, "label {label:?}"),
            (None, Some(id)) => write!(f, "id {}", hex::encode(id)),
            (None, None) => write!(f, "any name"),
        }
    }
}

impl<'de> Deserialize<'de> for KeyRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyRefVisitor)
    }
}

/// A URI or a table; a visitor and not an untagged enum, so that the error names the unknown key.
struct KeyRefVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    label: Option<String>,
    id: Option<String>,
}

impl<'de> Visitor<'de> for KeyRefVisitor {
    type Value = KeyRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PKCS#11 URI, or a table with label and id (hexadecimal)")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<KeyRef, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyRef, A::Error> {
        let table = KeyTable::deserialize(MapAccessDeserializer::new(map))?;
        let id = table.id.map(hex::decode).transpose();
        let id = id.map_err(|_| serde::de::Error::custom("id: hexadecimal digits, two for each octet"))?;
        if id.as_ref().is_some_and(Vec::is_empty) || table.label.as_ref().is_some_and(String::is_empty) {
            return Err(serde::de::Error::custom("label and id cannot be empty"));
        }
        let key = KeyRef { label: table.label, id, token: TokenChoice::default(), class: None };
        key.named().map_err(serde::de::Error::custom)
    }
}

/// What a token must be called; all that is said must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct TokenChoice {
    pub(super) label: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
}

impl TokenChoice {
    fn join(&mut self, other: &Self) -> Result<(), Fault> {
        let pairs = [
            ("token", &mut self.label, &other.label),
            ("serial", &mut self.serial, &other.serial),
            ("manufacturer", &mut self.manufacturer, &other.manufacturer),
            ("model", &mut self.model, &other.model),
        ];
        for (name, mine, theirs) in pairs {
            match (mine.as_ref(), theirs) {
                (Some(mine), Some(theirs)) if mine != theirs => {
                    return Err(Fault::Config(format!("{name}: all keys must be on one token")));
                }
                (None, Some(theirs)) => *mine = Some(theirs.clone()),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for TokenChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("label", &self.label),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
        ];
        let mut separator = "";
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{name} {value:?}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// Two sessions keep a soft token busy on two cores; a network HSM wants 8 to 32.
fn default_sessions() -> usize {
    2
}

/// Half a second of signatures of the slowest soft key.
fn default_queue_limit() -> usize {
    256
}

/// Shorter than a requester's patience, longer than an HSM's fail-over.
fn default_deadline_seconds() -> u64 {
    10
}

/// Longer than any signature of an HSM that is there.
fn default_call_seconds() -> u64 {
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(rest: &str) -> Result<Config, String> {
        let text = format!("module = \"/m.so\"\npin_file = \"/pin\"\n{rest}");
        toml::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_a_table_or_a_uri() {
        let config = config(
            "token = \"t\"\nsigning_key = { label = \"s\", id = \"01ff\" }\nwrapping_key = \"pkcs11:object=w;id=%02\"",
        )
        .unwrap();
        assert_eq!(config.signing_key, KeyRef::new("s", &[1, 255]));
        assert_eq!(config.wrapping_key, Some(KeyRef::new("w", &[2])));
        config.check().unwrap();
    }

    #[test]
    fn unknown_keys_are_refused() {
        let fault = config("token = \"t\"\nsigning_key = { label = \"s\", slot = 1 }").unwrap_err();
        assert!(fault.contains("slot"), "{fault}");
        let fault = config("token = \"t\"\nslot = 3\nsigning_key = { label = \"s\" }").unwrap_err();
        assert!(fault.contains("slot"), "{fault}");
    }

    #[test]
    fn a_key_without_a_name_is_refused() {
        for key in ["{}", "{ id = \"\" }", "{ id = \"0\" }", "{ label = \"\" }", "\"pkcs11:token=t\"", "\"s\""] {
            assert!(config(&format!("token = \"t\"\nsigning_key = {key}")).is_err(), "{key}");
        }
    }

    #[test]
    fn the_token_must_be_named() {
        let fault = config("signing_key = { label = \"s\" }").unwrap().check().unwrap_err();
        assert!(fault.to_string().contains("token_serial"), "{fault}");
        config("signing_key = \"pkcs11:token=t;object=s\"").unwrap().check().unwrap();
    }

    #[test]
    fn keys_of_two_tokens_are_refused() {
        let keys = "signing_key = \"pkcs11:token=t;object=s\"\nwrapping_key = \"pkcs11:token=u;object=w\"";
        assert!(config(keys).unwrap().check().is_err());
    }

    #[test]
    fn exactly_one_source_of_the_pin_is_needed() {
        let mut config = config("token = \"t\"\nsigning_key = { label = \"s\" }").unwrap();
        config.pin_credential = Some("pin".into());
        assert!(config.check().is_err());
        config.pin_file = None;
        config.check().unwrap();
        config.pin_credential = None;
        assert!(config.check().is_err());
    }

    #[test]
    fn unsafe_numbers_are_refused() {
        for line in ["sessions = 0", "sessions = 65", "queue_limit = 0", "deadline_seconds = 0", "call_seconds = 0"] {
            let config = config(&format!("token = \"t\"\nsigning_key = {{ label = \"s\" }}\n{line}")).unwrap();
            assert!(config.check().is_err(), "{line}");
        }
    }
}
