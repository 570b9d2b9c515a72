//! What is asked, and what is read again from its record.

use certs::{Certificate, PublicKey, Signer, SignerFault};

use super::Response;
use crate::control::{Control, IssuerAndSerial, LraPopWitness, RevokeRequest};
use crate::data::{PkiData, TaggedAttribute};
use crate::request::TaggedRequest;
use crate::signed::{SignedData, SignerId};
use crate::status::{FailInfo, OtherInfo, Status, StatusInfo};
use crate::{Fault, asn1, full, oid};

/// What is asked.
#[derive(Debug)]
pub enum Asking<'a> {
    /// A certificate for a PKCS#10 (DER), which goes along byte for byte.
    Pkcs10(&'a [u8]),
    /// A certificate for the template in a `CertReqMsg` (DER), whose proof of possession the RA has checked: RA POP Witness
    /// (section 6.8) stands for it. Its certReqId becomes a body part's number, which 0, as in CMP, cannot be (section 3.2.2).
    Crmf(&'a [u8]),
    /// The end of a certificate.
    Revoke(&'a RevokeRequest),
    /// How is it going? With the pendToken of the answer before.
    Query(&'a [u8]),
    /// The certificate in the answer before is taken (section 6.14).
    Accept {
        /// That answer.
        answer: &'a Response,
        /// The certificate.
        certificate: &'a IssuerAndSerial,
    },
    /// The certificate in the answer before is not taken (section 6.14).
    Reject {
        /// That answer.
        answer: &'a Response,
        /// Why.
        text: &'a str,
    },
}

/// What tells the messages of a transaction from all others (section 6.6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Thread {
    /// transactionId: the contents octets of an INTEGER.
    pub transaction_id: Vec<u8>,
    /// senderNonce.
    pub nonce: Vec<u8>,
    /// recipientNonce: the senderNonce of the answer before, if there was one.
    pub recipient_nonce: Option<Vec<u8>>,
}

/// A request of ours, read again from its record.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its transaction and nonces.
    pub thread: Thread,
    /// What it asked.
    pub asked: Asked,
    /// The body part that the answer must be about.
    pub(super) body: u32,
}

/// What a recorded request asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A certificate for this key.
    Certificate(Box<PublicKey>),
    /// The end of one.
    Revocation,
    /// How it is going, with this pendToken.
    Query(Vec<u8>),
    /// That the CA hears what became of a certificate.
    Confirmation,
}

impl Thread {
    /// A new transaction. An INTEGER of 16 octets that is positive and has no needless octet, whatever was drawn.
    #[must_use]
    pub fn begin(mut transaction: [u8; 16], nonce: [u8; 16]) -> Self {
        transaction[0] = transaction[0] & 0x3f | 0x40;
        Self { transaction_id: transaction.to_vec(), nonce: nonce.to_vec(), recipient_nonce: None }
    }

    /// The next message of the transaction. Section 6.6: the same transactionId, and the nonce of the answer is sent back.
    #[must_use]
    pub fn next(&self, answer: &Response, nonce: [u8; 16]) -> Self {
        Self {
            transaction_id: self.transaction_id.clone(),
            nonce: nonce.to_vec(),
            recipient_nonce: answer.sender_nonce.clone(),
        }
    }

    fn controls(&self) -> Vec<(certs::ObjectIdentifier, Vec<u8>)> {
        let mut controls = vec![
            (oid::TRANSACTION_ID, asn1::element(asn1::INTEGER, &[&self.transaction_id])),
            (oid::SENDER_NONCE, asn1::octet_string(&self.nonce)),
        ];
        controls.extend(self.recipient_nonce.iter().map(|nonce| (oid::RECIPIENT_NONCE, asn1::octet_string(nonce))));
        controls
    }
}

/// A Full PKI Request (a `ContentInfo`, DER), signed by the key of the first of `own`, which is the RA's certificate.
///
/// # Errors
/// What is wrong with the request inside, or those of the signer.
pub async fn ask(
    asking: Asking<'_>,
    thread: &Thread,
    signer: &dyn Signer,
    own: &[Certificate],
) -> Result<Vec<u8>, AskFault> {
    let data = compose(&asking, thread)?;
    let first = own.first().ok_or_else(|| SignerFault::Unavailable("its certificate is not there".to_owned()))?;
    let id =
        SignerId::IssuerAndSerial(IssuerAndSerial { issuer: first.issuer().clone(), serial: first.serial().to_vec() });
    let certificates: Vec<Vec<u8>> = own.iter().map(|certificate| certificate.der().to_vec()).collect();
    Ok(full::pki_data(&data, &certificates, &id, signer).await?)
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub enum AskFault {
    /// What was to go along cannot.
    #[error(transparent)]
    Request(#[from] Fault),
    /// The RA key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerFault),
}

fn compose(asking: &Asking<'_>, thread: &Thread) -> Result<PkiData, Fault> {
    let mut requests = Vec::new();
    let mut own = None;
    let mut beside = thread.controls();
    match asking {
        Asking::Pkcs10(csr) => requests.push(TaggedRequest::pkcs10(OWN, csr)),
        Asking::Crmf(request) => {
            requests.push(TaggedRequest::crmf_vouched(OWN, request)?);
            // Section 6.8: pkiDataBodyid 0 is "the current PKIData".
            let witness = LraPopWitness { message: 0, requests: vec![OWN] };
            beside.push((oid::LRA_POP_WITNESS, witness.encode()));
        }
        Asking::Revoke(revoke) => own = Some((oid::REVOKE_REQUEST, revoke.encode())),
        Asking::Query(token) => own = Some((oid::QUERY_PENDING, asn1::octet_string(token))),
        Asking::Accept { answer, certificate } => {
            own = Some((oid::STATUS_INFO_V2, StatusInfo::success(answer.to_confirm()).encode()));
            beside.push((oid::CONFIRM_CERT_ACCEPTANCE, certificate.encode()));
        }
        Asking::Reject { answer, text } => {
            let status = StatusInfo {
                status: Status::Failed,
                bodies: answer.to_confirm(),
                text: Some((*text).to_owned()),
                other: Some(OtherInfo::Fail(FailInfo::BAD_REQUEST)),
            };
            own = Some((oid::STATUS_INFO_V2, status.encode()));
        }
    }
    let own = own.into_iter().map(|control| (OWN, control));
    let controls = own.chain((OWN + 1..).zip(beside)).map(|(id, (oid, value))| TaggedAttribute::new(id, oid, value));
    Ok(PkiData { controls: controls.collect(), requests, messages: Vec::new(), others: Vec::new() })
}

impl Sent {
    /// Reads a recorded request.
    ///
    /// # Errors
    /// badRequest when it is none of ours.
    pub fn parse(content_info: &[u8]) -> Result<Self, Fault> {
        let message = SignedData::parse(content_info)?;
        let data = PkiData::parse(message.content_of(oid::PKI_DATA, "id-cct-PKIData")?)?;
        let (mut transaction_id, mut nonce, mut recipient_nonce) = (None, None, None);
        let mut asked = match data.requests.first() {
            Some(request) => {
                let key = request.wish()?.public_key().clone();
                Some((request.id, Asked::Certificate(Box::new(key))))
            }
            None => None,
        };
        for attribute in &data.controls {
            match Control::parse(attribute)? {
                Control::TransactionId(value) => transaction_id = Some(value),
                Control::SenderNonce(value) => nonce = Some(value),
                Control::RecipientNonce(value) => recipient_nonce = Some(value),
                Control::RevokeRequest(_) => asked = Some((attribute.id, Asked::Revocation)),
                Control::QueryPending(token) => asked = Some((attribute.id, Asked::Query(token))),
                Control::StatusInfo(_) => asked = Some((attribute.id, Asked::Confirmation)),
                _ => {}
            }
        }
        let (Some(transaction_id), Some(nonce), Some((body, asked))) = (transaction_id, nonce, asked) else {
            return Err(Fault::bad_request("a request lacks its transactionId, its senderNonce or what it asks for"));
        };
        Ok(Self { thread: Thread { transaction_id, nonce, recipient_nonce }, asked, body })
    }

    /// Whether it only asks how it is going.
    #[must_use]
    pub const fn is_query(&self) -> bool {
        matches!(self.asked, Asked::Query(_))
    }
}

/// The bodyPartID of what is asked; what is beside it follows.
pub(super) const OWN: u32 = 1;
