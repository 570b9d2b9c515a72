//! Opening the SQLite database: its file, its settings, its schema.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::Error;

/// Opens the database to write and brings its schema up to date; makes the file when there is none.
pub(super) fn first(path: &Path) -> Result<Connection, Error> {
    make_file(path).map_err(|cause| file_fault(path, cause))?;
    let mut connection = writer(path)?;
    migrate(&mut connection)?;
    // A file whose directory entry is lost with the power is lost whole.
    sync_directory(path).map_err(|cause| file_fault(path, cause))?;
    Ok(connection)
}

/// The connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Each COMMIT waits until the write-ahead log is on disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What savepoints keep need not go through a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, Error> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    // One thread at a time has it: that is what the type says, and SQLite need not lock.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // The same plan whatever is bound: else statements are compiled anew when their values change (sqlite.org/qpsg.html).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // All statements that there are.
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// Starts a thread of this room.
pub(super) fn thread(name: &str, life: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "SQLite blocks: its threads are this room's")]
    let thread = thread::Builder::new().name(name.into()).spawn(life);
    thread.map(drop).map_err(Error::Thread)
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

/// The file's `user_version` is the number of the last migration that it has had; each has a transaction of its own.
fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let has: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if has > known {
        return Err(Error::Schema { has, known });
    }
    for (number, migration) in MIGRATIONS.iter().filter(|(number, _)| *number > has) {
        let step = connection.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", number)?;
        step.commit()?;
    }
    Ok(())
}

/// A migration that was ever released never changes; the next one comes after it.
const MIGRATIONS: [(u32, &str); 5] = [
    (1, include_str!("../../migrations/sqlite/0001_office.sql")),
    (2, include_str!("../../migrations/sqlite/0002_checkpoint.sql")),
    (3, include_str!("../../migrations/sqlite/0003_digest_nonce.sql")),
    // 4 is of PostgreSQL alone.
    (5, include_str!("../../migrations/sqlite/0005_officer.sql")),
    (6, include_str!("../../migrations/sqlite/0006_export.sql")),
];

/// Kibibytes, in SQLite's negative notation: the upper levels of all indexes of a large office.
const WRITER_CACHE: i64 = -65_536;

/// 16 MiB of pages: what is written often goes into the database once.
const CHECKPOINT_PAGES: u32 = 4096;
