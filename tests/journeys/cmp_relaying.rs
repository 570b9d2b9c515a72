//! Requests that are relayed to the CA (RFC 9483 section 5.2): nested, with another protection, or as they came.

use certs::{Certificate, Name};
use cmp::client::{Answer, Issued};
use cmp::crmf::{self, CertTemplateDraft, Popo};
use cmp::{BodyKind, FailureInfo, Message, Protection, RevDetails, body};
use demo_ca::{Form, Kind, Pop};

use super::office::{Exchange, Office, Request, Seal, Settings, read};

const NAME: &str = "CN=pump.plant.example";

fn hasty(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.4);
    settings.set("registrar", "check_after_seconds", 1);
}

/// Sends an ir of the demo's device to a profile; gives the seal that signs what follows. Where no RA vouches for it, the CA
/// wants the device's own name (RFC 9483 section 5.1.1).
fn asked(office: &Office, profile: &str, request: &mut Request) -> (Seal, Exchange) {
    let seal = Seal::device(office);
    if profile == "untouched" {
        request.subject = seal.name().to_string();
    }
    let exchange = office.send_to(&format!("/p/{profile}"), &seal.finish(request.draft(&seal)));
    (seal, exchange)
}

/// Whose certificate an answer is signed with; the signature is verified.
fn signer(answer: &Message) -> Certificate {
    let certificate = answer.signer_certificate().unwrap();
    let Protection::Signature(proof) = answer.protection_kind().unwrap() else { panic!("it is not signed") };
    proof.verify(certificate.public_key()).unwrap();
    certificate
}

fn authority(office: &Office) -> Certificate {
    Certificate::parse_pem(&read(&office.pki("cmp-signer.pem"))).unwrap().remove(0)
}

fn confirmed(exchange: &Exchange) {
    assert!(matches!(exchange.read(), Answer::Confirmed), "{:?}", exchange.answer.body());
}

#[test]
fn a_wrapped_request_keeps_its_own_signature_to_the_ca() {
    let office = Office::open();
    let (seal, exchange) = asked(&office, "nested", &mut Request::explicit(NAME));
    let issued = exchange.issued();
    // RFC 9483 section 5.2: the CA's own message comes down.
    assert_eq!(signer(&exchange.answer), authority(&office));
    let done = office.send_to("/p/nested", &exchange.confirm(&seal, None));
    confirmed(&done);
    assert_eq!(signer(&done.answer), authority(&office));
    let records = office.records();
    for kind in [Kind::Issued, Kind::Confirmed] {
        let record = records.of(kind)[0];
        assert_eq!((record.form, record.depth), (Some(Form::Nested), 1), "{kind:?}");
        assert_eq!(record.signer, seal.name().to_string());
        assert_eq!(record.outer_signer, office.ra().subject().to_string());
        assert_eq!(record.transaction_id, exchange.sent.header().transaction_id.clone().unwrap());
    }
    assert_eq!(records.of(Kind::Issued)[0].pop, Some(Pop::Verified));
    assert_eq!(office.state(), "confirmed");
    assert!(office.accepts(&issued.certificate.to_pem()));
}

#[test]
fn a_request_under_our_protection_keeps_its_proof_and_its_transaction() {
    let office = Office::open();
    let (seal, exchange) = asked(&office, "replace", &mut Request::explicit(NAME));
    exchange.issued();
    assert_eq!(signer(&exchange.answer), office.ra());
    confirmed(&office.send_to("/p/replace", &exchange.confirm(&seal, None)));
    let records = office.records();
    let record = records.of(Kind::Issued)[0];
    assert_eq!((record.form, record.pop), (Some(Form::Plain), Some(Pop::Verified)));
    assert_eq!(record.signer, office.ra().subject().to_string());
    assert_eq!(Some(&record.transaction_id), exchange.sent.header().transaction_id.as_ref());
    assert!(record.orig_pki_message.is_none());
    assert_eq!(records.of(Kind::Confirmed)[0].signer, office.ra().subject().to_string());
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn an_untouched_request_is_vouched_for_by_nobody() {
    let office = Office::open();
    let (seal, exchange) = asked(&office, "untouched", &mut Request::explicit(NAME));
    exchange.issued();
    assert_eq!(signer(&exchange.answer), authority(&office));
    confirmed(&office.send_to("/p/untouched", &exchange.confirm(&seal, None)));
    let records = office.records();
    let record = records.of(Kind::Issued)[0];
    assert_eq!((record.form, &record.signer), (Some(Form::Plain), &seal.name().to_string()));
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn our_word_may_stand_for_the_proof_and_the_original_may_go_along() {
    let office = Office::open_with(|settings| {
        for (name, forward) in [("vouched", "behalf"), ("vouched-replace", "replace")] {
            settings.add_profile(name, |profile| {
                profile.insert("forward".into(), forward.into());
                profile.insert("proof".into(), "ra-verified".into());
                profile.insert("original_message".into(), (forward == "replace").into());
            });
        }
    });
    for (place, profile) in ["vouched", "vouched-replace"].into_iter().enumerate() {
        let (seal, exchange) = asked(&office, profile, &mut Request::new(NAME));
        exchange.issued();
        let records = office.records();
        let record = records.of(Kind::Issued)[place];
        assert_eq!(record.pop, Some(Pop::RaVerified), "{profile}");
        assert_eq!(record.signer, office.ra().subject().to_string());
        let original = record.orig_pki_message.clone().map(|original| original.signer);
        assert_eq!(original, (profile == "vouched-replace").then(|| seal.name().to_string()));
    }
}

/// A certificate of our CA with its key.
fn holder(office: &Office, profile: &str) -> (Seal, Issued) {
    let mut request = Request::new(NAME);
    let (_, exchange) = asked(office, profile, &mut request);
    let issued = exchange.issued();
    (Seal::of(&issued.certificate, request.key), issued)
}

#[test]
fn an_update_is_wrapped_where_replacing_is_forbidden() {
    let office = Office::open();
    for (place, profile) in ["nested", "replace", "untouched"].into_iter().enumerate() {
        let (seal, old) = holder(&office, profile);
        let request = Request::explicit(&seal.name().to_string());
        let draft = request.around(&seal, request.kur(&old.certificate));
        let updated = office.send_to(&format!("/p/{profile}"), &seal.finish(draft));
        assert_eq!(updated.answer.body().kind(), BodyKind::Kup, "{profile}");
        updated.issued();
        assert_eq!(signer(&updated.answer), authority(&office), "{profile}");
        confirmed(&office.send_to(&format!("/p/{profile}"), &updated.confirm(&seal, None)));
        let records = office.records();
        let record = records.of(Kind::Issued)[2 * place + 1];
        let form = if profile == "untouched" { Form::Plain } else { Form::Nested };
        assert_eq!((record.form, record.body.as_str()), (Some(form), "kur"), "{profile}");
        // RFC 9483 section 4.1.3: its protection is that of the certificate to be updated.
        assert_eq!(record.signer_hash, old.certificate.hash(), "{profile}");
    }
}

#[test]
fn a_revocation_is_relayed_like_a_request() {
    let office = Office::open();
    for profile in ["nested", "replace", "untouched"] {
        let (seal, old) = holder(&office, profile);
        let rr = body::rr(&RevDetails::compose_for(&old.certificate, Some(1)));
        let sent = seal.finish(Request::explicit(NAME).around(&seal, rr));
        let exchange = office.send_to(&format!("/p/{profile}"), &sent);
        assert!(matches!(exchange.read(), Answer::Revoked), "{profile}: {:?}", exchange.answer.body());
        // Byte-identical: the stored answer.
        assert_eq!(office.send_to(&format!("/p/{profile}"), &sent).answer.der(), exchange.answer.der());
    }
    let records = office.records();
    let by: Vec<_> = records.of(Kind::Revoked).iter().map(|record| (record.form, record.signer.clone())).collect();
    assert_eq!(by[0], (Some(Form::Nested), NAME.to_owned()));
    assert_eq!(by[1], (Some(Form::Plain), office.ra().subject().to_string()));
    assert_eq!(by[2], (Some(Form::Plain), Seal::device(&office).name().to_string()));
    assert!(records.all_revoked());
}

#[test]
fn polling_goes_through_when_the_ca_asks_for_patience() {
    let office = Office::open();
    for profile in ["nested", "replace", "untouched"] {
        office.mischief(r#"{"waiting": {"polls": 1, "check_after": 1}}"#);
        let (seal, exchange) = asked(&office, profile, &mut Request::explicit(NAME));
        let Answer::Waiting { cert_req_id } = exchange.read() else { panic!("{:?}", exchange.answer.body()) };
        let path = format!("/p/{profile}");
        let sent = exchange.poll(&seal, cert_req_id);
        let again = office.send_to(&path, &sent);
        assert!(matches!(again.read(), Answer::PollAgain { after: 1 }), "{profile}: {:?}", again.answer.body());
        assert_eq!(office.send_to(&path, &sent).answer.der(), again.answer.der(), "a repeat gets the stored answer");
        let last = office.send_to(&path, &again.poll(&seal, cert_req_id));
        cmp::client::check_polled(&exchange.sent, &last.sent, &last.answer).unwrap();
        let Ok(Answer::Issued(_)) = cmp::client::read(&last.answer) else { panic!("{:?}", last.answer.body()) };
        let word = Exchange { sent: last.sent, answer: last.answer };
        let confirmation = word.confirm_polled(&seal);
        confirmed(&office.send_to(&path, &confirmation));
    }
    assert_eq!(office.records().count(Kind::Confirmed), 3);
}

#[test]
fn we_let_wait_when_the_ca_is_slow_and_hand_its_answer_down_later() {
    let office = Office::open_with(hasty);
    office.mischief(r#"{"delay_ms": 1500}"#);
    let (seal, exchange) = asked(&office, "nested", &mut Request::explicit(NAME));
    let Answer::Waiting { cert_req_id } = exchange.read() else { panic!("{:?}", exchange.answer.body()) };
    // RFC 9483 section 5.1.5: delayed delivery that we began, so in our words.
    assert_eq!(signer(&exchange.answer), office.ra());
    let mut last = exchange.poll(&seal, cert_req_id);
    let mut got = None;
    office.until("the CA's answer", || {
        let answer = office.send_to("/p/nested", &last);
        if answer.answer.body().kind() == BodyKind::PollRep {
            last = answer.poll(&seal, cert_req_id);
            return false;
        }
        got = Some(answer);
        true
    });
    let got = got.unwrap();
    assert_eq!(signer(&got.answer), authority(&office));
    // RFC 9483 section 5.1.5: its recipNonce is that of the original request.
    assert_eq!(got.answer.header().recip_nonce, exchange.sent.header().sender_nonce);
    confirmed(&office.send_to("/p/nested", &got.confirm_polled(&seal)));
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn an_officer_may_decide_on_a_request_that_is_wrapped_then() {
    let office = Office::open_with(|settings| {
        hasty(settings);
        settings.add_profile("slow", |profile| {
            profile.insert("forward".into(), "nested".into());
            profile.insert("approval".into(), "by-hand".into());
        });
    });
    let (seal, exchange) = asked(&office, "slow", &mut Request::explicit(NAME));
    let Answer::Waiting { cert_req_id } = exchange.read() else { panic!("{:?}", exchange.answer.body()) };
    assert_eq!(office.records().count(Kind::Received), 0);
    let poll = office.send_to("/p/slow", &exchange.poll(&seal, cert_req_id));
    assert!(matches!(poll.read(), Answer::PollAgain { .. }));
    office.told(&["case", "approve", &office.only_id(), "--officer", "anna"]);
    office.until("the certificate", || office.state() == "issued");
    let last = office.send_to("/p/slow", &poll.poll(&seal, cert_req_id));
    assert_eq!(signer(&last.answer), authority(&office));
    confirmed(&office.send_to("/p/slow", &last.confirm_polled(&seal)));
    assert_eq!(office.records().of(Kind::Issued)[0].form, Some(Form::Nested));
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn the_ca_refuses_in_its_own_words() {
    let office = Office::open();
    for profile in ["nested", "replace"] {
        office.mischief(r#"{"refuse": {"failure": "badCertTemplate", "text": "not with us"}}"#);
        let (_, exchange) = asked(&office, profile, &mut Request::explicit(NAME));
        assert_eq!(exchange.failure(), FailureInfo::BAD_CERT_TEMPLATE, "{profile}");
        assert_eq!(office.cases()[0]["state"], "failed");
    }
}

#[test]
fn what_was_not_approved_is_withheld_and_revoked() {
    let office = Office::open();
    for profile in ["nested", "replace", "untouched"] {
        office.mischief(r#"{"bodies": ["ir"], "certificate": {"subject": "CN=other"}}"#);
        let (_, exchange) = asked(&office, profile, &mut Request::explicit(NAME));
        assert_eq!(exchange.failure(), FailureInfo::SYSTEM_FAILURE, "{profile}");
        assert_eq!(signer(&exchange.answer), office.ra());
    }
    office.until("the certificates are revoked", || office.records().all_revoked());
}

#[test]
fn a_rejection_reaches_the_ca_as_it_was_signed() {
    let office = Office::open();
    let (seal, exchange) = asked(&office, "nested", &mut Request::explicit(NAME));
    exchange.issued();
    confirmed(&office.send_to("/p/nested", &exchange.confirm(&seal, Some("not what I asked for"))));
    assert_eq!(office.state(), "rejected");
    let records = office.records();
    assert!(records.all_revoked());
    assert_eq!(records.of(Kind::Revoked)[0].signer, seal.name().to_string());
}

#[test]
fn silence_revokes_what_nobody_but_the_requester_could_confirm() {
    let office = Office::open_with(|settings| settings.set("registrar", "confirm_seconds", 1));
    let (_, exchange) = asked(&office, "nested", &mut Request::explicit(NAME));
    exchange.issued();
    office.until("silence is rejection", || office.state() == "rejected");
    office.until("the certificate is revoked", || office.records().all_revoked());
}

#[test]
fn a_crash_is_healed_by_the_requesters_repeat() {
    let mut office = Office::open();
    let seal = Seal::device(&office);
    let sent = seal.finish(Request::explicit(NAME).draft(&seal));
    office.mischief(r#"{"delay_ms": 2000}"#);
    let unread = office.cmp_post_unread("/p/nested", &sent);
    office.until("the request is recorded", || !office.cases().is_empty());
    office.kill();
    drop(unread);
    office.start();
    office.until("the outbox has the answer", || office.state() == "issued");
    let repeated = office.send_to("/p/nested", &sent);
    repeated.issued();
    confirmed(&office.send_to("/p/nested", &repeated.confirm(&seal, None)));
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_mac_is_ended_here_whatever_the_profile_says() {
    let office = Office::open();
    for profile in ["nested", "replace", "untouched"] {
        let seal = Seal::code(&office.code_for(profile));
        let exchange = office.send_to(&format!("/p/{profile}"), &seal.finish(Request::new(NAME).draft(&seal)));
        exchange.issued();
        assert!(exchange.is_protected(&office, &seal), "{profile}");
    }
    let records = office.records();
    // RFC 9483 section 4.1.5: its protection MUST be replaced.
    assert!(records.of(Kind::Issued).iter().all(|record| record.form == Some(Form::Plain)));
    assert!(records.of(Kind::Issued).iter().all(|record| record.signer == office.ra().subject().to_string()));
}

#[test]
fn a_relayed_certificate_that_nobody_fetches_is_revoked() {
    let mut office = Office::prepared();
    office.configure(hasty);
    // Two seconds more than what our own way to the CA may take.
    std::fs::create_dir_all(office.path("ca")).unwrap();
    std::fs::write(office.path("ca/ca.json"), r#"{"confirm_wait_seconds": 32}"#).unwrap();
    office.start_authority();
    office.start();
    office.mischief(r#"{"bodies": ["ir"], "delay_ms": 1200}"#);
    let (_, exchange) = asked(&office, "nested", &mut Request::explicit(NAME));
    assert!(matches!(exchange.read(), Answer::Waiting { .. }));
    office.until("nobody came for it", || office.state() == "rejected");
    office.until("the certificate is revoked", || office.records().all_revoked());
    office.until("nothing is left to do", || {
        office.number("SELECT count(*) FROM submission WHERE state <> 'ended'") == 0
    });
}

#[test]
fn a_key_that_the_ca_is_to_make_is_asked_for_only_as_the_standard_has_it() {
    let office = Office::open_with(|settings| {
        settings.add_profile("central", |profile| {
            profile.insert("forward".into(), "nested".into());
            profile.insert("central_keys".into(), true.into());
        });
    });
    let device = Seal::device(&office);
    let ask = |seal: &Seal, path: &str, popo: Option<&Popo>| {
        let request = Request::new(NAME);
        let template =
            CertTemplateDraft { subject: Some(Name::from_text(NAME).unwrap()), ..CertTemplateDraft::default() };
        let asked = crmf::message(&crmf::request(0, &template), popo);
        office.send_to(path, &seal.finish(request.around(seal, body::ir(&asked))))
    };
    let failure = |seal: &Seal, path: &str, popo: Option<&Popo>| ask(seal, path, popo).failure();
    // RFC 9483 section 4.1.6: popo is left out; the key is encrypted for who signed; and a profile must allow it.
    assert_eq!(failure(&device, "/p/central", Some(&Popo::RaVerified)), FailureInfo::BAD_POP);
    let code = Seal::code(&office.code_for("central"));
    assert_eq!(failure(&code, "/p/central", None), FailureInfo::WRONG_INTEGRITY);
    assert_eq!(failure(&device, "/p/nested", None), FailureInfo::BAD_CERT_TEMPLATE);
    office.asked_nobody();
    // This CA makes no keys; its refusal comes down as it is.
    let exchange = ask(&device, "/p/central", None);
    assert_eq!(signer(&exchange.answer), authority(&office));
    assert_eq!(office.cases()[0]["state"], "failed");
}
