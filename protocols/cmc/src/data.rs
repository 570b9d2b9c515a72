//! PKIData and PKIResponse: what a request and a response consist of (RFC 10002 sections 3.2.1 and 4.2.1).

use std::collections::HashSet;

use certs::ObjectIdentifier;

use crate::Fault;
use crate::asn1::{self, Element, SEQUENCE, SET};
use crate::request::TaggedRequest;

/// ```text
/// PKIData ::= SEQUENCE {
///     controlSequence    SEQUENCE SIZE (0..MAX) OF TaggedAttribute,
///     reqSequence        SEQUENCE SIZE (0..MAX) OF TaggedRequest,
///     cmsSequence        SEQUENCE SIZE (0..MAX) OF TaggedContentInfo,
///     otherMsgSequence   SEQUENCE SIZE (0..MAX) OF OtherMsg }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PkiData {
    /// controlSequence.
    pub controls: Vec<TaggedAttribute>,
    /// reqSequence.
    pub requests: Vec<TaggedRequest>,
    /// cmsSequence.
    pub messages: Vec<TaggedContentInfo>,
    /// otherMsgSequence.
    pub others: Vec<OtherMsg>,
}

/// ```text
/// PKIResponse ::= SEQUENCE {
///     controlSequence   SEQUENCE SIZE (0..MAX) OF TaggedAttribute,
///     cmsSequence       SEQUENCE SIZE (0..MAX) OF TaggedContentInfo,
///     otherMsgSequence  SEQUENCE SIZE (0..MAX) OF OtherMsg }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PkiResponse {
    /// controlSequence.
    pub controls: Vec<TaggedAttribute>,
    /// cmsSequence.
    pub messages: Vec<TaggedContentInfo>,
    /// otherMsgSequence.
    pub others: Vec<OtherMsg>,
}

/// A control as received.
///
/// ```text
/// TaggedAttribute ::= SEQUENCE { bodyPartID BodyPartID, attrType OBJECT IDENTIFIER, attrValues SET OF ANY }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaggedAttribute {
    /// bodyPartID.
    pub id: u32,
    /// attrType.
    pub oid: ObjectIdentifier,
    /// attrValues, each as DER.
    pub values: Vec<Vec<u8>>,
}

/// `TaggedContentInfo ::= SEQUENCE { bodyPartID BodyPartID, contentInfo ContentInfo }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaggedContentInfo {
    /// bodyPartID.
    pub id: u32,
    /// ContentInfo (DER).
    pub content_info: Vec<u8>,
}

/// `OtherMsg ::= SEQUENCE { bodyPartID BodyPartID, otherMsgType OBJECT IDENTIFIER, otherMsgValue ANY }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtherMsg {
    /// bodyPartID.
    pub id: u32,
    /// otherMsgType.
    pub oid: ObjectIdentifier,
    /// otherMsgValue (DER).
    pub value: Vec<u8>,
}

impl PkiData {
    /// Reads it from DER.
    ///
    /// # Errors
    /// badRequest when it is something else, or body parts share a number.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Element::only("PKIData", der)?.sequence()?;
        let controls = fields.take(SEQUENCE)?.fields()?.each(|element| TaggedAttribute::parse(&element))?;
        let requests = fields.take(SEQUENCE)?.fields()?.each(|element| TaggedRequest::parse(&element))?;
        let messages = fields.take(SEQUENCE)?.fields()?.each(|element| TaggedContentInfo::parse(&element))?;
        let others = fields.take(SEQUENCE)?.fields()?.each(|element| OtherMsg::parse(&element))?;
        fields.end()?;
        let data = Self { controls, requests, messages, others };
        check_ids(data.ids())?;
        Ok(data)
    }

    /// All body parts' numbers, in order.
    fn ids(&self) -> impl Iterator<Item = u32> {
        let controls = self.controls.iter().map(|control| control.id);
        let requests = self.requests.iter().map(|request| request.id);
        let messages = self.messages.iter().map(|message| message.id);
        controls.chain(requests).chain(messages).chain(self.others.iter().map(|other| other.id))
    }

    /// reqSequence (DER): what an identity proof covers (section 6.2.1 step 1).
    #[must_use]
    pub fn requests_der(&self) -> Vec<u8> {
        asn1::sequence_of(&self.requests.iter().map(|request| request.der.clone()).collect::<Vec<_>>())
    }

    /// DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[
            &encode_all(&self.controls, TaggedAttribute::encode),
            &self.requests_der(),
            &encode_all(&self.messages, TaggedContentInfo::encode),
            &encode_all(&self.others, OtherMsg::encode),
        ])
    }
}

impl PkiResponse {
    /// Reads it from DER.
    ///
    /// # Errors
    /// badRequest when it is something else, or body parts share a number.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Element::only("PKIResponse", der)?.sequence()?;
        let controls = fields.take(SEQUENCE)?.fields()?.each(|element| TaggedAttribute::parse(&element))?;
        let messages = fields.take(SEQUENCE)?.fields()?.each(|element| TaggedContentInfo::parse(&element))?;
        let others = fields.take(SEQUENCE)?.fields()?.each(|element| OtherMsg::parse(&element))?;
        fields.end()?;
        let response = Self { controls, messages, others };
        let ids = response.controls.iter().map(|control| control.id);
        let ids = ids.chain(response.messages.iter().map(|message| message.id));
        check_ids(ids.chain(response.others.iter().map(|other| other.id)))?;
        Ok(response)
    }

    /// DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[
            &encode_all(&self.controls, TaggedAttribute::encode),
            &encode_all(&self.messages, TaggedContentInfo::encode),
            &encode_all(&self.others, OtherMsg::encode),
        ])
    }
}

/// Section 3.2.2: a number "MUST be unique within a single PKIData or PKIResponse", and 0 is the message itself.
fn check_ids(ids: impl Iterator<Item = u32>) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    for id in ids {
        if id == 0 {
            return Err(Fault::bad_request("bodyPartID 0 is reserved for the message itself"));
        }
        if !seen.insert(id) {
            return Err(Fault::bad_request(format!("bodyPartID {id} is there twice")).about(&[], id));
        }
    }
    Ok(())
}

fn encode_all<T>(items: &[T], encode: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    asn1::sequence_of(&items.iter().map(encode).collect::<Vec<_>>())
}

impl TaggedAttribute {
    /// A control with one value (DER).
    #[must_use]
    pub fn new(id: u32, oid: ObjectIdentifier, value: Vec<u8>) -> Self {
        Self { id, oid, values: vec![value] }
    }

    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let id = fields.next()?.number()?;
        let oid = fields.next()?.oid()?;
        let values = fields.take(SET)?.fields()?.each(|value| Ok(value.der.to_vec()))?;
        fields.end()?;
        Ok(Self { id, oid, values })
    }

    fn encode(&self) -> Vec<u8> {
        // As received: a SET OF in another order stays so.
        let values = asn1::element(SET, &[&self.values.concat()]);
        asn1::sequence(&[&asn1::number(self.id), &asn1::oid(self.oid), &values])
    }
}

impl TaggedContentInfo {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let id = fields.next()?.number()?;
        let content_info = fields.take(SEQUENCE)?.der.to_vec();
        fields.end()?;
        Ok(Self { id, content_info })
    }

    fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&asn1::number(self.id), &self.content_info])
    }
}

impl OtherMsg {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let id = fields.next()?.number()?;
        let oid = fields.next()?.oid()?;
        let value = fields.next()?.der.to_vec();
        fields.end()?;
        Ok(Self { id, oid, value })
    }

    fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&asn1::number(self.id), &asn1::oid(self.oid), &self.value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oid;
    use crate::status::{BodyReference, FailInfo};
    use proptest::prelude::*;

    fn data(ids: [u32; 3]) -> PkiData {
        PkiData {
            controls: vec![TaggedAttribute::new(ids[0], oid::SENDER_NONCE, asn1::octet_string(b"n"))],
            requests: vec![TaggedRequest::other(5, oid::DATA, &[5, 0])],
            messages: vec![TaggedContentInfo { id: ids[1], content_info: vec![0x30, 0] }],
            others: vec![OtherMsg { id: ids[2], oid: oid::DATA, value: vec![5, 0] }],
        }
    }

    #[test]
    fn a_number_is_given_once() {
        assert_eq!(PkiData::parse(&data([1, 2, 3]).encode()), Ok(data([1, 2, 3])));
        for (ids, twice) in [([2, 2, 3], 2), ([1, 3, 3], 3), ([5, 2, 3], 5)] {
            let fault = PkiData::parse(&data(ids).encode()).unwrap_err();
            assert_eq!(fault.failure, Some(FailInfo::BAD_REQUEST));
            assert_eq!(fault.bodies, [BodyReference::Part(twice)]);
        }
    }

    #[test]
    fn zero_is_reserved() {
        for ids in [[0, 2, 3], [1, 0, 3], [1, 2, 0]] {
            assert!(PkiData::parse(&data(ids).encode()).is_err());
        }
    }

    #[test]
    fn a_response_keeps_to_the_same_numbers() {
        let response = |id| PkiResponse {
            controls: vec![TaggedAttribute::new(id, oid::SENDER_NONCE, asn1::octet_string(b"n"))],
            messages: data([1, 2, 3]).messages,
            others: data([1, 2, 3]).others,
        };
        assert_eq!(PkiResponse::parse(&response(1).encode()), Ok(response(1)));
        assert!(PkiResponse::parse(&response(0).encode()).is_err());
        assert!(PkiResponse::parse(&response(2).encode()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..4), id: u32) {
            let mut whole = data([1, 2, 3]);
            whole.controls.push(TaggedAttribute {
                id: id.max(9),
                oid: oid::REG_INFO,
                values: values.iter().map(|value| asn1::octet_string(value)).collect(),
            });
            let der = whole.encode();
            prop_assert_eq!(PkiData::parse(&der).unwrap().encode(), der);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..80, byte: u8) {
            let _ = (PkiData::parse(&bytes), PkiResponse::parse(&bytes));
            let mut der = data([1, 2, 3]).encode();
            if let Some(place) = der.get_mut(at) { *place = byte; }
            if let Ok(read) = PkiData::parse(&der) {
                prop_assert_eq!(read.encode(), der);
            }
        }
    }
}
