//! CMP by `openssl cmp`, and by hand where OpenSSL cannot be made to do what a test needs.

use std::future::Future;
use std::process::{Command, Output};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use certs::{Certificate, Name, Signer};
use cmp::client::{self, Answer as Word};
use cmp::crmf::{self, CertTemplateDraft};
use cmp::{
    BodyKind, Control, Draft, FailureInfo, InfoTypeAndValue, Limits, MacKey, Message, Protection, StatusInfo, body,
};
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::{Answer, Code, Office};

/// What protects a message made by hand.
pub(crate) enum Seal {
    /// The secret of a code.
    Mac(MacKey),
    /// A certificate's key.
    Signature(Box<Certificate>, Box<dyn Signer>),
    /// Nothing.
    None,
}

/// A request made by hand.
pub(crate) struct Request {
    /// The key to be certified.
    pub(crate) key: SoftwareSigner,
    pub(crate) subject: String,
    pub(crate) implicit: bool,
    pub(crate) transaction: [u8; 16],
    pub(crate) profile: Option<String>,
    /// Signs the proof of possession with another key.
    pub(crate) wrong_proof: bool,
}

/// A message that was sent and what came back.
pub(crate) struct Exchange {
    pub(crate) sent: Message,
    pub(crate) answer: Message,
}

impl Seal {
    pub(crate) fn code(code: &Code) -> Self {
        Self::secret(&code.reference, &code.secret)
    }

    pub(crate) fn secret(reference: &str, secret: &str) -> Self {
        Self::Mac(MacKey::from_secret(secret.as_bytes(), random(), 1000, reference.as_bytes()))
    }

    pub(crate) fn of(certificate: &Certificate, key: impl Signer + 'static) -> Self {
        Self::Signature(Box::new(certificate.clone()), Box::new(key))
    }

    pub(crate) fn device(office: &Office) -> Self {
        Self::from_files(office, "device")
    }

    /// A certificate of the demo's PKI with its key.
    pub(crate) fn from_files(office: &Office, stem: &str) -> Self {
        let certificate = Certificate::parse_pem(&super::read(&office.pki(&format!("{stem}.pem")))).unwrap().remove(0);
        Self::of(&certificate, SoftwareSigner::load(&office.pki(&format!("{stem}.key"))).unwrap())
    }

    /// The other registration authority, which this office trusts.
    pub(crate) fn other_ra(office: &Office) -> Self {
        Self::from_files(office, "second-ra")
    }

    pub(crate) fn name(&self) -> Name {
        match self {
            Self::Signature(certificate, _) => certificate.subject().clone(),
            Self::Mac(_) | Self::None => Name::from_text("CN=requester").unwrap(),
        }
    }

    /// The finished message, without any certificate.
    pub(crate) fn finish_bare(&self, mut draft: Draft) -> Vec<u8> {
        let Self::Signature(certificate, key) = self else { return self.finish(draft) };
        draft.sender_kid = certificate.subject_key_identifier().map(<[u8]>::to_vec);
        wait(draft.sign(key.as_ref(), &[])).unwrap()
    }

    /// The finished message.
    pub(crate) fn finish(&self, mut draft: Draft) -> Vec<u8> {
        match self {
            Self::Mac(key) => draft.mac(key, &[]),
            Self::Signature(certificate, key) => {
                draft.sender_kid = certificate.subject_key_identifier().map(<[u8]>::to_vec);
                wait(draft.sign(key.as_ref(), &[certificate.der().to_vec()])).unwrap()
            }
            Self::None => draft.unprotected(&[]),
        }
    }
}

impl Request {
    pub(crate) fn new(subject: &str) -> Self {
        Self {
            key: SoftwareSigner::generate(KeyChoice::P256).unwrap(),
            subject: subject.to_owned(),
            implicit: true,
            transaction: random(),
            profile: None,
            wrong_proof: false,
        }
    }

    /// One whose certificate is to be confirmed.
    pub(crate) fn explicit(subject: &str) -> Self {
        Self { implicit: false, ..Self::new(subject) }
    }

    /// The draft of an ir.
    pub(crate) fn draft(&self, seal: &Seal) -> Draft {
        let template = CertTemplateDraft::new(Name::from_text(&self.subject).unwrap(), self.key.public_key().clone());
        let asked = crmf::request(0, &template);
        let other = SoftwareSigner::generate(KeyChoice::P256).unwrap();
        let prover = if self.wrong_proof { &other } else { &self.key };
        let signed = wait(crmf::sign(&asked, prover)).unwrap();
        self.around(seal, body::ir(&signed))
    }

    /// A finished request of this kind, with a change of its template and with these controls.
    pub(crate) fn asking(
        &self,
        seal: &Seal,
        kind: BodyKind,
        controls: &[Control],
        change: impl FnOnce(&mut CertTemplateDraft),
    ) -> Vec<u8> {
        let name = Name::from_text(&self.subject).unwrap();
        let mut template = CertTemplateDraft::new(name, self.key.public_key().clone());
        change(&mut template);
        let asked = wait(crmf::sign(&crmf::request_with(0, &template, controls), &self.key)).unwrap();
        seal.finish(self.around(seal, body::requests(kind, &[&asked])))
    }

    /// The body of a kur for a certificate.
    pub(crate) fn kur(&self, old: &Certificate) -> Vec<u8> {
        let template = CertTemplateDraft::new(Name::from_text(&self.subject).unwrap(), self.key.public_key().clone());
        let control = Control::old_cert_id(old.issuer(), old.serial());
        body::kur(&wait(crmf::sign(&crmf::request_with(0, &template, &[control]), &self.key)).unwrap())
    }

    /// The draft of a first message with this body.
    pub(crate) fn around(&self, seal: &Seal, body: Vec<u8>) -> Draft {
        let mut draft = client::first(&seal.name(), &Name::empty(), self.transaction, random(), body);
        if self.implicit {
            draft.general_info.push(InfoTypeAndValue::implicit_confirm());
        }
        if let Some(profile) = &self.profile {
            draft.general_info.push(InfoTypeAndValue::cert_profile(profile));
        }
        draft
    }
}

impl Office {
    /// Runs `openssl cmp` over HTTP; answers must come from this office or be under the secret.
    pub(crate) fn openssl_cmp(&self, words: &[&str]) -> Output {
        self.openssl_cmp_at("", words)
    }

    /// Runs `openssl cmp` over HTTP with this path behind `.well-known/cmp`.
    pub(crate) fn openssl_cmp_at(&self, path: &str, words: &[&str]) -> Output {
        let server = format!("127.0.0.1:{}", self.ports.http());
        let path = format!(".well-known/cmp{path}");
        self.openssl_cmp_with(&[&["-server", &server, "-path", &path], words].concat())
    }

    /// Runs `openssl cmp` over HTTPS.
    pub(crate) fn openssl_cmps(&self, words: &[&str]) -> Output {
        let server = format!("https://localhost:{}", self.ports.https());
        let root = self.pki("root.pem");
        let tls = ["-server", &server, "-path", ".well-known/cmp", "-tls_used", "-tls_trusted", root.to_str().unwrap()];
        self.openssl_cmp_with(&[&tls, words].concat())
    }

    fn openssl_cmp_with(&self, words: &[&str]) -> Output {
        Command::new("openssl")
            .args(["cmp", "-config", "", "-trusted"])
            .arg(self.pki("root.pem"))
            .args(["-unprotected_errors", "-msg_timeout", "20", "-total_timeout", "40"])
            .args(words)
            .current_dir(self.path(""))
            .output()
            .expect("openssl is installed")
    }

    /// The words that protect a message of `openssl cmp` with a code.
    pub(crate) fn by_code(code: &Code) -> Vec<String> {
        ["-ref", &code.reference, "-secret", &format!("pass:{}", code.secret)].map(str::to_owned).to_vec()
    }

    /// The words that protect a message of `openssl cmp` with the demo's device certificate.
    pub(crate) fn by_device(&self) -> Vec<String> {
        let file = |name: &str| self.pki(name).to_str().unwrap().to_owned();
        vec!["-cert".into(), file("device.pem"), "-key".into(), file("device.key")]
    }

    /// POSTs a message to the door without TLS.
    pub(crate) fn cmp_post(&self, path: &str, octets: &[u8]) -> Answer {
        self.post(self.ports.http(), &format!("/.well-known/cmp{path}"), "application/pkixcmp", octets)
    }

    /// Sends a message made by hand; its answer must be a message.
    pub(crate) fn send(&self, octets: &[u8]) -> Exchange {
        self.send_to("", octets)
    }

    pub(crate) fn send_to(&self, path: &str, octets: &[u8]) -> Exchange {
        let answer = self.cmp_post(path, octets);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("application/pkixcmp"));
        Exchange { sent: parse(octets), answer: parse(&answer.body) }
    }

    /// Sends an ir.
    pub(crate) fn ask(&self, seal: &Seal, request: &Request) -> Exchange {
        self.send(&seal.finish(request.draft(seal)))
    }

    /// The RA's certificate.
    pub(crate) fn ra(&self) -> Certificate {
        Certificate::parse_pem(&super::read(&self.pki("ra.pem"))).unwrap().remove(0)
    }
}

impl Exchange {
    /// What the answer says; it must belong to what was sent.
    pub(crate) fn read(&self) -> Word {
        client::check_answer(&self.sent, &self.answer).unwrap();
        client::read(&self.answer).unwrap()
    }

    pub(crate) fn issued(&self) -> client::Issued {
        match self.read() {
            Word::Issued(issued) => *issued,
            other => panic!("{other:?}"),
        }
    }

    /// Why it was refused, by rejection or error.
    pub(crate) fn failure(&self) -> FailureInfo {
        match client::read(&self.answer).unwrap() {
            Word::Rejected(status) => status.failure.unwrap(),
            Word::Error(error) => error.status.failure.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Whether the answer is protected as a requester with this seal can check.
    pub(crate) fn is_protected(&self, office: &Office, seal: &Seal) -> bool {
        match (self.answer.protection_kind().unwrap(), seal) {
            (Protection::Mac(proof), Seal::Mac(key)) => proof.verify_with(key).is_ok(),
            (Protection::Signature(proof), Seal::Signature(..)) => {
                self.answer.signer_certificate().unwrap() == office.ra()
                    && proof.verify(office.ra().public_key()).is_ok()
            }
            _ => false,
        }
    }

    /// A certConf for what was issued.
    pub(crate) fn confirm(&self, seal: &Seal, rejection: Option<&str>) -> Vec<u8> {
        seal.finish(self.confirmation(rejection))
    }

    /// The draft of a certConf for what was issued.
    pub(crate) fn confirmation(&self, rejection: Option<&str>) -> Draft {
        let issued = self.issued();
        let word = rejection.map(|text| StatusInfo::rejection(FailureInfo::BAD_CERT_TEMPLATE, text));
        let about = (&issued.certificate, issued.cert_req_id);
        client::confirm(self.sent.header(), self.answer.header(), random(), about, word)
    }

    /// A certConf for what a pollReq brought, whose recipNonce may be that of the request before.
    pub(crate) fn confirm_polled(&self, seal: &Seal) -> Vec<u8> {
        let Ok(Word::Issued(issued)) = client::read(&self.answer) else { panic!("{:?}", self.answer.body()) };
        let about = (&issued.certificate, issued.cert_req_id);
        seal.finish(client::confirm(self.sent.header(), self.answer.header(), random(), about, None))
    }

    /// A pollReq.
    pub(crate) fn poll(&self, seal: &Seal, cert_req_id: i64) -> Vec<u8> {
        seal.finish(client::poll(self.sent.header(), self.answer.header(), random(), cert_req_id))
    }
}

pub(crate) fn random() -> [u8; 16] {
    let mut octets = [0; 16];
    SystemRandom::new().fill(&mut octets).unwrap();
    octets
}

fn parse(der: &[u8]) -> Message {
    Message::parse(der, &Limits::default()).unwrap_or_else(|fault| panic!("no message: {}", fault.fault))
}

/// Software keys sign at once.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}
