//! Forwarding the messages of others (RFC 9483 section 5.2, RFC 9810 section 5.1.3.5).
//!
//! Each gives a [`Draft`] that the caller protects with its own key. A message that is forwarded
//! untouched (RFC 9483 section 5.2.1) needs none of this: [`Message::der`] goes on as it came.

/// Vouching for a proof of possession.
mod vouch;

use certs::Name;

pub use vouch::{Possession, ra_verified};

use crate::asn1::Fields;
use crate::body::{self, Body};
use crate::client;
use crate::draft::Draft;
use crate::fault::Fault;
use crate::header;
use crate::message::Message;

/// Adds our protection to a request, which says that we have verified and approved it: a nested
/// message with this one in it, byte for byte (RFC 9483 section 5.2.2.1). Sign it; a MAC is not
/// allowed there. The answer is a plain one that answers the inner message.
#[must_use]
pub fn wrap(inner: &Message, sender: &Name, recipient: &Name) -> Draft {
    let theirs = inner.header();
    Draft {
        // What the operation needs, the messages around it need, too (RFC 9483 section 3.1).
        pvno: theirs.pvno.clamp(2, 3),
        sender: sender.clone(),
        recipient: header::general_name(recipient),
        message_time: None,
        sender_kid: None,
        recip_kid: None,
        // RFC 9483 section 5.2.2.1: "MUST copy the values of the senderNonce and transactionID".
        transaction_id: theirs.transaction_id.clone(),
        sender_nonce: theirs.sender_nonce.clone(),
        // RFC 9483 section 3.1: in all but the first message "MUST be present"; it is that of the same
        // transaction. Those who ignore it (section 5.2.2.1: they can) are not disturbed.
        recip_nonce: theirs.recip_nonce.clone(),
        free_text: Vec::new(),
        general_info: Vec::new(),
        body: body::nested(&[inner.der()]),
    }
}

/// Bundles messages (DER) for transfer, which approves none of them (RFC 9483 section 5.2.2.2).
/// Transaction and nonce are fresh. The answer is nested, too: [`client::unbundle`] takes it apart.
///
/// The answer to a batch is bundled with [`body::nested`] and [`Draft::answering`].
#[must_use]
pub fn batch(inners: &[&[u8]], sender: &Name, recipient: &Name, transaction: [u8; 16], nonce: [u8; 16]) -> Draft {
    let draft = client::first(sender, recipient, transaction, nonce, body::nested(inners));
    let pvno = if inners.iter().any(|inner| says_version_3(inner)) { 3 } else { draft.pvno };
    Draft { pvno, ..draft }
}

/// Replaces the protection: the same header with another sender, around the same body or a changed
/// one (RFC 9483 section 5.2.3). The same goes for an answer on its way down.
///
/// transactionID and nonces stay (section 5.2.3: "MUST NOT change"), as do recipient, messageTime
/// (in whole seconds), freeText and all of generalInfo, known to us or not. senderKID is of the
/// protection and left to the caller.
///
/// # Errors
/// badRequest for a kur and for central key generation, whose protection must be preserved.
pub fn replace(message: &Message, sender: &Name, body: Option<Vec<u8>>) -> Result<Draft, Fault> {
    check_replaceable(message)?;
    let theirs = message.header();
    Ok(Draft {
        pvno: theirs.pvno,
        sender: sender.clone(),
        recipient: theirs.recipient_der.clone(),
        message_time: theirs.message_time,
        sender_kid: None,
        recip_kid: theirs.recip_kid.clone(),
        transaction_id: theirs.transaction_id.clone(),
        sender_nonce: theirs.sender_nonce.clone(),
        recip_nonce: theirs.recip_nonce.clone(),
        free_text: theirs.free_text.clone(),
        general_info: theirs.general_info.clone(),
        body: body.unwrap_or_else(|| message.body_der().to_vec()),
    })
}

/// RFC 9483 section 5.2.3: "MUST NOT be applied to kur messages" and to central key generation.
fn check_replaceable(message: &Message) -> Result<(), Fault> {
    match message.body() {
        Body::Kur(_) => Err(Fault::request("the protection of a kur must not be replaced")),
        Body::Ir(all) | Body::Cr(all) if all.0.iter().any(|request| request.template.asks_for_key()) => {
            Err(Fault::request("the protection of a request for central key generation must not be replaced"))
        }
        _ => Ok(()),
    }
}

/// Whether the header of this message (DER) says cmp2021(3).
fn says_version_3(message: &[u8]) -> bool {
    let pvno = || -> Result<i64, Fault> {
        let header = Fields::sequence(message, "PKIMessage")?.required()?;
        header.sequence("PKIHeader")?.required()?.integer("pvno")
    };
    pvno() == Ok(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asn1;
    use crate::crmf::{self, CertTemplateDraft};
    use crate::header::InfoTypeAndValue;
    use crate::sample::{self, Key, name};
    use certs::Millis;
    use der::asn1::ObjectIdentifier;

    /// A message with everything in its header, some of it of no kind we know.
    fn rich(body: Vec<u8>) -> Message {
        let unknown = InfoTypeAndValue {
            oid: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.55555.7"),
            value: Some(asn1::sequence(&[&[0x01, 0x01, 0xFF], &[0x1E, 0x02, 0x00, 0x41]])),
        };
        let empty = InfoTypeAndValue { value: None, ..unknown.clone() };
        let mut draft = sample::draft(body);
        draft.pvno = 3;
        draft.message_time = Some(Millis(1_795_000_000_000));
        draft.sender_kid = Some(b"device".to_vec());
        draft.recip_kid = Some(b"authority".to_vec());
        draft.recip_nonce = Some(vec![3; 16]);
        draft.free_text = vec!["hello".to_owned(), "there".to_owned()];
        draft.general_info = vec![unknown, InfoTypeAndValue::implicit_confirm(), empty];
        sample::read(&draft.unprotected(&[]))
    }

    #[test]
    fn a_wrapped_message_keeps_its_bytes_and_lends_its_transaction() {
        let inner = rich(body::ir(&sample::request(&Key::new())));
        let outer = sample::read(&wrap(&inner, &name("CN=ra"), &name("CN=authority")).unprotected(&[]));
        let Body::Nested(messages) = outer.body() else { panic!("not nested") };
        assert_eq!(messages, &[inner.der().to_vec()]);
        assert_eq!(outer.header().pvno, 3);
        assert_eq!(outer.header().sender, Some(name("CN=ra")));
        assert_eq!(outer.header().recipient, Some(name("CN=authority")));
        assert_eq!(outer.header().transaction_id, inner.header().transaction_id);
        assert_eq!(outer.header().sender_nonce, inner.header().sender_nonce);
        assert_eq!(outer.header().recip_nonce, inner.header().recip_nonce);
    }

    #[test]
    fn a_batch_has_a_transaction_of_its_own() {
        let (one, two) = (rich(body::pki_conf()), sample::message(body::poll_req(&[0])));
        let compose = |inners: &[&[u8]]| {
            sample::read(&batch(inners, &name("CN=ra"), &name("CN=authority"), [5; 16], [6; 16]).unprotected(&[]))
        };
        let outer = compose(&[one.der(), two.der()]);
        let Body::Nested(messages) = outer.body() else { panic!("not nested") };
        assert_eq!(messages, &[one.der().to_vec(), two.der().to_vec()]);
        assert_eq!(outer.header().transaction_id, Some(vec![5; 16]));
        assert_eq!(outer.header().sender_nonce, Some(vec![6; 16]));
        assert_eq!(outer.header().recip_nonce, None);
        assert_eq!(outer.header().pvno, 3);
        assert_eq!(compose(&[two.der()]).header().pvno, 2);
    }

    #[test]
    fn a_replaced_message_differs_in_its_sender_only() {
        let original = rich(body::ir(&sample::request(&Key::new())));
        let again = sample::read(&replace(&original, &name("CN=device"), None).unwrap().unprotected(&[]));
        assert_eq!(again.body_der(), original.body_der());
        let kid = asn1::context(2, &[&asn1::octet_string(b"device")]);
        let without: Vec<u8> = {
            let header = original.header_der();
            let at = header.windows(kid.len()).position(|part| part == kid).unwrap();
            let (left, right) = (header.get(..at).unwrap(), header.get(at + kid.len()..).unwrap());
            [left, right].concat()
        };
        // All but the length of the header, which lost its senderKID.
        assert_eq!(again.header_der().get(4..), without.get(4..));
        let ours = sample::read(&replace(&original, &name("CN=ra"), None).unwrap().unprotected(&[]));
        assert_eq!(ours.header().sender, Some(name("CN=ra")));
        assert_eq!(ours.header().general_info, original.header().general_info);
        assert_eq!(ours.header().sender_kid, None);
    }

    #[test]
    fn a_replaced_message_may_have_another_body() {
        let original = rich(body::poll_req(&[0]));
        let draft = replace(&original, &name("CN=ra"), Some(body::poll_req(&[-1]))).unwrap();
        assert_eq!(sample::read(&draft.unprotected(&[])).body_der(), body::poll_req(&[-1]));
    }

    #[test]
    fn updates_and_wishes_for_a_key_keep_their_protection() {
        let refused = |body| replace(&sample::message(body), &name("CN=ra"), None).is_err();
        let key = Key::new();
        assert!(refused(body::kur(&sample::request(&key))));
        let keyless = CertTemplateDraft { subject: Some(name("CN=device")), ..CertTemplateDraft::default() };
        assert!(refused(body::cr(&crmf::message(&crmf::request(0, &keyless), None))));
        assert!(!refused(body::cr(&sample::request(&key))));
    }
}
