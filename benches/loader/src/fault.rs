use std::path::{Path, PathBuf};

/// What keeps the loader from its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A file is missing or holds something else.
    #[error("{path}: {detail}")]
    File { path: PathBuf, detail: String },
    /// A setting is missing or wrong.
    #[error("{0}")]
    Setting(String),
    /// The server, or the way to it, is away; it may come back.
    #[error("the connection is lost: {0}")]
    Lost(String),
    /// The server said what nobody should say.
    #[error("{0}")]
    Odd(String),
    /// A database cannot be read.
    #[error("the database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The machine does not do what was asked of it.
    #[error("{0}")]
    Machine(String),
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands the error over")]
impl Fault {
    pub(crate) fn file(path: &Path, detail: impl ToString) -> Self {
        Self::File { path: path.to_owned(), detail: detail.to_string() }
    }

    pub(crate) fn lost(detail: impl ToString) -> Self {
        Self::Lost(detail.to_string())
    }

    pub(crate) fn odd(detail: impl ToString) -> Self {
        Self::Odd(detail.to_string())
    }

    pub(crate) fn machine(detail: impl ToString) -> Self {
        Self::Machine(detail.to_string())
    }
}
