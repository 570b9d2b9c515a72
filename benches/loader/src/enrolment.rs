use std::sync::Arc;

use certs::{Certificate, CsrDraft, Name, PublicKey, Signer as _};
use clap::ValueEnum;
use cmp::crmf::{self, CertTemplateDraft};
use cmp::{Draft, InfoTypeAndValue, Limits, MacKey, Message, body, client};
use demo_ca::pki::Identity;
use demo_ca::signer::{KeyChoice, SoftwareSigner};
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::office::Office;

/// How an enrolment is asked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// EST, a full TLS 1.3 handshake each, HTTP Basic.
    Est,
    /// EST, a full TLS 1.3 handshake each, a device's certificate.
    EstMtls,
    /// EST, a resumed TLS 1.3 session each (PSK with key exchange), HTTP Basic.
    EstResumed,
    /// EST over kept-alive TLS 1.3, HTTP Basic.
    EstKept,
    /// CMP over kept-alive HTTP, signed by a device, implicitConfirm.
    Cmp,
    /// CMP over kept-alive HTTP, PasswordBasedMac, implicitConfirm.
    CmpMac,
    /// As `cmp`, but altered after it was signed: refused.
    CmpWrongSignature,
    /// As `cmp-mac`, but altered after it was protected: refused.
    CmpWrongMac,
    /// Octets that are no message, as many as `cmp` sends: refused.
    CmpGarbage,
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The key to be certified.
    pub(crate) public_key: PublicKey,
    /// What is posted.
    pub(crate) body: Bytes,
    /// With CMP: what the answer must fit to.
    pub(crate) dialogue: Option<Dialogue>,
    /// Whether it must be refused.
    pub(crate) wrong: bool,
}

/// A CMP transaction, seen from its requester.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// The request.
    pub(crate) sent: Message,
    protection: Protection,
}

/// How all messages of a transaction are protected.
enum Protection {
    Signature(Arc<Identity>),
    Mac(MacKey),
}

/// Writes requests of one mode, each for a key of its own.
#[derive(Debug)]
pub(crate) enum Writer {
    Est,
    Cmp {
        device: Arc<Identity>,
        recipient: Name,
    },
    CmpMac {
        reference: String,
        secret: String,
        recipient: Name,
    },
    /// Spoils what another writes.
    Wrong {
        right: Box<Writer>,
        whole: bool,
    },
}

impl Writer {
    pub(crate) fn new(mode: Mode, office: &Office) -> Result<Self, Fault> {
        Ok(match mode {
            Mode::Est | Mode::EstMtls | Mode::EstResumed | Mode::EstKept => Self::Est,
            Mode::Cmp => Self::Cmp { device: Arc::new(office.device()?), recipient: recipient(office) },
            Mode::CmpMac => Self::CmpMac {
                reference: office.value("CMP_REF")?.to_owned(),
                secret: office.value("CMP_SECRET")?.to_owned(),
                recipient: recipient(office),
            },
            Mode::CmpWrongSignature => Self::Wrong { right: Box::new(Self::new(Mode::Cmp, office)?), whole: false },
            Mode::CmpWrongMac => Self::Wrong { right: Box::new(Self::new(Mode::CmpMac, office)?), whole: false },
            Mode::CmpGarbage => Self::Wrong { right: Box::new(Self::new(Mode::Cmp, office)?), whole: true },
        })
    }

    /// A request for `CN=name`.
    pub(crate) async fn write(&self, name: &str) -> Result<Enrolment, Fault> {
        let key = SoftwareSigner::generate(KeyChoice::P256).map_err(Fault::machine)?;
        let subject = Name::from_text(&format!("CN={name},O=Loader")).map_err(Fault::odd)?;
        let public_key = key.public_key().clone();
        let (sender, recipient, protection) = match self {
            Self::Est => {
                let csr = CsrDraft::new(subject, public_key.clone()).sign(&key).await.map_err(Fault::machine)?;
                let body = est::encode_payload(csr.der(), est::Layout::OneLine).into();
                return Ok(Enrolment { public_key, body, dialogue: None, wrong: false });
            }
            Self::Wrong { right, whole } => {
                let enrolment = Box::pin(right.write(name)).await?;
                let body = spoilt(&enrolment, *whole)?;
                return Ok(Enrolment { body, wrong: true, ..enrolment });
            }
            Self::Cmp { device, recipient } => {
                (device.certificate.subject().clone(), recipient, Protection::Signature(Arc::clone(device)))
            }
            Self::CmpMac { reference, secret, recipient } => {
                let sender = Name::from_text(&format!("CN={reference}")).map_err(Fault::odd)?;
                let key = MacKey::from_secret(secret.as_bytes(), random()?, ITERATIONS, reference.as_bytes());
                (sender, recipient, Protection::Mac(key))
            }
        };
        let template = CertTemplateDraft::new(subject, public_key.clone());
        let request = crmf::sign(&crmf::request(0, &template), &key).await.map_err(Fault::machine)?;
        let mut draft = client::first(&sender, recipient, random()?, random()?, body::cr(&request));
        draft.general_info.push(InfoTypeAndValue::implicit_confirm());
        let der = protection.protect(draft).await?;
        let sent = Message::parse(&der, &Limits::default()).map_err(Fault::odd)?;
        Ok(Enrolment { public_key, body: der.into(), dialogue: Some(Dialogue { sent, protection }), wrong: false })
    }
}

/// The octets of a message with one of its nonce changed, or as many that mean nothing.
fn spoilt(enrolment: &Enrolment, whole: bool) -> Result<Bytes, Fault> {
    let mut octets = enrolment.body.to_vec();
    if whole {
        aws_lc_rs::rand::fill(&mut octets).map_err(|_| Fault::machine("there are no random octets"))?;
        // A SEQUENCE at least.
        octets[0] = 0x30;
        return Ok(octets.into());
    }
    let nonce = enrolment.dialogue.as_ref().and_then(|dialogue| dialogue.sent.header().sender_nonce.clone());
    let nonce = nonce.filter(|nonce| !nonce.is_empty()).ok_or_else(|| Fault::odd("the message has no nonce"))?;
    let place = octets.windows(nonce.len()).position(|window| window == nonce);
    let place = place.ok_or_else(|| Fault::odd("the nonce is not in its message"))?;
    octets[place] ^= 1;
    Ok(octets.into())
}

impl Dialogue {
    /// The pollReq after an answer (RFC 9810 section 5.3.22).
    pub(crate) async fn poll(&self, answer: &Message, cert_req_id: i64) -> Result<Message, Fault> {
        let draft = client::poll(self.sent.header(), answer.header(), random()?, cert_req_id);
        let der = self.protection.protect(draft).await?;
        Message::parse(&der, &Limits::default()).map_err(Fault::odd)
    }
}

impl Protection {
    async fn protect(&self, mut draft: Draft) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Signature(device) => {
                let certificate = &device.certificate;
                draft.sender_kid = certificate.subject_key_identifier().map(<[u8]>::to_vec);
                draft.sign(&device.signer, &[certificate.der().to_vec()]).await.map_err(Fault::machine)
            }
            Self::Mac(key) => Ok(draft.mac(key, &[])),
        }
    }
}

/// The key stays out of sight.
impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Signature(_) => "Signature",
            Self::Mac(_) => "Mac",
        })
    }
}

/// The RA, where its certificate is known; anybody otherwise (RFC 9483 section 3.1 allows it).
fn recipient(office: &Office) -> Name {
    let certificates = office.certificates("RA_CERT").unwrap_or_default();
    certificates.first().map_or_else(Name::empty, |certificate: &Certificate| certificate.subject().clone())
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Fault::machine("there are no random octets"))?;
    Ok(octets)
}

/// What OpenSSL uses for PasswordBasedMac by default.
pub(crate) const ITERATIONS: u32 = 500;
