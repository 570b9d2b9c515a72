//! `daftar key`: the keys on the token.

use serde_json::{Value, json};

use super::socket::make_folder;
use super::{Common, Failed, print};
use crate::config::Config;
use crate::hsm::{Fault, Hsm, KeyClass, KeyInfo, KeyRef, Token, clear_pin_marker};

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
        Verb::Generate { kind } => generate(config, common, &kind),
        Verb::RetryPin => {
            let cleared = clear_pin_marker(&config.data).map_err(Failed::new)?;
            let text = if cleared { "the PIN may be tried again" } else { "the PIN was not blocked" };
            tell(common, &json!({ "cleared": cleared }), text);
            Ok(())
        }
    }
}

async fn list(config: &Config, common: &Common) -> Result<(), Failed> {
    make_folder(config)?;
    let hsm = Hsm::start(&config.hsm, &config.data).map_err(Failed::new)?;
    let keys = hsm.list_keys().await.map_err(Failed::new);
    hsm.stop();
    let keys = keys?;
    let as_json: Vec<Value> = keys.iter().map(in_json).collect();
    let lines: Vec<String> = keys.iter().map(line).collect();
    tell(common, &as_json.into(), &lines.join("\n"));
    Ok(())
}

fn in_json(key: &KeyInfo) -> Value {
    json!({
        "label": key.label,
        "id": hex::encode(&key.id),
        "class": class(key),
        "kind": key.kind,
        "sensitive": key.sensitive,
        "extractable": key.extractable,
        "never_left": key.never_left,
        "public_key_sha256": key.public_key.as_ref().map(|key| key.print().to_string()),
    })
}

fn line(key: &KeyInfo) -> String {
    let kept = match (key.sensitive && !key.extractable, key.never_left) {
        (true, true) => "stays on the token, and always did",
        (true, false) => "stays on the token now; a copy may exist",
        (false, _) => "CAN LEAVE THE TOKEN",
    };
    format!("{:<24} id {:<8} {:<8} {:<9} {kept}", key.label, hex::encode(&key.id), class(key), key.kind)
}

const fn class(key: &KeyInfo) -> &'static str {
    match key.class {
        KeyClass::Private => "private",
        KeyClass::Secret => "secret",
    }
}

fn generate(config: &Config, common: &Common, kind: &str) -> Result<(), Failed> {
    let kind = match kind {
        "P-256" => certs::KeyKind::P256,
        "P-384" => certs::KeyKind::P384,
        "RSA-3072" => certs::KeyKind::Rsa { bits: 3072 },
        other => return Err(Failed::new(format!("'{other}' is not P-256, P-384 or RSA-3072"))),
    };
    make_folder(config)?;
    let token = Token::open(&config.hsm, &config.data).map_err(Failed::new)?;
    let (label, id) = named(&config.hsm.signing_key)?;
    let made = made_or_there(token.generate_signing_key(&label, &id, kind))?;
    let text = made.as_ref().map_or_else(
        || format!("{label}: is there already"),
        |public| format!("{label}: {kind}, SHA-256 of its public key {}", public.print()),
    );
    tell(common, &json!({ "label": label, "made": made.is_some() }), &text);
    if let Some(wrapping) = &config.hsm.wrapping_key {
        let (label, id) = named(wrapping)?;
        let made = made_or_there(token.generate_wrapping_key(&label, &id))?.is_some();
        let text = if made { format!("{label}: AES-256") } else { format!("{label}: is there already") };
        tell(common, &json!({ "label": label, "made": made }), &text);
    }
    Ok(())
}

/// Keys are never replaced: one that is there already stays.
fn made_or_there<T>(made: Result<T, Fault>) -> Result<Option<T>, Failed> {
    match made {
        Ok(key) => Ok(Some(key)),
        Err(Fault::KeyExists(_)) => Ok(None),
        Err(fault) => Err(Failed::new(fault)),
    }
}

/// Label and id, which a key needs to be made.
pub(super) fn named(key: &KeyRef) -> Result<(String, Vec<u8>), Failed> {
    match (&key.label, &key.id) {
        (Some(label), Some(id)) => Ok((label.clone(), id.clone())),
        _ => Err(Failed::new("hsm: a key to be made needs label and id in the configuration")),
    }
}

fn tell(common: &Common, as_json: &Value, text: &str) {
    print(if common.json { as_json.to_string() } else { text.to_owned() }.as_str());
}
