//! An office whose RA key is in memory in place of the token, so that a bench can tell what the token costs. It is not
//! shipped: the only software signer is the demo CA's, and `daftar serve` cannot reach it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use certs::{Name, Signer as _, oid};
use clap::{Parser, Subcommand};
use demo_ca::pki::Pki;
use demo_ca::signer::{KeyChoice, SoftwareSigner};
use toml::{Table, Value};

/// As in the shipped program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "A demo's office whose RA key is in memory, for benches")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the RA's key and certificate and a configuration with them, beside those of a demo that does not run.
    Make {
        /// The demo's folder.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Serves with it, until standard input ends.
    Serve {
        /// The demo's folder.
        #[arg(long)]
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Make { dir } => told(make(&dir)),
        Command::Serve { dir } => match SoftwareSigner::load(&dir.join(KEY)) {
            Ok(signer) => daftar::cli::serve_with(dir.join(CONFIG), Arc::new(signer)),
            Err(fault) => told(Err(fault.into())),
        },
    }
}

fn told(done: Result<(), Box<dyn Error>>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("bench-office: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn make(dir: &Path) -> Result<(), Box<dyn Error>> {
    let key = SoftwareSigner::generate(KeyChoice::P256)?;
    key.save(&dir.join(KEY))?;
    let name = Name::from_text("CN=Bench RA,O=DEMO NOT FOR PRODUCTION")?;
    let random = aws_lc_rs::rand::SystemRandom::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let pki = Pki::load(dir)?;
    // As old as its issuer: the demo was made a moment ago.
    let now = pki.issuing.certificate.not_before();
    let issued = pki.issue_end_entity(&name, key.public_key(), &[oid::CMC_RA], now, &random);
    std::fs::write(dir.join(CERTIFICATE), runtime.block_on(issued)?.to_pem())?;
    let mut config: Table = toml::from_str(&std::fs::read_to_string(dir.join("daftar.toml"))?)?;
    let authority = config.get_mut("authority").and_then(|all| all.get_mut("demo")).and_then(Value::as_table_mut);
    let authority = authority.ok_or("the demo's configuration has no [authority.demo]")?;
    authority.insert("ra_certificate".to_owned(), CERTIFICATE.into());
    std::fs::write(dir.join(CONFIG), toml::to_string(&config)?)?;
    Ok(())
}

const KEY: &str = "pki/bench-ra.key";

const CERTIFICATE: &str = "pki/bench-ra.pem";

const CONFIG: &str = "bench.toml";
