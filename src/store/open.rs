//! Opening the database: its file, its settings, its schema.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr, SqliteConnection};

use super::Error;

/// The section `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The SQLite file. Beside it SQLite keeps two more, with `-wal` and `-shm` at the end of their names.
    pub path: PathBuf,
}

/// The writer's connection and how to make it anew, and the readers.
pub(super) struct Opened {
    pub(super) options: SqliteConnectOptions,
    pub(super) writer: SqliteConnection,
    pub(super) readers: SqlitePool,
}

/// Opens the database and brings its schema up to date; makes the file when there is none.
pub(super) async fn open(config: &Config) -> Result<Opened, Error> {
    make_file(&config.path).map_err(|cause| file_fault(&config.path, cause))?;
    let options = writer_options(&config.path);
    let mut writer = options.connect().await?;
    migrator().run(&mut writer).await?;
    let readers = readers(&config.path).await?;
    // A file whose directory entry is lost with the power is lost whole.
    sync_directory(&config.path).map_err(|cause| file_fault(&config.path, cause))?;
    Ok(Opened { options, writer, readers })
}

/// Several short-lived readers, which never wait for the writer (sqlite.org/wal.html).
async fn readers(path: &Path) -> Result<SqlitePool, Error> {
    let options = shared_options(path).read_only(true);
    let pool = SqlitePoolOptions::new()
        .min_connections(READERS)
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(5))
        .idle_timeout(None)
        .max_lifetime(None)
        // A local file is not gone while nobody looks.
        .test_before_acquire(false);
    Ok(pool.connect_with(options).await?)
}

fn writer_options(path: &Path) -> SqliteConnectOptions {
    shared_options(path)
        .journal_mode(SqliteJournalMode::Wal)
        // Each COMMIT waits until the write-ahead log is on disk.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What savepoints remember need not go through a file.
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        // Each kind of unit is one text.
        .statement_cache_capacity(512)
}

fn shared_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(5)).disable_statement_logging()
}

/// Only the owner may read it, and SQLite gives the files beside it the same mode.
fn make_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map(drop)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn file_fault(path: &Path, cause: io::Error) -> Error {
    Error::File { path: path.display().to_string(), cause }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// A migration that was ever released never changes; the next one comes after it.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "office", include_str!("../../migrations/sqlite/0001_office.sql"))];

const READERS: u32 = 4;

/// Kibibytes, in SQLite's negative notation: the upper levels of all indexes of a large office.
const WRITER_CACHE: &str = "-65536";

/// 16 MiB of pages: what is written often goes into the database once.
const CHECKPOINT_PAGES: &str = "4096";
