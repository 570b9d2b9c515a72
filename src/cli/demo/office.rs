//! Makes the demo's office: PKI, token, keys, RA certificate, configuration.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::Stdio;

use certs::{Name, PublicKey};
use demo_ca::pki::{Part, Pki};
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::files::{configuration, write_private};
use super::place::{CONFIG, UNFINISHED_CONFIG};
use super::{Failed, Ports};
use crate::case::{Clock as _, Random as _};
use crate::cli::system::{Entropy, SystemClock};
use crate::config::DEMO_MARK;

/// Makes everything in a folder that has nothing of it yet. The mark comes first and the configuration last, by rename: what
/// stands between is an office whose making was interrupted.
pub(super) async fn make(dir: &Path, ports: Ports, profiles: &[String]) -> Result<(), Failed> {
    let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", dir.display()));
    for folder in ["data", "pki", "token", "ca", super::OFFICERS] {
        DirBuilder::new().recursive(true).mode(0o700).create(dir.join(folder)).map_err(named)?;
        if folder == "data" {
            std::fs::write(dir.join("data").join(DEMO_MARK), "made by `daftar demo`\n").map_err(named)?;
        }
    }
    let now = SystemClock.now();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pki = Pki::create(dir, now, &random).await.map_err(Failed::new)?;
    let chain = [&pki.issuing.certificate, &pki.root.certificate].map(certs::Certificate::to_pem).concat();
    std::fs::write(dir.join("pki/chain.pem"), chain).map_err(named)?;
    recovery(dir, &pki, &random).await?;
    super::staff::make(dir, &pki, &random).await?;
    let mut pin = [0; 8];
    Entropy::new().fill(&mut pin);
    write_private(&dir.join("pin"), hex::encode(pin).as_bytes())?;
    let tokens = dir.join("token");
    let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
    std::fs::write(dir.join("softhsm2.conf"), conf).map_err(named)?;
    let unfinished = dir.join(UNFINISHED_CONFIG);
    std::fs::write(&unfinished, configuration(ports, profiles)).map_err(named)?;
    let key = make_token(dir, &unfinished).await?;
    pki.issue_ra("Daftar demo RA", &key, SystemClock.now(), &random).await.map_err(Failed::new)?;
    std::fs::rename(unfinished, dir.join(CONFIG)).map_err(named)
}

/// Has the token made by a child, and reads the RA's public key from it.
async fn make_token(dir: &Path, config: &Path) -> Result<PublicKey, Failed> {
    let program = std::env::current_exe().map_err(Failed::new)?;
    let made = tokio::process::Command::new(program)
        .arg("demo-token")
        .arg("--config")
        .arg(config)
        .env("SOFTHSM2_CONF", dir.join("softhsm2.conf"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(Failed::new)?;
    let key = hex::decode(made.stdout.trim_ascii()).ok().and_then(|der| PublicKey::parse(&der).ok());
    match key {
        Some(key) if made.status.success() => Ok(key),
        _ => Err(Failed::new("the demo's token could not be made; is softhsm2 installed (`apt install softhsm2`)?")),
    }
}

/// The off-line recovery certificate of the demo (DESIGN rule 11).
async fn recovery(dir: &Path, pki: &Pki, random: &aws_lc_rs::rand::SystemRandom) -> Result<(), Failed> {
    let signer = SoftwareSigner::generate(KeyChoice::Rsa3072).map_err(Failed::new)?;
    signer.save(&dir.join("pki/recovery.key")).map_err(Failed::new)?;
    let name = Name::from_text("CN=Recovery,O=DEMO NOT FOR PRODUCTION").map_err(Failed::new)?;
    let certificate = pki
        .issue_end_entity(&name, certs::Signer::public_key(&signer), &[], SystemClock.now(), random)
        .await
        .map_err(Failed::new)?;
    std::fs::write(dir.join("pki/recovery.pem"), certificate.to_pem()).map_err(Failed::new)
}

/// The names of the PKI's files.
pub(super) fn pki_file(dir: &Path, part: Part) -> std::path::PathBuf {
    part.certificate_file(&demo_ca::pki::folder(dir))
}

/// The names of the PKI's key files.
pub(super) fn pki_key(dir: &Path, part: Part) -> std::path::PathBuf {
    part.key_file(&demo_ca::pki::folder(dir))
}
