//! The demo CA alone; `daftar demo-ca` is the same.

use std::process::ExitCode;

use clap::Parser;
use demo_ca::cli::{self, Args};

#[derive(Debug, Parser)]
#[command(name = "daftar-demo-ca", about = "A CA for demos and tests")]
struct Command {
    #[command(flatten)]
    args: Args,
}

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(&Command::parse().args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("demo CA: {fault}");
            ExitCode::FAILURE
        }
    }
}
