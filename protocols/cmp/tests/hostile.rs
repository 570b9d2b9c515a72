//! Whatever comes in, nothing panics.

use cmp::client;
use cmp::relay::{self, Possession};
use cmp::server::{self, HeaderRules};
use cmp::support::{Question, Reply};
use cmp::{Body, Limits, Message, Protection};
use proptest::prelude::*;
use std::path::Path;

fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cmp");
    let mut paths: Vec<_> = [folder.clone(), folder.join("recorded")]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("the recorded messages are there"))
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "der"))
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Everything one can ask of a message.
fn exercise(der: &[u8]) {
    let Ok(message) = Message::parse(der, &Limits::default()) else {
        return;
    };
    let header = message.header();
    let _ = server::check_header(header, certs::Millis(0), &HeaderRules::default(), None);
    let _ = header.cert_profile();
    let _ = server::check_shape(&message).map(|operation| {
        if let server::Operation::Enrol { request, .. } = operation {
            let _ = request.prove();
            let _ = request.old_cert_id();
            let _ = request.template.key_usage();
            let _ = request.template.extended_key_usages();
        }
    });
    let _ = (message.originals(), message.encode());
    if let Ok(server::Nested::One(inner)) = server::check_nested(&message) {
        exercise(inner.der());
    }
    let _ = client::unbundle(&[b"id"], &message);
    let _ = relay::ra_verified(&message, Possession::Vouched, None);
    let sender = certs::Name::empty();
    if let Ok(draft) = relay::replace(&message, &sender, None) {
        assert!(Message::parse(&draft.unprotected(&[]), &Limits::default()).is_ok() || der.len() > 64_000);
    }
    let wrapped = relay::wrap(&message, &sender, &sender).unprotected(&[]);
    let _ = Message::parse(&wrapped, &Limits::default()).map(|outer| server::check_nested(&outer));
    if let Body::Genm(infos) | Body::Genp(infos) = message.body() {
        for info in infos {
            let _ = (Question::read(info).map(|found| found.encode()), Reply::read(info, &Limits::default()));
        }
    }
    let _ = client::read(&message);
    let _ = client::check_answer(&message, &message);
    match message.protection_kind() {
        Ok(Protection::Mac(proof)) => drop(proof.verify(b"secret")),
        Ok(Protection::Signature(proof)) => {
            let _ = message.signer_certificate().map(|signer| proof.verify(signer.public_key()));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_do_no_harm(der in proptest::collection::vec(any::<u8>(), 0..600)) {
        exercise(&der);
    }

    #[test]
    fn damaged_messages_do_no_harm(
        pick in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let all = samples();
        let mut der = pick.get(&all).clone();
        for (place, octet) in damage {
            let place = place.index(der.len());
            der[place] = octet;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        exercise(&der);
    }
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    let der = samples().into_iter().next().expect("a sample");
    for length in 0..der.len() {
        assert!(Message::parse(&der[..length], &Limits::default()).is_err());
    }
}
