use std::sync::Arc;

use certs::{Certificate, Millis, Name, Signer};
use cmp::{Draft, Header};

use super::visit::Words;
use crate::mischief::Mischief;
use crate::pki::Identity;
use crate::signer::{KeyChoice, SoftwareSigner};
use crate::{Fault, Random};

/// Puts answers into messages and signs them.
#[derive(Debug)]
pub(crate) struct Speech {
    identity: Identity,
    chain: Vec<Vec<u8>>,
    random: Arc<Random>,
}

impl Speech {
    /// Messages are signed by `identity`; `issuing` leads from it, and from what is issued, to the root.
    pub(crate) fn new(identity: Identity, issuing: &Certificate, random: Arc<Random>) -> Self {
        Self { identity, chain: vec![issuing.der().to_vec()], random }
    }

    /// The answer to a message, and its senderNonce.
    pub(super) async fn answer(
        &self,
        header: &Header,
        words: Words,
        mischief: &Mischief,
        now: Millis,
    ) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let nonce = self.nonce()?;
        let Words { body, infos, recip_nonce } = words;
        let sender = self.identity.certificate.subject();
        let mut draft = Draft { general_info: infos, ..Draft::answering(header, sender, nonce, body) };
        if recip_nonce.is_some() {
            draft.recip_nonce = recip_nonce;
        }
        if mischief.wrong_sender {
            draft.sender = Name::from_text("CN=Somebody Else")?;
        }
        if mischief.wrong_transaction {
            draft.transaction_id = Some(self.nonce()?.to_vec());
        }
        if mischief.wrong_nonce {
            draft.recip_nonce = Some(self.nonce()?.to_vec());
        }
        let message = if mischief.unprotected {
            draft.unprotected(&[])
        } else if mischief.wrong_key {
            let signer = SoftwareSigner::generate(KeyChoice::P256)?;
            self.sign(draft, &self.identity.certificate, &signer, now).await?
        } else if let Some(device) = &mischief.device_signed {
            let device = Identity::from_files(&device.certificate, &device.key)?;
            draft.sender = device.certificate.subject().clone();
            self.sign(draft, &device.certificate, &device.signer, now).await?
        } else {
            self.sign(draft, &self.identity.certificate, &self.identity.signer, now).await?
        };
        Ok((message, nonce.to_vec()))
    }

    /// An error for somebody whose header could not be read.
    pub(super) async fn to_nobody(&self, body: Vec<u8>, now: Millis) -> Result<Vec<u8>, Fault> {
        let draft = Draft::to_nobody(self.identity.certificate.subject(), self.nonce()?, body);
        self.sign(draft, &self.identity.certificate, &self.identity.signer, now).await
    }

    async fn sign(
        &self,
        draft: Draft,
        certificate: &Certificate,
        signer: &dyn Signer,
        now: Millis,
    ) -> Result<Vec<u8>, Fault> {
        let identifier = certificate.subject_key_identifier().map(<[u8]>::to_vec);
        let draft = Draft { message_time: Some(now), sender_kid: identifier, ..draft };
        // RFC 9483 section 3.3: the protection certificate first, then what leads to the root.
        let extra: Vec<_> = std::iter::once(certificate.der().to_vec()).chain(self.chain.iter().cloned()).collect();
        Ok(draft.sign(signer, &extra).await?)
    }

    fn nonce(&self) -> Result<[u8; 16], Fault> {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce).map_err(|_| Fault::Random)?;
        Ok(nonce)
    }
}
