//! The messages of CMP that go to a CA and come from it (RFC 9810, RFC 9483): composed, signed and read the same way however they travel.

use std::path::Path;
use std::sync::Arc;

use certs::{Certificate, Millis, Name, Signer};
use cmp::client::{self, Answer as CmpAnswer};
use cmp::relay::{self, Possession};
use cmp::server::innermost;
use cmp::{Body, CertReqMsg, Draft, EncryptedKey, FailureInfo, InfoTypeAndValue, Limits, Message, Status, StatusInfo};

use super::certificates::Certificates;
use super::http::ANSWER_LIMIT;
use super::inquiry;
use super::verifier::{Believed, Verifier};
use super::{Answer, AnswerFault, ComposeFault, Conversation, Fresh, Order, PrivateKey, Received, Vouching};
use crate::case::Family;

/// Who writes to whom, under which protection, and whose protection is believed.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) certificates: Certificates,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) verifier: Arc<Verifier>,
}

/// The files that a table names; PEM each.
pub(super) struct Files<'a> {
    pub(super) certificates: &'a Path,
    pub(super) rollover: Option<&'a Path>,
    pub(super) ra: &'a Path,
    pub(super) signer: Option<&'a Path>,
    pub(super) signer_key_identifier: Option<&'a str>,
}

impl Messages {
    /// Reads the files.
    ///
    /// # Errors
    /// A text that names the file or key and what is wrong with it.
    pub(super) fn new(files: &Files<'_>, signer: Arc<dyn Signer>) -> Result<Self, String> {
        let certificates = Certificates::read(files.certificates, files.rollover, files.ra, signer.as_ref())?;
        let believed = Believed::read(files.signer, files.signer_key_identifier)?;
        let verifier = Arc::new(Verifier::new(certificates.issuer().clone(), believed));
        Ok(Self { certificates, signer, verifier })
    }

    /// The next message of a conversation.
    pub(super) async fn compose(&self, order: Order<'_>, fresh: Fresh) -> Result<Vec<u8>, ComposeFault> {
        match order {
            Order::Relay { message, family: Family::Untouched, .. } => Ok(message.to_vec()),
            order => self.finish(self.draft(order, fresh)?).await,
        }
    }

    /// Messages of ours in one (RFC 9483 section 5.2.2.2).
    pub(super) async fn bundle(&self, messages: &[&[u8]], fresh: Fresh) -> Result<Vec<u8>, ComposeFault> {
        let own = self.ra_certificate().subject();
        self.finish(relay::batch(messages, own, self.recipient(), fresh.transaction, fresh.nonce)).await
    }

    /// The RA's certificate, which vouches for what is forwarded.
    fn ra_certificate(&self) -> &Certificate {
        self.certificates.own()
    }

    /// RFC 9483 section 4.1.1: subject and key identifier of the protection certificate; messageTime is left out, so
    /// that recorded bytes stay good however late they are repeated (DESIGN rule 1).
    async fn finish(&self, mut draft: Draft) -> Result<Vec<u8>, ComposeFault> {
        draft.sender_kid = self.ra_certificate().subject_key_identifier().map(<[u8]>::to_vec);
        let extra: Vec<Vec<u8>> = self.certificates.ra.iter().map(|certificate| certificate.der().to_vec()).collect();
        Ok(draft.sign(self.signer.as_ref(), &extra).await?)
    }

    fn first(&self, fresh: Fresh, body: Vec<u8>, implicit: bool) -> Draft {
        let mut draft =
            client::first(self.ra_certificate().subject(), self.recipient(), fresh.transaction, fresh.nonce, body);
        if implicit {
            draft.general_info.push(InfoTypeAndValue::implicit_confirm());
        }
        draft
    }

    fn recipient(&self) -> &Name {
        self.certificates.issuer().subject()
    }

    fn draft(&self, order: Order<'_>, fresh: Fresh) -> Result<Draft, ComposeFault> {
        Ok(match order {
            Order::Pkcs10 { request, implicit } => self.first(fresh, cmp::body::p10cr(request), implicit),
            Order::Crmf { request, implicit, ra_verified: false } => {
                self.first(fresh, cmp::body::cr(request), implicit)
            }
            Order::Crmf { request, implicit, ra_verified: true } => {
                self.first(fresh, cmp::body::cr(&ra_verified(request)?), implicit)
            }
            // Confirmed always: the new certificate is kept before it is.
            Order::Renew(request) => self.first(fresh, cmp::body::kur(request), false),
            Order::Relay { message, family, vouching } => self.relayed(message, family, vouching)?,
            Order::Revoke { issuer, serial, reason } => {
                self.first(fresh, cmp::body::rr(&cmp::RevDetails::compose(issuer, serial, reason)), false)
            }
            Order::Inquire(inquiry) => self.first(fresh, cmp::body::genm(&[inquiry.question().encode()]), false),
            Order::Poll { sent, answer } => {
                let (sent, answer) = (recorded(sent)?, recorded(answer)?);
                let id = match (sent.body(), client::read(&answer)) {
                    (Body::PollReq(ids), _) => ids.first().copied().unwrap_or(0),
                    (_, Ok(CmpAnswer::Waiting { cert_req_id })) => cert_req_id,
                    _ => return Err(ComposeFault::Record("nothing there is waited for".to_owned())),
                };
                client::poll(sent.header(), answer.header(), fresh.nonce, id)
            }
            Order::Confirm { sent, answer, rejection, .. } => {
                let (sent, answer) = (recorded(sent)?, recorded(answer)?);
                let Ok(CmpAnswer::Issued(issued)) = client::read(&answer) else {
                    return Err(ComposeFault::Record("there is no certificate to confirm".to_owned()));
                };
                let status = rejection.map(|text| StatusInfo {
                    status: Status::Rejection,
                    text: vec![text.to_owned()],
                    failure: Some(FailureInfo::INCORRECT_DATA),
                });
                let about = (&issued.certificate, issued.cert_req_id);
                client::confirm(sent.header(), answer.header(), fresh.nonce, about, status)
            }
        })
    }

    /// RFC 9483 section 5.2.2.1: in a message of ours; section 5.2.3: under our protection, with the requester's header.
    fn relayed(&self, message: &[u8], family: Family, vouching: Vouching) -> Result<Draft, ComposeFault> {
        let received = recorded(message)?;
        if family == Family::Nested {
            return Ok(relay::wrap(&received, self.ra_certificate().subject(), self.recipient()));
        }
        let request = innermost(received);
        let unfit = |fault: cmp::Fault| ComposeFault::Record(fault.text);
        let body = match request.body() {
            Body::Ir(all) | Body::Cr(all) if vouching.ra_verified => {
                // RFC 9483 section 5.2.3.2: MUST verify it; an RA below us may have done so.
                let proven = all.0.iter().find(|one| !one.is_ra_verified()).map(CertReqMsg::prove);
                let proven = proven.transpose().map_err(unfit)?;
                let possession = proven.as_ref().map_or(Possession::Vouched, Possession::Proven);
                Some(relay::ra_verified(&request, possession, None).map_err(unfit)?)
            }
            _ => None,
        };
        let mut draft = relay::replace(&request, self.ra_certificate().subject(), body).map_err(unfit)?;
        // RFC 9810 section 5.1.1.3: the end entity's, and exactly one. An RA below may have shown it.
        if vouching.original && request.header().info(cmp::oid::ORIG_PKI_MESSAGE).is_none() {
            draft.general_info.push(InfoTypeAndValue::orig_pki_message(&[request.der()]));
        }
        Ok(draft)
    }

    /// What an answer says, when it is the CA's and belongs to what was sent.
    pub(super) fn read(
        &self,
        conversation: Conversation<'_>,
        answer: &Received,
        now: Millis,
    ) -> Result<Answer, AnswerFault> {
        let malformed = |text: String| AnswerFault::Malformed(text);
        let message = Message::parse(&answer.octets, &answer_limits()).map_err(|fault| malformed(fault.fault.text))?;
        let parsed = |octets: &[u8]| Message::parse(octets, &own_limits()).map(innermost);
        let sent = parsed(conversation.sent).map_err(|fault| malformed(fault.fault.text))?;
        self.verifier.check(&message, now)?;
        let belongs = if matches!(sent.body(), Body::PollReq(_)) {
            let request = parsed(conversation.request).map_err(|fault| malformed(fault.fault.text))?;
            client::check_polled(&request, &sent, &message)
        } else {
            client::check_answer(&sent, &message)
        };
        belongs.map_err(|fault| AnswerFault::Mismatch(fault.text))?;
        match client::read(&message).map_err(|fault| malformed(fault.text))? {
            CmpAnswer::Support(_) => {
                let asked = parsed(conversation.request).map_err(|fault| malformed(fault.fault.text))?;
                let found = inquiry::read(&asked, &message, &self.certificates.chain, now)?;
                Ok(Answer::Informed(Box::new(found)))
            }
            answer => Ok(meaning(answer)),
        }
    }
}

fn meaning(answer: CmpAnswer) -> Answer {
    match answer {
        CmpAnswer::Issued(issued) => Answer::Issued {
            certificate: Box::new(issued.certificate),
            confirm: !issued.implicit_confirm,
            confirm_by: issued.confirm_wait_time,
            private_key: match issued.private_key {
                None => PrivateKey::None,
                Some(EncryptedKey::Enveloped(_)) => PrivateKey::Enveloped,
                Some(EncryptedKey::Value(_)) => PrivateKey::Other,
            },
        },
        CmpAnswer::Waiting { .. } => Answer::Waiting { check_after: 0 },
        CmpAnswer::PollAgain { after } => Answer::Waiting { check_after: u32::try_from(after).unwrap_or(u32::MAX) },
        CmpAnswer::Confirmed => Answer::Confirmed,
        CmpAnswer::Revoked => Answer::Revoked,
        CmpAnswer::Rejected(status) => refusal(&status),
        CmpAnswer::Error(content) => refusal(&content.status),
        CmpAnswer::Support(_) => Answer::Rejected { text: "a general response".to_owned(), revoked_before: false },
    }
}

/// A CRL is larger than any other answer.
pub(super) fn answer_limits() -> Limits {
    Limits { message: ANSWER_LIMIT, ..Limits::default() }
}

/// What we recorded: it may hold an answer, and a request as large and as deep as a requester's may be, wrapped in a message of ours.
pub(super) fn own_limits() -> Limits {
    let limits = answer_limits();
    Limits { depth: limits.depth + 1, ..limits }
}

/// Whether a recorded message only asks how it is going.
pub(super) fn is_poll(message: &[u8]) -> bool {
    recorded(message).is_ok_and(|message| matches!(innermost(message).body(), Body::PollReq(_)))
}

fn refusal(status: &StatusInfo) -> Answer {
    let failure = status.failure.unwrap_or_default();
    let text = format!("{failure}: {}", status.text.join("; "));
    if failure.contains(FailureInfo::TRANSACTION_ID_IN_USE) {
        return Answer::InUse { text };
    }
    if failure.contains(FailureInfo::SYSTEM_UNAVAIL) || failure.contains(FailureInfo::BAD_TIME) {
        return Answer::NotNow { text, bad_time: failure.contains(FailureInfo::BAD_TIME) };
    }
    Answer::Rejected { text, revoked_before: failure.contains(FailureInfo::CERT_REVOKED) }
}

/// RFC 9483 section 5.2.3.2: the request stays, its proof of possession becomes our word.
fn ra_verified(request: &[u8]) -> Result<Vec<u8>, ComposeFault> {
    let request = CertReqMsg::parse(request).map_err(|fault| ComposeFault::Record(fault.text))?;
    Ok(request.vouched())
}

fn recorded(octets: &[u8]) -> Result<Message, ComposeFault> {
    Message::parse(octets, &own_limits()).map_err(|fault| ComposeFault::Record(fault.fault.text))
}
