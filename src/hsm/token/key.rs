//! One signing key of an opened token, for what is done with it before or beside the server.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use certs::{PublicKey, Signer, SignerFault, Signing};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::Token;
use crate::hsm::Fault;
use crate::hsm::config::KeyRef;
use crate::hsm::fault::Trouble;
use crate::hsm::keys::{self, Purpose};
use crate::hsm::method::Method;
use crate::hsm::public::public_key;

/// A signing key that is kept as it must be and has signed. Only [`Token::signing_key`] makes one.
pub struct TokenKey<'t> {
    session: Mutex<Session>,
    handle: ObjectHandle,
    public: PublicKey,
    algorithm: Vec<u8>,
    method: Method,
    // Its session must be closed before the token is finalized.
    token: PhantomData<&'t ()>,
}

impl Token {
    /// The one signing key that answers to the reference.
    ///
    /// # Errors
    /// When it is missing, not kept as it must be, of a kind that Daftar does not sign with, or signs wrongly.
    pub fn signing_key(&self, key: &KeyRef) -> Result<TokenKey<'_>, Fault> {
        let slot = self.session()?.get_session_info().map_err(Trouble::from)?.slot_id();
        // The log-in is the process's: another session has it, too.
        let session = self.module.context().open_ro_session(slot).map_err(Trouble::from)?;
        let handle = keys::find(&session, key, Purpose::Signing)?;
        keys::check(&session, handle, key, Purpose::Signing)?;
        let public = public_key(&session, handle)?;
        let method = Method::of(&public)?;
        let algorithm = method.algorithm().identifier();
        let key = TokenKey { session: Mutex::new(session), handle, public, algorithm, method, token: PhantomData };
        let signature = key.sign_now(TEST)?;
        let verified = key.public.verify(&key.algorithm, TEST, &signature);
        verified.map_err(|_| Fault::SelfTest("its signature does not fit its public key".into()))?;
        Ok(key)
    }

    /// Destroys a signing key, both halves, when it is the one meant. It cannot be undone.
    ///
    /// # Errors
    /// [`Fault::KeyMissing`] when there is none, [`Fault::KeyChanged`] when it is another; what the token refuses.
    pub fn destroy_signing_key(&self, key: &KeyRef, meant: &PublicKey) -> Result<(), Fault> {
        let session = self.session()?;
        let private = keys::find(session, key, Purpose::Signing)?;
        if public_key(session, private)? != *meant {
            return Err(Fault::KeyChanged("the one to be destroyed"));
        }
        let halves = self.public_halves(key, meant)?;
        // The private half first: what is left when the second step fails harms nobody.
        session.destroy_object(private).map_err(Trouble::from)?;
        for public in halves {
            session.destroy_object(public).map_err(Trouble::from)?;
        }
        Ok(())
    }

    fn public_halves(&self, key: &KeyRef, meant: &PublicKey) -> Result<Vec<ObjectHandle>, Fault> {
        let session = self.session()?;
        let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
        template.extend(key.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
        template.extend(key.id.as_ref().map(|id| Attribute::Id(id.clone())));
        let found = session.find_objects(&template).map_err(Trouble::from)?;
        Ok(found.into_iter().filter(|half| public_key(session, *half).is_ok_and(|found| found == *meant)).collect())
    }
}

impl TokenKey<'_> {
    fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.method.sign(&session, self.handle, &self.method.input(message))?)
    }
}

impl fmt::Debug for TokenKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({})", self.public.kind())
    }
}

/// Blocks for as long as the token does: for commands, which do one thing at a time.
impl Signer for TokenKey<'_> {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move { self.sign_now(message).map_err(SignerFault::from) })
    }
}

const TEST: &[u8] = b"daftar tests its signing key";
