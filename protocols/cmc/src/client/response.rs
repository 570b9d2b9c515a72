//! What comes back: from whom, for which request, and what it says.

use certs::{Certificate, Millis, PublicKey};

use super::Sent;
use crate::control::Control;
use crate::data::PkiResponse;
use crate::signed::{SignedData, SignerInfo, may_sign};
use crate::status::{BodyReference, FailInfo, OtherInfo, Status, StatusInfo};
use crate::{Fault, oid};

/// A Full PKI Response that nobody has believed yet.
#[derive(Debug)]
pub struct Response {
    pub(super) message: SignedData,
    signer: SignerInfo,
    transaction_id: Option<Vec<u8>>,
    recipient_nonce: Option<Vec<u8>>,
    pub(super) sender_nonce: Option<Vec<u8>>,
    /// With their numbers.
    pub(super) statuses: Vec<(u32, StatusInfo)>,
}

/// What became of the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// Granted or done.
    Done,
    /// Granted; the certificate must be confirmed before it is used (section 6.14).
    ConfirmRequired,
    /// Not decided: ask again with this token, if there is one, at this time (section 6.13).
    Pending(Option<(Vec<u8>, Millis)>),
    /// Refused, or not supported.
    Failed {
        /// Why, if it says so.
        failure: Option<FailInfo>,
        /// In words.
        text: String,
    },
}

impl Response {
    /// Reads a `ContentInfo` (DER).
    ///
    /// # Errors
    /// What keeps it from being a Full PKI Response with one signer.
    pub fn parse(content_info: &[u8]) -> Result<Self, Fault> {
        let message = SignedData::parse(content_info)?;
        let content = PkiResponse::parse(message.content_of(oid::PKI_RESPONSE, "id-cct-PKIResponse")?)?;
        let [signer] = message.signers.as_slice() else {
            return Err(Fault::integrity(format!("there are {} signers instead of one", message.signers.len())));
        };
        let signer = signer.clone();
        let mut found = Self {
            message,
            signer,
            transaction_id: None,
            recipient_nonce: None,
            sender_nonce: None,
            statuses: Vec::new(),
        };
        for attribute in &content.controls {
            let once = match Control::parse(attribute)? {
                Control::StatusInfo(status) => {
                    found.statuses.push((attribute.id, status));
                    true
                }
                Control::TransactionId(value) => found.transaction_id.replace(value).is_none(),
                Control::RecipientNonce(value) => found.recipient_nonce.replace(value).is_none(),
                Control::SenderNonce(value) => found.sender_nonce.replace(value).is_none(),
                _ => true,
            };
            if !once {
                return Err(Fault::bad_request(format!("the control {} is there twice", attribute.oid)));
            }
        }
        Ok(found)
    }

    /// The certificates that came along and may be its signer's.
    pub fn signers(&self) -> impl Iterator<Item = Certificate> {
        self.message.readable().filter(|certificate| self.signer.names(certificate))
    }

    /// Whether this may be its signer's certificate.
    #[must_use]
    pub fn names(&self, certificate: &Certificate) -> bool {
        self.signer.names(certificate)
    }

    /// Whether the holder of this certificate signed it. Who may sign, its reader knows.
    ///
    /// # Errors
    /// badMessageCheck or badAlg.
    pub fn verify(&self, certificate: &Certificate) -> Result<(), Fault> {
        if !self.names(certificate) {
            return Err(Fault::integrity(format!("the signer is not '{}'", certificate.subject())));
        }
        may_sign(certificate)?;
        self.message.verify(&self.signer, certificate.public_key())
    }

    /// Whether it is the answer to this request (section 6.6).
    ///
    /// # Errors
    /// badRequest when it is the answer to another one.
    pub fn check_belongs(&self, sent: &Sent) -> Result<(), Fault> {
        // "all subsequent requests and responses MUST include the same Transaction Identifier control".
        if self.transaction_id.as_ref() != Some(&sent.thread.transaction_id) {
            return Err(Fault::bad_request("its transactionId is not that of our message"));
        }
        // "compares the value of Recipient Nonce control to its retained value".
        if self.recipient_nonce.as_ref() != Some(&sent.thread.nonce) {
            return Err(Fault::bad_request("its recipientNonce is not the senderNonce of our message"));
        }
        Ok(())
    }

    /// What it says of the request, which `sent` may only ask after. Where there are several words, the one that grants least counts.
    ///
    /// # Errors
    /// badRequest when it says nothing of it, or what a client like this cannot follow.
    pub fn told(&self, request: &Sent, sent: &Sent) -> Result<Told, Fault> {
        let ours = [&[request.body][..], &[sent.body], &[0]];
        let about = |status: &&StatusInfo| status.bodies.iter().any(|body| ours.contains(&body.path()));
        let ours: Vec<&StatusInfo> = self.statuses.iter().map(|(_, status)| status).filter(about).collect();
        let worst = ours.iter().max_by_key(|status| rank(status.status));
        let status = worst.ok_or_else(|| Fault::bad_request("it has no status of what was asked"))?;
        Ok(match status.status {
            Status::Success => Told::Done,
            Status::ConfirmRequired => Told::ConfirmRequired,
            Status::Pending => Told::Pending(match &status.other {
                Some(OtherInfo::Pend { token, time }) => Some((token.clone(), *time)),
                _ => None,
            }),
            Status::Failed => Told::Failed { failure: status.failure(), text: words("failed", status) },
            Status::NoSupport => Told::Failed { failure: None, text: words("noSupport", status) },
            Status::PopRequired => Told::Failed { failure: None, text: words("popRequired", status) },
            // Section 6.1.3: for several requests in a message; there is one in ours.
            Status::Partial => return Err(Fault::bad_request("it is partial, and one thing was asked")),
        })
    }

    /// The certificate for this key.
    ///
    /// # Errors
    /// badRequest when there is not exactly one.
    pub fn certificate_for(&self, key: &PublicKey) -> Result<Certificate, Fault> {
        let mut found = self.message.readable().filter(|certificate| certificate.public_key().der() == key.der());
        match (found.next(), found.next()) {
            (Some(certificate), None) => Ok(certificate),
            (None, _) => Err(Fault::bad_request("it holds no certificate for the key of the request")),
            (Some(_), Some(_)) => Err(Fault::bad_request("it holds several certificates for the key of the request")),
        }
    }

    /// What wants to be confirmed: the status that says so, or else all of it.
    pub(super) fn to_confirm(&self) -> Vec<BodyReference> {
        let wants = self.statuses.iter().find(|(_, status)| status.status == Status::ConfirmRequired);
        vec![BodyReference::Part(wants.map_or(0, |(id, _)| *id))]
    }
}

/// How far a status is from what was asked.
const fn rank(status: Status) -> u8 {
    match status {
        Status::Success => 0,
        Status::ConfirmRequired => 1,
        Status::Pending => 2,
        Status::Partial => 3,
        Status::PopRequired | Status::NoSupport | Status::Failed => 4,
    }
}

fn words(status: &'static str, info: &StatusInfo) -> String {
    let failure = info.failure().map_or(status, FailInfo::name);
    match &info.text {
        Some(text) => format!("{failure}: {text}"),
        None => failure.to_owned(),
    }
}
