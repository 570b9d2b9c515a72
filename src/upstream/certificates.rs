//! The certificates that every driver needs: the CA's, what links its roots, the RA's own.

use std::path::Path;

use certs::{Certificate, Signer, oid};

/// What a driver knows of its CA and shows of itself. Neither `chain` nor `ra` is empty.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The issuing CA's, up to its root.
    pub(super) chain: Vec<Certificate>,
    /// What connects its root with the one before or the next one (RFC 7030 section 4.1.3).
    pub(super) rollover: Vec<Certificate>,
    /// The RA's own, then what its CA needs to know it by.
    pub(super) ra: Vec<Certificate>,
}

impl Certificates {
    /// Reads the files, PEM each.
    ///
    /// # Errors
    /// A text that names the file and what is wrong with it.
    pub(super) fn read(chain: &Path, rollover: Option<&Path>, ra: &Path, signer: &dyn Signer) -> Result<Self, String> {
        let found = Self { chain: read_certificates(chain)?, rollover: Vec::new(), ra: read_certificates(ra)? };
        if !found.issuer().is_ca() {
            return Err(format!("the first certificate of {} is not a CA's", chain.display()));
        }
        if found.own().public_key().der() != signer.public_key().der() {
            return Err(format!("{} certifies another key than the RA key on the token", ra.display()));
        }
        let rollover = rollover.map(read_certificates).transpose()?.unwrap_or_default();
        let root = found.chain.last().unwrap_or(found.issuer());
        if let Some(strange) = rollover.iter().find(|one| !one.is_ca() || !one.subject().matches(root.subject())) {
            // RFC 9810 section 4.4: a CA that changes its key keeps its name.
            return Err(format!(
                "rollover_certificates holds a certificate of '{}', which is no CA certificate of the root '{}'",
                strange.subject(),
                root.subject()
            ));
        }
        Ok(Self { rollover, ..found })
    }

    /// Whether the RA's own can be shown in a TLS handshake.
    ///
    /// # Errors
    /// A text that names the file.
    pub(super) fn check_tls_client(&self, ra: &Path) -> Result<(), String> {
        // RFC 5280 section 4.2.1.12: it "MUST only be used for one of the purposes indicated".
        let purposes = self.own().extended_key_usages().unwrap_or(&[oid::CLIENT_AUTH]);
        if purposes.iter().any(|purpose| [oid::CLIENT_AUTH, oid::ANY_EXTENDED_KEY_USAGE].contains(purpose)) {
            return Ok(());
        }
        Err(format!(
            "the certificate in {} is not for TLS clients: for EST it needs the extended key usage id-kp-clientAuth ({}), too",
            ra.display(),
            oid::CLIENT_AUTH
        ))
    }

    /// The CA that issues.
    pub(super) fn issuer(&self) -> &Certificate {
        // `read_certificates` refused an empty file.
        &self.chain[0]
    }

    /// The RA's own certificate, which vouches for what is forwarded.
    pub(super) fn own(&self) -> &Certificate {
        // Likewise.
        &self.ra[0]
    }
}

/// The certificates of a PEM file, at least one.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let text = std::fs::read(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
    let certificates = Certificate::parse_pem(&text).map_err(|fault| format!("{}: {fault}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    Ok(certificates)
}
