//! `daftar key csr`: asks a CA, by a file, to certify a key on the token.

use std::collections::BTreeSet;
use std::path::PathBuf;

use certs::{AltName, CsrDraft, Extension, KeyUsage, Name, ObjectIdentifier, oid};

use super::ceremony::{Ceremony, Who};
use super::named::Named;
use super::{files, fit};
use crate::cli::assemble::read_certificates;
use crate::cli::{Common, Failed, print};
use crate::config::{AuthorityConfig, Config};
use crate::hsm::{KeyRef, Token};
use crate::registrar::KeyVerb;

/// `daftar key csr`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Order {
    #[command(flatten)]
    named: Named,
    /// The name to ask for, such as `CN=RA 1,O=Office`; default: that of the RA's present certificate.
    #[arg(long)]
    subject: Option<String>,
    /// The CA that is asked: what its certificate must be for, and its present one gives the default name; needed for that where there
    /// are several.
    #[arg(long)]
    authority: Option<String>,
    /// Asks for a certificate of the TLS server with this name, instead of one of the RA; of several, the first is the subject's unless
    /// --subject says otherwise. The key is hsm.tls_key unless one is named.
    #[arg(long, value_name = "NAME")]
    dns: Vec<String>,
    /// Writes the request there instead of to standard output; a file that is there is left alone.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(config: &Config, common: &Common, order: Order) -> Result<(), Failed> {
    let subject = subject(config, &order)?;
    let purposes = purposes(config, &order)?;
    let key = key(config, &order)?;
    let ceremony = Ceremony::new(KeyVerb::Csr, &order.who);
    let mut pem = String::new();
    let told = ceremony.hold(config, common, async |ceremony| {
        ceremony.key(&key);
        let token = Token::open(&config.hsm, &config.data).map_err(Failed::new)?;
        ceremony.token(&token.view().map_err(Failed::new)?);
        let signer = token.signing_key(&key).map_err(Failed::new)?;
        let mut draft = CsrDraft::new(subject, certs::Signer::public_key(&signer).clone());
        draft.extensions.push(Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE));
        draft.extensions.push(Extension::extended_key_usage(&purposes));
        if !order.dns.is_empty() {
            let names: Vec<AltName> = order.dns.iter().cloned().map(AltName::Dns).collect();
            draft.extensions.push(Extension::subject_alt_name(&names, false));
        }
        let csr = draft.sign(&signer).await.map_err(Failed::new)?;
        ceremony.public_key(csr.public_key());
        ceremony.add("subject", csr.subject().to_string());
        pem = csr.to_pem();
        ceremony.add("request", pem.as_str());
        if let Some(out) = &order.out {
            files::write_new(out, pem.as_bytes())?;
            ceremony.add("written_to", out.display().to_string());
        }
        Ok(())
    });
    let told = told.await?;
    if common.json || order.out.is_some() {
        return told.show(common);
    }
    // Standard output is for the request alone.
    told.outcome()?;
    print(pem.trim_end());
    Ok(())
}

fn key(config: &Config, order: &Order) -> Result<KeyRef, Failed> {
    match (order.named.key(), &config.hsm.tls_key) {
        (Some(key), _) => Ok(key),
        (None, _) if order.dns.is_empty() => Ok(config.hsm.signing_key.clone()),
        (None, Some(key)) => Ok(key.clone()),
        (None, None) => Err(Failed::new("hsm.tls_key is not set: name the key with --label and --id")),
    }
}

/// What the CA that is named needs the certificate to be for, or any of those that there are.
fn purposes(config: &Config, order: &Order) -> Result<Vec<ObjectIdentifier>, Failed> {
    if !order.dns.is_empty() {
        return Ok(vec![oid::SERVER_AUTH]);
    }
    let needed: BTreeSet<ObjectIdentifier> = match &order.authority {
        Some(name) => fit::authority(config, Some(name))?.1.ra_purposes().iter().copied().collect(),
        None => config.authority.values().flat_map(AuthorityConfig::ra_purposes).copied().collect(),
    };
    Ok(needed.into_iter().collect())
}

fn subject(config: &Config, order: &Order) -> Result<Name, Failed> {
    if let Some(text) = &order.subject {
        return Name::from_text(text).map_err(|fault| Failed::new(format!("--subject '{text}': {fault}")));
    }
    if let Some(name) = order.dns.first() {
        let text = format!("CN={name}");
        return Name::from_text(&text).map_err(|fault| Failed::new(format!("--dns '{name}': {fault}")));
    }
    let (_, authority) = fit::authority(config, order.authority.as_deref())?;
    let own = read_certificates(authority.ra_certificate())
        .map_err(|fault| Failed::new(format!("{fault}; without a certificate, name a --subject")))?;
    let own = own.first().ok_or_else(|| Failed::new("the RA certificate's file is empty: name a --subject"))?;
    Ok(own.subject().clone())
}
