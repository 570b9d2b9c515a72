use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber};

use crate::Fault;

/// A certs-only CMS message (RFC 7030 section 4.1.3, RFC 8551 section 3.8): `SignedData` without content and signers.
///
/// The certificates are DER and stay byte for byte as they are. An enrolment's answer has exactly one (RFC 7030 section 4.2.3).
#[must_use]
pub fn certs_only(certificates: &[&[u8]]) -> Vec<u8> {
    // RFC 8951 section 3 wants DER; a SET OF is sorted there (X.690 section 11.6).
    let mut sorted = certificates.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let signed_data = wrap(
        SEQUENCE,
        &[
            &[0x02, 0x01, 0x01][..], // RFC 5652 section 5.1: version 1 without attribute certificates, crls and non-data content
            &[SET, 0x00],            // digestAlgorithms
            &wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, ID_DATA.as_bytes())), // encapContentInfo without eContent
            wrap(CONTEXT_0, &sorted.concat()).as_slice(),
            &[SET, 0x00], // signerInfos
        ]
        .concat(),
    );
    let content_type = wrap(OBJECT_IDENTIFIER, ID_SIGNED_DATA.as_bytes());
    wrap(SEQUENCE, &[content_type, wrap(CONTEXT_0, &signed_data)].concat())
}

/// The certificates in a certs-only message, each as the DER it was received as, in the order received.
///
/// Signatures and revocation lists that the message may hold besides are passed over.
///
/// # Errors
/// When it is not the DER of a CMS `SignedData`.
pub fn parse_certs_only(der: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    read(der).map_err(|error| Fault::malformed("the certs-only message", error))
}

fn read(der: &[u8]) -> Result<Vec<Vec<u8>>, der::Error> {
    let content_info = AnyRef::from_der(der)?;
    let mut reader = inside(content_info, Tag::Sequence)?;
    let content_type = ObjectIdentifier::decode(&mut reader)?;
    if content_type != ID_SIGNED_DATA {
        return Err(der::ErrorKind::OidUnknown { oid: content_type }.into());
    }
    let mut explicit = inside(AnyRef::decode(&mut reader)?, context(TagNumber(0)))?;
    reader.finish()?;
    let mut signed_data = inside(AnyRef::decode(&mut explicit)?, Tag::Sequence)?;
    explicit.finish()?;
    u8::decode(&mut signed_data)?;
    inside(AnyRef::decode(&mut signed_data)?, Tag::Set)?;
    inside(AnyRef::decode(&mut signed_data)?, Tag::Sequence)?;
    let mut certificates = Vec::new();
    while !signed_data.is_finished() {
        let part = AnyRef::decode(&mut signed_data)?;
        if part.header().tag() == context(TagNumber(0)) {
            let mut set = inside(part, context(TagNumber(0)))?;
            while !set.is_finished() {
                // The other choices are obsolete formats and attribute certificates (RFC 5652 section 10.2.2).
                let is_certificate = Tag::peek(&set)? == Tag::Sequence;
                let bytes = set.tlv_bytes()?;
                if is_certificate {
                    certificates.push(bytes.to_vec());
                }
            }
        }
    }
    Ok(certificates)
}

fn inside(value: AnyRef<'_>, tag: Tag) -> Result<SliceReader<'_>, der::Error> {
    value.header().tag().assert_eq(tag)?;
    SliceReader::new(value.value())
}

fn context(number: TagNumber) -> Tag {
    Tag::ContextSpecific { constructed: true, number }
}

/// Tag, length and content. Written by hand, as certificates must not be taken apart and encoded anew.
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let length: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut wrapped = vec![tag];
    match length.as_slice() {
        [] => wrapped.push(0),
        [short] if *short < 0x80 => wrapped.push(*short),
        long => {
            // A usize has at most eight bytes.
            wrapped.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            wrapped.extend_from_slice(long);
        }
    }
    wrapped.extend_from_slice(content);
    wrapped
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const CONTEXT_0: u8 = 0xa0;
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_of_one_certificate_has_these_bytes() {
        let message = certs_only(&[&[0x30, 0x01, 0xff]]);
        assert_eq!(
            message,
            [
                &[0x30, 0x28, 0x06, 0x09][..],
                &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02],
                &[0xa0, 0x1b, 0x30, 0x19, 0x02, 0x01, 0x01, 0x31, 0x00],
                &[0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01],
                &[0xa0, 0x03, 0x30, 0x01, 0xff, 0x31, 0x00],
            ]
            .concat()
        );
        assert_eq!(parse_certs_only(&message), Ok(vec![vec![0x30, 0x01, 0xff]]));
    }

    #[test]
    fn a_foreign_decoder_agrees() {
        use der::Encode as _;
        let message = certs_only(&[]);
        let info = cms::content_info::ContentInfo::from_der(&message).unwrap();
        assert_eq!(info.content_type, ID_SIGNED_DATA);
        let signed: cms::signed_data::SignedData = info.content.decode_as().unwrap();
        assert_eq!(signed.version, cms::content_info::CmsVersion::V1);
        assert!(signed.signer_infos.0.is_empty());
        assert_eq!(signed.encap_content_info.econtent_type, ID_DATA);
        assert_eq!(info.to_der().unwrap(), message);
    }

    #[test]
    fn a_certificate_given_twice_is_there_once() {
        let (a, b) = ([0x30, 1, 7], [0x30, 1, 5]);
        let found = parse_certs_only(&certs_only(&[&a, &b, &a])).unwrap();
        assert_eq!(found, [b.to_vec(), a.to_vec()]);
    }

    #[test]
    fn another_content_type_is_refused() {
        let mut message = certs_only(&[&[0x30, 0]]);
        message[12] = 1; // id-data
        assert!(matches!(parse_certs_only(&message), Err(Fault::Malformed { .. })));
    }

    #[test]
    fn anything_behind_the_message_is_refused() {
        let mut message = certs_only(&[&[0x30, 0]]);
        message.push(0);
        assert!(parse_certs_only(&message).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..4)) {
            let mut certificates: Vec<Vec<u8>> = contents.iter().map(|content| wrap(SEQUENCE, content)).collect();
            let borrowed: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
            let found = parse_certs_only(&certs_only(&borrowed));
            certificates.sort();
            certificates.dedup();
            prop_assert_eq!(found, Ok(certificates));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..60, byte: u8) {
            let _ = parse_certs_only(&bytes);
            let mut message = certs_only(&[&wrap(SEQUENCE, &bytes)]);
            if let Some(place) = message.get_mut(at) { *place = byte; }
            let _ = parse_certs_only(&message);
        }
    }
}
