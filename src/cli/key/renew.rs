//! `daftar key renew`: a new key and, over CMP, a new certificate for it, while the old ones stay in use (RFC 9483 section 4.1.3).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, PublicKey};

use super::ceremony::{Ceremony, Who, ceremonies};
use super::named::{Named, both};
use super::{files, fit, generate, report};
use crate::case::{Clock as _, Random as _};
use crate::cli::assemble::read_certificates;
use crate::cli::system::{Entropy, SystemClock};
use crate::cli::{Common, Failed};
use crate::config::{AuthorityConfig, Config};
use crate::hsm::{Fault, Hsm, KeyRef, Token, Use};
use crate::registrar::KeyVerb;
use crate::upstream::{
    Answer, Authority, Cmp, CmpConfig, Conversation, Fresh, Order as ToCa, PrivateKey, Received, renewal_request,
};

/// `daftar key renew`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Order {
    /// The CA that renews; needed where there are several.
    #[arg(long)]
    authority: Option<String>,
    #[command(flatten)]
    named: Named,
    /// The kind of the new key: `P-256`, `P-384` or `RSA-3072`; default: that of the old one.
    #[arg(long)]
    kind: Option<String>,
    /// How long the CA is waited for.
    #[arg(long, default_value_t = 600)]
    patience_seconds: u64,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(config: &Config, common: &Common, order: Order) -> Result<(), Failed> {
    let (name, table) = fit::authority(config, order.authority.as_deref())?;
    let AuthorityConfig::Cmp(authority) = table else {
        return Err(Failed::new(
            "this is a kur of CMP, which the CA does not speak over the network: ask with `daftar key csr`, bring the answer with `daftar key install`",
        ));
    };
    let key = order.named.needed()?;
    let own = read_certificates(&authority.ra_certificate)?;
    let old = own.first().ok_or_else(|| Failed::new("the RA certificate's file is empty: nothing can be renewed"))?;
    let mut ceremony = Ceremony::new(KeyVerb::Renew, &order.who);
    ceremony.authority(name);
    ceremony.key(&key);
    let told = ceremony.hold(config, common, async |ceremony| {
        fit::check(config, (table.certificates(), table.ra_purposes()), old, &own, SystemClock.now())?;
        ceremony.add("old_serial", hex::encode(old.serial()));
        let kind = order.kind.as_deref().map_or(Ok(old.public_key().kind()), generate::kind)?;
        let (request, public) = ask(config, &key, kind, old, ceremony).await?;
        let hsm = Hsm::start(&config.hsm, &config.data).map_err(Failed::new)?;
        let errand = Errand { config, table, authority, old, own: &own, public: &public };
        let renewed = errand.run(name, &hsm, &request, Duration::from_secs(order.patience_seconds), ceremony).await;
        hsm.stop();
        let path = renewed?;
        ceremony.add("written_to", path.display().to_string());
        let next = format!(
            "the old certificate stays in use; to change over: daftar key install {} --authority {name}",
            path.display()
        );
        ceremony.add("next", next);
        Ok(())
    });
    told.await?.show(common)
}

/// The new key, made where it is not there yet, and what it asks for, proven by its own signature.
async fn ask(
    config: &Config,
    key: &KeyRef,
    kind: certs::KeyKind,
    old: &Certificate,
    ceremony: &mut Ceremony,
) -> Result<(Vec<u8>, PublicKey), Failed> {
    let token = Token::open(&config.hsm, &config.data).map_err(Failed::new)?;
    ceremony.token(&token.view().map_err(Failed::new)?);
    match token.view_signing_key(key) {
        Err(Fault::KeyMissing { .. }) => {
            let (label, id) = both(key)?;
            token.generate_signing_key(&label, &id, kind).map_err(Failed::new)?;
            ceremony.add("made", "yes");
        }
        Err(fault) => return Err(Failed::new(fault)),
        Ok(_) => ceremony.add("made", "is there already"),
    }
    let view = token.view_signing_key(key).map_err(Failed::new)?;
    generate::describe(&view, ceremony);
    if view.public_key.as_ref() == Some(old.public_key()) {
        return Err(Failed::new("this is the key of the present certificate: name another with --label and --id"));
    }
    let signer = token.signing_key(key).map_err(Failed::new)?;
    let request = renewal_request(old, &signer).await.map_err(Failed::new)?;
    Ok((request, certs::Signer::public_key(&signer).clone()))
}

/// One renewal at one CA.
struct Errand<'a> {
    config: &'a Config,
    table: &'a AuthorityConfig,
    authority: &'a CmpConfig,
    /// The present certificate.
    old: &'a Certificate,
    /// Its file: itself, then what the CA knows it by.
    own: &'a [Certificate],
    /// The new key.
    public: &'a PublicKey,
}

/// What was sent last and what came back.
struct Turn {
    sent: Vec<u8>,
    answer: Received,
}

impl Errand<'_> {
    /// Asks, checks, keeps, confirms; gives the file with the new certificate.
    async fn run(
        &self,
        name: &str,
        hsm: &Hsm,
        request: &[u8],
        patience: Duration,
        ceremony: &mut Ceremony,
    ) -> Result<PathBuf, Failed> {
        let signer = hsm.signer_for(Use::Requests, self.old.public_key()).map_err(Failed::new)?;
        // Nobody else's messages go along.
        let table = CmpConfig { batch_milliseconds: 0, ..self.authority.clone() };
        let cmp = Cmp::new(name, &table, Arc::new(signer), Arc::new(SystemClock), Arc::new(Entropy::new()));
        let cmp = cmp.map_err(Failed::new)?;
        let issued = tokio::time::timeout(patience, self.await_certificate(&cmp, request)).await;
        let (turn, certificate, confirm) = issued.map_err(|_| {
            Failed::new("the CA has not decided; the key stays on the token: run this again when it has")
        })??;
        ceremony.certificate(&certificate);
        if let Err(fault) = self.check(&certificate) {
            if confirm {
                self.confirm(&cmp, &turn, &certificate, Some("not what was asked for")).await?;
            }
            return Err(Failed::new(format!("the CA's certificate is not taken: {fault}")));
        }
        // Kept before it is confirmed: a certificate that is confirmed and lost could not be asked for again.
        let path = files::beside(&self.authority.ra_certificate, &certificate);
        let unconfirmed = path.with_extension("pem.unconfirmed");
        let content: Vec<Certificate> =
            [std::slice::from_ref(&certificate), self.own.get(1..).unwrap_or_default()].concat();
        files::write_new(&unconfirmed, files::pem(&content).as_bytes())?;
        if confirm {
            self.confirm(&cmp, &turn, &certificate, None).await?;
        }
        files::rename(&unconfirmed, &path)?;
        Ok(path)
    }

    /// Sends the request and asks again until there is an answer.
    async fn await_certificate(&self, cmp: &Cmp, request: &[u8]) -> Result<(Turn, Certificate, bool), Failed> {
        let asked = cmp.compose(ToCa::Renew(request), fresh()).await.map_err(Failed::new)?;
        let mut turn = self.send(cmp, asked.clone(), "request").await?;
        loop {
            match read(cmp, &asked, &turn)? {
                Answer::Issued { certificate, confirm, private_key: PrivateKey::None, .. } => {
                    return Ok((turn, *certificate, confirm));
                }
                Answer::Waiting { check_after } => {
                    tokio::time::sleep(Duration::from_secs(u64::from(check_after.clamp(1, 60)))).await;
                    let order = ToCa::Poll { sent: &turn.sent, answer: &turn.answer.octets };
                    let poll = cmp.compose(order, fresh()).await.map_err(Failed::new)?;
                    turn = self.send(cmp, poll, "poll").await?;
                }
                Answer::Rejected { text, .. } | Answer::NotNow { text, .. } | Answer::InUse { text } => {
                    return Err(Failed::new(format!("the CA does not renew: {text}")));
                }
                _ => return Err(Failed::new("the CA answered something else than a certificate")),
            }
        }
    }

    async fn confirm(
        &self,
        cmp: &Cmp,
        turn: &Turn,
        certificate: &Certificate,
        rejection: Option<&str>,
    ) -> Result<(), Failed> {
        let order = ToCa::Confirm { sent: &turn.sent, answer: &turn.answer.octets, certificate, rejection };
        let sent = cmp.compose(order, fresh()).await.map_err(Failed::new)?;
        let turn = self.send(cmp, sent.clone(), "confirmation").await?;
        match read(cmp, &sent, &turn)? {
            Answer::Confirmed => Ok(()),
            _ => Err(Failed::new("the CA did not take the confirmation; it may revoke the new certificate")),
        }
    }

    /// Written down, then sent (DESIGN rule 1); the answer is written down before it is believed.
    async fn send(&self, cmp: &Cmp, sent: Vec<u8>, name: &str) -> Result<Turn, Failed> {
        let folder = ceremonies(self.config);
        report::keep(&folder, SystemClock.now(), &format!("renew-{name}.der"), &sent)?;
        let answer = repeated(cmp, &sent).await?;
        report::keep(&folder, SystemClock.now(), &format!("renew-{name}-answer.der"), &answer.octets)?;
        Ok(Turn { sent, answer })
    }

    /// DESIGN rule 4, for ourselves: the new key under the old names, from a CA that we know, for an RA.
    fn check(&self, certificate: &Certificate) -> Result<(), Failed> {
        let old = self.old;
        if certificate.public_key() != self.public {
            return Err(Failed::new("it is for another key"));
        }
        let names = certificate.subject().matches(old.subject()) && certificate.alt_names() == old.alt_names();
        if !names {
            return Err(Failed::new(format!("it names '{}' and not '{}'", certificate.subject(), old.subject())));
        }
        fit::check(
            self.config,
            (self.table.certificates(), self.table.ra_purposes()),
            certificate,
            self.own,
            SystemClock.now(),
        )
    }
}

/// Bytes that may have reached the CA are repeated as they are (DESIGN rule 1).
async fn repeated(cmp: &Cmp, sent: &[u8]) -> Result<Received, Failed> {
    let mut tries = 1;
    loop {
        match cmp.send(sent).await {
            Ok(answer) => return Ok(answer),
            Err(fault) if tries == TRIES || !fault.is_silence() => return Err(Failed::new(fault)),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        tries += 1;
    }
}

fn read(cmp: &Cmp, request: &[u8], turn: &Turn) -> Result<Answer, Failed> {
    let conversation = Conversation { request, sent: &turn.sent };
    cmp.read(conversation, &turn.answer, SystemClock.now()).map_err(Failed::new)
}

fn fresh() -> Fresh {
    let mut fresh = Fresh { transaction: [0; 16], nonce: [0; 16] };
    let entropy = Entropy::new();
    entropy.fill(&mut fresh.transaction);
    entropy.fill(&mut fresh.nonce);
    fresh
}

/// A CA that is started anew is back by then.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
