//! What the office says to its CA (RFC 9483 sections 3.1, 3.4, 3.6.1, 4.1.1, 5.3; RFC 9810 section 7).

use std::collections::BTreeSet;

use certs::Certificate;
use cmp::client::Answer;
use cmp::{Body, BodyKind, Limits, Message, Protection, RevDetails, body};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Office, Request, Seal, csr_for, done};

const NAME: &str = "CN=pump.plant.example";

#[test]
fn what_goes_to_the_ca_has_the_header_of_the_profile() {
    let office = Office::open();
    // p10cr by EST; ir, certConf and rr by CMP; a kur; the CA wants to be confirmed.
    office.mischief(r#"{"no_implicit_confirm": true}"#);
    let code = office.code();
    let key = office.key("pump");
    let who = super::office::Who::Code(&code);
    assert_eq!(office.est("simpleenroll", &who, &csr_for(&key, "/CN=pump.plant.example", &[])).status, 200);
    let seal = Seal::code(&code);
    let request = Request::explicit(NAME);
    let asked = office.ask(&seal, &request);
    let certificate = asked.issued().certificate;
    assert!(matches!(office.send(&asked.confirm(&seal, None)).read(), Answer::Confirmed));
    let holder = Seal::of(&certificate, request.key);
    let fresh = SoftwareSigner::generate(KeyChoice::P256).unwrap();
    let template = cmp::crmf::CertTemplateDraft::new(certificate.subject().clone(), key_of(&fresh));
    let update = done(cmp::crmf::sign(&cmp::crmf::request(0, &template), &fresh)).unwrap();
    let updated = office.send(&holder.finish(Request::new(NAME).around(&holder, body::kur(&update))));
    let newer = updated.issued().certificate;
    let holder = Seal::of(&newer, fresh);
    let details = RevDetails::compose_for(&newer, Some(4));
    let revoked = office.send(&holder.finish(Request::explicit(NAME).around(&holder, body::rr(&details))));
    assert!(matches!(revoked.read(), Answer::Revoked), "{:?}", revoked.answer.body());

    let sent = office.said_to_the_ca();
    let heard = office.heard_from_the_ca();
    let kinds: BTreeSet<BodyKind> = sent.iter().map(|message| message.body().kind()).collect();
    let wanted = [BodyKind::P10cr, BodyKind::CertConf, BodyKind::Rr];
    assert!(wanted.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    assert!(kinds.contains(&BodyKind::Ir) || kinds.contains(&BodyKind::Cr), "{kinds:?}");
    let ra = office.ra();
    let mut transactions = BTreeSet::new();
    for message in &sent {
        let (header, kind) = (message.header(), message.body().kind());
        assert_eq!(header.pvno, 2, "RFC 9810 section 7: cmp2021 only where its syntax is needed");
        assert_eq!(header.sender.as_ref(), Some(ra.subject()), "{kind}");
        assert_eq!(header.sender_kid.as_deref(), ra.subject_key_identifier(), "{kind}");
        assert_eq!(header.sender_nonce.as_ref().map(Vec::len), Some(16), "{kind}");
        assert_eq!(header.transaction_id.as_ref().map(Vec::len), Some(16), "{kind}");
        let asks = matches!(kind, BodyKind::Ir | BodyKind::Cr | BodyKind::P10cr);
        assert!(asks || header.info(cmp::oid::CERT_PROFILE).is_none(), "{kind}: RFC 9483 section 3.1");
        let id = header.transaction_id.clone().unwrap();
        let before = heard.iter().filter(|heard| heard.header().transaction_id.as_ref() == Some(&id));
        if kind == BodyKind::CertConf {
            let answered: Vec<_> = before.map(|heard| heard.header().sender_nonce.clone()).collect();
            assert!(answered.contains(&header.recip_nonce), "{kind}: the senderNonce of what it answers");
            let Body::CertConf(statuses) = message.body() else { unreachable!("its kind") };
            assert_eq!(statuses.len(), 1);
            let told = statuses[0].status.as_ref();
            assert!(told.is_none_or(|told| told.failure.is_none()), "RFC 9483 section 4.1.1: accepted");
        } else {
            assert_eq!(header.recip_nonce, None, "{kind}: a first message");
            assert!(transactions.insert(id), "{kind}: a transactionID of its own");
            assert_eq!(message.extra_certs().first().map(Vec::as_slice), Some(ra.der()), "RFC 9483 section 3.3");
        }
        assert!(matches!(message.protection_kind(), Ok(Protection::Signature(_))), "{kind}: signed by the RA");
        let Ok(Protection::Signature(proof)) = message.protection_kind() else { unreachable!("just looked at") };
        proof.verify(ra.public_key()).unwrap();
        let recipient = header.recipient.as_ref().expect("a directoryName");
        let issuing = Certificate::parse_pem(&std::fs::read(office.pki("issuing.pem")).unwrap()).unwrap().remove(0);
        assert!(recipient == issuing.subject() || recipient.is_empty() || before_sender(&heard, recipient), "{kind}");
    }
    let nonces: BTreeSet<_> = sent.iter().map(|message| message.header().sender_nonce.clone()).collect();
    assert_eq!(nonces.len(), sent.len(), "a nonce is fresh in every message");
}

#[test]
fn no_error_goes_to_the_ca() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    // `next` messages are spoilt; the repeat that heals is not.
    for mischief in [r#"{"unprotected": true}"#, r#"{"wrong_key": true}"#, r#"{"wrong_transaction": true}"#] {
        office.mischief(mischief);
        // Whatever becomes of it.
        let _ = office.ask(&seal, &Request::new(NAME));
    }
    let sent = office.said_to_the_ca();
    assert!(!sent.is_empty());
    // RFC 9483 section 3.6.1: "PKI management entities SHALL NOT send error messages in the upstream direction".
    assert!(sent.iter().all(|message| message.body().kind() != BodyKind::Error));
    // Nor one that was not written down.
    assert!(office.records().all().iter().all(|record| record.body != BodyKind::Error.name()));
}

#[test]
fn an_answer_under_an_error_status_is_read() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    // RFC 9811 section 3.1: "it MUST support handling response message content containing a CMP response PKIMessage".
    for status in [400, 404, 500, 503] {
        let refuse = r#""refuse": {"failure": "badCertTemplate", "text": "not this one"}"#;
        office.mischief(&format!(r#"{{"answer_status": {status}, {refuse}}}"#));
        let answer = office.ask(&seal, &Request::new(NAME));
        let Answer::Rejected(told) = answer.read() else { panic!("{status}: {:?}", answer.answer.body()) };
        assert!(told.text.iter().any(|text| text.contains("not this one")), "{status}: {:?}", told.text);
    }
    assert_eq!(office.records().count(Kind::Issued), 0);
    // Each was read as it came: the CA was asked once.
    assert!(office.metric("ra_authority_faults", "") < 0.5);
}

#[test]
fn a_redirection_is_not_followed() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"http_status": 301}"#);
    // It is no answer: the CA is asked again where the configuration says, with the same bytes.
    let answer = office.ask(&seal, &Request::new(NAME));
    assert!(matches!(answer.read(), Answer::Issued(_) | Answer::Waiting { .. }), "{:?}", answer.answer.body());
    office.until("the CA is asked again", || office.records().count(Kind::Issued) == 1);
    assert!(office.metric("ra_authority_faults", "") >= 1.0);
}

impl Office {
    fn said_to_the_ca(&self) -> Vec<Message> {
        self.messages("SELECT octets FROM message WHERE submission_id IS NOT NULL AND leg = 'submission' ORDER BY seq")
    }

    fn heard_from_the_ca(&self) -> Vec<Message> {
        self.messages("SELECT octets FROM message WHERE submission_id IS NOT NULL AND leg = 'answer' ORDER BY seq")
    }

    fn messages(&self, query: &'static str) -> Vec<Message> {
        let found = self.column::<Vec<u8>>(query);
        found
            .iter()
            .map(|octets| Message::parse(octets, &Limits::default()).unwrap_or_else(|_| panic!("not CMP")))
            .collect()
    }
}

fn before_sender(heard: &[Message], recipient: &certs::Name) -> bool {
    heard.iter().any(|message| message.header().sender.as_ref() == Some(recipient))
}

fn key_of(key: &SoftwareSigner) -> certs::PublicKey {
    certs::Signer::public_key(key).clone()
}
