//! Outcomes and faults in the words of CMP.

use certs::Millis;
use cmp::{
    Body, BodyKind, CertRepMessage, CertResponse, Draft, ErrorMsgContent, FailureInfo, Fault, Header, InfoTypeAndValue,
    Limits, Message, PollRep, RevRepContent, StatusInfo, body, relay, server,
};

use super::manner::{anchor, issuing_chain};
use super::protector::Protection;
use super::support;
use crate::case::{Exchange, ExchangeState, Issued, Outcome, Reason, ReasonCode, Relayed};
use crate::registrar::{Finished, Refusal, Reply, Replying};
use crate::rules::MessageRules;

/// The answer to one message of a transaction.
#[derive(Clone)]
pub(super) struct Answering {
    /// The header of the message that is answered.
    pub(super) header: Header,
    /// The kind of the message that is answered.
    pub(super) kind: BodyKind,
    /// The kind of the request that began the transaction: it decides the kind of the final answer.
    pub(super) request: BodyKind,
    /// How the answer is protected.
    pub(super) protection: Protection,
    /// The answer's nonce.
    pub(super) nonce: [u8; 16],
    /// When it is made.
    pub(super) now: Millis,
    /// Whether implicit confirmation was asked for and is granted.
    pub(super) implicit: bool,
    /// The certReqId of a pollReq: its pollRep has the same (RFC 9483 section 4.4).
    pub(super) polled: i64,
    /// The profile's settings.
    pub(super) rules: MessageRules,
}

impl Reply for Answering {
    fn reply<'a>(&'a self, outcome: &'a Outcome) -> Replying<'a> {
        Box::pin(async move {
            let (draft, chain) = match outcome {
                Outcome::Issued(issued) => (self.issued(issued), issuing_chain(&self.rules, &issued.chain)),
                Outcome::Waiting { check_after } => (self.plain(self.waiting(*check_after)), Vec::new()),
                Outcome::Confirmed => (self.plain(body::pki_conf()), Vec::new()),
                Outcome::Revoked => (self.plain(body::rp(&RevRepContent::one(StatusInfo::accepted()))), Vec::new()),
                Outcome::Refused(reason) => {
                    (self.plain(server::refusal_body(&fault_of(reason), self.request)), Vec::new())
                }
                Outcome::Relayed(relayed) => return self.relay(relayed).await,
                Outcome::Informed(information) => (self.plain(support::genp(information)), Vec::new()),
            };
            let octets = self.protection.finish(draft, &chain).await.map_err(|fault| fault.to_string())?;
            Ok(Finished { octets, nonce: Some(self.nonce.to_vec()) })
        })
    }
}

impl Answering {
    /// The CA's own message: as it came, or under our protection with its header and nonces (RFC 9483 section 5.2.3).
    async fn relay(&self, relayed: &Relayed) -> Result<Finished, String> {
        // Upstream has read it, and limited it by what a CA may send.
        let limits = Limits { message: relayed.answer.len(), ..Limits::default() };
        let answer = Message::parse(&relayed.answer, &limits).map_err(|parse| parse.fault.to_string())?;
        let nonce = answer.header().sender_nonce.clone();
        if !relayed.replaced {
            return Ok(Finished { octets: relayed.answer.clone(), nonce });
        }
        let sender = self.protection.sender();
        let draft = relay::replace(&answer, &sender, None).map_err(|fault| fault.to_string())?;
        let octets = self.protection.finish(draft, answer.extra_certs()).await.map_err(|fault| fault.to_string())?;
        Ok(Finished { octets, nonce })
    }

    /// The answer will be to the message that was found in this one.
    pub(super) fn turn_to(&mut self, message: &Message) {
        self.header = message.header().clone();
        self.kind = message.body().kind();
        self.request = self.kind;
        self.polled = polled(message);
    }

    /// RFC 9483 section 4.4: the certReqId is 0 for a CertResponse, else -1; RFC 9810 section 5.3.22 has -1 for the whole of an
    /// ip, cp or kup, too.
    pub(super) fn check_polled(&self, exchange: &Exchange) -> Result<(), Fault> {
        let response = self.request.is_enrolment() && exchange.state == ExchangeState::Polling;
        match self.polled {
            -1 => Ok(()),
            0 if response => Ok(()),
            other => Err(Fault::request(format!("pollReq: nothing is waited for under the certReqId {other}"))),
        }
    }

    /// A finished answer with this body (DER), for what has no outcome of its own.
    pub(super) async fn bundle(&self, body: Vec<u8>) -> Result<Finished, Refusal> {
        let octets = self.protection.finish(self.plain(body), &[]).await.map_err(Refusal::away)?;
        Ok(Finished { octets, nonce: Some(self.nonce.to_vec()) })
    }

    /// The body that reports a fault of the message itself.
    pub(super) fn refusal(&self, fault: &Fault) -> Vec<u8> {
        // RFC 9483 section 3.6.2: faults of certConf, pollReq and genm are error messages whatever they are.
        if self.kind == self.request {
            server::refusal_body(fault, self.request)
        } else {
            body::error(&ErrorMsgContent::from(fault))
        }
    }

    /// The body that reports a fault in the body of a request.
    pub(super) fn rejection(&self, fault: &Fault) -> Vec<u8> {
        server::rejection_body(fault, self.request)
    }

    /// The bytes of a refusal, and whether they are protected as they should be.
    pub(super) async fn finish(&self, body: Vec<u8>) -> (Vec<u8>, bool) {
        match self.protection.finish(self.plain(body.clone()), &[]).await {
            Ok(octets) => (octets, true),
            Err(cause) => {
                // RFC 9483 section 3.6.4: an error that cannot be protected is sent without.
                tracing::warn!(%cause, "an error message could not be signed");
                (self.plain(body).unprotected(&[]), false)
            }
        }
    }

    fn plain(&self, body: Vec<u8>) -> Draft {
        Draft::answering(&self.header, &self.protection.sender(), self.nonce, body)
    }

    fn issued(&self, issued: &Issued) -> Draft {
        let status = if issued.modified {
            StatusInfo::granted_with_mods("the certificate differs from the request")
        } else {
            StatusInfo::accepted()
        };
        let response = CertResponse::issued(self.request_id(), status, issued.certificate.clone());
        let kind = response_kind(self.request);
        let mut content = CertRepMessage::one(response);
        if kind == BodyKind::Ip {
            // RFC 9483 sections 4.1.2 and 4.1.3: absent in cp and kup.
            content.ca_pubs = anchor(&self.rules, &issued.chain);
        }
        let mut draft = self.plain(body::answer(kind, &content));
        match issued.confirm_by {
            // RFC 9810 section 5.1.1.1: implicitConfirm is echoed when it is granted.
            None if self.implicit => draft.general_info.push(InfoTypeAndValue::implicit_confirm()),
            None => {}
            Some(until) => {
                draft.general_info.push(InfoTypeAndValue::confirm_wait_time(until));
                // RFC 9483 section 3.1: messageTime MUST be there with confirmWaitTime.
                draft.message_time = Some(self.now);
            }
        }
        draft
    }

    /// RFC 9483 section 4.4: a response with status waiting for what has a response of its own, else an error with it; a
    /// pollReq is answered by pollRep.
    fn waiting(&self, check_after: u32) -> Vec<u8> {
        if self.kind == BodyKind::PollReq {
            let check_after = i64::from(check_after);
            return body::poll_rep(&[PollRep { cert_req_id: self.polled, check_after, reason: Vec::new() }]);
        }
        if self.kind == self.request && self.request.is_enrolment() {
            let response = CertResponse::waiting(self.request_id());
            return body::answer(response_kind(self.request), &CertRepMessage::one(response));
        }
        body::error(&ErrorMsgContent::from(StatusInfo::waiting()))
    }

    /// RFC 9810 section 5.3.4: -1 for a p10cr.
    fn request_id(&self) -> i64 {
        if self.request == BodyKind::P10cr { -1 } else { 0 }
    }
}

fn response_kind(request: BodyKind) -> BodyKind {
    match request {
        BodyKind::Ir => BodyKind::Ip,
        BodyKind::Kur => BodyKind::Kup,
        _ => BodyKind::Cp,
    }
}

/// The certReqId of a pollReq; -1 is that of a whole message.
pub(super) fn polled(message: &Message) -> i64 {
    match message.body() {
        Body::PollReq(ids) => ids.first().copied().unwrap_or(-1),
        _ => -1,
    }
}

/// The one place where reasons become PKIFailureInfo.
fn fault_of(reason: &Reason) -> Fault {
    let failure = match reason.code {
        ReasonCode::BadRequest => FailureInfo::BAD_REQUEST,
        ReasonCode::BadTemplate | ReasonCode::BadExtension | ReasonCode::KeyInUse => FailureInfo::BAD_CERT_TEMPLATE,
        ReasonCode::BadProof => FailureInfo::BAD_POP,
        ReasonCode::BadCertificateId => FailureInfo::BAD_CERT_ID,
        ReasonCode::AlreadyRevoked => FailureInfo::CERT_REVOKED,
        ReasonCode::NotAuthorized => FailureInfo::NOT_AUTHORIZED,
        ReasonCode::Authority => FailureInfo::ADD_INFO_NOT_AVAILABLE,
        ReasonCode::Withheld => FailureInfo::SYSTEM_FAILURE,
        ReasonCode::Unavailable => FailureInfo::SYSTEM_UNAVAIL,
    };
    Fault::new(failure, reason.text.clone())
}

/// The one place where refusals become PKIFailureInfo.
pub(super) fn fault_of_refusal(refusal: &Refusal, kind: BodyKind) -> Fault {
    match refusal {
        Refusal::Requester(reason) => fault_of(reason),
        // RFC 9483 section 3.5: protection that does not verify.
        Refusal::NotIdentified => Fault::new(
            FailureInfo::BAD_MESSAGE_CHECK,
            "the protection does not verify, or its credential is not accepted",
        ),
        Refusal::NotAllowed(_) => Fault::new(FailureInfo::NOT_AUTHORIZED, "not allowed"),
        Refusal::UnknownProfile(name) => Fault::new(FailureInfo::BAD_REQUEST, format!("there is no profile '{name}'")),
        Refusal::TransactionInUse => Fault::new(FailureInfo::TRANSACTION_ID_IN_USE, refusal.to_string()),
        Refusal::NoTransaction => Fault::new(
            FailureInfo::BAD_REQUEST,
            format!("no transaction is known that this {kind} continues, under this credential"),
        ),
        Refusal::OutOfPlace(text) => Fault::new(FailureInfo::BAD_REQUEST, *text),
        Refusal::TooMany { .. } | Refusal::Unavailable { .. } => {
            Fault::new(FailureInfo::SYSTEM_UNAVAIL, refusal.to_string())
        }
    }
}
