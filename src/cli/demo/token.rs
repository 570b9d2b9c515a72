//! The demo's token, made by a child process that has `SOFTHSM2_CONF` in its environment.

use crate::cli::key::both;
use crate::cli::{Failed, print};
use crate::config::Config;
use crate::hsm::{Token, init_token};

/// Initialises the configured token, makes its keys and prints the public key of the RA: SubjectPublicKeyInfo in hexadecimal.
pub(in crate::cli) fn make_token(config: &Config) -> Result<(), Failed> {
    if !config.demo {
        return Err(Failed::new("this is no demo: its token is made with the tools of its maker"));
    }
    let hsm = &config.hsm;
    let pin = hsm.pin_file.as_ref().ok_or_else(|| Failed::new("the demo's configuration names no pin_file"))?;
    let pin = std::fs::read_to_string(pin).map_err(Failed::new)?;
    let label = hsm.token.as_deref().ok_or_else(|| Failed::new("the demo's configuration names no token"))?;
    init_token(&hsm.module, label, pin.trim(), pin.trim()).map_err(Failed::new)?;
    let token = Token::open(hsm, &config.data).map_err(Failed::new)?;
    let (label, id) = both(&hsm.signing_key)?;
    let key = token.generate_signing_key(&label, &id, certs::KeyKind::P256).map_err(Failed::new)?;
    if let Some(wrapping) = &hsm.wrapping_key {
        let (label, id) = both(wrapping)?;
        token.generate_wrapping_key(&label, &id).map_err(Failed::new)?;
    }
    if let (Some(checkpoints), Some(log)) = (&hsm.checkpoint_key, &config.audit) {
        let (label, id) = both(checkpoints)?;
        let key = token.generate_signing_key(&label, &id, certs::KeyKind::P256).map_err(Failed::new)?;
        std::fs::write(&log.public_key, key.to_pem()).map_err(Failed::new)?;
    }
    print(&hex::encode(key.der()));
    Ok(())
}
