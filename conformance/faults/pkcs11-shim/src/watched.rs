use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::script::Script;
use crate::shim::tell;

/// The script as its file is now.
#[derive(Debug)]
pub(crate) struct Watched {
    file: Option<PathBuf>,
    read: RwLock<Version>,
}

impl Watched {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file, read: RwLock::new(Version { seen: Seen::Missing, script: Arc::default() }) }
    }

    /// The same as before while the file is the same.
    pub(crate) fn now(&self) -> Arc<Script> {
        let seen = self.file.as_deref().map_or(Seen::Missing, Seen::of);
        {
            let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
            if read.seen == seen {
                return Arc::clone(&read.script);
            }
        }
        let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file {
            let seen = Seen::of(file);
            // Others may have read it meanwhile; its rules have begun to count.
            if read.seen != seen {
                *read = Version::of(file, seen);
            }
        }
        Arc::clone(&read.script)
    }
}

#[derive(Debug)]
struct Version {
    seen: Seen,
    script: Arc<Script>,
}

impl Version {
    fn of(file: &Path, seen: Seen) -> Self {
        match text(file) {
            Ok((seen, text)) => Self { seen, script: Arc::new(parsed(file, &text)) },
            Err(error) if error.kind() == ErrorKind::NotFound => Self { seen: Seen::Missing, script: Arc::default() },
            Err(error) => {
                tell(format_args!("{}: {error}", file.display()));
                Self { seen, script: Arc::new(Script::broken()) }
            }
        }
    }
}

fn parsed(file: &Path, text: &str) -> Script {
    Script::parse(text).unwrap_or_else(|wrong| {
        tell(format_args!("{}: {wrong}", file.display()));
        Script::broken()
    })
}

/// Text and mark of the same file, also when its name is given to another meanwhile. Bytes that are no UTF-8 stay visible, so
/// that the parser tells their line.
fn text(file: &Path) -> io::Result<(Seen, String)> {
    let mut file = File::open(file)?;
    let seen = Seen::from(&file.metadata()?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((seen, String::from_utf8_lossy(&bytes).into_owned()))
}

/// By what a file is known to be the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    Missing,
    Hidden(ErrorKind),
    File { inode: u64, length: u64, modified: (i64, i64), changed: (i64, i64) },
}

impl Seen {
    fn of(file: &Path) -> Self {
        match fs::metadata(file) {
            Ok(found) => Self::from(&found),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Hidden(error.kind()),
        }
    }
}

impl From<&Metadata> for Seen {
    fn from(found: &Metadata) -> Self {
        Self::File {
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}
