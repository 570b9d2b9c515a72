//! Requests for certificates, and the form of what answers them (RFC 9483 sections 3.6.2, 4.1 and 5.1.1).

use certs::{AltName, Certificate, Extension, Name, Signer};
use cmp::crmf::{self, CertTemplateDraft, PrivateKeyProof, SubsequentMessage};
use cmp::{Body, BodyKind, CertOrEncCert, CertRepMessage, Control, FailureInfo, Popo, Status, body};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Cover, How, Office, Request, Seal, csr_der, done};

const NAME: &str = "CN=pump.plant.example";

/// What is asked for, before it is spoilt.
struct Asked {
    id: i64,
    template: CertTemplateDraft,
    key: SoftwareSigner,
}

/// A fault of the body, how it is made, and how it is told.
type Case = (&'static str, fn(Asked) -> Vec<Vec<u8>>, FailureInfo);

impl Asked {
    fn new() -> Self {
        let key = SoftwareSigner::generate(KeyChoice::P256).unwrap();
        let template = CertTemplateDraft::new(Name::from_text(NAME).unwrap(), key.public_key().clone());
        Self { id: 0, template, key }
    }

    fn request(&self) -> Vec<u8> {
        crmf::request(self.id, &self.template)
    }

    /// The CertReqMsg with its own proof.
    fn signed(&self) -> Vec<u8> {
        proven(&self.request(), &self.key)
    }

    fn with(&self, popo: Option<&Popo>) -> Vec<u8> {
        crmf::message(&self.request(), popo)
    }
}

fn proven(request: &[u8], key: &SoftwareSigner) -> Vec<u8> {
    done(crmf::sign(request, key)).unwrap()
}

const FAULTS: [Case; 14] = [
    ("two requests", |asked| vec![asked.signed(), Asked::new().signed()], FailureInfo::BAD_REQUEST),
    ("no request", |_| Vec::new(), FailureInfo::BAD_REQUEST),
    ("certReqId 1", |asked| vec![Asked { id: 1, ..asked }.signed()], FailureInfo::BAD_REQUEST),
    ("certReqId -1", |asked| vec![Asked { id: -1, ..asked }.signed()], FailureInfo::BAD_REQUEST),
    (
        "the template's version is v1",
        |asked| {
            // CertTemplate ::= SEQUENCE { version [0] Version OPTIONAL, ...
            let template = asked.template.encode();
            let request = sequence(&[&[2, 1, 0], &sequence(&[&[0x80, 1, 0], content(&template)])]);
            vec![proven(&request, &asked.key)]
        },
        FailureInfo::BAD_CERT_TEMPLATE,
    ),
    (
        "neither subject nor subjectAltName",
        |mut asked| {
            asked.template.subject = None;
            vec![asked.signed()]
        },
        FailureInfo::BAD_CERT_TEMPLATE,
    ),
    (
        // RFC 9483 section 4.1.6: central key generation, which has no popo.
        "no public key, but a proof",
        |mut asked| {
            asked.template.public_key = None;
            vec![asked.signed()]
        },
        FailureInfo::BAD_POP,
    ),
    (
        "an empty public key: keys are not made here",
        |mut asked| {
            asked.template.public_key = None;
            let template = asked.template.encode();
            // publicKey [6] with id-ecPublicKey, P-256 and no bits
            let key = b"\xA6\x18\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x01\x00";
            vec![sequence(&[&sequence(&[&[2, 1, 0], &sequence(&[content(&template), key])])])]
        },
        FailureInfo::BAD_CERT_TEMPLATE,
    ),
    ("no proof of possession", |asked| vec![asked.with(None)], FailureInfo::BAD_POP),
    (
        "another key's proof",
        |asked| vec![proven(&asked.request(), &SoftwareSigner::generate(KeyChoice::P256).unwrap())],
        FailureInfo::BAD_POP,
    ),
    (
        "the proof of another request",
        |asked| {
            let other = Asked { template: named("CN=other.plant.example", &asked.key), ..Asked::new() };
            let signature = done(asked.key.sign(&other.request())).unwrap();
            let algorithm = asked.key.algorithm().to_vec();
            vec![asked.with(Some(&Popo::Signature { poposk_input: None, algorithm, signature }))]
        },
        FailureInfo::BAD_POP,
    ),
    (
        "an algorithm of another kind of key",
        |asked| {
            let signature = done(asked.key.sign(&asked.request())).unwrap();
            let algorithm = b"\x30\x05\x06\x03\x2B\x65\x70".to_vec();
            vec![asked.with(Some(&Popo::Signature { poposk_input: None, algorithm, signature }))]
        },
        FailureInfo::BAD_POP,
    ),
    (
        "a proof by encryption, which is not offered",
        |asked| {
            let later = PrivateKeyProof::SubsequentMessage(SubsequentMessage::EncryptedCertificate);
            vec![asked.with(Some(&Popo::KeyEncipherment(later)))]
        },
        FailureInfo::BAD_POP,
    ),
    ("raVerified from an end entity", |asked| vec![asked.with(Some(&Popo::RaVerified))], FailureInfo::NOT_AUTHORIZED),
];

#[test]
fn each_fault_of_a_request_is_named() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        for kind in [BodyKind::Ir, BodyKind::Cr] {
            for (what, spoil, failure) in FAULTS {
                let messages = spoil(Asked::new());
                let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
                let draft = Request::explicit(NAME).around(&seal, body::requests(kind, &messages));
                // RFC 9483 section 3.6.2: a fault in the body is an ip or cp with status rejection.
                let fault = (How::Rejection, failure);
                let exchange = office.turns_down(what, &seal.finish(draft), fault, Cover::Like(&seal));
                let content = rejected(exchange.answer.body());
                assert!(content.ca_pubs.is_empty(), "{what}");
                let [response] = content.responses.as_slice() else { panic!("{what}: {content:?}") };
                assert_eq!(response.cert_req_id, 0, "{what}");
                // RFC 9483 section 4.1.1: certifiedKeyPair MUST be absent.
                assert!(response.pair.is_none(), "{what}");
            }
        }
    }
    office.asked_nobody();
}

#[test]
fn each_fault_of_a_pkcs10_request_is_named() {
    let office = Office::open();
    let key = office.key("pump");
    let good = csr_der(&key, "/CN=pump.plant.example", &[]);
    let mut turned = good.clone();
    *turned.last_mut().unwrap() ^= 1;
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        for (what, csr, failure) in [
            ("a turned bit", &turned[..], FailureInfo::BAD_POP),
            ("no PKCS#10", b"\x30\x00", FailureInfo::BAD_DATA_FORMAT),
        ] {
            let draft = Request::explicit(NAME).around(&seal, body::p10cr(csr));
            let exchange = office.turns_down(what, &seal.finish(draft), (How::Rejection, failure), Cover::Like(&seal));
            assert_eq!(exchange.answer.body().kind(), BodyKind::Cp);
            // RFC 9810 section 5.3.4.
            assert_eq!(rejected(exchange.answer.body()).responses[0].cert_req_id, -1);
        }
    }
    office.asked_nobody();
}

#[test]
fn each_fault_of_an_update_is_named() {
    let office = Office::open();
    let first = Request::new(NAME);
    let old = office.ask(&Seal::code(&office.code()), &first).issued().certificate;
    let seal = Seal::of(&old, first.key);
    let issued = office.records().count(Kind::Issued);
    let ra = office.ra();
    let updated = |what, subject: &str, control: Option<Control>, failure| {
        let asked = Asked::new();
        let template = named(subject, &asked.key);
        let controls: Vec<Control> = control.into_iter().collect();
        let message = proven(&crmf::request_with(0, &template, &controls), &asked.key);
        let draft = Request::explicit(NAME).around(&seal, body::kur(&message));
        let exchange = office.turns_down(what, &seal.finish(draft), (How::Rejection, failure), Cover::Like(&seal));
        assert_eq!(exchange.answer.body().kind(), BodyKind::Kup, "{what}");
    };
    // RFC 9483 section 4.1.3.
    let another = || Some(Control::old_cert_id(old.issuer(), &[1, 2, 3]));
    let foreign = Some(Control::old_cert_id(ra.subject(), old.serial()));
    updated("a serial number of nobody", NAME, another(), FailureInfo::BAD_CERT_ID);
    updated("another issuer", NAME, foreign, FailureInfo::BAD_CERT_ID);
    // Section 5.1.1: only an authorised RA asks for another name.
    updated("another name", "CN=valve.plant.example", None, FailureInfo::NOT_AUTHORIZED);
    // The certificate to be updated must be of the CA that is asked (section 4.1.3).
    let device = Seal::device(&office);
    let message = Asked::new().signed();
    let draft = Request::explicit(NAME).around(&device, body::kur(&message));
    let fault = (How::Rejection, FailureInfo::NOT_AUTHORIZED);
    office.turns_down("a certificate of another CA", &device.finish(draft), fault, Cover::Like(&device));
    assert_eq!(office.records().count(Kind::Issued), issued);
}

#[test]
fn only_who_it_names_asks_for_a_certificate() {
    let office = Office::open();
    let first = Request::new(NAME);
    let own = office.ask(&Seal::code(&office.code()), &first).issued().certificate;
    let seal = Seal::of(&own, first.key);
    // RFC 9483 section 5.1.1: the holder of a certificate asks for itself; only an authorised RA asks for others.
    let draft = Request::explicit("CN=valve.plant.example").draft(&seal);
    let fault = (How::Rejection, FailureInfo::NOT_AUTHORIZED);
    office.turns_down("somebody else's name", &seal.finish(draft), fault, Cover::Like(&seal));
    office.ask(&seal, &Request::new(NAME)).issued();
}

#[test]
fn an_answer_with_a_certificate_has_the_form_of_the_profile() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let first = Request::explicit(NAME);
    let key = office.key("pump");
    let csr = csr_der(&key, "/CN=pump.plant.example", &[]);
    let ip = office.send(&seal.finish(first.around(&seal, body::ir(&Asked::new().signed()))));
    let request = Request::explicit(NAME);
    let cp = office.send(&seal.finish(request.around(&seal, body::cr(&Asked::new().signed()))));
    let request = Request::explicit(NAME);
    let p10 = office.send(&seal.finish(request.around(&seal, body::p10cr(&csr))));
    let held = Request::new(NAME);
    let old = office.ask(&seal, &held).issued().certificate;
    let holder = Seal::of(&old, held.key);
    let request = Request::explicit(NAME);
    let kup = office.send(&holder.finish(request.around(&holder, body::kur(&Asked::new().signed()))));
    let issuing = Certificate::parse_pem(&std::fs::read(office.pki("issuing.pem")).unwrap()).unwrap().remove(0);
    for (exchange, kind, id) in
        [(ip, BodyKind::Ip, 0), (cp, BodyKind::Cp, 0), (p10, BodyKind::Cp, -1), (kup, BodyKind::Kup, 0)]
    {
        assert_eq!(exchange.answer.body().kind(), kind);
        let content = rejected(exchange.answer.body());
        // RFC 9483 sections 4.1.2 and 4.1.3; in an ip where the profile says so only.
        assert!(content.ca_pubs.is_empty(), "{kind}");
        let [response] = content.responses.as_slice() else { panic!("{kind}: {content:?}") };
        assert_eq!(response.cert_req_id, id, "{kind}");
        assert!(matches!(response.status.status, Status::Accepted | Status::GrantedWithMods), "{kind}");
        assert_eq!(response.status.failure, None, "{kind}");
        let pair = response.pair.as_ref().unwrap();
        assert!(pair.private_key.is_none(), "{kind}");
        let CertOrEncCert::Certificate(certificate) = &pair.certificate else { panic!("{kind}: {pair:?}") };
        let certificate = Certificate::parse(certificate).unwrap();
        assert!(office.records().of(Kind::Issued).iter().any(|record| record.serial == certificate.serial()), "{kind}");
        // RFC 9483 section 3.3: the chain of the new certificate.
        assert!(exchange.answer.extra_certs().iter().any(|der| der == issuing.der()), "{kind}");
    }
}

#[test]
fn a_holder_may_be_named_by_alternative_names_alone() {
    let office = Office::open_with(|settings| {
        let subject = settings.default_profile()["subject"].as_table_mut().unwrap();
        subject.insert("required".into(), toml::Value::Array(Vec::new()));
        subject.insert("may_be_empty".into(), true.into());
    });
    let seal = Seal::code(&office.code());
    let mut asked = Asked::new();
    let names = [AltName::Dns("pump.plant.example".to_owned())];
    asked.template.subject = Some(Name::empty());
    asked.template.extensions = vec![Extension::subject_alt_name(&names, true)];
    let request = Request::new(NAME);
    let issued = office.send(&seal.finish(request.around(&seal, body::ir(&asked.signed())))).issued();
    assert!(issued.certificate.subject().is_empty());
    assert_eq!(issued.certificate.alt_names(), names);
}

fn named(subject: &str, key: &SoftwareSigner) -> CertTemplateDraft {
    CertTemplateDraft::new(Name::from_text(subject).unwrap(), key.public_key().clone())
}

fn rejected(body: &Body) -> &CertRepMessage {
    match body {
        Body::Ip(content) | Body::Cp(content) | Body::Kup(content) => content,
        other => panic!("{}", other.kind()),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match u8::try_from(content.len()) {
        Ok(short @ 0..128) => vec![short],
        Ok(long) => vec![0x81, long],
        Err(fault) => panic!("a request of a test is short: {fault}"),
    };
    [&[0x30], &*length, &*content].concat()
}

/// What is in a SEQUENCE of less than 256 octets.
fn content(sequence: &[u8]) -> &[u8] {
    if sequence[1] == 0x81 { &sequence[3..] } else { &sequence[2..] }
}
