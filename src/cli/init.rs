//! `daftar init`: what an office needs before its first start. It names the first officers, only while there are none.

use std::path::{Path, PathBuf};

use certs::Millis;
use serde::Deserialize;
use serde_json::json;
use time::macros::format_description;

use super::assemble::{read_certificates, trust_tables};
use super::socket::Folder;
use super::system::{Entropy, SystemClock};
use super::{Common, Failed, print};
use crate::case::Clock as _;
use crate::case::OfficerId;
use crate::config::Config;
use crate::duty::{Jobs, OfficerName};
use crate::registrar::{Candidate, Learned, begin_with_officers};
use crate::store::Store;

/// `daftar init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// TOML with an [[officer]] for each of the first officers: name, jobs, certificate (a PEM file, with what leads to the anchor of
    /// [officers] trust), and an [[officer.learned]] for each course: course, passed, valid_until. Two of them are administrators.
    #[arg(long, value_name = "FILE")]
    officers: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    officer: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    jobs: Vec<String>,
    certificate: PathBuf,
    #[serde(default)]
    learned: Vec<Training>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    course: String,
    passed: String,
    valid_until: Option<String>,
}

pub(super) async fn run(config: &Config, common: &Common, args: &Args) -> Result<(), Failed> {
    let made = name(config, &args.officers, true).await?;
    if common.json {
        let made: Vec<_> = made.iter().map(|(name, id)| json!({ "name": name, "id": id.to_string() })).collect();
        print(&json!({ "officers": made }).to_string());
    } else {
        for (name, id) in made {
            print(&format!("{id}  {name}"));
        }
    }
    Ok(())
}

/// Names the officers of a file, unless the office has some already.
pub(super) async fn name_once(config: &Config, file: &Path) -> Result<(), Failed> {
    name(config, file, false).await.map(drop)
}

async fn name(config: &Config, file: &Path, must_be_first: bool) -> Result<Vec<(String, OfficerId)>, Failed> {
    let Some(officers) = &config.officers else {
        return Err(Failed::new("[officers] is not there: it says which trust table officers' certificates chain to"));
    };
    let candidates = read(file)?;
    let names: Vec<String> = candidates.iter().map(|candidate| candidate.name.to_string()).collect();
    let trust = trust_tables(config)?.remove(&officers.trust).ok_or_else(|| Failed::new("[officers] trust"))?;
    // No server runs meanwhile.
    let _folder = Folder::take(config)?;
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    let made = async {
        if !must_be_first && store.has_officers().await.map_err(Failed::new)? {
            return Ok(Vec::new());
        }
        let made =
            begin_with_officers(&store, &trust, candidates, (&Entropy::new(), SystemClock.now(), &config.node)).await;
        made.map_err(Failed::new)
    };
    let made = made.await;
    store.close().await;
    Ok(names.into_iter().zip(made?).collect())
}

fn read(path: &Path) -> Result<Vec<Candidate>, Failed> {
    let named = |fault: &dyn std::fmt::Display| Failed::new(format!("{}: {fault}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|fault| named(&fault))?;
    let file: Named = toml::from_str(&text).map_err(|fault| named(&fault))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let candidate = |entry: Entry| {
        let about = |fault: &dyn std::fmt::Display| named(&format!("'{}': {fault}", entry.name));
        Ok(Candidate {
            name: OfficerName::parse(&entry.name).map_err(|fault| about(&fault))?,
            jobs: Jobs::named(entry.jobs.iter().map(String::as_str)).map_err(|fault| about(&fault))?,
            chain: read_certificates(&folder.join(&entry.certificate))?,
            learned: entry
                .learned
                .iter()
                .map(Training::read)
                .collect::<Result<_, _>>()
                .map_err(|fault| about(&fault))?,
        })
    };
    file.officer.into_iter().map(candidate).collect()
}

impl Training {
    fn read(&self) -> Result<Learned, String> {
        Ok(Learned {
            course: self.course.clone(),
            passed_at: day(&self.passed)?,
            valid_until: self.valid_until.as_deref().map(day).transpose()?,
        })
    }
}

fn day(text: &str) -> Result<Millis, String> {
    let date = time::Date::parse(text, format_description!("[year]-[month]-[day]"));
    let date = date.map_err(|_| format!("'{text}' is no day such as 2026-03-21"))?;
    Ok(Millis(date.midnight().assume_utc().unix_timestamp() * 1000))
}
