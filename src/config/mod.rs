//! daftar.toml: each room's own section, and the checks that need more than one of them.

mod authority;
mod check;
mod expiry;
mod officers;
mod profile;
mod reference;
mod registrar;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::registrar::{BalancerConfig, TrustConfig, TrustedRaConfig};
use crate::rules::Profile;

pub use authority::AuthorityConfig;
pub use check::is_demo_folder;
pub use expiry::ExpiryConfig;
pub use officers::OfficersConfig;
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
    /// How the audit log is signed; without it, it is not.
    #[serde(default)]
    pub audit: Option<crate::registrar::LogConfig>,
    /// The certificates of the keys for answers, where these are not the RA key.
    #[serde(default)]
    pub answers: crate::frontend::AnswersConfig,
    /// The CMP door.
    #[serde(default)]
    pub cmp: crate::frontend::CmpDoorConfig,
    /// The CAs.
    pub authority: BTreeMap<String, AuthorityConfig>,
    /// Whose certificates identify a requester.
    #[serde(default)]
    pub trust: BTreeMap<String, TrustConfig>,
    /// The registration authorities below us.
    #[serde(default)]
    pub trusted_ra: Vec<TrustedRaConfig>,
    /// The balancers that end TLS in front of us.
    #[serde(default)]
    pub balancer: Vec<BalancerConfig>,
    /// The secret keys that keys made here may be encrypted with.
    #[serde(default)]
    pub key_encryption_key: Vec<crate::frontend::KeyEncryptionKeyConfig>,
    /// What may be asked for.
    pub profile: BTreeMap<String, Profile>,
    /// The people of the office; none: it has devices alone, and no console.
    #[serde(default)]
    pub officers: Option<OfficersConfig>,
    /// When somebody is told that a certificate ends.
    #[serde(default)]
    pub expiry: ExpiryConfig,
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
    #[error("{path}: line {line}: {key}: {text}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The line of the key, or of the table that it is missing in.
        line: usize,
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
        check::check(&config).map_err(|wrong| Fault::Value {
            path: path.to_owned(),
            line: wrong.line(&text),
            key: wrong.key(),
            text: wrong.text,
        })?;
        Ok(config)
    }

    /// The control socket of the office.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.data.join("control.sock")
    }

    /// The same for officers, who show their certificates in TLS.
    #[must_use]
    pub fn officers_socket(&self) -> PathBuf {
        self.data.join("officers.sock")
    }

    /// Every file of certificates, with the key that names it.
    #[must_use]
    pub fn certificate_files(&self) -> Vec<(String, &Path)> {
        let own = [
            ("recovery_certificate".to_owned(), self.recovery_certificate.as_path()),
            ("listen.certificate_file".to_owned(), self.listen.certificate_file.as_path()),
        ];
        let authorities = self.authority.iter().flat_map(|(name, table)| {
            table.certificate_files().into_iter().map(move |(key, path)| (format!("authority.{name}.{key}"), path))
        });
        let trust = self.trust.iter().flat_map(|(name, table)| {
            let files = [("anchors", Some(&table.anchors)), ("intermediates", table.intermediates.as_ref())];
            files.into_iter().filter_map(move |(key, path)| Some((format!("trust.{name}.{key}"), path?.as_path())))
        });
        let answers = [
            ("certificates", &self.answers.certificates),
            ("retiring", &self.answers.retiring),
            ("packages", &self.answers.packages),
        ];
        let answers = answers.into_iter().filter_map(|(key, path)| Some((format!("answers.{key}"), path.as_deref()?)));
        own.into_iter().chain(authorities).chain(trust).chain(answers).collect()
    }

    fn resolve(&mut self, base: &Path) {
        let own = [&mut self.data, &mut self.recovery_certificate, &mut self.listen.certificate_file];
        let trust = self.trust.values_mut().flat_map(|trust| {
            [Some(&mut trust.anchors), trust.intermediates.as_mut(), trust.crl.as_mut()].into_iter().flatten()
        });
        let authority = self.authority.values_mut().flat_map(AuthorityConfig::files);
        let secrets = self.key_encryption_key.iter_mut().map(|entry| &mut entry.file);
        let log = self.audit.iter_mut().flat_map(|log| std::iter::once(&mut log.public_key).chain(&mut log.copies));
        for path in own
            .into_iter()
            .chain(self.store.files())
            .chain(secrets)
            .chain(trust)
            .chain(authority)
            .chain(log)
            .chain(&mut self.answers.certificates)
            .chain(&mut self.answers.retiring)
            .chain(&mut self.answers.packages)
            .chain(&mut self.listen.key_file)
            .chain(&mut self.hsm.pin_file)
        {
            *path = base.join(&*path);
        }
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
    fn a_wrong_value_is_an_error_that_names_its_line_and_key() {
        let line = 1 + REFERENCE.lines().position(|line| line.starts_with("confirm_seconds")).unwrap();
        let fault = load(&REFERENCE.replace("confirm_seconds = 120", "confirm_seconds = 0")).unwrap_err().to_string();
        assert!(fault.contains(&format!("daftar.toml: line {line}: registrar.confirm_seconds: ")), "{fault}");
        // A key that does not stand in the file: the line of its table.
        let line = 1 + REFERENCE.lines().position(|line| line.starts_with("[hsm]")).unwrap();
        let without: Vec<&str> = REFERENCE.lines().filter(|line| !line.starts_with("wrapping_key")).collect();
        let fault = load(&without.join("\n")).unwrap_err().to_string();
        assert!(fault.contains(&format!("line {line}: hsm.wrapping_key: ")), "{fault}");
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused() {
        for (right, wrong, key) in [
            ("node = \"daftar\"", "node = \"\"", "node"),
            ("answer_seconds = 5.0", "answer_seconds = -1.0", "registrar.answer_seconds"),
            ("answer_seconds = 5.0", "answer_seconds = nan", "registrar.answer_seconds"),
            ("answer_seconds = 5.0", "answer_seconds = 60", "registrar.answer_seconds"),
            ("queue_limit = 10000 ", "queue_limit = 0 ", "registrar.queue_limit"),
            ("default_profile = \"devices\"", "default_profile = \"device\"", "registrar.default_profile"),
            ("[trust.own]", "[trust.code]", "trust.code"),
            ("\"code\", \"manufacturer\", \"own\"", "\"code\", \"maker\"", "profile.devices.enrol_with"),
            (
                "enrol_with = [\"code\", \"manufacturer\", \"own\"]  # for a new certificate: \"code\" and names of [trust.NAME]\nenrol_needs = \"one-way\"",
                "enrol_with = [\"code\"]\nenrol_needs = \"certificate-and-code\"",
                "profile.devices.enrol_needs",
            ),
            ("renew_with = [\"own\"]", "renew_with = [\"oven\"]", "profile.devices.renew_with"),
            ("[\"dns\", \"ip\"]", "[\"DNS\"]", "profile.devices.alternative_names"),
            (
                "required_alternative_names = []",
                "required_alternative_names = [\"uri\"]",
                "profile.devices.required_alternative_names",
            ),
            ("\"keyAgreement\"]", "\"keyAgreemnt\"]", "profile.devices.key_usage"),
            ("\"P-521\"", "\"P-512\"", "profile.devices.key.kinds"),
            ("rsa_min_bits = 2048", "rsa_min_bits = 1024", "profile.devices.key.rsa_min_bits"),
            ("rsa_min_bits = 2048", "rsa_min_bits = 8192", "profile.devices.key.rsa_min_bits"),
            ("\"1.3.6.1.5.5.7.3.2\"", "\"clientAuth\"", "profile.devices.extended_key_usage"),
            ("\"1.3.6.1.5.5.7.3.2\"", "\"1.3.6.1.5.5.7.3.28\"", "profile.devices.extended_key_usage"),
            ("required = [\"CN\"]", "required = [\"cn\"]", "profile.devices.subject.required"),
            ("required = [\"CN\"]", "required = [\"2.5.4.3\"]", "profile.devices.subject.required"),
            ("allowed = [\"O\"", "allowed = [\"organisation\"", "profile.devices.subject.allowed"),
            ("{ code = \"profile\"", "{ own = \"profile\"", "profile.devices.subject.names.own"),
            ("{ code = \"profile\"", "{ code = \"serial-number\"", "profile.devices.subject.names.code"),
            ("{ code = \"profile\"", "{ other = \"profile\"", "profile.devices.subject.names.other"),
            ("\"ML-DSA\"", "\"MLDSA\"", "profile.devices.signatures"),
            ("pbm_iterations = 10000 ", "pbm_iterations = 99 ", "profile.devices.cmp.pbm_iterations"),
            ("pbmac1_iterations = 100000", "pbmac1_iterations = 1000001", "profile.devices.cmp.pbmac1_iterations"),
            ("message_time_seconds = 300", "message_time_seconds = 0", "profile.devices.cmp.message_time_seconds"),
            (
                "confirm_seconds = 120            # for the certConf",
                "confirm_seconds = 0 #",
                "profile.devices.cmp.confirm_seconds",
            ),
            ("\"own\"                    # the [trust.NAME] that off", "\"them\" #", "officers.trust"),
            ("[\"ra.example:9443\"]", "[\"https://ra.example:9443/\"]", "officers.hosts"),
            ("utc_offset = \"+00:00\"", "utc_offset = \"3:30\"", "officers.utc_offset"),
            ("idle_minutes = 15", "idle_minutes = 0", "officers.idle_minutes"),
            ("session_hours = 10", "session_hours = 0", "officers.session_hours"),
            ("review_days = 92", "review_days = 0", "officers.review_days"),
            ("{ checker = \"CPS course\" }", "{ cook = \"CPS course\" }", "officers.qualifications"),
            ("\"CPS 4.2.1: codes for devices are handed out by the depot\"", "\"it is fine\"", "officers.alone"),
            ("path = \"/var/lib/daftar/daftar.sqlite\"", "#", "store.path"),
            ("# url =", "url =", "store.url"),
            ("# anchors =", "anchors =", "store.anchors"),
            ("# password_file =", "password_file =", "store.password_file"),
            ("iterations_per_minute = 10000000", "iterations_per_minute = 0", "registrar.iterations_per_minute"),
            ("come_back_seconds = 1209600", "come_back_seconds = 0", "registrar.come_back_seconds"),
            ("timeout_seconds = 30 ", "timeout_seconds = 81 ", "authority.oil.timeout_seconds"),
            ("batch_milliseconds = 0 ", "batch_milliseconds = 50001 ", "authority.oil.timeout_seconds"),
            ("central_keys = false", "central_keys = true", "profile.devices.central_keys"),
            ("validity_days = 397", "validity_days = 0", "profile.devices.validity_days"),
            ("key_file = \"tls.key\"", "#", "listen.key_file"),
            ("# tls_key =", "tls_key =", "hsm.tls_key"),
            ("# tls_key = { label = \"ra-tls\", id = \"06\" }", "tls_key = { label = \"ra-log\" }", "hsm"),
            ("# tls_key = { label = \"ra-tls\", id = \"06\" }", "tls_key = { id = \"01\" }", "hsm"),
        ] {
            assert!(REFERENCE.contains(right), "{right}");
            let fault = load(&REFERENCE.replace(right, wrong)).expect_err(wrong).to_string();
            assert!(fault.contains(&format!(": {key}: ")), "{wrong}: {fault}");
        }
    }

    #[test]
    fn a_ca_that_files_are_carried_to_has_a_name_that_files_can_have() {
        let table = |name: &str| {
            let files = "certificates = \"oil-chain.pem\"\nra_certificate = \"ra.pem\"";
            load(&format!("{REFERENCE}\n[authority.{name}]\nkind = \"file\"\n{files}\n"))
        };
        assert!(table("oil-2").is_ok());
        for name in ["\"../oil\"", "\"oil 2\"", "\"\""] {
            let fault = table(name).expect_err(name).to_string();
            assert!(fault.contains("stands in names of files"), "{fault}");
        }
    }

    #[test]
    fn a_profile_needs_its_authority() {
        let fault = load(&REFERENCE.replace("authority = \"oil\"", "authority = \"gas\"")).unwrap_err().to_string();
        assert!(fault.contains("[authority.gas]"), "{fault}");
    }

    #[test]
    fn a_demo_key_is_refused_outside_a_demo() {
        for (real, demo) in [
            ("label = \"ra-signing\"", "label = \"demo-ra-signing\""),
            ("object=ra-wrapping", "object=demo-ra-wrapping"),
        ] {
            let fault = load(&REFERENCE.replace(real, demo)).unwrap_err().to_string();
            assert!(fault.contains("key of a demo"), "{fault}");
        }
    }

    #[test]
    fn a_demo_data_folder_is_refused_outside_a_demo() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(DEMO_MARK), "").unwrap();
        let text = REFERENCE.replace("/var/lib/daftar\"  ", &format!("{}\"  ", folder.path().display()));
        let fault = load(&text).unwrap_err().to_string();
        assert!(fault.contains("data folder of a demo"), "{fault}");
        let text = text.replace("demo = false", "demo = true").replace("0.0.0.0", "127.0.0.1");
        load(&text).unwrap();
    }

    #[test]
    fn every_file_is_relative_to_the_configuration() {
        let config = load(REFERENCE).unwrap();
        let relative: Vec<String> =
            config.certificate_files().into_iter().filter(|(_, path)| path.is_relative()).map(|(key, _)| key).collect();
        assert!(relative.is_empty(), "{relative:?}");
        assert!(config.hsm.pin_file.unwrap().is_absolute() && config.listen.key_file.unwrap().is_absolute());
    }

    #[test]
    fn a_demo_listens_on_loopback_only() {
        let demo = REFERENCE.replace("demo = false", "demo = true");
        let doors = ["https = \"0.0.0.0:8443\"", "balanced = \"0.0.0.0:8444\"", "http = \"0.0.0.0:8080\""];
        for open in doors {
            // All others are on loopback.
            let text = doors
                .iter()
                .filter(|door| **door != open)
                .fold(demo.clone(), |text, door| text.replacen(door, &door.replace("0.0.0.0", "127.0.0.1"), 1));
            let fault = load(&text).unwrap_err().to_string();
            assert!(fault.contains("loopback"), "{open}: {fault}");
        }
    }
}
