use cmp::server::{self, Operation};
use cmp::{BodyKind, CertResponse, Fault, Message, StatusInfo, body::Body};

use super::Desk;
use super::enrol::{answer, cert_req_id};
use super::visit::{Done, Trouble, Visit};
use crate::mischief::Waiting;
use crate::records::{Kind, Record, Stage};

impl Desk {
    /// pollReq: the requester is told to wait a little more, or gets what he waited for (RFC 9483 section 4.4).
    pub(super) async fn poll(&self, visit: &Visit<'_>, asked: i64) -> Result<Done, Trouble> {
        let Some(Stage::Held { request, polls_left, check_after, .. }) = visit.stage() else {
            return Err(Fault::request("nothing is waited for in this transaction").into());
        };
        let request = read(request)?;
        check_id(request.body().kind(), asked)?;
        if let Some(left) = polls_left.checked_sub(1) {
            let record = Record {
                held: Some(request.der().to_vec()),
                polls_left: Some(left),
                check_after: Some(*check_after),
                ..visit.record(Kind::Waiting)
            };
            let entry = cmp::PollRep { cert_req_id: asked, check_after: *check_after, reason: Vec::new() };
            return Ok(Done::new(record, cmp::body::poll_rep(&[entry])));
        }
        let operation = server::check_shape(&request)?;
        let mut done = match self.fulfil(visit, &request, operation).await {
            // RFC 9483 section 3.6.2: a request is refused in the body that answers it. "This can also happen in case
            // of polling."
            Err(Trouble::Refused(fault)) => visit.refused(&fault, request.body().kind()),
            other => other?,
        };
        if visit.mischief.original_nonce {
            done.words.recip_nonce.clone_from(&request.header().sender_nonce);
        }
        Ok(done)
    }
}

impl Visit<'_> {
    /// Keeps the request and lets the requester poll (RFC 9483 section 4.4).
    pub(super) fn hold(&self, waiting: &Waiting) -> Done {
        let kind = self.message.body().kind();
        let body = if kind.is_enrolment() {
            answer(kind, CertResponse::waiting(cert_req_id(kind)))
        } else {
            cmp::body::error(&cmp::status::ErrorMsgContent::from(StatusInfo::waiting()))
        };
        let record = Record {
            held: Some(self.message.der().to_vec()),
            polls_left: Some(waiting.polls),
            check_after: Some(waiting.check_after),
            ..self.record(Kind::Waiting)
        };
        Done::new(record, body)
    }

    /// The serial number of the certificate that this message revokes, be it by a request that was held.
    pub(super) fn certificate_in_question(&self, operation: Operation<'_>) -> Option<Vec<u8>> {
        match operation {
            Operation::Revoke(details) => details.template.serial.clone(),
            Operation::Poll(_) => {
                let Some(Stage::Held { request, .. }) = self.stage() else {
                    return None;
                };
                match read(request).ok()?.body() {
                    Body::Rr(all) => all.0.first()?.template.serial.clone(),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What is still to come in the transaction.
    pub(super) fn stage(&self) -> Option<&Stage> {
        self.transaction.as_ref().map(|known| &known.stage)
    }
}

fn read(held: &[u8]) -> Result<Message, Fault> {
    Message::parse(held, &cmp::Limits::default()).map_err(|unreadable| unreadable.fault)
}

/// RFC 9483 section 4.4: certReqId "MUST be 0 if referring to a CertResponse element, else -1". A p10cr's response has
/// the number -1 (RFC 9810 section 5.3.4), so that both are right there.
fn check_id(held: BodyKind, asked: i64) -> Result<(), Fault> {
    let fits = match held {
        BodyKind::Ir | BodyKind::Cr | BodyKind::Kur => asked == 0,
        BodyKind::P10cr => matches!(asked, 0 | -1),
        _ => asked == -1,
    };
    if fits {
        Ok(())
    } else {
        Err(Fault::request(format!("pollReq: the certReqId {asked} is not that of the response")))
    }
}
