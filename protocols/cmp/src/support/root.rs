//! Updates of a root (RFC 9810 section 5.3.19.15, RFC 9483 section 4.3.2).

use crate::asn1::{self, Element, Fields};
use crate::fault::Fault;

/// ```text
/// RootCaKeyUpdateContent ::= SEQUENCE {
///    newWithNew              CMPCertificate,
///    newWithOld          [0] CMPCertificate OPTIONAL,
///    oldWithNew          [1] CMPCertificate OPTIONAL }
/// ```
///
/// Each a certificate as DER. Nothing is verified here: whoever trusts the old root verifies
/// newWithOld with it before believing in newWithNew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RootCaKeyUpdate {
    /// The new root.
    pub new_with_new: Vec<u8>,
    /// The new key, signed with the old one; RFC 9483 section 4.3.2 wants it to be there.
    pub new_with_old: Option<Vec<u8>>,
    /// The old key, signed with the new one.
    pub old_with_new: Option<Vec<u8>>,
}

impl RootCaKeyUpdate {
    pub(crate) fn read(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields::sequence(der, "rootCaKeyUpdate")?;
        let new_with_new = fields.required()?;
        let new_with_old = fields.explicit(0)?;
        let old_with_new = fields.explicit(1)?;
        fields.end()?;
        let certificate = |element: Element<'_>| certificate(element.der);
        Ok(Self {
            new_with_new: certificate(new_with_new)?,
            new_with_old: new_with_old.map(certificate).transpose()?,
            old_with_new: old_with_new.map(certificate).transpose()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[
            &self.new_with_new,
            &asn1::explicit(0, self.new_with_old.as_deref()),
            &asn1::explicit(1, self.old_with_new.as_deref()),
        ])
    }
}

/// `CMPCertificate ::= CHOICE { x509v3PKCert Certificate, ... }`, kept as DER.
pub(super) fn certificate(der: &[u8]) -> Result<Vec<u8>, Fault> {
    Element::only(der, "CMPCertificate")?.sequence("CMPCertificate")?;
    Ok(der.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_has_its_place() {
        let certificate = |octet: u8| asn1::sequence(&[&[2, 1, octet]]);
        let update = RootCaKeyUpdate {
            new_with_new: certificate(1),
            new_with_old: Some(certificate(2)),
            old_with_new: Some(certificate(3)),
        };
        assert_eq!(RootCaKeyUpdate::read(&update.encode()).unwrap(), update);
        let new = RootCaKeyUpdate { new_with_old: None, ..update };
        assert_eq!(RootCaKeyUpdate::read(&new.encode()).unwrap(), new);
        assert!(RootCaKeyUpdate::read(&asn1::sequence(&[])).is_err());
        assert!(RootCaKeyUpdate::read(&asn1::sequence(&[&asn1::NULL])).is_err());
    }
}
