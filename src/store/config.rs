//! Where the records are.

use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::Deserialize;

/// The section `[store]`: a SQLite file, or a PostgreSQL server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The SQLite file. Beside it SQLite keeps two more, with `-wal` and `-shm` at the end of their names.
    pub path: Option<PathBuf>,
    /// The PostgreSQL server and database: `postgres://daftar@db.example/daftar`.
    pub url: Option<String>,
    /// A file with the password for the server, for its owner only.
    pub password_file: Option<PathBuf>,
    /// PEM: what the server's certificate chains to. With it TLS is demanded.
    pub anchors: Option<PathBuf>,
    /// The most connections to the server.
    #[serde(default = "default_connections")]
    pub connections: NonZeroU16,
}

/// Where the records are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'c> {
    Sqlite(&'c std::path::Path),
    Postgres(&'c str),
}

impl Config {
    /// Records in a SQLite file.
    #[must_use]
    pub fn sqlite(path: PathBuf) -> Self {
        Self { path: Some(path), url: None, password_file: None, anchors: None, connections: default_connections() }
    }

    /// Records on a PostgreSQL server.
    #[must_use]
    pub fn postgres(url: String) -> Self {
        Self { path: None, url: Some(url), password_file: None, anchors: None, connections: default_connections() }
    }

    /// What is wrong with it: the key, and why.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        match (&self.path, &self.url) {
            (None, None) => Err(("path", "is needed, or url")),
            (Some(_), Some(_)) => Err(("url", "only one of path and url can hold the records")),
            (Some(_), None) if self.password_file.is_some() => Err(("password_file", "belongs to a url")),
            (Some(_), None) if self.anchors.is_some() => Err(("anchors", "belongs to a url")),
            (Some(_), None) => Ok(()),
            (None, Some(url)) if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(()),
            (None, Some(_)) => Err(("url", "begins with postgres://")),
        }
    }

    /// The files it names.
    pub fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.path, &mut self.password_file, &mut self.anchors].into_iter().flatten()
    }

    pub(super) fn place(&self) -> Result<Place<'_>, super::Error> {
        self.check().map_err(|(key, text)| super::Error::Setting(format!("store.{key}: {text}")))?;
        match (&self.path, &self.url) {
            (Some(path), _) => Ok(Place::Sqlite(path)),
            (None, Some(url)) => Ok(Place::Postgres(url)),
            (None, None) => Err(super::Error::Closed),
        }
    }
}

/// A unit holds one for two journeys; more than the server has cores and disks for only makes them wait there.
fn default_connections() -> NonZeroU16 {
    const { NonZeroU16::new(16).unwrap() }
}
