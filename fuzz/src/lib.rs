//! What the targets for CMP share: DER around a piece of a message, and everything that is asked of a whole one.

#![forbid(unsafe_code)]

use certs::Name;
use cmp::relay::{self, Possession};
use cmp::server::{self, HeaderRules, Operation};
use cmp::{Draft, Limits, Message, Protection, client};

/// Few iterations: the work that a peer may ask for is bounded, and not what is looked for here.
#[must_use]
pub fn limits() -> Limits {
    Limits { pbm_iterations: 200, pbmac1_iterations: 10, ..Limits::default() }
}

/// An element (DER).
#[must_use]
pub fn element(identifier: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let length = match u8::try_from(contents.len()) {
        Ok(short @ 0..=127) => vec![short],
        _ => {
            let octets: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
            [&[0x80 | u8::try_from(octets.len()).expect("few octets")], octets.as_slice()].concat()
        }
    };
    [&[identifier], length.as_slice(), contents].concat()
}

/// A message with this header (DER): a pkiconf.
#[must_use]
pub fn around_header(header: &[u8]) -> Vec<u8> {
    element(0x30, &[header, &[0xB3, 2, 5, 0]].concat())
}

/// A first message with this body (DER with its tag).
#[must_use]
pub fn around_body(body: Vec<u8>) -> Vec<u8> {
    first(body).unprotected(&[])
}

fn first(body: Vec<u8>) -> Draft {
    client::first(&Name::empty(), &Name::empty(), [1; 16], [2; 16], body)
}

/// Reads a message and asks of it what a server, a client and a relay ask.
pub fn exercise(der: &[u8]) -> Option<Message> {
    let message = Message::parse(der, &limits()).ok()?;
    let header = message.header();
    let _ = server::check_header(header, certs::Millis(0), &HeaderRules::default(), None);
    let _ = (header.cert_profile(), header.cert_profiles(), message.originals());
    if let Ok(Operation::Enrol { request, .. }) = server::check_shape(&message) {
        let _ = (request.prove(), request.old_cert_id(), request.archive_options());
        let _ = (request.template.alt_names(), request.template.key_usage(), request.template.extended_key_usages());
    }
    let _ = (client::read(&message), client::check_answer(&message, &message));
    protected(&message);
    comes_back(&message);
    relayed(&message);
    Some(message)
}

fn protected(message: &Message) {
    match message.protection_kind() {
        Ok(Protection::Mac(proof)) => drop(proof.verify(b"secret")),
        Ok(Protection::Signature(proof)) => {
            let _ = message.signer_certificate().map(|signer| proof.verify(signer.public_key()));
        }
        _ => {}
    }
}

/// What was read is written, and reads the same again. A peer's encoding need not be the shortest; ours is.
fn comes_back(message: &Message) {
    let wide = Limits { message: usize::MAX, ..limits() };
    let der = message.encode();
    let again = Message::parse(&der, &wide).expect("our own encoding reads");
    assert_eq!(again.encode(), der);
    assert_eq!(again.body().kind(), message.body().kind());
    assert_eq!(again.header().general_info, message.header().general_info);
}

/// A relay loses nothing of what it does not change.
fn relayed(message: &Message) {
    let wide = Limits { message: usize::MAX, ..limits() };
    if let Ok(draft) = relay::replace(message, &Name::empty(), None) {
        let replaced = Message::parse(&draft.unprotected(&[]), &wide).expect("our own encoding reads");
        assert_eq!(replaced.body_der(), message.body_der());
        assert_eq!(replaced.header().general_info, message.header().general_info);
        assert_eq!(replaced.header().transaction_id, message.header().transaction_id);
    }
    if let Ok(body) = relay::ra_verified(message, Possession::Vouched, None) {
        Message::parse(&around_body(body), &wide).expect("our own encoding reads");
    }
}
