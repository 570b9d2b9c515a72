//! `[authority.NAME]`: one table a CA, told apart by `kind`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::upstream::CmpConfig;

/// A CA and the protocol it speaks.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum AuthorityConfig {
    /// CMP (RFC 9810).
    Cmp(CmpConfig),
}

impl AuthorityConfig {
    /// The file names in the table.
    pub(super) fn files(&mut self) -> Vec<&mut PathBuf> {
        let Self::Cmp(config) = self;
        let needed = [&mut config.certificates, &mut config.ra_certificate];
        let optional = [&mut config.signer_certificate, &mut config.tls_roots, &mut config.rollover_certificates];
        needed.into_iter().chain(optional.into_iter().flatten()).collect()
    }

    /// Whether it takes messages that are wrapped in ours.
    pub(super) const fn takes_nested(&self) -> bool {
        let Self::Cmp(config) = self;
        config.nested
    }

    /// How long a message and its answer may be on their way, in milliseconds.
    pub(super) fn longest_way(&self) -> i64 {
        let Self::Cmp(config) = self;
        let answer = config.timeout_seconds.saturating_mul(1000);
        i64::try_from(config.batch_milliseconds.saturating_add(answer)).unwrap_or(i64::MAX)
    }

    /// The files of certificates, with their keys.
    pub(super) fn certificate_files(&self) -> Vec<(&'static str, &Path)> {
        let Self::Cmp(config) = self;
        let files = [
            ("certificates", Some(&config.certificates)),
            ("ra_certificate", Some(&config.ra_certificate)),
            ("signer_certificate", config.signer_certificate.as_ref()),
            ("tls_roots", config.tls_roots.as_ref()),
            ("rollover_certificates", config.rollover_certificates.as_ref()),
        ];
        files.into_iter().filter_map(|(key, path)| Some((key, path?.as_path()))).collect()
    }
}
