use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use certs::algorithm::ecdsa_with_sha256;
use certs::{CertificateDraft, CrlDraft, Extension, PublicKey, Signer, Signing};
use cmp::{InfoTypeAndValue, Limits, body};

use super::*;

/// A software key; only for tests.
#[derive(Debug)]
struct Key {
    pair: EcdsaKeyPair,
    public: PublicKey,
    algorithm: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = PublicKey::parse(der.as_ref()).unwrap();
        Self { pair, public, algorithm: ecdsa_with_sha256() }
    }
}

impl Signer for Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        Box::pin(async move { Ok(signature.as_ref().to_vec()) })
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// A CA certificate: whose name, whose key; by whom, with which key.
fn certified(subject: &str, key: &Key, issuer: &str, signer: &Key) -> Certificate {
    let draft = CertificateDraft {
        serial: vec![7],
        issuer: name(issuer),
        subject: name(subject),
        public_key: key.public.clone(),
        not_before: Millis(0),
        not_after: END,
        extensions: vec![Extension::basic_constraints(true, None)],
    };
    wait(draft.sign(signer)).unwrap()
}

fn crl(issuer: &str, signer: &Key) -> Vec<u8> {
    let draft = CrlDraft {
        issuer: name(issuer),
        authority_key_identifier: vec![1; 20],
        number: 1,
        this_update: Millis(1000),
        next_update: END,
        revoked: Vec::new(),
    };
    wait(draft.sign(signer)).unwrap().der().to_vec()
}

fn message(body: Vec<u8>) -> Message {
    let octets = client::first(&name("CN=a"), &name("CN=b"), [1; 16], [2; 16], body).unprotected(&[]);
    Message::parse(&octets, &Limits::default()).unwrap()
}

fn told(inquiry: &Inquiry, reply: &Reply, chain: &[Certificate]) -> Result<Information, String> {
    let asked = message(body::genm(&[inquiry.question().encode()]));
    let answer = message(body::genp(&[reply.encode()]));
    read(&asked, &answer, chain, NOW).map_err(|fault| fault.to_string())
}

/// A root with its successor, and the CA below it.
struct Roots {
    old_key: Key,
    new_key: Key,
    issuing_key: Key,
    chain: Vec<Certificate>,
}

impl Roots {
    fn new() -> Self {
        let (old_key, new_key, issuing_key) = (Key::new(), Key::new(), Key::new());
        let root = certified("CN=root", &old_key, "CN=root", &old_key);
        let issuing = certified("CN=issuing", &issuing_key, "CN=root", &old_key);
        Self { old_key, new_key, issuing_key, chain: vec![issuing, root] }
    }

    fn update(&self) -> RootCaKeyUpdate {
        RootCaKeyUpdate {
            new_with_new: certified("CN=root", &self.new_key, "CN=root", &self.new_key).der().to_vec(),
            new_with_old: Some(certified("CN=root", &self.new_key, "CN=root", &self.old_key).der().to_vec()),
            old_with_new: Some(certified("CN=root", &self.old_key, "CN=root", &self.new_key).der().to_vec()),
        }
    }

    fn told(&self, update: RootCaKeyUpdate) -> Result<Information, String> {
        let old = Inquiry::RootUpdate(self.chain[1].der().to_vec());
        told(&old, &Reply::RootCaKeyUpdate(Some(update)), &self.chain)
    }
}

#[test]
fn a_root_update_holds_when_the_old_root_vouches_for_the_new_one() {
    let roots = Roots::new();
    let update = roots.update();
    let expected = RootUpdate {
        new_with_new: update.new_with_new.clone(),
        new_with_old: update.new_with_old.clone().unwrap(),
        old_with_new: update.old_with_new.clone(),
    };
    assert_eq!(roots.told(update), Ok(Information::RootUpdate(Some(expected))));
    assert!(roots.told(RootCaKeyUpdate { old_with_new: None, ..roots.update() }).is_ok());
    let nothing =
        told(&Inquiry::RootUpdate(roots.chain[1].der().to_vec()), &Reply::RootCaKeyUpdate(None), &roots.chain);
    assert_eq!(nothing, Ok(Information::RootUpdate(None)));
}

#[test]
fn a_root_update_without_a_bridge_from_the_old_root_does_not_hold() {
    let roots = Roots::new();
    let stranger = Key::new();
    let by = |subject: &str, key: &Key, signer: &Key| certified(subject, key, "CN=root", signer).der().to_vec();
    let wrong = [
        ("missing", RootCaKeyUpdate { new_with_old: None, ..roots.update() }),
        (
            "signed by a stranger",
            RootCaKeyUpdate { new_with_old: Some(by("CN=root", &roots.new_key, &stranger)), ..roots.update() },
        ),
        (
            "for another key",
            RootCaKeyUpdate { new_with_old: Some(by("CN=root", &stranger, &roots.old_key)), ..roots.update() },
        ),
        (
            "for another name",
            RootCaKeyUpdate { new_with_old: Some(by("CN=other", &roots.new_key, &roots.old_key)), ..roots.update() },
        ),
        (
            "the new root is not signed with its own key",
            RootCaKeyUpdate { new_with_new: by("CN=root", &roots.new_key, &roots.old_key), ..roots.update() },
        ),
        (
            "the old key is another one",
            RootCaKeyUpdate { old_with_new: Some(by("CN=root", &stranger, &roots.new_key)), ..roots.update() },
        ),
        (
            "the old key is not signed with the new one",
            RootCaKeyUpdate { old_with_new: Some(by("CN=root", &roots.old_key, &stranger)), ..roots.update() },
        ),
        ("no certificate", RootCaKeyUpdate { new_with_new: vec![0x30, 0], ..roots.update() }),
    ];
    for (what, update) in wrong {
        assert!(roots.told(update).is_err(), "{what}");
    }
}

#[test]
fn a_root_update_between_strangers_is_an_invention() {
    let (roots, others) = (Roots::new(), Roots::new());
    let reply = Reply::RootCaKeyUpdate(Some(others.update()));
    let old = Inquiry::RootUpdate(others.chain[1].der().to_vec());
    assert!(told(&old, &reply, &roots.chain).is_err());
    // Who still has the root before ours comes to ours.
    let ours = vec![certified("CN=root", &others.new_key, "CN=root", &others.new_key)];
    assert!(told(&old, &reply, &ours).is_ok());
}

#[test]
fn a_crl_is_that_of_a_ca_of_the_chain_and_signed_by_it() {
    let roots = Roots::new();
    let stranger = Key::new();
    let current = |der: Vec<u8>| told(&Inquiry::CurrentCrl, &Reply::CurrentCrl(der), &roots.chain);
    let good = crl("CN=issuing", &roots.issuing_key);
    assert_eq!(current(good.clone()), Ok(Information::CurrentCrl(good.clone())));
    assert!(current(crl("CN=issuing", &stranger)).is_err());
    assert!(current(crl("CN=stranger", &stranger)).is_err());
    assert!(current(vec![0x30, 0]).is_err());
    let of = |issuer: &str, crls: Vec<Vec<u8>>| {
        told(&Inquiry::Crl(CrlOf::Issuer(name(issuer))), &Reply::Crls(crls), &roots.chain)
    };
    let root = crl("CN=root", &roots.old_key);
    assert_eq!(of("CN=root", vec![root.clone()]), Ok(Information::Crl(Some(root.clone()))));
    assert_eq!(of("CN=root", Vec::new()), Ok(Information::Crl(None)));
    assert!(of("CN=root", vec![good.clone()]).is_err(), "that of another CA");
    assert!(of("CN=root", vec![root, good]).is_err(), "RFC 9483 section 4.3.4: a sequence of one");
}

#[test]
fn an_answer_to_another_question_is_none() {
    let roots = Roots::new();
    let crl = Reply::CurrentCrl(crl("CN=issuing", &roots.issuing_key));
    assert!(told(&Inquiry::RootUpdate(roots.chain[1].der().to_vec()), &crl, &roots.chain).is_err());
    let unknown = InfoTypeAndValue { oid: cmp::oid::CA_CERTS, value: None };
    let answer = message(body::genp(std::slice::from_ref(&unknown)));
    let asked = message(body::genm(&[Inquiry::CurrentCrl.question().encode()]));
    assert!(read(&asked, &answer, &roots.chain, NOW).is_err());
    assert!(read(&answer, &answer, &roots.chain, NOW).is_err());
}

const NOW: Millis = Millis(1_795_000_000_000);

const END: Millis = Millis(1_900_000_000_000);
