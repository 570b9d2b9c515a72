//! How a server refuses (RFC 9483 section 3.6.2).

use crate::body::{self, BodyKind};
use crate::fault::Fault;
use crate::response::{CertRepMessage, CertResponse};
use crate::revocation::RevRepContent;
use crate::status::{ErrorMsgContent, FailureInfo, StatusInfo};

/// The kind of body that reports this failure to a request of this kind.
///
/// RFC 9483 section 3.6.2: faults "in the body of an ir, cr, p10cr, kur, or rr message" are a
/// rejection in the specific response; all others are an error message.
#[must_use]
pub fn reply_kind(failure: FailureInfo, request: BodyKind) -> BodyKind {
    if !IN_THE_BODY.iter().any(|bit| failure.contains(*bit)) {
        return BodyKind::Error;
    }
    rejection_kind(request)
}

/// The kind of body that tells status rejection to a request of this kind.
fn rejection_kind(request: BodyKind) -> BodyKind {
    match request {
        BodyKind::Ir => BodyKind::Ip,
        BodyKind::Cr | BodyKind::P10cr => BodyKind::Cp,
        BodyKind::Kur => BodyKind::Kup,
        BodyKind::Rr => BodyKind::Rp,
        _ => BodyKind::Error,
    }
}

/// The body (DER) that reports a fault to a request of this kind.
#[must_use]
pub fn refusal_body(fault: &Fault, request: BodyKind) -> Vec<u8> {
    body_of(fault, reply_kind(fault.failure, request), request)
}

/// The body (DER) that reports a fault in the body of a request of this kind, whatever its failInfo (RFC 9483 section 3.6.2).
#[must_use]
pub fn rejection_body(fault: &Fault, request: BodyKind) -> Vec<u8> {
    body_of(fault, rejection_kind(request), request)
}

fn body_of(fault: &Fault, kind: BodyKind, request: BodyKind) -> Vec<u8> {
    // RFC 9810 section 5.3.4: -1 for a p10cr.
    let cert_req_id = if request == BodyKind::P10cr { -1 } else { 0 };
    match kind {
        BodyKind::Ip | BodyKind::Cp | BodyKind::Kup => {
            body::answer(kind, &CertRepMessage::one(CertResponse::rejected(cert_req_id, fault)))
        }
        BodyKind::Rp => body::rp(&RevRepContent::one(StatusInfo::from(fault))),
        _ => body::error(&ErrorMsgContent::from(fault)),
    }
}

/// Failures that are about what is asked for, not about the message.
const IN_THE_BODY: [FailureInfo; 11] = [
    FailureInfo::BAD_POP,
    FailureInfo::BAD_CERT_TEMPLATE,
    FailureInfo::BAD_CERT_ID,
    FailureInfo::CERT_REVOKED,
    FailureInfo::NOT_AUTHORIZED,
    FailureInfo::INCORRECT_DATA,
    FailureInfo::WRONG_AUTHORITY,
    FailureInfo::UNACCEPTED_POLICY,
    FailureInfo::UNACCEPTED_EXTENSION,
    FailureInfo::ADD_INFO_NOT_AVAILABLE,
    FailureInfo::DUPLICATE_CERT_REQ,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;
    use crate::sample;

    #[test]
    fn faults_of_what_is_asked_for_are_rejections() {
        let bad = FailureInfo::BAD_POP;
        assert_eq!(reply_kind(bad, BodyKind::Ir), BodyKind::Ip);
        assert_eq!(reply_kind(bad, BodyKind::P10cr), BodyKind::Cp);
        assert_eq!(reply_kind(bad, BodyKind::Kur), BodyKind::Kup);
        assert_eq!(reply_kind(FailureInfo::CERT_REVOKED, BodyKind::Rr), BodyKind::Rp);
        assert_eq!(reply_kind(FailureInfo::BAD_CERT_ID, BodyKind::CertConf), BodyKind::Error);
    }

    #[test]
    fn faults_of_the_message_are_errors() {
        let faults = [
            FailureInfo::BAD_MESSAGE_CHECK,
            FailureInfo::BAD_ALG,
            FailureInfo::WRONG_INTEGRITY,
            FailureInfo::SIGNER_NOT_TRUSTED,
            FailureInfo::SYSTEM_UNAVAIL,
        ];
        for fault in faults {
            assert_eq!(reply_kind(fault, BodyKind::Ir), BodyKind::Error);
        }
    }

    #[test]
    fn a_refused_p10cr_has_the_number_minus_one() {
        let fault = Fault::new(FailureInfo::BAD_POP, "no");
        for (kind, id) in [(BodyKind::P10cr, -1), (BodyKind::Cr, 0)] {
            let message = sample::message(refusal_body(&fault, kind));
            let Body::Cp(content) = message.body() else { panic!("no cp") };
            assert_eq!(content.responses[0].cert_req_id, id);
            assert_eq!(content.responses[0].status, StatusInfo::from(&fault));
        }
        let message = sample::message(refusal_body(&fault, BodyKind::Rr));
        assert!(matches!(message.body(), Body::Rp(content) if content.status.len() == 1));
        let message = sample::message(refusal_body(&fault, BodyKind::Genm));
        assert!(matches!(message.body(), Body::Error(_)));
    }
}
