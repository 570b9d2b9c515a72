//! Message protection (RFC 9810 section 5.1.3).

/// PasswordBasedMac and PBMAC1.
mod mac;

/// Signatures, and whose they are.
mod signature;

pub use mac::{MacKey, MacProof};
pub use signature::SignatureProof;
pub(crate) use signature::{check_signer, signer};

use crate::asn1;
use crate::fault::Fault;
use crate::message::{Limits, Message};
use crate::oid;
use crate::status::FailureInfo;
use mac::Parameters;

/// How a message is protected; nothing is verified until its proof is asked to.
#[derive(Clone, Debug)]
pub enum Protection {
    /// Not at all.
    None,
    /// By a secret that both sides share.
    Mac(MacProof),
    /// By the sender's key.
    Signature(SignatureProof),
}

pub(crate) fn kind(message: &Message, limits: &Limits) -> Result<Protection, Fault> {
    let header = message.header();
    let (algorithm, tag) = match (&header.protection_alg, message.protection()) {
        (None, None) => return Ok(Protection::None),
        (Some(algorithm), Some(tag)) => (algorithm, tag),
        // RFC 9483 section 3.1: protectionAlg MUST be present if and only if protection is.
        (Some(_), None) => return Err(Fault::integrity("protectionAlg is set, but protection is missing")),
        (None, Some(_)) => return Err(Fault::integrity("protection is there, but protectionAlg is missing")),
    };
    let (oid, parameters) = asn1::parse_algorithm(algorithm, "protectionAlg")?;
    match oid {
        oid::PASSWORD_BASED_MAC | oid::PBMAC1 => Ok(Protection::Mac(MacProof::new(
            reference(message)?,
            Parameters::parse(oid, parameters, limits)?,
            algorithm.clone(),
            message.protected_part(),
            tag.to_vec(),
        ))),
        oid::DH_BASED_MAC | oid::KEM_BASED_MAC => Err(Fault::new(
            FailureInfo::BAD_ALG,
            "only PasswordBasedMac, PBMAC1 and signatures protect messages here",
        )),
        _ => SignatureProof::new(algorithm, message.protected_part(), tag).map(Protection::Signature),
    }
}

/// By what the secret is found: senderKID, or the sender's common name if that is absent.
/// RFC 9483 section 4.1.5 wants both to be the same; `openssl cmp` sends another name.
fn reference(message: &Message) -> Result<Vec<u8>, Fault> {
    let header = message.header();
    let by_name = || header.sender.as_ref()?.common_name().map(String::into_bytes);
    header.sender_kid.clone().or_else(by_name).filter(|reference| !reference.is_empty()).ok_or_else(|| {
        Fault::integrity("senderKID is missing; put the reference of the shared secret there")
    })
}
