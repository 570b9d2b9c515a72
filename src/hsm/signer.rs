use std::fmt;
use std::sync::Arc;

use certs::{PublicKey, Signer, SignerFault, Signing};

use super::method::Method;
use super::purpose::Use;
use super::seat::{Answer, Task};
use super::{Fault, Office};

/// A signing key on the token.
#[derive(Clone)]
pub struct HsmSigner {
    office: Arc<Office>,
    used: Use,
    public: PublicKey,
    algorithm: Vec<u8>,
    method: Method,
}

impl HsmSigner {
    pub(super) fn new(office: Arc<Office>, used: Use, public: PublicKey) -> Result<Self, Fault> {
        let method = Method::of(&public)?;
        Ok(Self { office, used, public, algorithm: method.algorithm().identifier(), method })
    }
}

impl fmt::Debug for HsmSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HsmSigner({:?}, {})", self.used, self.public.kind())
    }
}

impl Signer for HsmSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move {
            match self.office.shared.ask(Task::Sign(self.used, self.method.input(message))).await? {
                Answer::Bytes(signature) => Ok(signature.to_vec()),
                _ => Err(SignerFault::Refused("the token answered something else".into())),
            }
        })
    }
}
