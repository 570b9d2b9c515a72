//! Support messages: what a genm asks and a genp answers (RFC 9483 section 4.3, RFC 9810 section
//! 5.3.19).

/// Which CRL is asked for.
mod crl;

/// A KEM's ciphertext.
mod kem;

/// Updates of a root.
mod root;

/// What a request shall look like.
mod template;

use der::asn1::ObjectIdentifier;

pub use crl::{CrlSource, CrlStatus};
pub use kem::KemCiphertextInfo;
pub use root::RootCaKeyUpdate;
pub use template::{CertReqTemplate, KeySpec};

use crate::asn1::{self, Element};
use crate::fault::Fault;
use crate::header::InfoTypeAndValue;
use crate::message::Limits;
use crate::oid;

/// What a genm asks: its one `InfoTypeAndValue`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// caCerts: intermediate and issuing certificates (RFC 9483 section 4.3.1).
    CaCerts,
    /// rootCaCert: what follows this root (DER), if it is said which (section 4.3.2).
    RootCaCert(Option<Vec<u8>>),
    /// certReqTemplate: what a request shall look like, by the certProfile of the header
    /// (section 4.3.3).
    CertReqTemplate,
    /// crlStatusList: a certain CRL, if there is a newer one (section 4.3.4).
    CrlStatus(CrlStatus),
    /// currentCRL: the latest CRL (RFC 9810 section 5.3.19.6).
    CurrentCrl,
    /// KemCiphertextInfo (RFC 9810 section 5.3.19.18).
    KemCiphertext,
    /// Anything else.
    Other(InfoTypeAndValue),
}

/// What a genp answers: its one `InfoTypeAndValue`.
#[derive(Clone, Debug)]
pub enum Reply {
    /// caCerts: certificates, each as DER.
    CaCerts(Vec<Vec<u8>>),
    /// rootCaKeyUpdate: the new root, if there is one.
    RootCaKeyUpdate(Option<RootCaKeyUpdate>),
    /// certReqTemplate: what is required, if anything is.
    CertReqTemplate(Option<Box<CertReqTemplate>>),
    /// crls: CRLs, each as DER; none if there is no newer one.
    Crls(Vec<Vec<u8>>),
    /// currentCRL: a CRL (DER).
    CurrentCrl(Vec<u8>),
    /// unsupportedOIDs: what was asked for and is not known here (RFC 9810 section 5.3.19.7).
    UnsupportedOids(Vec<ObjectIdentifier>),
    /// KemCiphertextInfo.
    KemCiphertext(KemCiphertextInfo),
    /// Anything else.
    Other(InfoTypeAndValue),
}

impl Question {
    /// Reads what is asked.
    ///
    /// # Errors
    /// badRequest for a value where none belongs, for none where one does, and for another number
    /// of CRLs than one; badDataFormat for one that is not what the ASN.1 says.
    pub fn read(info: &InfoTypeAndValue) -> Result<Self, Fault> {
        Ok(match (info.oid, info.value.as_deref()) {
            // RFC 9483 sections 4.3.1 and 4.3.3: "the infoValue of the request MUST be absent",
            // and RFC 9810 section 5.3.19 says so of others.
            (oid, Some(_)) if WITHOUT_VALUE.contains(&oid) => {
                return Err(Fault::request(format!("genm: {} is asked for without a value", name(oid))));
            }
            (oid::CA_CERTS, _) => Self::CaCerts,
            (oid::ROOT_CA_CERT, value) => Self::RootCaCert(value.map(root::certificate).transpose()?),
            (oid::CERT_REQ_TEMPLATE, _) => Self::CertReqTemplate,
            (oid::CRL_STATUS_LIST, value) => Self::CrlStatus(CrlStatus::read_list(value)?),
            (oid::CURRENT_CRL, _) => Self::CurrentCrl,
            (oid::KEM_CIPHERTEXT_INFO, _) => Self::KemCiphertext,
            _ => Self::Other(info.clone()),
        })
    }

    /// For the body of a genm: [`crate::body::genm`].
    #[must_use]
    pub fn encode(&self) -> InfoTypeAndValue {
        match self {
            Self::CaCerts => plain(oid::CA_CERTS, None),
            Self::RootCaCert(certificate) => plain(oid::ROOT_CA_CERT, certificate.clone()),
            Self::CertReqTemplate => plain(oid::CERT_REQ_TEMPLATE, None),
            Self::CrlStatus(status) => plain(oid::CRL_STATUS_LIST, Some(asn1::sequence(&[&status.encode()]))),
            Self::CurrentCrl => plain(oid::CURRENT_CRL, None),
            Self::KemCiphertext => plain(oid::KEM_CIPHERTEXT_INFO, None),
            Self::Other(info) => info.clone(),
        }
    }

    /// The infoType of its answer.
    #[must_use]
    pub fn answered_by(&self) -> ObjectIdentifier {
        match self {
            // RFC 9483 section 4.3.2.
            Self::RootCaCert(_) => oid::ROOT_CA_KEY_UPDATE,
            // RFC 9483 section 4.3.4.
            Self::CrlStatus(_) => oid::CRLS,
            other => other.encode().oid,
        }
    }
}

impl Reply {
    /// Reads what is answered.
    ///
    /// # Errors
    /// badDataFormat when a value is not what the ASN.1 says; badRequest for a template that has
    /// what does not belong into one.
    pub fn read(info: &InfoTypeAndValue, limits: &Limits) -> Result<Self, Fault> {
        let value = info.value.as_deref();
        Ok(match info.oid {
            oid::CA_CERTS => Self::CaCerts(list(value, "caCerts", limits.certificates)?),
            oid::ROOT_CA_KEY_UPDATE => Self::RootCaKeyUpdate(value.map(RootCaKeyUpdate::read).transpose()?),
            oid::CERT_REQ_TEMPLATE => {
                Self::CertReqTemplate(value.map(CertReqTemplate::read).transpose()?.map(Box::new))
            }
            oid::CRLS => Self::Crls(list(value, "crls", limits.certificates)?),
            oid::CURRENT_CRL => {
                let value = value.ok_or_else(|| Fault::format("currentCRL: the CRL is missing"))?;
                Element::only(value, "currentCRL")?.sequence("currentCRL")?;
                Self::CurrentCrl(value.to_vec())
            }
            oid::UNSUPPORTED_OIDS => {
                let value = value.ok_or_else(|| Fault::format("unsupportedOIDs: the list is missing"))?;
                let all = Element::only(value, "unsupportedOIDs")?.sequence("unsupportedOIDs")?;
                Self::UnsupportedOids(all.each(limits.general_info, |one| one.oid("unsupportedOIDs"))?)
            }
            oid::KEM_CIPHERTEXT_INFO => {
                let value = value.ok_or_else(|| Fault::format("KemCiphertextInfo: the ciphertext is missing"))?;
                Self::KemCiphertext(KemCiphertextInfo::read(value)?)
            }
            _ => Self::Other(info.clone()),
        })
    }

    /// For the body of a genp: [`crate::body::genp`]. Where there is nothing to tell, the value is
    /// absent (RFC 9483 sections 4.3.1 to 4.3.4).
    #[must_use]
    pub fn encode(&self) -> InfoTypeAndValue {
        let list = |all: &[Vec<u8>]| (!all.is_empty()).then(|| asn1::sequence_of(all));
        match self {
            Self::CaCerts(all) => plain(oid::CA_CERTS, list(all)),
            Self::RootCaKeyUpdate(update) => {
                plain(oid::ROOT_CA_KEY_UPDATE, update.as_ref().map(RootCaKeyUpdate::encode))
            }
            Self::CertReqTemplate(template) => {
                plain(oid::CERT_REQ_TEMPLATE, template.as_ref().map(|template| template.encode()))
            }
            Self::Crls(all) => plain(oid::CRLS, list(all)),
            Self::CurrentCrl(crl) => plain(oid::CURRENT_CRL, Some(crl.clone())),
            Self::UnsupportedOids(all) => {
                let all = all.iter().map(|oid| asn1::object_identifier(*oid));
                plain(oid::UNSUPPORTED_OIDS, Some(asn1::sequence_of(all)))
            }
            Self::KemCiphertext(info) => plain(oid::KEM_CIPHERTEXT_INFO, Some(info.encode())),
            Self::Other(info) => info.clone(),
        }
    }
}

fn plain(oid: ObjectIdentifier, value: Option<Vec<u8>>) -> InfoTypeAndValue {
    InfoTypeAndValue { oid, value }
}

/// A SEQUENCE OF certificates or CRLs, each as DER; none if it is absent.
fn list(value: Option<&[u8]>, what: &'static str, limit: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let read = |one: Element<'_>| one.sequence(what).map(|_| one.der.to_vec());
    Element::only(value, what)?.sequence(what)?.each(limit, read)
}

/// How the ASN.1 calls it.
fn name(oid: ObjectIdentifier) -> String {
    match oid {
        oid::CA_CERTS => "caCerts".to_owned(),
        oid::CERT_REQ_TEMPLATE => "certReqTemplate".to_owned(),
        oid::CURRENT_CRL => "currentCRL".to_owned(),
        oid::KEM_CIPHERTEXT_INFO => "KemCiphertextInfo".to_owned(),
        other => other.to_string(),
    }
}

/// What a genm names without a value (RFC 9810 sections 5.3.19.1 to 5.3.19.18).
const WITHOUT_VALUE: [ObjectIdentifier; 8] = [
    oid::CA_PROT_ENC_CERT,
    oid::SIGN_KEY_PAIR_TYPES,
    oid::ENC_KEY_PAIR_TYPES,
    oid::PREFERRED_SYMM_ALG,
    oid::CURRENT_CRL,
    oid::CA_CERTS,
    oid::CERT_REQ_TEMPLATE,
    oid::KEM_CIPHERTEXT_INFO,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Key};
    use crate::status::FailureInfo;
    use certs::{AltName, Millis};

    fn certificate() -> Vec<u8> {
        sample::certificate(&Key::new(), "CN=root", None).der().to_vec()
    }

    fn questions() -> Vec<Question> {
        let source = CrlSource::Issuer(vec![AltName::DirectoryName(sample::name("CN=root"))]);
        vec![
            Question::CaCerts,
            Question::RootCaCert(None),
            Question::RootCaCert(Some(certificate())),
            Question::CertReqTemplate,
            Question::CrlStatus(CrlStatus { source, this_update: Some(Millis(1_795_000_000_000)) }),
            Question::CurrentCrl,
            Question::KemCiphertext,
            Question::Other(plain(oid::SIGN_KEY_PAIR_TYPES, None)),
        ]
    }

    fn asked(oid: ObjectIdentifier, value: Option<Vec<u8>>) -> Option<FailureInfo> {
        Question::read(&plain(oid, value)).err().map(|fault| fault.failure)
    }

    #[test]
    fn questions_come_back() {
        for question in questions() {
            assert_eq!(Question::read(&question.encode()).unwrap(), question);
        }
    }

    #[test]
    fn a_value_where_none_belongs_is_a_bad_request() {
        for oid in WITHOUT_VALUE {
            assert_eq!(asked(oid, Some(asn1::NULL.to_vec())), Some(FailureInfo::BAD_REQUEST), "{oid}");
            assert_eq!(asked(oid, None), None);
        }
    }

    #[test]
    fn exactly_one_crl_is_asked_for() {
        let source = CrlSource::DistributionPoint(vec![AltName::Uri("http://ca.example/crl".to_owned())]);
        let status = CrlStatus { source, this_update: None }.encode();
        let ask = |parts: &[&[u8]]| asked(oid::CRL_STATUS_LIST, Some(asn1::sequence(parts)));
        assert_eq!(ask(&[&status]), None);
        assert_eq!(ask(&[]), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(ask(&[&status, &status]), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(asked(oid::CRL_STATUS_LIST, None), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(ask(&[&asn1::NULL]), Some(FailureInfo::BAD_DATA_FORMAT));
        assert_eq!(asked(oid::CRL_STATUS_LIST, Some(asn1::NULL.to_vec())), Some(FailureInfo::BAD_DATA_FORMAT));
    }

    #[test]
    fn an_old_root_is_a_certificate() {
        assert_eq!(asked(oid::ROOT_CA_CERT, Some(asn1::NULL.to_vec())), Some(FailureInfo::BAD_DATA_FORMAT));
    }

    #[test]
    fn replies_come_back() {
        let limits = Limits::default();
        let update =
            RootCaKeyUpdate { new_with_new: certificate(), new_with_old: Some(certificate()), old_with_new: None };
        // RFC 9483 section 4.3: the value is absent where there is nothing to tell.
        let nothing = [
            Reply::CaCerts(Vec::new()),
            Reply::RootCaKeyUpdate(None),
            Reply::CertReqTemplate(None),
            Reply::Crls(Vec::new()),
        ];
        assert!(nothing.iter().all(|reply| reply.encode().value.is_none()));
        let replies = [
            Reply::CaCerts(vec![certificate(), certificate()]),
            Reply::CaCerts(Vec::new()),
            Reply::RootCaKeyUpdate(Some(update)),
            Reply::RootCaKeyUpdate(None),
            Reply::CertReqTemplate(None),
            Reply::Crls(vec![asn1::sequence(&[])]),
            Reply::Crls(Vec::new()),
            Reply::CurrentCrl(asn1::sequence(&[])),
            Reply::UnsupportedOids(vec![oid::SIGN_KEY_PAIR_TYPES, oid::KEM_CIPHERTEXT_INFO]),
            Reply::KemCiphertext(KemCiphertextInfo {
                kem: asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]),
                ciphertext: vec![5],
            }),
            Reply::Other(plain(oid::SIGN_KEY_PAIR_TYPES, None)),
        ];
        for reply in replies {
            let info = reply.encode();
            let again = Reply::read(&info, &limits).unwrap();
            assert_eq!(again.encode(), info);
            assert_eq!(format!("{again:?}"), format!("{reply:?}"));
        }
        assert!(Reply::read(&plain(oid::CURRENT_CRL, None), &limits).is_err());
        assert!(Reply::read(&plain(oid::KEM_CIPHERTEXT_INFO, None), &limits).is_err());
        assert!(Reply::read(&plain(oid::CRLS, Some(asn1::NULL.to_vec())), &limits).is_err());
        assert!(Reply::read(&plain(oid::CA_CERTS, Some(asn1::sequence(&[&asn1::NULL]))), &limits).is_err());
    }

    #[test]
    fn what_is_answered_may_have_another_name() {
        let answers: Vec<_> = questions().iter().map(Question::answered_by).collect();
        let expected = [
            oid::CA_CERTS,
            oid::ROOT_CA_KEY_UPDATE,
            oid::ROOT_CA_KEY_UPDATE,
            oid::CERT_REQ_TEMPLATE,
            oid::CRLS,
            oid::CURRENT_CRL,
            oid::KEM_CIPHERTEXT_INFO,
            oid::SIGN_KEY_PAIR_TYPES,
        ];
        assert_eq!(answers, expected);
    }
}
