//! `daftar init`: what an office needs before its first start. It names the first officers, only while there are none.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::assemble::trust_tables;
use super::socket::Folder;
use super::system::{Entropy, SystemClock};
use super::{Common, Failed, officer_file, print};
use crate::case::{Clock as _, OfficerId};
use crate::config::Config;
use crate::registrar::begin_with_officers;
use crate::store::Store;

/// `daftar init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// TOML with an [[officer]] for each of the first officers: name, jobs, certificate (a PEM file, with what leads to the anchor of
    /// [officers] trust), and an [[officer.learned]] for each course: course, passed, valid_until. Two of them are administrators.
    #[arg(long, value_name = "FILE")]
    officers: PathBuf,
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
    let candidates = officer_file::read(file)?;
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
