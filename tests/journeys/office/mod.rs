//! A throw-away office: prepared by `daftar demo --prepare-only`, then run as an operator would run it.

mod ask;
mod authority;
mod cmp;
mod command;
mod est;
mod front;
mod ledger;
mod line;
mod node;
mod ports;
mod staff;
mod verdict;
mod wire;

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use pkcs11_shim::Lever;
use tempfile::TempDir;

use crate::server::Server;

pub(crate) use self::ask::{Key, certificates, csr_der, csr_for, csr_with_attributes, openssl, verifies};
pub(crate) use self::cmp::{Exchange, Request, Seal, random};
pub(crate) use self::command::Code;
pub(crate) use self::est::Who;
pub(crate) use self::front::Front;
pub(crate) use self::line::Line;
pub(crate) use self::ports::Ports;
pub(crate) use self::staff::{Browser, Staffed};
pub(crate) use self::verdict::{Cover, How, done, signed_as_it_is};
pub(crate) use self::wire::Answer;

/// `postgres`: every office has its records on a server of its own.
const STORE: &str = "DAFTAR_TEST_STORE";
/// Where the other PKCS#11 module finds its token.
const KRYOPTIC: &str = "kryoptic.conf";
const CLOCK: &str = "clock";
const SHIM: &str = "shim";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// An office in a folder of its own. When it is dropped its processes end.
pub(crate) struct Office {
    folder: TempDir,
    pub(crate) ports: Ports,
    authority: Option<Child>,
    server: Option<Child>,
    /// Where its records are, when they are not in a file.
    records: Option<Server>,
}

impl Office {
    /// An office at work.
    pub(crate) fn open() -> Self {
        Self::open_with(|_| ())
    }

    /// An office at work after a change of its configuration.
    pub(crate) fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut office = Self::prepared();
        office.configure(change);
        office.start_authority();
        office.start();
        office
    }

    /// An office where nothing runs yet.
    pub(crate) fn prepared() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::take();
        let records = (std::env::var_os(STORE).as_deref() == Some("postgres".as_ref())).then(Server::start);
        let office = Self { folder, ports, authority: None, server: None, records };
        let output = office
            .daftar()
            .args(["demo", "--prepare-only", "--port-base", &office.ports.base().to_string(), "--dir"])
            .arg(office.path(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "daftar demo --prepare-only: {}", text(&output));
        let slot =
            format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", office.path("token.sql").display());
        fs::write(office.path(KRYOPTIC), slot).unwrap();
        if let Some(records) = &office.records {
            office.configure(|settings| {
                settings.table("store").clear();
                settings.set("store", "url", records.url());
            });
        }
        office
    }

    /// A file of the office.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.folder.path().to_owned() } else { self.folder.path().join(name) }
    }

    /// A file of the demo's PKI.
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.path("pki").join(name)
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.path("daftar.toml")
    }

    /// Changes daftar.toml; it is read at the next start.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Settings)) {
        let path = self.configuration();
        let mut settings = Settings(fs::read_to_string(&path).unwrap().parse().unwrap());
        change(&mut settings);
        fs::write(path, toml::to_string(&settings.0).unwrap()).unwrap();
    }

    /// `daftar` with the environment that its token needs.
    pub(crate) fn daftar(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daftar"));
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf")).current_dir(self.path(""));
        command.env("KRYOPTIC_CONF", self.path(KRYOPTIC));
        if self.path(SHIM).exists() {
            command.envs(Lever::new(&self.path(SHIM)).environment(Path::new(SOFTHSM)));
        }
        command
    }

    /// Its token is reached through the shim from now on, as far as the configuration goes.
    pub(crate) fn shimmed(&self) -> Lever {
        let module = Lever::module().to_str().unwrap().to_owned();
        self.configure(|settings| settings.set("hsm", "module", module));
        std::fs::create_dir(self.path(SHIM)).unwrap();
        Lever::new(&self.path(SHIM))
    }

    pub(crate) fn start_authority(&mut self) {
        assert!(self.authority.is_none(), "the demo CA runs already");
        let child = self
            .daftar()
            .args(["demo-ca", "--exit-with-stdin", "--port", &self.ports.authority().to_string(), "--dir"])
            .arg(self.path(""))
            .stdin(Stdio::piped())
            .stdout(self.log("ca.log"))
            .stderr(self.log("ca.log"))
            .spawn()
            .unwrap();
        self.authority = Some(child);
        self.until("the demo CA listens", || Self::try_get(self.ports.authority(), "/ca.crl").is_some());
    }

    pub(crate) fn stop_authority(&mut self) {
        end(self.authority.take());
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&mut self) {
        self.launch();
        self.until("the server is ready", || {
            Self::try_get(self.ports.metrics(), "/readyz").is_some_and(|answer| answer.status == 200)
        });
    }

    /// Starts the server and does not wait.
    pub(crate) fn launch(&mut self) {
        let mut server = self.daftar();
        server.arg("serve");
        self.launch_as(server);
    }

    /// Starts the server with no room for files of more than so many KiB, and does not wait: a write beyond that fails.
    pub(crate) fn launch_without_room(&mut self, kib: u32) {
        let server = self.daftar();
        let mut limited = Command::new("bash");
        // What is ignored stays so in the program that takes the shell's place.
        limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" serve \"$@\"")]);
        limited.arg(server.get_program()).current_dir(self.path(""));
        limited.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.launch_as(limited);
    }

    fn launch_as(&mut self, mut server: Command) {
        assert!(self.server.is_none(), "the server runs already");
        let child = server
            .arg("--config")
            .arg(self.configuration())
            .envs(self.clock())
            .stdin(Stdio::null())
            .stdout(self.log("server.log"))
            .stderr(self.log("server.log"))
            .spawn()
            .unwrap();
        self.server = Some(child);
    }

    /// Steps the server's clock by so many seconds; before its first start it gets a clock that can be stepped.
    pub(crate) fn step_clock(&self, seconds: i64) {
        let new = self.path("clock.new");
        fs::write(&new, format!("{seconds:+}")).unwrap();
        fs::rename(new, self.path(CLOCK)).unwrap();
    }

    fn clock(&self) -> Vec<(&'static str, PathBuf)> {
        let clock = self.path(CLOCK);
        if !clock.exists() {
            return Vec::new();
        }
        clock_of(clock)
    }

    /// Stops the server as systemd would, and gives what it ended with.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let mut child = self.server.take().expect("the server runs");
        signal(&child, "TERM");
        let status = wait(&mut child, Duration::from_secs(40));
        status.unwrap_or_else(|| {
            end(Some(child));
            panic!("the server did not stop: {}", self.said());
        })
    }

    /// Tells the server to stop and does not wait.
    pub(crate) fn tell_to_stop(&self) {
        signal(self.server.as_ref().expect("the server runs"), "TERM");
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        signal(self.server.as_ref().expect("the server runs"), "HUP");
    }

    /// Waits for the server to end by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut child = self.server.take().expect("the server was started");
        wait(&mut child, Duration::from_secs(40)).unwrap_or_else(|| {
            end(Some(child));
            panic!("the server did not end: {}", self.said());
        })
    }

    /// As if the power went.
    pub(crate) fn kill(&mut self) {
        end(self.server.take());
    }

    pub(crate) fn restart(&mut self) {
        assert!(self.stop().success(), "{}", self.said());
        self.start();
    }

    /// Now, as the server sees it.
    #[expect(clippy::disallowed_methods, reason = "the server's clock is the machine's")]
    pub(crate) fn now() -> certs::Millis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        certs::Millis(i64::try_from(since.as_millis()).unwrap())
    }

    /// How many threads the server has.
    pub(crate) fn threads(&self) -> usize {
        let server = self.server.as_ref().expect("the server runs").id();
        fs::read_dir(format!("/proc/{server}/task")).unwrap().count()
    }

    /// What the server wrote to its log.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if so() {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not in time: {what}\n{}", self.said());
    }

    fn log(&self, name: &str) -> File {
        OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().collect();
            let last = lines.get(lines.len().saturating_sub(60)..).unwrap_or_default();
            eprintln!("the server's last words:\n{}", last.join("\n"));
        }
        end(self.server.take());
        end(self.authority.take());
    }
}

/// What has a program take its clock from this file, which may change.
fn clock_of(file: PathBuf) -> Vec<(&'static str, PathBuf)> {
    let library = PathBuf::from("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1");
    assert!(library.exists(), "conformance/install test");
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ]
}

/// daftar.toml as a table.
pub(crate) struct Settings(toml::Table);

impl Settings {
    /// Sets a key of a section, such as `registrar`.
    pub(crate) fn set(&mut self, section: &str, key: &str, value: impl Into<toml::Value>) {
        let table = self.0.entry(section).or_insert_with(|| toml::Table::new().into());
        table.as_table_mut().expect("a section").insert(key.to_owned(), value.into());
    }

    /// The profile that a request gets that names none.
    pub(crate) fn default_profile(&mut self) -> &mut toml::Table {
        let name = self.0["registrar"]["default_profile"].as_str().expect("a name").to_owned();
        self.0["profile"][&name].as_table_mut().expect("a profile")
    }

    /// Adds a profile that is like the default one but for a change.
    pub(crate) fn add_profile(&mut self, name: &str, change: impl FnOnce(&mut toml::Table)) {
        let mut profile = self.default_profile().clone();
        change(&mut profile);
        self.0["profile"].as_table_mut().expect("profiles").insert(name.to_owned(), profile.into());
    }

    /// The entries of `[[trusted_ra]]`.
    pub(crate) fn trusted_ras(&mut self) -> &mut Vec<toml::Value> {
        self.0["trusted_ra"].as_array_mut().expect("a list")
    }

    /// An entry of `[[balancer]]` for certificates of our own with this subject.
    pub(crate) fn add_balancer(&mut self, subject: &str) {
        let texts = [("name", "the balancer"), ("trust", "own"), ("subject", subject)];
        let entry: toml::Table = texts.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect();
        self.0.insert("balancer".to_owned(), vec![toml::Value::from(entry)].into());
    }

    /// An entry of `[[key_encryption_key]]`.
    pub(crate) fn add_key_encryption_key(&mut self, entry: toml::Table) {
        let entries = self.0.entry("key_encryption_key").or_insert_with(|| toml::Value::Array(Vec::new()));
        entries.as_array_mut().expect("a list").push(entry.into());
    }

    /// A section inside the file, made when it is not there.
    pub(crate) fn table(&mut self, section: &str) -> &mut toml::Table {
        let table = self.0.entry(section).or_insert_with(|| toml::Table::new().into());
        table.as_table_mut().expect("a section")
    }
}

/// Everything a command said.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Writes a file and gives its path.
pub(crate) fn written(path: PathBuf, content: &[u8]) -> PathBuf {
    fs::write(&path, content).unwrap();
    path
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn signal(child: &Child, name: &str) {
    let told = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(told.success(), "the process is gone already");
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        #[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Two cores shared with other tests, unoptimised code: nothing is to be told from speed here.
const PATIENCE: Duration = Duration::from_secs(30);
