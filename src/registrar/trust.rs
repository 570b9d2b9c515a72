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

    /// As [`check`](Self::check), for a certificate that has expired since: as it was at its end. A revocation list counts whenever it
    /// was made.
    ///
    /// # Errors
    /// Why there is none.
    pub fn check_expired(&self, chain: &[Certificate], purpose: Purpose) -> Result<Arc<ValidPath>, PathFault> {
        let Some((end, sent)) = chain.split_first() else {
            return Err(PathFault::NoPath { subject: "nobody".to_owned() });
        };
        if self.crls.iter().any(|crl| crl.covers(end) && crl.revoked(end.serial()).is_some()) {
            return Err(PathFault::Revoked { subject: end.subject().to_string() });
        }
        let intermediates: Vec<Certificate> = sent.iter().chain(&self.intermediates).cloned().collect();
        validate(&PathQuery {
            end,
            intermediates: &intermediates,
            anchors: &self.anchors,
            at: end.not_after(),
            purpose,
            crls: &self.crls,
            crl_required: false,
            policies: None,
        })
        .map(Arc::new)
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

#[cfg(test)]
#[expect(dead_code, reason = "the keys and the PKI of the tests of `certs`; not all of it is needed here")]
#[path = "../../certs/tests/outside/software_key.rs"]
mod software_key;

#[cfg(test)]
mod tests {
    use super::software_key::{DAY, NOW, Party, authority, signing};
    use super::*;

    struct Office {
        ca: Party,
        end: Party,
        table: Trust,
    }

    fn office(lists: impl Fn(&Party, &Party) -> Vec<Crl>, crl_required: bool) -> Office {
        let root = Party::root("CN=Root");
        let ca = root.issue(2, "CN=CA", authority(Some(0)));
        let end = ca.issue(3, "CN=end", signing());
        let table = Trust {
            crls: lists(&root, &ca),
            anchors: Anchors::new(vec![root.certificate]),
            intermediates: Vec::new(),
            crl_required,
            paths: Arc::default(),
        };
        Office { ca, end, table }
    }

    impl Office {
        /// With the CA's certificate, or without: then only a path that is known leads to the anchor.
        fn check(&self, sent: bool, at: Millis) -> bool {
            let mut chain = vec![self.end.certificate.clone()];
            chain.extend(sent.then(|| self.ca.certificate.clone()));
            self.table.check(&chain, Purpose::CmpProtection, at).is_ok()
        }
    }

    #[test]
    fn a_path_that_was_validated_is_known_until_a_certificate_ends() {
        let office = office(|_, _| Vec::new(), false);
        let end = office.end.certificate.not_after();
        assert!(!office.check(false, NOW), "nothing is known yet");
        assert!(office.check(true, NOW));
        assert!(office.check(false, NOW));
        assert!(office.check(false, end.plus(-1)));
        assert!(!office.check(false, end));
        assert!(!office.check(true, end.plus(1000)), "it has ended");
        assert!(!office.check(false, NOW.plus(-1)), "it may not have begun");
    }

    #[test]
    fn what_is_known_for_one_purpose_is_not_for_another() {
        let office = office(|_, _| Vec::new(), false);
        assert!(office.check(true, NOW));
        let alone = [office.end.certificate.clone()];
        assert!(office.table.check(&alone, Purpose::CmpProtection, NOW).is_ok());
        assert!(office.table.check(&alone, Purpose::RegistrationAuthority, NOW).is_err());
    }

    #[test]
    fn a_list_that_is_due_or_begins_to_count_ends_what_is_known() {
        // Where lists are needed, that is until the next ones are due: two days.
        let due = office(|root, ca| vec![root.crl(1, NOW, &[]), ca.crl(1, NOW, &[])], true);
        assert!(due.check(true, NOW));
        assert!(due.check(false, NOW.plus(2 * DAY - 1)));
        assert!(!due.check(false, NOW.plus(2 * DAY)));
        assert!(!due.check(true, NOW.plus(2 * DAY + 1)));
        let coming = office(|_, ca| vec![ca.crl(1, NOW, &[]), ca.crl(2, NOW.plus(DAY), &[&[3]])], false);
        assert!(coming.check(true, NOW));
        assert!(coming.check(false, NOW.plus(DAY - 1)));
        assert!(!coming.check(true, NOW.plus(DAY)), "the newer list revokes it");
    }

    #[test]
    fn the_memory_of_paths_is_bounded() {
        let office = office(|_, _| Vec::new(), false);
        let chain = [office.end.certificate.clone(), office.ca.certificate.clone()];
        let path = office.table.check(&chain, Purpose::CmpProtection, NOW).unwrap();
        for number in 0..10_000_u16 {
            let mut hash = [0; 32];
            hash[..2].copy_from_slice(&number.to_be_bytes());
            office.table.paths.keep((hash, Purpose::Any), Arc::clone(&path), NOW, NOW.plus(DAY));
        }
        assert!(office.table.paths.len() <= 4096);
    }
}
