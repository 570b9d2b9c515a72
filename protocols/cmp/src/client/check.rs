//! Whether an answer belongs to a request (RFC 9483 section 3.5).

use crate::body::{Body, BodyKind};
use crate::fault::Fault;
use crate::message::Message;
use crate::status::{FailureInfo, Status};

/// Checks that `answer` answers `sent`.
///
/// # Errors
/// unsupportedVersion, badDataFormat, badSenderNonce, badRecipientNonce or badRequest.
pub fn check_answer(sent: &Message, answer: &Message) -> Result<(), Fault> {
    check_envelope(sent, answer)?;
    check_nonce(&[sent], answer)?;
    check_kind(sent.body().kind(), sent.body().kind(), answer)
}

/// Checks that `answer` answers a pollReq for the request that was `delayed`.
///
/// The final answer's recipNonce is that of the delayed request or of the last pollReq
/// (RFC 9483 section 3.5).
///
/// # Errors
/// As [`check_answer`].
pub fn check_polled(delayed: &Message, poll: &Message, answer: &Message) -> Result<(), Fault> {
    check_envelope(poll, answer)?;
    check_nonce(&[poll, delayed], answer)?;
    check_kind(poll.body().kind(), delayed.body().kind(), answer)
}

fn check_envelope(sent: &Message, answer: &Message) -> Result<(), Fault> {
    let (ours, theirs) = (sent.header(), answer.header());
    if !matches!(theirs.pvno, 2 | 3) {
        return Err(Fault::new(
            FailureInfo::UNSUPPORTED_VERSION,
            format!("the answer has pvno {}", theirs.pvno),
        ));
    }
    if theirs.transaction_id.is_none() || theirs.transaction_id != ours.transaction_id {
        return Err(Fault::format("the answer has another transactionID"));
    }
    Ok(())
}

fn check_nonce(sent: &[&Message], answer: &Message) -> Result<(), Fault> {
    let theirs = answer.header();
    let echoed = theirs.recip_nonce.as_ref();
    if echoed.is_none() || !sent.iter().any(|sent| sent.header().sender_nonce.as_ref() == echoed) {
        return Err(Fault::new(
            FailureInfo::BAD_RECIPIENT_NONCE,
            "the answer's recipNonce is not our senderNonce",
        ));
    }
    // An error message ends the transaction, so nobody will echo its nonce; some peers leave it out.
    let fresh = theirs.sender_nonce.as_ref().is_some_and(|nonce| nonce.len() >= 16);
    if !fresh && answer.body().kind() != BodyKind::Error {
        return Err(Fault::new(
            FailureInfo::BAD_SENDER_NONCE,
            "the answer's senderNonce is missing or too short",
        ));
    }
    Ok(())
}

fn check_kind(sent: BodyKind, asked: BodyKind, answer: &Message) -> Result<(), Fault> {
    let found = answer.body().kind();
    let fits = match (sent, found) {
        (_, BodyKind::Error) => true,
        (BodyKind::PollReq, BodyKind::PollRep) => true,
        (BodyKind::PollReq, found) => expected(asked) == Some(found),
        (BodyKind::Nested, _) => true,
        (sent, found) => expected(sent) == Some(found),
    };
    if fits { Ok(()) } else { Err(Fault::request(format!("{asked} was answered by {found}"))) }
}

fn expected(request: BodyKind) -> Option<BodyKind> {
    Some(match request {
        BodyKind::Ir => BodyKind::Ip,
        BodyKind::Cr | BodyKind::P10cr => BodyKind::Cp,
        BodyKind::Kur => BodyKind::Kup,
        BodyKind::Rr => BodyKind::Rp,
        BodyKind::CertConf => BodyKind::PkiConf,
        BodyKind::Genm => BodyKind::Genp,
        _ => return None,
    })
}

/// Whether an error message only says that the answer will come later (RFC 9483 section 4.4).
pub(super) fn is_waiting_error(body: &Body) -> bool {
    matches!(body, Body::Error(content) if content.status.status == Status::Waiting)
}
