//! `daftar key install`: puts a new certificate of the RA where the configuration says.

use std::path::PathBuf;

use super::ceremony::{Ceremony, Who};
use super::{files, fit};
use crate::case::Clock as _;
use crate::cli::assemble::read_certificates;
use crate::cli::system::SystemClock;
use crate::cli::{Common, Failed};
use crate::config::Config;
use crate::hsm::{KeyRef, Token};
use crate::registrar::KeyVerb;

/// `daftar key install`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Order {
    /// PEM: the RA's new certificate first, then what its CA needs to know it by.
    certificate: PathBuf,
    /// The CA that it is for; needed where there are several.
    #[arg(long)]
    authority: Option<String>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(config: &Config, common: &Common, order: Order) -> Result<(), Failed> {
    let (name, authority) = fit::authority(config, order.authority.as_deref())?;
    let mut given = read_certificates(&order.certificate)?;
    let new = given.first().cloned();
    let new = new.ok_or_else(|| Failed::new(format!("{}: holds no certificate", order.certificate.display())))?;
    let mut ceremony = Ceremony::new(KeyVerb::Install, &order.who);
    ceremony.authority(name);
    ceremony.certificate(&new);
    let told = ceremony.hold(config, common, async |ceremony| {
        fit::check(config, (authority.certificates(), authority.ra_purposes()), &new, &given, SystemClock.now())?;
        let token = Token::open(&config.hsm, &config.data).map_err(Failed::new)?;
        let key = fit::key_of(&token, &new)?;
        ceremony.token(&token.view().map_err(Failed::new)?);
        ceremony.key(&key);
        ceremony.public_key(new.public_key());
        let path = authority.ra_certificate();
        let old = if path.exists() { read_certificates(path)? } else { Vec::new() };
        if old.first() == Some(&new) {
            return Err(Failed::new(format!("{} holds this certificate already", path.display())));
        }
        if given.len() == 1 {
            // What the CA knew the old one by, it knows the new one by.
            given.extend(old.iter().skip(1).cloned());
        }
        let kept = files::replace(path, &old, &given)?;
        ceremony.add("installed_in", path.display().to_string());
        if let Some(kept) = kept {
            ceremony.add("old_certificate_in", kept.display().to_string());
        }
        ceremony.add("next", next(config, &key));
        Ok(())
    });
    told.await?.show(common)
}

/// What remains to be done. SIGHUP does not change the RA's key or certificate: an exchange keeps its signer.
fn next(config: &Config, key: &KeyRef) -> String {
    if fit::is_meant(&config.hsm.signing_key, key) {
        return "restart the server; until then it goes on with the old certificate".to_owned();
    }
    let label = key.label.as_ref().map(|label| format!("label = {}", toml::Value::from(label.as_str())));
    let id = key.id.as_ref().map(|id| format!("id = \"{}\"", hex::encode(id)));
    let named: Vec<String> = [label, id].into_iter().flatten().collect();
    format!(
        "set hsm.signing_key = {{ {} }}, see that the certificate of every CA is for this key (`daftar key status`), then \
         restart the server; until then it goes on with the old key, and would not start again",
        named.join(", ")
    )
}
