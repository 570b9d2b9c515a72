use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use certs::{AltName, CsrDraft, Millis, Name, Signer as _, oid};
use cmp::client;
use cmp::crmf::{self, CertTemplateDraft};
use cmp::{Draft, InfoTypeAndValue, Limits, Message, Protection, body};
use demo_ca::pki::{Identity, Pki};
use demo_ca::settings::Settings;
use demo_ca::signer::{KeyChoice, SoftwareSigner};
use demo_ca::{Config, Kind, Record, Running, serve};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::exchange::Exchange;

/// A demo CA with a clock that can be turned, and one RA.
pub(crate) struct Office {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) pki: Pki,
    pub(crate) clock: Arc<AtomicI64>,
    running: Option<Running>,
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::with(&Settings::default()).await
    }

    pub(crate) async fn with(settings: &Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = demo_ca::system_clock()();
        let pki = Pki::create(dir.path(), now, &SystemRandom::new()).await.unwrap();
        settings.save(dir.path()).unwrap();
        let mut office = Self { dir, pki, clock: Arc::new(AtomicI64::new(now.0)), running: None };
        office.start().await;
        office
    }

    pub(crate) async fn start(&mut self) {
        let clock = Arc::clone(&self.clock);
        let mut config = Config::new(self.dir.path(), 0);
        config.clock = Arc::new(move || Millis(clock.load(Ordering::SeqCst)));
        self.running = Some(serve(config).await.unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn later(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// The RA's certificate and key.
    pub(crate) fn ra(&self) -> &Identity {
        &self.pki.second_ra
    }

    /// The first message of a transaction, signed by the RA.
    pub(crate) async fn first(&self, body: Vec<u8>, implicit: bool) -> Vec<u8> {
        let ra = self.ra();
        self.seal(self.draft(ra, body, implicit), ra).await
    }

    pub(crate) fn draft(&self, from: &Identity, body: Vec<u8>, implicit: bool) -> Draft {
        let recipient = self.pki.cmp_signer.certificate.subject();
        let mut draft = client::first(from.certificate.subject(), recipient, random(), random(), body);
        if implicit {
            draft.general_info.push(InfoTypeAndValue::implicit_confirm());
        }
        draft
    }

    pub(crate) async fn seal(&self, mut draft: Draft, from: &Identity) -> Vec<u8> {
        draft.message_time = Some(self.now());
        draft.sender_kid = from.certificate.subject_key_identifier().map(<[u8]>::to_vec);
        draft.sign(&from.signer, &[from.certificate.der().to_vec()]).await.unwrap()
    }

    /// Asks for something under another name than the RA's, in a transaction of its own.
    pub(crate) async fn ask_as(&self, from: &Identity, body: Vec<u8>, implicit: bool) -> Exchange {
        self.send(&self.seal(self.draft(from, body, implicit), from).await).await
    }

    /// Somebody with a certificate of the CA.
    pub(crate) async fn holder(&self) -> Identity {
        let key = key();
        let issued = self.ask(body::ir(&request(&template(&key), &key).await), true).await.issued();
        Identity::new(issued.certificate, key)
    }

    /// Another registration authority.
    pub(crate) async fn another_ra(&self, name: &str) -> Identity {
        let key = key();
        let name = Name::from_text(&format!("CN={name}")).unwrap();
        let random = SystemRandom::new();
        let issued = self.pki.issue_end_entity(&name, key.public_key(), &[oid::CMC_RA], self.now(), &random).await;
        Identity::new(issued.unwrap(), key)
    }

    /// A message with an RA's approval around it.
    pub(crate) async fn wrap(&self, inner: &[u8], by: &Identity) -> Vec<u8> {
        let recipient = self.pki.cmp_signer.certificate.subject();
        let draft = cmp::relay::wrap(&parse(inner), by.certificate.subject(), recipient);
        self.seal(draft, by).await
    }

    /// Sends a wrapped message: the answer is one to what is in it.
    pub(crate) async fn send_wrapped(&self, inner: &[u8], by: &Identity) -> Exchange {
        let answer = self.send(&self.wrap(inner, by).await).await.answer;
        Exchange { sent: parse(inner), answer }
    }

    /// The newest record of a kind.
    pub(crate) async fn newest(&self, kind: Kind) -> Record {
        self.records().await.into_iter().rfind(|record| record.kind == kind).unwrap()
    }

    /// Sends a message of the RA's; the answer must be the CA's.
    pub(crate) async fn send(&self, message: &[u8]) -> Exchange {
        let (status, answer) = self.post("/cmp", "application/pkixcmp", message).await.unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let exchange = Exchange { sent: parse(message), answer: parse(&answer) };
        self.check_protection(&exchange.answer);
        exchange
    }

    /// Asks for something in a transaction of its own.
    pub(crate) async fn ask(&self, body: Vec<u8>, implicit: bool) -> Exchange {
        self.send(&self.first(body, implicit).await).await
    }

    /// A p10cr for a new key.
    pub(crate) async fn enrol(&self, implicit: bool) -> Exchange {
        self.ask(body::p10cr(&csr(&key()).await), implicit).await
    }

    /// The next message of a transaction.
    pub(crate) async fn next(&self, draft: Draft) -> Exchange {
        self.send(&self.seal(draft, self.ra()).await).await
    }

    pub(crate) fn check_protection(&self, answer: &Message) {
        let Protection::Signature(proof) = answer.protection_kind().unwrap() else {
            panic!("the answer is not signed");
        };
        let signer = answer.signer_certificate().unwrap();
        assert_eq!(signer, self.pki.cmp_signer.certificate);
        proof.verify(signer.public_key()).unwrap();
    }

    pub(crate) async fn mischief(&self, json: &str) {
        let (status, answer) = self.post("/mischief", "application/json", json.as_bytes()).await.unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        serde_json::from_slice(&self.get("/records").await).unwrap()
    }

    pub(crate) async fn count(&self, kind: Kind) -> usize {
        self.records().await.iter().filter(|record| record.kind == kind).count()
    }

    /// Waits until there are so many records of a kind.
    pub(crate) async fn until(&self, kind: Kind, count: usize) {
        for _ in 0..100 {
            if self.count(kind).await == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("there are {} records of {kind:?}", self.count(kind).await);
    }

    pub(crate) async fn crl(&self) -> certs::Crl {
        let crl = certs::Crl::parse(&self.get("/ca.crl").await).unwrap();
        crl.verify(self.pki.issuing.certificate.public_key()).unwrap();
        assert_eq!(crl.der(), std::fs::read(self.dir.path().join("ca/ca.crl")).unwrap());
        crl
    }

    pub(crate) async fn get(&self, path: &str) -> Vec<u8> {
        let request = http::Request::get(self.uri(path)).body(Full::default()).unwrap();
        call(request).await.unwrap().1
    }

    /// Status and body, or nothing when the connection was closed.
    pub(crate) async fn post(&self, path: &str, kind: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let body = Full::from(Bytes::copy_from_slice(body));
        call(http::Request::post(self.uri(path)).header("content-type", kind).body(body).unwrap()).await
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.as_ref().unwrap().address())
    }
}

pub(crate) async fn call(request: http::Request<Full<Bytes>>) -> Option<(u16, Vec<u8>)> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.into_body().collect().await.ok()?.to_bytes().to_vec()))
}

pub(crate) fn parse(der: &[u8]) -> Message {
    Message::parse(der, &Limits::default()).unwrap()
}

pub(crate) fn random() -> [u8; 16] {
    let mut octets = [0; 16];
    SystemRandom::new().fill(&mut octets).unwrap();
    octets
}

pub(crate) fn key() -> SoftwareSigner {
    SoftwareSigner::generate(KeyChoice::P256).unwrap()
}

pub(crate) fn subject() -> Name {
    Name::from_text("CN=machine.example,O=Example").unwrap()
}

pub(crate) async fn csr(key: &SoftwareSigner) -> Vec<u8> {
    let mut draft = CsrDraft::new(subject(), key.public_key().clone());
    draft.alt_names.push(AltName::Dns("machine.example".to_owned()));
    draft.sign(key).await.unwrap().der().to_vec()
}

pub(crate) fn template(key: &SoftwareSigner) -> CertTemplateDraft {
    template_for(&subject(), key)
}

pub(crate) fn template_for(subject: &Name, key: &SoftwareSigner) -> CertTemplateDraft {
    CertTemplateDraft::new(subject.clone(), key.public_key().clone())
}

/// An ir or the like for a name and a new key.
pub(crate) async fn body_for(body: fn(&[u8]) -> Vec<u8>, subject: &Name) -> Vec<u8> {
    let key = key();
    body(&request(&template_for(subject, &key), &key).await)
}

/// A `CertReqMsg` with a signature as proof of possession.
pub(crate) async fn request(template: &CertTemplateDraft, key: &SoftwareSigner) -> Vec<u8> {
    crmf::sign(&crmf::request(0, template), key).await.unwrap()
}
