//! Certification requests: PKCS#10, CRMF and others (RFC 10002 section 3.2.1.2).
//!
//! CRMF is read here only as far as CMC has rules of its own for it; the whole `CertReqMsg` is handed out as received, for a
//! reader of RFC 4211 to take further.

use certs::{Csr, Extension, Name, ObjectIdentifier, ProvenKey, PublicKey};

use crate::asn1::{self, Element, SEQUENCE, constructed, primitive};
use crate::status::FailInfo;
use crate::{Fault, oid};

/// ```text
/// TaggedRequest ::= CHOICE {
///     tcr  [0] TaggedCertificationRequest,
///     crm  [1] CertReqMsg,
///     orm  [2] SEQUENCE { bodyPartID BodyPartID, requestMessageType OBJECT IDENTIFIER, requestMessageValue ANY } }
/// TaggedCertificationRequest ::= SEQUENCE { bodyPartID BodyPartID, certificationRequest CertificationRequest }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaggedRequest {
    /// bodyPartID, or the certReqId of CRMF.
    pub id: u32,
    /// What kind it is.
    pub kind: RequestKind,
    /// All of it (DER), as received.
    pub der: Vec<u8>,
}

/// The CHOICE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestKind {
    /// `CertificationRequest` (DER).
    Pkcs10(Vec<u8>),
    /// `CertReqMsg` (DER).
    Crmf(Vec<u8>),
    /// Of another standard.
    Other(ObjectIdentifier),
}

/// A request that was understood.
#[derive(Clone, Debug)]
pub enum Wish {
    /// PKCS#10.
    Pkcs10(Box<Csr>),
    /// CRMF.
    Crmf(Box<CrmfWish>),
}

/// What CMC looks at in a `CertReqMsg`.
#[derive(Clone, Debug)]
pub struct CrmfWish {
    der: Vec<u8>,
    cert_request: Vec<u8>,
    subject: Name,
    public_key: PublicKey,
    subject_key_identifier: Option<Vec<u8>>,
    controls: Vec<(ObjectIdentifier, Vec<u8>)>,
    proof: CrmfProof,
}

/// The CHOICE `ProofOfPossession` (RFC 4211 section 4), as far as CMC takes it.
#[derive(Clone, Debug)]
enum CrmfProof {
    Absent,
    RaVerified,
    Signature { algorithm: Vec<u8>, signature: Vec<u8> },
    SignatureOverInput,
    NotASignature,
}

impl TaggedRequest {
    /// Around a `CertificationRequest` (DER), which stays as it is.
    #[must_use]
    pub fn pkcs10(id: u32, csr: &[u8]) -> Self {
        let der = asn1::element(constructed(0), &[&asn1::number(id), csr]);
        Self { id, kind: RequestKind::Pkcs10(csr.to_vec()), der }
    }

    /// Around a `CertReqMsg` (DER), which stays as it is; its certReqId is the number.
    ///
    /// # Errors
    /// badRequest when it is no `CertReqMsg`.
    pub fn crmf(cert_req_msg: &[u8]) -> Result<Self, Fault> {
        let message = Element::only("CertReqMsg", cert_req_msg)?;
        message.expect(SEQUENCE)?;
        Self::parse(&Element::only("TaggedRequest", &message.retagged(constructed(1)))?)
    }

    /// Around a `CertReqMsg` (DER) whose proof of possession was checked by who sends it: the same `CertRequest` under this number,
    /// with raVerified, and without a regInfo (section 3.2.1.2.2).
    ///
    /// # Errors
    /// badRequest when it is no `CertReqMsg`.
    pub fn crmf_vouched(id: u32, cert_req_msg: &[u8]) -> Result<Self, Fault> {
        let cert_request = Element::only("CertReqMsg", cert_req_msg)?.sequence()?.take(SEQUENCE)?;
        let mut fields = cert_request.fields()?;
        fields.next()?.number()?;
        let rest = fields.each(|field| Ok(field.der.to_vec()))?.concat();
        let cert_request = asn1::sequence(&[&asn1::number(id), &rest]);
        let der = asn1::element(constructed(1), &[&cert_request, &asn1::element(primitive(0), &[])]);
        Self::parse(&Element::only("TaggedRequest", &der)?)
    }

    /// A request of another standard, with its value (DER).
    #[must_use]
    pub fn other(id: u32, oid: ObjectIdentifier, value: &[u8]) -> Self {
        let der = asn1::element(constructed(2), &[&asn1::number(id), &asn1::oid(oid), value]);
        Self { id, kind: RequestKind::Other(oid), der }
    }

    pub(crate) fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        const TCR: u8 = constructed(0);
        const CRM: u8 = constructed(1);
        const ORM: u8 = constructed(2);
        let mut fields = element.fields()?;
        let (id, kind) = match element.tag {
            TCR => {
                let id = fields.next()?.number()?;
                let csr = fields.take(SEQUENCE)?.der.to_vec();
                fields.end()?;
                (id, RequestKind::Pkcs10(csr))
            }
            CRM => {
                let id = fields.take(SEQUENCE)?.fields()?.next()?.number()?;
                (id, RequestKind::Crmf(element.retagged(SEQUENCE)))
            }
            ORM => {
                let id = fields.next()?.number()?;
                let oid = fields.next()?.oid()?;
                fields.next()?;
                fields.end()?;
                (id, RequestKind::Other(oid))
            }
            tag => return Err(Fault::bad_request(format!("a TaggedRequest has tag {tag:02x}"))),
        };
        Ok(Self { id, kind, der: element.der.to_vec() })
    }

    /// What it asks for.
    ///
    /// # Errors
    /// noSupport for requests of other standards (section 3.2.1), badRequest or badAlg for what cannot be read.
    pub fn wish(&self) -> Result<Wish, Fault> {
        match &self.kind {
            RequestKind::Pkcs10(der) => Ok(Wish::Pkcs10(Box::new(Csr::parse(der)?))),
            RequestKind::Crmf(der) => Ok(Wish::Crmf(Box::new(CrmfWish::parse(der)?))),
            RequestKind::Other(oid) => Err(Fault::no_support(format!("requests of the kind {oid} are not supported"))),
        }
    }
}

impl Wish {
    /// The key that is to be certified.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Pkcs10(csr) => csr.public_key(),
            Self::Crmf(crmf) => &crmf.public_key,
        }
    }

    /// The name that is asked for.
    #[must_use]
    pub fn subject(&self) -> &Name {
        match self {
            Self::Pkcs10(csr) => csr.subject(),
            Self::Crmf(crmf) => &crmf.subject,
        }
    }

    /// The value of the requested Subject Key Identifier extension.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<Vec<u8>> {
        match self {
            Self::Pkcs10(csr) => key_identifier(csr.extensions()),
            Self::Crmf(crmf) => crmf.subject_key_identifier.clone(),
        }
    }

    /// The one value of a PKCS#10 attribute or a CRMF control (DER).
    pub(crate) fn attribute(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        match self {
            Self::Pkcs10(csr) => match csr.attribute(oid) {
                Some([value]) => Some(value),
                _ => None,
            },
            Self::Crmf(crmf) => {
                crmf.controls.iter().find(|(known, _)| *known == oid).map(|(_, value)| value.as_slice())
            }
        }
    }

    /// Checks the request's own proof of possession. `None` is one that bears no signature at all.
    ///
    /// # Errors
    /// popFailed when the signature is not by the key, badAlg when nobody can check it.
    pub fn prove(&self) -> Result<Option<ProvenKey>, Fault> {
        let proven = match self {
            Self::Pkcs10(csr) => {
                let (algorithm, _) = asn1::algorithm("signatureAlgorithm", csr.signature_algorithm())?;
                if algorithm == oid::NO_SIGNATURE {
                    return Ok(None);
                }
                csr.prove()
            }
            Self::Crmf(crmf) => match &crmf.proof {
                CrmfProof::Signature { algorithm, signature } => {
                    ProvenKey::prove(&crmf.public_key, algorithm, &crmf.cert_request, signature)
                }
                // Section 3.2.1.2.2: "the POPOSigningKeyInput MUST NOT be used".
                CrmfProof::SignatureOverInput => {
                    return Err(Fault::new(FailInfo::POP_FAILED, "POPOSigningKeyInput is not allowed in CMC"));
                }
                CrmfProof::Absent | CrmfProof::RaVerified | CrmfProof::NotASignature => return Ok(None),
            },
        };
        proven.map(Some).map_err(|fault| match fault {
            certs::Fault::BadSignature { .. } => {
                Fault::new(FailInfo::POP_FAILED, "the request's signature is not by the key that it asks for")
            }
            other => other.into(),
        })
    }
}

impl CrmfWish {
    /// `CertReqMsg` (DER) as received, for a reader of RFC 4211.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Element::only("CertReqMsg", der)?.sequence()?;
        let cert_request = fields.take(SEQUENCE)?;
        let proof = if fields.is_empty() { CrmfProof::Absent } else { CrmfProof::parse(&fields.next()?)? };
        // Section 3.2.1.2.2: "The regInfo field MUST NOT be used on a CRMF."
        if !fields.is_empty() {
            return Err(Fault::bad_request("a CertReqMsg has regInfo; CMC has a control for that"));
        }
        let mut inside = cert_request.fields()?;
        inside.next()?.number()?;
        let template = Template::parse(&inside.take(SEQUENCE)?)?;
        let controls = match inside.take_if(SEQUENCE)? {
            Some(controls) => controls.fields()?.each(|control| attribute(&control))?,
            None => Vec::new(),
        };
        inside.end()?;
        // The same section: "both the subject and publicKey fields in the CertTemplate MUST be defined".
        let (Some(subject), Some(public_key)) = (template.subject, template.public_key) else {
            return Err(Fault::bad_request("a CertTemplate lacks subject or publicKey"));
        };
        Ok(Self {
            der: der.to_vec(),
            cert_request: cert_request.der.to_vec(),
            subject,
            public_key,
            subject_key_identifier: template.subject_key_identifier,
            controls,
            proof,
        })
    }
}

/// `AttributeTypeAndValue`
fn attribute(element: &Element<'_>) -> Result<(ObjectIdentifier, Vec<u8>), Fault> {
    let mut fields = element.sequence()?;
    let oid = fields.next()?.oid()?;
    let value = fields.next()?.der.to_vec();
    fields.end()?;
    Ok((oid, value))
}

/// The fields of a `CertTemplate` that CMC has rules for.
#[derive(Default)]
struct Template {
    subject: Option<Name>,
    public_key: Option<PublicKey>,
    subject_key_identifier: Option<Vec<u8>>,
}

impl Template {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        const SUBJECT: u8 = constructed(5);
        const PUBLIC_KEY: u8 = constructed(6);
        const EXTENSIONS: u8 = constructed(9);
        let mut template = Self::default();
        let mut fields = element.fields()?;
        while !fields.is_empty() {
            let field = fields.next()?;
            match field.tag {
                // A CHOICE cannot be tagged implicitly: Name is inside.
                SUBJECT => template.subject = Some(Name::parse(field.value)?),
                PUBLIC_KEY => template.public_key = Some(PublicKey::parse(&field.retagged(SEQUENCE))?),
                EXTENSIONS => {
                    let extensions = Extension::parse_all(&field.retagged(SEQUENCE))?;
                    template.subject_key_identifier = key_identifier(&extensions);
                }
                _ => {}
            }
        }
        Ok(template)
    }
}

impl CrmfProof {
    /// ```text
    /// ProofOfPossession ::= CHOICE {
    ///   raVerified [0] NULL, signature [1] POPOSigningKey, keyEncipherment [2] POPOPrivKey, keyAgreement [3] POPOPrivKey }
    /// POPOSigningKey ::= SEQUENCE {
    ///   poposkInput [0] POPOSigningKeyInput OPTIONAL, algorithmIdentifier AlgorithmIdentifier, signature BIT STRING }
    /// ```
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        const RA_VERIFIED: u8 = primitive(0);
        const SIGNATURE: u8 = constructed(1);
        match element.tag {
            RA_VERIFIED => Ok(Self::RaVerified),
            SIGNATURE => {
                let mut fields = element.fields()?;
                if fields.take_if(constructed(0))?.is_some() {
                    return Ok(Self::SignatureOverInput);
                }
                let algorithm = fields.take(SEQUENCE)?.der.to_vec();
                let signature = fields.next()?.bit_octets()?;
                fields.end()?;
                Ok(Self::Signature { algorithm, signature })
            }
            _ => Ok(Self::NotASignature),
        }
    }
}

fn key_identifier(extensions: &[Extension]) -> Option<Vec<u8>> {
    let found = extensions.iter().find(|extension| extension.oid == certs::oid::SUBJECT_KEY_IDENTIFIER)?;
    Element::only("SubjectKeyIdentifier", &found.value).ok()?.octets().ok()
}
