//! An act with the RA key: written down before it is done and again with what came of it, with a report for people.

use std::path::PathBuf;
use std::time::Duration;

use certs::Certificate;
use serde_json::Value;
use tokio::net::UnixStream;

use super::report::{Kept, Report};
use crate::case::Clock as _;
use crate::cli::client::Office;
use crate::cli::socket::{Folder, make_folder};
use crate::cli::system::{Entropy, SystemClock};
use crate::cli::{Common, Failed, print};
use crate::config::Config;
use crate::hsm::{KeyRef, TokenView};
use crate::registrar::{KeyAct, KeyStep, KeyVerb};
use crate::store::{Row, Store, Unit};

/// Who does it, and who looks on.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Who {
    /// Who does it.
    #[arg(long)]
    officer: String,
    /// Who looks on.
    #[arg(long)]
    witness: Option<String>,
}

/// An act under way. What is found out on the way goes into the record and the report.
#[derive(Debug)]
pub(super) struct Ceremony {
    act: KeyAct,
    report: Report,
}

/// An act that is through.
#[derive(Debug)]
pub(super) struct Told {
    report: Report,
    kept: Option<Kept>,
    outcome: Result<(), Failed>,
}

impl Ceremony {
    pub(super) fn new(verb: KeyVerb, who: &Who) -> Self {
        let mut report = Report::new(verb.name(), SystemClock.now());
        report.add("officer", who.officer.as_str());
        if let Some(witness) = &who.witness {
            report.add("witness", witness.as_str());
        }
        let act = KeyAct {
            verb,
            step: KeyStep::Begun,
            officer: who.officer.clone(),
            witness: who.witness.clone(),
            key: None,
            public_key: None,
            authority: None,
            certificate: None,
            report: None,
        };
        Self { act, report }
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.report.add(name, value);
    }

    pub(super) fn add_list(&mut self, name: &'static str, entries: Vec<(Value, String)>) {
        self.report.add_list(name, entries);
    }

    /// The CA it is about.
    pub(super) fn authority(&mut self, name: &str) {
        self.act.authority = Some(name.to_owned());
        self.add("authority", name);
    }

    /// The key that a running server must not be using, known before the act begins.
    pub(super) fn about(&mut self, key: &certs::PublicKey) {
        self.act.public_key = Some(*key.print().as_bytes());
    }

    /// The key it is about.
    pub(super) fn key(&mut self, key: &KeyRef) {
        self.act.key = Some(key.to_string());
        self.add("key", key.to_string());
    }

    pub(super) fn public_key(&mut self, key: &certs::PublicKey) {
        self.act.public_key = Some(*key.print().as_bytes());
        self.add("kind", key.kind().to_string());
        self.add("public_key_sha256", key.print().to_string());
    }

    /// The certificate it is about.
    pub(super) fn certificate(&mut self, certificate: &Certificate) {
        self.act.certificate = Some(certificate.hash());
        self.add("subject", certificate.subject().to_string());
        self.add("serial", hex::encode(certificate.serial()));
        self.add("not_after", certificate.not_after().to_string());
        self.add("certificate_sha256", hex::encode(certificate.hash()));
    }

    pub(super) fn token(&mut self, token: &TokenView) {
        self.add("token", token.label.as_str());
        self.add("token_serial", token.serial.as_str());
        self.add("token_manufacturer", token.manufacturer.as_str());
        self.add("token_model", token.model.as_str());
        self.add("token_hardware", token.hardware.as_str());
        self.add("token_firmware", token.firmware.as_str());
    }

    /// Does it. Nothing is done that could not be written down before.
    pub(super) async fn hold(
        mut self,
        config: &Config,
        common: &Common,
        work: impl AsyncFnOnce(&mut Self) -> Result<(), Failed>,
    ) -> Result<Told, Failed> {
        if self.act.witness.as_ref() == Some(&self.act.officer) {
            return Err(Failed::new("the witness is somebody else than the officer"));
        }
        record(config, &self.act).await?;
        let outcome = work(&mut self).await;
        self.act.step = if outcome.is_ok() { KeyStep::Done } else { KeyStep::Failed };
        self.report.add("outcome", outcome.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned()));
        let kept = self.report.keep(&ceremonies(config), common.json);
        self.act.report = kept.as_ref().ok().map(|kept| kept.hash);
        let recorded = record(config, &self.act).await;
        let recorded =
            recorded.map_err(|fault| Failed::new(format!("the audit log did not take what was done: {fault}")));
        let (kept, written) = match kept {
            Ok(kept) => (Some(kept), Ok(())),
            Err(fault) => (None, Err(fault)),
        };
        Ok(Told { report: self.report, kept, outcome: outcome.and(recorded).and(written) })
    }
}

impl Told {
    /// Shows the report, and where it is kept.
    pub(super) fn show(self, common: &Common) -> Result<(), Failed> {
        let path = self.kept.map(|kept| kept.path.display().to_string());
        if common.json {
            let mut told = self.report.json();
            told["report"] = path.into();
            print(&told.to_string());
        } else {
            print(&self.report.text());
            if let Some(path) = path {
                print(&format!("report: {path}"));
            }
        }
        self.outcome
    }

    /// Only whether all went well.
    pub(super) fn outcome(self) -> Result<(), Failed> {
        self.outcome
    }
}

/// Where reports are kept.
pub(super) fn ceremonies(config: &Config) -> PathBuf {
    config.data.join("ceremonies")
}

/// Into the audit log: by the server that runs here, or by ourselves while we keep any other from starting.
async fn record(config: &Config, act: &KeyAct) -> Result<(), Failed> {
    make_folder(config)?;
    for _ in 0..TRIES {
        if let Ok(_folder) = Folder::take(config) {
            return record_here(config, act).await;
        }
        if UnixStream::connect(config.control_socket()).await.is_ok() {
            let act = serde_json::to_value(act).map_err(Failed::new)?;
            return Office::of(config).post("/key-acts", act).await.map(drop);
        }
        // It starts or stops just now.
        tokio::time::sleep(PAUSE).await;
    }
    Err(Failed::new(format!("{}: a server has it and does not answer", config.data.display())))
}

async fn record_here(config: &Config, act: &KeyAct) -> Result<(), Failed> {
    let leaf = act.leaf(&Entropy::new(), SystemClock.now(), &config.node, "house:cli");
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    let committed = store.commit(Unit::new().with(Row::Leaf(leaf))).await;
    store.close().await;
    committed.map_err(Failed::new)
}

const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);
