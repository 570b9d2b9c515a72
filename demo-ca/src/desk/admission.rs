use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use certs::path::{self, Anchors, PathFault, PathQuery, Purpose};
use certs::{Certificate, Millis};
use cmp::{FailureInfo, Fault, Message, Protection};

use crate::records::Records;

/// Who may ask: registration authorities that our intermediate certified, and those that the settings list.
#[derive(Debug)]
pub(crate) struct Admission {
    issuing: Certificate,
    anchors: Anchors,
    listed: Vec<Certificate>,
    admitted: Mutex<HashMap<[u8; 32], (Certificate, Millis)>>,
}

impl Admission {
    pub(crate) fn new(root: Certificate, issuing: Certificate, listed: Vec<Certificate>) -> Self {
        Self { issuing, anchors: Anchors::new(vec![root]), listed, admitted: Mutex::default() }
    }

    /// Whose message this is, when its signature is right and its signer may ask. Messages after the first of a
    /// transaction must come from `same_signer`.
    pub(super) fn admit(
        &self,
        message: &Message,
        same_signer: Option<&[u8]>,
        now: Millis,
        records: &Records,
    ) -> Result<Certificate, Fault> {
        let proof = match message.protection_kind()? {
            Protection::Signature(proof) => proof,
            Protection::None => {
                return Err(Fault::integrity("the message is not protected; sign it as a registration authority"));
            }
            Protection::Mac(_) => {
                return Err(Fault::new(
                    FailureInfo::WRONG_INTEGRITY,
                    "no secret is shared with anybody; sign the message",
                ));
            }
        };
        let signer = self.signer(message, same_signer)?;
        proof.verify(signer.public_key())?;
        self.check_trust(&signer, now)?;
        if records.ledger().revocation(signer.serial()).is_some() {
            return Err(untrusted("the protection certificate has been revoked"));
        }
        // RFC 9483 section 3.5: the same credential through the whole transaction.
        if same_signer.is_some_and(|serial| serial != signer.serial()) {
            return Err(Fault::integrity("the transaction was begun with another protection certificate"));
        }
        Ok(signer)
    }

    /// The certificate in the message; later messages may leave it out.
    fn signer(&self, message: &Message, same_signer: Option<&[u8]>) -> Result<Certificate, Fault> {
        if let (true, Some(serial)) = (message.extra_certs().is_empty(), same_signer) {
            let admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
            let known = admitted.values().map(|(certificate, _)| certificate).chain(&self.listed);
            if let Some(found) = known.into_iter().find(|certificate| certificate.serial() == serial) {
                message.check_signer(found)?;
                return Ok(found.clone());
            }
        }
        message.signer_certificate()
    }

    /// A path is validated once a minute for each certificate.
    fn check_trust(&self, signer: &Certificate, now: Millis) -> Result<(), Fault> {
        let hash = signer.hash();
        let lately = self.admitted.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).map(|(_, at)| *at);
        if lately.is_some_and(|at| at <= now && now.0 - at.0 < MINUTE && now <= signer.not_after()) {
            return Ok(());
        }
        self.validate(signer, now)?;
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.len() >= REMEMBERED {
            admitted.clear();
        }
        admitted.insert(hash, (signer.clone(), now));
        Ok(())
    }

    fn validate(&self, signer: &Certificate, now: Millis) -> Result<(), Fault> {
        if self.listed.contains(signer) {
            let valid = signer.not_before() <= now && now <= signer.not_after();
            return if valid { Ok(()) } else { Err(untrusted("the protection certificate is not valid now")) };
        }
        let query = PathQuery {
            end: signer,
            intermediates: std::slice::from_ref(&self.issuing),
            anchors: &self.anchors,
            at: now,
            purpose: Purpose::RegistrationAuthority,
            crls: &[],
            crl_required: false,
            policies: None,
        };
        let path = path::validate(&query).map_err(|fault| match fault {
            PathFault::ExtendedKeyUsage { .. } | PathFault::KeyUsage { .. } => not_authority(),
            fault => untrusted(fault.to_string()),
        })?;
        if *path.issuer() == self.issuing { Ok(()) } else { Err(not_authority()) }
    }
}

fn untrusted(text: impl Into<String>) -> Fault {
    Fault::new(FailureInfo::SIGNER_NOT_TRUSTED, text)
}

/// RFC 9810 section 4.5: an RA's certificate has id-kp-cmcRA.
fn not_authority() -> Fault {
    Fault::new(
        FailureInfo::NOT_AUTHORIZED,
        "only registration authorities may ask: a certificate of the demo CA with extended key usage id-kp-cmcRA",
    )
}

const MINUTE: i64 = 60_000;
const REMEMBERED: usize = 1_000;
