//! Every recorded message of another implementation is read, kept and verified.

use cmp::support::{Question, Reply};
use cmp::{Body, BodyKind, Limits, Message, Popo, Protection};
use std::path::Path;

/// The shared secret of the recorded exchanges, by how the names of their files begin.
const SECRETS: [(&str, &[u8]); 1] = [("ossl", b"SiemensIT")];

/// Files whose protection or proof of possession is wrong on purpose, and what is wrong.
const WRONG: [(&str, &str); 1] = [("ossl4-00016-req.der", "the MAC is by another secret")];

/// Files that do not come back from their typed values alone, and why.
const NOT_THE_SAME: [(&str, &str); 0] = [];

fn vectors() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cmp");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("the recorded messages are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "der"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("readable"))
        })
        .collect();
    all.sort();
    assert!(all.len() > 100, "only {} recorded messages", all.len());
    all
}

/// All messages; those within nested ones follow, with their place after the name.
fn messages() -> Vec<(String, Message)> {
    let mut all = Vec::new();
    for (name, der) in vectors() {
        unfold(&mut all, &name, &der);
    }
    all
}

fn unfold(all: &mut Vec<(String, Message)>, name: &str, der: &[u8]) {
    let message = Message::parse(der, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    all.push((name.to_owned(), message.clone()));
    if let Body::Nested(inners) = message.body() {
        for (place, inner) in inners.iter().enumerate() {
            unfold(all, &format!("{name}/{place}"), inner);
        }
    }
}

fn is_wrong(name: &str) -> bool {
    WRONG.iter().any(|(file, _)| *file == name)
}

#[test]
fn every_recorded_message_is_read_and_kept() {
    for (name, der) in vectors() {
        let message = Message::parse(&der, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(message.der(), der, "{name}");
        let both = [message.header_der(), message.body_der()].concat();
        assert!(message.protected_part().ends_with(&both), "{name}");
        assert!(der.windows(both.len()).any(|part| part == both), "{name}");
        let header = message.header();
        assert!(matches!(header.pvno, 2 | 3), "{name}");
        assert!(header.transaction_id.is_some(), "{name}");
        assert!(header.sender_nonce.as_ref().is_some_and(|nonce| nonce.len() >= 16), "{name}");
        assert_eq!(message.body_der().first(), Some(&(0xA0 | message.body().kind().tag())), "{name}");
    }
}

#[test]
fn every_kind_that_was_recorded_is_met() {
    let kinds: Vec<_> = messages().iter().map(|(_, message)| message.body().kind()).collect();
    let expected = [
        BodyKind::Ir,
        BodyKind::Ip,
        BodyKind::Cr,
        BodyKind::Cp,
        BodyKind::P10cr,
        BodyKind::Kur,
        BodyKind::Kup,
        BodyKind::Rr,
        BodyKind::Rp,
        BodyKind::Genm,
        BodyKind::Genp,
        BodyKind::Error,
        BodyKind::CertConf,
        BodyKind::PollReq,
    ];
    for kind in expected {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[test]
fn typed_values_alone_encode_to_what_was_received() {
    for (name, message) in messages() {
        let same = message.encode() == message.der();
        let listed = NOT_THE_SAME.iter().any(|(file, _)| *file == name);
        assert_ne!(same, listed, "{name}: header {}, body {}", same_header(&message), same_body(&message));
    }
}

fn same_header(message: &Message) -> bool {
    message.header().encode() == message.header_der()
}

fn same_body(message: &Message) -> bool {
    message.body().encode() == message.body_der()
}

#[test]
fn recorded_questions_and_replies_are_understood() {
    let mut count = 0;
    for (name, message) in messages() {
        let (Body::Genm(infos) | Body::Genp(infos)) = message.body() else { continue };
        for info in infos {
            let again = if message.body().kind() == BodyKind::Genm {
                Question::read(info).unwrap_or_else(|fault| panic!("{name}: {fault}")).encode()
            } else {
                Reply::read(info, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault}")).encode()
            };
            assert_eq!(&again, info, "{name}");
            count += 1;
        }
    }
    assert!(count > 5, "only {count} questions and replies");
}

#[test]
fn recorded_macs_verify_with_the_secret_and_with_no_other() {
    let mut count = 0;
    for (name, message) in messages() {
        let Ok(Protection::Mac(proof)) = message.protection_kind() else {
            continue;
        };
        let secret = SECRETS.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, secret)| *secret);
        let secret = secret.unwrap_or_else(|| panic!("{name}: say its secret in SECRETS"));
        assert_eq!(proof.verify(secret).is_ok(), !is_wrong(&name), "{name}");
        assert!(proof.verify(b"siemensIT").is_err(), "{name}");
        assert_eq!(Some(proof.reference()), message.header().sender_kid.as_deref(), "{name}");
        count += 1;
    }
    assert!(count >= 10, "only {count} MACs");
}

#[test]
fn recorded_signatures_verify_with_the_certificate_that_came_along() {
    let mut count = 0;
    for (name, message) in messages() {
        let protection = message.protection_kind().unwrap_or_else(|fault| panic!("{name}: {fault}"));
        // A later message of a transaction may leave its certificate out (RFC 9483 section 3.3).
        let (Protection::Signature(proof), [first, ..]) = (protection, message.extra_certs()) else {
            continue;
        };
        let signer = message.signer_certificate().unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(signer.der(), first, "{name}");
        assert_eq!(proof.verify(signer.public_key()).is_ok(), !is_wrong(&name), "{name}");
        count += 1;
    }
    assert!(count >= 80, "only {count} signatures");
}

#[test]
fn recorded_proofs_of_possession_verify() {
    let (mut proven, mut by_word, mut central) = (0, 0, 0);
    for (name, message) in messages() {
        let (Body::Ir(all) | Body::Cr(all) | Body::Kur(all)) = message.body() else {
            continue;
        };
        let request = &all.0[0];
        if request.is_ra_verified() {
            by_word += 1;
        } else if is_wrong(&name) || matches!(request.popo, Some(Popo::KeyEncipherment(_) | Popo::KeyAgreement(_))) {
            assert!(request.prove().is_err() || is_wrong(&name), "{name}");
        } else if request.popo.is_none() {
            assert!(request.template.key().is_err(), "{name}");
            central += 1;
        } else {
            let key = request.template.key().unwrap_or_else(|fault| panic!("{name}: {fault}"));
            let proof = request.prove().unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(proof.print(), key.print(), "{name}");
            proven += 1;
        }
    }
    assert!(proven > 10 && by_word > 0 && central > 0, "{proven} {by_word} {central}");
}
