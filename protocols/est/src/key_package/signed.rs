//! CMS `SignedData` with one signer (RFC 5652 section 5).

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::{Certificate, ObjectIdentifier, Signer, SignerFault};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::CmsVersion;
use cms::signed_data::{
    CertificateSet, DigestAlgorithmIdentifiers, SignedAttributes, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{OctetString, OctetStringRef, SetOfVec};
use der::{Any, Decode as _, Encode as _, Sequence};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;

use super::oid;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// The key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerFault),
    /// Something could not be written.
    #[error("the SignedData cannot be written: {0}")]
    Encoding(#[from] der::Error),
    /// There is no certificate of the signer.
    #[error("there is no certificate of the signer")]
    NoCertificate,
}

/// A content signed by the key of the first certificate: `SignedData`, DER, without a `ContentInfo` around it.
///
/// # Errors
/// When the key does not sign.
pub async fn signed_data(
    content_type: ObjectIdentifier,
    content: &[u8],
    signer: &dyn Signer,
    certificates: &[Certificate],
) -> Result<Vec<u8>, Unsigned> {
    let own = certificates.first().ok_or(Unsigned::NoCertificate)?;
    let digest = match SignatureAlgorithm::parse(signer.algorithm()) {
        Ok(
            SignatureAlgorithm::RsaPkcs1(digest)
            | SignatureAlgorithm::RsaPss(digest)
            | SignatureAlgorithm::Ecdsa(digest),
        ) => digest,
        // RFC 8419 section 3, RFC 9882 section 3.
        _ => Digest::Sha512,
    };
    let digest_algorithm = AlgorithmIdentifierOwned::from_der(&digest.identifier())?;
    let hash = OctetString::new(digest.hash(content))?;
    // RFC 5652 section 5.3: both must be there where the content is not id-data; they are signed as a SET, in DER.
    let attributes: SignedAttributes = SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, &Any::encode_from(&content_type)?)?,
        attribute(MESSAGE_DIGEST, &Any::encode_from(&hash)?)?,
    ])?;
    let signature = signer.sign(&attributes.to_der()?).await?;
    let signer_info = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: x509_cert::name::Name::from_der(own.issuer().der())?,
            serial_number: x509_cert::serial_number::SerialNumber::new(own.serial())?,
        }),
        digest_alg: digest_algorithm.clone(),
        signed_attrs: Some(attributes),
        signature_algorithm: AlgorithmIdentifierOwned::from_der(signer.algorithm())?,
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let mut set = Vec::new();
    for certificate in certificates {
        set.push(CertificateChoices::Certificate(x509_cert::Certificate::from_der(certificate.der())?));
    }
    let whole = SignedData {
        // RFC 5652 section 5.1: 3, as the content is not id-data.
        version: CmsVersion::V3,
        digest_algorithms: SetOfVec::try_from(vec![digest_algorithm])?,
        encap_content_info: Content { content_type, content: OctetStringRef::new(content)? },
        certificates: CertificateSet::try_from(set)?,
        signer_infos: SignerInfos::try_from(vec![signer_info])?,
    };
    Ok(whole.to_der()?)
}

/// `SignedData` (RFC 5652 section 5.1) around a content that stays where it is: the type of the library would keep a copy of a private
/// key that nobody wipes.
#[derive(Sequence)]
struct SignedData<'a> {
    version: CmsVersion,
    digest_algorithms: DigestAlgorithmIdentifiers,
    encap_content_info: Content<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    certificates: CertificateSet,
    signer_infos: SignerInfos,
}

/// `EncapsulatedContentInfo` (RFC 5652 section 5.2).
#[derive(Sequence)]
struct Content<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: &'a OctetStringRef,
}

fn attribute(oid: ObjectIdentifier, value: &Any) -> Result<Attribute, der::Error> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![value.clone()])? })
}

const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
