#![no_main]
//! Messages within messages: as they come, and around what comes.

use cmp::server::{self, Nested};
use cmp::{Body, Limits, Message, client, relay};
use daftar_fuzz::{exercise, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    // The first octet says where to cut it in two.
    let Some((place, rest)) = der.split_first() else { return };
    let (one, two) = rest.split_at(rest.len() * usize::from(*place) / 256);
    unwrap(rest);
    let sender = certs::Name::empty();
    let wide = Limits { message: usize::MAX, ..limits() };
    let batch = relay::batch(&[one, two], &sender, &sender, [5; 16], [6; 16]).unprotected(&[]);
    if let Ok(batch) = Message::parse(&batch, &wide) {
        let _ = server::check_nested(&batch);
        let Body::Nested(inners) = batch.body() else { unreachable!("it is nested") };
        let unbundled = client::unbundle(&[&[1; 16], &[2; 16]], &batch).expect("it is nested");
        assert_eq!(unbundled.answers.iter().flatten().count() + unbundled.extra, inners.len());
    }
    if let Some(inner) = exercise(rest) {
        let wrapped = relay::wrap(&inner, &sender, &sender).unprotected(&[]);
        let wrapped = Message::parse(&wrapped, &wide).expect("our own encoding reads");
        if let Ok(Nested::One(found)) = server::check_nested(&wrapped) {
            assert_eq!(found.der(), inner.der());
        }
    }
});

/// All that is in it.
fn unwrap(der: &[u8]) {
    let Some(message) = exercise(der) else { return };
    match server::check_nested(&message) {
        Ok(Nested::One(inner)) => unwrap(inner.der()),
        Ok(Nested::Batch(all)) => all.iter().flatten().for_each(|inner| unwrap(inner.der())),
        Err(_) => {}
    }
}
