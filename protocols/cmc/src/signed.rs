//! CMS SignedData around a request or a response (RFC 5652 section 5), with the certificates and signed attributes as received.

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::{Certificate, KeyUsage, ObjectIdentifier, PublicKey, Signer, SignerFault};

use crate::asn1::{self, Element, OCTET_STRING, SEQUENCE, SET, constructed, primitive};
use crate::control::IssuerAndSerial;
use crate::{Fault, ber, oid};

/// ```text
/// SignedData ::= SEQUENCE {
///     version CMSVersion, digestAlgorithms DigestAlgorithmIdentifiers, encapContentInfo EncapsulatedContentInfo,
///     certificates [0] IMPLICIT CertificateSet OPTIONAL, crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
///     signerInfos SignerInfos }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedData {
    /// eContentType.
    pub content_type: ObjectIdentifier,
    /// The octets of eContent.
    pub content: Option<Vec<u8>>,
    /// X.509 certificates (DER).
    pub certificates: Vec<Vec<u8>>,
    /// CRLs (DER).
    pub crls: Vec<Vec<u8>>,
    /// signerInfos.
    pub signers: Vec<SignerInfo>,
}

/// ```text
/// SignerInfo ::= SEQUENCE {
///     version CMSVersion, sid SignerIdentifier, digestAlgorithm DigestAlgorithmIdentifier,
///     signedAttrs [0] IMPLICIT SignedAttributes OPTIONAL, signatureAlgorithm SignatureAlgorithmIdentifier,
///     signature SignatureValue, unsignedAttrs [1] IMPLICIT UnsignedAttributes OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignerInfo {
    /// sid.
    pub id: SignerId,
    digest_algorithm: Vec<u8>,
    /// As a SET: what the signature is over.
    signed_attributes: Option<Vec<u8>>,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// `SignerIdentifier ::= CHOICE { issuerAndSerialNumber, subjectKeyIdentifier [0] }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignerId {
    /// By its certificate.
    IssuerAndSerial(IssuerAndSerial),
    /// By its key: also that of a request (RFC 10002 section 3.2).
    KeyIdentifier(Vec<u8>),
}

impl SignedData {
    /// Reads a `ContentInfo` (DER, or BER as streams have it).
    ///
    /// # Errors
    /// badRequest when it is no SignedData, badMessageCheck when it is enveloped for somebody: nothing is decrypted here.
    pub fn parse(content_info: &[u8]) -> Result<Self, Fault> {
        let content_info = ber::to_der(content_info)?;
        let mut fields = Element::only("ContentInfo", &content_info)?.sequence()?;
        let content_type = fields.next()?.oid()?;
        match content_type {
            oid::SIGNED_DATA => {}
            // RFC 10002 section 3.2.1.3.3: what cannot be decrypted is a failed check of body part 0.
            oid::ENVELOPED_DATA | oid::AUTH_ENVELOPED_DATA => {
                return Err(Fault::integrity("the message is encrypted and there is no key for it here"));
            }
            oid::AUTHENTICATED_DATA => {
                return Err(Fault::bad_request(
                    "AuthenticatedData is not supported; use SignedData with identityProofV2",
                ));
            }
            other => {
                return Err(Fault::bad_request(format!("a message of the content type {other} is not SignedData")));
            }
        }
        let signed_data = Element::only("SignedData", fields.take(constructed(0))?.value)?;
        fields.end()?;
        let mut fields = signed_data.sequence()?;
        fields.next()?.number()?;
        fields.take(SET)?;
        let (content_type, content) = encapsulated(&fields.take(SEQUENCE)?)?;
        let certificates = choices(fields.take_if(constructed(0))?)?;
        let crls = choices(fields.take_if(constructed(1))?)?;
        let signers = fields.take(SET)?.fields()?.each(|element| SignerInfo::parse(&element))?;
        fields.end()?;
        Ok(Self { content_type, content, certificates, crls, signers })
    }

    /// The octets of a content of this type.
    pub(crate) fn content_of(&self, content_type: ObjectIdentifier, name: &str) -> Result<&[u8], Fault> {
        match &self.content {
            Some(content) if self.content_type == content_type => Ok(content),
            Some(_) => Err(Fault::bad_request(format!("the content type is {}, not {name}", self.content_type))),
            None => Err(Fault::bad_request(format!("the message has no content; {name} is wanted"))),
        }
    }

    /// Checks a signature by this key over the content.
    ///
    /// # Errors
    /// badMessageCheck, or badAlg for an algorithm that is not known or broken.
    pub fn verify(&self, signer: &SignerInfo, key: &PublicKey) -> Result<(), Fault> {
        signer.verify(self.content_type, self.content.as_deref().unwrap_or_default(), key)
    }

    /// Those certificates that can be read; others may be of kinds that we do not know.
    pub(crate) fn readable(&self) -> impl Iterator<Item = Certificate> {
        self.certificates.iter().filter_map(|der| Certificate::parse(der).ok())
    }
}

/// `EncapsulatedContentInfo ::= SEQUENCE { eContentType ContentType, eContent [0] EXPLICIT OCTET STRING OPTIONAL }`
fn encapsulated(element: &Element<'_>) -> Result<(ObjectIdentifier, Option<Vec<u8>>), Fault> {
    let mut fields = element.fields()?;
    let content_type = fields.next()?.oid()?;
    let content = match fields.take_if(constructed(0))? {
        Some(explicit) => {
            let octets = Element::only("eContent", explicit.value)?;
            octets.expect(OCTET_STRING)?;
            Some(octets.value.to_vec())
        }
        None => None,
    };
    fields.end()?;
    Ok((content_type, content))
}

/// The SEQUENCEs of a set of choices: X.509 certificates or CRLs; other choices are obsolete or attribute certificates.
fn choices(set: Option<Element<'_>>) -> Result<Vec<Vec<u8>>, Fault> {
    let Some(set) = set else { return Ok(Vec::new()) };
    let all = set.fields()?.each(|element| Ok((element.tag == SEQUENCE).then(|| element.der.to_vec())))?;
    Ok(all.into_iter().flatten().collect())
}

impl SignerInfo {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        const KEY_IDENTIFIER: u8 = primitive(0);
        let mut fields = element.sequence()?;
        fields.next()?.number()?;
        let id = fields.next()?;
        let id = match id.tag {
            KEY_IDENTIFIER => SignerId::KeyIdentifier(id.value.to_vec()),
            _ => SignerId::IssuerAndSerial(IssuerAndSerial::parse(&id)?),
        };
        let digest_algorithm = fields.take(SEQUENCE)?.der.to_vec();
        // RFC 5652 section 5.4: signed as a SET OF, not under the tag that it is sent with.
        let signed_attributes = fields.take_if(constructed(0))?.map(|attributes| attributes.retagged(SET));
        let signature_algorithm = fields.take(SEQUENCE)?.der.to_vec();
        let signature = fields.take(OCTET_STRING)?.octets()?;
        fields.take_if(constructed(1))?;
        fields.end()?;
        Ok(Self { id, digest_algorithm, signed_attributes, signature_algorithm, signature })
    }

    /// Whether it says that nobody signed (RFC 10002 appendix C.2).
    #[must_use]
    pub fn is_no_signature(&self) -> bool {
        asn1::algorithm("signatureAlgorithm", &self.signature_algorithm)
            .is_ok_and(|(algorithm, _)| algorithm == oid::NO_SIGNATURE)
    }

    /// What is signed; nothing where there are no signedAttrs, which does not verify.
    pub(crate) fn signed(&self) -> &[u8] {
        self.signed_attributes.as_deref().unwrap_or_default()
    }

    /// Whether this may be the signer's certificate.
    #[must_use]
    pub fn names(&self, certificate: &Certificate) -> bool {
        match &self.id {
            SignerId::IssuerAndSerial(id) => {
                certificate.serial() == id.serial && certificate.issuer().matches(&id.issuer)
            }
            SignerId::KeyIdentifier(id) => certificate.subject_key_identifier() == Some(id),
        }
    }

    fn verify(&self, content_type: ObjectIdentifier, content: &[u8], key: &PublicKey) -> Result<(), Fault> {
        let digest = Digest::parse(&self.digest_algorithm)?;
        let algorithm = self.algorithm(digest)?;
        // RFC 5754 section 3 and RFC 8419 section 3.1: the hash of the message is the signature's.
        if SignatureAlgorithm::parse(&algorithm)?.digest().is_some_and(|own| own != digest) {
            return Err(Fault::integrity("digestAlgorithm and signatureAlgorithm of a signer differ"));
        }
        // RFC 5652 section 5.3: signedAttrs "MUST be present" for a content that is not id-data.
        let attributes =
            self.signed_attributes.as_deref().ok_or_else(|| Fault::integrity("a signer has no signedAttrs"))?;
        // Section 11.1: the attribute "MUST match the content type of the encapContentInfo value being signed".
        if attribute(attributes, oid::CONTENT_TYPE)? != asn1::oid(content_type) {
            return Err(Fault::integrity("the signed content type is not that of the content"));
        }
        if attribute(attributes, oid::MESSAGE_DIGEST)? != asn1::octet_string(&digest.hash(content)) {
            return Err(Fault::integrity("the signed message digest is not that of the content"));
        }
        key.verify(&algorithm, attributes, &self.signature).map_err(|fault| Fault {
            failure: Fault::from(fault.clone()).failure,
            ..Fault::integrity(fault.to_string())
        })
    }

    fn algorithm(&self, digest: Digest) -> Result<Vec<u8>, Fault> {
        let (algorithm, _) = asn1::algorithm("signatureAlgorithm", &self.signature_algorithm)?;
        // RFC 3370 section 3.2: rsaEncryption together with digestAlgorithm.
        if algorithm == oid::RSA_ENCRYPTION {
            return Ok(SignatureAlgorithm::RsaPkcs1(digest).identifier());
        }
        Ok(self.signature_algorithm.clone())
    }
}

/// The value of an attribute that is there once and has one value (RFC 5652 sections 11.1 and 11.2).
fn attribute(attributes: &[u8], wanted: ObjectIdentifier) -> Result<Vec<u8>, Fault> {
    let all = Element::only("signedAttrs", attributes)?.fields()?.each(|element| {
        let mut fields = element.sequence()?;
        let oid = fields.next()?.oid()?;
        let values = fields.take(SET)?.value.to_vec();
        fields.end()?;
        Ok((oid, values))
    })?;
    let mut found = all.into_iter().filter(|(oid, _)| *oid == wanted).map(|(_, values)| values);
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Fault::integrity(format!("the signed attribute {wanted} is not there once"))),
    }
}

/// A certificate that restricts its key must let it sign messages (RFC 5280 section 4.2.1.3).
pub(crate) fn may_sign(certificate: &Certificate) -> Result<(), Fault> {
    match certificate.key_usage() {
        Some(usage) if !(usage.contains(KeyUsage::DIGITAL_SIGNATURE) || usage.contains(KeyUsage::NON_REPUDIATION)) => {
            Err(Fault::integrity("the signer's certificate has neither keyUsage digitalSignature nor nonRepudiation"))
        }
        _ => Ok(()),
    }
}

/// Signs a content: a `ContentInfo` (DER) with one signer.
///
/// # Errors
/// Those of the signer, and when its algorithm is not known.
pub(crate) async fn sign(
    content_type: ObjectIdentifier,
    content: &[u8],
    certificates: &[Vec<u8>],
    crls: &[Vec<u8>],
    id: &SignerId,
    signer: &dyn Signer,
) -> Result<Vec<u8>, SignerFault> {
    let algorithm =
        SignatureAlgorithm::parse(signer.algorithm()).map_err(|fault| SignerFault::Refused(fault.to_string()))?;
    // RFC 8419 section 3.1 and RFC 9882 section 3.3: SHA-512 where the signature has no hash of its own.
    let digest = algorithm.digest().unwrap_or(Digest::Sha512);
    let attribute = |oid, value: &[u8]| asn1::sequence(&[&asn1::oid(oid), &asn1::element(SET, &[value])]);
    let attributes = [
        attribute(oid::CONTENT_TYPE, &asn1::oid(content_type)),
        attribute(oid::MESSAGE_DIGEST, &asn1::octet_string(&digest.hash(content))),
    ];
    let signature = signer.sign(&asn1::set_of(SET, &attributes)).await?;
    let (version, id) = match id {
        SignerId::IssuerAndSerial(id) => (1, id.encode()),
        SignerId::KeyIdentifier(id) => (3, asn1::element(primitive(0), &[id])),
    };
    let signer_info = asn1::sequence(&[
        &asn1::number(version),
        &id,
        &digest.identifier(),
        &asn1::set_of(constructed(0), &attributes),
        &algorithm.identifier(),
        &asn1::octet_string(&signature),
    ]);
    let content = asn1::element(constructed(0), &[&asn1::octet_string(content)]);
    let content = asn1::sequence(&[&asn1::oid(content_type), &content]);
    // RFC 5652 section 5.1: version 3 for a content that is not id-data.
    Ok(assemble(3, &[digest.identifier()], &content, certificates, crls, &[signer_info]))
}

fn assemble(
    version: u32,
    digests: &[Vec<u8>],
    content: &[u8],
    certificates: &[Vec<u8>],
    crls: &[Vec<u8>],
    signers: &[Vec<u8>],
) -> Vec<u8> {
    let set = |number, items: &[Vec<u8>]| match items {
        [] => Vec::new(),
        items => {
            let mut items = items.to_vec();
            items.sort();
            items.dedup();
            asn1::set_of(constructed(number), &items)
        }
    };
    let signed_data = asn1::sequence(&[
        &asn1::number(version),
        &asn1::set_of(SET, digests),
        content,
        &set(0, certificates),
        &set(1, crls),
        &asn1::set_of(SET, signers),
    ]);
    asn1::sequence(&[&asn1::oid(oid::SIGNED_DATA), &asn1::element(constructed(0), &[&signed_data])])
}
