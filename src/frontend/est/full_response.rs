//! Full PKI Responses, made before the commit of what they tell (RFC 10002 section 4.2, DESIGN section 1 (c)).

use certs::Millis;
use cmc::{BodyReference, Echo, FailInfo, OtherInfo, Status, StatusInfo};

use crate::case::{Outcome, ReasonCode};
use crate::frontend::Protector;
use crate::registrar::{Finished, Refusal, Reply, Replying};

/// How one message is answered, whatever comes of it.
#[derive(Clone, Debug)]
pub(super) struct FullResponse {
    pub(super) protector: Protector,
    pub(super) echo: Echo,
    pub(super) nonce: [u8; 16],
    /// The body part that the answer is about.
    pub(super) body: u32,
    /// How to ask for what waits; nothing where the message itself is sent again.
    pub(super) pending: Option<Pending>,
}

/// pendInfo. The token holds the time, so that a query, which brings the token back, is answered with the same (section 6.13).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Pending {
    /// What the request is recognised by.
    pub(super) key: [u8; 32],
    /// When to ask, in seconds since 1970: a GeneralizedTime has no more.
    pub(super) time: i64,
}

impl Pending {
    pub(super) fn of_token(token: &[u8]) -> Option<Self> {
        let (key, time) = token.split_first_chunk::<32>()?;
        Some(Self { key: *key, time: i64::from_be_bytes(time.try_into().ok()?) })
    }

    pub(super) fn token(self) -> Vec<u8> {
        [&self.key[..], &self.time.to_be_bytes()].concat()
    }
}

impl FullResponse {
    /// A response with one status, always signed.
    pub(super) async fn sign(&self, status: &StatusInfo, certificates: &[Vec<u8>]) -> Result<Vec<u8>, String> {
        let Protector { signer, certificates: own } = &self.protector;
        let signed = cmc::respond(&self.echo, status, &self.nonce, certificates, signer.as_ref(), own);
        signed.await.map_err(|fault| fault.to_string())
    }

    fn about(&self, status: Status, other: Option<OtherInfo>) -> StatusInfo {
        StatusInfo { status, bodies: vec![BodyReference::Part(self.body)], text: None, other }
    }
}

impl Reply for FullResponse {
    fn reply<'a>(&'a self, outcome: &'a Outcome) -> Replying<'a> {
        Box::pin(async move {
            let octets = match outcome {
                Outcome::Issued(issued) => {
                    // RFC 10002 section 4.2: with what leads from it to a trust anchor.
                    let certificates = [std::slice::from_ref(&issued.certificate), &issued.chain].concat();
                    self.sign(&self.about(Status::Success, None), &certificates).await?
                }
                Outcome::Revoked => self.sign(&self.about(Status::Success, None), &[]).await?,
                Outcome::Waiting { .. } => {
                    let info = self.pending.map(|pending| OtherInfo::Pend {
                        token: pending.token(),
                        time: Millis::from_seconds(pending.time),
                    });
                    self.sign(&self.about(Status::Pending, info), &[]).await?
                }
                Outcome::Refused(reason) => {
                    let fault = failure(reason.code, &reason.text).about(&[], self.body);
                    self.sign(&fault.status_info(), &[]).await?
                }
                Outcome::Confirmed | Outcome::Relayed(_) | Outcome::Informed(_) => {
                    return Err("the request has an outcome that CMC does not know".to_owned());
                }
            };
            Ok(Finished { octets, nonce: None })
        })
    }
}

/// Why the registrar does not do what is asked; none where EST's own answer says it all: who shows nothing is challenged, and for an
/// unknown label there is no service (RFC 7030 section 4.3.2).
pub(super) fn refusal(refusal: &Refusal) -> Option<cmc::Fault> {
    match refusal {
        Refusal::Requester(reason) => Some(failure(reason.code, &reason.text)),
        Refusal::NotIdentified | Refusal::UnknownProfile(_) => None,
        Refusal::TooMany { .. } => Some(cmc::Fault::new(FailInfo::TRY_LATER, "too many requests")),
        Refusal::Unavailable { .. } => Some(cmc::Fault::new(FailInfo::TRY_LATER, "not available now")),
        Refusal::NotAllowed(_) | Refusal::TransactionInUse | Refusal::NoTransaction | Refusal::OutOfPlace(_) => {
            Some(cmc::Fault::bad_request(refusal.to_string()))
        }
    }
}

/// The kinds of refusal as CMCFailInfo (RFC 10002 section 6.1.4).
pub(super) fn failure(code: ReasonCode, text: &str) -> cmc::Fault {
    let failure = match code {
        ReasonCode::BadProof => FailInfo::POP_FAILED,
        ReasonCode::BadCertificateId | ReasonCode::AlreadyRevoked => FailInfo::BAD_CERT_ID,
        // Sections 3.1 and 3.2.1.2.2: a request "denied due to the inability to handle a requested extension".
        ReasonCode::BadExtension => FailInfo::UNSUPPORTED_EXT,
        ReasonCode::KeyInUse => FailInfo::NO_KEY_REUSE,
        ReasonCode::Withheld => FailInfo::INTERNAL_CA_ERROR,
        ReasonCode::Unavailable => FailInfo::TRY_LATER,
        // "The transaction was not permitted or supported."
        ReasonCode::BadRequest | ReasonCode::BadTemplate | ReasonCode::NotAuthorized | ReasonCode::Authority => {
            FailInfo::BAD_REQUEST
        }
    };
    cmc::Fault::new(failure, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was() {
        let pending = Pending { key: [7; 32], time: 1_795_000_000 };
        assert_eq!(Pending::of_token(&pending.token()), Some(pending));
        assert_eq!(Pending::of_token(&[7; 39]), None);
        assert_eq!(Pending::of_token(&[7; 41]), None);
    }

    #[test]
    fn every_kind_of_refusal_has_its_code() {
        for (code, expected) in [
            (ReasonCode::BadProof, FailInfo::POP_FAILED),
            (ReasonCode::AlreadyRevoked, FailInfo::BAD_CERT_ID),
            (ReasonCode::BadExtension, FailInfo::UNSUPPORTED_EXT),
            (ReasonCode::KeyInUse, FailInfo::NO_KEY_REUSE),
            (ReasonCode::Withheld, FailInfo::INTERNAL_CA_ERROR),
            (ReasonCode::Unavailable, FailInfo::TRY_LATER),
            (ReasonCode::BadTemplate, FailInfo::BAD_REQUEST),
        ] {
            assert_eq!(failure(code, "").failure, Some(expected));
        }
    }
}
