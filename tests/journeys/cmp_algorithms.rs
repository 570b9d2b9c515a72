//! Every signature algorithm that is offered, at work from the requester's message to its certificate (RFC 9481 section 3), and
//! those that are not (RFC 9483 section 3.5).

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::{Certificate, Extension, KeyKind, KeyUsage, Millis, PublicKey, Signer, Signing};
use cmp::client::Answer;
use cmp::crmf::{self, CertTemplateDraft};
use cmp::{FailureInfo, body};

use super::office::{Exchange, Office, Request, Seal, written};
use super::software_key::{Party, SoftwareKey, authority, draft, name, now, signing};

const SUBJECT: &str = "CN=pump.plant.example";

/// A maker of devices whose certificates have keys of any kind.
struct Maker(Party);

impl Maker {
    fn new() -> Self {
        let key = SoftwareKey::new(KeyKind::P256);
        let mut draft = draft(1, name("CN=Maker"), name("CN=Maker"), &key, authority(None));
        (draft.not_before, draft.not_after) = (BEGIN, END);
        let certificate = now(draft.sign(&key)).unwrap();
        Self(Party { key, certificate })
    }

    fn certify(&self, key: &SoftwareKey, extensions: Vec<Extension>) -> Certificate {
        let mut draft = self.0.draft(2, "CN=device", key, extensions);
        (draft.not_before, draft.not_after) = (BEGIN, END);
        self.0.sign(draft)
    }

    /// An office that takes its devices, and every kind of key.
    fn office(&self) -> Office {
        let mut office = Office::prepared();
        written(office.path("maker.pem"), self.0.certificate.to_pem().as_bytes());
        office.configure(|settings| {
            let mut trust = toml::Table::new();
            trust.insert("anchors".into(), "maker.pem".into());
            settings.table("trust").insert("maker".into(), trust.into());
            let profile = settings.default_profile();
            profile["enrol_with"].as_array_mut().unwrap().push("maker".into());
            profile["subject"]["names"].as_table_mut().unwrap().insert("maker".into(), "profile".into());
            let kinds = profile["key"]["kinds"].as_array_mut().unwrap();
            kinds.extend(["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"].map(toml::Value::from));
        });
        office.start_authority();
        office.start();
        office
    }
}

/// A key that lies about its algorithm.
#[derive(Debug)]
struct Liar(SoftwareKey, Vec<u8>);

impl Signer for Liar {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn algorithm(&self) -> &[u8] {
        &self.1
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        self.0.sign(message)
    }
}

fn keys() -> Vec<SoftwareKey> {
    let kinds = [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Ed25519,
        KeyKind::MlDsa44,
        KeyKind::MlDsa65,
        KeyKind::MlDsa87,
    ];
    let digests = [Digest::Sha256, Digest::Sha384, Digest::Sha512];
    let rsa = digests.into_iter().flat_map(|digest| {
        [SignatureAlgorithm::RsaPkcs1(digest), SignatureAlgorithm::RsaPss(digest)]
            .map(|algorithm| SoftwareKey::new(KeyKind::Rsa { bits: 2048 }).under(algorithm))
    });
    kinds.into_iter().map(SoftwareKey::new).chain(rsa).collect()
}

/// An ir for a new key, proven with it.
fn asks(office: &Office, seal: &Seal, key: &dyn Signer) -> Exchange {
    let template = CertTemplateDraft::new(name(SUBJECT), key.public_key().clone());
    let signed = now(crmf::sign(&crmf::request(0, &template), key)).unwrap();
    office.send(&seal.finish(Request::new(SUBJECT).around(seal, body::ir(&signed))))
}

fn error(exchange: &Exchange, failure: FailureInfo) {
    assert!(matches!(exchange.read(), Answer::Error(_)), "{:?}", exchange.answer.body());
    assert_eq!(exchange.failure(), failure, "{:?}", exchange.answer.body());
}

#[test]
fn every_algorithm_protects_messages_and_proves_possession() {
    let maker = Maker::new();
    let office = maker.office();
    for key in keys() {
        let algorithm = SignatureAlgorithm::parse(key.algorithm()).unwrap();
        let new = SoftwareKey::new(key.public_key().kind()).under(algorithm);
        let seal = Seal::of(&maker.certify(&key, signing()), key);
        let exchange = asks(&office, &seal, &new);
        let Answer::Issued(issued) = exchange.read() else { panic!("{algorithm}: {:?}", exchange.answer.body()) };
        assert_eq!(issued.certificate.public_key(), new.public_key(), "{algorithm}");
        // What it got serves it: a kur is signed with the new key.
        let holder = Seal::of(&issued.certificate, new);
        let update = Request::new(SUBJECT);
        let updated = office.send(&update.asking(&holder, cmp::BodyKind::Kur, &[], |_| ()));
        assert!(matches!(updated.read(), Answer::Issued(_)), "{algorithm}: {:?}", updated.answer.body());
    }
}

#[test]
fn algorithms_that_are_broken_or_unknown_are_bad_alg() {
    let maker = Maker::new();
    let office = maker.office();
    let null = [0x05, 0x00];
    let identifier = |oid: &[u8], parameters: &[u8]| {
        let oid = [&[0x06, u8::try_from(oid.len()).unwrap()], oid].concat();
        let content = [oid.as_slice(), parameters].concat();
        [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    };
    let algorithms = [
        ("sha1WithRSAEncryption", identifier(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], &null)),
        ("md5WithRSAEncryption", identifier(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], &null)),
        ("ecdsa-with-SHA1", identifier(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], &[])),
        // RFC 4055 section 3.1: without parameters all is SHA-1.
        ("RSASSA-PSS with SHA-1", identifier(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], &[0x30, 0x00])),
        ("Ed448", identifier(&[0x2b, 0x65, 0x71], &[])),
        ("1.2.3.4", identifier(&[0x2a, 0x03, 0x04], &[])),
    ];
    for (what, algorithm) in algorithms {
        let key = SoftwareKey::new(KeyKind::P256);
        let certificate = maker.certify(&key, signing());
        let exchange = asks(&office, &Seal::of(&certificate, Liar(key, algorithm)), &SoftwareKey::new(KeyKind::P256));
        assert_eq!(exchange.failure(), FailureInfo::BAD_ALG, "{what}");
        error(&exchange, FailureInfo::BAD_ALG);
    }
    // The algorithm of another kind of key does not verify.
    let key = SoftwareKey::new(KeyKind::P256);
    let certificate = maker.certify(&key, signing());
    let liar = Liar(key, SignatureAlgorithm::Ed25519.identifier());
    error(
        &asks(&office, &Seal::of(&certificate, liar), &SoftwareKey::new(KeyKind::P256)),
        FailureInfo::BAD_MESSAGE_CHECK,
    );
}

#[test]
fn a_protection_certificate_is_checked() {
    let maker = Maker::new();
    let office = maker.office();
    let new = SoftwareKey::new(KeyKind::P256);
    let refused = |certificate: &Certificate, key: SoftwareKey, failure: FailureInfo| {
        error(&asks(&office, &Seal::of(certificate, key), &new), failure);
    };
    // RFC 9483 section 3.5: "the digitalSignature bit MUST be set".
    let key = SoftwareKey::new(KeyKind::P256);
    let agreeing = maker.certify(&key, vec![Extension::key_usage(KeyUsage::KEY_AGREEMENT)]);
    refused(&agreeing, key, FailureInfo::BAD_MESSAGE_CHECK);
    // "the sender field MUST match the subject of the CMP protection certificate".
    let key = SoftwareKey::new(KeyKind::P256);
    let seal = Seal::of(&maker.certify(&key, signing()), key);
    let mut draft = Request::new(SUBJECT).draft(&seal);
    draft.sender = name("CN=somebody else");
    error(&office.send(&seal.finish(draft)), FailureInfo::BAD_MESSAGE_CHECK);
    // Its time is over.
    let key = SoftwareKey::new(KeyKind::P256);
    let mut ended = maker.0.draft(3, "CN=device", &key, signing());
    (ended.not_before, ended.not_after) = (BEGIN, BEGIN.plus(1000));
    refused(&maker.0.sign(ended), key, FailureInfo::SIGNER_NOT_TRUSTED);
    // Another maker of the same name.
    let key = SoftwareKey::new(KeyKind::P256);
    refused(&Maker::new().certify(&key, signing()), key, FailureInfo::SIGNER_NOT_TRUSTED);
    // One that is good, twice: the second time its path is known.
    let key = SoftwareKey::new(KeyKind::P256);
    let good = Seal::of(&maker.certify(&key, signing()), key);
    for _ in 0..2 {
        asks(&office, &good, &SoftwareKey::new(KeyKind::P256)).issued();
    }
}

/// Whatever the clock of the machine says.
const BEGIN: Millis = Millis::from_seconds(1_700_000_000);
const END: Millis = Millis::from_seconds(4_000_000_000);
