//! `daftar-verify`: checks what an office shows of its audit log, with nothing of the office but the public key of the log.
//!
//! Exit codes: 0 what was shown holds, 1 it does not, 2 usage.

mod dossier;
mod log;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use certs::PublicKey;
use clap::{Args, Parser, Subcommand};
use tlog::NoteKey;

/// Checks what a registration authority shows of its audit log. Needs the public key of the log and no network.
#[derive(Debug, Parser)]
#[command(name = "daftar-verify", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    log: Log,
    #[command(subcommand)]
    command: Command,
}

/// Whose log it is.
#[derive(Debug, Args)]
struct Log {
    /// PEM: the public key of the log, had from elsewhere than what it is to check.
    #[arg(long, global = true, default_value = "log.pem")]
    key: PathBuf,
    /// The log's name, as it stands in the first line of its checkpoints.
    #[arg(long, global = true, default_value = "")]
    origin: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A dossier, as `daftar audit prove` writes it: each of its leaves stands in the log, and is shown.
    Dossier {
        /// The file.
        file: PathBuf,
    },
    /// A whole log, as `daftar audit export` writes it: every leaf, the tree, and the checkpoint.
    Log {
        /// The folder.
        folder: PathBuf,
        /// A file of checkpoints that were signed before: the log must hold each of them.
        #[arg(long, value_name = "FILE")]
        since: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let shown = key(&cli.log).and_then(|key| match &cli.command {
        Command::Dossier { file } => dossier::check(file, &key),
        Command::Log { folder, since } => log::check(folder, since, &key),
    });
    match shown {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            use std::io::Write as _;
            // Nothing more can be done where this cannot be said.
            drop(writeln!(std::io::stderr(), "daftar-verify: {fault}"));
            ExitCode::FAILURE
        }
    }
}

fn key(log: &Log) -> Result<NoteKey, String> {
    let named = |fault: &dyn std::fmt::Display| format!("{}: {fault}", log.key.display());
    let key = PublicKey::parse_pem(&read(&log.key)?).map_err(|fault| named(&fault))?;
    if log.origin.is_empty() {
        return Err("--origin: which log? Its name stands in the first line of its checkpoints".to_owned());
    }
    NoteKey::new(&log.origin, key).map_err(|fault| named(&fault))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// A reader that went away is no fault of ours.
fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}
