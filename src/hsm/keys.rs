//! Keys on the token: finding them, what they are allowed to be, and their public halves.

use certs::PublicKey;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::config::KeyRef;
use super::fault::Trouble;
use super::public::{curve_name, public_key};
use super::{Fault, wrapping};

/// A key on the token, as it is listed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyInfo {
    /// `CKA_LABEL`.
    pub label: String,
    /// `CKA_ID`.
    pub id: Vec<u8>,
    /// `P-256`, `RSA-3072`, `AES-256`, or what else it is.
    pub kind: String,
    /// Whether it is the private half of a pair or a secret key.
    pub class: KeyClass,
    /// Its value never leaves the token in plain.
    pub sensitive: bool,
    /// It can leave the token wrapped.
    pub extractable: bool,
    /// It was both from the start (`CKA_ALWAYS_SENSITIVE`, `CKA_NEVER_EXTRACTABLE`): no copy exists elsewhere.
    pub never_left: bool,
    /// The public half of a private key, where the token has it.
    pub public_key: Option<PublicKey>,
}

/// The class of a key object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyClass {
    /// `CKO_PRIVATE_KEY`.
    Private,
    /// `CKO_SECRET_KEY`.
    Secret,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Signing,
    Wrapping,
}

impl Purpose {
    fn class(self) -> ObjectClass {
        match self {
            Self::Signing => ObjectClass::PRIVATE_KEY,
            Self::Wrapping => ObjectClass::SECRET_KEY,
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Signing => "private key",
            Self::Wrapping => "secret key",
        }
    }
}

/// Finds the one key that answers to the reference. Without a log-in no private object is visible, so the caller must
/// know that the session is logged in before it believes that a key is missing.
pub(super) fn find(session: &Session, key: &KeyRef, purpose: Purpose) -> Result<ObjectHandle, Trouble> {
    let mut template = vec![Attribute::Class(purpose.class())];
    template.extend(key.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(key.id.as_ref().map(|id| Attribute::Id(id.clone())));
    let found = session.find_objects(&template)?;
    match found.as_slice() {
        [handle] => Ok(*handle),
        [] => Err(Fault::KeyMissing { what: purpose.what(), key: key.to_string() }.into()),
        _ => {
            let key = key.to_string();
            Err(Fault::KeyAmbiguous { what: purpose.what(), key, count: found.len() }.into())
        }
    }
}

/// Refuses a key that could leave the token, vanish with the session, or do what it is not for.
pub(super) fn check(session: &Session, handle: ObjectHandle, key: &KeyRef, purpose: Purpose) -> Result<(), Trouble> {
    let traits = Traits::read(session, handle)?;
    if let Some((attribute, remedy)) = traits.flaw(purpose) {
        return Err(Fault::KeyUnsafe { key: key.to_string(), attribute, remedy }.into());
    }
    if purpose == Purpose::Wrapping && !traits.is_aes_256() {
        return Err(Fault::KeyUnsupported { key: key.to_string(), detail: "the wrapping key is AES-256".into() }.into());
    }
    Ok(())
}

/// All keys of the token.
pub(super) fn list(session: &Session) -> Result<Vec<KeyInfo>, Trouble> {
    let mut keys = Vec::new();
    for purpose in [Purpose::Signing, Purpose::Wrapping] {
        for handle in session.find_objects(&[Attribute::Token(true), Attribute::Class(purpose.class())])? {
            keys.push(info(session, handle, purpose)?);
        }
    }
    keys.sort_by(|a, b| (&a.label, &a.id).cmp(&(&b.label, &b.id)));
    Ok(keys)
}

fn info(session: &Session, handle: ObjectHandle, purpose: Purpose) -> Result<KeyInfo, Trouble> {
    let traits = Traits::read(session, handle)?;
    let public_key = match purpose {
        Purpose::Signing => public_key(session, handle).ok(),
        Purpose::Wrapping => None,
    };
    let kind = match &public_key {
        Some(key) => key.kind().to_string(),
        None => traits.kind_name(),
    };
    Ok(KeyInfo {
        label: String::from_utf8_lossy(&traits.label).into_owned(),
        id: traits.id,
        kind,
        class: match purpose {
            Purpose::Signing => KeyClass::Private,
            Purpose::Wrapping => KeyClass::Secret,
        },
        sensitive: traits.sensitive == Some(true),
        extractable: traits.extractable != Some(false),
        never_left: traits.always_sensitive == Some(true) && traits.never_extractable == Some(true),
        public_key,
    })
}

/// The attributes of a key that Daftar looks at; `None` where the token does not tell.
#[derive(Debug, Default)]
struct Traits {
    label: Vec<u8>,
    id: Vec<u8>,
    kind: Option<KeyType>,
    value_len: Option<usize>,
    curve: Vec<u8>,
    token: Option<bool>,
    private: Option<bool>,
    sensitive: Option<bool>,
    extractable: Option<bool>,
    always_sensitive: Option<bool>,
    never_extractable: Option<bool>,
    always_authenticate: Option<bool>,
    sign: Option<bool>,
    encrypt: Option<bool>,
    decrypt: Option<bool>,
}

impl Traits {
    fn read(session: &Session, handle: ObjectHandle) -> Result<Self, Trouble> {
        let mut traits = Self::default();
        for attribute in session.get_attributes(handle, ASKED)? {
            match attribute {
                Attribute::Label(label) => traits.label = label,
                Attribute::Id(id) => traits.id = id,
                Attribute::KeyType(kind) => traits.kind = Some(kind),
                Attribute::ValueLen(length) => traits.value_len = Some(usize::from(length)),
                Attribute::EcParams(curve) => traits.curve = curve,
                Attribute::Token(is) => traits.token = Some(is),
                Attribute::Private(is) => traits.private = Some(is),
                Attribute::Sensitive(is) => traits.sensitive = Some(is),
                Attribute::Extractable(is) => traits.extractable = Some(is),
                Attribute::AlwaysSensitive(is) => traits.always_sensitive = Some(is),
                Attribute::NeverExtractable(is) => traits.never_extractable = Some(is),
                Attribute::AlwaysAuthenticate(is) => traits.always_authenticate = Some(is),
                Attribute::Sign(is) => traits.sign = Some(is),
                Attribute::Encrypt(is) => traits.encrypt = Some(is),
                Attribute::Decrypt(is) => traits.decrypt = Some(is),
                _ => {}
            }
        }
        Ok(traits)
    }

    /// The first attribute that is not as it must be, with the remedy. What the token does not tell counts as bad.
    fn flaw(&self, purpose: Purpose) -> Option<(&'static str, &'static str)> {
        let kept = [
            (self.sensitive, true, "CKA_SENSITIVE is not true", NEW_KEY),
            (self.extractable, false, "CKA_EXTRACTABLE is not false", NEW_KEY),
            (self.token, true, "CKA_TOKEN is not true", NEW_KEY),
            (self.private, true, "CKA_PRIVATE is not true", NEW_KEY),
        ];
        let used = match purpose {
            Purpose::Signing => [
                (self.sign, true, "CKA_SIGN is not true", OTHER_KEY),
                // Absent where a token does not know it.
                (self.always_authenticate.or(Some(false)), false, "CKA_ALWAYS_AUTHENTICATE is true", OTHER_KEY),
            ],
            Purpose::Wrapping => [
                (self.encrypt, true, "CKA_ENCRYPT is not true", OTHER_KEY),
                (self.decrypt, true, "CKA_DECRYPT is not true", OTHER_KEY),
            ],
        };
        let flaw = kept.into_iter().chain(used).find(|(is, must, ..)| *is != Some(*must));
        flaw.map(|(_, _, attribute, remedy)| (attribute, remedy))
    }

    fn is_aes_256(&self) -> bool {
        self.kind == Some(KeyType::AES) && self.value_len == Some(wrapping::KEY_OCTETS)
    }

    fn kind_name(&self) -> String {
        match (self.kind, self.value_len) {
            (Some(KeyType::AES), Some(octets)) => format!("AES-{}", octets * 8),
            (Some(KeyType::EC), _) => curve_name(&self.curve).unwrap_or("EC").into(),
            (Some(kind), _) => kind.to_string(),
            (None, _) => "unknown".into(),
        }
    }
}

const ASKED: &[AttributeType] = &[
    AttributeType::Label,
    AttributeType::Id,
    AttributeType::KeyType,
    AttributeType::ValueLen,
    AttributeType::EcParams,
    AttributeType::Token,
    AttributeType::Private,
    AttributeType::Sensitive,
    AttributeType::Extractable,
    AttributeType::AlwaysSensitive,
    AttributeType::NeverExtractable,
    AttributeType::AlwaysAuthenticate,
    AttributeType::Sign,
    AttributeType::Encrypt,
    AttributeType::Decrypt,
];
const NEW_KEY: &str = "a key of which copies may exist, or that others may use, cannot be mended: \
                       make a new one on the token with `daftar key generate`";
const OTHER_KEY: &str = "use a key that is made for this, or set the attribute with the vendor's tool";

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Traits {
        Traits {
            kind: Some(KeyType::AES),
            value_len: Some(32),
            token: Some(true),
            private: Some(true),
            sensitive: Some(true),
            extractable: Some(false),
            sign: Some(true),
            encrypt: Some(true),
            decrypt: Some(true),
            ..Traits::default()
        }
    }

    fn flaw(purpose: Purpose, spoil: impl Fn(&mut Traits)) -> &'static str {
        let mut traits = good();
        spoil(&mut traits);
        traits.flaw(purpose).expect("a flaw").0
    }

    #[test]
    fn a_key_that_is_kept_well_has_no_flaw() {
        assert_eq!(good().flaw(Purpose::Signing), None);
        assert_eq!(good().flaw(Purpose::Wrapping), None);
    }

    #[test]
    fn each_attribute_is_looked_at_and_silence_is_a_flaw() {
        for purpose in [Purpose::Signing, Purpose::Wrapping] {
            for bad in [Some(false), None] {
                assert!(flaw(purpose, |key| key.sensitive = bad).contains("CKA_SENSITIVE"));
                assert!(flaw(purpose, |key| key.extractable = bad.map(|bad| !bad)).contains("CKA_EXTRACTABLE"));
                assert!(flaw(purpose, |key| key.token = bad).contains("CKA_TOKEN"));
                assert!(flaw(purpose, |key| key.private = bad).contains("CKA_PRIVATE"));
            }
        }
        assert!(flaw(Purpose::Signing, |key| key.sign = Some(false)).contains("CKA_SIGN"));
        assert!(flaw(Purpose::Signing, |key| key.always_authenticate = Some(true)).contains("ALWAYS_AUTH"));
        assert!(flaw(Purpose::Wrapping, |key| key.encrypt = None).contains("CKA_ENCRYPT"));
        assert!(flaw(Purpose::Wrapping, |key| key.decrypt = Some(false)).contains("CKA_DECRYPT"));
    }

    #[test]
    fn only_aes_256_wraps() {
        assert!(good().is_aes_256());
        assert!(!Traits { value_len: Some(16), ..good() }.is_aes_256());
        assert!(!Traits { kind: Some(KeyType::DES3), ..good() }.is_aes_256());
    }
}
