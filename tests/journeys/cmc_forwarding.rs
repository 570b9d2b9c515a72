//! A CA that speaks Full CMC (RFC 10002): a local office forwards to the `/fullcmc` of a central one, which trusts it as an RA.

use certs::{Certificate, oid};
use cmp::client::Answer;
use cmp::{RevDetails, body};
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Who, csr_der, openssl, read, text, written};
use super::two_offices::certify;

const NAME: &str = "CN=pump.plant.example";
const SUBJECT: &str = "/CN=pump.plant.example";

/// The central office, and a local one whose CA is the central office's `/fullcmc`.
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
            let est = settings.default_profile().entry("est").or_insert_with(|| toml::Table::new().into());
            est.as_table_mut().unwrap().insert("full_cmc".into(), true.into());
            far(settings);
        });
        central.start_authority();
        central.start();
        std::fs::copy(central.pki("ra.pem"), local.pki("central-ra.pem")).unwrap();
        std::fs::write(local.pki("ra.pem"), local_ra.to_pem()).unwrap();
        for name in ["chain.pem", "manufacturer.pem", "issuing.pem", "root.pem", "tls.pem", "tls.key"] {
            std::fs::copy(central.pki(name), local.pki(name)).unwrap();
        }
        let url = format!("https://localhost:{}/.well-known/est", central.ports.https());
        local.configure(|settings| {
            hasty(settings);
            let texts = [
                ("kind", "cmc"),
                ("url", &url),
                ("certificates", "pki/chain.pem"),
                ("ra_certificate", "pki/ra.pem"),
                // Its answers are those of an RA, not of a CA.
                ("signer_certificate", "pki/central-ra.pem"),
            ];
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

    /// What the local office sent, each a message that OpenSSL finds signed with the key of its RA.
    fn sent(&self) -> Vec<Vec<u8>> {
        let sent = messages(&self.local, "submission");
        for (number, message) in sent.iter().enumerate() {
            let message = written(self.local.path(&format!("sent{number}.der")), message);
            let (chain, signer) = (self.local.pki("chain.pem"), self.local.path("signer.pem"));
            let words = ["cms", "-verify", "-inform", "DER", "-purpose", "any", "-binary", "-out", "/dev/null"];
            let files = [("-in", &message), ("-CAfile", &chain), ("-signer", &signer)];
            let files = files.iter().flat_map(|(option, path)| [*option, path.to_str().unwrap()]);
            openssl(&words.into_iter().chain(files).collect::<Vec<_>>());
            let signer = Certificate::parse_pem(&read(&signer)).unwrap().remove(0);
            assert_eq!(signer.public_key().der(), self.local.ra().public_key().der());
        }
        sent
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

fn ra_verified(settings: &mut Settings) {
    settings.default_profile().insert("proof".into(), "ra-verified".into());
}

fn messages(office: &Office, leg: &str) -> Vec<Vec<u8>> {
    office.column(&format!("SELECT octets FROM message WHERE leg = '{leg}' ORDER BY seq"))
}

fn holds(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

fn kinds(office: &Office) -> Vec<String> {
    office.cases().iter().map(|case| case["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_request_by_est_goes_up_byte_for_byte_under_the_signature_of_the_ra() {
    let row = Row::open();
    let code = row.local.code();
    let (key, csr) = row.local.csr("pump", SUBJECT);
    let answer = row.local.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pem = row.local.received(&answer.body).remove(0);
    assert!(row.local.accepts(&pem));
    let sent = row.sent();
    assert_eq!(sent.len(), 1);
    assert!(holds(&sent[0], &est::decode_request(&csr).unwrap()));
    assert_eq!(row.local.state(), "confirmed");
    let held = row.local.keep("pump", &pem);
    let (_, next) = row.local.csr("next", SUBJECT);
    let renewed = row.local.est("simplereenroll", &Who::Holder(&held, &key.0), &next);
    assert_eq!(renewed.status, 200, "{}", renewed.text());
    assert_eq!(kinds(&row.local), ["rekey", "issue"]);
    assert_eq!(kinds(&row.central), ["issue", "issue"]);
    assert_eq!(row.central.records().count(Kind::Issued), 2);
}

#[test]
fn a_cmp_requester_asks_by_pkcs10_or_template_confirms_and_revokes() {
    let row = Row::open_with(ra_verified, |_| ());
    let seal = Seal::code(&row.local.code());
    let csr = csr_der(&row.local.key("valve"), SUBJECT, &[]);
    let exchange = row.local.send(&seal.finish(Request::new(NAME).around(&seal, body::p10cr(&csr))));
    exchange.issued();
    assert!(holds(&row.sent()[0], &csr));
    let device = Seal::device(&row.central);
    let request = Request::explicit(NAME);
    let exchange = row.local.send(&device.finish(request.draft(&device)));
    let issued = exchange.issued();
    let confirmed = row.local.send(&exchange.confirm(&device, None));
    assert!(matches!(confirmed.read(), Answer::Confirmed), "{:?}", confirmed.answer.body());
    let own = Seal::of(&issued.certificate, request.key);
    let rr = body::rr(&RevDetails::compose_for(&issued.certificate, Some(4)));
    let revoked = row.local.send(&own.finish(Request::explicit(NAME).around(&own, rr)));
    assert!(matches!(revoked.read(), Answer::Revoked), "{:?}", revoked.answer.body());
    assert_eq!(row.sent().len(), 3);
    let states = |office: &Office| -> Vec<String> {
        office.cases().iter().map(|case| case["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&row.local), ["revoked", "confirmed", "confirmed"]);
    assert_eq!(states(&row.central), ["revoked", "confirmed", "confirmed"]);
    let records = row.central.records();
    let revoked = records.of(Kind::Revoked);
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].serial, records.of(Kind::Issued)[1].serial);
}

#[test]
fn what_its_requester_rejects_is_revoked_there() {
    let row = Row::open_with(ra_verified, |_| ());
    let device = Seal::device(&row.central);
    let exchange = row.local.send(&device.finish(Request::explicit(NAME).draft(&device)));
    exchange.issued();
    let rejected = row.local.send(&exchange.confirm(&device, Some("not mine")));
    assert!(matches!(rejected.read(), Answer::Confirmed), "{:?}", rejected.answer.body());
    row.local.until("it is revoked", || row.central.records().count(Kind::Revoked) == 1);
    assert!(row.central.records().all_revoked());
}

#[test]
fn a_template_as_it_came_is_refused_in_words() {
    let row = Row::open();
    let device = Seal::device(&row.central);
    let ir = row.local.send(&device.finish(Request::new(NAME).draft(&device)));
    let Answer::Rejected(status) = ir.read() else { panic!("{:?}", ir.answer.body()) };
    assert!(status.text.iter().any(|text| text.contains("no other proof of possession")), "{status:?}");
    let noted = text(&row.local.run(&["check"]));
    assert!(noted.contains("note  profile.default.proof: its CA takes a template with our word"), "{noted}");
    assert!(noted.contains("ok    authority.central\n") && noted.contains("ok    authority.central.url"), "{noted}");
    assert_eq!(row.central.case_count(), 0);
}

#[test]
fn a_profile_that_its_ca_could_not_serve_is_refused() {
    let row = Row::open();
    for (key, value, words) in
        [("forward", "nested", "takes no message of a requester"), ("forward", "replace", "takes no message")]
    {
        row.local.configure(|settings| {
            settings.default_profile().insert(key.into(), value.into());
        });
        let refused = text(&row.local.run(&["check"]));
        assert!(refused.contains(words), "{refused}");
    }
    row.local.configure(|settings| {
        settings.default_profile().remove("forward");
        let est = settings.default_profile().entry("est").or_insert_with(|| toml::Table::new().into());
        est.as_table_mut().unwrap().insert("change_subject_name".into(), true.into());
    });
    let refused = text(&row.local.run(&["check"]));
    assert!(refused.contains("with our word only: proof = \"ra-verified\""), "{refused}");
    row.local.configure(ra_verified);
    let good = text(&row.local.run(&["check"]));
    assert!(!good.contains("change_subject_name"), "{good}");
}

#[test]
fn while_an_officer_there_decides_it_is_asked_by_the_token() {
    let mut row = Row::open_with(|_| (), by_hand);
    let code = row.local.code();
    let (_, csr) = row.local.csr("pump", SUBJECT);
    let ask = |row: &Row| row.local.est("simpleenroll", &Who::Code(&code), &csr);
    let first = ask(&row);
    assert_eq!((first.status, first.header("Retry-After")), (202, Some("1")));
    row.local.until("it waits", || row.local.state() == "waiting");
    row.local.kill();
    row.local.start();
    assert_eq!(ask(&row).status, 202);
    row.local.until("it was asked again", || messages(&row.local, "submission").len() > 2);
    let sent = row.sent();
    let csr_there = est::decode_request(&csr).unwrap();
    assert_eq!(
        sent.iter().filter(|message| holds(message, &csr_there)).count(),
        1,
        "RFC 10002 section 6.13: by the token"
    );
    row.central.told(&["case", "approve", &row.central.only_id(), "--officer", "anna"]);
    let last = row.until_told(|| ask(&row));
    assert_eq!(last.status, 200, "{}", last.text());
    assert!(row.local.accepts(&row.local.received(&last.body)[0]));
    assert_eq!((row.central.case_count(), row.central.records().count(Kind::Issued)), (1, 1));
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
    assert!(last.text().contains("badRequest: no such pump"), "{}", last.text());
    assert_eq!(row.local.state(), "failed");
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
    // On its way to the CA, whose answer nobody will read: not there, and not here.
    row.central.until("it is on its way", || messages(&row.central, "submission").len() == 1);
    row.local.kill();
    row.central.kill();
    row.central.start();
    row.local.start();
    let last = row.until_told(|| ask(&row));
    assert_eq!(last.status, 200, "{}", last.text());
    assert!(row.local.accepts(&row.local.received(&last.body)[0]));
    let records = row.central.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (1, 0));
    assert_eq!((row.local.case_count(), row.central.case_count()), (1, 1));
    assert_eq!(row.sent().len(), 1, "the same bytes");
}

#[test]
fn a_certificate_that_was_not_approved_is_withheld_and_revoked_there() {
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
    row.local.until("it is revoked", || row.central.records().count(Kind::Revoked) == 1);
    assert!(row.central.records().all_revoked());
}

#[test]
fn only_the_configured_signer_is_believed() {
    for signer in [None, Some("pki/cmp-signer.pem")] {
        let mut row = Row::open_with(|settings| settings.set("registrar", "answer_tries", 3), |_| ());
        row.local.kill();
        std::fs::copy(row.central.pki("cmp-signer.pem"), row.local.pki("cmp-signer.pem")).unwrap();
        row.local.configure(|settings| {
            settings.set("registrar", "answer_seconds", 0.3);
            let central = settings.table("authority")["central"].as_table_mut().unwrap();
            central.remove("signer_certificate");
            central.extend(signer.map(|path| ("signer_certificate".to_owned(), path.into())));
        });
        row.local.start();
        let code = row.local.code();
        let (_, csr) = row.local.csr("pump", SUBJECT);
        assert_eq!(row.local.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
        row.local.until("an officer must look", || row.local.state() == "undecided");
        assert!(row.local.said().contains("not signed by its configured signer"), "{signer:?}");
        assert_eq!(row.local.number("SELECT count(*) FROM certificate"), 0);
        assert_eq!(row.central.records().count(Kind::Issued), 1, "the same bytes were repeated");
    }
}
