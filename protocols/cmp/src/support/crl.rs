//! Which CRL is asked for (RFC 9810 section 5.3.19.17, RFC 9483 section 4.3.4).

use certs::{AltName, Millis};
use der::{Tag, TagNumber};

use crate::asn1::{self, Element, Fields};
use crate::fault::Fault;

/// ```text
/// CRLStatus ::= SEQUENCE {
///    source       CRLSource,
///    thisUpdate   Time OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CrlStatus {
    /// Whose CRL, or where from.
    pub source: CrlSource,
    /// thisUpdate of the CRL that the requester has; only a more recent one is of use.
    pub this_update: Option<Millis>,
}

/// ```text
/// CRLSource ::= CHOICE {
///    dpn          [0] DistributionPointName,
///    issuer       [1] GeneralNames }
/// DistributionPointName ::= CHOICE {
///    fullName                [0] GeneralNames,
///    nameRelativeToCRLIssuer [1] RelativeDistinguishedName }
/// ```
///
/// The module has EXPLICIT TAGS, that of `DistributionPointName` (RFC 5280) IMPLICIT ones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CrlSource {
    /// fullName of a distribution point: a pointer to a CRL that is at hand, never to be fetched.
    DistributionPoint(Vec<AltName>),
    /// nameRelativeToCRLIssuer (DER, with its context tag).
    RelativeName(Vec<u8>),
    /// The issuer; its name as a directoryName.
    Issuer(Vec<AltName>),
}

impl CrlStatus {
    /// The one entry of a crlStatusList.
    pub(super) fn read_list(value: Option<&[u8]>) -> Result<Self, Fault> {
        // RFC 9483 section 4.3.4: "MUST be present and contain a sequence of one CRLStatus".
        let value = value.ok_or_else(|| Fault::request("genm: crlStatusList must say which CRL"))?;
        let all = Fields::sequence(value, "crlStatusList")?.each(STATUSES, Ok)?;
        match all.as_slice() {
            [status] => Self::read(*status),
            all => Err(Fault::request(format!("genm: crlStatusList has {} entries; send exactly one", all.len()))),
        }
    }

    fn read(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CRLStatus")?;
        let source = fields.required()?;
        let this_update = if fields.is_empty() { None } else { Some(fields.required()?.time("thisUpdate")?) };
        fields.end()?;
        Ok(Self { source: CrlSource::read(source)?, this_update })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let time = self.this_update.map(asn1::time).unwrap_or_default();
        asn1::sequence(&[&self.source.encode(), &time])
    }
}

impl CrlSource {
    fn read(element: Element<'_>) -> Result<Self, Fault> {
        let inner = element.explicit("CRLSource")?;
        match (number(element.tag), number(inner.tag)) {
            (Some(0), Some(0)) => Ok(Self::DistributionPoint(AltName::parse_all(&asn1::sequence(&[inner.value]))?)),
            (Some(0), Some(1)) => Ok(Self::RelativeName(inner.der.to_vec())),
            (Some(1), None) => Ok(Self::Issuer(AltName::parse_all(inner.der)?)),
            _ => Err(Fault::format("CRLSource: neither a distribution point nor an issuer")),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::DistributionPoint(names) => {
                let names: Vec<u8> = names.iter().flat_map(AltName::encode).collect();
                asn1::context(0, &[&asn1::context(0, &[&names])])
            }
            Self::RelativeName(der) => asn1::context(0, &[der]),
            Self::Issuer(names) => asn1::context(1, &[&AltName::encode_all(names)]),
        }
    }
}

fn number(tag: Tag) -> Option<u32> {
    match tag {
        Tag::ContextSpecific { number: TagNumber(number), .. } => Some(number),
        _ => None,
    }
}

/// Enough to count how many there are too many.
const STATUSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::name;

    fn again(status: &CrlStatus) -> CrlStatus {
        CrlStatus::read_list(Some(&asn1::sequence(&[&status.encode()]))).unwrap()
    }

    #[test]
    fn every_kind_of_source_comes_back() {
        let relative = asn1::context(1, &[&asn1::sequence(&[&[6, 3, 0x55, 4, 3], &asn1::element(0x0C, &[b"crl"])])]);
        let sources = [
            CrlSource::DistributionPoint(vec![
                AltName::Uri("http://ca.example/crl".to_owned()),
                AltName::DirectoryName(name("CN=crl")),
            ]),
            CrlSource::RelativeName(relative),
            CrlSource::Issuer(vec![AltName::DirectoryName(name("CN=authority"))]),
        ];
        // In 1970 and 2070, of which only GeneralizedTime can tell the latter.
        for (source, time) in sources.into_iter().zip([None, Some(1_000), Some(3_155_760_000_000)]) {
            let status = CrlStatus { source, this_update: time.map(Millis) };
            assert_eq!(again(&status), status);
        }
    }

    #[test]
    fn other_sources_are_no_sources() {
        for source in [asn1::context(2, &[&asn1::sequence(&[])]), asn1::context(1, &[&asn1::context(0, &[])])] {
            let list = asn1::sequence(&[&asn1::sequence(&[&source])]);
            assert!(CrlStatus::read_list(Some(&list)).is_err());
        }
    }
}
