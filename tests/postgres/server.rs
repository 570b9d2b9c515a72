//! A PostgreSQL server of one's own, from Debian's package: it listens on a socket in its folder, and both go with it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio_postgres::types::FromSqlOwned;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Server {
    /// Starts one on a fresh cluster. What makes a cluster takes a second, so one is kept and copied.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| ())
    }

    /// The same after a change of its data folder; what is written there must be its user's.
    pub(crate) fn start_with(change: impl FnOnce(&Path)) -> Self {
        let template = template();
        let folder = tempfile::tempdir().unwrap();
        let owner = fs::metadata(&template).unwrap();
        chown(folder.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
        done(Command::new("cp").arg("-a").arg(&template).arg(folder.path().join("data")));
        change(&folder.path().join("data"));
        let process = run(folder.path());
        Self { folder, process }
    }

    /// A database there.
    pub(crate) fn url(&self) -> String {
        url(self.folder.path())
    }

    /// The same where it was told another port.
    pub(crate) fn url_at(&self, port: u16) -> String {
        format!("{}&port={port}", self.url())
    }

    /// The first column of a query's rows.
    #[allow(dead_code, reason = "the tests of the store have a connection of their own")]
    pub(crate) fn column<T: FromSqlOwned>(&self, query: &str) -> Vec<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rows = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.url(), tokio_postgres::NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            let rows = client.query(query, &[]).await.unwrap();
            connection.abort();
            rows
        });
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The socket it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }

    /// Ends it as a crash does: nothing is closed, and the next start recovers.
    pub(crate) fn crash(&mut self) {
        done(Command::new("kill").arg("-QUIT").arg(self.process.id().to_string()));
        self.process.wait().unwrap();
    }

    /// Starts it again, on what is there.
    pub(crate) fn again(&mut self) {
        self.process = run(self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.crash();
        }
    }
}

/// The database of a server whose socket is in this folder.
pub(crate) fn url(folder: &Path) -> String {
    format!("postgres:///postgres?user=postgres&host={}", folder.display())
}

/// The name of a socket in its folder.
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

/// Small, and nothing here is to outlive the machine.
const SETTINGS: &str = "
listen_addresses = ''
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 80
";

/// The server ends with the thread that started it, however that ends.
fn run(folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = unprivileged();
    command.arg("--pdeathsig=QUIT").arg(program("postgres")).arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    // First its number, last how far it is.
    let lines = || fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let own = process.id().to_string();
    let ready = || lines().lines().next() == Some(own.as_str()) && lines().trim_end().ends_with("ready");
    let mut patience = 1500;
    while !ready() {
        patience -= 1;
        assert!(patience > 0, "the server does not start: {}", fs::read_to_string(folder.join("log")).unwrap());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    process
}

/// A cluster that nobody runs.
fn template() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(place.join("postgres.lock")).unwrap();
    lock.lock().unwrap();
    let version = program("").components().nth_back(1).unwrap().as_os_str().to_owned();
    let template = place.join(format!("postgres-{}-{:x}", version.display(), settings_hash()));
    if !template.exists() {
        // Where it lies for good its own user may not be able to go.
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            done(Command::new("chown").arg("postgres:").arg(folder.path()));
        }
        let mut command = unprivileged();
        command.arg(program("initdb")).arg("-D").arg(folder.path().join("data"));
        done(command.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]));
        let settings = folder.path().join("data/postgresql.conf");
        let text = fs::read_to_string(&settings).unwrap() + SETTINGS;
        fs::write(&settings, text).unwrap();
        let copy = place.join("postgres-being-made");
        let _ = fs::remove_dir_all(&copy);
        done(Command::new("cp").arg("-a").arg(folder.path().join("data")).arg(&copy));
        fs::rename(&copy, &template).unwrap();
    }
    template
}

/// A cluster with other settings is another one.
fn settings_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(SETTINGS.as_bytes());
    hasher.finish()
}

/// Debian's newest.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql (conformance/install test)");
    let newest = versions.map(|version| version.unwrap().path()).max().unwrap();
    newest.join("bin").join(name)
}

/// PostgreSQL refuses to be run by root.
fn unprivileged() -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    // Wherever the tests run, its user may be.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
