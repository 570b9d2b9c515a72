//! What `conformance/record` recorded from others and from Daftar is read, comes back from its typed values, and verifies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use certs::{Certificate, Csr};
use cmp::support::{Question, Reply};
use cmp::{Body, BodyKind, CertReqMsg, FailureInfo, Limits, Message, Popo, Protection};

/// Protected with a secret or under a reference that nobody has, on purpose.
const UNVERIFIABLE: [&str; 3] = ["bad-secret", "bad-reference", "unprotected-error"];

/// Whose proof of possession is by another key or algorithm than it may be, on purpose.
const WRONG_PROOF: [&str; 3] = ["bad-popo", "bad-sha1", "bad-weak-1"];

/// What a message's protection is refused for before anything is verified, on purpose.
const BAD_ALGORITHM: [&str; 3] = ["bad-sha1-1", "bad-iterations-1", "bad-iterations-pbmac1-1"];

/// Files that do not come back from their typed values alone, and why.
const NOT_THE_SAME: [(&str, &str); 0] = [];

struct Recorded {
    name: String,
    der: Vec<u8>,
    message: Message,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cmp/recorded")
}

fn recorded() -> Vec<Recorded> {
    let mut all: Vec<_> = fs::read_dir(folder())
        .expect("the recorded messages are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "der"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let der = fs::read(path).expect("readable");
            let message = Message::parse(&der, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            Recorded { name, der, message }
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The messages and, after each, those within it.
fn unfolded() -> Vec<Recorded> {
    fn unfold(all: &mut Vec<Recorded>, one: Recorded) {
        let inner = if let Body::Nested(inner) = one.message.body() { inner.clone() } else { Vec::new() };
        let name = one.name.clone();
        all.push(one);
        for (place, der) in inner.into_iter().enumerate() {
            let message =
                Message::parse(&der, &Limits::default()).unwrap_or_else(|fault| panic!("{name}/{place}: {fault}"));
            unfold(all, Recorded { name: format!("{name}/{place}"), der, message });
        }
    }
    let mut all = Vec::new();
    for one in recorded() {
        unfold(&mut all, one);
    }
    all
}

/// The lines of a table below its head, as columns.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder().join(name)).expect("the table is there");
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn is_one_of(name: &str, list: &[&str]) -> bool {
    list.iter().any(|part| name.contains(part))
}

#[test]
fn each_recorded_message_has_its_origin() {
    let files: BTreeSet<_> = recorded().into_iter().map(|one| one.name).collect();
    let origins = table("origin.tsv");
    assert!(origins.iter().all(|line| line.len() == 4 && line.iter().all(|cell| !cell.is_empty())));
    let told: BTreeSet<_> = origins.into_iter().map(|line| line[0].clone()).collect();
    assert_eq!(files, told);
    assert!(files.len() >= 190, "{} and the 110 beside them", files.len());
}

#[test]
fn each_kind_is_there_from_each_side() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for one in recorded() {
        *kinds.entry(one.message.body().kind().to_string()).or_default() += 1;
    }
    for kind in [
        "ir", "ip", "cr", "cp", "p10cr", "kur", "kup", "rr", "rp", "genm", "genp", "certConf", "pkiconf", "pollReq",
        "pollRep", "error", "nested",
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= 2), "{kind}: {kinds:?}");
    }
}

#[test]
fn each_recorded_message_comes_back_from_its_typed_values() {
    for one in unfolded() {
        assert_eq!(one.message.der(), one.der, "{}", one.name);
        let listed = NOT_THE_SAME.iter().any(|(name, _)| *name == one.name);
        let header = one.message.header().encode() == one.message.header_der();
        let body = one.message.body().encode() == one.message.body_der();
        assert_eq!(one.message.encode() == one.der, !listed, "{}: header {header}, body {body}", one.name);
    }
}

#[test]
fn each_recorded_protection_verifies_over_the_bytes_received() {
    let all = unfolded();
    let secrets: BTreeMap<_, _> =
        table("secrets.tsv").into_iter().map(|line| (line[0].clone(), line[1].clone())).collect();
    let certificates: Vec<_> = all
        .iter()
        .flat_map(|one| one.message.extra_certs())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .collect();
    let (mut macs, mut signatures) = (BTreeSet::new(), BTreeSet::new());
    for Recorded { name, message, .. } in &all {
        let kind = match message.protection_kind() {
            Ok(_) if is_one_of(name, &BAD_ALGORITHM) => {
                panic!("{name}: its protection is taken")
            }
            Ok(kind) => kind,
            Err(fault) => {
                assert!(is_one_of(name, &BAD_ALGORITHM) && fault.failure == FailureInfo::BAD_ALG, "{name}: {fault}");
                continue;
            }
        };
        match kind {
            Protection::None => assert!(message.protection().is_none(), "{name}"),
            Protection::Mac(proof) => {
                let secret = secrets.get(&String::from_utf8_lossy(proof.reference()).into_owned());
                let verifies = secret.is_some_and(|secret| proof.verify(secret.as_bytes()).is_ok());
                assert_eq!(verifies, !is_one_of(name, &UNVERIFIABLE), "{name}");
                assert!(proof.verify(b"another secret").is_err(), "{name}");
                macs.insert(proof.algorithm().to_vec());
            }
            Protection::Signature(proof) => {
                let own = message.extra_certs().first().map(|der| Certificate::parse(der).expect("a certificate"));
                let verifies = own.iter().chain(&certificates).any(|signer| proof.verify(signer.public_key()).is_ok());
                assert!(verifies, "{name}: its signer's certificate is not there");
                signatures.insert(proof.algorithm().to_vec());
            }
        }
    }
    // PasswordBasedMac and PBMAC1 with parameters of their own each; RSA and ECDSA with three hashes, RSASSA-PSS, Ed25519, ML-DSA.
    assert!(macs.len() >= 20, "{} MACs", macs.len());
    assert!(signatures.len() >= 9, "{} kinds of signatures", signatures.len());
}

#[test]
fn each_recorded_question_and_reply_comes_back_from_its_typed_value() {
    let mut count = 0;
    for Recorded { name, message, .. } in unfolded() {
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
    assert!(count >= 40, "only {count} questions and replies");
}

#[test]
fn a_changed_octet_of_a_recorded_message_spoils_its_protection() {
    for Recorded { name, message, .. } in unfolded() {
        let (Ok(Protection::Signature(_)), Some(signer)) = (message.protection_kind(), message.extra_certs().first())
        else {
            continue;
        };
        let signer = Certificate::parse(signer).expect("a certificate");
        // The last octet of the body stands in what is protected, whatever it means there.
        let end = message
            .der()
            .windows(message.body_der().len())
            .position(|part| part == message.body_der())
            .expect("the body");
        let mut changed = message.der().to_vec();
        changed[end + message.body_der().len() - 1] ^= 1;
        if let Ok(changed) = Message::parse(&changed, &Limits::default())
            && let Ok(Protection::Signature(proof)) = changed.protection_kind()
        {
            assert!(proof.verify(signer.public_key()).is_err(), "{name}");
        }
    }
}

#[test]
fn each_recorded_proof_of_possession_verifies() {
    let mut count = 0;
    for Recorded { name, message, .. } in unfolded() {
        let requests: &[CertReqMsg] = match message.body() {
            Body::Ir(all) | Body::Cr(all) | Body::Kur(all) => &all.0,
            Body::P10cr(der) => {
                let csr = Csr::parse(der).unwrap_or_else(|fault| panic!("{name}: {fault}"));
                csr.prove().unwrap_or_else(|fault| panic!("{name}: {fault}"));
                continue;
            }
            _ => continue,
        };
        for request in requests {
            if let Some(Popo::Signature { .. }) = &request.popo {
                let proof = request.prove();
                assert_eq!(proof.is_ok(), !is_one_of(&name, &WRONG_PROOF), "{name}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "only {count} proofs");
}
