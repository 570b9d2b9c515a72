use std::ops::Range;

use const_oid::ObjectIdentifier;

use crate::known::Known;
use crate::walk::{BIT_STRING, INTEGER, OID, SEQUENCE, SET, Walk, explicit};
use crate::{AltName, Extension, Fault, KeyUsage, Name, ProvenKey, PublicKey, oid, pem, text};

mod draft;

pub use draft::CsrDraft;

/// A certification request (PKCS#10, RFC 2986), kept as it was received: its content, and the key that is to be certified.
#[derive(Clone)]
pub struct Csr {
    content: CsrContent,
    public_key: PublicKey,
}

/// What a certification request says, whatever its key is: at `/serverkeygen` the key and the signature are ignored (RFC 7030 section
/// 4.4.1).
#[derive(Clone)]
pub struct CsrContent {
    der: Vec<u8>,
    to_be_signed: Range<usize>,
    subject: Name,
    public_key_info: Vec<u8>,
    attributes: Vec<Attribute>,
    extensions: Vec<Extension>,
    known: Known,
    challenge_password: Option<String>,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// An attribute and the DER of its values.
type Attribute = (ObjectIdentifier, Vec<Vec<u8>>);

impl Csr {
    /// Reads a request (DER). The signature is not looked at: see [`Csr::prove`].
    ///
    /// # Errors
    /// When it is larger than 64 KiB or not a well-formed request.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        CsrContent::parse(der)?.with_key()
    }

    /// Reads the one request of a PEM text (`CERTIFICATE REQUEST` or `NEW CERTIFICATE REQUEST`).
    ///
    /// # Errors
    /// When there is not exactly one block, or it is not a request.
    pub fn parse_pem(pem: &[u8]) -> Result<Self, Fault> {
        let mut blocks = pem::decode_all(WHAT, "CERTIFICATE REQUEST", pem)?;
        blocks.extend(pem::decode_all(WHAT, "NEW CERTIFICATE REQUEST", pem)?);
        match blocks.as_slice() {
            [der] => Self::parse(der),
            _ => Err(Fault::Malformed { what: WHAT, detail: "there must be exactly one PEM block".into() }),
        }
    }

    /// The key to be certified.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Checks the proof of possession: the request's own signature.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn prove(&self) -> Result<ProvenKey, Fault> {
        let signed = self.der.get(self.to_be_signed.clone()).unwrap_or_default();
        ProvenKey::prove(&self.public_key, &self.signature_algorithm, signed, &self.signature).map_err(|fault| {
            match fault {
                Fault::BadSignature { .. } => Fault::BadSignature { what: WHAT },
                other => other,
            }
        })
    }
}

impl std::ops::Deref for Csr {
    type Target = CsrContent;

    fn deref(&self) -> &CsrContent {
        &self.content
    }
}

impl CsrContent {
    /// Reads a request (DER), and of its key only that it has the form of one.
    ///
    /// # Errors
    /// When it is larger than 64 KiB or not a well-formed request.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        if der.len() > SIZE_LIMIT {
            return Err(Fault::TooLarge { what: WHAT, limit: SIZE_LIMIT });
        }
        let whole = Walk::only(WHAT, der, SEQUENCE)?;
        let mut outer = whole.inside()?;
        let info = outer.take(SEQUENCE)?;
        let signature_algorithm = outer.take(SEQUENCE)?;
        let signature = outer.take(BIT_STRING)?.whole_bits()?;
        outer.finish()?;

        let mut fields = info.inside()?;
        // RFC 2986 section 4.1: the version is 0.
        if fields.take(INTEGER)?.small()? != 0 {
            return Err(info.fault("the version is not 0"));
        }
        let subject = Name::parse(fields.take(SEQUENCE)?.der)?;
        let public_key_info = fields.take(SEQUENCE)?;
        let mut parts = public_key_info.inside()?;
        parts.take(SEQUENCE)?;
        parts.take(BIT_STRING)?;
        parts.finish()?;
        // RFC 2986 demands the field even when empty; some requesters leave it out, and nothing is lost.
        let attributes = match fields.take_if(explicit(0))? {
            Some(attributes) => attributes_in(attributes.content)?,
            None => Vec::new(),
        };
        fields.finish()?;
        let extensions = match single(&attributes, oid::EXTENSION_REQUEST)? {
            Some(value) => Extension::parse_all(value)?,
            None => Vec::new(),
        };
        let challenge_password = match single(&attributes, oid::CHALLENGE_PASSWORD)? {
            Some(value) => string(value)?,
            None => None,
        };
        let known = Known::read(&extensions)?;
        let start = der.len() - whole.content.len();
        Ok(Self {
            der: der.to_vec(),
            to_be_signed: start..start + info.der.len(),
            subject,
            public_key_info: public_key_info.der.to_vec(),
            attributes,
            extensions,
            known,
            challenge_password,
            signature_algorithm: signature_algorithm.der.to_vec(),
            signature: signature.to_vec(),
        })
    }

    /// The same request with its key.
    ///
    /// # Errors
    /// When the key is of no kind that can be certified.
    pub fn with_key(self) -> Result<Csr, Fault> {
        let public_key = PublicKey::parse(&self.public_key_info)?;
        Ok(Csr { content: self, public_key })
    }

    /// The request as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.der)
    }

    /// The request as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The name asked for.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The alternative names asked for.
    #[must_use]
    pub fn alt_names(&self) -> &[AltName] {
        &self.known.alt_names
    }

    /// The key usage asked for.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.known.key_usage
    }

    /// The extended key usages asked for.
    #[must_use]
    pub fn extended_key_usages(&self) -> Option<&[ObjectIdentifier]> {
        self.known.extended_key_usages.as_deref()
    }

    /// Whether the request asks for an authority's certificate.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.known.is_ca
    }

    /// All extensions asked for.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The challenge password (RFC 2985 section 5.4.1); EST binds the TLS channel with it.
    #[must_use]
    pub fn challenge_password(&self) -> Option<&str> {
        self.challenge_password.as_deref()
    }

    /// Which attributes there are.
    #[must_use]
    pub fn attribute_oids(&self) -> Vec<ObjectIdentifier> {
        self.attributes.iter().map(|(oid, _)| *oid).collect()
    }

    /// The values of an attribute, each as DER.
    #[must_use]
    pub fn attribute(&self, oid: ObjectIdentifier) -> Option<&[Vec<u8>]> {
        self.attributes.iter().find(|(known, _)| *known == oid).map(|(_, values)| values.as_slice())
    }

    /// The text that is an attribute's one value.
    ///
    /// # Errors
    /// When there is not exactly one value, or it is no string.
    pub fn text_attribute(&self, oid: ObjectIdentifier) -> Result<Option<String>, Fault> {
        match single(&self.attributes, oid)? {
            Some(value) => string(value),
            None => Ok(None),
        }
    }

    /// `AlgorithmIdentifier` (DER) of the request's signature.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] {
        &self.signature_algorithm
    }
}

/// Neither the challenge password nor personal extensions belong into a log.
impl std::fmt::Debug for Csr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Csr({}, {})", self.subject, self.public_key.kind())
    }
}

impl std::fmt::Debug for CsrContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CsrContent({})", self.subject)
    }
}

fn attributes_in(der: &[u8]) -> Result<Vec<Attribute>, Fault> {
    let mut walk = Walk::new(WHAT, der)?;
    let mut attributes: Vec<Attribute> = Vec::new();
    while !walk.is_empty() {
        let attribute = walk.take(SEQUENCE)?;
        let mut fields = attribute.inside()?;
        let oid = fields.take(OID)?.oid()?;
        let mut items = fields.take(SET)?.inside()?;
        fields.finish()?;
        let mut values = Vec::new();
        while !items.is_empty() {
            values.push(items.next()?.der.to_vec());
        }
        if attributes.iter().any(|(known, _)| *known == oid) {
            return Err(attribute.fault(&format!("the attribute {oid} occurs twice")));
        }
        if attributes.len() == ATTRIBUTE_LIMIT {
            return Err(Fault::TooLarge { what: "the number of attributes of the request", limit: ATTRIBUTE_LIMIT });
        }
        attributes.push((oid, values));
    }
    Ok(attributes)
}

/// The value of an attribute that has exactly one (RFC 2985 sections 5.4.1 and 5.4.2).
fn single(attributes: &[Attribute], oid: ObjectIdentifier) -> Result<Option<&[u8]>, Fault> {
    match attributes.iter().find(|(known, _)| *known == oid).map(|(_, values)| values.as_slice()) {
        None => Ok(None),
        Some([value]) => Ok(Some(value)),
        Some(_) => Err(Fault::Malformed { what: WHAT, detail: format!("the attribute {oid} must have one value") }),
    }
}

fn string(value: &[u8]) -> Result<Option<String>, Fault> {
    let mut walk = Walk::new("an attribute of the request", value)?;
    let item = walk.next()?;
    walk.finish()?;
    text::read(&item)?.map(Some).ok_or_else(|| item.fault("it is not a string"))
}

const WHAT: &str = "the request";

/// A request with an ML-DSA-87 key has about 8 KiB.
const SIZE_LIMIT: usize = 64 * 1024;

const ATTRIBUTE_LIMIT: usize = 64;

#[cfg(test)]
mod tests;
