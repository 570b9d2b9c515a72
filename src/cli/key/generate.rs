//! `daftar key generate`: makes keys on the token, and tells how they are kept.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::ceremony::{Ceremony, Who};
use super::files;
use super::named::{Named, both};
use crate::cli::socket::make_folder;
use crate::cli::{Common, Failed};
use crate::config::Config;
use crate::hsm::{AttributeView, Fault, KeyRef, KeyView, MechanismView, Token};
use crate::registrar::KeyVerb;

/// `daftar key generate`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Order {
    /// `P-256`, `P-384` or `RSA-3072`.
    #[arg(long, default_value = "P-256")]
    kind: String,
    /// Makes the configured key for this alone, and not the others.
    #[arg(long, value_enum, conflicts_with_all = ["label", "id"])]
    purpose: Option<Purpose>,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    who: Who,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Purpose {
    /// The messages to the CAs (hsm.signing_key).
    Requests,
    /// The answers to requesters (hsm.answer_key).
    Answers,
    /// The keys that are made for requesters (hsm.package_key).
    Packages,
    /// The audit log (hsm.checkpoint_key, with [audit]).
    Log,
    /// TLS handshakes (hsm.tls_key).
    Tls,
    /// Wrapping data keys (hsm.wrapping_key).
    Wrapping,
}

/// A key to be there.
enum Wanted {
    Signing(KeyRef),
    Wrapping(KeyRef),
    /// A further signing key, what the report calls it, and its kind.
    Further(KeyRef, Told, certs::KeyKind),
    /// The key of the audit log, and where its public half is written.
    Checkpoints(KeyRef, PathBuf),
}

pub(super) async fn run(config: &Config, common: &Common, order: Order) -> Result<(), Failed> {
    let kind = kind(&order.kind)?;
    let wanted = wanted(config, &order, kind)?;
    make_folder(config)?;
    let ceremony = Ceremony::new(KeyVerb::Generate, &order.who);
    let told = ceremony.hold(config, common, async |ceremony| {
        let token = Token::open(&config.hsm, &config.data).map_err(Failed::new)?;
        ceremony.token(&token.view().map_err(Failed::new)?);
        let mut flaws = Vec::new();
        for key in &wanted {
            flaws.extend(make(&token, key, kind, ceremony)?);
        }
        if flaws.is_empty() { Ok(()) } else { Err(Failed::new(format!("not as it must be: {}", flaws.join("; ")))) }
    });
    told.await?.show(common)
}

/// The kinds of keys that the RA signs with.
pub(super) fn kind(text: &str) -> Result<certs::KeyKind, Failed> {
    match text {
        "P-256" => Ok(certs::KeyKind::P256),
        "P-384" => Ok(certs::KeyKind::P384),
        "RSA-3072" => Ok(certs::KeyKind::Rsa { bits: 3072 }),
        other => Err(Failed::new(format!("'{other}' is not P-256, P-384 or RSA-3072"))),
    }
}

/// The key that is named, or else those of the configuration.
fn wanted(config: &Config, order: &Order, kind: certs::KeyKind) -> Result<Vec<Wanted>, Failed> {
    if let Some(key) = order.named.key() {
        both(&key)?;
        return Ok(vec![Wanted::Signing(key)]);
    }
    let hsm = &config.hsm;
    // RSA keys on the token sign in no way that TLS 1.3 takes (RFC 8446 section 4.2.3).
    let tls = if matches!(kind, certs::KeyKind::Rsa { .. }) { certs::KeyKind::P256 } else { kind };
    let further = |key: &Option<KeyRef>, names, kind| key.clone().map(|key| Wanted::Further(key, names, kind));
    let log = hsm.checkpoint_key.clone().zip(config.audit.as_ref());
    let configured = [
        (Purpose::Requests, Some(Wanted::Signing(hsm.signing_key.clone()))),
        (Purpose::Answers, further(&hsm.answer_key, ANSWER, kind)),
        (Purpose::Packages, further(&hsm.package_key, PACKAGES, kind)),
        (Purpose::Tls, further(&hsm.tls_key, TLS, tls)),
        (Purpose::Wrapping, hsm.wrapping_key.clone().map(Wanted::Wrapping)),
        (Purpose::Log, log.map(|(key, log)| Wanted::Checkpoints(key, log.public_key.clone()))),
    ];
    let meant = configured.into_iter().filter(|(purpose, _)| order.purpose.is_none_or(|only| only == *purpose));
    let wanted: Vec<Wanted> = meant.filter_map(|(_, wanted)| wanted).collect();
    if wanted.is_empty() {
        return Err(Failed::new("no key for this is configured in [hsm]; name it there, or use --label and --id"));
    }
    Ok(wanted)
}

/// Makes a key unless it is there, reads back how it is kept, and gives what is wrong with it.
fn make(token: &Token, wanted: &Wanted, kind: certs::KeyKind, told: &mut Ceremony) -> Result<Vec<String>, Failed> {
    let (key, made, view) = match wanted {
        Wanted::Signing(key) => {
            let (label, id) = both(key)?;
            let made = made_or_there(token.generate_signing_key(&label, &id, kind))?;
            told.key(key);
            told.add("made", said(made));
            let view = token.view_signing_key(key).map_err(Failed::new)?;
            describe(&view, told);
            (key, made, view)
        }
        Wanted::Wrapping(key) => {
            let (label, id) = both(key)?;
            let made = made_or_there(token.generate_wrapping_key(&label, &id))?;
            told.add("wrapping_key", key.to_string());
            told.add("wrapping_made", said(made));
            let view = token.view_wrapping_key(key).map_err(Failed::new)?;
            told.add_list("wrapping_attributes", view.attributes.iter().map(attribute).collect());
            told.add_list("wrapping_mechanisms", view.mechanisms.iter().map(mechanism).collect());
            (key, made, view)
        }
        Wanted::Further(key, names, kind) => {
            let (made, view) = further(token, key, *kind, *names, told)?;
            (key, made, view)
        }
        Wanted::Checkpoints(key, public_key) => {
            let (made, view) = further(token, key, certs::KeyKind::P256, CHECKPOINT, told)?;
            if let (Some(public), false) = (&view.public_key, public_key.exists()) {
                files::write_new(public_key, public.to_pem().as_bytes())?;
            }
            told.add("checkpoint_public_key", public_key.display().to_string());
            (key, made, view)
        }
    };
    // What was there before is told and not judged here: `daftar key status` does that.
    let bad = view.attributes.iter().filter(|attribute| made && !attribute.fits());
    Ok(bad.map(|attribute| format!("{} of the key with {key}", attribute.name)).collect())
}

/// Makes a signing key beside the RA key.
fn further(
    token: &Token,
    key: &KeyRef,
    kind: certs::KeyKind,
    [named, was_made, attributes, mechanisms]: Told,
    told: &mut Ceremony,
) -> Result<(bool, KeyView), Failed> {
    let (label, id) = both(key)?;
    let made = made_or_there(token.generate_signing_key(&label, &id, kind))?;
    told.add(named, key.to_string());
    told.add(was_made, said(made));
    let view = token.view_signing_key(key).map_err(Failed::new)?;
    told.add_list(attributes, view.attributes.iter().map(attribute).collect());
    told.add_list(mechanisms, view.mechanisms.iter().map(mechanism).collect());
    Ok((made, view))
}

/// What the token tells of a signing key, into the report.
pub(super) fn describe(view: &KeyView, told: &mut Ceremony) {
    if let Some(public) = &view.public_key {
        told.public_key(public);
    }
    told.add_list("attributes", view.attributes.iter().map(attribute).collect());
    told.add_list("mechanisms", view.mechanisms.iter().map(mechanism).collect());
}

fn attribute(view: &AttributeView) -> (Value, String) {
    let value = json!({ "name": view.name, "value": view.value, "must_be": view.wanted, "ok": view.fits() });
    let is = view.value.map_or_else(|| "is not told".to_owned(), |is| is.to_string());
    let judged = match (view.wanted, view.fits()) {
        (None, _) => String::new(),
        (Some(_), true) => ", as it must be".to_owned(),
        (Some(wanted), false) => format!(", MUST BE {wanted}"),
    };
    (value, format!("{:<23} {is}{judged}", view.name))
}

fn mechanism(view: &MechanismView) -> (Value, String) {
    let value = json!({ "name": view.name, "key_sizes": view.key_sizes, "hardware": view.hardware });
    let place = if view.hardware { "in hardware" } else { "not in hardware, or the token does not tell" };
    let words = match view.key_sizes {
        Some((least, most)) => format!("{:<23} keys from {least} to {most}, {place}", view.name),
        None => format!("{:<23} not offered", view.name),
    };
    (value, words)
}

/// What a report calls a key, whether it was made, its attributes and mechanisms.
type Told = [&'static str; 4];

const ANSWER: Told = ["answer_key", "answer_made", "answer_attributes", "answer_mechanisms"];
const PACKAGES: Told = ["package_key", "package_made", "package_attributes", "package_mechanisms"];
const TLS: Told = ["tls_key", "tls_made", "tls_attributes", "tls_mechanisms"];
const CHECKPOINT: Told = ["checkpoint_key", "checkpoint_made", "checkpoint_attributes", "checkpoint_mechanisms"];

const fn said(made: bool) -> &'static str {
    if made { "yes" } else { "is there already" }
}

/// Keys are never replaced: one that is there already stays.
pub(super) fn made_or_there<T>(made: Result<T, Fault>) -> Result<bool, Failed> {
    match made {
        Ok(_) => Ok(true),
        Err(Fault::KeyExists(_)) => Ok(false),
        Err(fault) => Err(Failed::new(fault)),
    }
}
