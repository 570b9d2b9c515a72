//! Whose certificate a message is checked with, and whether it is protected as its transaction was begun.

use certs::Certificate;
use cmp::server::innermost;
use cmp::{BodyKind, FailureInfo, Fault, Limits, MacProof, Message, Protection as Proof, SignatureProof};

use super::CmpDoor;
use super::desk::Trouble;
use crate::case::Exchange;
use crate::registrar::Refusal;

impl CmpDoor {
    /// The certificate that a message is to be checked with, and those that came with it. A later message needs not bring it
    /// again: then it is the one that its transaction was begun with, if the signature is by its key.
    pub(super) async fn signer(
        &self,
        message: &Message,
        proof: &SignatureProof,
        limits: &Limits,
    ) -> Result<Vec<Certificate>, Trouble> {
        let fault = match message.signer_certificate() {
            Ok(certificate) => return Ok(chain_of(certificate, message)?),
            Err(fault) => fault,
        };
        if !continues(message.body().kind()) {
            return Err(fault.into());
        }
        for (first, certificate) in self.begun_by_sender(message, limits).await? {
            if proof.verify(certificate.public_key()).is_ok() {
                return Ok(chain_of(certificate, &first)?);
            }
        }
        Err(fault.into())
    }

    /// The messages that began a transaction under the name, and with the key, that this message says it is from.
    pub(super) async fn begun_by_sender(
        &self,
        message: &Message,
        limits: &Limits,
    ) -> Result<Vec<(Message, Certificate)>, Refusal> {
        let firsts = self.first_messages(message, limits).await?.into_iter().filter_map(|first| {
            let certificate = first.signer_certificate().ok()?;
            message.check_signer(&certificate).ok().map(|()| (first, certificate))
        });
        Ok(firsts.collect())
    }

    /// Why a message that should continue a transaction does not: there is none, or it was begun with another credential or
    /// another kind of protection (RFC 9483 section 3.5). The transaction does not change.
    pub(super) async fn continues_nothing(&self, message: &Message, limits: &Limits) -> Trouble {
        let firsts = match self.first_messages(message, limits).await {
            Ok(firsts) => firsts,
            Err(fault) => return fault.into(),
        };
        let same_kind = |first: &Message| kind_of(first) == kind_of(message);
        if firsts.is_empty() {
            return Refusal::NoTransaction.into();
        }
        if firsts.iter().any(same_kind) {
            return Fault::integrity("this is not the credential that the transaction was begun with").into();
        }
        Fault::new(
            FailureInfo::WRONG_INTEGRITY,
            "a transaction is protected to its end in the way it was begun: by signature or by shared secret",
        )
        .into()
    }

    /// A later message under a shared secret uses the mechanism of the first one: `PasswordBasedMac` or PBMAC1.
    pub(super) async fn check_mechanism(
        &self,
        exchange: &Exchange,
        proof: &MacProof,
        limits: &Limits,
    ) -> Result<(), Trouble> {
        let first = self.registrar.first_message(exchange).await?;
        let first = first.and_then(|octets| Message::parse(&octets, limits).ok()).map(innermost);
        match first.map(|first| first.protection_kind_within(limits)) {
            Some(Ok(Proof::Mac(begun))) if !begun.same_mechanism(proof) => {
                Err(Fault::integrity("the kind of MAC changed within the transaction").into())
            }
            _ => Ok(()),
        }
    }

    async fn first_messages(&self, message: &Message, limits: &Limits) -> Result<Vec<Message>, Refusal> {
        let Some(transaction) = &message.header().transaction_id else { return Ok(Vec::new()) };
        let recorded = self.registrar.first_messages(transaction).await?;
        Ok(recorded.iter().filter_map(|octets| Message::parse(octets, limits).ok()).map(innermost).collect())
    }
}

/// Whether messages of this kind only come after others.
pub(super) fn continues(kind: BodyKind) -> bool {
    matches!(kind, BodyKind::CertConf | BodyKind::PollReq)
}

/// Whether a message is signed.
fn kind_of(message: &Message) -> Option<bool> {
    match message.protection_kind() {
        Ok(Proof::Signature(_)) => Some(true),
        Ok(Proof::Mac(_)) => Some(false),
        Ok(Proof::None) | Err(_) => None,
    }
}

fn chain_of(certificate: Certificate, message: &Message) -> Result<Vec<Certificate>, Fault> {
    let mut chain = vec![certificate];
    for der in message.extra_certs() {
        let further = Certificate::parse(der)?;
        if further != chain[0] {
            chain.push(further);
        }
    }
    Ok(chain)
}
