//! Which protection a request may have (RFC 9483 sections 3.5 and 4.1.5).

use crate::body::BodyKind;
use crate::fault::Fault;
use crate::protection::Protection;
use crate::status::FailureInfo;

/// Checks that a request of this kind may be protected this way. Nothing is verified here.
///
/// # Errors
/// badMessageCheck without protection; wrongIntegrity for a MAC where a signature is required.
pub fn check_integrity(protection: &Protection, request: BodyKind) -> Result<(), Fault> {
    match (protection, request) {
        // RFC 9483 section 3.5: "Messages without protection MUST be rejected".
        (Protection::None, _) => Err(Fault::integrity("the message has no protection")),
        // RFC 9483 section 4.1.5: MAC-based protection is for ir, cr and p10cr and what follows
        // them; sections 4.1.3, 4.2 and 5.2.2 want signatures.
        (Protection::Mac(_), BodyKind::Kur | BodyKind::Rr | BodyKind::Nested) => Err(Fault::new(
            FailureInfo::WRONG_INTEGRITY,
            format!("{request} must be signed, not protected with a shared secret"),
        )),
        (Protection::Mac(_) | Protection::Signature(_), _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Key};
    use crate::{MacKey, body};

    #[test]
    fn updates_and_revocations_are_signed() {
        let key = MacKey::from_secret(b"secret", [3; 16], 500, b"ref");
        let mac = sample::read(&sample::draft(body::pki_conf()).mac(&key, &[])).protection_kind().unwrap();
        for kind in [BodyKind::Kur, BodyKind::Rr, BodyKind::Nested] {
            let fault = check_integrity(&mac, kind).unwrap_err();
            assert_eq!(fault.failure, FailureInfo::WRONG_INTEGRITY);
        }
        for kind in [BodyKind::Ir, BodyKind::Cr, BodyKind::P10cr, BodyKind::CertConf, BodyKind::PollReq] {
            assert!(check_integrity(&mac, kind).is_ok());
        }
        let signed = sample::wait(sample::draft(body::pki_conf()).sign(&Key::new(), &[])).unwrap();
        let signed = sample::read(&signed).protection_kind().unwrap();
        assert!(check_integrity(&signed, BodyKind::Kur).is_ok());
    }

    #[test]
    fn a_request_is_protected() {
        let fault = check_integrity(&Protection::None, BodyKind::Ir).unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_MESSAGE_CHECK);
    }
}
