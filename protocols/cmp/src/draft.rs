//! Composing a message.

use certs::{Millis, Name, Signer, SignerFault};

use crate::asn1;
use crate::header::{self, Header, InfoTypeAndValue};
use crate::protection::MacKey;

/// A message to be; [`Draft::mac`] or [`Draft::sign`] finishes it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// 2, or 3 where RFC 9810 section 7 wants it.
    pub pvno: u8,
    /// Who we are.
    pub sender: Name,
    /// The recipient as a `GeneralName` (DER), see [`header::general_name`].
    pub recipient: Vec<u8>,
    /// Now, if it is to be said; in whole seconds.
    pub message_time: Option<Millis>,
    /// Subject key identifier of our certificate; [`Draft::mac`] sets the reference if it is none.
    pub sender_kid: Option<Vec<u8>>,
    /// Rarely used.
    pub recip_kid: Option<Vec<u8>>,
    /// The transaction.
    pub transaction_id: Option<Vec<u8>>,
    /// Fresh.
    pub sender_nonce: Option<Vec<u8>>,
    /// The nonce that is answered.
    pub recip_nonce: Option<Vec<u8>>,
    /// For people.
    pub free_text: Vec<String>,
    /// For machines.
    pub general_info: Vec<InfoTypeAndValue>,
    /// The body with its tag, from an encoder of [`crate::body`].
    pub body: Vec<u8>,
}

impl Draft {
    /// The answer to a message with this header: version, transactionID, nonce and recipient follow
    /// from it (RFC 9483 section 3.1).
    #[must_use]
    pub fn answering(request: &Header, sender: &Name, nonce: [u8; 16], body: Vec<u8>) -> Self {
        Self {
            // RFC 9810 section 7: the request's version, or of ours the one nearest to it.
            pvno: request.pvno.clamp(2, 3),
            sender: sender.clone(),
            recipient: request.sender_der.clone(),
            message_time: None,
            sender_kid: None,
            recip_kid: None,
            transaction_id: request.transaction_id.clone(),
            sender_nonce: Some(nonce.to_vec()),
            recip_nonce: request.sender_nonce.clone(),
            free_text: Vec::new(),
            general_info: Vec::new(),
            body,
        }
    }

    /// An error message to someone whose header could not be read.
    #[must_use]
    pub fn to_nobody(sender: &Name, nonce: [u8; 16], body: Vec<u8>) -> Self {
        Self {
            pvno: 2,
            sender: sender.clone(),
            recipient: header::general_name(&Name::empty()),
            message_time: None,
            sender_kid: None,
            recip_kid: None,
            transaction_id: None,
            sender_nonce: Some(nonce.to_vec()),
            recip_nonce: None,
            free_text: Vec::new(),
            general_info: Vec::new(),
            body,
        }
    }

    /// The message without protection: only for errors that cannot be protected
    /// (RFC 9483 section 3.6.4).
    #[must_use]
    pub fn unprotected(self, extra_certs: &[Vec<u8>]) -> Vec<u8> {
        assemble(&self.header(None), &self.body, None, extra_certs)
    }

    /// The message with a MAC.
    #[must_use]
    pub fn mac(mut self, key: &MacKey, extra_certs: &[Vec<u8>]) -> Vec<u8> {
        // RFC 9483 section 4.1.5: senderKID MUST hold the reference.
        self.sender_kid.get_or_insert_with(|| key.reference().to_vec());
        let header = self.header(Some(key.algorithm()));
        let protection = key.mac(&asn1::sequence(&[&header, &self.body]));
        assemble(&header, &self.body, Some(&protection), extra_certs)
    }

    /// The message with a signature. The signer's certificate comes first in `extra_certs`
    /// (RFC 9483 section 3.3).
    ///
    /// # Errors
    /// When the key does not sign.
    pub async fn sign(self, signer: &dyn Signer, extra_certs: &[Vec<u8>]) -> Result<Vec<u8>, SignerFault> {
        let header = self.header(Some(signer.algorithm()));
        let protected_part = asn1::sequence(&[&header, &self.body]);
        let protection = signer.sign(&protected_part).await?;
        Ok(assemble(&header, &self.body, Some(&protection), extra_certs))
    }

    /// `PKIHeader` (DER).
    fn header(&self, protection_alg: Option<&[u8]>) -> Vec<u8> {
        let header = Header {
            pvno: self.pvno,
            sender_der: header::general_name(&self.sender),
            sender: None,
            recipient_der: self.recipient.clone(),
            recipient: None,
            message_time: self.message_time.map(|time| Millis(time.0.saturating_sub(time.0.rem_euclid(1000)))),
            protection_alg: protection_alg.map(<[u8]>::to_vec),
            sender_kid: self.sender_kid.clone(),
            recip_kid: self.recip_kid.clone(),
            transaction_id: self.transaction_id.clone(),
            sender_nonce: self.sender_nonce.clone(),
            recip_nonce: self.recip_nonce.clone(),
            free_text: self.free_text.clone(),
            general_info: self.general_info.clone(),
        };
        header.encode()
    }
}

/// `PKIMessage` (DER) from its parts.
pub(crate) fn assemble(header: &[u8], body: &[u8], protection: Option<&[u8]>, extra_certs: &[Vec<u8>]) -> Vec<u8> {
    let protection = protection.map(asn1::bit_string);
    let extra_certs = (!extra_certs.is_empty()).then(|| asn1::sequence_of(extra_certs));
    asn1::sequence(&[
        header,
        body,
        &asn1::explicit(0, protection.as_deref()),
        &asn1::explicit(1, extra_certs.as_deref()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::sample::{self, name};

    #[test]
    fn an_answer_has_the_version_of_its_request_or_of_ours_the_nearest() {
        // RFC 9810 section 7.
        for (asked, answered) in [(0, 2), (1, 2), (2, 2), (3, 3), (4, 3), (255, 3)] {
            let mut header = sample::message(body::pki_conf()).header().clone();
            header.pvno = asked;
            let answer = Draft::answering(&header, &name("CN=authority"), [7; 16], body::pki_conf());
            assert_eq!(answer.pvno, answered, "{asked}");
        }
    }

    #[test]
    fn an_answer_goes_back_with_the_transaction_and_the_nonce_of_its_request() {
        // RFC 9483 section 3.1.
        let request = sample::message(body::pki_conf());
        let answer = Draft::answering(request.header(), &name("CN=authority"), [7; 16], body::pki_conf());
        let answer = sample::read(&answer.unprotected(&[]));
        assert_eq!(answer.header().recipient_der, request.header().sender_der);
        assert_eq!(answer.header().transaction_id, request.header().transaction_id);
        assert_eq!(answer.header().recip_nonce, request.header().sender_nonce);
        assert_eq!(answer.header().sender_nonce, Some(vec![7; 16]));
    }

    #[test]
    fn our_times_have_no_fractions() {
        let mut draft = sample::draft(body::pki_conf());
        draft.message_time = Some(Millis(1_795_000_000_999));
        let message = sample::read(&draft.unprotected(&[]));
        assert_eq!(message.header().message_time, Some(Millis(1_795_000_000_000)));
    }
}
