//! Which profile a message is for: the path's; else the one that certProfile names; else the default one.

use cmp::{BodyKind, Limits, Message, Protection as Proof};

use super::CmpDoor;
use crate::registrar::{Claim, Refusal, Source};

impl CmpDoor {
    /// The source with its profile. A name that nobody knows is left out here, and refused once the requester is known.
    pub(super) async fn with_profile(
        &self,
        source: &Source,
        message: &Message,
        proof: &Proof,
    ) -> Result<Source, Refusal> {
        if source.profile.is_some() {
            return Ok(source.clone());
        }
        let named = match named_in(message) {
            None if matches!(message.body().kind(), BodyKind::CertConf | BodyKind::PollReq) => {
                self.named_before(message, proof).await?
            }
            named => named,
        };
        let profile = named.filter(|name| self.registrar.profile(Some(name)).is_some());
        Ok(Source { profile, ..source.clone() })
    }

    /// RFC 9483 section 3.1 has certProfile in the first message only.
    async fn named_before(&self, message: &Message, proof: &Proof) -> Result<Option<String>, Refusal> {
        let Some(transaction) = message.header().transaction_id.as_deref() else { return Ok(None) };
        let begun = match proof {
            Proof::Mac(proof) => self.registrar.begun_with(Claim::Reference(proof.reference()), transaction).await?,
            Proof::Signature(_) => match message.signer_certificate() {
                Ok(signer) => self.registrar.begun_with(Claim::Certificate(&signer), transaction).await?,
                Err(_) => None,
            },
            Proof::None => None,
        };
        let begun = begun.and_then(|octets| Message::parse(&octets, &Limits::default()).ok());
        Ok(begun.as_ref().and_then(named_in))
    }
}

/// The one name in certProfile (RFC 9810 section 5.1.1.4); a wrong one is refused once the requester is known.
fn named_in(message: &Message) -> Option<String> {
    message.header().cert_profile().ok().flatten()
}
