//! What a requester may ask besides certificates, by genm (RFC 9483 sections 4.3 and 5.1.4), and how it is let wait (section 4.4).

use certs::{AltName, Certificate, Crl, Millis, Name};
use cmp::client::{self, Answer};
use cmp::support::{CrlSource, CrlStatus, KeySpec, Question, Reply};
use cmp::{Body, FailureInfo, InfoTypeAndValue, Limits, oid};
use demo_ca::Kind;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::office::{Exchange, Office, Request, Seal, random, text};

const NAME: &str = "CN=pump.plant.example";

fn genm(seal: &Seal, infos: &[InfoTypeAndValue]) -> Vec<u8> {
    seal.finish(Request::explicit(NAME).around(seal, cmp::body::genm(infos)))
}

fn question(seal: &Seal, question: &Question) -> Vec<u8> {
    genm(seal, &[question.encode()])
}

/// Asks, and reads the genp.
fn told(office: &Office, seal: &Seal, asked: &Question) -> Reply {
    let exchange = office.send(&question(seal, asked));
    answered(office, seal, &exchange, asked)
}

fn answered(office: &Office, seal: &Seal, exchange: &Exchange, asked: &Question) -> Reply {
    belongs(office, seal, exchange);
    client::read_reply(asked, &exchange.answer).unwrap_or_else(|fault| panic!("{fault}: {:?}", exchange.answer.body()))
}

/// The answer has the transactionID and the nonce of what it answers, and is protected in kind.
fn belongs(office: &Office, seal: &Seal, exchange: &Exchange) {
    let (sent, answer) = (exchange.sent.header(), exchange.answer.header());
    assert_eq!(answer.transaction_id, sent.transaction_id);
    assert_eq!(answer.recip_nonce, sent.sender_nonce);
    assert!(exchange.is_protected(office, seal));
}

/// RFC 9483 section 3.6.2: all faults of a genm are an error message.
fn refused(office: &Office, seal: &Seal, octets: &[u8], failure: FailureInfo) {
    let exchange = office.send(octets);
    assert_eq!(exchange.failure(), failure, "{:?}", exchange.answer.body());
    assert!(matches!(client::read(&exchange.answer), Ok(Answer::Error(_))));
    belongs(office, seal, &exchange);
}

fn certificate(office: &Office, name: &str) -> Certificate {
    Certificate::parse_pem(&super::office::read(&office.pki(name))).unwrap().remove(0)
}

fn issuer(name: &Name) -> CrlSource {
    CrlSource::Issuer(vec![AltName::DirectoryName(name.clone())])
}

fn asks(source: CrlSource, this_update: Option<Millis>) -> Question {
    Question::CrlStatus(CrlStatus { source, this_update })
}

/// How many messages of this kind reached the CA and were answered.
fn genms(office: &Office) -> usize {
    office
        .records()
        .of(Kind::Answered)
        .iter()
        .filter(|record| record.body == "genm" || record.body == "pollReq")
        .count()
}

#[test]
fn ca_certificates_are_told_without_their_root() {
    let office = Office::open();
    let issuing = certificate(&office, "issuing.pem").der().to_vec();
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let Reply::CaCerts(all) = told(&office, &seal, &Question::CaCerts) else { panic!("no caCerts") };
        assert_eq!(all, std::slice::from_ref(&issuing));
        let exchange = office.send_to("/getcacerts", &question(&seal, &Question::CaCerts));
        answered(&office, &seal, &exchange, &Question::CaCerts);
    }
    assert_eq!(office.case_count(), 0, "it is no case");
    assert_eq!(genms(&office), 0, "the CA needs not be asked");
}

#[test]
fn openssl_asks_for_ca_certificates() {
    let office = Office::open();
    let by = Office::by_code(&office.code());
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let output = office.openssl_cmp(&[&by[..], &["-cmd", "genm", "-infotype", "caCerts"]].concat());
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("caCerts"), "{}", text(&output));
    assert!(office.leaves("request_received") >= 1);
}

#[test]
fn a_value_where_none_belongs_and_more_than_one_question_are_bad_request() {
    let office = Office::open();
    let null = || Some(vec![5, 0]);
    for seal in [Seal::code(&office.code()), Seal::device(&office)] {
        let value = |oid| InfoTypeAndValue { oid, value: null() };
        let plain = |oid| InfoTypeAndValue { oid, value: None };
        let bad = FailureInfo::BAD_REQUEST;
        for oid in [oid::CA_CERTS, oid::CERT_REQ_TEMPLATE, oid::CURRENT_CRL] {
            refused(&office, &seal, &genm(&seal, &[value(oid)]), bad);
        }
        refused(&office, &seal, &genm(&seal, &[plain(oid::CA_CERTS), plain(oid::CERT_REQ_TEMPLATE)]), bad);
        refused(&office, &seal, &genm(&seal, &[]), bad);
        // crlStatusList: exactly one entry.
        refused(&office, &seal, &genm(&seal, &[plain(oid::CRL_STATUS_LIST)]), bad);
        let one = asks(issuer(&Name::from_text(NAME).unwrap()), None).encode().value.unwrap();
        let two = [&[0x30, u8::try_from(2 * (one.len() - 2)).unwrap()], &one[2..], &one[2..]].concat();
        let two = InfoTypeAndValue { oid: oid::CRL_STATUS_LIST, value: Some(two) };
        refused(&office, &seal, &genm(&seal, &[two]), bad);
        let nobody = asks(CrlSource::Issuer(vec![AltName::Dns("ca.example".to_owned())]), None);
        refused(&office, &seal, &question(&seal, &nobody), bad);
        refused(&office, &seal, &genm(&seal, &[value(oid::ROOT_CA_CERT)]), FailureInfo::BAD_DATA_FORMAT);
    }
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn what_is_not_known_is_told_to_be_unsupported() {
    let office = Office::open();
    let seal = Seal::device(&office);
    for oid in [oid::SIGN_KEY_PAIR_TYPES, oid::KEM_CIPHERTEXT_INFO] {
        let exchange = office.send(&genm(&seal, &[InfoTypeAndValue { oid, value: None }]));
        belongs(&office, &seal, &exchange);
        let Body::Genp(infos) = exchange.answer.body() else { panic!("{:?}", exchange.answer.body()) };
        let Ok(Reply::UnsupportedOids(all)) = Reply::read(&infos[0], &Limits::default()) else { panic!("{infos:?}") };
        assert_eq!(all, [oid], "RFC 9810 section 5.3.19.7");
    }
}

#[test]
fn the_template_is_that_of_the_profile() {
    let office = Office::open_with(|settings| {
        settings.add_profile("annex", |profile| {
            profile.insert("key".into(), toml::Value::Table("kinds = [\"P-384\"]".parse().unwrap()));
            profile.insert("extended_key_usage".into(), vec!["1.3.6.1.5.5.7.3.2"].into());
        });
    });
    let seal = Seal::device(&office);
    let Reply::CertReqTemplate(Some(template)) = told(&office, &seal, &Question::CertReqTemplate) else {
        panic!("none")
    };
    assert!(template.template.public_key_der.is_none(), "RFC 9483 section 4.3.3: MUST be absent");
    assert!(template.template.subject.is_some());
    assert!(template.key_spec.contains(&KeySpec::RsaKeyLength(3072)));
    let of = |path: &str, profile: Option<&str>| {
        let request = Request { profile: profile.map(str::to_owned), ..Request::explicit(NAME) };
        let body = cmp::body::genm(&[Question::CertReqTemplate.encode()]);
        let exchange = office.send_to(path, &seal.finish(request.around(&seal, body)));
        let Reply::CertReqTemplate(Some(template)) = answered(&office, &seal, &exchange, &Question::CertReqTemplate)
        else {
            panic!("none")
        };
        template
    };
    // The path names the profile, or certProfile does.
    for template in [of("/p/annex/getcertreqtemplate", None), of("", Some("annex")), of("/p/annex", Some("annex"))] {
        assert_eq!(template.key_spec.len(), 1);
        assert!(matches!(template.key_spec[0], KeySpec::Algorithm(_)));
        assert_eq!(template.template.extended_key_usages().unwrap(), Some(vec![certs::oid::CLIENT_AUTH]));
    }
    // Another profile than the path's.
    let request = Request { profile: Some("annex".to_owned()), ..Request::explicit(NAME) };
    let body = cmp::body::genm(&[Question::CertReqTemplate.encode()]);
    let exchange = office.send_to("/p/default", &seal.finish(request.around(&seal, body)));
    assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST);
}

#[test]
fn a_crl_is_fetched_from_the_ca_and_only_a_newer_one_is_told() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let ca = certificate(&office, "issuing.pem");
    let Reply::Crls(crls) = told(&office, &seal, &asks(issuer(ca.subject()), None)) else { panic!("no crls") };
    let [crl] = crls.as_slice() else { panic!("{} CRLs", crls.len()) };
    let crl = Crl::parse(crl).unwrap();
    crl.verify(ca.public_key()).unwrap();
    let made = crl.this_update();
    // RFC 9483 section 4.3.4: only if it "is more recent than the given thisUpdate time".
    for (known, there) in [(made.plus(-1000), true), (made, false), (made.plus(1000), false)] {
        let Reply::Crls(crls) = told(&office, &seal, &asks(issuer(ca.subject()), Some(known))) else { panic!("none") };
        assert_eq!(!crls.is_empty(), there, "{known:?}");
    }
    let Reply::CurrentCrl(current) = told(&office, &seal, &Question::CurrentCrl) else { panic!("no CRL") };
    assert_eq!(current, crl.der());
    assert_eq!(genms(&office), 1, "RFC 9483 section 5.1.4: what was told is kept for a while");
    // Nobody here has the CRL of a stranger.
    let stranger = asks(issuer(&Name::from_text("CN=stranger").unwrap()), None);
    assert!(matches!(told(&office, &seal, &stranger), Reply::Crls(crls) if crls.is_empty()));
    // A distribution point is a pointer, which only the CA understands.
    let point = |uri: &str| asks(CrlSource::DistributionPoint(vec![AltName::Uri(uri.to_owned())]), None);
    let elsewhere = point("http://127.0.0.1:1/never-fetched.crl");
    assert!(matches!(told(&office, &seal, &elsewhere), Reply::Crls(crls) if crls.is_empty()));
    assert_eq!(office.case_count(), 0);
}

#[test]
fn a_revocation_shows_in_the_next_crl() {
    let office = Office::open_with(|settings| settings.set("registrar", "information_seconds", 0));
    let seal = Seal::device(&office);
    let request = Request::new(NAME);
    let issued = office.ask(&seal, &request).issued().certificate;
    let own = Seal::of(&issued, request.key);
    let serials = |seal: &Seal| {
        let Reply::CurrentCrl(der) = told(&office, seal, &Question::CurrentCrl) else { panic!("no CRL") };
        Crl::parse(&der).unwrap().len()
    };
    assert_eq!(serials(&seal), 0);
    let details = cmp::RevDetails::compose_for(&issued, Some(1));
    let revoked = office.send(&own.finish(Request::explicit(NAME).around(&own, cmp::body::rr(&details))));
    assert!(matches!(revoked.read(), Answer::Revoked));
    assert_eq!(serials(&seal), 1, "information_seconds = 0: the CA is asked each time");
    // Whose certificate is revoked asks nothing new.
    refused(&office, &own, &question(&own, &Question::CaCerts), FailureInfo::SIGNER_NOT_TRUSTED);
}

#[test]
fn the_root_has_a_successor_that_the_old_one_vouches_for() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let root = certificate(&office, "root.pem");
    for asked in [None, Some(root.der().to_vec())] {
        let asked = Question::RootCaCert(asked);
        let Reply::RootCaKeyUpdate(Some(update)) = told(&office, &seal, &asked) else { panic!("no update") };
        let new = Certificate::parse(&update.new_with_new).unwrap();
        new.verify_signature(new.public_key()).unwrap();
        let bridge = Certificate::parse(&update.new_with_old.unwrap()).unwrap();
        bridge.verify_signature(root.public_key()).unwrap();
        assert_eq!(bridge.public_key(), new.public_key());
        let way_back = Certificate::parse(&update.old_with_new.unwrap()).unwrap();
        way_back.verify_signature(new.public_key()).unwrap();
        assert_eq!(way_back.public_key(), root.public_key());
    }
    // Nothing follows what is no root of this CA: RFC 9483 section 4.3.2, MUST be absent.
    let issuing = certificate(&office, "issuing.pem");
    let asked = Question::RootCaCert(Some(issuing.der().to_vec()));
    assert!(matches!(told(&office, &seal, &asked), Reply::RootCaKeyUpdate(None)));
}

#[test]
fn when_the_ca_is_away_the_system_is_unavailable() {
    let mut office = Office::open();
    let seal = Seal::device(&office);
    office.stop_authority();
    let octets = question(&seal, &Question::CurrentCrl);
    refused(&office, &seal, &octets, FailureInfo::SYSTEM_UNAVAIL);
    // What the house knows itself needs no CA.
    assert!(matches!(told(&office, &seal, &Question::CaCerts), Reply::CaCerts(_)));
    office.start_authority();
    assert!(matches!(told(&office, &seal, &Question::CurrentCrl), Reply::CurrentCrl(_)));
    // The same bytes have the same answer.
    let again = office.send(&octets);
    assert_eq!(again.failure(), FailureInfo::SYSTEM_UNAVAIL);
}

#[test]
fn an_answer_that_is_not_the_cas_own_is_not_told() {
    for (mischief, failure) in [
        ("\"wrong_key\": true", FailureInfo::SYSTEM_FAILURE),
        ("\"unprotected\": true", FailureInfo::SYSTEM_FAILURE),
        ("\"wrong_transaction\": true", FailureInfo::SYSTEM_FAILURE),
        ("\"wrong_nonce\": true", FailureInfo::SYSTEM_FAILURE),
        // RFC 9483 section 6.1.
        ("\"http_status\": 500", FailureInfo::SYSTEM_FAILURE),
        ("\"ignore\": true", FailureInfo::SYSTEM_UNAVAIL),
        ("\"refuse\": { \"failure\": \"badRequest\", \"text\": \"no\" }", FailureInfo::ADD_INFO_NOT_AVAILABLE),
        ("\"refuse\": { \"failure\": \"systemUnavail\", \"text\": \"later\" }", FailureInfo::SYSTEM_UNAVAIL),
    ] {
        let office = Office::open();
        let seal = Seal::device(&office);
        office.mischief(&format!("{{ \"bodies\": [\"genm\"], {mischief} }}"));
        refused(&office, &seal, &question(&seal, &Question::CurrentCrl), failure);
        // It is not kept: the next one gets the truth.
        assert!(matches!(told(&office, &seal, &Question::CurrentCrl), Reply::CurrentCrl(_)), "{mischief}");
    }
}

#[test]
fn many_ask_and_the_ca_is_asked_once() {
    let office = Office::open();
    office.mischief(r#"{ "bodies": ["genm"], "delay_ms": 1000 }"#);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let seal = Seal::device(&office);
            let office = &office;
            scope.spawn(move || assert!(matches!(told(office, &seal, &Question::CurrentCrl), Reply::CurrentCrl(_))));
        }
    });
    assert_eq!(genms(&office), 1);
}

#[test]
fn the_same_question_at_the_same_time_has_one_answer() {
    let office = Office::open();
    let octets = question(&Seal::device(&office), &Question::CurrentCrl);
    office.mischief(r#"{ "bodies": ["genm"], "delay_ms": 1000 }"#);
    let answers: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..4).map(|_| scope.spawn(|| office.send(&octets).answer.der().to_vec())).collect();
        sent.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "byte for byte");
    assert_eq!(office.number("SELECT count(*) FROM exchange"), 1);
}

#[test]
fn a_code_that_is_spent_asks_nothing_more() {
    let office = Office::open();
    let seal = Seal::code(&office.one_time_code());
    // What to ask for may be asked before, and does not spend it.
    for _ in 0..2 {
        assert!(matches!(told(&office, &seal, &Question::CertReqTemplate), Reply::CertReqTemplate(Some(_))));
    }
    office.ask(&seal, &Request::new(NAME)).issued();
    refused(&office, &seal, &question(&seal, &Question::CertReqTemplate), FailureInfo::BAD_MESSAGE_CHECK);
}

#[test]
fn the_header_and_the_protection_of_a_genm_are_checked() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let octets = |change: &dyn Fn(&mut cmp::Draft)| {
        let body = cmp::body::genm(&[Question::CaCerts.encode()]);
        let mut draft = Request::explicit(NAME).around(&seal, body);
        change(&mut draft);
        seal.finish(draft)
    };
    let failure = |octets: &[u8]| {
        let exchange = office.send(octets);
        assert!(matches!(client::read(&exchange.answer), Ok(Answer::Error(_))));
        assert_eq!(exchange.answer.header().transaction_id, exchange.sent.header().transaction_id);
        assert_eq!(exchange.answer.header().recip_nonce, exchange.sent.header().sender_nonce);
        exchange.failure()
    };
    let recipient = octets(&|draft| draft.recip_nonce = Some(random().to_vec()));
    assert_eq!(failure(&recipient), FailureInfo::BAD_RECIPIENT_NONCE);
    assert_eq!(failure(&octets(&|draft| draft.sender_nonce = None)), FailureInfo::BAD_SENDER_NONCE);
    let early = octets(&|draft| draft.message_time = Some(Millis(1_000_000_000_000)));
    assert_eq!(failure(&early), FailureInfo::BAD_TIME);
    let other = Seal::of(&certificate(&office, "device.pem"), SoftwareSigner::generate(KeyChoice::P256).unwrap());
    assert_eq!(failure(&question(&other, &Question::CaCerts)), FailureInfo::BAD_MESSAGE_CHECK);
    let stranger = Seal::secret("nobody", "wrong");
    assert_eq!(failure(&question(&stranger, &Question::CaCerts)), FailureInfo::BAD_MESSAGE_CHECK);
    // A transactionID is used once (RFC 9483 section 5.1).
    let transaction = random().to_vec();
    let same = |nonce: [u8; 16]| {
        octets(&|draft| {
            draft.transaction_id = Some(transaction.clone());
            draft.sender_nonce = Some(nonce.to_vec());
        })
    };
    assert!(matches!(office.send(&same(random())).read(), Answer::Support(_)));
    refused(&office, &seal, &same(random()), FailureInfo::TRANSACTION_ID_IN_USE);
}
