//! Subcommands: noun then verb, one file a noun. Exit codes: 0 done, 1 refused or failed, 2 usage.

mod as_officer;
mod assemble;
mod audit;
mod books;
mod case;
mod check;
mod checkpoint_file;
mod client;
mod code;
mod data_key;
mod demo;
mod expiry;
mod genuine;
mod init;
mod key;
mod key_files;
mod key_maker;
mod metrics;
mod migrate;
mod officer;
mod officer_file;
mod reload;
mod rule_sets;
mod serve;
mod server_key;
mod socket;
mod staffed;
mod system;
mod upstream;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use certs::Signer;
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, REFERENCE};

/// Daftar: a registration authority that speaks EST and CMP and signs what it forwards with a key in an HSM.
#[derive(Debug, Parser)]
#[command(name = "daftar", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
struct Common {
    /// The configuration.
    #[arg(long, global = true, default_value = "daftar.toml")]
    config: PathBuf,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    Serve(serve::Args),
    /// Names the first officers of an office.
    Init(init::Args),
    /// Looks at configuration, token, database and CAs, and tells how to mend what is wrong.
    Check,
    /// The keys on the token.
    #[command(subcommand)]
    Key(key::Verb),
    /// Cases: what was asked for, and what became of it.
    #[command(subcommand)]
    Case(case::Verb),
    /// Enrolment codes.
    #[command(subcommand)]
    Code(code::Verb),
    /// Who works at the office.
    #[command(subcommand)]
    Officer(officer::Verb),
    /// CAs that files are carried to.
    #[command(subcommand)]
    Upstream(upstream::Verb),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Moves the records to another kind of database.
    #[command(subcommand)]
    Migrate(migrate::Verb),
    /// Makes a throw-away office and runs it.
    Demo(demo::Args),
    /// Runs the demo's CA.
    DemoCa(demo::CaArgs),
    /// Makes the token that the configuration names, and its keys; run by `daftar demo`.
    #[command(hide = true)]
    DemoToken,
    /// Prints the reference of the configuration, or this help.
    Help {
        /// What about.
        #[arg(value_parser = ["config"])]
        topic: Option<String>,
    },
}

/// Why a command did not do what it should: one text for people, exit code 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

impl Failed {
    fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// With every cause, for errors whose own text does not tell it.
    fn caused(fault: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(fault), |fault| fault.source());
        Self(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    }
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // To standard output for --help, to standard error for a mistake; nothing more can be done when that fails.
            drop(usage.print());
            return ExitCode::from(if usage.use_stderr() { 2 } else { 0 });
        }
    };
    to_the_end(run(cli))
}

/// Serves as `daftar serve` does, until standard input ends, with this key for the RA in place of the token's. The shipped
/// program has no such key to give: this is for benches, which tell by it what a token costs.
#[must_use]
pub fn serve_with(config: PathBuf, signer: Arc<dyn Signer>) -> ExitCode {
    to_the_end(async move {
        let common = Common { config, json: false };
        serve::run(&load(&common)?, &common, &serve::Args::until_stdin_ends(), Some(signer)).await
    })
}

fn to_the_end(command: impl Future<Output = Result<(), Failed>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => return failed(&Failed::new(format!("no threads can be started: {fault}"))),
    };
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => failed(&fault),
    }
}

async fn run(cli: Cli) -> Result<(), Failed> {
    let common = cli.common;
    match cli.command {
        Command::Serve(args) => serve::run(&load(&common)?, &common, &args, None).await,
        Command::Init(args) => init::run(&load(&common)?, &common, &args).await,
        Command::Check => check::run(&common).await,
        Command::Key(verb) => key::run(&load(&common)?, &common, verb).await,
        Command::Case(verb) => case::run(&load(&common)?, &common, verb).await,
        Command::Code(verb) => code::run(&load(&common)?, &common, verb).await,
        Command::Officer(verb) => officer::run(&load(&common)?, &common, verb).await,
        Command::Upstream(verb) => upstream::run(&load(&common)?, &common, verb).await,
        Command::Audit(verb) => audit::run(&load(&common)?, &common, verb).await,
        Command::Migrate(verb) => migrate::run(&load(&common)?, &common, verb).await,
        Command::Demo(args) => demo::run(args).await,
        Command::DemoCa(args) => demo::run_ca(&args).await.map_err(Failed::new),
        Command::DemoToken => demo::make_token(&load(&common)?),
        Command::Help { topic } => {
            help(topic.is_some());
            Ok(())
        }
    }
}

fn load(common: &Common) -> Result<Config, Failed> {
    Config::load(&common.config).map_err(Failed::new)
}

fn help(with_configuration: bool) {
    use clap::CommandFactory as _;
    if with_configuration {
        print(REFERENCE);
    } else {
        print(&Cli::command().render_help().to_string());
    }
}

/// Prints to standard output. A reader that went away is no fault of ours.
fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()));
}

fn failed(fault: &Failed) -> ExitCode {
    use std::io::Write as _;
    drop(writeln!(std::io::stderr(), "daftar: {fault}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn no_command_is_at_odds_with_itself() {
        Cli::command().debug_assert();
    }
}
