//! Balancers in front of us that end their clients' TLS connections: `[[balancer]]`.

use certs::Certificate;
use certs::path::Purpose;
use serde::Deserialize;

use super::Registrar;
use super::known_by::KnownBy;
use crate::store::CertificateStatus;

/// One `[[balancer]]`. Its certificate is known by exactly one of `subject`, `key_identifier` and `certificate_sha256`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalancerConfig {
    /// What it is called in the log.
    pub name: String,
    /// The name of `[trust.NAME]` that its certificate is validated with.
    pub trust: String,
    /// Its subject, such as `CN=balancer 1,O=Example`.
    pub subject: Option<String>,
    /// Hexadecimal: its subject key identifier.
    pub key_identifier: Option<String>,
    /// Hexadecimal: the SHA-256 of its certificate.
    pub certificate_sha256: Option<String>,
}

/// An entry, read.
#[derive(Clone, Debug)]
pub struct Balancer {
    name: String,
    trust: String,
    known_by: KnownBy,
}

impl Balancer {
    /// Reads an entry.
    ///
    /// # Errors
    /// A text that names the key and what is wrong with it.
    pub fn read(config: &BalancerConfig) -> Result<Self, String> {
        let known_by = KnownBy::read(
            config.subject.as_deref(),
            config.key_identifier.as_deref(),
            config.certificate_sha256.as_deref(),
        )?;
        Ok(Self { name: config.name.clone(), trust: config.trust.clone(), known_by })
    }
}

impl Registrar {
    /// Whether the TLS client with this chain is a balancer that may tell of its clients (RFC 9440 section 4). Gives its name.
    ///
    /// # Errors
    /// Why it is none.
    pub async fn check_balancer(&self, chain: &[Certificate]) -> Result<&str, String> {
        let end = chain.first().ok_or("the connection has no client certificate")?;
        let entry = self
            .balancers
            .iter()
            .find(|entry| entry.known_by.is(end))
            .ok_or_else(|| format!("no [[balancer]] has the certificate of {}", end.subject()))?;
        let of = |fault: &str| format!("the certificate of the balancer '{}' {fault}", entry.name);
        let tables = self.trust.load();
        let trust = tables.get(&entry.trust).ok_or_else(|| of("has no [trust] table"))?;
        trust.check(chain, Purpose::ClientAuth, self.now()).map_err(|fault| of(&format!("is not trusted: {fault}")))?;
        let known = self.store.certificate_by_hash(&end.hash()).await.map_err(|fault| of(&fault.to_string()))?;
        match known.map(|row| row.status) {
            Some(CertificateStatus::Revoked | CertificateStatus::Rejected) => Err(of("is revoked or was rejected")),
            _ => Ok(&entry.name),
        }
    }
}
