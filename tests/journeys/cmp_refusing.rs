//! Bad input over CMP: each gets the PKIFailureInfo of the RFC, protected as the request was, a leaf and a count, and
//! changes nothing (RFC 9483 sections 3.5 and 3.6).

use cmp::client::Answer;
use cmp::{FailureInfo, body};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Exchange, Office, Request, Seal, csr_for, random};

/// What a refusal leaves behind.
struct Traces {
    leaves: i64,
    counted: f64,
}

fn traces(office: &Office) -> Traces {
    let counters = [("ra_requests_refused", "cmp"), ("ra_authentication_failures", "cmp"), ("ra_cases", "refused")];
    Traces {
        leaves: office.all_leaves(),
        counted: counters.iter().map(|(name, label)| office.metric(name, label)).sum(),
    }
}

/// Sends a bad message: how it is answered.
fn refused(office: &Office, octets: &[u8], failure: FailureInfo) -> Exchange {
    let before = traces(office);
    let exchange = office.send(octets);
    assert_eq!(exchange.failure(), failure, "{:?}", exchange.answer.body());
    let after = traces(office);
    assert!(after.leaves > before.leaves, "{failure} leaves no leaf");
    assert!(after.counted > before.counted, "{failure} is not counted");
    let header = exchange.answer.header();
    assert_eq!(header.transaction_id, exchange.sent.header().transaction_id);
    assert_eq!(header.recip_nonce, exchange.sent.header().sender_nonce);
    exchange
}

fn nothing_happened(office: &Office) {
    assert_eq!(office.records().count(Kind::Received), 0);
    assert_eq!(office.number("SELECT count(*) FROM submission"), 0);
    assert_eq!(office.number("SELECT count(*) FROM certificate"), 0);
}

#[test]
fn what_is_no_message_is_bad_data_format() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let good = seal.finish(Request::new("CN=pump.plant.example").draft(&seal));
    let mut broken = good.clone();
    let last = broken.len() / 2;
    broken.truncate(last);
    for octets in [b"junk".as_slice(), b"", b"\x30\x00", &broken, &[0x30; 3000]] {
        let before = traces(&office);
        let answer = office.cmp_post("", octets);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let message = cmp::Message::parse(&answer.body, &cmp::Limits::default())
            .unwrap_or_else(|fault| panic!("{}", fault.fault));
        let Answer::Error(error) = cmp::client::read(&message).unwrap() else { panic!("{:?}", message.body()) };
        assert_eq!(error.status.failure, Some(FailureInfo::BAD_DATA_FORMAT));
        let after = traces(&office);
        assert!(after.leaves > before.leaves && after.counted > before.counted);
    }
    nothing_happened(&office);
}

#[test]
fn http_around_a_message_is_checked() {
    let office = Office::open();
    let port = office.ports.http();
    assert_eq!(office.get(port, "/.well-known/cmp").status, 405);
    assert_eq!(office.post(port, "/.well-known/cmp", "application/json", b"{}").status, 415);
    assert_eq!(office.post(port, "/.well-known/cmp", "application/pkixcmp", &vec![0x30; 70_000]).status, 413);
    assert_eq!(office.cmp_post("/nooperation", b"").status, 404);
    assert_eq!(office.post(port, "/somewhere", "application/pkixcmp", b"").status, 404);
    nothing_happened(&office);
}

#[test]
fn wrong_protection_is_bad_message_check() {
    let office = Office::open();
    let code = office.one_time_code();
    let right = Seal::code(&code);
    let request = Request::new("CN=pump.plant.example");
    for seal in [Seal::secret(&code.reference, "wrong"), Seal::secret("nobody", &code.secret), Seal::None] {
        refused(&office, &seal.finish(request.draft(&seal)), FailureInfo::BAD_MESSAGE_CHECK);
    }
    // A bit of the protection is turned.
    let mut octets = right.finish(request.draft(&right));
    *octets.last_mut().unwrap() ^= 1;
    refused(&office, &octets, FailureInfo::BAD_MESSAGE_CHECK);
    // Another key than the certificate's signs.
    let device = std::fs::read(office.pki("device.pem")).unwrap();
    let device = certs::Certificate::parse_pem(&device).unwrap().remove(0);
    let stranger = Seal::of(&device, SoftwareSigner::generate(KeyChoice::P256).unwrap());
    refused(&office, &stranger.finish(request.draft(&stranger)), FailureInfo::BAD_MESSAGE_CHECK);
    nothing_happened(&office);
    assert_eq!(office.case_count(), 0);
    office.ask(&right, &request).issued();
}

#[test]
fn a_certificate_that_nobody_here_trusts_is_signer_not_trusted() {
    let office = Office::open();
    let key = office.key("stranger");
    let file = office.path("stranger.pem");
    super::office::openssl(&[
        "req",
        "-x509",
        "-config",
        "/dev/null",
        "-key",
        key.0.to_str().unwrap(),
        "-subj",
        "/CN=stranger",
        "-days",
        "9",
        "-addext",
        "keyUsage=digitalSignature",
        "-addext",
        "subjectKeyIdentifier=hash",
        "-out",
        file.to_str().unwrap(),
    ]);
    let certificate = certs::Certificate::parse_pem(&std::fs::read(&file).unwrap()).unwrap().remove(0);
    let seal = Seal::of(&certificate, SoftwareSigner::load(&key.0).unwrap());
    let octets = seal.finish(Request::new("CN=pump.plant.example").draft(&seal));
    refused(&office, &octets, FailureInfo::SIGNER_NOT_TRUSTED);
    nothing_happened(&office);
    assert_eq!(office.case_count(), 0);
}

#[test]
fn a_key_that_its_holder_did_not_sign_with_is_bad_pop() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let request = Request { wrong_proof: true, ..Request::new("CN=pump.plant.example") };
    let exchange = refused(&office, &seal.finish(request.draft(&seal)), FailureInfo::BAD_POP);
    assert!(matches!(exchange.read(), Answer::Rejected(_)), "cmp.md 1.2b: an ip with status rejection");
    assert!(exchange.is_protected(&office, &seal));
    // In a p10cr: a signature that is not the key's.
    let key = office.key("pump");
    let csr = csr_for(&key, "/CN=pump.plant.example", &[]);
    let mut der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, csr).unwrap();
    *der.last_mut().unwrap() ^= 1;
    let request = Request::new("CN=pump.plant.example");
    let octets = seal.finish(request.around(&seal, body::p10cr(&der)));
    let exchange = refused(&office, &octets, FailureInfo::BAD_POP);
    assert!(matches!(exchange.read(), Answer::Rejected(_)));
    nothing_happened(&office);
}

#[test]
fn nobody_but_a_registration_authority_says_that_possession_was_verified() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let request = Request::new("CN=pump.plant.example");
    let name = certs::Name::from_text(&request.subject).unwrap();
    let key = certs::Signer::public_key(&request.key).clone();
    let asked = cmp::crmf::request(0, &cmp::crmf::CertTemplateDraft::new(name, key));
    let asked = cmp::crmf::message(&asked, Some(&cmp::Popo::RaVerified));
    let exchange = office.send(&seal.finish(request.around(&seal, body::ir(&asked))));
    let failure = exchange.failure();
    assert!(
        matches!(failure, FailureInfo::NOT_AUTHORIZED | FailureInfo::BAD_POP),
        "RFC 9483 section 5.2.3.2: {failure}"
    );
    nothing_happened(&office);
}

#[test]
fn nonces_and_transactions_are_checked() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let spoilt = |change: &dyn Fn(&mut cmp::Draft)| {
        let mut draft = Request::new("CN=pump.plant.example").draft(&seal);
        change(&mut draft);
        seal.finish(draft)
    };
    refused(&office, &spoilt(&|draft| draft.sender_nonce = None), FailureInfo::BAD_SENDER_NONCE);
    refused(&office, &spoilt(&|draft| draft.sender_nonce = Some(vec![1; 15])), FailureInfo::BAD_SENDER_NONCE);
    refused(&office, &spoilt(&|draft| draft.recip_nonce = Some(random().to_vec())), FailureInfo::BAD_RECIPIENT_NONCE);
    refused(&office, &spoilt(&|draft| draft.transaction_id = None), FailureInfo::BAD_DATA_FORMAT);
    refused(&office, &spoilt(&|draft| draft.pvno = 4), FailureInfo::UNSUPPORTED_VERSION);
    refused(
        &office,
        &spoilt(&|draft| draft.message_time = Some(certs::Millis(1_000_000_000_000))),
        FailureInfo::BAD_TIME,
    );
    nothing_happened(&office);
    assert_eq!(office.case_count(), 0);
}

#[test]
fn profiles_that_do_not_fit_are_bad_request() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let named = Request { profile: Some("nobody".to_owned()), ..Request::new("CN=pump.plant.example") };
    refused(&office, &seal.finish(named.draft(&seal)), FailureInfo::BAD_REQUEST);
    let octets = seal.finish(Request::new("CN=pump.plant.example").draft(&seal));
    let before = traces(&office);
    let exchange = office.send_to("/p/nobody", &octets);
    assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST);
    assert!(traces(&office).leaves > before.leaves);
    nothing_happened(&office);
}

#[test]
fn messages_that_continue_nothing_are_answered_with_an_error() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let request = Request::explicit("CN=pump.plant.example");
    for body in [body::poll_req(&[0]), body::cert_conf(&[])] {
        let mut draft = request.around(&seal, body);
        draft.recip_nonce = Some(random().to_vec());
        draft.general_info.clear();
        // RFC 9483 section 3.5: a type of body that is not allowed in the state of the transaction.
        let exchange = refused(&office, &seal.finish(draft), FailureInfo::BAD_REQUEST);
        assert!(matches!(cmp::client::read(&exchange.answer), Ok(Answer::Error(_))), "cmp.md 1.2b");
        assert!(exchange.is_protected(&office, &seal));
    }
    nothing_happened(&office);
}

#[test]
fn what_is_not_offered_is_an_error_in_kind() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let request = Request::explicit("CN=pump.plant.example");
    for body in [body::genm(&[]), body::pki_conf()] {
        let exchange = office.send(&seal.finish(request.around(&seal, body)));
        assert!(
            matches!(cmp::client::read(&exchange.answer).unwrap(), Answer::Error(_)),
            "{:?}",
            exchange.answer.body()
        );
    }
    nothing_happened(&office);
}

#[test]
fn a_certificate_that_is_not_ones_own_is_neither_updated_nor_revoked() {
    let office = Office::open();
    let code = office.code();
    let mine = office.ask(&Seal::code(&code), &Request::new("CN=mine.plant.example"));
    let other_request = Request::new("CN=other.plant.example");
    let other = office.ask(&Seal::code(&code), &other_request).issued().certificate;
    let other = Seal::of(&other, other_request.key);
    let victim = mine.issued().certificate;
    let details = cmp::RevDetails::compose_for(&victim, Some(1));
    let request = Request::explicit("CN=other.plant.example");
    let exchange = office.send(&other.finish(request.around(&other, body::rr(&details))));
    let failure = exchange.failure();
    assert!(matches!(failure, FailureInfo::NOT_AUTHORIZED | FailureInfo::BAD_CERT_ID), "{failure}");
    let exchange = office.send(
        &Seal::device(&office).finish(Request::explicit("CN=x").around(&Seal::device(&office), body::rr(&details))),
    );
    exchange.failure();
    // A kur that names somebody else's certificate.
    let mut update = Request::explicit("CN=mine.plant.example");
    update.transaction = random();
    let name = certs::Name::from_text(&update.subject).unwrap();
    let template = cmp::crmf::CertTemplateDraft::new(name, certs::Signer::public_key(&update.key).clone());
    let control = cmp::Control::old_cert_id(victim.issuer(), victim.serial());
    let asked = cmp::crmf::request_with(0, &template, &[control]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asked = runtime.block_on(cmp::crmf::sign(&asked, &update.key)).unwrap();
    let exchange = office.send(&other.finish(update.around(&other, body::kur(&asked))));
    assert_eq!(exchange.failure(), FailureInfo::BAD_CERT_ID, "RFC 9483 section 4.1.3");
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (2, 0));
}
