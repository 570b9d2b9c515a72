//! The original of a changed message: origPKIMessage (RFC 9810 section 5.1.1.3).

use crate::asn1::{self, Element};
use crate::body::BodyKind;
use crate::fault::Fault;
use crate::header::InfoTypeAndValue;
use crate::message::Message;
use crate::oid;

impl InfoTypeAndValue {
    /// origPKIMessage with messages (DER) as they were received: exactly one, or in the header of
    /// a nested message one for each in its body, in the same order.
    ///
    /// ```text
    /// OrigPKIMessageValue ::= PKIMessages
    /// ```
    #[must_use]
    pub fn orig_pki_message(originals: &[&[u8]]) -> Self {
        Self { oid: oid::ORIG_PKI_MESSAGE, value: Some(asn1::sequence_of(originals)) }
    }
}

impl Message {
    /// The originals in origPKIMessage, each as DER; none if there is no such field. They are read
    /// with [`Message::parse`] and prove nothing before their own protection is verified.
    ///
    /// # Errors
    /// badDataFormat when the value is not a SEQUENCE; badRequest when there is not exactly one
    /// message, unless this message is nested.
    pub fn originals(&self) -> Result<Vec<&[u8]>, Fault> {
        let Some(info) = self.header().info(oid::ORIG_PKI_MESSAGE) else {
            return Ok(Vec::new());
        };
        let value = info.value.as_deref().unwrap_or_default();
        let all = Element::only(value, "origPKIMessage")?
            .sequence("origPKIMessage")?
            .each(self.limits().nested, |one| Ok(one.der))?;
        match (self.body().kind(), all.len()) {
            (BodyKind::Nested, 1..) | (_, 1) => Ok(all),
            (_, count) => Err(Fault::request(format!("origPKIMessage has {count} messages; put exactly one there"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::sample::{self, Key};
    use crate::status::FailureInfo;

    fn with(body: Vec<u8>, info: InfoTypeAndValue) -> Message {
        let mut draft = sample::draft(body);
        draft.general_info = vec![info];
        sample::read(&draft.unprotected(&[]))
    }

    #[test]
    fn the_original_comes_back_byte_for_byte() {
        let original = sample::ir(&Key::new());
        let message = with(body::pki_conf(), InfoTypeAndValue::orig_pki_message(&[original.der()]));
        assert_eq!(message.originals().unwrap(), [original.der()]);
        assert!(original.originals().unwrap().is_empty());
    }

    #[test]
    fn a_message_has_one_original_and_a_nested_one_several() {
        let (one, two) = (sample::message(body::pki_conf()), sample::message(body::poll_req(&[0])));
        let failure = |body, all: &[&[u8]]| {
            with(body, InfoTypeAndValue::orig_pki_message(all)).originals().err().map(|fault| fault.failure)
        };
        let both = [one.der(), two.der()];
        assert_eq!(failure(body::pki_conf(), &both), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(failure(body::pki_conf(), &[]), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(failure(body::nested(&both), &both), None);
        assert_eq!(failure(body::nested(&both), &[]), Some(FailureInfo::BAD_REQUEST));
        let odd = InfoTypeAndValue { oid: oid::ORIG_PKI_MESSAGE, value: Some(asn1::NULL.to_vec()) };
        assert_eq!(with(body::pki_conf(), odd).originals().unwrap_err().failure, FailureInfo::BAD_DATA_FORMAT);
    }
}
