use certs::{AltName, Crl, Extension, KeyUsage, Millis, Name, oid};
use cmp::crmf::CertTemplateDraft;
use cmp::support::{CertReqTemplate, CrlSource, CrlStatus, KeySpec, Question, Reply};
use cmp::{InfoTypeAndValue, support::RootCaKeyUpdate};

use super::Desk;
use super::visit::{Done, Trouble, Visit};
use crate::Fault;
use crate::records::Kind;

impl Desk {
    /// genm (RFC 9483 section 4.3).
    pub(super) async fn support(
        &self,
        visit: &Visit<'_>,
        question: Option<&InfoTypeAndValue>,
    ) -> Result<Done, Trouble> {
        let Some(question) = question else {
            return Err(cmp::Fault::request("genm: ask for something").into());
        };
        let reply = match Question::read(question)? {
            Question::CaCerts => Reply::CaCerts(vec![self.authority.certificate().der().to_vec()]),
            Question::RootCaCert(root) => Reply::RootCaKeyUpdate(self.next_root(root.as_deref(), visit.now).await?),
            Question::CertReqTemplate => Reply::CertReqTemplate(Some(Box::new(self.template()?))),
            Question::CrlStatus(status) => Reply::Crls(self.newer_list(&status)?),
            Question::CurrentCrl => Reply::CurrentCrl(self.revocations.der()),
            Question::KemCiphertext => {
                return Err(cmp::Fault::request("genm: no key of this CA is for a KEM").into());
            }
            Question::Other(other) => {
                return Err(cmp::Fault::request(format!("genm: {} is not answered here", other.oid)).into());
            }
        };
        Ok(Done::new(visit.record(Kind::Answered), cmp::body::genp(&[reply.encode()])))
    }

    /// RFC 9483 section 4.3.2: what follows our root; nothing follows another's.
    async fn next_root(&self, root: Option<&[u8]>, now: Millis) -> Result<Option<RootCaKeyUpdate>, Fault> {
        if root.is_some_and(|root| root != self.rollover.root().der()) {
            return Ok(None);
        }
        let next = self.rollover.next(now).await?;
        Ok(Some(RootCaKeyUpdate {
            new_with_new: next.new_with_new.der().to_vec(),
            new_with_old: Some(next.new_with_old.der().to_vec()),
            old_with_new: Some(next.old_with_new.der().to_vec()),
        }))
    }

    /// RFC 9483 section 4.3.3: the requester names itself, in the subject and a subjectAltName, and takes one of these
    /// keys.
    fn template(&self) -> Result<CertReqTemplate, cmp::Fault> {
        let draft = CertTemplateDraft {
            issuer: Some(self.authority.certificate().subject().clone()),
            subject: Some(Name::empty()),
            extensions: vec![
                Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE),
                Extension { oid: oid::SUBJECT_ALT_NAME, critical: false, value: Vec::new() },
            ],
            ..CertTemplateDraft::default()
        };
        let keys = vec![KeySpec::Algorithm(P256.to_vec()), KeySpec::RsaKeyLength(3072)];
        CertReqTemplate::new(&draft, keys)
    }

    /// RFC 9483 section 4.3.4: "MUST return the latest CRL available from the referenced source if this CRL is more
    /// recent than the given thisUpdate time. [...] In all other cases, the infoValue in the response message MUST be
    /// absent."
    fn newer_list(&self, status: &CrlStatus) -> Result<Vec<Vec<u8>>, Fault> {
        let ours = self.authority.certificate().subject();
        let is_ours = match &status.source {
            CrlSource::DistributionPoint(names) => names.contains(&AltName::Uri(self.authority.crl_url().to_owned())),
            CrlSource::Issuer(names) => {
                names.iter().any(|name| matches!(name, AltName::DirectoryName(name) if name.matches(ours)))
            }
            CrlSource::RelativeName(_) => false,
        };
        let newest = self.revocations.der();
        let made = Crl::parse(&newest)?.this_update();
        let wanted = is_ours && status.this_update.is_none_or(|known| made > known);
        Ok(if wanted { vec![newest] } else { Vec::new() })
    }
}

/// `AlgorithmIdentifier` of ECDSA keys on P-256 (RFC 5480 section 2.1.1): id-ecPublicKey with secp256r1.
const P256: [u8; 21] = *b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
