use crate::walk::explicit;
use crate::{Certificate, Extension, Fault, IssueFault, Millis, Name, PublicKey, Signer, write};

/// A certificate to be.
#[derive(Clone, Debug)]
pub struct CertificateDraft {
    /// The serial number, as an unsigned big-endian number of 1 to 20 octets.
    pub serial: Vec<u8>,
    /// Who issues it.
    pub issuer: Name,
    /// Whom it names.
    pub subject: Name,
    /// The key it binds.
    pub public_key: PublicKey,
    /// Start of validity; fractions of a second are cut off.
    pub not_before: Millis,
    /// End of validity; fractions of a second are cut off.
    pub not_after: Millis,
    /// Its extensions.
    pub extensions: Vec<Extension>,
}

impl CertificateDraft {
    /// The bytes to be signed under a signature `AlgorithmIdentifier` (DER).
    ///
    /// # Errors
    /// When the serial number is zero or too long, or a time cannot be written.
    pub fn to_be_signed(&self, algorithm: &[u8]) -> Result<Vec<u8>, Fault> {
        let serial = write::unsigned(&self.serial);
        // RFC 5280 section 4.1.2.2: positive, and at most 20 octets of content behind tag and length.
        if self.serial.iter().all(|octet| *octet == 0) || serial.len() > 22 {
            return Err(Fault::Malformed {
                what: WHAT,
                detail: "the serial number must be positive and have at most 20 octets".into(),
            });
        }
        let not_before = write::moment(WHAT, self.not_before)?;
        let not_after = write::moment(WHAT, self.not_after)?;
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            write::wrap(explicit(3), &[&Extension::encode_all(&self.extensions)])
        };
        Ok(write::sequence(&[
            &write::wrap(explicit(0), &[&write::unsigned(&[2])]),
            &serial,
            algorithm,
            self.issuer.der(),
            &write::sequence(&[&not_before, &not_after]),
            self.subject.der(),
            self.public_key.der(),
            &extensions,
        ]))
    }

    /// Signs the certificate.
    ///
    /// # Errors
    /// When the key does not sign, or the draft does not make a certificate.
    pub async fn sign(self, signer: &dyn Signer) -> Result<Certificate, IssueFault> {
        let algorithm = signer.algorithm();
        let to_be_signed = self.to_be_signed(algorithm)?;
        let signature = signer.sign(&to_be_signed).await?;
        let der = write::sequence(&[&to_be_signed, algorithm, &write::whole_bits(&signature)]);
        Ok(Certificate::parse(&der)?)
    }
}

const WHAT: &str = "the certificate draft";
