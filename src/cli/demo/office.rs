//! Makes the demo's office: PKI, token, keys, RA certificate, configuration.

use std::path::Path;
use std::process::Stdio;

use certs::{Name, PublicKey};
use demo_ca::pki::{Part, Pki};
use demo_ca::signer::{KeyChoice, SoftwareSigner};

use super::files::{configuration, write_private};
use super::{Failed, Ports};
use crate::case::{Clock as _, Random as _};
use crate::cli::system::{Entropy, SystemClock};
use crate::config::DEMO_MARK;

pub(super) async fn make(dir: &Path, ports: Ports, profiles: &[String]) -> Result<(), Failed> {
    let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", dir.display()));
    for folder in ["pki", "token", "ca", "data"] {
        std::fs::create_dir_all(dir.join(folder)).map_err(named)?;
    }
    std::fs::write(dir.join("data").join(DEMO_MARK), "made by `daftar demo`\n").map_err(named)?;
    let now = SystemClock.now();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pki = Pki::create(dir, now, &random).await.map_err(Failed::new)?;
    let chain = [&pki.issuing.certificate, &pki.root.certificate].map(certs::Certificate::to_pem).concat();
    std::fs::write(dir.join("pki/chain.pem"), chain).map_err(named)?;
    recovery(dir, &pki, &random).await?;
    let mut pin = [0; 8];
    Entropy::new().fill(&mut pin);
    write_private(&dir.join("pin"), hex::encode(pin).as_bytes())?;
    let tokens = dir.join("token");
    let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
    std::fs::write(dir.join("softhsm2.conf"), conf).map_err(named)?;
    // The configuration last, by rename: an office without it is made anew.
    let config = dir.join("daftar.toml.new");
    std::fs::write(dir.join("daftar.toml"), configuration(ports, profiles)).map_err(named)?;
    let made = make_token_and_certificate(dir, &pki, &random).await;
    if made.is_err() {
        std::fs::rename(dir.join("daftar.toml"), config).map_err(named)?;
    }
    made
}

async fn make_token_and_certificate(
    dir: &Path,
    pki: &Pki,
    random: &aws_lc_rs::rand::SystemRandom,
) -> Result<(), Failed> {
    let program = std::env::current_exe().map_err(Failed::new)?;
    let status = tokio::process::Command::new(program)
        .arg("demo-token")
        .arg("--dir")
        .arg(dir)
        .env("SOFTHSM2_CONF", dir.join("softhsm2.conf"))
        .stdin(Stdio::null())
        .status()
        .await
        .map_err(Failed::new)?;
    if !status.success() {
        return Err(Failed::new("the demo's token could not be made; is softhsm2 installed (`apt install softhsm2`)?"));
    }
    let spki = std::fs::read(dir.join("pki/ra.spki")).map_err(Failed::new)?;
    let key = PublicKey::parse(&spki).map_err(Failed::new)?;
    pki.issue_ra("Daftar demo RA", &key, SystemClock.now(), random).await.map_err(Failed::new)?;
    Ok(())
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
