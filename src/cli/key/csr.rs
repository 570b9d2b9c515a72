//! `daftar key csr`: asks a CA, by a file, to certify a key on the token.

use std::collections::BTreeSet;
use std::path::PathBuf;

use certs::{CsrDraft, Extension, KeyUsage, Name, ObjectIdentifier};

use super::ceremony::{Ceremony, Who};
use super::named::Named;
use super::{files, fit};
use crate::cli::assemble::read_certificates;
use crate::cli::{Common, Failed, print};
use crate::config::{AuthorityConfig, Config};
use crate::hsm::Token;
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
    /// Writes the request there instead of to standard output; a file that is there is left alone.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(config: &Config, common: &Common, order: Order) -> Result<(), Failed> {
    let subject = subject(config, &order)?;
    let purposes = purposes(config, &order)?;
    let key = order.named.key().unwrap_or_else(|| config.hsm.signing_key.clone());
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

/// What the CA that is named needs the certificate to be for, or any of those that there are.
fn purposes(config: &Config, order: &Order) -> Result<Vec<ObjectIdentifier>, Failed> {
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
    let (_, authority) = fit::authority(config, order.authority.as_deref())?;
    let own = read_certificates(authority.ra_certificate())
        .map_err(|fault| Failed::new(format!("{fault}; without a certificate, name a --subject")))?;
    let own = own.first().ok_or_else(|| Failed::new("the RA certificate's file is empty: name a --subject"))?;
    Ok(own.subject().clone())
}
