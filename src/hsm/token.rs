mod key;
mod view;

use std::path::Path;

use certs::{KeyKind, PublicKey};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::{AuthPin, Ulong};

use super::config::{KeyRef, TokenChoice};
use super::fault::Trouble;
use super::keys::{self, KeyInfo, Purpose};
use super::module::Module;
use super::pin::{Known, Marker, Pin, login, may_log_in};
use super::public::{curve_params, public_key};
use super::{Config, Fault, wrapping};

pub use key::TokenKey;
pub use view::{AttributeView, KeyView, MechanismView, TokenView};

/// Makes a token: gives a free slot this label and these PINs. Tells the token's serial number.
///
/// # Errors
/// When a token of this label is there already, when no slot is free, or when the token refuses.
pub fn init_token(module: &Path, label: &str, so_pin: &str, pin: &str) -> Result<String, Fault> {
    if label.is_empty() || label.len() > 32 {
        return Err(Fault::Config("token: a label has 1 to 32 octets".into()));
    }
    let module = Module::lease(module)?;
    module.initialize().map_err(Trouble::from)?;
    let serial = init(&module, label, &AuthPin::from(so_pin), &AuthPin::from(pin));
    module.finalize();
    Ok(serial?)
}

fn init(module: &Module, label: &str, so_pin: &AuthPin, pin: &AuthPin) -> Result<String, Trouble> {
    let context = module.context();
    let mut free = None;
    for slot in context.get_slots_with_token()? {
        let token = context.get_token_info(slot)?;
        if !token.token_initialized() {
            free = Some(slot);
        } else if token.label() == label {
            return Err(Fault::KeyExists(format!("token label {label:?}")).into());
        }
    }
    let free = free.ok_or_else(|| Fault::Unavailable("no slot is free for a new token".into()))?;
    context.init_token(free, so_pin, label)?;
    // SoftHSM moves the token to another slot when it gets its serial number.
    let slot = module.slot(&TokenChoice { label: Some(label.into()), ..TokenChoice::default() })?;
    let session = context.open_rw_session(slot)?;
    session.login(UserType::So, Some(so_pin))?;
    session.init_pin(pin)?;
    session.logout()?;
    Ok(context.get_token_info(slot)?.serial_number().to_owned())
}

/// A token that is opened to make or list keys, while no server uses it in this process.
#[derive(Debug)]
pub struct Token {
    // Declared before the module: it is closed before the module is finalized.
    session: Option<Session>,
    module: Module,
}

impl Token {
    /// Logs in to the configured token. The keys that the configuration names need not exist.
    ///
    /// # Errors
    /// When the token is not there or the PIN is not accepted.
    pub fn open(config: &Config, marker_dir: &Path) -> Result<Self, Fault> {
        config.check()?;
        let pin = Pin::load(config)?;
        let module = Module::lease(&config.module)?;
        module.initialize().map_err(Trouble::from)?;
        // From here on the drop of the token finalizes.
        let mut token = Self { session: None, module };
        let slot = token.module.slot(&config.token_choice()?)?;
        let session = token.module.context().open_rw_session(slot).map_err(Trouble::from)?;
        may_log_in(&token.module.context().get_token_info(slot).map_err(Trouble::from)?)?;
        login(&session, &pin, Known::Unproven, &Marker::new(marker_dir))?;
        token.session = Some(session);
        Ok(token)
    }

    /// Makes a signing key: on the token, sensitive, not extractable.
    ///
    /// # Errors
    /// [`Fault::KeyExists`] when the label or the id is taken; what the token refuses.
    pub fn generate_signing_key(&self, label: &str, id: &[u8], kind: KeyKind) -> Result<PublicKey, Fault> {
        let key = self.free_name(label, id)?;
        let (mechanism, parameters) = match kind {
            KeyKind::Rsa { bits: bits @ 3072..=8192 } => {
                let bits = Ulong::try_from(usize::try_from(bits).unwrap_or_default()).map_err(Trouble::from)?;
                let parameters = vec![Attribute::ModulusBits(bits), Attribute::PublicExponent(F4.into())];
                (Mechanism::RsaPkcsKeyPairGen, parameters)
            }
            kind => {
                let curve = curve_params(kind).ok_or_else(|| Fault::KeyUnsupported {
                    key: format!("kind {kind}"),
                    detail: "the RA signs with P-256, P-384 or RSA of 3072 bits and more".into(),
                })?;
                (Mechanism::EccKeyPairGen, vec![Attribute::EcParams(curve)])
            }
        };
        let private = self.generate_pair(&mechanism, &parameters, &key)?;
        keys::check(self.session()?, private, &key, Purpose::Signing)?;
        Ok(public_key(self.session()?, private)?)
    }

    /// Makes an AES-256 key that wraps data keys: on the token, sensitive, not extractable.
    ///
    /// # Errors
    /// [`Fault::KeyExists`] when the label or the id is taken; what the token refuses.
    pub fn generate_wrapping_key(&self, label: &str, id: &[u8]) -> Result<(), Fault> {
        let key = self.free_name(label, id)?;
        let length = Ulong::try_from(wrapping::KEY_OCTETS).map_err(Trouble::from)?;
        let mut template = kept(&key);
        template.extend([
            Attribute::ValueLen(length),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
        ]);
        let session = self.session()?;
        let made = never_copied(&template, &[], |template| session.generate_key(&Mechanism::AesKeyGen, template));
        keys::check(session, made.map_err(Trouble::from)?, &key, Purpose::Wrapping)?;
        Ok(())
    }

    /// The private and secret keys of the token.
    ///
    /// # Errors
    /// When the token does not answer.
    pub fn list_keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        Ok(keys::list(self.session()?)?)
    }

    fn generate_pair(
        &self,
        mechanism: &Mechanism,
        parameters: &[Attribute],
        key: &KeyRef,
    ) -> Result<ObjectHandle, Fault> {
        let mut public = named(key);
        public.extend([Attribute::Private(false), Attribute::Verify(true)]);
        public.extend_from_slice(parameters);
        let mut private = kept(key);
        private.push(Attribute::Sign(true));
        let session = self.session()?;
        let pair =
            never_copied(&private, &SIGNS_ONLY, |private| session.generate_key_pair(mechanism, &public, private));
        Ok(pair.map_err(Trouble::from)?.1)
    }

    /// Keys are never replaced, and never two of a name.
    fn free_name(&self, label: &str, id: &[u8]) -> Result<KeyRef, Fault> {
        if label.is_empty() || id.is_empty() {
            return Err(Fault::Config("a key has a label and an id".into()));
        }
        let session = self.session()?;
        let by_label = Attribute::Label(label.as_bytes().into());
        for template in [by_label, Attribute::Id(id.into())] {
            if !session.find_objects(&[template]).map_err(Trouble::from)?.is_empty() {
                return Err(Fault::KeyExists(KeyRef::new(label, id).to_string()));
            }
        }
        Ok(KeyRef::new(label, id))
    }

    fn session(&self) -> Result<&Session, Fault> {
        self.session.as_ref().ok_or_else(|| Fault::Unavailable("it was not opened".into()))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.session = None;
        self.module.finalize();
    }
}

fn named(key: &KeyRef) -> Vec<Attribute> {
    let label = key.label.clone().unwrap_or_default().into_bytes();
    vec![Attribute::Token(true), Attribute::Label(label), Attribute::Id(key.id.clone().unwrap_or_default())]
}

/// A key that stays where it is.
fn kept(key: &KeyRef) -> Vec<Attribute> {
    let mut template = named(key);
    template.extend([Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(false)]);
    template
}

/// Asks for a key that cannot be copied either, and has no other uses. Not every token knows these attributes: one that does
/// not is asked for less.
fn never_copied<T>(
    template: &[Attribute],
    uses: &[Attribute],
    generate: impl Fn(&[Attribute]) -> Result<T, Error>,
) -> Result<T, Error> {
    let no_copies = [Attribute::Copyable(false)];
    let mut refused = None;
    for strict in [[&no_copies, uses].concat(), no_copies.to_vec()] {
        match generate(&[template, &strict].concat()) {
            Err(
                error @ Error::Pkcs11(
                    RvError::AttributeTypeInvalid | RvError::AttributeValueInvalid | RvError::TemplateInconsistent,
                    _,
                ),
            ) => refused = Some(error),
            other => return other,
        }
    }
    tracing::debug!(?refused, "the token does not know CKA_COPYABLE");
    generate(template)
}

/// What a signing key must not do besides.
const SIGNS_ONLY: [Attribute; 4] =
    [Attribute::SignRecover(false), Attribute::Decrypt(false), Attribute::Unwrap(false), Attribute::Derive(false)];

/// 65537.
const F4: [u8; 3] = [1, 0, 1];
