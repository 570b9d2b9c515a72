//! The officers of a demo: for each a certificate with its key, as commands take it and as browsers do, in the folder that `OFFICERS` names.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use certs::{Name, oid};
use demo_ca::pki::Pki;
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::files::write_private;
use super::{Failed, OFFICERS};
use crate::case::Clock as _;
use crate::cli::system::SystemClock;

/// A name and a job each; the administrators are two.
pub(super) const STAFF: [(&str, &str); 9] = [
    ("reza", "receiver"),
    ("chista", "checker"),
    (REGISTRAR_OFFICER, "registrar-officer"),
    ("parviz", "publisher"),
    ("arash", "archivist"),
    ("mina", "administrator"),
    ("majid", "administrator"),
    ("aida", "auditor"),
    ("sima", "security-officer"),
];

/// Who makes the demo's code.
pub(super) const REGISTRAR_OFFICER: &str = "anna";

/// The password of their PKCS#12 files.
pub(super) const PASSWORD: &str = "daftar";

/// Makes their files, and the one that `daftar init` takes.
pub(super) async fn make(dir: &Path, pki: &Pki, random: &aws_lc_rs::rand::SystemRandom) -> Result<(), Failed> {
    let mut named = String::new();
    for (name, job) in STAFF {
        let signer = SoftwareSigner::generate(KeyChoice::P256).map_err(Failed::new)?;
        let subject = Name::from_text(&format!("CN={name},O=DEMO NOT FOR PRODUCTION")).map_err(Failed::new)?;
        let key = certs::Signer::public_key(&signer);
        let made = pki.issue_end_entity(&subject, key, &[oid::CLIENT_AUTH], SystemClock.now(), random).await;
        let certificate = made.map_err(Failed::new)?.to_pem();
        let key = dir.join(OFFICERS).join(format!("{name}.key"));
        signer.save(&key).map_err(Failed::new)?;
        let key = zeroize::Zeroizing::new(std::fs::read_to_string(&key).map_err(Failed::new)?);
        let file = file_of(dir, name);
        write_private(&file, [certificate.as_str(), key.as_str()].concat().as_bytes())?;
        pkcs12(&file, name).await?;
        writeln!(named, "[[officer]]\nname = {name:?}\njobs = [{job:?}]\ncertificate = \"{name}.pem\"\n")
            .map_err(Failed::new)?;
    }
    std::fs::write(dir.join(OFFICERS).join(NAMED), named).map_err(Failed::new)
}

/// An officer's certificate and key.
pub(super) fn file_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(OFFICERS).join(format!("{name}.pem"))
}

/// What `daftar init` takes.
pub(super) fn named(dir: &Path) -> PathBuf {
    dir.join(OFFICERS).join(NAMED)
}

/// The same for a browser (RFC 7292), by the openssl of the README's commands, where there is one.
async fn pkcs12(file: &Path, name: &str) -> Result<(), Failed> {
    let made = tokio::process::Command::new("openssl")
        .args(["pkcs12", "-export", "-name", name, "-passout", &format!("pass:{PASSWORD}"), "-in"])
        .arg(file)
        .arg("-out")
        .arg(file.with_extension("p12"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .await;
    match made {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed::new(format!("openssl pkcs12 ended with {status}"))),
        // The words on the screen tell of them only where they are.
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(fault) => Err(Failed::new(format!("openssl: {fault}"))),
    }
}

const NAMED: &str = "officers.toml";
