//! `daftar key status`: how long the RA's certificates last, and whether their key is there and kept.

use certs::{Certificate, Millis};
use serde_json::{Value, json};

use super::fit;
use super::further_key::FurtherKey;
use super::log_key::LogKey;
use crate::case::Clock as _;
use crate::cli::assemble::read_certificates;
use crate::cli::expiry::{self, Alarm, Watched, days_left};
use crate::cli::socket::make_folder;
use crate::cli::system::SystemClock;
use crate::cli::{Common, Failed, print};
use crate::config::{AuthorityConfig, Config};
use crate::hsm::{KeyRef, Token};

/// What is found about the RA at one CA.
#[derive(Debug, Default)]
struct Standing {
    authority: String,
    certificate: Option<Certificate>,
    /// How near its end is.
    alarm: Option<Alarm>,
    key: Option<KeyRef>,
    /// Whether it stays on the token and always did.
    stays: Option<bool>,
    /// What a person must see to.
    faults: Vec<String>,
}

pub(super) fn run(config: &Config, common: &Common) -> Result<(), Failed> {
    make_folder(config)?;
    let now = SystemClock.now();
    let token = Token::open(&config.hsm, &config.data);
    let look = |(name, table): (&String, &AuthorityConfig)| {
        let mut standing = Standing { authority: name.clone(), ..Standing::default() };
        match token.as_ref() {
            Ok(token) => standing.look(config, table, Some(token), now),
            Err(fault) => {
                standing.look(config, table, None, now);
                standing.faults.push(fault.to_string());
            }
        }
        standing
    };
    let found: Vec<Standing> = config.authority.iter().map(look).collect();
    let others: Vec<Other> = expiry::in_files(&expiry::files(config))
        .into_iter()
        .map(|watched| Other { alarm: watched.alarm(now, config.expiry), watched })
        .collect();
    let further = FurtherKey::look(config, token.as_ref().ok());
    let log = config.audit.as_ref().map(|audit| LogKey::look(config, audit, token.as_ref()));
    if common.json {
        let told = found.iter().map(|standing| standing.json(now)).chain(others.iter().map(|other| other.json(now)));
        let told = told.chain(further.iter().map(FurtherKey::json));
        print(&Value::from(told.chain(log.iter().map(LogKey::json)).collect::<Vec<_>>()).to_string());
    } else {
        let told = found.iter().map(|standing| standing.text(now)).chain(others.iter().map(|other| other.text(now)));
        for text in told.chain(further.iter().map(FurtherKey::text)).chain(log.iter().map(LogKey::text)) {
            print(&text);
        }
    }
    let near = others.iter().filter(|other| other.alarm.is_some()).count();
    let faults = found.iter().map(|standing| standing.faults.len()).chain(log.iter().map(|log| log.faults.len()));
    let faults = faults.chain(further.iter().map(|key| key.faults.len()));
    match faults.sum::<usize>() + near {
        0 => Ok(()),
        1 => Err(Failed::new("1 thing needs a person")),
        count => Err(Failed::new(format!("{count} things need a person"))),
    }
}

/// A certificate that is not the RA's own, and that the server lives by.
#[derive(Debug)]
struct Other {
    watched: Watched,
    alarm: Option<Alarm>,
}

impl Other {
    fn json(&self, now: Millis) -> Value {
        json!({
            "certificate": self.watched.key,
            "subject": self.watched.subject,
            "not_after": self.watched.ends.to_string(),
            "days_left": days_left(self.watched.ends, now),
            "alarm": self.alarm.map(Alarm::name),
        })
    }

    fn text(&self, now: Millis) -> String {
        let Watched { key, subject, ends, .. } = &self.watched;
        let days = days_left(*ends, now);
        let text = format!("{key}\n  certificate  {subject}\n  ends         {ends}, {days} days left");
        match self.alarm {
            Some(alarm) => format!("{text}\n  FAULT        {}", self.watched.words(alarm, now)),
            None => text,
        }
    }
}

impl Standing {
    fn look(&mut self, config: &Config, table: &AuthorityConfig, token: Option<&Token>, now: Millis) {
        let certificates = match read_certificates(table.ra_certificate()) {
            Ok(certificates) => certificates,
            Err(fault) => return self.faults.push(fault.to_string()),
        };
        let Some(own) = certificates.first() else {
            return self.faults.push(format!("{}: holds no certificate", table.ra_certificate().display()));
        };
        self.faults.extend(
            fit::check(config, (table.certificates(), table.ra_purposes()), own, &certificates, now)
                .err()
                .map(|fault| fault.to_string()),
        );
        let watched = Watched::own(&self.authority, own);
        self.alarm = watched.alarm(now, config.expiry);
        // That it has ended is told already.
        let near = self.alarm.filter(|_| now <= watched.ends);
        self.faults.extend(near.map(|alarm| watched.words(alarm, now)));
        if let Some(Err(fault)) = token.map(|token| self.look_at_key(config, token, own)) {
            self.faults.push(fault.to_string());
        }
        self.certificate = Some(own.clone());
    }

    fn look_at_key(&mut self, config: &Config, token: &Token, own: &Certificate) -> Result<(), Failed> {
        let key = fit::key_of(token, own)?;
        let stays = token.view_signing_key(&key).map_err(Failed::new)?.stays();
        self.stays = Some(stays);
        if !stays {
            self.faults.push(format!("a copy of the key with {key} may exist: make another on the token"));
        }
        if !fit::is_meant(&config.hsm.signing_key, &key) {
            self.faults.push(format!(
                "hsm.signing_key names the key with {}, and the certificate is for the one with {key}",
                config.hsm.signing_key
            ));
        }
        self.key = Some(key);
        Ok(())
    }

    fn json(&self, now: Millis) -> Value {
        let own = self.certificate.as_ref();
        json!({
            "authority": self.authority,
            "subject": own.map(|own| own.subject().to_string()),
            "serial": own.map(|own| hex::encode(own.serial())),
            "not_after": own.map(|own| own.not_after().to_string()),
            "days_left": own.map(|own| days_left(own.not_after(), now)),
            "alarm": self.alarm.map(Alarm::name),
            "public_key_sha256": own.map(|own| own.public_key().print().to_string()),
            "key": self.key.as_ref().map(ToString::to_string),
            "stays_on_token": self.stays,
            "faults": self.faults,
        })
    }

    fn text(&self, now: Millis) -> String {
        let mut lines = vec![format!("authority.{}", self.authority)];
        if let Some(own) = &self.certificate {
            let (ends, days) = (own.not_after(), days_left(own.not_after(), now));
            lines.push(format!("  certificate  {}, serial {}", own.subject(), hex::encode(own.serial())));
            lines.push(format!("  ends         {ends}, {days} days left"));
        }
        if let Some(key) = &self.key {
            let kept = if self.stays == Some(true) { "stays on the token, and always did" } else { "A COPY MAY EXIST" };
            lines.push(format!("  key          {key}: signs, {kept}"));
        }
        lines.extend(self.faults.iter().map(|fault| format!("  FAULT        {fault}")));
        lines.join("\n")
    }
}
