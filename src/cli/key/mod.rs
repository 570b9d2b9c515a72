//! `daftar key`: the keys on the token, and the life of the RA's key from its making to its end.

mod ceremony;
mod csr;
mod files;
mod fit;
mod further_key;
mod generate;
mod install;
mod log_key;
mod named;
mod renew;
mod report;
mod retire;
mod status;

use serde_json::{Value, json};

use super::socket::make_folder;
use super::{Common, Failed, print};
use crate::config::Config;
use crate::hsm::{Hsm, KeyClass, KeyInfo, clear_pin_marker};

pub(super) use fit::check as fits_an_ra;
pub(super) use named::both;

/// `daftar key VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Lists the keys on the token.
    List,
    /// Makes the configured keys that are not on the token yet, or, with --label and --id, a successor of the signing key; reads
    /// back how the token keeps them, and writes a report.
    Generate(generate::Order),
    /// Makes a PKCS#10 request for the signing key or another key on the token, to have it certified as an RA.
    Csr(csr::Order),
    /// Checks a new certificate of the RA and puts it in place; the old one is kept beside it.
    Install(install::Order),
    /// Tells for each CA how long the RA's certificate lasts and how its key is kept; ends with 1 when a person must see to something.
    Status,
    /// Has a new key certified over CMP (kur); the present key and certificate stay in use until `install`.
    Renew(renew::Order),
    /// Destroys a key on the token that no configured certificate needs.
    Retire(retire::Order),
    /// Lets the PIN be tried again, once it was mended after a failure.
    RetryPin,
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    match verb {
        Verb::List => list(config, common).await,
        Verb::Generate(order) => generate::run(config, common, order).await,
        Verb::Csr(order) => csr::run(config, common, order).await,
        Verb::Install(order) => install::run(config, common, order).await,
        Verb::Status => status::run(config, common),
        Verb::Renew(order) => renew::run(config, common, order).await,
        Verb::Retire(order) => retire::run(config, common, order).await,
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

fn tell(common: &Common, as_json: &Value, text: &str) {
    print(if common.json { as_json.to_string() } else { text.to_owned() }.as_str());
}
