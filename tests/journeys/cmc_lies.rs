//! A server over plain HTTP (RFC 10003 section 6) that says what a test tells it to, true or not, in place of a CA that speaks CMC.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use certs::{Certificate, PublicKey};
use cmc::{BodyReference, Control, Echo, FailInfo, OtherInfo, PkiData, SignedData, Status, StatusInfo, respond};
use demo_ca::pki::Pki;
use demo_ca::signer::SoftwareSigner;
use demo_ca::system_clock;

use super::office::{Answer, Office, Settings, Who, done, read};

/// What it says to the next message. When nothing is left it tells the truth.
#[derive(Clone, Debug)]
enum Say {
    /// Granted, in an answer of another transaction.
    OtherTransaction,
    /// Granted, in an answer to another message.
    OtherNonce,
    /// Granted, by the holder of this certificate of the PKI.
    SignedBy(&'static str),
    /// Granted, with a certificate for another key.
    OtherKey,
    /// A certificate without a Full PKI Response around it.
    CertsOnly,
    /// This.
    Status(Status, Option<OtherInfo>),
}

#[derive(Default)]
struct Script {
    says: VecDeque<Say>,
    /// The controls of each message, and whether it had a request.
    asked: Vec<(Vec<Control>, bool)>,
    key: Option<PublicKey>,
    issued: Option<Certificate>,
}

/// An office whose CA is such a server.
struct Row {
    office: Office,
    script: Arc<Mutex<Script>>,
}

impl Row {
    fn open(says: &[Say]) -> Self {
        Self::open_with(says, |_| ())
    }

    fn open_with(says: &[Say], change: impl FnOnce(&mut Settings)) -> Self {
        let mut office = Office::prepared();
        // Nothing else is at the place of the demo's CA.
        let listener = TcpListener::bind(("127.0.0.1", office.ports.authority())).unwrap();
        let url = format!("http://127.0.0.1:{}/cmc", office.ports.authority());
        office.configure(|settings| {
            settings.set("registrar", "answer_seconds", 0.3);
            settings.set("registrar", "check_after_seconds", 1);
            settings.set("registrar", "answer_tries", 3);
            let texts =
                [("kind", "cmc"), ("url", &url), ("certificates", "pki/chain.pem"), ("ra_certificate", "pki/ra.pem")];
            let table: toml::Table = texts.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect();
            settings.table("authority").insert("liar".into(), table.into());
            settings.default_profile().insert("authority".into(), "liar".into());
            // The demo's PKI gives two years.
            settings.default_profile().insert("validity_days".into(), 800.into());
            change(settings);
        });
        let script = Arc::new(Mutex::new(Script { says: says.iter().cloned().collect(), ..Script::default() }));
        let (place, told) = (office.path(""), Arc::clone(&script));
        #[expect(clippy::disallowed_methods, reason = "the peer of a test lives beside it")]
        std::thread::spawn(move || {
            for line in listener.incoming() {
                // Whoever hangs up hears nothing.
                let _ = told.lock().unwrap().serve(line.unwrap(), &place);
            }
        });
        office.start();
        Self { office, script }
    }

    /// Asks until the answer is no "later".
    fn enrol(&self) -> Answer {
        let code = self.office.code();
        let (_, csr) = self.office.csr("pump", "/CN=pump.plant.example");
        let mut last = None;
        self.office.until("an answer", || {
            let answer = self.office.est("simpleenroll", &Who::Code(&code), &csr);
            let told = answer.status != 202;
            last = Some(answer);
            told
        });
        last.unwrap()
    }

    /// Asks, and is never told anything: an officer must look.
    fn is_not_believed(&self, why: &str) {
        let code = self.office.code();
        let (_, csr) = self.office.csr("pump", "/CN=pump.plant.example");
        assert_eq!(self.office.est("simpleenroll", &Who::Code(&code), &csr).status, 202, "{why}");
        self.office.until("an officer must look", || self.office.state() == "undecided");
        assert!(self.office.said().contains(why), "{why}: {}", self.office.said());
        assert_eq!(self.office.number("SELECT count(*) FROM certificate"), 0, "{why}");
    }

    fn asked(&self) -> Vec<(Vec<Control>, bool)> {
        self.script.lock().unwrap().asked.clone()
    }
}

impl Script {
    fn serve(&mut self, mut line: TcpStream, place: &std::path::Path) -> std::io::Result<()> {
        let (head, body) = message(&mut line)?;
        assert!(head.to_lowercase().contains("content-type: application/pkcs7-mime; smime-type=cmc-request"), "{head}");
        let data = SignedData::parse(&body).unwrap();
        let data = PkiData::parse(data.content.as_deref().unwrap()).unwrap();
        let controls: Vec<Control> = data.controls.iter().map(|control| Control::parse(control).unwrap()).collect();
        let mut echo = Echo::default();
        for control in &controls {
            match control {
                Control::TransactionId(value) => echo.transaction_id = Some(value.clone()),
                Control::SenderNonce(value) => echo.sender_nonce = Some(value.clone()),
                _ => {}
            }
        }
        if let Some(request) = data.requests.first() {
            self.key = Some(request.wish().unwrap().public_key().clone());
        }
        self.asked.push((controls, !data.requests.is_empty()));
        let (status, octets) = self.answer(&echo, place);
        let kind = if status == "certs-only" { status } else { "CMC-response" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime; smime-type={kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            octets.len()
        );
        line.write_all(&[head.as_bytes(), &octets].concat())
    }

    fn answer(&mut self, echo: &Echo, place: &std::path::Path) -> (&'static str, Vec<u8>) {
        let pki = place.join("pki");
        let say = self.says.pop_front();
        let mut echo = echo.clone();
        let (mut signer, mut status, mut key) =
            ("cmp-signer", StatusInfo::success(vec![BodyReference::Part(1)]), self.key.clone());
        match say {
            Some(Say::OtherTransaction) => echo.transaction_id = Some(vec![5]),
            Some(Say::OtherNonce) => echo.sender_nonce = Some(vec![5; 16]),
            Some(Say::SignedBy(name)) => signer = name,
            Some(Say::OtherKey) => key = Some(of(&pki, "device").public_key().clone()),
            Some(Say::Status(told, ref other)) => {
                status.status = told;
                status.other.clone_from(other);
                status.text = other.is_some().then(|| "so it is said".to_owned());
            }
            Some(Say::CertsOnly) | None => {}
        }
        let grants = matches!(status.status, Status::Success | Status::ConfirmRequired);
        let certificates: Vec<Vec<u8>> = match key.filter(|_| grants) {
            Some(key) => vec![self.issue(place, &key).der().to_vec()],
            None => Vec::new(),
        };
        if matches!(say, Some(Say::CertsOnly)) {
            return ("certs-only", est::certs_only(&certificates.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
        let own = [of(&pki, signer)];
        let key = SoftwareSigner::load(&pki.join(format!("{signer}.key"))).unwrap();
        ("CMC-response", done(respond(&echo, &status, &[9; 16], &certificates, &key, &own)).unwrap())
    }

    /// The same certificate for the same key.
    fn issue(&mut self, place: &std::path::Path, key: &PublicKey) -> Certificate {
        if let Some(issued) = self.issued.as_ref().filter(|issued| issued.public_key() == key) {
            return issued.clone();
        }
        let name = certs::Name::from_text("CN=pump.plant.example").unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pki = Pki::load(place).unwrap();
        let issued = done(pki.issue_end_entity(&name, key, &[], system_clock()(), &random)).unwrap();
        self.issued.insert(issued).clone()
    }
}

fn of(pki: &std::path::Path, name: &str) -> Certificate {
    Certificate::parse_pem(&read(&pki.join(format!("{name}.pem")))).unwrap().remove(0)
}

/// The head and the body of a request.
fn message(line: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut octets = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = line.read(&mut part)?;
        octets.extend_from_slice(&part[..read]);
        let Some(end) = octets.windows(4).position(|window| window == b"\r\n\r\n") else {
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&octets[..end]).into_owned();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        if octets.len() >= end + 4 + length.unwrap().parse::<usize>().unwrap() {
            return Ok((head, octets.split_off(end + 4)));
        }
    }
}

#[test]
fn a_true_answer_over_plain_http_is_believed() {
    let row = Row::open(&[]);
    let answer = row.enrol();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(row.office.accepts(&row.office.received(&answer.body)[0]));
    assert_eq!(row.asked().len(), 1);
}

#[test]
fn an_answer_that_is_not_the_cas_to_this_message_is_not_believed() {
    for (say, why) in [
        (Say::OtherTransaction, "its transactionId is not that of our message"),
        (Say::OtherNonce, "its recipientNonce is not the senderNonce of our message"),
        // Of the same PKI, and nobody who may answer.
        (Say::SignedBy("second-ra"), "id-kp-cmcCA"),
        (Say::SignedBy("device"), "id-kp-cmcCA"),
        (Say::OtherKey, "no certificate for the key of the request"),
        (Say::CertsOnly, "does not read"),
    ] {
        let row = Row::open(&[say.clone(), say.clone(), say.clone(), say]);
        row.is_not_believed(why);
        assert_eq!(row.asked().len(), 3);
    }
}

#[test]
fn a_lie_that_passes_does_no_harm() {
    let row = Row::open(&[Say::OtherNonce, Say::SignedBy("device")]);
    assert_eq!(row.enrol().status, 200);
    assert_eq!(row.asked().len(), 3);
}

#[test]
fn try_later_and_bad_time_are_asked_again_and_others_are_final() {
    let failed = |failure| Say::Status(Status::Failed, Some(OtherInfo::Fail(failure)));
    let row = Row::open(&[failed(FailInfo::TRY_LATER), failed(FailInfo::BAD_TIME)]);
    assert_eq!(row.enrol().status, 200);
    assert_eq!(row.asked().len(), 3);
    let row = Row::open(&[failed(FailInfo::UNSUPPORTED_EXT)]);
    let refused = row.enrol();
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("unsupportedExt: so it is said"), "{}", refused.text());
    assert_eq!(row.asked().len(), 1);
}

#[test]
fn what_waits_is_asked_for_by_its_token_and_brings_the_nonce_back() {
    // pendTime is still to come when the office has started.
    let soon = OtherInfo::Pend { token: b"number 7".to_vec(), time: Office::now().plus(8_000) };
    let row = Row::open(&[Say::Status(Status::Pending, Some(soon))]);
    assert_eq!(row.enrol().status, 200);
    let asked = row.asked();
    assert_eq!(asked.iter().map(|(_, request)| *request).collect::<Vec<_>>(), [true, false]);
    let second = &asked[1].0;
    assert!(second.contains(&Control::QueryPending(b"number 7".to_vec())), "{second:?}");
    assert!(second.contains(&Control::RecipientNonce(vec![9; 16])), "{second:?}");
    let transaction =
        |controls: &[Control]| controls.iter().find(|control| matches!(control, Control::TransactionId(_))).cloned();
    assert_eq!(transaction(&asked[0].0), transaction(second));
}

#[test]
fn a_certificate_that_wants_to_be_confirmed_is_and_only_then_handed_over() {
    let row = Row::open(&[Say::Status(Status::ConfirmRequired, None)]);
    assert_eq!(row.enrol().status, 200);
    let asked = row.asked();
    assert_eq!(asked.len(), 2);
    let taken = |control: &Control| matches!(control, Control::ConfirmCertAcceptance(_));
    let success =
        |control: &Control| matches!(control, Control::StatusInfo(status) if status.status == Status::Success);
    assert!(asked[1].0.iter().any(taken) && asked[1].0.iter().any(success), "{asked:?}");
    // The confirmation is not taken: nobody gets the certificate, and it is revoked.
    let failed = Say::Status(Status::Failed, Some(OtherInfo::Fail(FailInfo::BAD_CERT_ID)));
    let row = Row::open(&[Say::Status(Status::ConfirmRequired, None), failed]);
    assert_eq!(row.enrol().status, 500);
    row.office.until("it is revoked", || row.asked().len() == 3);
    assert!(row.asked()[2].0.iter().any(|control| matches!(control, Control::RevokeRequest(_))));
    // It is not what was approved: it is rejected.
    let row = Row::open_with(&[Say::Status(Status::ConfirmRequired, None)], |settings| {
        settings.default_profile().insert("validity_days".into(), 1.into());
    });
    assert_eq!(row.enrol().status, 500);
    row.office.until("it is rejected", || row.asked().len() == 2);
    let rejected = &row.asked()[1].0;
    assert!(!rejected.iter().any(taken) && !rejected.iter().any(success), "{rejected:?}");
}
