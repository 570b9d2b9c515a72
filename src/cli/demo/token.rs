//! The demo's token, made by a child process that has `SOFTHSM2_CONF` in its environment.

use std::path::PathBuf;

use crate::cli::Failed;
use crate::config::Config;
use crate::hsm::{Token, init_token};

/// `daftar demo-token`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The demo's folder; its daftar.toml names the token and the keys.
    #[arg(long)]
    dir: PathBuf,
}

/// Initialises the token, makes its keys and writes the RA's public key to `pki/ra.spki`.
pub(in crate::cli) fn make_token(args: &Args) -> Result<(), Failed> {
    let config = Config::load(&args.dir.join("daftar.toml")).map_err(Failed::new)?;
    let hsm = &config.hsm;
    let pin = hsm.pin_file.as_ref().ok_or_else(|| Failed::new("the demo's configuration names no pin_file"))?;
    let pin = std::fs::read_to_string(pin).map_err(Failed::new)?;
    let label = hsm.token.as_deref().ok_or_else(|| Failed::new("the demo's configuration names no token"))?;
    init_token(&hsm.module, label, pin.trim(), pin.trim()).map_err(Failed::new)?;
    std::fs::create_dir_all(&config.data).map_err(Failed::new)?;
    let token = Token::open(hsm, &config.data).map_err(Failed::new)?;
    let named = |key: Option<&crate::hsm::KeyRef>| {
        let key = key?;
        Some((key.label.clone()?, key.id.clone()?))
    };
    let (Some(signing), Some(wrapping)) = (named(Some(&hsm.signing_key)), named(hsm.wrapping_key.as_ref())) else {
        return Err(Failed::new("the demo's configuration names no keys by label and id"));
    };
    let key = token.generate_signing_key(&signing.0, &signing.1, certs::KeyKind::P256).map_err(Failed::new)?;
    token.generate_wrapping_key(&wrapping.0, &wrapping.1).map_err(Failed::new)?;
    std::fs::write(args.dir.join("pki/ra.spki"), key.der()).map_err(Failed::new)
}
