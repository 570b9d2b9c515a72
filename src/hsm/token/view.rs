//! What a token tells of itself and of a key, as the report of a key ceremony wants it.

use certs::{KeyKind, PublicKey};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType};

use super::Token;
use crate::hsm::Fault;
use crate::hsm::config::KeyRef;
use crate::hsm::fault::Trouble;
use crate::hsm::keys::{self, Purpose};
use crate::hsm::public::public_key;

/// A token, as it calls itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenView {
    /// Its label.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Its manufacturer.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// The version of its hardware.
    pub hardware: String,
    /// The version of its firmware.
    pub firmware: String,
}

/// A key as it is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyView {
    /// The public half; none for a secret key.
    pub public_key: Option<PublicKey>,
    /// What was read back.
    pub attributes: Vec<AttributeView>,
    /// What the token offers for it.
    pub mechanisms: Vec<MechanismView>,
}

impl KeyView {
    /// Whether every attribute is as it must be.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.attributes.iter().all(AttributeView::fits)
    }

    /// Whether the key stays on the token and always did, whatever else it may do.
    #[must_use]
    pub fn stays(&self) -> bool {
        let matters = |view: &&AttributeView| MUST.iter().any(|(_, name, ..)| *name == view.name);
        self.attributes.iter().filter(matters).all(AttributeView::fits)
    }
}

/// An attribute of a key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttributeView {
    /// Its name in PKCS#11.
    pub name: &'static str,
    /// What the token says; none when it does not tell.
    pub value: Option<bool>,
    /// What it must be; none where either will do.
    pub wanted: Option<bool>,
    silence_fits: bool,
}

impl AttributeView {
    /// Whether it is as it must be.
    #[must_use]
    pub fn fits(&self) -> bool {
        match (self.value, self.wanted) {
            (_, None) => true,
            (None, Some(_)) => self.silence_fits,
            (value, wanted) => value == wanted,
        }
    }
}

/// A mechanism of the token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MechanismView {
    /// Its name in PKCS#11.
    pub name: String,
    /// The smallest and the largest key, in the mechanism's own unit; none when the token does not offer it.
    pub key_sizes: Option<(usize, usize)>,
    /// Whether it is done in hardware, by the token's own word.
    pub hardware: bool,
}

impl Token {
    /// What the token tells of itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn view(&self) -> Result<TokenView, Fault> {
        let slot = self.session()?.get_session_info().map_err(Trouble::from)?.slot_id();
        let token = self.module.context().get_token_info(slot).map_err(Trouble::from)?;
        Ok(TokenView {
            label: token.label().to_owned(),
            serial: token.serial_number().to_owned(),
            manufacturer: token.manufacturer_id().to_owned(),
            model: token.model().to_owned(),
            hardware: token.hardware_version().to_string(),
            firmware: token.firmware_version().to_string(),
        })
    }

    /// How a signing key is kept.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn view_signing_key(&self, key: &KeyRef) -> Result<KeyView, Fault> {
        let session = self.session()?;
        let handle = keys::find(session, key, Purpose::Signing)?;
        let public = public_key(session, handle)?;
        let wanted = [MUST, SIGNS, NO_OTHER_USE].concat();
        let mechanisms = match public.kind() {
            KeyKind::Rsa { .. } => [MechanismType::RSA_PKCS_KEY_PAIR_GEN, MechanismType::SHA256_RSA_PKCS],
            _ => [MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA],
        };
        Ok(KeyView {
            attributes: self.attributes(handle, &wanted)?,
            mechanisms: self.mechanisms(&mechanisms)?,
            public_key: Some(public),
        })
    }

    /// How a wrapping key is kept.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn view_wrapping_key(&self, key: &KeyRef) -> Result<KeyView, Fault> {
        let handle = keys::find(self.session()?, key, Purpose::Wrapping)?;
        let wanted = [MUST, WRAPS].concat();
        Ok(KeyView {
            public_key: None,
            attributes: self.attributes(handle, &wanted)?,
            mechanisms: self.mechanisms(&[MechanismType::AES_KEY_GEN, MechanismType::AES_GCM])?,
        })
    }

    fn attributes(
        &self,
        handle: cryptoki::object::ObjectHandle,
        wanted: &[Wanted],
    ) -> Result<Vec<AttributeView>, Fault> {
        let asked: Vec<AttributeType> = wanted.iter().map(|(asked, ..)| *asked).collect();
        let told = self.session()?.get_attributes(handle, &asked).map_err(Trouble::from)?;
        let value = |asked: AttributeType| told.iter().find(|told| told.attribute_type() == asked).and_then(boolean);
        let view = |(asked, name, wanted, silence_fits): &Wanted| AttributeView {
            name,
            value: value(*asked),
            wanted: *wanted,
            silence_fits: *silence_fits,
        };
        Ok(wanted.iter().map(view).collect())
    }

    fn mechanisms(&self, wanted: &[MechanismType]) -> Result<Vec<MechanismView>, Fault> {
        let slot = self.session()?.get_session_info().map_err(Trouble::from)?.slot_id();
        let view = |mechanism: &MechanismType| {
            let told = self.module.context().get_mechanism_info(slot, *mechanism).ok();
            MechanismView {
                name: mechanism.to_string(),
                key_sizes: told.map(|told| (told.min_key_size(), told.max_key_size())),
                hardware: told.is_some_and(|told| told.hardware()),
            }
        };
        Ok(wanted.iter().map(view).collect())
    }
}

fn boolean(attribute: &Attribute) -> Option<bool> {
    match attribute {
        Attribute::Token(is)
        | Attribute::Private(is)
        | Attribute::Sensitive(is)
        | Attribute::AlwaysSensitive(is)
        | Attribute::Extractable(is)
        | Attribute::NeverExtractable(is)
        | Attribute::Local(is)
        | Attribute::Sign(is)
        | Attribute::SignRecover(is)
        | Attribute::Encrypt(is)
        | Attribute::Decrypt(is)
        | Attribute::Wrap(is)
        | Attribute::Unwrap(is)
        | Attribute::Derive(is)
        | Attribute::Modifiable(is)
        | Attribute::Copyable(is)
        | Attribute::AlwaysAuthenticate(is) => Some(*is),
        _ => None,
    }
}

/// The attribute, its name, what it must be, and whether a token that does not tell is believed.
type Wanted = (AttributeType, &'static str, Option<bool>, bool);

/// What keeps a key where it is.
const MUST: &[Wanted] = &[
    (AttributeType::Token, "CKA_TOKEN", Some(true), false),
    (AttributeType::Private, "CKA_PRIVATE", Some(true), false),
    (AttributeType::Sensitive, "CKA_SENSITIVE", Some(true), false),
    (AttributeType::AlwaysSensitive, "CKA_ALWAYS_SENSITIVE", Some(true), false),
    (AttributeType::Extractable, "CKA_EXTRACTABLE", Some(false), false),
    (AttributeType::NeverExtractable, "CKA_NEVER_EXTRACTABLE", Some(true), false),
    (AttributeType::Local, "CKA_LOCAL", Some(true), true),
    (AttributeType::Copyable, "CKA_COPYABLE", None, true),
    (AttributeType::Modifiable, "CKA_MODIFIABLE", None, true),
];
const SIGNS: &[Wanted] = &[
    (AttributeType::Sign, "CKA_SIGN", Some(true), false),
    (AttributeType::AlwaysAuthenticate, "CKA_ALWAYS_AUTHENTICATE", Some(false), true),
];
/// A key that signs does nothing else.
const NO_OTHER_USE: &[Wanted] = &[
    (AttributeType::SignRecover, "CKA_SIGN_RECOVER", Some(false), true),
    (AttributeType::Decrypt, "CKA_DECRYPT", Some(false), true),
    (AttributeType::Unwrap, "CKA_UNWRAP", Some(false), true),
    (AttributeType::Derive, "CKA_DERIVE", Some(false), true),
];
const WRAPS: &[Wanted] = &[
    (AttributeType::Encrypt, "CKA_ENCRYPT", Some(true), false),
    (AttributeType::Decrypt, "CKA_DECRYPT", Some(true), false),
    (AttributeType::Wrap, "CKA_WRAP", Some(false), true),
    (AttributeType::Unwrap, "CKA_UNWRAP", Some(false), true),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn view(value: Option<bool>, wanted: Option<bool>, silence_fits: bool) -> bool {
        AttributeView { name: "CKA_X", value, wanted, silence_fits }.fits()
    }

    #[test]
    fn silence_is_a_flaw_where_copies_could_exist() {
        assert!(view(Some(true), Some(true), false));
        assert!(!view(Some(false), Some(true), false));
        assert!(!view(None, Some(true), false));
        assert!(view(None, Some(false), true));
        assert!(!view(Some(true), Some(false), true));
        assert!(view(Some(true), None, false));
        let silent: Vec<&str> = MUST.iter().filter(|(.., fits)| *fits).map(|(_, name, ..)| *name).collect();
        assert_eq!(silent, ["CKA_LOCAL", "CKA_COPYABLE", "CKA_MODIFIABLE"]);
    }
}
