//! `daftar key`: the keys on the token.

use serde_json::json;

use super::{Common, Failed, print};
use crate::config::Config;
use crate::hsm::{Hsm, Token, clear_pin_marker};

/// `daftar key VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Lists the keys on the token.
    List,
    /// Makes the configured keys that are not on the token yet.
    Generate {
        /// `P-256`, `P-384` or `RSA-3072`.
        #[arg(long, default_value = "P-256")]
        kind: String,
    },
    /// Lets the PIN be tried again, once it was mended after a failure.
    RetryPin,
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    match verb {
        Verb::List => list(config, common).await,
        Verb::Generate { kind } => generate(config, &kind),
        Verb::RetryPin => {
            let cleared = clear_pin_marker(&config.data).map_err(Failed::new)?;
            print(if cleared { "the PIN may be tried again" } else { "the PIN was not blocked" });
            Ok(())
        }
    }
}

async fn list(config: &Config, common: &Common) -> Result<(), Failed> {
    let hsm = Hsm::start(&config.hsm, &config.data).map_err(Failed::new)?;
    let keys = hsm.list_keys().await.map_err(Failed::new);
    hsm.stop();
    for key in keys? {
        if common.json {
            let key = json!({
                "label": key.label,
                "id": hex::encode(&key.id),
                "kind": key.kind,
                "sensitive": key.sensitive,
                "extractable": key.extractable,
            });
            print(&key.to_string());
        } else {
            print(&format!("{key:?}"));
        }
    }
    Ok(())
}

fn generate(config: &Config, kind: &str) -> Result<(), Failed> {
    let kind = match kind {
        "P-256" => certs::KeyKind::P256,
        "P-384" => certs::KeyKind::P384,
        "RSA-3072" => certs::KeyKind::Rsa { bits: 3072 },
        other => return Err(Failed::new(format!("'{other}' is not P-256, P-384 or RSA-3072"))),
    };
    let token = Token::open(&config.hsm, &config.data).map_err(Failed::new)?;
    let named = |key: &crate::hsm::KeyRef| match (&key.label, &key.id) {
        (Some(label), Some(id)) => Ok((label.clone(), id.clone())),
        _ => Err(Failed::new("hsm: a key to be made needs label and id in the configuration")),
    };
    let (label, id) = named(&config.hsm.signing_key)?;
    let public = token.generate_signing_key(&label, &id, kind).map_err(Failed::new)?;
    print(&format!("{label}: {kind}, SHA-256 of its public key {}", public.print()));
    if let Some(wrapping) = &config.hsm.wrapping_key {
        let (label, id) = named(wrapping)?;
        token.generate_wrapping_key(&label, &id).map_err(Failed::new)?;
        print(&format!("{label}: AES-256"));
    }
    Ok(())
}
