//! `daftar key retire`: destroys a signing key that no certificate needs any more.

use serde_json::json;

use super::ceremony::{Ceremony, Who};
use super::named::{self, Named};
use super::{fit, generate};
use crate::cli::assemble::read_certificates;
use crate::cli::{Common, Failed, print};
use crate::config::Config;
use crate::hsm::{KeyClass, KeyInfo, KeyRef, Token};
use crate::registrar::KeyVerb;

/// `daftar key retire`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Order {
    #[command(flatten)]
    named: Named,
    /// The key's label once more: without it the key is only shown.
    #[arg(long, value_name = "LABEL")]
    yes_destroy: Option<String>,
    #[command(flatten)]
    who: Who,
}

/// A key that may go.
#[derive(Debug)]
struct Spare {
    key: KeyRef,
    /// What must be said to have it destroyed.
    word: String,
    public: certs::PublicKey,
}

pub(super) async fn run(config: &Config, common: &Common, order: Order) -> Result<(), Failed> {
    let wanted = order.named.needed()?;
    let open = || Token::open(&config.hsm, &config.data).map_err(Failed::new);
    let seen = spare(config, &open()?, &wanted)?;
    let Some(said) = &order.yes_destroy else {
        return show(&seen, common);
    };
    if *said != seen.word {
        let text = format!("--yes-destroy says '{said}', the key is '{}'; nothing was destroyed", seen.word);
        return Err(Failed::new(text));
    }
    let mut ceremony = Ceremony::new(KeyVerb::Retire, &order.who);
    ceremony.key(&seen.key);
    ceremony.about(&seen.public);
    let told = ceremony.hold(config, common, async |ceremony| {
        let token = open()?;
        ceremony.token(&token.view().map_err(Failed::new)?);
        generate::describe(&token.view_signing_key(&seen.key).map_err(Failed::new)?, ceremony);
        token.destroy_signing_key(&seen.key, &seen.public).map_err(Failed::new)?;
        ceremony.add("destroyed", "private and public key");
        Ok(())
    });
    told.await?.show(common)
}

/// What would be destroyed, and how.
fn show(seen: &Spare, common: &Common) -> Result<(), Failed> {
    let (kind, print_of_key) = (seen.public.kind().to_string(), seen.public.print().to_string());
    if common.json {
        print(&json!({ "key": seen.key.to_string(), "kind": kind, "public_key_sha256": print_of_key }).to_string());
    } else {
        print(&format!("{}: {kind}, SHA-256 of its public key {print_of_key}", seen.key));
    }
    Err(Failed::new(format!("nothing was destroyed; to destroy it for ever, add --yes-destroy {}", seen.word)))
}

/// The key that is meant, when nothing needs it.
fn spare(config: &Config, token: &Token, wanted: &KeyRef) -> Result<Spare, Failed> {
    let keys = token.list_keys().map_err(Failed::new)?;
    let meant: Vec<(&KeyInfo, KeyRef)> = keys
        .iter()
        .filter(|key| key.class == KeyClass::Private)
        .filter_map(|info| Some((info, named::of(info)?)))
        .filter(|(_, key)| fit::is_meant(wanted, key))
        .collect();
    let [(info, key)] = meant.as_slice() else {
        return Err(Failed::new(format!("{} private keys on the token have {wanted}; name one", meant.len())));
    };
    let public = info.public_key.clone().ok_or_else(|| {
        Failed::new(format!("the public half of the key with {key} cannot be read: use the vendor's tool"))
    })?;
    if let Some((name, _)) = config.hsm.keys().find(|(_, used)| fit::is_meant(used, key)) {
        return Err(Failed::new(format!("hsm.{name} is the key with {key}: it is in use")));
    }
    // A file that cannot be read may be the one that needs it.
    for (name, path) in config.certificate_files() {
        if read_certificates(path)?.iter().any(|certificate| *certificate.public_key() == public) {
            return Err(Failed::new(format!("{name} ({}) has a certificate for the key with {key}", path.display())));
        }
    }
    let word = key.label.clone().unwrap_or_else(|| hex::encode(&info.id));
    Ok(Spare { key: key.clone(), word, public })
}
