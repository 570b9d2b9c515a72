//! `daftar demo`: a throw-away office. Everything but its CA and its certificates is what a real office has.

mod files;
mod office;
mod token;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, ChildStdin, Command};

use super::client::{Office, over_tcp};
use super::{Failed, print};
use crate::config::Config;

pub(super) use demo_ca::cli::{Args as CaArgs, run as run_ca};
pub(super) use token::{Args as TokenArgs, make_token};

/// `daftar demo`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the office; made when it is not there, used again when it is.
    #[arg(long, default_value = "demo")]
    dir: PathBuf,
    /// Puts HTTPS at N, HTTP at N+1, the console at N+2, metrics at N+3 and the CA at N+4.
    #[arg(long)]
    port_base: Option<u16>,
    /// Removes an office that is there and makes a new one.
    #[arg(long)]
    fresh: bool,
    /// Further profiles to make: `by-hand`, `strict`. All are made when none is named.
    #[arg(long = "profile", num_args = 1..)]
    profiles: Vec<String>,
    /// Makes the office and does not run it.
    #[arg(long)]
    prepare_only: bool,
}

/// Where the doors of the office are.
#[derive(Clone, Copy, Debug)]
struct Ports {
    https: u16,
    http: u16,
    metrics: u16,
    authority: u16,
}

impl Ports {
    const fn of(base: Option<u16>) -> Self {
        match base {
            None => Self { https: 8443, http: 8080, metrics: 9090, authority: 8084 },
            Some(n) => Self {
                https: n,
                http: n.saturating_add(1),
                metrics: n.saturating_add(3),
                authority: n.saturating_add(4),
            },
        }
    }
}

/// Runs an office until a signal ends it.
pub(super) async fn run(args: Args) -> Result<(), Failed> {
    let dir = std::path::absolute(&args.dir).map_err(Failed::new)?;
    let ports = Ports::of(args.port_base);
    if args.fresh && dir.join("daftar.toml").exists() {
        std::fs::remove_dir_all(&dir).map_err(|fault| Failed::new(format!("{}: {fault}", dir.display())))?;
    }
    if !dir.join("daftar.toml").exists() {
        office::make(&dir, ports, &args.profiles).await?;
    }
    if args.prepare_only {
        return Ok(());
    }
    let env = dir.join("demo.env");
    drop(std::fs::remove_file(&env));
    let (folder, port) = (dir.display().to_string(), ports.authority.to_string());
    let (mut authority, authority_life) =
        start(&dir, &["demo-ca", "--exit-with-stdin", "--dir", &folder, "--port", &port])?;
    let config_file = dir.join("daftar.toml");
    let (mut server, server_life) =
        start(&dir, &["serve", "--exit-with-stdin", "--config", &config_file.display().to_string()])?;
    let config = Config::load(&config_file).map_err(Failed::new)?;
    ready(&config, &mut server, ports).await?;
    let code = enrolment_code(&config, &dir).await?;
    files::write_env(&dir, ports, &code)?;
    print(&files::welcome(&dir, ports, &code));
    let ended = wait(&mut authority, &mut server).await;
    drop(std::fs::remove_file(&env));
    // Both end when their standard input does; the CA last, as running requests need it.
    drop(server_life);
    drop(tokio::time::timeout(GRACE, server.wait()).await);
    drop(authority_life);
    drop(tokio::time::timeout(GRACE, authority.wait()).await);
    ended
}

/// Starts a part of the office: this program again, as `SOFTHSM2_CONF` is read by the token's module from the environment.
/// It lives as long as its standard input is held (`Child::wait` would close it, so it is held apart).
fn start(dir: &Path, args: &[&str]) -> Result<(Child, ChildStdin), Failed> {
    let program = std::env::current_exe().map_err(Failed::new)?;
    let mut child = Command::new(program)
        .args(args)
        .env("SOFTHSM2_CONF", dir.join("softhsm2.conf"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|fault| Failed::new(format!("a part of the demo could not be started: {fault}")))?;
    let life = child.stdin.take().ok_or_else(|| Failed::new("a part of the demo has no standard input"))?;
    Ok((child, life))
}

async fn ready(config: &Config, server: &mut Child, ports: Ports) -> Result<(), Failed> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], ports.metrics));
    for _ in 0..READY_TRIES {
        if let Some(status) = server.try_wait().map_err(Failed::new)? {
            return Err(Failed::new(format!("the server ended ({status}); its messages stand above")));
        }
        if over_tcp(address, "/readyz").await.is_ok_and(|(status, _)| status == 200) {
            return Ok(());
        }
        tokio::time::sleep(READY_PAUSE).await;
    }
    Err(Failed::new(format!("the office in {} does not become ready", config.data.display())))
}

/// The reusable code of the default profile; made once, kept in the office's folder.
async fn enrolment_code(config: &Config, dir: &Path) -> Result<Value, Failed> {
    let file = dir.join("code.json");
    if let Ok(kept) = std::fs::read(&file) {
        return serde_json::from_slice(&kept).map_err(Failed::new);
    }
    let order = json!({ "profile": "default", "uses": null, "created_by": "house:demo" });
    let code = Office::of(config).post("/codes", order).await?;
    files::write_private(&file, code.to_string().as_bytes())?;
    Ok(code)
}

async fn wait(authority: &mut Child, server: &mut Child) -> Result<(), Failed> {
    let mut terminated =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(Failed::new)?;
    tokio::select! {
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failed::new),
        _ = authority.wait() => Err(Failed::new("the demo CA ended; its messages stand above")),
        _ = server.wait() => Err(Failed::new("the server ended; its messages stand above")),
    }
}

const READY_TRIES: u32 = 300;

const READY_PAUSE: Duration = Duration::from_millis(100);

const GRACE: Duration = Duration::from_secs(30);
