//! What a profile chooses about its messages, each seen to make a difference (docs/configuration.md, `[profile.NAME.cmp]`).

use certs::{CrlDraft, Millis, Revoked};
use cmp::client::Answer;
use cmp::{BodyKind, FailureInfo, Limits, MacKey, body};
use demo_ca::Kind;
use demo_ca::signer::SoftwareSigner;

use super::office::{Exchange, Office, Request, Seal, Settings, text};
use super::software_key::now;

const SUBJECT: &str = "CN=pump.plant.example";

/// Adds a profile whose messages differ in some settings.
fn with_messages(settings: &mut Settings, name: &str, changes: &[(&str, toml::Value)]) {
    settings.add_profile(name, |profile| {
        for (key, value) in changes {
            profile["cmp"].as_table_mut().unwrap().insert((*key).to_owned(), value.clone());
        }
    });
}

/// Nobody waits for the CA: the answer is fetched.
fn at_once(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.0);
}

/// An error message, not a rejection (RFC 9483 section 3.6.2), that leaves nothing behind.
pub(super) fn error(exchange: &Exchange, failure: FailureInfo) {
    assert!(matches!(exchange.read(), Answer::Error(_)), "{:?}", exchange.answer.body());
    assert_eq!(exchange.failure(), failure, "{:?}", exchange.answer.body());
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

/// PBMAC1 with HMAC-SHA256 throughout (RFC 9481 section 6.1.2).
fn pbmac1(reference: &str, secret: &str, salt: u8, iterations: u32) -> Seal {
    let hmac = sequence(&[&[0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09]]);
    let (pbkdf2, pbmac1) = (
        [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c],
        [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e],
    );
    let salt = [&[0x04, 16][..], &[salt; 16]].concat();
    let count = [&[0x02, 4][..], &iterations.to_be_bytes()].concat();
    // DER leaves out zeroes at the beginning; these counts have one, or more than 2^23 iterations would be asked for.
    let count = [&[0x02, 3][..], &count[3..]].concat();
    let kdf = sequence(&[&pbkdf2, &sequence(&[&salt, &count, &hmac])]);
    let algorithm = sequence(&[&pbmac1, &sequence(&[&kdf, &hmac])]);
    let limits = Limits { pbmac1_iterations: u32::MAX, ..Limits::default() };
    Seal::Mac(MacKey::from_algorithm(&algorithm, reference.as_bytes(), secret.as_bytes(), &limits).unwrap())
}

pub(super) fn pbm(reference: &str, secret: &str, iterations: u32) -> Seal {
    Seal::Mac(MacKey::from_secret(secret.as_bytes(), [7; 16], iterations, reference.as_bytes()))
}

#[test]
fn hmac_sha1_is_taken_unless_the_profile_refuses_it() {
    let office = Office::open_with(|settings| with_messages(settings, "strict-mac", &[("mac_sha1", false.into())]));
    let ask = |profile: &str, words: &[&str]| {
        let by = Office::by_code(&office.code_for(profile));
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        office.key("new");
        let words =
            [words, &["-cmd", "ir", "-newkey", "new.key", "-subject", "/CN=pump", "-certout", "got.pem"]].concat();
        office.openssl_cmp_at(&format!("/p/{profile}"), &[&by[..], &words].concat())
    };
    assert!(ask("default", &[]).status.success(), "what openssl cmp sends by default is HMAC-SHA1");
    let refused = ask("strict-mac", &[]);
    assert!(!refused.status.success() && text(&refused).contains("badAlg"), "{}", text(&refused));
    let better = ask("strict-mac", &["-mac", "hmacWithSHA256"]);
    assert!(better.status.success(), "{}", text(&better));
}

#[test]
fn iterations_have_the_caps_of_the_profile() {
    let office = Office::open_with(|settings| {
        with_messages(settings, "few", &[("pbm_iterations", 500.into()), ("pbmac1_iterations", 70_000.into())]);
    });
    let (code, few) = (office.code(), office.code_for("few"));
    let asked = |path: &str, seal: &Seal| office.send_to(path, &seal.finish(Request::new(SUBJECT).draft(seal)));
    asked("", &pbm(&code.reference, &code.secret, 10_000)).issued();
    error(&asked("", &pbm(&code.reference, &code.secret, 10_001)), FailureInfo::BAD_ALG);
    asked("", &pbmac1(&code.reference, &code.secret, 1, 100_000)).issued();
    error(&asked("", &pbmac1(&code.reference, &code.secret, 1, 100_001)), FailureInfo::BAD_ALG);
    asked("/p/few", &pbm(&few.reference, &few.secret, 500)).issued();
    error(&asked("/p/few", &pbm(&few.reference, &few.secret, 501)), FailureInfo::BAD_ALG);
    asked("/p/few", &pbmac1(&few.reference, &few.secret, 1, 70_000)).issued();
    error(&asked("/p/few", &pbmac1(&few.reference, &few.secret, 1, 70_001)), FailureInfo::BAD_ALG);
}

#[test]
fn the_profile_that_a_message_names_sets_the_caps() {
    let office = Office::open_with(|settings| {
        with_messages(settings, "few", &[("pbm_iterations", 500.into()), ("confirm_seconds", 77.into())]);
        with_messages(settings, "many", &[("pbm_iterations", 20_000.into())]);
    });
    let asked = |profile: &str, iterations: u32| {
        let code = office.code_for(profile);
        let seal = pbm(&code.reference, &code.secret, iterations);
        let request = Request { profile: Some(profile.to_owned()), ..Request::explicit(SUBJECT) };
        let exchange = office.ask(&seal, &request);
        (exchange, seal)
    };
    error(&asked("few", 501).0, FailureInfo::BAD_ALG);
    asked("few", 500).0.issued();
    let (exchange, seal) = asked("many", 20_000);
    exchange.issued();
    // The certConf names no profile: it is its transaction's.
    assert!(matches!(office.send(&exchange.confirm(&seal, None)).read(), Answer::Confirmed));
}

#[test]
fn a_later_message_without_its_certificate_finds_the_profile_of_its_transaction() {
    let office = Office::open_with(|settings| {
        settings.add_profile("makers", |_| ());
        // Nobody but the holder of a code is known to the default profile.
        settings.default_profile().insert("enrol_with".into(), toml::Value::Array(vec!["code".into()]));
        settings.default_profile()["subject"]["names"].as_table_mut().unwrap().remove("manufacturer");
    });
    let device = Seal::device(&office);
    let request = Request { profile: Some("makers".to_owned()), ..Request::explicit(SUBJECT) };
    let exchange = office.ask(&device, &request);
    exchange.issued();
    let confirmed = office.send(&device.finish_bare(exchange.confirmation(None)));
    assert!(matches!(confirmed.read(), Answer::Confirmed), "{:?}", confirmed.answer.body());
}

#[test]
fn key_derivations_have_a_budget_and_an_exchange_needs_one() {
    let office = Office::open_with(|settings| settings.set("registrar", "iterations_per_minute", 1000));
    let code = office.code();
    let seal = pbm(&code.reference, &code.secret, 9_000);
    let exchange = office.ask(&seal, &Request::explicit(SUBJECT));
    exchange.issued();
    // The budget is spent for minutes; this message's key was derived before.
    assert!(matches!(office.send(&exchange.confirm(&seal, None)).read(), Answer::Confirmed));
    // The exchange ended, and with it its key.
    let leaves = office.all_leaves();
    error(&office.ask(&seal, &Request::new(SUBJECT)), FailureInfo::SYSTEM_UNAVAIL);
    let wrong = pbm(&code.reference, "wrong", 100);
    error(&office.ask(&wrong, &Request::new(SUBJECT)), FailureInfo::SYSTEM_UNAVAIL);
    assert!(office.all_leaves() >= leaves + 2);
    // Who signs derives nothing.
    let device = Seal::device(&office);
    office.ask(&device, &Request::new(SUBJECT)).issued();
    assert_eq!(office.records().count(Kind::Issued), 2);
}

#[test]
fn the_message_time_is_held_to_the_window_of_the_profile() {
    let office = Office::open_with(|settings| {
        with_messages(settings, "wide", &[("message_time_seconds", 7200.into())]);
        with_messages(settings, "timed", &[("message_time_required", true.into())]);
    });
    let now = Office::now();
    let asked = |profile: &str, time: Option<Millis>| {
        let seal = Seal::code(&office.code_for(profile));
        let mut draft = Request::new(SUBJECT).draft(&seal);
        draft.message_time = time;
        office.send_to(&format!("/p/{profile}"), &seal.finish(draft))
    };
    let hour = 3_600_000;
    for late in [hour, -hour] {
        error(&asked("default", Some(now.plus(late))), FailureInfo::BAD_TIME);
        asked("wide", Some(now.plus(late))).issued();
    }
    error(&asked("wide", Some(now.plus(3 * hour))), FailureInfo::BAD_TIME);
    asked("default", None).issued();
    error(&asked("timed", None), FailureInfo::BAD_TIME);
    asked("timed", Some(now)).issued();
}

#[test]
fn a_profile_has_its_own_time_to_confirm() {
    let office = Office::open_with(|settings| with_messages(settings, "quick", &[("confirm_seconds", 1.into())]));
    let asked = |profile: &str| {
        let seal = Seal::code(&office.code_for(profile));
        office.send_to(&format!("/p/{profile}"), &seal.finish(Request::explicit(SUBJECT).draft(&seal))).issued()
    };
    let (slow, quick) = (asked("default"), asked("quick"));
    let [slow, quick] = [slow, quick].map(|issued| issued.confirm_wait_time.unwrap());
    assert!(slow.0 - quick.0 > 60_000, "{slow} {quick}");
    office.until("silence is rejection", || office.records().count(Kind::Revoked) == 1);
}

#[test]
fn a_profile_says_which_certificates_come_with_an_answer() {
    let office = Office::open_with(|settings| {
        for (name, certificates) in [("bare", "protection"), ("chain", "chain"), ("whole", "chain-with-root")] {
            with_messages(settings, name, &[("extra_certs", certificates.into())]);
        }
    });
    let subjects = |profile: &str, seal: &Seal| {
        let issued = office.send_to(&format!("/p/{profile}"), &seal.finish(Request::new(SUBJECT).draft(seal))).issued();
        let names = issued.extra_certs.iter().map(|der| certs::Certificate::parse(der).unwrap().subject().to_string());
        names.map(|name| name.split(',').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let name = |file: &str| {
        let pem = std::fs::read(office.pki(file)).unwrap();
        let subject = certs::Certificate::parse_pem(&pem).unwrap().remove(0).subject().to_string();
        subject.split(',').next().unwrap_or_default().to_owned()
    };
    let (ra, issuing, root) = (name("ra.pem"), name("issuing.pem"), name("root.pem"));
    let by_code = |profile: &str| subjects(profile, &Seal::code(&office.code_for(profile)));
    assert_eq!(by_code("bare"), Vec::<String>::new());
    assert_eq!(by_code("chain"), std::slice::from_ref(&issuing));
    assert_eq!(by_code("whole"), [issuing.clone(), root.clone()]);
    assert_eq!(by_code("default"), by_code("whole"), "the demo sends the whole chain");
    let signed = |profile: &str| subjects(profile, &Seal::device(&office));
    assert_eq!(signed("bare"), [ra.clone(), issuing.clone()]);
    assert_eq!(signed("chain"), [ra.clone(), issuing.clone()]);
    assert_eq!(signed("whole"), [ra, issuing, root]);
}

#[test]
fn an_ip_brings_the_root_in_ca_pubs_where_the_profile_says_so() {
    let office = Office::open_with(|settings| with_messages(settings, "anchor", &[("ca_pubs", true.into())]));
    let root = certs::Certificate::parse_pem(&std::fs::read(office.pki("root.pem")).unwrap()).unwrap().remove(0);
    let asked = |profile: &str, kind: BodyKind| {
        let seal = Seal::code(&office.code_for(profile));
        let octets = Request::new(SUBJECT).asking(&seal, kind, &[], |_| ());
        office.send_to(&format!("/p/{profile}"), &octets).issued().ca_pubs
    };
    assert_eq!(asked("anchor", BodyKind::Ir), [root.der().to_vec()]);
    // RFC 9483 section 4.1.2: "The caPubs field in the certificate response message MUST be absent."
    assert_eq!(asked("anchor", BodyKind::Cr), Vec::<Vec<u8>>::new());
    assert_eq!(asked("default", BodyKind::Ir), Vec::<Vec<u8>>::new());
    // Section 4.1.3 says the same of kup.
    let (first, seal) = (Request::new(SUBJECT), Seal::code(&office.code_for("anchor")));
    let held = office.send_to("/p/anchor", &first.asking(&seal, BodyKind::Ir, &[], |_| ())).issued().certificate;
    let update = Request::new(SUBJECT).asking(&Seal::of(&held, first.key), BodyKind::Kur, &[], |_| ());
    assert_eq!(office.send_to("/p/anchor", &update).issued().ca_pubs, Vec::<Vec<u8>>::new());
}

#[test]
fn a_profile_says_what_may_be_signed_with() {
    let office = Office::open_with(|settings| {
        settings.add_profile("rsa", |profile| {
            profile.insert("signatures".into(), toml::Value::Array(vec!["RSA".into()]));
        });
    });
    let device = Seal::device(&office);
    let request = Request::new(SUBJECT);
    error(&office.send_to("/p/rsa", &device.finish(request.draft(&device))), FailureInfo::BAD_ALG);
    let seal = Seal::code(&office.code_for("rsa"));
    let exchange = office.send_to("/p/rsa", &seal.finish(request.draft(&seal)));
    assert!(matches!(exchange.read(), Answer::Rejected(_)), "{:?}", exchange.answer.body());
    assert_eq!(exchange.failure(), FailureInfo::BAD_POP);
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn a_key_stands_in_a_second_certificate_where_the_profile_says_so() {
    let office = Office::open_with(|settings| {
        settings.add_profile("one-each", |profile| {
            profile.insert("same_key".into(), false.into());
        });
    });
    for (profile, again) in [("default", true), ("one-each", false)] {
        let seal = Seal::code(&office.code_for(profile));
        let mut request = Request::new(SUBJECT);
        let path = format!("/p/{profile}");
        office.send_to(&path, &request.asking(&seal, BodyKind::Ir, &[], |_| ())).issued();
        request.transaction = super::office::random();
        let second = office.send_to(&path, &request.asking(&seal, BodyKind::Ir, &[], |_| ()));
        match (second.read(), again) {
            (Answer::Issued(_), true) => {}
            (Answer::Rejected(status), false) => assert_eq!(status.failure, Some(FailureInfo::BAD_CERT_TEMPLATE)),
            (other, _) => panic!("{profile}: {other:?}"),
        }
    }
}

#[test]
fn a_certificate_that_is_not_as_it_was_wished_for_is_granted_with_modifications() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let now = Office::now();
    let asked = |wish: &dyn Fn(&mut cmp::crmf::CertTemplateDraft)| {
        office.send(&Request::new(SUBJECT).asking(&seal, BodyKind::Cr, &[], wish))
    };
    assert_eq!(asked(&|_| ()).issued().with_mods, None, "who leaves things open gets what he asked for");
    let until = |days: i64| asked(&|template| template.validity = Some((None, Some(now.plus(days * DAY))))).issued();
    assert_eq!(until(10).with_mods, None);
    assert!(until(200).with_mods.is_some(), "the demo CA gives no more than 90 days");
}

#[test]
fn a_modification_is_told_after_a_wait_too() {
    let office = Office::open_with(at_once);
    let seal = Seal::code(&office.code());
    let end = Office::now().plus(200 * DAY);
    office.mischief(r#"{"waiting": {"polls": 1, "check_after": 1}}"#);
    let request = Request::new(SUBJECT);
    let octets = request.asking(&seal, BodyKind::Cr, &[], |template| template.validity = Some((None, Some(end))));
    let waiting = office.send(&octets);
    let Answer::Waiting { cert_req_id } = waiting.read() else { panic!("{:?}", waiting.answer.body()) };
    let mut last = waiting;
    office.until("the certificate", || {
        let polled = office.send(&last.poll(&seal, cert_req_id));
        let done = matches!(cmp::client::read(&polled.answer), Ok(Answer::Issued(_)));
        last = polled;
        done
    });
    let Ok(Answer::Issued(issued)) = cmp::client::read(&last.answer) else { panic!("{:?}", last.answer.body()) };
    assert!(issued.with_mods.is_some());
}

/// Puts a revocation list of the demo's manufacturer where the configuration looks for it.
fn publish(office: &Office, number: u64, serials: &[&[u8]]) {
    let maker = std::fs::read(office.pki("manufacturer.pem")).unwrap();
    let maker = certs::Certificate::parse_pem(&maker).unwrap().remove(0);
    let key = SoftwareSigner::load(&office.pki("manufacturer.key")).unwrap();
    let at = Office::now().plus(-60_000);
    let draft = CrlDraft {
        issuer: maker.subject().clone(),
        authority_key_identifier: maker.subject_key_identifier().unwrap().to_vec(),
        number,
        this_update: at,
        next_update: at.plus(DAY),
        revoked: serials.iter().map(|serial| (serial.to_vec(), Revoked { at, reason: 1 })).collect(),
    };
    std::fs::write(office.path("maker.crl"), now(draft.sign(&key)).unwrap().der()).unwrap();
}

#[test]
fn revocation_lists_of_trust_anchors_are_read_again_at_a_hangup() {
    let mut office = Office::prepared();
    publish(&office, 1, &[]);
    office.configure(|settings| {
        settings.table("trust")["manufacturer"].as_table_mut().unwrap().insert("crl".into(), "maker.crl".into());
    });
    office.start_authority();
    office.start();
    let device = Seal::device(&office);
    let Seal::Signature(certificate, _) = &device else { panic!("a device has a certificate") };
    office.ask(&device, &Request::new(SUBJECT)).issued();
    publish(&office, 2, &[certificate.serial()]);
    // The path of its certificate was validated a moment ago, and until the list is read again that holds.
    office.ask(&device, &Request::new(SUBJECT)).issued();
    office.hang_up();
    office.until("the list is read", || {
        let exchange = office.ask(&device, &Request::new(SUBJECT));
        matches!(exchange.read(), Answer::Error(_)) && exchange.failure() == FailureInfo::SIGNER_NOT_TRUSTED
    });
}

#[test]
fn a_later_message_needs_not_bring_its_certificate_again() {
    let mut office = Office::open();
    let device = Seal::device(&office);
    let exchange = office.ask(&device, &Request::explicit(SUBJECT));
    exchange.issued();
    office.kill();
    office.start();
    // By another key, under the same name: not the exchange's credential, and nothing changes.
    let Seal::Signature(certificate, _) = &device else { panic!("a device has a certificate") };
    let stranger = Seal::of(certificate, SoftwareSigner::generate(demo_ca::signer::KeyChoice::P256).unwrap());
    let refused = office.send(&stranger.finish_bare(exchange.confirmation(Some("I do not like it"))));
    error(&refused, FailureInfo::BAD_MESSAGE_CHECK);
    assert_eq!(office.records().count(Kind::Revoked), 0);
    let confirmed = office.send(&device.finish_bare(exchange.confirmation(None)));
    assert!(matches!(confirmed.read(), Answer::Confirmed));
    assert!(confirmed.is_protected(&office, &device));
    assert_eq!(confirmed.answer.der(), office.send(confirmed.sent.der()).answer.der());
    assert_eq!(office.records().count(Kind::Confirmed), 1);
    // What begins a transaction brings it.
    let bare = device.finish_bare(Request::new(SUBJECT).draft(&device));
    error(&office.send(&bare), FailureInfo::BAD_MESSAGE_CHECK);
}

#[test]
fn a_poll_needs_not_bring_its_certificate_again() {
    let office = Office::open_with(at_once);
    let device = Seal::device(&office);
    office.mischief(r#"{"waiting": {"polls": 1, "check_after": 1}}"#);
    let mut last = office.ask(&device, &Request::new(SUBJECT));
    let Answer::Waiting { cert_req_id } = last.read() else { panic!("{:?}", last.answer.body()) };
    office.until("the certificate", || {
        let draft = cmp::client::poll(last.sent.header(), last.answer.header(), super::office::random(), cert_req_id);
        last = office.send(&device.finish_bare(draft));
        matches!(cmp::client::read(&last.answer), Ok(Answer::Issued(_)))
    });
}

#[test]
fn a_transaction_keeps_its_credential_and_its_kind_of_protection() {
    let office = Office::open();
    let code = office.code();
    let (mac, device) = (pbm(&code.reference, &code.secret, 500), Seal::device(&office));
    let unchanged = |exchange: &Exchange, seal: &Seal, failure: FailureInfo| {
        let before = office.records().count(Kind::Revoked);
        let mut draft = exchange.confirmation(Some("I do not like it"));
        (draft.sender, draft.sender_kid) = (seal.name(), None);
        error(&office.send(&seal.finish(draft)), failure);
        assert_eq!(office.records().count(Kind::Revoked), before);
    };
    let by_mac = office.ask(&mac, &Request::explicit(SUBJECT));
    unchanged(&by_mac, &device, FailureInfo::WRONG_INTEGRITY);
    unchanged(&by_mac, &pbmac1(&code.reference, &code.secret, 1, 70_000), FailureInfo::BAD_MESSAGE_CHECK);
    unchanged(&by_mac, &Seal::code(&office.code()), FailureInfo::BAD_MESSAGE_CHECK);
    unchanged(&by_mac, &pbm(&code.reference, "wrong", 500), FailureInfo::BAD_MESSAGE_CHECK);
    // Another salt is the same kind: OpenSSL makes a new one for each message.
    let salted = Seal::Mac(MacKey::from_secret(code.secret.as_bytes(), [8; 16], 600, code.reference.as_bytes()));
    assert!(matches!(office.send(&by_mac.confirm(&salted, None)).read(), Answer::Confirmed));
    let signed = office.ask(&device, &Request::explicit(SUBJECT));
    unchanged(&signed, &mac, FailureInfo::WRONG_INTEGRITY);
    assert!(matches!(office.send(&signed.confirm(&device, None)).read(), Answer::Confirmed));
    // RFC 9483 section 3.5: what is not protected at all.
    let open = office.ask(&device, &Request::explicit(SUBJECT));
    unchanged(&open, &Seal::None, FailureInfo::BAD_MESSAGE_CHECK);
    assert!(matches!(office.send(&open.confirm(&device, None)).read(), Answer::Confirmed));
    let bare = office.send(&mac.finish(Request::new(SUBJECT).around(&mac, body::poll_req(&[0]))));
    assert_eq!(bare.failure(), FailureInfo::BAD_REQUEST);
}

const DAY: i64 = 24 * 60 * 60 * 1000;
