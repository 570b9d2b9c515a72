//! Whose certificates identify a requester: `[trust.NAME]`. Each table is kept apart (RFC 7030 section 3.3.2).

use std::path::PathBuf;

use certs::path::{Anchors, PathFault, PathQuery, Purpose, validate};
use certs::{Certificate, Crl, Millis};
use serde::Deserialize;

/// `[trust.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// PEM: the trust anchors.
    pub anchors: PathBuf,
    /// PEM: CA certificates below the anchors, for requesters that do not send them.
    pub intermediates: Option<PathBuf>,
    /// DER: a revocation list, read at start.
    pub crl: Option<PathBuf>,
    /// Whether a certificate is refused when no current revocation list covers it.
    #[serde(default)]
    pub crl_required: bool,
}

/// A trust table with its files read.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: Anchors,
    intermediates: Vec<Certificate>,
    crls: Vec<Crl>,
    crl_required: bool,
}

impl Trust {
    /// Reads the files of a table.
    ///
    /// # Errors
    /// A text that names the file and what is wrong with it.
    pub fn read(config: &TrustConfig) -> Result<Self, String> {
        let named = |path: &PathBuf, fault: String| format!("{}: {fault}", path.display());
        let certificates = |path: &PathBuf| {
            let pem = std::fs::read(path).map_err(|fault| named(path, fault.to_string()))?;
            Certificate::parse_pem(&pem).map_err(|fault| named(path, fault.to_string()))
        };
        let anchors = certificates(&config.anchors)?;
        if anchors.is_empty() {
            return Err(named(&config.anchors, "holds no certificate".to_owned()));
        }
        let crls = match &config.crl {
            None => Vec::new(),
            Some(path) => {
                let der = std::fs::read(path).map_err(|fault| named(path, fault.to_string()))?;
                vec![Crl::parse(&der).map_err(|fault| named(path, fault.to_string()))?]
            }
        };
        Ok(Self {
            anchors: Anchors::new(anchors),
            intermediates: config.intermediates.as_ref().map(certificates).transpose()?.unwrap_or_default(),
            crls,
            crl_required: config.crl_required,
        })
    }

    /// Whether the first certificate of a chain leads to an anchor of this table.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, chain: &[Certificate], purpose: Purpose, at: Millis) -> Result<(), PathFault> {
        let Some((end, sent)) = chain.split_first() else {
            return Err(PathFault::NoPath { subject: "nobody".to_owned() });
        };
        let intermediates: Vec<Certificate> = sent.iter().chain(&self.intermediates).cloned().collect();
        validate(&PathQuery {
            end,
            intermediates: &intermediates,
            anchors: &self.anchors,
            at,
            purpose,
            crls: &self.crls,
            crl_required: self.crl_required,
            policies: None,
        })
        .map(|_| ())
    }
}
