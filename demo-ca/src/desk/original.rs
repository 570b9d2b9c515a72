use certs::{Csr, Millis, PublicKey};
use cmp::{CertReqMessages, FailureInfo, Limits, Message, Protection, body::Body};

use super::Desk;
use super::enrol::{prove_csr, prove_request};
use crate::records::Original;

impl Desk {
    /// The requester's own message, when an authority that replaced its protection sends it along (RFC 9810 section
    /// 5.1.1.3, RFC 9483 section 5.2.3): it must be the same transaction's, signed by somebody to us, and about the
    /// same key. One that a secret protects cannot be checked here.
    pub(super) fn original(&self, message: &Message, now: Millis) -> Result<Option<Original>, cmp::Fault> {
        let all = message.originals()?;
        let [der] = all.as_slice() else {
            return Ok(None);
        };
        let original = Message::parse(der, &Limits::default()).map_err(|unreadable| unreadable.fault)?;
        let (ours, theirs) = (message.header(), original.header());
        // RFC 9483 section 5.2.3: an intermediate entity "MUST NOT change the transactionID, the senderNonce".
        if (&ours.transaction_id, &ours.sender_nonce) != (&theirs.transaction_id, &theirs.sender_nonce) {
            return Err(cmp::Fault::request("origPKIMessage has another transactionID or senderNonce"));
        }
        if key(message)?.map(|key| key.print()) != key(&original)?.map(|key| key.print()) {
            return Err(cmp::Fault::new(FailureInfo::BAD_POP, "origPKIMessage asks for another key"));
        }
        if let Protection::Mac(_) = original.protection_kind()? {
            return Ok(Some(Original::default()));
        }
        let sender = self.admission.admit(&original, None, now, &self.records)?;
        prove(&original, sender.is_authority())?;
        Ok(Some(Original {
            signer: sender.certificate.subject().to_string(),
            signer_hash: sender.certificate.hash().to_vec(),
        }))
    }
}

/// The key that a message asks a certificate for.
fn key(message: &Message) -> Result<Option<PublicKey>, cmp::Fault> {
    match message.body() {
        Body::Ir(CertReqMessages(all)) | Body::Cr(CertReqMessages(all)) | Body::Kur(CertReqMessages(all)) => {
            all.first().map(|request| request.template.key().cloned()).transpose()
        }
        Body::P10cr(csr) => Ok(Some(Csr::parse(csr)?.public_key().clone())),
        _ => Ok(None),
    }
}

/// Whoever sends it along says that this was checked; the CA checks it again.
fn prove(original: &Message, by_authority: bool) -> Result<(), cmp::Fault> {
    match original.body() {
        Body::Ir(CertReqMessages(all)) | Body::Cr(CertReqMessages(all)) | Body::Kur(CertReqMessages(all)) => {
            for request in all {
                prove_request(request, by_authority)?;
            }
            Ok(())
        }
        Body::P10cr(csr) => prove_csr(&Csr::parse(csr)?),
        _ => Ok(()),
    }
}
