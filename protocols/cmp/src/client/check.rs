//! Whether an answer belongs to a request (RFC 9483 section 3.5).

use crate::body::{Body, BodyKind};
use crate::fault::Fault;
use crate::message::Message;
use crate::server::{self, Nested};
use crate::status::{FailureInfo, Status};

/// Checks that `answer` answers `sent`.
///
/// What we have wrapped is answered as if it had come by itself (RFC 9483 section 5.2.2.1), what we
/// have bundled by a nested message (section 5.2.2.2): [`super::unbundle()`].
///
/// # Errors
/// unsupportedVersion, badDataFormat, badSenderNonce, badRecipientNonce or badRequest.
pub fn check_answer(sent: &Message, answer: &Message) -> Result<(), Fault> {
    check_envelope(sent, answer)?;
    check_nonce(&[sent], answer)?;
    check_kind(kind_asked(sent), kind_asked(sent), answer)
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
    check_kind(kind_asked(poll), kind_asked(delayed), answer)
}

fn check_envelope(sent: &Message, answer: &Message) -> Result<(), Fault> {
    let (ours, theirs) = (sent.header(), answer.header());
    if !matches!(theirs.pvno, 2 | 3) {
        return Err(Fault::new(FailureInfo::UNSUPPORTED_VERSION, format!("the answer has pvno {}", theirs.pvno)));
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
        return Err(Fault::new(FailureInfo::BAD_RECIPIENT_NONCE, "the answer's recipNonce is not our senderNonce"));
    }
    // An error message ends the transaction, so nobody will echo its nonce; some peers leave it out.
    let fresh = theirs.sender_nonce.as_ref().is_some_and(|nonce| nonce.len() >= 16);
    if !fresh && answer.body().kind() != BodyKind::Error {
        return Err(Fault::new(FailureInfo::BAD_SENDER_NONCE, "the answer's senderNonce is missing or too short"));
    }
    Ok(())
}

fn check_kind(sent: BodyKind, asked: BodyKind, answer: &Message) -> Result<(), Fault> {
    let found = answer.body().kind();
    let fits = match (sent, found) {
        (_, BodyKind::Error) | (BodyKind::PollReq, BodyKind::PollRep) => true,
        (BodyKind::PollReq, found) => expected(asked) == Some(found),
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
        BodyKind::Nested => BodyKind::Nested,
        _ => return None,
    })
}

/// The kind of what was asked: a message with added protection asks what the one within asks.
fn kind_asked(sent: &Message) -> BodyKind {
    match server::check_nested(sent) {
        Ok(Nested::One(inner)) => kind_asked(&inner),
        _ => sent.body().kind(),
    }
}

/// Whether an error message only says that the answer will come later (RFC 9483 section 4.4).
pub(super) fn is_waiting_error(body: &Body) -> bool {
    matches!(body, Body::Error(content) if content.status.status == Status::Waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draft;
    use crate::body;
    use crate::sample::{self, Key, name};

    fn answer(sent: &Message, body: Vec<u8>, change: impl FnOnce(&mut Draft)) -> Message {
        let mut draft = Draft::answering(sent.header(), &name("CN=authority"), [7; 16], body);
        change(&mut draft);
        sample::read(&draft.unprotected(&[]))
    }

    fn failure(change: impl FnOnce(&mut Draft)) -> Option<FailureInfo> {
        let sent = sample::message(body::cert_conf(&[]));
        let answer = answer(&sent, body::pki_conf(), change);
        check_answer(&sent, &answer).err().map(|fault| fault.failure)
    }

    #[test]
    fn an_answer_belongs_to_its_request() {
        assert_eq!(failure(|_| ()), None);
        let other = Some(FailureInfo::BAD_DATA_FORMAT);
        assert_eq!(failure(|draft| draft.transaction_id = Some(vec![8; 16])), other);
        assert_eq!(failure(|draft| draft.transaction_id = None), other);
        let nonce = Some(FailureInfo::BAD_RECIPIENT_NONCE);
        assert_eq!(failure(|draft| draft.recip_nonce = Some(vec![8; 16])), nonce);
        assert_eq!(failure(|draft| draft.recip_nonce = None), nonce);
        let fresh = Some(FailureInfo::BAD_SENDER_NONCE);
        assert_eq!(failure(|draft| draft.sender_nonce = Some(vec![8; 15])), fresh);
        assert_eq!(failure(|draft| draft.sender_nonce = None), fresh);
        assert_eq!(failure(|draft| draft.pvno = 4), Some(FailureInfo::UNSUPPORTED_VERSION));
    }

    #[test]
    fn an_answer_is_of_the_kind_that_was_asked_for() {
        let sent = sample::ir(&Key::new());
        let check = |body| check_answer(&sent, &answer(&sent, body, |_| ()));
        assert!(check(body::ip(&crate::CertRepMessage::default())).is_ok());
        assert!(check(body::error(&(&Fault::request("no")).into())).is_ok());
        for body in [body::cp(&crate::CertRepMessage::default()), body::pki_conf(), body::poll_rep(&[])] {
            assert_eq!(check(body).unwrap_err().failure, FailureInfo::BAD_REQUEST);
        }
    }

    #[test]
    fn a_wrapped_request_is_answered_plainly() {
        let inner = sample::ir(&Key::new());
        let wrap = |message: &Message| {
            sample::read(&crate::relay::wrap(message, &name("CN=ra"), &name("CN=authority")).unprotected(&[]))
        };
        let sent = wrap(&wrap(&inner));
        let check = |sent: &Message, body| check_answer(sent, &answer(&inner, body, |_| ())).is_ok();
        assert!(check(&sent, body::ip(&crate::CertRepMessage::default())));
        assert!(!check(&sent, body::cp(&crate::CertRepMessage::default())));
        assert!(!check(&sent, body::nested(&[inner.der()])));
        // A batch has its own transaction, and nothing plain answers it.
        let (sender, recipient) = (name("CN=ra"), name("CN=authority"));
        let batch = crate::relay::batch(&[inner.der()], &sender, &recipient, [5; 16], [6; 16]);
        let batch = sample::read(&batch.unprotected(&[]));
        let check = |body| check_answer(&batch, &answer(&batch, body, |_| ())).is_ok();
        assert!(check(body::nested(&[inner.der()])));
        assert!(check(body::error(&(&Fault::request("no")).into())));
        assert!(!check(body::ip(&crate::CertRepMessage::default())));
    }

    #[test]
    fn a_polled_answer_echoes_the_poll_or_the_request() {
        let delayed = sample::ir(&Key::new());
        let mut poll = sample::draft(body::poll_req(&[0]));
        poll.sender_nonce = Some(vec![6; 16]);
        let poll = sample::read(&poll.unprotected(&[]));
        let ip = || body::ip(&crate::CertRepMessage::default());
        for sent in [&delayed, &poll] {
            assert!(check_polled(&delayed, &poll, &answer(sent, ip(), |_| ())).is_ok());
        }
        assert!(check_polled(&delayed, &poll, &answer(&poll, body::poll_rep(&[]), |_| ())).is_ok());
        let cp = answer(&poll, body::cp(&crate::CertRepMessage::default()), |_| ());
        assert!(check_polled(&delayed, &poll, &cp).is_err());
        let stale = answer(&poll, ip(), |draft| draft.recip_nonce = Some(vec![5; 16]));
        assert!(check_polled(&delayed, &poll, &stale).is_err());
    }
}
