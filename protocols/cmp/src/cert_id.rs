//! Which certificate: CertId (RFC 4211 section 6.5).

use certs::Name;

use crate::asn1::{self, Element};
use crate::fault::Fault;
use crate::header::{directory_name, general_name};

/// ```text
/// CertId ::= SEQUENCE { issuer GeneralName, serialNumber INTEGER }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertId {
    /// The issuer as a `GeneralName` (DER).
    pub issuer_der: Vec<u8>,
    /// The issuer, when it is a directoryName.
    pub issuer: Option<Name>,
    /// Content octets of the serial number.
    pub serial: Vec<u8>,
}

impl CertId {
    /// The certificate with this issuer and serial number (content octets).
    #[must_use]
    pub fn new(issuer: &Name, serial: &[u8]) -> Self {
        Self { issuer_der: general_name(issuer), issuer: Some(issuer.clone()), serial: serial.to_vec() }
    }

    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertId")?;
        let issuer = fields.required()?;
        let serial = fields.required()?.integer_octets("CertId")?;
        fields.end()?;
        Ok(Self { issuer_der: issuer.der.to_vec(), issuer: directory_name(issuer)?, serial })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&self.issuer_der, &asn1::element(0x02, &[&self.serial])])
    }
}
