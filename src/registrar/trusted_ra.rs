//! Registration authorities below us: `[[trusted_ra]]` (DESIGN rule 10).

use std::collections::BTreeSet;

use certs::Certificate;
use certs::path::Purpose;
use serde::Deserialize;

use super::Registrar;
use super::known_by::KnownBy;
use crate::rules::Profile;

/// One `[[trusted_ra]]`. Its certificate is known by exactly one of `subject`, `key_identifier` and `certificate_sha256`; it must
/// have the extended key usage id-kp-cmcRA and be issued by the CA whose certificates are asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedRaConfig {
    /// What it is called in the log.
    pub name: String,
    /// The name of `[trust.NAME]` that its certificate is validated with.
    pub trust: String,
    /// The profiles that it may serve.
    pub profiles: BTreeSet<String>,
    /// Its subject, such as `CN=plant 7,O=Example`.
    pub subject: Option<String>,
    /// Hexadecimal: its subject key identifier.
    pub key_identifier: Option<String>,
    /// Hexadecimal: the SHA-256 of its certificate.
    pub certificate_sha256: Option<String>,
}

/// An entry, read.
#[derive(Clone, Debug)]
pub struct TrustedRa {
    name: String,
    trust: String,
    profiles: BTreeSet<String>,
    known_by: KnownBy,
}

impl TrustedRa {
    /// Reads an entry.
    ///
    /// # Errors
    /// A text that names the key and what is wrong with it.
    pub fn read(config: &TrustedRaConfig) -> Result<Self, String> {
        let known_by = KnownBy::read(
            config.subject.as_deref(),
            config.key_identifier.as_deref(),
            config.certificate_sha256.as_deref(),
        )?;
        Ok(Self { name: config.name.clone(), trust: config.trust.clone(), profiles: config.profiles.clone(), known_by })
    }
}

impl Registrar {
    /// The entry that names a certificate for a profile; nothing is validated yet.
    pub(super) fn entry_for(&self, certificate: &Certificate, profile: &str) -> Option<&TrustedRa> {
        self.trusted_ras.iter().find(|entry| entry.profiles.contains(profile) && entry.known_by.is(certificate))
    }

    /// Whether a certificate gives the rights of its entry. Gives the name of the trust table.
    ///
    /// The extended key usage alone gives none, as a manufacturer's CA could set it, too; nor does the entry alone.
    pub(super) fn check_entry(
        &self,
        entry: &TrustedRa,
        profile: &Profile,
        chain: &[Certificate],
        purpose: Purpose,
    ) -> Result<String, String> {
        let Some(certificate) = chain.first() else { return Err("there is no certificate".to_owned()) };
        let of = |fault: &str| format!("the certificate of the registration authority '{}' {fault}", entry.name);
        let authority = self.authorities.get(&profile.authority).map(|authority| authority.chain());
        let issuer = authority.and_then(<[Certificate]>::first).ok_or_else(|| of("has no CA to be issued by"))?;
        let from_it =
            certificate.issuer().matches(issuer.subject()) && certificate.verify_signature(issuer.public_key()).is_ok();
        if !from_it {
            return Err(of(&format!("is not issued by '{}', whose certificates are asked for", issuer.subject())));
        }
        // RFC 9810 section 4.5: id-kp-cmcRA.
        if !certificate.extended_key_usages().unwrap_or_default().contains(&certs::oid::CMC_RA) {
            return Err(of("has not the extended key usage id-kp-cmcRA"));
        }
        let tables = self.trust.load();
        let trust = tables.get(&entry.trust).ok_or_else(|| of("has no [trust] table"))?;
        // RFC 7030 section 3.7: as a TLS client it is known by id-kp-cmcRA; RFC 6402 section 2.10 asks for no other usage.
        let purpose = if purpose == Purpose::ClientAuth { Purpose::RegistrationAuthority } else { purpose };
        trust.check(chain, purpose, self.now()).map_err(|fault| of(&format!("is not trusted: {fault}")))?;
        Ok(entry.trust.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TrustedRaConfig {
        TrustedRaConfig {
            name: "plant".to_owned(),
            trust: "own".to_owned(),
            profiles: ["devices".to_owned()].into(),
            subject: None,
            key_identifier: None,
            certificate_sha256: None,
        }
    }

    #[test]
    fn an_entry_is_known_by_exactly_one_thing() {
        assert!(TrustedRa::read(&config()).is_err());
        let by_name = TrustedRaConfig { subject: Some("CN=plant 7".to_owned()), ..config() };
        assert!(TrustedRa::read(&by_name).is_ok());
        let twice = TrustedRaConfig { key_identifier: Some("0102".to_owned()), ..by_name };
        assert!(TrustedRa::read(&twice).is_err());
    }

    #[test]
    fn hashes_and_identifiers_are_hexadecimal_and_whole() {
        for (hash, good) in [("ab".repeat(32), true), ("ab".repeat(31), false), ("xy".repeat(32), false)] {
            let config = TrustedRaConfig { certificate_sha256: Some(hash), ..config() };
            assert_eq!(TrustedRa::read(&config).is_ok(), good);
        }
    }
}
