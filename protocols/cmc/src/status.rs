//! CMCStatusInfo and CMCStatusInfoV2 (RFC 10002 section 6.1).

use certs::{Millis, ObjectIdentifier};

use crate::Fault;
use crate::asn1::{self, Element, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, UTF8_STRING, constructed};

/// CMCStatus (section 6.1.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Granted or completed.
    Success,
    /// Not granted, or not completed.
    Failed,
    /// Not yet processed; poll with a Query Pending control.
    Pending,
    /// The operation is not supported.
    NoSupport,
    /// The certificate must be confirmed before it is used.
    ConfirmRequired,
    /// A direct proof of possession is wanted.
    PopRequired,
    /// Some of it is here; poll for the rest.
    Partial,
}

/// CMCFailInfo (section 6.1.4). Codes that we do not know are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FailInfo(pub u32);

/// What a status is about.
///
/// ```text
/// BodyPartReference ::= CHOICE { bodyPartID BodyPartID, bodyPartPath BodyPartPath }
/// BodyPartPath ::= SEQUENCE SIZE (1..MAX) OF BodyPartID
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum BodyReference {
    /// An element of the message; 0 is the message itself.
    Part(u32),
    /// Through the layers, from the outermost.
    Path(Vec<u32>),
}

/// ```text
/// CMCStatusInfoV2 ::= SEQUENCE {
///    cMCStatus     CMCStatus,
///    bodyList      SEQUENCE SIZE (1..MAX) OF BodyPartReference,
///    statusString  UTF8String OPTIONAL,
///    otherInfo     CHOICE {
///        failInfo          CMCFailInfo,
///        pendInfo          PendInfo,
///        extendedFailInfo  [1] SEQUENCE { failInfoOID, failInfoValue }
///    } OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusInfo {
    /// What became of it.
    pub status: Status,
    /// Of what.
    pub bodies: Vec<BodyReference>,
    /// For people.
    pub text: Option<String>,
    /// Why it failed, or how to ask again.
    pub other: Option<OtherInfo>,
}

/// The CHOICE otherInfo.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OtherInfo {
    /// failInfo.
    Fail(FailInfo),
    /// pendInfo: `SEQUENCE { pendToken OCTET STRING, pendTime GeneralizedTime }`
    Pend {
        /// For the Query Pending control.
        token: Vec<u8>,
        /// When to ask.
        time: Millis,
    },
    /// extendedFailInfo: of another standard.
    Extended {
        /// failInfoOID.
        oid: ObjectIdentifier,
        /// failInfoValue (DER).
        value: Vec<u8>,
    },
}

impl Status {
    fn code(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::Failed => 2,
            Self::Pending => 3,
            Self::NoSupport => 4,
            Self::ConfirmRequired => 5,
            Self::PopRequired => 6,
            Self::Partial => 7,
        }
    }

    fn from_code(code: u32) -> Result<Self, Fault> {
        Ok(match code {
            0 => Self::Success,
            2 => Self::Failed,
            3 => Self::Pending,
            4 => Self::NoSupport,
            5 => Self::ConfirmRequired,
            6 => Self::PopRequired,
            7 => Self::Partial,
            other => return Err(Fault::bad_request(format!("CMCStatus {other} is not defined"))),
        })
    }
}

impl FailInfo {
    /// Unrecognised or unsupported algorithm.
    pub const BAD_ALG: Self = Self(0);
    /// The integrity check failed.
    pub const BAD_MESSAGE_CHECK: Self = Self(1);
    /// Not permitted or supported.
    pub const BAD_REQUEST: Self = Self(2);
    /// The message's time is not close enough to ours.
    pub const BAD_TIME: Self = Self(3);
    /// No certificate matches.
    pub const BAD_CERT_ID: Self = Self(4);
    /// An X.509 extension is not supported. (The ASN.1 module spells it `unsuportedExt`.)
    pub const UNSUPPORTED_EXT: Self = Self(5);
    /// Private key material must be supplied.
    pub const MUST_ARCHIVE_KEYS: Self = Self(6);
    /// The identification failed to verify.
    pub const BAD_IDENTITY: Self = Self(7);
    /// A proof of possession is needed.
    pub const POP_REQUIRED: Self = Self(8);
    /// The proof of possession failed.
    pub const POP_FAILED: Self = Self(9);
    /// The key may not be used again.
    pub const NO_KEY_REUSE: Self = Self(10);
    /// A failure inside the authority.
    pub const INTERNAL_CA_ERROR: Self = Self(11);
    /// Not accepting requests at this time.
    pub const TRY_LATER: Self = Self(12);
    /// Authenticated data failed.
    pub const AUTH_DATA_FAIL: Self = Self(13);

    /// Its name in the standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        usize::try_from(self.0).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("an unknown CMCFailInfo")
    }
}

impl std::fmt::Display for FailInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl BodyReference {
    /// A body part of the layer at `path`.
    #[must_use]
    pub fn below(path: &[u32], id: u32) -> Self {
        if path.is_empty() { Self::Part(id) } else { Self::Path([path, &[id]].concat()) }
    }

    /// The path from the outermost layer.
    #[must_use]
    pub fn path(&self) -> &[u32] {
        match self {
            Self::Part(id) => std::slice::from_ref(id),
            Self::Path(path) => path,
        }
    }

    pub(crate) fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        if element.tag == INTEGER {
            return element.number().map(Self::Part);
        }
        let path = element.numbers()?;
        if path.is_empty() {
            return Err(Fault::bad_request("a BodyPartPath is empty"));
        }
        Ok(Self::Path(path))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Part(id) => asn1::number(*id),
            Self::Path(path) => asn1::sequence_of(&path.iter().map(|id| asn1::number(*id)).collect::<Vec<_>>()),
        }
    }
}

impl StatusInfo {
    /// Success of these.
    #[must_use]
    pub fn success(bodies: Vec<BodyReference>) -> Self {
        Self { status: Status::Success, bodies, text: None, other: None }
    }

    /// Not decided yet; ask again with this token (section 6.13).
    #[must_use]
    pub fn pending(bodies: Vec<BodyReference>, token: &[u8], time: Millis) -> Self {
        let other = Some(OtherInfo::Pend { token: token.to_vec(), time });
        Self { status: Status::Pending, bodies, text: None, other }
    }

    /// Why it failed, if it did and says so.
    #[must_use]
    pub fn failure(&self) -> Option<FailInfo> {
        match self.other {
            Some(OtherInfo::Fail(failure)) => Some(failure),
            _ => None,
        }
    }

    /// Reads a CMCStatusInfo or CMCStatusInfoV2 (DER); the older one is a subset of the newer.
    ///
    /// # Errors
    /// badRequest when it is neither.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut fields = Element::only("CMCStatusInfoV2", der)?.sequence()?;
        let status = Status::from_code(fields.next()?.number()?)?;
        let bodies = fields.take(SEQUENCE)?.fields()?.each(|element| BodyReference::parse(&element))?;
        if bodies.is_empty() {
            return Err(Fault::bad_request("the bodyList of a CMCStatusInfoV2 is empty"));
        }
        let text = fields.take_if(UTF8_STRING)?.map(|text| text.utf8()).transpose()?;
        let other = if fields.is_empty() { None } else { Some(OtherInfo::parse(&fields.next()?)?) };
        fields.end()?;
        Ok(Self { status, bodies, text, other })
    }

    /// CMCStatusInfoV2 (DER). Without bodies it is about the whole message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bodies: Vec<Vec<u8>> = self.bodies.iter().map(BodyReference::encode).collect();
        if bodies.is_empty() {
            bodies.push(asn1::number(0));
        }
        asn1::sequence(&[
            &asn1::number(self.status.code()),
            &asn1::sequence_of(&bodies),
            &self.text.as_deref().map(asn1::utf8_string).unwrap_or_default(),
            &self.other.as_ref().map(OtherInfo::encode).unwrap_or_default(),
        ])
    }
}

impl OtherInfo {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        const EXTENDED: u8 = constructed(1);
        match element.tag {
            INTEGER => element.number().map(|code| Self::Fail(FailInfo(code))),
            SEQUENCE => {
                let mut fields = element.fields()?;
                let token = fields.take(OCTET_STRING)?.octets()?;
                let time = fields.take(GENERALIZED_TIME)?.time()?;
                fields.end()?;
                Ok(Self::Pend { token, time })
            }
            EXTENDED => {
                let mut fields = element.fields()?;
                let oid = fields.next()?.oid()?;
                let value = fields.next()?.der.to_vec();
                fields.end()?;
                Ok(Self::Extended { oid, value })
            }
            tag => Err(Fault::bad_request(format!("the otherInfo of a CMCStatusInfoV2 has tag {tag:02x}"))),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Fail(failure) => asn1::number(failure.0),
            Self::Pend { token, time } => asn1::sequence(&[&asn1::octet_string(token), &asn1::time(*time)]),
            Self::Extended { oid, value } => asn1::element(constructed(1), &[&asn1::oid(*oid), value]),
        }
    }
}

const NAMES: [&str; 14] = [
    "badAlg",
    "badMessageCheck",
    "badRequest",
    "badTime",
    "badCertId",
    "unsupportedExt",
    "mustArchiveKeys",
    "badIdentity",
    "popRequired",
    "popFailed",
    "noKeyReuse",
    "internalCAError",
    "tryLater",
    "authDataFail",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_status_comes_back() {
        let others = [
            None,
            Some(OtherInfo::Fail(FailInfo::POP_FAILED)),
            Some(OtherInfo::Fail(FailInfo(1999))),
            Some(OtherInfo::Pend { token: vec![1, 2], time: Millis(1_795_000_000_000) }),
            Some(OtherInfo::Extended { oid: crate::oid::DATA, value: vec![5, 0] }),
        ];
        for other in others {
            for status in [0, 2, 3, 4, 5, 6, 7] {
                let info = StatusInfo {
                    status: Status::from_code(status).unwrap(),
                    bodies: vec![BodyReference::Part(7), BodyReference::Path(vec![1, u32::MAX])],
                    text: Some("because".into()),
                    other: other.clone(),
                };
                let der = info.encode();
                assert_eq!(StatusInfo::parse(&der).unwrap(), info);
                assert_eq!(StatusInfo::parse(&der).unwrap().encode(), der);
            }
        }
    }

    #[test]
    fn a_status_is_about_something() {
        let der = asn1::sequence(&[&asn1::number(0), &asn1::sequence(&[])]);
        assert_eq!(StatusInfo::parse(&der).unwrap_err().failure, Some(FailInfo::BAD_REQUEST));
        assert!(Status::from_code(1).is_err(), "1 is reserved");
    }

    #[test]
    fn a_fault_without_a_place_is_about_the_whole_message() {
        let info = Fault::integrity("no").status_info();
        assert_eq!((info.status, info.bodies), (Status::Failed, vec![BodyReference::Part(0)]));
        let info = Fault::no_support("no").about(&[3], 4).status_info();
        assert_eq!((info.status, info.other), (Status::NoSupport, None));
        assert_eq!(info.bodies, [BodyReference::Path(vec![3, 4])]);
    }
}
