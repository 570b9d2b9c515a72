use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use http::Uri;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::book::Book;
use super::verdict::Tally;
use crate::fault::Fault;
use crate::line;
use crate::office::Office;

/// The server and the CA behind it, both started here. They end with this program.
pub(super) struct House {
    daftar: PathBuf,
    dir: PathBuf,
    config: PathBuf,
    health: Uri,
    records: Uri,
    server: Option<Child>,
    _authority: Child,
}

impl House {
    /// Starts the CA of a prepared office; it answers late.
    pub(super) async fn open(daftar: &Path, dir: &Path, office: &Office, delay_ms: u64) -> Result<Self, Fault> {
        let upstream = office.url("UPSTREAM_CMP_URL")?;
        let host = upstream.authority().ok_or_else(|| Fault::Setting("UPSTREAM_CMP_URL has no host".to_owned()))?;
        let records: Uri = format!("http://{host}/records").parse().map_err(Fault::odd)?;
        let health: Uri = format!("{}/readyz", office.value("HEALTH_URL")?).parse().map_err(Fault::odd)?;
        let mischief = dir.join("late.json");
        let late = format!(r#"{{"next": {}, "delay_ms": {delay_ms}}}"#, u32::MAX);
        std::fs::write(&mischief, late).map_err(|error| Fault::file(&mischief, error))?;
        let port = upstream.port_u16().unwrap_or(80).to_string();
        let authority = Command::new(daftar)
            .args(["demo-ca", "--exit-with-stdin", "--port", &port, "--dir"])
            .arg(dir)
            .arg("--mischief")
            .arg(&mischief)
            .stdin(Stdio::piped())
            .stdout(log(dir, "ca.log")?)
            .stderr(log(dir, "ca.log")?)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Fault::file(daftar, error))?;
        let house = Self {
            daftar: daftar.to_owned(),
            dir: dir.to_owned(),
            config: office.path("CONFIG").unwrap_or_else(|_| dir.join("daftar.toml")),
            health,
            records,
            server: None,
            _authority: authority,
        };
        house.answers(&house.records, "the demo CA").await?;
        Ok(house)
    }

    /// Starts the server; tells how long it took to be ready.
    pub(super) async fn start(&mut self) -> Result<Duration, Fault> {
        let start = Instant::now();
        let server =
            self.command(&["serve"]).stdout(log(&self.dir, SERVER_LOG)?).stderr(log(&self.dir, SERVER_LOG)?).spawn();
        self.server = Some(server.map_err(|error| Fault::file(&self.daftar, error))?);
        self.answers(&self.health, "the server").await?;
        Ok(start.elapsed())
    }

    /// Starts the server to end at this point, when it gets there for the count-th time. Tells whether it did.
    pub(super) async fn end_at(&mut self, point: &str, count: u64) -> Result<bool, Fault> {
        let mut command = self.command(&["serve"]);
        command.env("DAFTAR_FAILPOINT", format!("{point}:{count}"));
        command.stdout(log(&self.dir, SERVER_LOG)?).stderr(log(&self.dir, SERVER_LOG)?);
        let mut server = command.spawn().map_err(|error| Fault::file(&self.daftar, error))?;
        if let Ok(status) = timeout(ENDING, server.wait()).await {
            return Ok(status.map_err(Fault::machine)?.signal() == Some(ABORT));
        }
        server.kill().await.map_err(Fault::machine)?;
        Ok(false)
    }

    /// kill -9.
    pub(super) async fn kill(&mut self) -> Result<(), Fault> {
        let Some(mut server) = self.server.take() else { return Err(Fault::machine("no server runs")) };
        if let Some(status) = server.try_wait().map_err(Fault::machine)? {
            return Err(Fault::Machine(format!("the server ended by itself: {status}; see {}", self.log().display())));
        }
        server.kill().await.map_err(Fault::machine)
    }

    /// What the database of the server that was killed, or has ended, holds.
    pub(super) fn book(&self) -> Result<Book, Fault> {
        Book::of_ended(&self.database())
    }

    /// The database, as the configuration names it.
    pub(super) fn database(&self) -> PathBuf {
        let text = std::fs::read_to_string(&self.config).unwrap_or_default();
        let table: toml::Table = toml::from_str(&text).unwrap_or_default();
        let path = table.get("store").and_then(|store| store.get("path")).and_then(toml::Value::as_str);
        self.config.parent().unwrap_or(&self.dir).join(path.unwrap_or("daftar.sqlite"))
    }

    /// All that the CA has written down.
    pub(super) async fn records(&self) -> Result<Vec<demo_ca::Record>, Fault> {
        let heard = line::get(&self.records).await?;
        serde_json::from_slice(&heard.body).map_err(Fault::odd)
    }

    /// The office's own command finds no case that is still on its way.
    pub(super) async fn listed(&self, tally: &mut Tally) -> Result<(), Fault> {
        for state in ["submitted", "waiting", "undecided"] {
            let said =
                self.command(&["case", "list", "--json", "--state", state]).output().await.map_err(Fault::machine)?;
            let cases = serde_json::from_slice::<Vec<serde_json::Value>>(&said.stdout);
            tally.check(&format!("daftar case list --state {state} is empty"), || match cases {
                Ok(cases) if cases.is_empty() && said.status.success() => Ok(String::new()),
                _ => Err(format!("{}: {}{}", said.status, text(&said.stdout), text(&said.stderr))),
            });
        }
        Ok(())
    }

    /// Where `daftar audit verify` is known it must find the log whole.
    pub(super) async fn verified(&self, tally: &mut Tally) -> Result<(), Fault> {
        let said = self.command(&["audit", "verify"]).output().await.map_err(Fault::machine)?;
        if said.status.code() == Some(USAGE) {
            println!("note: daftar audit verify is not there yet");
            return Ok(());
        }
        tally.check("daftar audit verify finds the log whole", || {
            if said.status.success() {
                Ok(text(&said.stdout))
            } else {
                Err(format!("{}{}", text(&said.stdout), text(&said.stderr)))
            }
        });
        Ok(())
    }

    /// SIGTERM ends the server in order.
    pub(super) async fn stops(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let Some(mut server) = self.server.take() else { return Err(Fault::machine("no server runs")) };
        let pid = server.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Fault::machine("the server has ended"))?;
        kill_process(pid, Signal::TERM).map_err(Fault::machine)?;
        let status = timeout(STOPPING, server.wait()).await;
        tally.check("the server ends in order", || match status {
            Ok(Ok(status)) if status.success() => Ok(String::new()),
            Ok(Ok(status)) => Err(status.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("not within {} s", STOPPING.as_secs())),
        });
        Ok(())
    }

    /// Nothing panicked, and nobody's secret was told.
    pub(super) fn calm(&self, secret: &str, tally: &mut Tally) -> Result<(), Fault> {
        let log = std::fs::read(self.log()).map_err(|error| Fault::file(&self.log(), error))?;
        let log = String::from_utf8_lossy(&log);
        let panic = log.lines().find(|line| line.contains("panicked at")).map(str::to_owned);
        tally.check("nothing panicked in the server", || panic.map_or(Ok(String::new()), Err));
        let told = log.contains(secret);
        tally.check("no enrolment secret is in the log", || if told { Err(String::new()) } else { Ok(String::new()) });
        Ok(())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.daftar);
        command.args(words).arg("--config").arg(&self.config).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn answers(&self, url: &Uri, who: &str) -> Result<(), Fault> {
        let start = Instant::now();
        loop {
            match line::get(url).await {
                Ok(heard) if heard.status.is_success() => return Ok(()),
                Ok(heard) if start.elapsed() > STARTING => {
                    return Err(Fault::Machine(format!("{who} is not ready: {} {}", heard.status, heard.text())));
                }
                Err(fault) if start.elapsed() > STARTING => {
                    return Err(Fault::Machine(format!("{who} does not answer: {fault}; see {}", self.dir.display())));
                }
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.join(SERVER_LOG)
    }
}

fn log(dir: &Path, name: &str) -> Result<Stdio, Fault> {
    let path = dir.join(name);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.map(Stdio::from).map_err(|error| Fault::file(&path, error))
}

fn text(said: &[u8]) -> String {
    String::from_utf8_lossy(said).chars().take(300).collect::<String>().trim().to_owned()
}

const SERVER_LOG: &str = "server.log";

/// Within this time a server under load gets to each of its points.
const ENDING: Duration = Duration::from_secs(20);

/// SIGABRT.
const ABORT: i32 = 6;

const STARTING: Duration = Duration::from_secs(30);

const STOPPING: Duration = Duration::from_secs(30);

/// DESIGN section 3: the exit code of a command that is not known.
const USAGE: i32 = 2;
