//! `daftar check`: looks at everything that `serve` needs, and tells how to mend what is wrong.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, Signer, oid};
use serde_json::json;
use tokio::net::TcpStream;

use super::assemble::{answer_certificates, authority, read_certificates, signed_log};
use super::expiry::{self, Watched};
use super::genuine::refuse_demo_certificates;
use super::key_files::key_encryption_keys;
use super::server_key::server_key;
use super::staffed::explain_open_ways;
use super::system::{Entropy, SystemClock};
use super::{Common, Failed, data_key, print};
use crate::case::{Clock, Random};
use crate::config::{AuthorityConfig, Config};
use crate::hsm::{Hsm, State, Use};
use crate::listen::{Place, ServerKey, ServerTls};
use crate::registrar::Trust;
use crate::rules::{Approval, Demand, Forward, Naming, Profile, Proof};
use crate::store::Store;

/// What was looked at, told as it is found.
struct Report {
    json: bool,
    looked: usize,
    faults: usize,
}

pub(super) async fn run(common: &Common) -> Result<(), Failed> {
    let mut report = Report { json: common.json, looked: 0, faults: 0 };
    match Config::load(&common.config) {
        Ok(config) => {
            report.tell("configuration", Ok(()));
            files(&config, &mut report);
            policies(&config, &report);
            rest(&config, &mut report).await;
        }
        Err(fault) => report.tell("configuration", Err(Failed::new(fault))),
    }
    match report.faults {
        0 => Ok(()),
        faults => Err(Failed::new(format!("{faults} of {} things need mending", report.looked))),
    }
}

impl Report {
    /// Nothing is wrong, but somebody should know.
    fn note(&self, part: &str, text: &str) {
        if self.json {
            print(&json!({ "part": part, "ok": true, "note": text }).to_string());
        } else {
            print(&format!("note  {part}: {text}"));
        }
    }

    fn tell(&mut self, part: &str, result: Result<(), Failed>) {
        self.looked += 1;
        self.faults += usize::from(result.is_err());
        let fault = result.err().map(|fault| fault.to_string());
        if self.json {
            print(&json!({ "part": part, "ok": fault.is_none(), "fault": fault }).to_string());
        } else if let Some(fault) = fault {
            print(&format!("FAULT {part}: {fault}"));
        } else {
            print(&format!("ok    {part}"));
        }
    }
}

/// What is allowed and worth a second thought.
fn policies(config: &Config, report: &Report) {
    for (name, profile) in &config.profile {
        for way in free_names(profile) {
            let text = format!(
                "a requester known by '{way}' may ask for any name that the profile allows; names.{way} says so"
            );
            report.note(&format!("profile.{name}.subject"), &text);
        }
        // RFC 9483 section 3.5: the CA may look at the requester's own messageTime.
        let kept = matches!(profile.forward, Forward::Nested | Forward::Untouched);
        if kept && profile.approval == Approval::ByHand {
            let text = "the requester's message reaches the CA when an officer has decided: the CA must accept a messageTime as old as that";
            report.note(&format!("profile.{name}.forward"), text);
        }
        if profile.est.channel_binding == Demand::Required && !config.listen.require_extended_master_secret {
            let text = "a client of TLS 1.2 without extended master secret cannot bind its request to a resumed session: such clients \
                        must not resume, or set listen.require_extended_master_secret";
            report.note(&format!("profile.{name}.est.channel_binding"), text);
        }
        if profile.est.channel_binding == Demand::Required && config.listen.balanced != Place::Off {
            let text = "nobody can enrol through a balancer here: the link that is required needs a TLS connection that ends at this server";
            report.note(&format!("profile.{name}.est.channel_binding"), text);
        }
        let takes = config.authority.get(&profile.authority).map(AuthorityConfig::takes);
        if takes.is_some_and(|takes| !takes.revocations) {
            let text = "its CA takes PKCS#10 only: CMP requests by a template (ir, cr, kur) and revocations (rr) are refused, and a \
                        certificate that its requester rejects is revoked by nobody here";
            report.note(&format!("profile.{name}.authority"), text);
        } else if takes.is_some_and(|takes| !takes.template(profile.proof == Proof::RaVerified)) {
            let text = "its CA takes a template with our word for the key only: CMP requests by one (ir, cr, kur) are refused, unless \
                        proof = \"ra-verified\" and the CA lets us vouch";
            report.note(&format!("profile.{name}.proof"), text);
        }
        if profile.forward == Forward::Untouched {
            report.note(
                &format!("profile.{name}.forward"),
                "nobody vouches for what goes up untouched: it bears no signature of the RA",
            );
        }
    }
}

/// The ways to be known that bind a request to no name (RFC 9483 section 5.1.1).
fn free_names(profile: &Profile) -> impl Iterator<Item = &str> {
    profile.enrol_with.iter().map(String::as_str).filter(|way| profile.subject.naming(way) == Naming::Profile)
}

/// What needs neither token nor network.
fn files(config: &Config, report: &mut Report) {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter);
    report.tell("log.filter", filter.map(drop).map_err(Failed::new));
    for (key, path) in config.certificate_files() {
        report.tell(&key, certificates(path));
    }
    let answers = [
        ("answer_key", &config.answers.certificates),
        ("retiring_answer_key", &config.answers.retiring),
        ("package_key", &config.answers.packages),
    ];
    for (key, path) in answers.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?))) {
        let fits = answer_certificates(config, path, SystemClock.now());
        report.tell(&format!("certificate of hsm.{key}"), fits.map(drop));
    }
    report.tell("demo certificates", refuse_demo_certificates(config));
    report.tell("key_encryption_key", key_encryption_keys(config).map(drop));
    report.tell("recovery key", data_key::check_recovery(config));
    if let Some(path) = &config.listen.key_file {
        report.tell("listen.key_file", tls(config, &ServerKey::File(path.clone())));
    }
    for (name, table) in &config.trust {
        report.tell(&format!("trust.{name}"), Trust::read(table).map(drop).map_err(Failed::new));
    }
}

fn tls(config: &Config, key: &ServerKey) -> Result<(), Failed> {
    let listen = &config.listen;
    let tls = ServerTls::load(&listen.certificate_file, key, listen.tls_rules());
    tls.map(drop).map_err(|fault| Failed::caused(&fault))
}

/// A file holds certificates, and the first one, for which it is there, has not ended.
fn certificates(path: &Path) -> Result<(), Failed> {
    let found = read_certificates(path)?;
    let named = |text: &str| Failed::new(format!("{}: {text}", path.display()));
    let first = found.first().ok_or_else(|| named("holds no certificate"))?;
    let now = SystemClock.now();
    if first.not_after() < now {
        let days = (now.seconds() - first.not_after().seconds()) / DAY;
        return Err(named(&format!(
            "the certificate of {} ended {days} days ago; put a new one there",
            first.subject()
        )));
    }
    Ok(())
}

/// The ways for one person alone: once there are officers they stop the start.
async fn lone_ways(config: &Config, store: Option<&Store>, report: &mut Report) {
    let staffed = match store {
        Some(store) => store.has_officers().await.map_err(Failed::new),
        None => Ok(false),
    };
    match (staffed, explain_open_ways(config)) {
        (Ok(false), Err(open)) => report.note("officers.alone", &format!("once there are officers, {open}")),
        (Ok(_), explained) => report.tell("officers.alone", explained),
        (Err(fault), _) => report.tell("officers.alone", Err(fault)),
    }
}

/// Token, database, CAs.
async fn rest(config: &Config, report: &mut Report) {
    let store = database(config).await;
    let store = match store {
        Ok(store) => {
            report.tell("database", Ok(()));
            store
        }
        Err(fault) => {
            report.tell("database", Err(fault));
            None
        }
    };
    lone_ways(config, store.as_ref(), report).await;
    match open_token(config) {
        Ok(hsm) => {
            report.tell("token", ready(&hsm));
            report.tell("RA key", hsm.signer(Use::Requests).map(drop).map_err(Failed::new));
            if config.audit.is_some() {
                report.tell("audit", signed_log(config, &hsm).map(drop));
            }
            if config.hsm.tls_key.is_some() {
                report.tell("hsm.tls_key", server_key(config, &hsm).and_then(|key| tls(config, &key)));
            }
            if let Some(store) = store {
                report.tell("data key", data_key::open(&hsm, &store).await.map(drop));
            }
            for (name, authority) in &config.authority {
                report.tell(&format!("authority.{name}"), fits(name, authority, &hsm));
            }
            hsm.stop();
        }
        Err(fault) => report.tell("token", Err(fault)),
    }
    ends_soon(config, report);
    for (name, authority) in &config.authority {
        if let Some(url) = authority.url() {
            report.tell(&format!("authority.{name}.url"), reach(url).await);
        }
        for url in authority.further_urls() {
            report.tell(&format!("authority.{name}.further_urls {url}"), reach(url).await);
        }
    }
}

/// The database, if it was made already. It is not made here: that is the first start's.
async fn database(config: &Config) -> Result<Option<Store>, Failed> {
    if let Some(path) = config.store.path.as_ref().filter(|path| !path.exists()) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        if folder.is_dir() || folder == config.data {
            return Ok(None);
        }
        return Err(Failed::new(format!("{} is not there; make it, for the server's user alone", folder.display())));
    }
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    store.backlog().await.map_err(Failed::new)?;
    Ok(Some(store))
}

/// A wrong PIN is not tried again here either: the mark in the data folder stands for every command.
fn open_token(config: &Config) -> Result<Hsm, Failed> {
    if !config.data.is_dir() {
        let text = "is not there, and without it no PIN is tried; make it, for the server's user alone (mode 0700)";
        return Err(Failed::new(format!("{} {text}", config.data.display())));
    }
    Hsm::start(&config.hsm, &config.data).map_err(Failed::new)
}

fn ready(hsm: &Hsm) -> Result<(), Failed> {
    match (hsm.state(), hsm.reason()) {
        (State::Ready, _) => Ok(()),
        (state, Some(reason)) => Err(Failed::new(format!("{state:?}: {reason}"))),
        (state, None) => Err(Failed::new(format!("{state:?}"))),
    }
}

/// What ends soon. That the first certificate of a file has ended is a fault, which is told there.
fn ends_soon(config: &Config, report: &Report) {
    let own = config.authority.iter().filter_map(|(name, authority)| {
        let certificates = read_certificates(authority.ra_certificate()).ok()?;
        Some(Watched::own(name, certificates.first()?))
    });
    let now = SystemClock.now();
    for watched in own.chain(expiry::in_files(&expiry::files(config))) {
        if let Some(alarm) = watched.alarm(now, config.expiry).filter(|_| now <= watched.ends) {
            report.note(&watched.key, &watched.words(alarm, now));
        }
    }
}

/// The RA's certificate is for the key on the token and says what it is for; the CA's files are what they should be.
fn fits(name: &str, table: &AuthorityConfig, hsm: &Hsm) -> Result<(), Failed> {
    let certificates = read_certificates(table.ra_certificate())?;
    let own = certificates.first().ok_or_else(|| Failed::new("ra_certificate holds no certificate"))?;
    let signer: Arc<dyn Signer> = Arc::new(hsm.signer_for(Use::Requests, own.public_key()).map_err(Failed::new)?);
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(Entropy::new()));
    authority(name, table, &signer, &clock, &random).map_err(Failed::new)?;
    if is_ra(own) {
        return Ok(());
    }
    Err(Failed::new(format!(
        "the certificate in {} does not make its holder an RA: ask the CA for one with the extended key usage \
         id-kp-cmcRA ({})",
        table.ra_certificate().display(),
        oid::CMC_RA
    )))
}

/// RFC 6402 section 2.10, DESIGN rule 3.
fn is_ra(certificate: &Certificate) -> bool {
    certificate.extended_key_usages().is_some_and(|usages| usages.contains(&oid::CMC_RA))
}

async fn reach(url: &str) -> Result<(), Failed> {
    let uri: http::Uri = url.parse().map_err(|fault| Failed::new(format!("{url}: {fault}")))?;
    let host = uri.host().ok_or_else(|| Failed::new(format!("{url} names no host")))?;
    // RFC 3986 section 3.2.2: a literal IPv6 address stands in brackets, which are no part of it.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    match tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(fault)) => Err(Failed::new(format!("{host}:{port} cannot be reached: {fault}"))),
        Err(_) => Err(Failed::new(format!("{host}:{port} does not answer; is there a firewall between?"))),
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

const DAY: i64 = 24 * 60 * 60;
