//! Messages within messages (RFC 9483 sections 5.2.2.1 and 5.2.2.2).

use crate::body::{Body, BodyKind};
use crate::fault::{Fault, ParseFault};
use crate::header::Header;
use crate::message::{Limits, Message};
use crate::protection;
use crate::status::FailureInfo;

/// What a nested message is for.
#[derive(Debug)]
pub enum Nested {
    /// Added protection (section 5.2.2.1): the sender of the outer message has approved the inner
    /// one, if it may. The answer is a plain one to the inner message.
    One(Box<Message>),
    /// A batch (section 5.2.2.2), which approves nothing. Each message is handled as if it came by
    /// itself, and the answers are bundled into a nested answer to the outer message. One that
    /// cannot be read is answered by an error with what could be read of its header.
    Batch(Vec<Result<Message, ParseFault>>),
}

/// Reads what is in a nested message. Call it after the outer header and protection were checked
/// ([`super::check_header`], [`super::check_integrity`]); nothing inner is verified yet.
///
/// RFC 9483 section 5.2.2: with the transactionID of its only inner message it adds protection,
/// with its own it is a batch, be it of one.
///
/// # Errors
/// All of them are faults of the outer message, to be answered once (section 3.6.3).
/// badRequest when it is not nested, empty, or nested too deep; badDataFormat for an only message
/// that cannot be read. With added protection: badSenderNonce when the nonces differ,
/// wrongIntegrity for an inner MAC. In a batch: transactionIdInUse and badSenderNonce for an
/// identifier or nonce of its own that one of its messages has, too.
pub fn check_nested(message: &Message) -> Result<Nested, Fault> {
    let Body::Nested(inners) = message.body() else {
        return Err(Fault::request(format!("{} is not nested", message.body().kind())));
    };
    let read = |der: &Vec<u8>| read_inner(der, message.limits());
    match inners.as_slice() {
        [] => Err(Fault::request("nested has no message in it")),
        [only] => match read(only) {
            Ok(inner) if same_transaction(message.header(), inner.header()) => {
                check_wrapped(message, &inner)?;
                Ok(Nested::One(Box::new(inner)))
            }
            Err(fault) if fault.header.as_ref().is_none_or(|inner| same_transaction(message.header(), inner)) => {
                Err(fault.into())
            }
            other => check_batch(message.header(), vec![other]),
        },
        all => check_batch(message.header(), all.iter().map(read).collect()),
    }
}

/// The request itself, out of the messages that others put around it to vouch for it (RFC 9483 section 5.2.2.1). Their
/// signatures are not looked at.
#[must_use]
pub fn innermost(mut message: Message) -> Message {
    while let Ok(Nested::One(inner)) = check_nested(&message) {
        message = *inner;
    }
    message
}

/// Reads an inner message, within which one level less may follow.
fn read_inner(der: &[u8], limits: &Limits) -> Result<Message, ParseFault> {
    let within = Limits { depth: limits.depth.saturating_sub(1), ..*limits };
    let inner = Message::parse(der, &within)?;
    if limits.depth == 0 && inner.body().kind() == BodyKind::Nested {
        let fault = Fault::request("messages are nested too deep");
        return Err(ParseFault { fault, header: Some(Box::new(inner.header().clone())) });
    }
    Ok(inner)
}

fn same_transaction(outer: &Header, inner: &Header) -> bool {
    outer.transaction_id.is_some() && outer.transaction_id == inner.transaction_id
}

fn check_wrapped(outer: &Message, inner: &Message) -> Result<(), Fault> {
    // RFC 9483 section 5.2.2.1: "MUST copy the values of the senderNonce and transactionID".
    if outer.header().sender_nonce != inner.header().sender_nonce {
        return Err(Fault::new(
            FailureInfo::BAD_SENDER_NONCE,
            "the senderNonce of a nested message must be that of the message within",
        ));
    }
    // RFC 9483 section 4.1.5: who checks a MAC "MUST replace this protection". A batch is another
    // matter: its sender has not checked anything, and the secret may be one between others and us.
    if protection::is_mac(inner.header()) {
        return Err(Fault::new(
            FailureInfo::WRONG_INTEGRITY,
            "a message with a MAC must not be nested; replace its protection",
        ));
    }
    Ok(())
}

/// RFC 9483 section 5.2.2.2: a batch has a transactionID and a nonce of its own. Each of its messages is handled as usual, so that what
/// two of them have in common is found out there.
fn check_batch(outer: &Header, all: Vec<Result<Message, ParseFault>>) -> Result<Nested, Fault> {
    if all.iter().filter_map(header).any(|inner| same_transaction(outer, inner)) {
        return Err(Fault::new(
            FailureInfo::TRANSACTION_ID_IN_USE,
            "a batch must have another transactionID than the messages in it",
        ));
    }
    let same_nonce = |inner: &Header| outer.sender_nonce.is_some() && outer.sender_nonce == inner.sender_nonce;
    if all.iter().filter_map(header).any(same_nonce) {
        return Err(Fault::new(
            FailureInfo::BAD_SENDER_NONCE,
            "a batch must have another senderNonce than the messages in it",
        ));
    }
    Ok(Nested::Batch(all))
}

fn header(read: &Result<Message, ParseFault>) -> Option<&Header> {
    match read {
        Ok(message) => Some(message.header()),
        Err(fault) => fault.header.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Key, name};
    use crate::{Draft, MacKey, body, relay};

    /// A pollReq with its own transaction and nonce.
    fn inner(number: u8) -> Message {
        let mut draft = sample::draft(body::poll_req(&[0]));
        draft.transaction_id = Some(vec![number; 16]);
        draft.sender_nonce = Some(vec![number | 0x80; 16]);
        sample::read(&draft.unprotected(&[]))
    }

    fn wrapped(inner: &Message, change: impl FnOnce(&mut Draft)) -> Message {
        let mut draft = relay::wrap(inner, &name("CN=ra"), &name("CN=authority"));
        change(&mut draft);
        sample::read(&draft.unprotected(&[]))
    }

    fn batch(inners: &[&[u8]]) -> Message {
        let draft = relay::batch(inners, &name("CN=ra"), &name("CN=authority"), [5; 16], [6; 16]);
        sample::read(&draft.unprotected(&[]))
    }

    fn failure(message: &Message) -> Option<FailureInfo> {
        check_nested(message).err().map(|fault| fault.failure)
    }

    #[test]
    fn the_transaction_tells_added_protection_from_a_batch() {
        let inner = inner(1);
        let one = check_nested(&wrapped(&inner, |_| ())).unwrap();
        assert!(matches!(one, Nested::One(found) if found.der() == inner.der()));
        let Ok(Nested::Batch(all)) = check_nested(&batch(&[inner.der()])) else { panic!("no batch") };
        assert_eq!(all[0].as_ref().unwrap().der(), inner.der());
        assert_eq!(failure(&inner), Some(FailureInfo::BAD_REQUEST));
        let empty: [&[u8]; 0] = [];
        assert_eq!(failure(&batch(&empty)), Some(FailureInfo::BAD_REQUEST));
    }

    #[test]
    fn added_protection_has_the_nonce_of_what_it_protects() {
        let other = wrapped(&inner(1), |draft| draft.sender_nonce = Some(vec![9; 16]));
        assert_eq!(failure(&other), Some(FailureInfo::BAD_SENDER_NONCE));
    }

    #[test]
    fn a_mac_is_replaced_and_not_wrapped() {
        let key = MacKey::from_secret(b"secret", [3; 16], 500, b"ref");
        let mac = sample::read(&sample::draft(body::poll_req(&[0])).mac(&key, &[]));
        assert_eq!(failure(&wrapped(&mac, |_| ())), Some(FailureInfo::WRONG_INTEGRITY));
        assert_eq!(failure(&batch(&[mac.der()])), None);
        let signed = sample::wait(sample::draft(body::poll_req(&[0])).sign(&Key::new(), &[])).unwrap();
        assert_eq!(failure(&wrapped(&sample::read(&signed), |_| ())), None);
    }

    #[test]
    fn the_messages_of_a_batch_are_told_apart() {
        let (one, two) = (inner(1), inner(2));
        assert_eq!(failure(&batch(&[one.der(), two.der()])), None);
        let mut draft = sample::draft(body::poll_req(&[0]));
        draft.transaction_id = Some(vec![1; 16]);
        let same_id = draft.clone().unprotected(&[]);
        // What its messages have in common is between their requesters.
        assert_eq!(failure(&batch(&[one.der(), &same_id])), None);
        draft.transaction_id = Some(vec![3; 16]);
        draft.sender_nonce = one.header().sender_nonce.clone();
        assert_eq!(failure(&batch(&[one.der(), &draft.clone().unprotected(&[])])), None);
        // 5 is the transaction and the nonce of the batch itself.
        assert_eq!(failure(&batch(&[one.der(), inner(5).der()])), Some(FailureInfo::TRANSACTION_ID_IN_USE));
        let all = batch(&[one.der(), two.der()]);
        draft.sender_nonce = all.header().sender_nonce.clone();
        assert_eq!(failure(&batch(&[one.der(), &draft.unprotected(&[])])), Some(FailureInfo::BAD_SENDER_NONCE));
    }

    #[test]
    fn what_cannot_be_read_harms_no_other() {
        let mut broken = sample::draft(crate::asn1::context(27, &[&crate::asn1::NULL]));
        broken.transaction_id = Some(vec![9; 16]);
        let broken = broken.unprotected(&[]);
        let Ok(Nested::Batch(all)) = check_nested(&batch(&[inner(1).der(), &broken, &[0x30, 0]])) else {
            panic!("no batch")
        };
        assert!(all[0].is_ok());
        assert!(all[1].as_ref().is_err_and(|fault| fault.header.is_some()));
        assert!(all[2].as_ref().is_err_and(|fault| fault.header.is_none()));
        assert_eq!(failure(&batch(&[&[0x30, 0]])), Some(FailureInfo::BAD_DATA_FORMAT));
    }

    #[test]
    fn messages_are_not_nested_without_end() {
        let mut message = wrapped(&inner(1), |_| ());
        for _ in 0..2 {
            message = wrapped(&message, |_| ());
        }
        // Three nested ones: two below the outermost.
        for left in [true, true, false] {
            let Ok(Nested::One(next)) = check_nested(&message) else { panic!("not nested") };
            assert_eq!(next.body().kind() == BodyKind::Nested, left);
            message = *next;
        }
        let mut message = wrapped(&inner(1), |_| ());
        for _ in 0..3 {
            message = wrapped(&message, |_| ());
        }
        let second = |message: &Message| match check_nested(message) {
            Ok(Nested::One(next)) => next,
            other => panic!("{other:?}"),
        };
        let deepest = second(&second(&message));
        assert_eq!(failure(&deepest), Some(FailureInfo::BAD_REQUEST));
        let shallow = Message::parse(message.der(), &Limits { depth: 0, ..Limits::default() }).unwrap();
        assert_eq!(failure(&shallow), Some(FailureInfo::BAD_REQUEST));
    }
}
