use super::Revoked;
use crate::walk::{ENUMERATED, explicit};
use crate::{Crl, Extension, Fault, IssueFault, Millis, Name, Signer, oid, write};

/// A revocation list to be.
#[derive(Clone, Debug)]
pub struct CrlDraft {
    /// Who issues it.
    pub issuer: Name,
    /// The issuer's subject key identifier.
    pub authority_key_identifier: Vec<u8>,
    /// `cRLNumber`.
    pub number: u64,
    /// When it is made.
    pub this_update: Millis,
    /// When the next one is due.
    pub next_update: Millis,
    /// Serial numbers (content octets) and what to say about them.
    pub revoked: Vec<(Vec<u8>, Revoked)>,
}

impl CrlDraft {
    /// The bytes to be signed under a signature `AlgorithmIdentifier` (DER).
    ///
    /// # Errors
    /// When a time cannot be written.
    pub fn to_be_signed(&self, algorithm: &[u8]) -> Result<Vec<u8>, Fault> {
        let entries = self.revoked.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        // RFC 5280 section 5.1.2.6: with nothing revoked, the list MUST be absent.
        let entries = if entries.is_empty() { Vec::new() } else { write::sequence_of(&entries) };
        let number = write::unsigned(&self.number.to_be_bytes());
        let extensions = Extension::encode_all(&[
            Extension::authority_key_identifier(&self.authority_key_identifier),
            Extension { oid: oid::CRL_NUMBER, critical: false, value: number },
        ]);
        Ok(write::sequence(&[
            &write::unsigned(&[1]),
            algorithm,
            self.issuer.der(),
            &write::moment(WHAT, self.this_update)?,
            &write::moment(WHAT, self.next_update)?,
            &entries,
            &write::wrap(explicit(0), &[&extensions]),
        ]))
    }

    /// Signs the list.
    ///
    /// # Errors
    /// When the key does not sign, or the draft does not make a list.
    pub async fn sign(&self, signer: &dyn Signer) -> Result<Crl, IssueFault> {
        let algorithm = signer.algorithm();
        let to_be_signed = self.to_be_signed(algorithm)?;
        let signature = signer.sign(&to_be_signed).await?;
        Ok(Crl::parse(&write::sequence(&[&to_be_signed, algorithm, &write::whole_bits(&signature)]))?)
    }
}

fn entry((serial, revoked): &(Vec<u8>, Revoked)) -> Result<Vec<u8>, Fault> {
    let at = write::moment(WHAT, revoked.at)?;
    let serial = write::wrap(crate::walk::INTEGER, &[serial]);
    // RFC 5280 section 5.3.1: unspecified is said by saying nothing.
    if revoked.reason == 0 {
        return Ok(write::sequence(&[&serial, &at]));
    }
    let value = write::wrap(ENUMERATED, &[&[revoked.reason]]);
    let extensions = Extension::encode_all(&[Extension { oid: oid::CRL_REASON, critical: false, value }]);
    Ok(write::sequence(&[&serial, &at, &extensions]))
}

const WHAT: &str = "the revocation list draft";
