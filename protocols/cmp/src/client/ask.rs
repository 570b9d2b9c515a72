//! Asking. The bodies come from the encoders of [`crate::body`]: an original CertReqMsg goes into
//! [`crate::body::cr`] byte for byte, a PKCS#10 request into [`crate::body::p10cr`],
//! a [`crate::support::Question`] into [`crate::body::genm`].

use certs::{Certificate, Name};

use crate::body;
use crate::confirm::CertStatus;
use crate::draft::Draft;
use crate::header::{self, Header};
use crate::status::StatusInfo;

/// The first message of a transaction.
#[must_use]
pub fn first(sender: &Name, recipient: &Name, transaction_id: [u8; 16], nonce: [u8; 16], body: Vec<u8>) -> Draft {
    Draft {
        pvno: 2,
        sender: sender.clone(),
        recipient: header::general_name(recipient),
        message_time: None,
        sender_kid: None,
        recip_kid: None,
        transaction_id: Some(transaction_id.to_vec()),
        sender_nonce: Some(nonce.to_vec()),
        recip_nonce: None,
        free_text: Vec::new(),
        general_info: Vec::new(),
        body,
    }
}

/// A later message of a transaction: `sent` is the header of our last one, `answer` that of what
/// came back.
#[must_use]
pub fn next(sent: &Header, answer: &Header, nonce: [u8; 16], body: Vec<u8>) -> Draft {
    Draft {
        pvno: sent.pvno.clamp(2, 3),
        sender: sent.sender.clone().unwrap_or_else(Name::empty),
        // RFC 9483 section 3.1: "SHOULD contain the value of the sender field of the previous message".
        recipient: answer.sender_der.clone(),
        message_time: None,
        sender_kid: sent.sender_kid.clone(),
        recip_kid: None,
        transaction_id: sent.transaction_id.clone(),
        sender_nonce: Some(nonce.to_vec()),
        // RFC 9483 section 3.1: the senderNonce of the message that is answered.
        recip_nonce: answer.sender_nonce.clone(),
        free_text: Vec::new(),
        general_info: Vec::new(),
        body,
    }
}

/// certConf: the certificate is taken, or rejected with a status.
#[must_use]
pub fn confirm(
    sent: &Header,
    answer: &Header,
    nonce: [u8; 16],
    (certificate, cert_req_id): (&Certificate, i64),
    rejection: Option<StatusInfo>,
) -> Draft {
    let status = CertStatus::about(certificate, cert_req_id, rejection);
    let mut draft = next(sent, answer, nonce, body::cert_conf(std::slice::from_ref(&status)));
    if status.needs_pvno_3() {
        draft.pvno = 3;
    }
    draft
}

/// pollReq for the certReqId that [`super::Answer::Waiting`] gave.
#[must_use]
pub fn poll(sent: &Header, answer: &Header, nonce: [u8; 16], cert_req_id: i64) -> Draft {
    next(sent, answer, nonce, body::poll_req(&[cert_req_id]))
}
