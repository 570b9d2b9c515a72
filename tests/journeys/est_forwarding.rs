//! A CA behind an EST server (RFC 7030 section 3.7): a local office forwards to the door of a central one, which trusts it as an RA.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::oid;
use cmp::client::Answer;
use cmp::{RevDetails, body};
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Who, csr_der, csr_for, text};
use super::two_offices::certify;

const NAME: &str = "CN=pump.plant.example";
const SUBJECT: &str = "/CN=pump.plant.example";

/// The central office, and a local one whose CA is the central office's EST door.
struct Row {
    local: Office,
    central: Office,
}

impl Row {
    fn open() -> Self {
        Self::open_with(|_| (), |_| ())
    }

    fn open_with(near: impl FnOnce(&mut Settings), far: impl FnOnce(&mut Settings)) -> Self {
        let (mut local, mut central) = (Office::prepared(), Office::prepared());
        let local_ra = certify(&central, &local.ra(), &[oid::CMC_RA, oid::CLIENT_AUTH]);
        central.configure(|settings| {
            hasty(settings);
            let entry = settings.trusted_ras()[0].as_table_mut().unwrap();
            entry.insert("name".into(), "the local RA".into());
            entry.insert("subject".into(), local_ra.subject().to_string().into());
            far(settings);
        });
        central.start_authority();
        central.start();
        std::fs::write(local.pki("ra.pem"), local_ra.to_pem()).unwrap();
        for name in ["chain.pem", "manufacturer.pem", "issuing.pem", "root.pem", "tls.pem", "tls.key"] {
            std::fs::copy(central.pki(name), local.pki(name)).unwrap();
        }
        let url = format!("https://localhost:{}/.well-known/est", central.ports.https());
        local.configure(|settings| {
            hasty(settings);
            let texts =
                [("kind", "est"), ("url", &url), ("certificates", "pki/chain.pem"), ("ra_certificate", "pki/ra.pem")];
            let table: toml::Table = texts.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect();
            settings.table("authority").insert("central".into(), table.into());
            settings.default_profile().insert("authority".into(), "central".into());
            near(settings);
        });
        local.start();
        Self { local, central }
    }

    /// Asks until the answer is no "later".
    fn until_told(&self, mut ask: impl FnMut() -> super::office::Answer) -> super::office::Answer {
        let mut last = None;
        self.local.until("an answer", || {
            let answer = ask();
            let told = answer.status != 202;
            last = Some(answer);
            told
        });
        last.unwrap()
    }
}

fn hasty(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 4.0);
    settings.set("registrar", "check_after_seconds", 1);
}

fn by_hand(settings: &mut Settings) {
    settings.set("registrar", "answer_seconds", 0.3);
    settings.default_profile().insert("approval".into(), "by-hand".into());
}

fn der_of(base64: &[u8]) -> Vec<u8> {
    let symbols: Vec<u8> = base64.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    STANDARD.decode(symbols).unwrap()
}

fn messages(office: &Office, leg: &str) -> Vec<Vec<u8>> {
    office.column(&format!("SELECT octets FROM message WHERE leg = '{leg}' ORDER BY seq"))
}

#[test]
fn a_request_by_est_goes_up_byte_for_byte_and_so_does_a_renewal() {
    let row = Row::open();
    let code = row.local.code();
    let (key, csr) = row.local.csr("pump", SUBJECT);
    let answer = row.local.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pem = row.local.received(&answer.body).remove(0);
    assert!(row.local.accepts(&pem));
    // What is recorded is the body itself, both ways.
    let sent = messages(&row.local, "submission");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent, messages(&row.central, "request"));
    assert_eq!(der_of(&sent[0]), der_of(&csr));
    let answered = messages(&row.local, "answer");
    assert_eq!(der_of(&answered[0]), der_of(&answer.body));
    assert_eq!(row.local.state(), "confirmed");
    // RFC 7030 section 4.2.2: /simplereenroll would renew our own certificate; an enrolment does not.
    let held = row.local.keep("pump", &pem);
    let (_, next) = row.local.csr("next", SUBJECT);
    let renewed = row.local.est("simplereenroll", &Who::Holder(&held, &key.0), &next);
    assert_eq!(renewed.status, 200, "{}", renewed.text());
    let kinds = |office: &Office| -> Vec<String> {
        office.cases().iter().map(|case| case["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&row.local), ["rekey", "issue"]);
    assert_eq!(kinds(&row.central), ["issue", "issue"]);
    assert_eq!(row.central.records().count(Kind::Issued), 2);
}

#[test]
fn a_p10cr_goes_up_by_est_and_is_confirmed_here() {
    let row = Row::open();
    for (number, implicit) in [true, false].into_iter().enumerate() {
        let seal = Seal::code(&row.local.code());
        let csr = csr_der(&row.local.key(&format!("pump{number}")), SUBJECT, &[]);
        let request = if implicit { Request::new(NAME) } else { Request::explicit(NAME) };
        let exchange = row.local.send(&seal.finish(request.around(&seal, body::p10cr(&csr))));
        exchange.issued();
        if !implicit {
            let confirmed = row.local.send(&exchange.confirm(&seal, None));
            assert!(matches!(confirmed.read(), Answer::Confirmed), "{:?}", confirmed.answer.body());
        }
        assert_eq!(der_of(messages(&row.local, "submission").last().unwrap()), csr);
    }
    assert!(row.local.cases().iter().all(|case| case["state"] == "confirmed"));
    assert_eq!((row.central.records().count(Kind::Issued), row.central.records().count(Kind::Revoked)), (2, 0));
}

#[test]
fn while_an_officer_there_decides_the_same_request_is_sent_again() {
    let mut row = Row::open_with(|_| (), by_hand);
    let code = row.local.code();
    let seal = Seal::code(&row.local.code());
    let (_, csr) = row.local.csr("pump", SUBJECT);
    let p10 = csr_der(&row.local.key("valve"), "/CN=valve.plant.example", &[]);
    let est = |row: &Row| row.local.est("simpleenroll", &Who::Code(&code), &csr);
    let first = est(&row);
    assert_eq!((first.status, first.header("Retry-After")), (202, Some("1")));
    let asked = row.local.send(&seal.finish(Request::new("CN=valve.plant.example").around(&seal, body::p10cr(&p10))));
    let Answer::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    row.local.until("both wait", || row.local.cases().iter().all(|case| case["state"] == "waiting"));
    row.local.kill();
    row.local.start();
    assert_eq!(est(&row).status, 202);
    row.local.until("it was asked again", || messages(&row.local, "submission").len() > 4);
    let mut sent = messages(&row.local, "submission");
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 2, "RFC 7030 section 4.2.3: the same request");
    for case in row.central.cases() {
        row.central.told(&["case", "approve", case["id"].as_str().unwrap(), "--officer", "anna"]);
    }
    let last = row.until_told(|| est(&row));
    assert_eq!(last.status, 200, "{}", last.text());
    row.local.until("both are there", || row.local.cases().iter().all(|case| case["state"] == "confirmed"));
    let polled = row.local.send(&asked.poll(&seal, cert_req_id));
    assert!(matches!(cmp::client::read(&polled.answer).unwrap(), Answer::Issued(_)), "{:?}", polled.answer.body());
    assert_eq!((row.central.case_count(), row.central.records().count(Kind::Issued)), (2, 2));
}

#[test]
fn what_is_refused_there_is_refused_here_in_the_same_words() {
    let row = Row::open_with(|_| (), by_hand);
    let code = row.local.code();
    let (_, csr) = row.local.csr("pump", SUBJECT);
    let ask = || row.local.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(ask().status, 202);
    row.central.told(&["case", "refuse", &row.central.only_id(), "--officer", "anna", "--text", "no such pump"]);
    let last = row.until_told(ask);
    assert_eq!(last.status, 403);
    assert!(last.text().contains("no such pump"), "{}", last.text());
    assert_eq!(row.local.state(), "failed");
    assert_eq!(String::from_utf8_lossy(messages(&row.local, "answer").last().unwrap()), "no such pump\n");
    // A rule, at once.
    let csr = csr_for(&row.local.key("valve"), "/CN=valve.plant.example/OU=nowhere/L=here", &[]);
    assert_eq!(row.local.est("simpleenroll", &Who::Code(&code), &csr).status, 400, "refused here already");
    assert_eq!(row.central.records().count(Kind::Received), 0);
}

#[test]
fn an_office_that_dies_on_the_way_issues_once() {
    let mut row = Row::open_with(
        |settings| settings.set("registrar", "answer_seconds", 0.3),
        |settings| settings.set("registrar", "answer_seconds", 20.0),
    );
    let code = row.local.code();
    let (_, csr) = row.local.csr("pump", SUBJECT);
    row.central.mischief(r#"{"delay_ms": 2000}"#);
    let ask = |row: &Row| row.local.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(ask(&row).status, 202);
    // On its way to the CA, whose answer nobody will read.
    row.central.until("it is on its way", || messages(&row.central, "submission").len() == 1);
    row.central.kill();
    assert_eq!(ask(&row).status, 202);
    row.central.start();
    let last = row.until_told(|| ask(&row));
    assert_eq!(last.status, 200, "{}", last.text());
    assert!(row.local.accepts(&row.local.received(&last.body)[0]));
    let records = row.central.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (1, 0));
    assert_eq!((row.local.case_count(), row.central.case_count()), (1, 1));
}

#[test]
fn a_request_waits_for_an_office_that_is_away() {
    let mut row = Row::open_with(|settings| settings.set("registrar", "answer_seconds", 0.3), |_| ());
    let code = row.local.code();
    let (_, csr) = row.local.csr("pump", SUBJECT);
    let ask = |row: &Row| row.local.est("simpleenroll", &Who::Code(&code), &csr);
    row.central.kill();
    assert_eq!(ask(&row).status, 202);
    row.local.kill();
    row.local.start();
    row.central.start();
    assert_eq!(row.until_told(|| ask(&row)).status, 200);
    assert_eq!((row.central.case_count(), row.central.records().count(Kind::Issued)), (1, 1));
}

#[test]
fn what_est_cannot_carry_is_refused_in_words() {
    let row = Row::open();
    let device = Seal::device(&row.central);
    let ir = row.local.send(&device.finish(Request::new(NAME).draft(&device)));
    let Answer::Rejected(status) = ir.read() else { panic!("{:?}", ir.answer.body()) };
    assert!(status.text.iter().any(|text| text.contains("PKCS#10 only")), "{status:?}");
    let (key, pem) = row.local.enrolled("pump", SUBJECT, &row.local.code());
    let certificate = certs::Certificate::parse_pem(pem.as_bytes()).unwrap().remove(0);
    row.local.keep("pump", &pem);
    assert!(key.0.ends_with("pump.key"));
    let own = Seal::from_files(&row.local, "../pump");
    let rr = body::rr(&RevDetails::compose_for(&certificate, Some(1)));
    let refused = row.local.send(&own.finish(Request::explicit(NAME).around(&own, rr)));
    let Answer::Rejected(status) = refused.read() else { panic!("{:?}", refused.answer.body()) };
    assert!(status.text.iter().any(|text| text.contains("takes no revocation")), "{status:?}");
    let noted = text(&row.local.run(&["check"]));
    assert!(noted.contains("note  profile.default.authority: its CA takes PKCS#10 only"), "{noted}");
    assert!(noted.contains("ok    authority.central\n") && noted.contains("ok    authority.central.url"), "{noted}");
    assert_eq!(row.central.records().count(Kind::Issued), 1);
}

#[test]
fn a_certificate_that_was_not_approved_is_withheld_and_people_are_told() {
    let row = Row::open_with(
        |settings| {
            settings.default_profile().insert("validity_days".into(), 1.into());
        },
        |_| (),
    );
    let code = row.local.code();
    let (_, csr) = row.local.csr("pump", SUBJECT);
    let answer = row.local.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(row.local.state(), "withheld");
    assert!(row.local.said().contains("its CA takes no revocation from here"), "{}", row.local.said());
    assert_eq!(messages(&row.local, "submission").len(), 1);
}

#[test]
fn nothing_is_sent_to_a_server_that_is_not_the_one() {
    for (root, address, why) in
        [("manufacturer.pem", "127.0.0.1", "UnknownIssuer"), ("root.pem", "127.0.0.2", "not valid for name")]
    {
        let mut row = Row::open_with(
            |_| (),
            |settings| {
                let listen = settings.table("listen");
                let https = listen["https"].as_str().unwrap().replace("127.0.0.1", address);
                listen.insert("https".into(), https.into());
            },
        );
        let port = row.central.ports.https();
        row.local.kill();
        row.local.configure(|settings| {
            settings.set("registrar", "answer_seconds", 0.3);
            let central = settings.table("authority")["central"].as_table_mut().unwrap();
            central.insert("url".into(), format!("https://{address}:{port}/.well-known/est").into());
            central.insert("tls_roots".into(), format!("pki/{root}").into());
        });
        row.local.start();
        let code = row.local.code();
        let (_, csr) = row.local.csr("pump", SUBJECT);
        assert_eq!(row.local.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
        row.local.until("it is told why", || row.local.said().contains(why));
        assert_eq!(row.central.case_count(), 0, "{address}");
    }
}
