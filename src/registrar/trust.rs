//! Whose certificates identify a requester: `[trust.NAME]`. Each table is kept apart (RFC 7030 section 3.3.2).

use std::path::PathBuf;
use std::sync::Arc;

use certs::path::{Anchors, PathFault, PathQuery, Purpose, ValidPath, validate};
use certs::{Certificate, Crl, Millis};
use serde::Deserialize;

use super::paths::Paths;

/// `[trust.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// PEM: the trust anchors.
    pub anchors: PathBuf,
    /// PEM: CA certificates below the anchors, for requesters that do not send them.
    pub intermediates: Option<PathBuf>,
    /// DER: a revocation list, read at start and at SIGHUP.
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
    /// A table that is read again begins with none: other anchors and lists, other paths.
    paths: Arc<Paths>,
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
            paths: Arc::default(),
        })
    }

    /// The path from the first certificate of a chain to an anchor of this table. One that was validated before is not
    /// validated again while neither time nor a revocation list can have changed the verdict.
    ///
    /// # Errors
    /// Why there is none.
    pub fn check(&self, chain: &[Certificate], purpose: Purpose, at: Millis) -> Result<Arc<ValidPath>, PathFault> {
        let Some((end, sent)) = chain.split_first() else {
            return Err(PathFault::NoPath { subject: "nobody".to_owned() });
        };
        let key = (end.hash(), purpose);
        if let Some(known) = self.paths.find(&key, at) {
            return Ok(known);
        }
        let intermediates: Vec<Certificate> = sent.iter().chain(&self.intermediates).cloned().collect();
        let path = Arc::new(validate(&PathQuery {
            end,
            intermediates: &intermediates,
            anchors: &self.anchors,
            at,
            purpose,
            crls: &self.crls,
            crl_required: self.crl_required,
            policies: None,
        })?);
        self.paths.keep(key, Arc::clone(&path), at, self.good_until(&path, at));
        Ok(path)
    }

    /// When a path must be validated again: the first of its certificates ends, a needed list is due, or one that is dated
    /// in the future begins to count.
    fn good_until(&self, path: &ValidPath, at: Millis) -> Millis {
        let ends = path.chain().iter().map(Certificate::not_after);
        let due = self.crls.iter().filter(|_| self.crl_required).filter_map(Crl::next_update);
        let begin = self.crls.iter().map(Crl::this_update).filter(|begin| *begin > at);
        ends.chain(due).chain(begin).min().unwrap_or(at)
    }
}
