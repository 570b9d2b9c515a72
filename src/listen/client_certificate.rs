use der::asn1::{AnyRef, BitStringRef};
use der::{Decode as _, Reader as _, SliceReader, Tag};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Asks for a certificate, does without one, and of one that comes only makes sure that the client has its key.
///
/// Whether it is good for anything depends on what is asked: a renewal may come with an expired certificate, a device with one
/// of 9999-12-31 and critical extensions that only we know. So the registrar decides, with the chain at hand; and a
/// requester whose certificate is refused gets an answer in its protocol instead of a TLS alert.
#[derive(Debug)]
pub(super) struct PossessionOnly {
    algorithms: WebPkiSupportedAlgorithms,
}

impl PossessionOnly {
    pub(super) fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { algorithms }
    }
}

impl ClientCertVerifier for PossessionOnly {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Without hints clients send what they have. A list of all manufacturers would not fit into every client's buffer.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() >= CHAIN_LIMIT {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        }
        for certificate in std::iter::once(end_entity).chain(intermediates) {
            public_key(certificate)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = public_key(certificate)?;
        let bad_key = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let (algorithm, bits) = read_key(&key).map_err(bad_key)?;
        // TLS 1.2 names hash and kind of key but not the curve, so that several algorithms may fit; the key tells which.
        let schemes = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let mut fitting = schemes
            .flat_map(|(_, algorithms)| algorithms.iter())
            .filter(|a| a.public_key_alg_id().as_ref() == algorithm);
        let verifier = fitting
            .next()
            .ok_or(Error::PeerMisbehaved(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme))?;
        match verifier.verify_signature(bits, message, signed.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(public_key(certificate)?);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The `SubjectPublicKeyInfo` of a certificate. rustls would parse all of it and refuse critical extensions that it does not know.
fn public_key(certificate: &[u8]) -> Result<Vec<u8>, Error> {
    find_public_key(certificate)
        .map(<[u8]>::to_vec)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// RFC 5280 section 4.1: the seventh field of the first part, or the sixth when there is no version.
fn find_public_key(certificate: &[u8]) -> Result<&[u8], der::Error> {
    let mut parts = inside(AnyRef::from_der(certificate)?)?;
    let mut fields = inside(AnyRef::decode(&mut parts)?)?;
    let has_version = matches!(Tag::peek(&fields)?, Tag::ContextSpecific { .. });
    for _ in 0..if has_version { 6 } else { 5 } {
        fields.tlv_bytes()?;
    }
    let key = fields.tlv_bytes()?;
    read_key(key)?;
    Ok(key)
}

/// What the algorithm identifier holds, and the key's bits.
fn read_key(key: &[u8]) -> Result<(&[u8], &[u8]), der::Error> {
    let mut fields = inside(AnyRef::from_der(key)?)?;
    let algorithm = AnyRef::decode(&mut fields)?;
    algorithm.header().tag().assert_eq(Tag::Sequence)?;
    let bits = BitStringRef::decode(&mut fields)?;
    fields.finish()?;
    let bits = bits.as_bytes().ok_or_else(|| der::Error::from(der::ErrorKind::Value { tag: Tag::BitString }))?;
    Ok((algorithm.value(), bits))
}

fn inside(value: AnyRef<'_>) -> Result<SliceReader<'_>, der::Error> {
    value.header().tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(value.value())
}

/// The longest chain that paths are built from.
const CHAIN_LIMIT: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_key_is_found_with_and_without_a_version() {
        let key = [0x30, 9, 0x30, 3, 6, 1, 0x2a, 3, 2, 0, 7];
        for version in [&[][..], &[0xa0, 3, 2, 1, 2]] {
            let mut fields = [version, &[2, 1, 5], &[0x30, 0].repeat(4)[..], &key, &[0xa3, 2, 0x30, 0]].concat();
            let mut certificate = vec![0x30, u8::try_from(fields.len()).unwrap()];
            certificate.append(&mut fields);
            certificate.splice(0..0, [0x30, u8::try_from(certificate.len()).unwrap()]);
            assert_eq!(find_public_key(&certificate), Ok(&key[..]));
            assert_eq!(read_key(&key), Ok((&[6, 1, 0x2a][..], &[7][..])));
        }
    }

    proptest! {
        #[test]
        fn no_certificate_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = public_key(&bytes);
            let _ = read_key(&bytes);
        }
    }
}
