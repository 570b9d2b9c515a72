//! Which profile a message is for: the path's; else the one that certProfile names; else the default one.

use std::borrow::Cow;

use cmp::{BodyKind, Limits, Message, Protection as Proof, server};

use super::CmpDoor;
use crate::registrar::{Claim, Refusal, Source};

impl CmpDoor {
    /// The source with its profile. A name that nobody knows is left out here, and refused once the requester is known.
    pub(super) async fn with_profile(&self, source: &Source, message: &Message) -> Result<Source, Refusal> {
        if source.profile.is_some() {
            return Ok(source.clone());
        }
        let message = innermost(message);
        let named = match named_in(&message) {
            None if matches!(message.body().kind(), BodyKind::CertConf | BodyKind::PollReq) => {
                self.named_before(&message).await?
            }
            named => named,
        };
        let profile = named.filter(|name| self.registrar.profile(Some(name)).is_some());
        Ok(Source { profile, ..source.clone() })
    }

    /// RFC 9483 section 3.1 has certProfile in the first message only.
    async fn named_before(&self, message: &Message) -> Result<Option<String>, Refusal> {
        let Some(transaction) = message.header().transaction_id.as_deref() else { return Ok(None) };
        let begun = match message.protection_kind_within(&wide()) {
            Ok(Proof::Mac(proof)) => {
                self.registrar.begun_with(Claim::Reference(proof.reference()), transaction).await?
            }
            Ok(Proof::Signature(_)) => {
                let Ok(signer) = message.signer_certificate() else {
                    // It needs not bring its certificate again.
                    let begun = self.begun_by_sender(message, &wide()).await?;
                    return Ok(begun.iter().find_map(|(first, _)| named_in(first)));
                };
                self.registrar.begun_with(Claim::Certificate(&signer), transaction).await?
            }
            Ok(Proof::None) | Err(_) => None,
        };
        let begun = begun.and_then(|octets| Message::parse(&octets, &Limits::default()).ok());
        Ok(begun.as_ref().and_then(|begun| named_in(&innermost(begun))))
    }
}

/// The one name in certProfile (RFC 9810 section 5.1.1.4); a wrong one is refused once the requester is known.
fn named_in(message: &Message) -> Option<String> {
    message.header().cert_profile().ok().flatten()
}

/// What others put their protection around (RFC 9483 section 5.2.2.1); a batch stays one, of a single message, too.
pub(super) fn innermost(message: &Message) -> Cow<'_, Message> {
    match message.body().kind() {
        BodyKind::Nested => Cow::Owned(server::innermost(message.clone())),
        _ => Cow::Borrowed(message),
    }
}

/// Nothing is derived before the profile is known, so that nothing is to be limited.
fn wide() -> Limits {
    Limits { pbm_iterations: u32::MAX, pbmac1_iterations: u32::MAX, mac_sha1: true, ..Limits::default() }
}
