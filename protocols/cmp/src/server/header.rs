//! Header rules (RFC 9810 section 5.1.1, RFC 9483 sections 3.1 and 3.5).

use certs::Millis;

use crate::asn1;
use crate::fault::Fault;
use crate::header::Header;
use crate::oid;
use crate::status::FailureInfo;

/// What a profile may choose.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HeaderRules {
    /// How far messageTime may be off, in milliseconds; not looked at when absent.
    pub time_window: Option<i64>,
    /// Whether messageTime must be there.
    pub time_required: bool,
}

/// Checks a header on its own. `expected_recip_nonce` is our last senderNonce; none stands for the
/// first message of an operation.
///
/// # Errors
/// The failInfo of RFC 9483 section 3.5.
pub fn check_header(
    header: &Header,
    now: Millis,
    rules: &HeaderRules,
    expected_recip_nonce: Option<&[u8]>,
) -> Result<(), Fault> {
    check_version(header)?;
    check_identifiers(header, expected_recip_nonce)?;
    check_time(header, now, rules)?;
    check_confirm_infos(header)
}

/// RFC 9483 section 3.5: "The pvno MUST be cmp2000(2) or cmp2021(3)."
fn check_version(header: &Header) -> Result<(), Fault> {
    match header.pvno {
        2 | 3 => Ok(()),
        other => {
            Err(Fault::new(FailureInfo::UNSUPPORTED_VERSION, format!("pvno {other} is not supported; use 2 or 3")))
        }
    }
}

fn check_identifiers(header: &Header, expected_recip_nonce: Option<&[u8]>) -> Result<(), Fault> {
    // RFC 9483 section 3.5: "The transactionID MUST be present."
    if header.transaction_id.as_deref().is_none_or(<[u8]>::is_empty) {
        return Err(Fault::format("transactionID is missing; use 16 random octets"));
    }
    // RFC 9483 section 3.5: "The senderNonce MUST be present and MUST contain at least 128 bits".
    if header.sender_nonce.as_ref().is_none_or(|nonce| nonce.len() < 16) {
        return Err(Fault::new(FailureInfo::BAD_SENDER_NONCE, "senderNonce must be there and have at least 16 octets"));
    }
    match (expected_recip_nonce, header.recip_nonce.as_deref()) {
        // RFC 9483 section 3.1: recipNonce is absent in the first message of an operation.
        (None, Some(_)) => Err(Fault::new(
            FailureInfo::BAD_RECIPIENT_NONCE,
            "recipNonce must be absent in the first message of a transaction",
        )),
        // RFC 9483 section 3.5: "the recipNonce MUST be present and MUST equal the senderNonce".
        (Some(expected), found) if found != Some(expected) => {
            Err(Fault::new(FailureInfo::BAD_RECIPIENT_NONCE, "recipNonce is not the senderNonce of our last message"))
        }
        _ => Ok(()),
    }
}

/// RFC 9483 section 3.5: "the messageTime MUST be close to the current time".
fn check_time(header: &Header, now: Millis, rules: &HeaderRules) -> Result<(), Fault> {
    let bad = |text: String| Fault::new(FailureInfo::BAD_TIME, text);
    match (header.message_time, rules.time_window) {
        (None, _) if rules.time_required => Err(bad("messageTime is missing".to_owned())),
        (Some(time), Some(window)) if time.0.abs_diff(now.0) > window.unsigned_abs() => {
            Err(bad(format!("messageTime is off by more than {} s; set the clock", window / 1000)))
        }
        _ => Ok(()),
    }
}

fn check_confirm_infos(header: &Header) -> Result<(), Fault> {
    let waits = header.confirm_wait_time()?.is_some();
    if let Some(info) = header.info(oid::IMPLICIT_CONFIRM) {
        // RFC 9483 section 3.1: "ImplicitConfirmValue MUST be NULL". An absent value means the same.
        if info.value.as_deref().is_some_and(|value| value != asn1::NULL) {
            return Err(Fault::request("the value of implicitConfirm must be NULL"));
        }
        // RFC 9483 section 3.1: confirmWaitTime is for messages without implicitConfirm.
        if waits {
            return Err(Fault::request("implicitConfirm and confirmWaitTime exclude each other"));
        }
    }
    // RFC 9483 section 3.1: messageTime MUST be there with confirmWaitTime.
    if waits && header.message_time.is_none() {
        return Err(Fault::new(FailureInfo::BAD_TIME, "confirmWaitTime needs messageTime"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::header::InfoTypeAndValue;
    use crate::sample;

    const NOW: Millis = Millis(1_795_000_000_000);

    fn header() -> Header {
        let mut header = sample::message(body::pki_conf()).header().clone();
        header.message_time = Some(NOW);
        header
    }

    const RULES: HeaderRules = HeaderRules { time_window: Some(300_000), time_required: false };

    fn first(change: impl FnOnce(&mut Header)) -> Option<FailureInfo> {
        let mut header = header();
        change(&mut header);
        check_header(&header, NOW, &RULES, None).err().map(|fault| fault.failure)
    }

    fn later(nonce: Option<&[u8]>) -> Option<FailureInfo> {
        let mut header = header();
        header.recip_nonce = nonce.map(<[u8]>::to_vec);
        check_header(&header, NOW, &RULES, Some(&[9; 16])).err().map(|fault| fault.failure)
    }

    #[test]
    fn a_good_header_passes() {
        assert_eq!(first(|_| ()), None);
        assert_eq!(first(|header| header.pvno = 3), None);
        assert_eq!(first(|header| header.message_time = None), None);
        assert_eq!(later(Some(&[9; 16])), None);
    }

    #[test]
    fn who_is_meant_and_what_we_do_not_know_is_no_fault() {
        // RFC 9483 section 3.5: recipient and generalInfo "SHOULD be handled gracefully".
        assert_eq!(first(|header| header.recipient_der = asn1::element(0x82, &[b"ca.example"])), None);
        assert_eq!(first(|header| header.recipient_der = crate::header::general_name(&certs::Name::empty())), None);
        let unknown = InfoTypeAndValue {
            oid: der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.55555.7"),
            value: Some(asn1::NULL.to_vec()),
        };
        let kem = InfoTypeAndValue { oid: oid::KEM_CIPHERTEXT_INFO, value: None };
        assert_eq!(first(|header| header.general_info = vec![unknown, kem]), None);
        let more = |header: &mut Header| {
            header.recip_kid = Some(vec![1]);
            header.free_text = vec!["hello".to_owned()];
        };
        assert_eq!(first(more), None);
    }

    #[test]
    fn other_versions_are_unsupported() {
        for pvno in [0, 1, 4, 255] {
            let failure = first(|header| header.pvno = pvno);
            assert_eq!(failure, Some(FailureInfo::UNSUPPORTED_VERSION));
        }
    }

    #[test]
    fn a_transaction_has_an_id() {
        let failure = Some(FailureInfo::BAD_DATA_FORMAT);
        assert_eq!(first(|header| header.transaction_id = None), failure);
        assert_eq!(first(|header| header.transaction_id = Some(Vec::new())), failure);
    }

    #[test]
    fn a_sender_nonce_has_sixteen_octets() {
        let failure = Some(FailureInfo::BAD_SENDER_NONCE);
        assert_eq!(first(|header| header.sender_nonce = None), failure);
        assert_eq!(first(|header| header.sender_nonce = Some(vec![1; 15])), failure);
        assert_eq!(first(|header| header.sender_nonce = Some(vec![1; 20])), None);
    }

    #[test]
    fn the_recip_nonce_echoes_our_last_one_and_is_absent_at_first() {
        let failure = Some(FailureInfo::BAD_RECIPIENT_NONCE);
        assert_eq!(first(|header| header.recip_nonce = Some(vec![9; 16])), failure);
        assert_eq!(later(None), failure);
        assert_eq!(later(Some(&[8; 16])), failure);
        assert_eq!(later(Some(&[9; 15])), failure);
    }

    #[test]
    fn a_message_time_far_off_is_bad() {
        let failure = Some(FailureInfo::BAD_TIME);
        assert_eq!(first(|header| header.message_time = Some(NOW.plus(300_000))), None);
        assert_eq!(first(|header| header.message_time = Some(NOW.plus(301_000))), failure);
        assert_eq!(first(|header| header.message_time = Some(NOW.plus(-301_000))), failure);
        let mut late = header();
        late.message_time = None;
        let rules = HeaderRules { time_required: true, ..RULES };
        let fault = check_header(&late, NOW, &rules, None).unwrap_err();
        assert_eq!(Some(fault.failure), failure);
    }

    #[test]
    fn implicit_confirm_is_null_and_excludes_confirm_wait_time() {
        let failure = Some(FailureInfo::BAD_REQUEST);
        let confirm = InfoTypeAndValue::implicit_confirm;
        let set = |infos: Vec<InfoTypeAndValue>| first(|header| header.general_info = infos);
        assert_eq!(set(vec![confirm()]), None);
        let wrong = InfoTypeAndValue { value: Some(vec![1, 1, 0xFF]), ..confirm() };
        assert_eq!(set(vec![wrong]), failure);
        let wait = InfoTypeAndValue::confirm_wait_time(NOW);
        assert_eq!(set(vec![wait.clone()]), None);
        assert_eq!(set(vec![confirm(), wait]), failure);
    }

    #[test]
    fn confirm_wait_time_is_a_generalized_time_beside_a_message_time() {
        let utc = asn1::element(0x17, &[b"261123000000Z"]);
        let info = InfoTypeAndValue { oid: oid::CONFIRM_WAIT_TIME, value: Some(utc) };
        let failure = first(|header| header.general_info = vec![info]);
        assert_eq!(failure, Some(FailureInfo::BAD_DATA_FORMAT));
        let alone = first(|header| {
            header.general_info = vec![InfoTypeAndValue::confirm_wait_time(NOW)];
            header.message_time = None;
        });
        assert_eq!(alone, Some(FailureInfo::BAD_TIME));
    }
}
