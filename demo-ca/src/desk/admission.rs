use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use certs::path::{self, Anchors, PathFault, PathQuery, Purpose, ValidPath};
use certs::{Certificate, Millis};
use cmp::{FailureInfo, Fault, Message, Protection};

use crate::records::Records;

/// Who may sign messages: registration authorities that our intermediate certified or the settings list, holders of our
/// certificates, and devices with a certificate of a manufacturer whom the settings name.
#[derive(Debug)]
pub(crate) struct Admission {
    issuing: Certificate,
    anchors: Anchors,
    manufacturers: Anchors,
    listed: Vec<Certificate>,
    admitted: Mutex<HashMap<[u8; 32], (Standing, Millis)>>,
}

/// What a signer is to us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// A registration authority.
    Authority,
    /// Holder of a certificate of ours.
    Holder,
    /// A device of a manufacturer whom we know.
    Device,
}

/// Whose signature is on a message. Only [`Admission::admit`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) certificate: Certificate,
    pub(crate) standing: Standing,
}

impl Sender {
    pub(crate) fn is_authority(&self) -> bool {
        self.standing == Standing::Authority
    }
}

impl Admission {
    pub(crate) fn new(
        root: Certificate,
        issuing: Certificate,
        listed: Vec<Certificate>,
        manufacturers: Vec<Certificate>,
    ) -> Self {
        Self {
            issuing,
            anchors: Anchors::new(vec![root]),
            manufacturers: Anchors::new(manufacturers),
            listed,
            admitted: Mutex::default(),
        }
    }

    /// Whose message this is, when its signature is right and its signer is somebody to us. `known` is who began the
    /// transaction: its other messages must come from the same, and may leave the certificate out.
    pub(super) fn admit(
        &self,
        message: &Message,
        known: Option<&Certificate>,
        now: Millis,
        records: &Records,
    ) -> Result<Sender, Fault> {
        let proof = match message.protection_kind()? {
            Protection::Signature(proof) => proof,
            Protection::None => {
                return Err(Fault::integrity("the message is not protected; sign it"));
            }
            Protection::Mac(_) => {
                return Err(Fault::new(
                    FailureInfo::WRONG_INTEGRITY,
                    "no secret is shared with anybody; sign the message",
                ));
            }
        };
        let certificate = match known {
            // RFC 9483 section 3.3: extraCerts "MAY be omitted in certConf, PKIConf, pollReq, and pollRep messages".
            Some(known) if message.extra_certs().is_empty() => {
                message.check_signer(known)?;
                known.clone()
            }
            _ => message.signer_certificate()?,
        };
        proof.verify(certificate.public_key())?;
        let standing = self.check_trust(&certificate, message.extra_certs(), now)?;
        if self.issued(&certificate) && records.ledger().revocation(certificate.serial()).is_some() {
            return Err(untrusted("the protection certificate has been revoked"));
        }
        // RFC 9483 section 4.4 and 4.1.1: the same credential through the whole transaction.
        if known.is_some_and(|known| *known != certificate) {
            return Err(Fault::integrity("the transaction was begun with another protection certificate"));
        }
        Ok(Sender { certificate, standing })
    }

    /// Whether a certificate that was validated is one of ours, so that its serial number means something here.
    pub(super) fn issued(&self, certificate: &Certificate) -> bool {
        certificate.issuer().matches(self.issuing.subject())
    }

    /// A path is validated once a minute for each certificate.
    fn check_trust(&self, signer: &Certificate, others: &[Vec<u8>], now: Millis) -> Result<Standing, Fault> {
        let hash = signer.hash();
        let lately = self.admitted.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
        if let Some((standing, at)) = lately
            && at <= now
            && now.0 - at.0 < MINUTE
            && now <= signer.not_after()
        {
            return Ok(standing);
        }
        let standing = self.standing(signer, others, now)?;
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.len() >= REMEMBERED {
            admitted.clear();
        }
        admitted.insert(hash, (standing, now));
        Ok(standing)
    }

    fn standing(&self, signer: &Certificate, others: &[Vec<u8>], now: Millis) -> Result<Standing, Fault> {
        if self.listed.contains(signer) {
            let valid = signer.not_before() <= now && now <= signer.not_after();
            return if valid {
                Ok(Standing::Authority)
            } else {
                Err(untrusted("the protection certificate is not valid now"))
            };
        }
        let ours = std::slice::from_ref(&self.issuing);
        if self.issued(signer) {
            // RFC 9810 section 4.5: an RA's certificate has id-kp-cmcRA.
            let authority = validate(signer, ours, &self.anchors, Purpose::RegistrationAuthority, now);
            let (path, standing) = if let Ok(path) = authority {
                (path, Standing::Authority)
            } else {
                let path = validate(signer, ours, &self.anchors, Purpose::CmpProtection, now);
                (path.map_err(|fault| untrusted(fault.to_string()))?, Standing::Holder)
            };
            return if *path.issuer() == self.issuing { Ok(standing) } else { Err(untrusted("it is not our issue")) };
        }
        let others: Vec<_> = others.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
        validate(signer, &others, &self.manufacturers, Purpose::CmpProtection, now)
            .map(|_| Standing::Device)
            .map_err(|fault| untrusted(fault.to_string()))
    }
}

fn validate(
    end: &Certificate,
    intermediates: &[Certificate],
    anchors: &Anchors,
    purpose: Purpose,
    at: Millis,
) -> Result<ValidPath, PathFault> {
    path::validate(&PathQuery {
        end,
        intermediates,
        anchors,
        at,
        purpose,
        crls: &[],
        crl_required: false,
        policies: None,
    })
}

/// Why an end entity is not served.
pub(super) fn not_authorized(text: &str) -> Fault {
    Fault::new(FailureInfo::NOT_AUTHORIZED, text)
}

fn untrusted(text: impl Into<String>) -> Fault {
    Fault::new(FailureInfo::SIGNER_NOT_TRUSTED, text)
}

const MINUTE: i64 = 60_000;
const REMEMBERED: usize = 1_000;
