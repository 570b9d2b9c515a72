//! Messages that come twice, and transactions that are used twice (RFC 9483 section 5.1, DESIGN rule 2).

use cmp::FailureInfo;
use demo_ca::Kind;

use super::office::{Office, Request, Seal};

#[test]
fn the_same_bytes_get_the_same_answer() {
    let office = Office::open();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let before = office.records().count(Kind::Issued);
        let request = Request::explicit("CN=pump.plant.example");
        let first = office.ask(&seal, &request);
        let again = office.send(first.sent.der());
        assert_eq!(first.answer.der(), again.answer.der());
        let confirm = first.confirm(&seal, None);
        let confirmed = office.send(&confirm);
        assert!(matches!(confirmed.read(), cmp::client::Answer::Confirmed));
        assert_eq!(confirmed.answer.der(), office.send(&confirm).answer.der());
        // After the end, too: the requester may not have got the last answer.
        assert_eq!(first.answer.der(), office.send(first.sent.der()).answer.der());
        assert_eq!(office.records().count(Kind::Issued), before + 1);
    }
    assert_eq!(office.records().count(Kind::Confirmed), 2);
}

#[test]
fn the_same_bytes_at_the_same_time_are_one_request() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"delay_ms": 500}"#);
    let octets = seal.finish(Request::new("CN=pump.plant.example").draft(&seal));
    let answers: Vec<cmp::Message> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(|| office.send(&octets).answer)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    for answer in &answers {
        assert!(matches!(cmp::client::read(answer), Ok(cmp::client::Answer::Issued(_))), "{:?}", answer.body());
        assert_eq!(answer.der(), answers[0].der());
    }
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn the_same_bytes_get_the_same_answer_after_a_restart() {
    let mut office = Office::open();
    let seal = Seal::code(&office.code());
    let first = office.ask(&seal, &Request::new("CN=pump.plant.example"));
    office.kill();
    office.start();
    assert_eq!(first.answer.der(), office.send(first.sent.der()).answer.der());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_transaction_is_used_for_one_request_only() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let request = Request::new("CN=pump.plant.example");
    let first = office.ask(&seal, &request);
    first.issued();
    let leaves = office.all_leaves();
    // A new message: other nonce, other key.
    let other = Request { transaction: request.transaction, ..Request::new("CN=valve.plant.example") };
    let second = office.ask(&seal, &other);
    assert_eq!(second.failure(), FailureInfo::TRANSACTION_ID_IN_USE);
    assert!(second.is_protected(&office, &seal));
    assert!(office.all_leaves() > leaves);
    assert_eq!(office.records().count(Kind::Issued), 1);
    // The first one is untouched by it.
    assert_eq!(first.answer.der(), office.send(first.sent.der()).answer.der());
}

#[test]
fn somebody_elses_transaction_is_out_of_reach() {
    let office = Office::open();
    let (one, two) = (Seal::code(&office.code()), Seal::code(&office.code()));
    let request = Request::explicit("CN=pump.plant.example");
    let first = office.ask(&one, &request);
    // Another credential says that it rejects the certificate: nothing happens to it.
    let foreign = office.send(&first.confirm(&two, Some("I do not like it")));
    let failure = foreign.failure();
    assert!(matches!(failure, FailureInfo::BAD_REQUEST | FailureInfo::BAD_MESSAGE_CHECK), "{failure}");
    assert_eq!(office.records().count(Kind::Revoked), 0);
    let confirmed = office.send(&first.confirm(&one, None));
    assert!(matches!(confirmed.read(), cmp::client::Answer::Confirmed));
}

#[test]
fn the_protection_stays_the_same_through_a_transaction() {
    let office = Office::open();
    let code = office.code();
    let mac = Seal::code(&code);
    let first = office.ask(&mac, &Request::explicit("CN=pump.plant.example"));
    // RFC 9483 section 3.5: certConf under another kind of protection than the request.
    let other = office.send(&first.confirm(&Seal::device(&office), None));
    let failure = other.failure();
    assert!(
        matches!(failure, FailureInfo::WRONG_INTEGRITY | FailureInfo::BAD_REQUEST | FailureInfo::BAD_MESSAGE_CHECK),
        "{failure}"
    );
    assert_eq!(office.records().count(Kind::Confirmed), 0);
    assert!(matches!(office.send(&first.confirm(&mac, None)).read(), cmp::client::Answer::Confirmed));
}

#[test]
fn a_holder_gets_the_answer_about_its_old_certificate_again() {
    let office = Office::open();
    let request = Request::new("CN=pump.plant.example");
    let certificate = office.ask(&Seal::code(&office.code()), &request).issued().certificate;
    let seal = Seal::of(&certificate, request.key);
    // A kur, and its bytes again when the old certificate has a successor.
    let update = Request::new("CN=pump.plant.example");
    let name = certs::Name::from_text(&update.subject).unwrap();
    let template = cmp::crmf::CertTemplateDraft::new(name, certs::Signer::public_key(&update.key).clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asked = runtime.block_on(cmp::crmf::sign(&cmp::crmf::request(0, &template), &update.key)).unwrap();
    let updated = office.send(&seal.finish(update.around(&seal, cmp::body::kur(&asked))));
    let newer = updated.issued().certificate;
    assert_eq!(office.send(updated.sent.der()).answer.der(), updated.answer.der());
    // A revocation, and its bytes again when the certificate is revoked.
    let seal = Seal::of(&newer, update.key);
    let details = cmp::RevDetails::compose_for(&newer, Some(5));
    let ending = Request::explicit("CN=pump.plant.example");
    let revoked = office.send(&seal.finish(ending.around(&seal, cmp::body::rr(&details))));
    assert!(matches!(revoked.read(), cmp::client::Answer::Revoked), "{:?}", revoked.answer.body());
    assert_eq!(office.send(revoked.sent.der()).answer.der(), revoked.answer.der());
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (2, 1));
}
