//! `[authority.NAME]`: one table a CA, told apart by `kind`.

use std::path::{Path, PathBuf};

use certs::{ObjectIdentifier, oid};
use serde::Deserialize;

use crate::upstream::{CmcConfig, CmpConfig, EstConfig, FileConfig, Takes};

/// A CA and the protocol it speaks.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum AuthorityConfig {
    /// CMP (RFC 9810).
    Cmp(CmpConfig),
    /// EST (RFC 7030).
    Est(EstConfig),
    /// Full CMC (RFC 10002).
    Cmc(CmcConfig),
    /// CMP in files that people carry (RFC 9483 section 6.4.1).
    File(FileConfig),
}

impl AuthorityConfig {
    /// Where it listens; nowhere when it is off-line.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Cmp(config) => Some(&config.url),
            Self::Est(config) => Some(&config.url),
            Self::Cmc(config) => Some(&config.url),
            Self::File(_) => None,
        }
    }

    /// Where else it listens.
    #[must_use]
    pub fn further_urls(&self) -> &[String] {
        match self {
            Self::Cmp(config) => &config.further_urls,
            Self::Est(_) | Self::Cmc(_) | Self::File(_) => &[],
        }
    }

    /// The certificates of the CA, up to its root.
    #[must_use]
    pub fn certificates(&self) -> &Path {
        match self {
            Self::Cmp(config) => &config.certificates,
            Self::Est(config) => &config.certificates,
            Self::Cmc(config) => &config.certificates,
            Self::File(config) => &config.certificates,
        }
    }

    /// The RA's own certificate there.
    #[must_use]
    pub fn ra_certificate(&self) -> &Path {
        match self {
            Self::Cmp(config) => &config.ra_certificate,
            Self::Est(config) => &config.ra_certificate,
            Self::Cmc(config) => &config.ra_certificate,
            Self::File(config) => &config.ra_certificate,
        }
    }

    /// What the RA's certificate there must be for.
    #[must_use]
    pub fn ra_purposes(&self) -> &'static [ObjectIdentifier] {
        match self {
            // RFC 6402 section 2.10, DESIGN rule 3.
            Self::Cmp(_) | Self::File(_) => &[oid::CMC_RA],
            Self::Cmc(config) if !config.is_est() => &[oid::CMC_RA],
            // RFC 7030 section 3.7: it is shown in the TLS handshake, too.
            Self::Est(_) | Self::Cmc(_) => &[oid::CMC_RA, oid::CLIENT_AUTH],
        }
    }

    /// What it can be asked for besides a certificate for a PKCS#10.
    #[must_use]
    pub const fn takes(&self) -> Takes {
        match self {
            Self::Cmp(_) => Takes::CMP,
            Self::Est(_) => Takes::PKCS10_ONLY,
            Self::Cmc(_) => Takes::CMC,
            Self::File(_) => Takes::FILES,
        }
    }

    /// The file names in the table.
    pub(super) fn files(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Cmp(config) => {
                let needed = [&mut config.certificates, &mut config.ra_certificate];
                let optional =
                    [&mut config.signer_certificate, &mut config.tls_roots, &mut config.rollover_certificates];
                needed.into_iter().chain(optional.into_iter().flatten()).collect()
            }
            Self::Est(config) => {
                let needed = [&mut config.certificates, &mut config.ra_certificate];
                let optional = [&mut config.tls_roots, &mut config.rollover_certificates];
                needed.into_iter().chain(optional.into_iter().flatten()).collect()
            }
            Self::Cmc(config) => {
                let needed = [&mut config.certificates, &mut config.ra_certificate];
                let optional =
                    [&mut config.signer_certificate, &mut config.tls_roots, &mut config.rollover_certificates];
                needed.into_iter().chain(optional.into_iter().flatten()).collect()
            }
            Self::File(config) => {
                let needed = [&mut config.certificates, &mut config.ra_certificate];
                let optional = [&mut config.signer_certificate, &mut config.rollover_certificates];
                needed.into_iter().chain(optional.into_iter().flatten()).collect()
            }
        }
    }

    /// Whether it takes messages that are wrapped in ours.
    pub(super) const fn takes_nested(&self) -> bool {
        match self {
            Self::Cmp(config) => config.nested,
            Self::Est(_) | Self::Cmc(_) | Self::File(_) => false,
        }
    }

    /// How long a message and its answer may be on their way, in milliseconds.
    pub(super) fn longest_way(&self) -> i64 {
        let millis = match self {
            Self::Cmp(config) => config.longest_way(),
            Self::Est(config) => config.timeout_seconds.saturating_mul(1000),
            Self::Cmc(config) => config.timeout_seconds.saturating_mul(1000),
            Self::File(_) => 0,
        };
        i64::try_from(millis).unwrap_or(i64::MAX)
    }

    /// What is wrong with the address, where the protocol wants a certain one.
    pub(super) fn url_fault(&self) -> Option<String> {
        match self {
            Self::Cmp(_) | Self::File(_) => None,
            Self::Est(config) => config.enrolment().err(),
            Self::Cmc(config) => config.address().err(),
        }
    }

    /// The files of certificates, with their keys.
    pub(super) fn certificate_files(&self) -> Vec<(&'static str, &Path)> {
        let (signer, tls_roots, rollover) = match self {
            Self::Cmp(config) => {
                (config.signer_certificate.as_ref(), config.tls_roots.as_ref(), config.rollover_certificates.as_ref())
            }
            Self::Est(config) => (None, config.tls_roots.as_ref(), config.rollover_certificates.as_ref()),
            Self::Cmc(config) => {
                (config.signer_certificate.as_ref(), config.tls_roots.as_ref(), config.rollover_certificates.as_ref())
            }
            Self::File(config) => (config.signer_certificate.as_ref(), None, config.rollover_certificates.as_ref()),
        };
        let optional = [("signer_certificate", signer), ("tls_roots", tls_roots), ("rollover_certificates", rollover)];
        let needed = [("certificates", self.certificates()), ("ra_certificate", self.ra_certificate())];
        let optional = optional.into_iter().filter_map(|(key, path)| Some((key, path?.as_path())));
        needed.into_iter().chain(optional).collect()
    }
}
