//! `daftar officer`: who works at the office. The first officers are named by `daftar init`; all others are proposed by one administrator and
//! confirmed by another.

use std::path::{Path, PathBuf};

use certs::Millis;
use serde_json::{Value, json};

use super::case::table;
use super::client::Office;
use super::{Common, Failed, officer_file, print};
use crate::case::OfficerId;
use crate::config::Config;
use crate::duty::Job;

/// `daftar officer VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Lists all officers that ever were, and when they were gone through last.
    List {
        #[command(flatten)]
        by: Officer,
    },
    /// Proposes the officers of a file, which is written as for `daftar init`.
    Add {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        by: Officer,
    },
    /// Confirms an officer whom another administrator proposed.
    Confirm {
        /// The officer's identifier.
        id: String,
        #[command(flatten)]
        by: Officer,
    },
    /// Shuts an officer out, at once and for good.
    Disable {
        /// The officer's identifier.
        id: String,
        #[command(flatten)]
        by: Officer,
    },
    /// Signs that all officers were gone through, and that those who are at work should be.
    Review {
        #[command(flatten)]
        by: Officer,
    },
}

/// Which officer does it.
#[derive(Debug, clap::Args)]
pub(super) struct Officer {
    /// A PEM file with the officer's certificate, what it chains to, and its key.
    #[arg(long = "as", value_name = "FILE")]
    identity: PathBuf,
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    let office = |by: &Officer| Office::of(config).seen_by(&by.identity);
    let nothing = json!({});
    let answer = match verb {
        Verb::List { by } => {
            let roster = office(&by)?.get("/officers").await?;
            if !common.json {
                show(&roster);
                return Ok(());
            }
            roster
        }
        Verb::Add { file, by } => add(&office(&by)?, &file).await?,
        Verb::Confirm { id, by } => office(&by)?.post(&format!("/officers/{}/confirm", officer(&id)?), nothing).await?,
        Verb::Disable { id, by } => office(&by)?.post(&format!("/officers/{}/disable", officer(&id)?), nothing).await?,
        Verb::Review { by } => office(&by)?.post("/officers/review", nothing).await?,
    };
    if common.json {
        print(&answer.to_string());
    } else {
        print(&table(&answer));
    }
    Ok(())
}

async fn add(office: &Office<'_>, file: &Path) -> Result<Value, Failed> {
    let mut proposed = Vec::new();
    for candidate in officer_file::read(file)? {
        let learned: Vec<Value> = candidate
            .learned
            .iter()
            .map(|one| json!({ "course": one.course, "passed_at": one.passed_at.0, "valid_until": one.valid_until.map(|until| until.0) }))
            .collect();
        let certificate: String = candidate.chain.iter().map(certs::Certificate::to_pem).collect();
        let order = json!({
            "name": candidate.name.as_str(),
            "jobs": candidate.jobs.iter().map(Job::name).collect::<Vec<_>>(),
            "certificate": certificate,
            "learned": learned,
        });
        proposed.push(office.post("/officers", order).await?);
    }
    Ok(json!({ "proposed": proposed }))
}

/// Nothing else may come into an address.
fn officer(id: &str) -> Result<OfficerId, Failed> {
    OfficerId::parse(id)
        .ok_or_else(|| Failed::new(format!("'{id}' is not an identifier; `daftar officer list` shows them")))
}

fn show(roster: &Value) {
    for officer in roster.get("officers").and_then(Value::as_array).into_iter().flatten() {
        let column = |name: &str| officer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let jobs = officer.get("jobs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let jobs = jobs.collect::<Vec<_>>().join(" ");
        let seen =
            officer.get("seen_at").and_then(Value::as_i64).map_or("never".to_owned(), |at| Millis(at).to_string());
        print(&format!("{}  {:<8}  {:<24}  {jobs}  seen {seen}", column("id"), column("state"), column("name")));
    }
    let reviewed = roster.get("reviewed_at").and_then(Value::as_i64);
    let due = if roster.get("review_due") == Some(&Value::Bool(true)) { "; it is time to do it again" } else { "" };
    print(&format!("gone through: {}{due}", reviewed.map_or("never".to_owned(), |at| Millis(at).to_string())));
}
