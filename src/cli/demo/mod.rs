//! `daftar demo`: a throw-away office. Everything but its CA and its certificates is what a real office has.

mod files;
mod office;
mod place;
mod staff;
mod token;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};

use self::place::{CONFIG, Found};
use super::client::{Office, over_tcp};
use super::{Failed, print};
use crate::config::Config;

pub(super) use demo_ca::cli::{Args as CaArgs, run as run_ca};
pub(super) use token::make_token;

/// `daftar demo`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the office; made when it is not there, used again when it is.
    #[arg(long, default_value = "demo")]
    dir: PathBuf,
    /// Puts HTTPS at N, HTTP at N+1, the console at N+2, metrics at N+3 and the CA at N+4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65531))]
    port_base: Option<u16>,
    /// Removes an office that is there and makes a new one.
    #[arg(long)]
    fresh: bool,
    /// The profiles to make beside `default`. All are made when none is named.
    #[arg(long = "profile", value_name = "NAME", num_args = 1.., value_parser = ["default", "by-hand", "strict"])]
    profiles: Vec<String>,
    /// Makes the office and does not run it.
    #[arg(long)]
    prepare_only: bool,
}

/// Where the doors of the office are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ports {
    https: u16,
    http: u16,
    console: u16,
    metrics: u16,
    authority: u16,
}

impl Ports {
    const fn of(base: Option<u16>) -> Self {
        match base {
            None => Self { https: 8443, http: 8080, console: 9443, metrics: 9090, authority: 8084 },
            Some(n) => Self {
                https: n,
                http: n.saturating_add(1),
                console: n.saturating_add(2),
                metrics: n.saturating_add(3),
                authority: n.saturating_add(4),
            },
        }
    }
}

/// Runs an office until a signal ends it.
pub(super) async fn run(args: Args) -> Result<(), Failed> {
    let dir = std::path::absolute(&args.dir).map_err(Failed::new)?;
    if args.prepare_only && !args.fresh && place::look(&dir)? == Found::Office {
        return Ok(());
    }
    place::refuse_running(&dir).await?;
    let found = place::look(&dir)?;
    // One of an office that was killed must not tell that this one is ready.
    drop(std::fs::remove_file(dir.join("demo.env")));
    match found {
        Found::Office if args.fresh => place::clear(&dir)?,
        Found::Unfinished => place::clear(&dir)?,
        Found::Nothing | Found::Office => {}
    }
    if !dir.join(CONFIG).exists() {
        office::make(&dir, Ports::of(args.port_base), &args.profiles).await?;
    }
    if args.prepare_only {
        return Ok(());
    }
    let config = Config::load(&dir.join(CONFIG)).map_err(Failed::new)?;
    let ports = standing(&config, &args)?;
    if !dir.join(CODE).exists() {
        // Once, before its first code; an office whose officers were named has them.
        super::init::name_once(&config, &staff::named(&dir)).await?;
    }
    serve(&dir, &config, ports).await
}

/// The doors of the office as it stands, which must be what is asked for now.
fn standing(config: &Config, args: &Args) -> Result<Ports, Failed> {
    let other = |text: &str| Failed::new(format!("the office was made with other {text}; --fresh makes a new one"));
    let ports = place::ports(config).ok_or_else(|| other("doors"))?;
    if args.port_base.is_some_and(|base| ports != Ports::of(Some(base))) {
        return Err(other("ports"));
    }
    if args.profiles.iter().any(|name| !config.profile.contains_key(name)) {
        return Err(other("profiles"));
    }
    Ok(ports)
}

/// Runs CA and server, each in a process of its own.
async fn serve(dir: &Path, config: &Config, ports: Ports) -> Result<(), Failed> {
    let listen = |kind| signal(kind).map_err(Failed::new);
    let (mut terminated, mut interrupted) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let (folder, port) = (dir.display().to_string(), ports.authority.to_string());
    let (mut authority, authority_life) =
        start(dir, &["demo-ca", "--exit-with-stdin", "--dir", &folder, "--port", &port])?;
    let file = dir.join(CONFIG).display().to_string();
    let (mut server, server_life) = start(dir, &["serve", "--exit-with-stdin", "--config", &file])?;
    let ended = tokio::select! {
        ended = work(dir, config, ports) => ended,
        _ = authority.wait() => Err(Failed::new("the demo CA ended; its messages stand above")),
        _ = server.wait() => Err(Failed::new("the server ended; its messages stand above")),
        _ = terminated.recv() => Ok(()),
        _ = interrupted.recv() => Ok(()),
    };
    drop(std::fs::remove_file(dir.join("demo.env")));
    // Both end when their standard input does; the CA last, as running requests need it.
    drop(server_life);
    drop(tokio::time::timeout(GRACE, server.wait()).await);
    drop(authority_life);
    drop(tokio::time::timeout(GRACE, authority.wait()).await);
    ended
}

/// Waits until the office is ready, tells so, and goes on for ever.
async fn work(dir: &Path, config: &Config, ports: Ports) -> Result<(), Failed> {
    let program = std::env::current_exe().map_err(Failed::new)?;
    ready(config, ports).await?;
    let code = enrolment_code(config, dir).await?;
    print(&files::welcome(&program, dir, ports, &code));
    files::write_env(dir, ports, &code)?;
    std::future::pending().await
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
        // Ctrl-C at the terminal is for the demo alone, which ends its parts in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|fault| Failed::new(format!("a part of the demo could not be started: {fault}")))?;
    let life = child.stdin.take().ok_or_else(|| Failed::new("a part of the demo has no standard input"))?;
    Ok((child, life))
}

async fn ready(config: &Config, ports: Ports) -> Result<(), Failed> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], ports.metrics));
    for _ in 0..READY_TRIES {
        if over_tcp(address, "/readyz").await.is_ok_and(|(status, _)| status == 200) {
            return Ok(());
        }
        tokio::time::sleep(READY_PAUSE).await;
    }
    Err(Failed::new(format!("the office in {} does not become ready", config.data.display())))
}

/// The reusable code of the default profile; made once, kept in the office's folder.
async fn enrolment_code(config: &Config, dir: &Path) -> Result<Value, Failed> {
    let file = dir.join(CODE);
    if let Ok(kept) = std::fs::read(&file) {
        return serde_json::from_slice(&kept).map_err(Failed::new);
    }
    let officer = staff::file_of(dir, staff::REGISTRAR_OFFICER);
    let code =
        Office::of(config).seen_by(&officer)?.post("/codes", json!({ "profile": "default", "uses": null })).await?;
    files::write_private(&file, code.to_string().as_bytes())?;
    Ok(code)
}

/// The folder with the officers' files.
const OFFICERS: &str = "officers";

/// Where the reusable code is kept.
const CODE: &str = "code.json";

const READY_TRIES: u32 = 300;

const READY_PAUSE: Duration = Duration::from_millis(100);

const GRACE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use certs::ObjectIdentifier;
    use demo_ca::pki::{self, Pki};

    use super::*;
    use crate::case::Clock as _;
    use crate::cli::genuine::{DEMO_ORGANIZATION, DEMO_POLICY, is_demo, refuse_demo_certificates};
    use crate::cli::system::SystemClock;

    #[tokio::test]
    async fn every_certificate_of_a_demo_is_known_as_one() {
        assert_eq!(DEMO_ORGANIZATION, pki::DEMO_ORGANIZATION);
        let policy: ObjectIdentifier = pki::DEMO_POLICY;
        assert_eq!(DEMO_POLICY, policy);
        let folder = tempfile::tempdir().unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pki = Pki::create(folder.path(), SystemClock.now(), &random).await.unwrap();
        for identity in
            [&pki.root, &pki.issuing, &pki.cmp_signer, &pki.manufacturer, &pki.device, &pki.tls_server, &pki.second_ra]
        {
            assert!(is_demo(&identity.certificate), "{}", identity.certificate.subject());
        }
    }

    #[tokio::test]
    async fn each_file_with_a_demo_certificate_is_refused_outside_a_demo() {
        let folder = tempfile::tempdir().unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        Pki::create(folder.path(), SystemClock.now(), &random).await.unwrap();
        let real = folder.path().join("real.pem");
        std::fs::write(&real, "").unwrap();
        let of_demo = folder.path().join("pki/issuing.pem");
        let whole: toml::Table = crate::config::REFERENCE.parse().unwrap();
        let config: Config = whole.clone().try_into().unwrap();
        let keys: Vec<String> = config.certificate_files().into_iter().map(|(key, _)| key).collect();
        assert!(keys.len() >= 6, "{keys:?}");
        for bad in &keys {
            let mut whole = whole.clone();
            for key in &keys {
                let (place, name) = key.rsplit_once('.').unwrap_or(("", key));
                let mut table = &mut whole;
                for part in place.split('.').filter(|part| !part.is_empty()) {
                    table = table[part].as_table_mut().unwrap();
                }
                let file = if key == bad { &of_demo } else { &real };
                table.insert(name.to_owned(), file.display().to_string().into());
            }
            let fault = refuse_demo_certificates(&whole.try_into().unwrap()).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("{bad}: ")) && fault.contains("of a demo"), "{fault}");
        }
    }

    #[test]
    fn ports_stand_in_the_order_of_the_contract() {
        let default = Ports { https: 8443, http: 8080, console: 9443, metrics: 9090, authority: 8084 };
        assert_eq!(Ports::of(None), default);
        let based = Ports { https: 20000, http: 20001, console: 20002, metrics: 20003, authority: 20004 };
        assert_eq!(Ports::of(Some(20000)), based);
    }

    #[test]
    fn the_configuration_that_a_demo_writes_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG);
        for profiles in [&[][..], &["strict".to_owned()]] {
            let ports = Ports::of(Some(20000));
            std::fs::write(&path, files::configuration(ports, profiles)).unwrap();
            let config = Config::load(&path).unwrap();
            assert!(config.demo);
            assert_eq!(place::ports(&config), Some(ports));
            assert!(config.profile.contains_key("default") && config.profile.contains_key("strict"));
            assert_eq!(config.profile.contains_key("by-hand"), profiles.is_empty());
        }
    }
}
