//! daftar.toml: each room's own section, and the checks that need more than one of them.

mod authority;
mod reference;
mod registrar;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::registrar::TrustConfig;
use crate::rules::Profile;

pub use authority::AuthorityConfig;
pub use reference::REFERENCE;
pub use registrar::RegistrarConfig;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of this node in leases and in the audit log.
    #[serde(default = "default_node")]
    pub node: String,
    /// A throw-away office: demo certificates are taken, and only loopback addresses are listened on.
    #[serde(default)]
    pub demo: bool,
    /// The folder of the control socket and of the PIN marker.
    pub data: PathBuf,
    /// PEM: an off-line certificate with an RSA key, for which every data key is wrapped, too (DESIGN rule 11).
    pub recovery_certificate: PathBuf,
    /// Sockets, TLS, limits.
    pub listen: crate::listen::Config,
    /// The database.
    pub store: crate::store::Config,
    /// The token and its keys.
    pub hsm: crate::hsm::Config,
    /// How requests are worked on.
    #[serde(default)]
    pub registrar: RegistrarConfig,
    /// The CAs.
    pub authority: BTreeMap<String, AuthorityConfig>,
    /// Whose certificates identify a requester.
    #[serde(default)]
    pub trust: BTreeMap<String, TrustConfig>,
    /// What may be asked for.
    pub profile: BTreeMap<String, Profile>,
    /// The log on standard error.
    #[serde(default)]
    pub log: LogConfig,
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// One JSON object a line, for machines.
    pub json: bool,
    /// What is logged, as in RUST_LOG.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        // certval tells of every path at this level.
        Self { json: false, filter: "info,certval=warn".to_owned() }
    }
}

/// What is wrong with the file. The text names the file, the line or key, and what to write instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is not what a configuration looks like.
    #[error("{path}: {cause}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, key and fault.
        cause: Box<toml::de::Error>,
    },
    /// A value does not fit the others.
    #[error("{path}: {key}: {text}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong.
        text: String,
    },
}

impl Config {
    /// Reads and checks a file. Relative file names in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(|cause| Fault::File { path: path.to_owned(), cause })?;
        let mut config: Self =
            toml::from_str(&text).map_err(|cause| Fault::Syntax { path: path.to_owned(), cause: Box::new(cause) })?;
        let full = std::path::absolute(path).map_err(|cause| Fault::File { path: path.to_owned(), cause })?;
        config.resolve(full.parent().unwrap_or(Path::new("/")));
        config.check().map_err(|(key, text)| Fault::Value { path: path.to_owned(), key, text })?;
        Ok(config)
    }

    /// The control socket of the office.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.data.join("control.sock")
    }

    fn resolve(&mut self, base: &Path) {
        let own: [&mut PathBuf; 5] = [
            &mut self.data,
            &mut self.recovery_certificate,
            &mut self.store.path,
            &mut self.listen.certificate_file,
            &mut self.listen.key_file,
        ];
        let trust = self.trust.values_mut().flat_map(|trust| {
            [Some(&mut trust.anchors), trust.intermediates.as_mut(), trust.crl.as_mut()].into_iter().flatten()
        });
        let authority = self.authority.values_mut().flat_map(AuthorityConfig::files);
        for path in own.into_iter().chain(trust).chain(authority).chain(&mut self.hsm.pin_file) {
            *path = base.join(&*path);
        }
    }

    fn check(&self) -> Result<(), (String, String)> {
        let fault = |key: String, text: String| Err((key, text));
        self.hsm.check().map_err(|cause| ("hsm".to_owned(), cause.to_string()))?;
        if self.hsm.wrapping_key.is_none() {
            return fault("hsm.wrapping_key".into(), "is needed: enrolment secrets are encrypted under it".into());
        }
        let demo_key = |key: &crate::hsm::KeyRef| key.label.as_deref().is_some_and(|label| label.starts_with("demo-"));
        if !self.demo && (demo_key(&self.hsm.signing_key) || self.data.join(DEMO_MARK).exists()) {
            return fault(
                "demo".into(),
                "the key or the data folder is of a demo; set `demo = true` or use real ones".into(),
            );
        }
        for (name, profile) in &self.profile {
            est::check_label(name).map_err(|cause| (format!("profile.{name}"), cause.to_string()))?;
            if !self.authority.contains_key(&profile.authority) {
                return fault(
                    format!("profile.{name}.authority"),
                    format!("there is no [authority.{}]", profile.authority),
                );
            }
            for trust in profile.renew_with.iter().chain(&profile.enrol_with).filter(|trust| *trust != "code") {
                if !self.trust.contains_key(trust) {
                    return fault(format!("profile.{name}"), format!("there is no [trust.{trust}]"));
                }
            }
        }
        if !self.profile.contains_key(&self.registrar.default_profile) {
            let text = format!("there is no [profile.{}]", self.registrar.default_profile);
            return fault("registrar.default_profile".into(), text);
        }
        self.check_addresses()
    }

    /// A demo listens on loopback only (DESIGN 3).
    fn check_addresses(&self) -> Result<(), (String, String)> {
        let listen = &self.listen;
        let places = [("https", listen.https), ("http", listen.http), ("metrics", listen.metrics)];
        for (name, address) in places.iter().filter_map(|(name, place)| Some((name, place.address()?))) {
            if self.demo && !SocketAddr::ip(&address).is_loopback() {
                return Err((format!("listen.{name}"), "a demo listens on loopback addresses only".to_owned()));
            }
        }
        Ok(())
    }
}

/// A file in a demo's data folder: nothing real is ever kept there.
pub const DEMO_MARK: &str = "DEMO-NOT-FOR-PRODUCTION";

/// One node needs no name of its own.
fn default_node() -> String {
    "daftar".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daftar.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn the_reference_is_a_configuration() {
        let config = load(REFERENCE).unwrap();
        assert!(config.data.is_absolute());
        assert_eq!(config.registrar.default_profile, "devices");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_its_line() {
        let fault = load(&REFERENCE.replace("check_after_seconds", "chekc_after_seconds")).unwrap_err().to_string();
        assert!(fault.contains("chekc_after_seconds"), "{fault}");
        assert!(fault.contains("line"), "{fault}");
    }

    #[test]
    fn a_profile_needs_its_authority() {
        let fault = load(&REFERENCE.replace("authority = \"oil\"", "authority = \"gas\"")).unwrap_err().to_string();
        assert!(fault.contains("[authority.gas]"), "{fault}");
    }

    #[test]
    fn a_demo_key_is_refused_outside_a_demo() {
        let fault = load(&REFERENCE.replace("label = \"ra-signing\"", "label = \"demo-ra-signing\"")).unwrap_err();
        assert!(fault.to_string().contains("demo"), "{fault}");
    }

    #[test]
    fn a_demo_listens_on_loopback_only() {
        let fault = load(&REFERENCE.replace("demo = false", "demo = true")).unwrap_err().to_string();
        assert!(fault.contains("loopback"), "{fault}");
    }
}
