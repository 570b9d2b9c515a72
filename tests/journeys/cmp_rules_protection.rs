//! Whose protection is taken, and how answers are protected (RFC 9483 sections 3.2, 3.3, 3.5 and 3.6.4; RFC 9481).

use certs::{Certificate, Name, Signer};
use cmp::client::Answer;
use cmp::{Draft, FailureInfo, MacKey, body};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Cover, How, Office, Request, Seal, openssl, random, signed_as_it_is};

const NAME: &str = "CN=pump.plant.example";

#[test]
fn each_fault_of_a_signature_is_named() {
    let office = Office::open();
    let (device, key) = device(&office);
    let chain = [device.der().to_vec()];
    let stranger = SoftwareSigner::generate(KeyChoice::P256).unwrap();
    let seal = Seal::device(&office);
    let draft = |change: fn(&mut Draft)| {
        let mut draft = Request::new(NAME).draft(&seal);
        change(&mut draft);
        draft
    };
    let as_it_is = |change: fn(&mut Draft)| signed_as_it_is(draft(change), &key, &chain);
    let unsure = (How::Error, FailureInfo::BAD_MESSAGE_CHECK);
    let bare = |what: &str, octets: &[u8]| {
        office.turns_down(what, octets, unsure, Cover::Bare);
    };
    let mut turned = as_it_is(|_| ());
    let at = turned.len() - device.der().len() - 30;
    turned[at] ^= 1;
    bare("a signature with a turned bit", &turned);
    bare("another key's signature", &signed_as_it_is(draft(|_| ()), &stranger, &chain));
    bare("no certificate", &signed_as_it_is(draft(|_| ()), &key, &[]));
    bare("somebody else's certificate only", &signed_as_it_is(draft(|_| ()), &key, &[office.ra().der().to_vec()]));
    bare("another sender", &as_it_is(|draft| draft.sender = Name::from_text("CN=somebody else").unwrap()));
    bare("another senderKID", &as_it_is(|draft| draft.sender_kid = Some(vec![9; 20])));
    bare("no protection", &draft(|_| ()).unprotected(&chain));
    // senderKID may be absent ("if present", RFC 9483 section 3.5).
    office.asked_nobody();
    office.send(&as_it_is(|draft| draft.sender_kid = None)).issued();
}

#[test]
fn certificates_that_may_not_sign_messages_are_refused() {
    let office = Office::open();
    // Its holder has the key, and so gets an answer that it can verify if it trusts the RA.
    let stranger = self_signed(&office, "digitalSignature");
    let octets = stranger.finish(Request::new(NAME).draft(&stranger));
    let fault = (How::Error, FailureInfo::SIGNER_NOT_TRUSTED);
    office.turns_down("nobody's certificate", &octets, fault, Cover::Like(&stranger));
    let encipherer = self_signed(&office, "keyEncipherment");
    let octets = encipherer.finish(Request::new(NAME).draft(&encipherer));
    let fault = (How::Error, FailureInfo::BAD_MESSAGE_CHECK);
    office.turns_down("a certificate that may not sign", &octets, fault, Cover::Bare);
    office.asked_nobody();
    assert_eq!(office.case_count(), 0);
}

#[test]
fn each_fault_of_a_mac_is_named() {
    let office = Office::open();
    let code = office.code();
    let good = Seal::code(&code);
    let fault = |failure| (How::Error, failure);
    let asked = |seal: &Seal| seal.finish(Request::new(NAME).draft(seal));
    let unsure = fault(FailureInfo::BAD_MESSAGE_CHECK);
    office.turns_down("another secret", &asked(&Seal::secret(&code.reference, "wrong")), unsure, Cover::Bare);
    office.turns_down("an unknown reference", &asked(&Seal::secret("nobody", &code.secret)), unsure, Cover::Bare);
    let mut turned = asked(&good);
    *turned.last_mut().unwrap() ^= 1;
    office.turns_down("a MAC with a turned bit", &turned, unsure, Cover::Bare);
    // RFC 9810 section 5.1.1: protectionAlg is there if and only if protection is.
    let whole = asked(&good);
    let bits = whole.windows(4).rposition(|part| part[0] == 0xA0 && part[2] == 0x03).unwrap();
    office.turns_down("an algorithm without protection", &resized(&whole[..bits]), unsure, Cover::Bare);
    let bare = Request::new(NAME).draft(&good).unprotected(&[]);
    let octets = resized(&[&bare[..], &whole[bits..]].concat());
    office.turns_down("protection without an algorithm", &octets, unsure, Cover::Bare);
    // More iterations than are derived for anybody; refused before one is.
    let costly = MacKey::from_secret(code.secret.as_bytes(), random(), 50_000, code.reference.as_bytes());
    let octets = asked(&Seal::Mac(costly));
    office.turns_down("too many iterations", &octets, fault(FailureInfo::BAD_ALG), Cover::Bare);
    // RFC 9483 sections 4.1.3, 4.2 and 5.2.2: these are signed.
    let bodies = [
        ("kur under a MAC", kur()),
        ("rr under a MAC", body::rr(&cmp::RevDetails::compose(&Name::from_text(NAME).unwrap(), &[5], Some(1)))),
        ("nested under a MAC", body::nested(&[asked(&good)])),
    ];
    for (what, body) in bodies {
        let octets = good.finish(Request::explicit(NAME).around(&good, body));
        office.turns_down(what, &octets, fault(FailureInfo::WRONG_INTEGRITY), Cover::Like(&good));
    }
    office.asked_nobody();
    office.ask(&good, &Request::new(NAME)).issued();
}

#[test]
fn algorithms_that_are_unknown_or_broken_are_bad_alg() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let octets = seal.finish(Request::new(NAME).draft(&seal));
    // ecdsa-with-SHA256 -> ecdsa-with-SHA1, id-dsa-with-sha256 and nothing at all that is known.
    let known = b"\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02";
    for (what, other) in [
        ("an unknown algorithm", b"\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x7F"),
        ("DSA", b"\x06\x08\x60\x86\x48\x01\x65\x03\x04\x03"),
    ] {
        let spoilt = replaced(&octets, known, other);
        office.turns_down(what, &spoilt, (How::Error, FailureInfo::BAD_ALG), Cover::Bare);
    }
    let code = office.code();
    let seal = Seal::code(&code);
    let octets = seal.finish(Request::new(NAME).draft(&seal));
    // id-PasswordBasedMac -> id-DHBasedMac (RFC 9810 section 5.1.3.2): not offered.
    let known = b"\x06\x09\x2A\x86\x48\x86\xF6\x7D\x07\x42\x0D";
    let spoilt = replaced(&octets, known, b"\x06\x09\x2A\x86\x48\x86\xF6\x7D\x07\x42\x1E");
    office.turns_down("DHBasedMac", &spoilt, (How::Error, FailureInfo::BAD_ALG), Cover::Bare);
    office.asked_nobody();
}

#[test]
fn the_answer_is_protected_like_the_request() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let first = office.ask(&seal, &Request::explicit(NAME));
        let last = office.send(&first.confirm(&seal, None));
        let refused = office.ask(&seal, &Request { wrong_proof: true, ..Request::new(NAME) });
        let out_of_place = office.send(&seal.finish(Request::explicit(NAME).around(&seal, body::pki_conf())));
        for exchange in [&first, &last, &refused, &out_of_place] {
            assert!(exchange.is_protected(&office, &seal), "{:?}", exchange.answer.body().kind());
        }
        if let Seal::Mac(key) = &seal {
            // RFC 9810 section 5.1.3.1: the parameters stay the same through a transaction.
            assert_eq!(first.answer.header().protection_alg.as_deref(), Some(key.algorithm()));
            assert_eq!(last.answer.header().protection_alg, first.answer.header().protection_alg);
        } else {
            assert_eq!(last.answer.signer_certificate().unwrap(), first.answer.signer_certificate().unwrap());
        }
    }
}

#[test]
fn a_later_message_has_the_credential_of_the_first() {
    let office = Office::open();
    let (code, device) = (Seal::code(&office.code()), Seal::device(&office));
    for (first, second) in [(&code, &device), (&device, &code)] {
        let asked = office.ask(first, &Request::explicit(NAME));
        let mut draft = asked.confirmation(Some("I do not like it"));
        draft.sender = second.name();
        draft.sender_kid = None;
        // RFC 9483 sections 3.2 and 4.1.1; cmp.md 1.2b: a known transactionID is no weapon.
        let fault = (How::Error, FailureInfo::WRONG_INTEGRITY);
        office.turns_down("another kind of protection", &second.finish(draft), fault, Cover::Like(second));
        assert_eq!(office.records().count(Kind::Revoked), 0);
        assert!(matches!(office.send(&asked.confirm(first, None)).read(), Answer::Confirmed));
    }
}

#[test]
fn certificates_may_be_in_any_order() {
    let office = Office::open();
    let (device, key) = device(&office);
    let (own, other) = (device.der().to_vec(), office.ra().der().to_vec());
    let root = Certificate::parse_pem(&std::fs::read(office.pki("root.pem")).unwrap()).unwrap().remove(0);
    let root = root.der().to_vec();
    // RFC 9483 section 3.3.
    for certificates in [vec![other.clone(), own.clone()], vec![own.clone(), root.clone(), other], vec![root, own]] {
        let mut draft = Request::new(NAME).draft(&Seal::device(&office));
        draft.sender_kid = device.subject_key_identifier().map(<[u8]>::to_vec);
        office.send(&signed_as_it_is(draft, &key, &certificates)).issued();
    }
}

#[test]
fn a_secret_is_found_by_its_names() {
    let office = Office::open();
    let code = office.code();
    let seal = Seal::code(&code);
    let Seal::Mac(key) = &seal else { unreachable!("a code's seal is a MAC") };
    let asked = |change: &dyn Fn(&mut Draft)| {
        let mut draft = Request::new(NAME).draft(&seal);
        change(&mut draft);
        office.send(&draft.mac(key, &[]))
    };
    let named = |name: &str| Name::from_text(name).unwrap();
    // By senderKID, whatever the CN says (`openssl cmp` sends another one), and with NULL-DN (RFC 9810 section 5.1.1).
    asked(&|draft| draft.sender = named(&format!("CN={}", code.reference))).issued();
    asked(&|draft| draft.sender = named("CN=somebody else")).issued();
    asked(&|draft| draft.sender = Name::empty()).issued();
}

#[test]
fn a_revoked_signer_is_not_trusted() {
    let office = Office::open();
    let request = Request::new(NAME);
    let certificate = office.ask(&Seal::code(&office.code()), &request).issued().certificate;
    let seal = Seal::of(&certificate, request.key);
    let details = cmp::RevDetails::compose_for(&certificate, Some(1));
    let ending = office.send(&seal.finish(Request::explicit(NAME).around(&seal, body::rr(&details))));
    assert!(matches!(ending.read(), Answer::Revoked), "{:?}", ending.answer.body());
    // RFC 9483 section 3.5: the status of protection certificates is checked, also where their path was valid before.
    let octets = seal.finish(Request::new(NAME).around(&seal, kur()));
    office.turns_down("a revoked signer", &octets, (How::Error, FailureInfo::SIGNER_NOT_TRUSTED), Cover::Like(&seal));
}

fn device(office: &Office) -> (Certificate, SoftwareSigner) {
    let certificate = Certificate::parse_pem(&std::fs::read(office.pki("device.pem")).unwrap()).unwrap().remove(0);
    (certificate, SoftwareSigner::load(&office.pki("device.key")).unwrap())
}

/// A certificate of nobody's with this key usage.
fn self_signed(office: &Office, usage: &str) -> Seal {
    let key = office.key("stranger");
    let file = office.path("stranger.pem");
    let words = ["req", "-x509", "-config", "/dev/null", "-subj", "/CN=stranger", "-days", "9", "-key"];
    let usage = format!("keyUsage={usage}");
    let more = ["-addext", usage.as_str(), "-addext", "subjectKeyIdentifier=hash", "-out"];
    openssl(&[&words[..], &[key.0.to_str().unwrap()], &more, &[file.to_str().unwrap()]].concat());
    let certificate = Certificate::parse_pem(&std::fs::read(&file).unwrap()).unwrap().remove(0);
    Seal::of(&certificate, SoftwareSigner::load(&key.0).unwrap())
}

fn kur() -> Vec<u8> {
    let key = SoftwareSigner::generate(KeyChoice::P256).unwrap();
    let template = cmp::crmf::CertTemplateDraft::new(Name::from_text(NAME).unwrap(), key.public_key().clone());
    let asked = super::office::done(cmp::crmf::sign(&cmp::crmf::request(0, &template), &key)).unwrap();
    body::kur(&asked)
}

/// The first place where `known` stands holds `other`.
fn replaced(octets: &[u8], known: &[u8], other: &[u8]) -> Vec<u8> {
    let at = octets.windows(known.len()).position(|part| part == known).expect("it stands there");
    [&octets[..at], other, &octets[at + known.len()..]].concat()
}

/// A SEQUENCE of 256 octets or more with the length that it has.
fn resized(sequence: &[u8]) -> Vec<u8> {
    let length = u16::try_from(sequence.len() - 4).unwrap().to_be_bytes();
    [&sequence[..2], &length, &sequence[4..]].concat()
}
