//! The loader: measures a running Daftar, and tries its promises by killing it. It is not shipped.

mod bench;
mod cost;
mod door;
mod enrolment;
mod errand;
mod fault;
mod kill;
mod line;
mod medians;
mod office;
mod operations;
mod pace;
mod report;
mod unlimit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures a running Daftar, and tries its promises by killing it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Enrols in a closed loop and tells what an enrolment costs.
    Bench(bench::Args),
    /// Kills the server again and again under load and looks whether it kept its promises.
    Kill(kill::Args),
    /// Reads reports (JSON, one a line) from standard input and prints the medians of each mode.
    Medians,
    /// Raises the limits in a daftar.toml that would stop a loader.
    Unlimit(unlimit::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Kill(args) => kill::run(args),
        Command::Medians => medians::run(),
        Command::Unlimit(args) => unlimit::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("loader: {fault}");
            ExitCode::FAILURE
        }
    }
}
