mod ledger;
mod line;
mod origin;
mod writer;

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::ledger::{CERTIFICATE_HOLD, Ledger, Place, Stage, Transaction, Unconfirmed};
pub use self::line::{Kind, Record};
pub use self::origin::{Form, Original, Pop};
use self::writer::Writer;
use crate::Fault;
use crate::files;

/// What the CA received, issued, revoked and answered: lines of JSON in one file that only grows. A record is on disk
/// before anybody hears of it, and the answer is in the same line as what it answers, so that a crash leaves both or
/// neither.
#[derive(Debug)]
pub(crate) struct Records {
    path: PathBuf,
    reader: File,
    ledger: Arc<Mutex<Ledger>>,
    writer: Writer,
}

impl Records {
    /// Opens the file and reads all there is. A last line without its end was never answered and is cut off.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let fault = |source| files::at(path, source);
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(fault)?;
        // Two processes with one file would both believe to be the only one that issues.
        file.try_lock().map_err(|error| files::at(path, error.into()))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(fault)?;
        let (ledger, length) = replay(path, &content)?;
        if length < size(&content) {
            file.set_len(length).map_err(fault)?;
            file.seek(SeekFrom::End(0)).map_err(fault)?;
        }
        let ledger = Arc::new(Mutex::new(ledger));
        let reader = file.try_clone().map_err(fault)?;
        let writer = Writer::start(file, length, Arc::clone(&ledger)).map_err(fault)?;
        Ok(Self { path: path.to_owned(), reader, ledger, writer })
    }

    /// Writes a record; it is on disk and in the ledger when this returns.
    pub(crate) async fn append(&self, record: Record) -> Result<(), Fault> {
        self.writer.append(record).await
    }

    /// Writes a record soon, in order with the others.
    pub(crate) async fn note(&self, record: Record) -> Result<(), Fault> {
        self.writer.note(record).await
    }

    /// What all records together say.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was written down at a place.
    pub(crate) fn answer(&self, place: Place) -> Result<Option<Vec<u8>>, Fault> {
        let mut line = vec![0; place.length];
        self.reader.read_exact_at(&mut line, place.offset).map_err(|source| files::at(&self.path, source))?;
        Ok(Record::parse(&line).map_err(|detail| self.content(detail))?.answer)
    }

    /// All records as one JSON array.
    pub(crate) async fn as_json(&self) -> Result<Vec<u8>, Fault> {
        let content = tokio::fs::read(&self.path).await.map_err(|source| files::at(&self.path, source))?;
        let mut all = vec![b'['];
        for line in lines(&content) {
            if all.len() > 1 {
                all.extend_from_slice(b",\n");
            }
            all.extend_from_slice(line);
        }
        all.push(b']');
        Ok(all)
    }

    fn content(&self, detail: String) -> Fault {
        Fault::Content { path: self.path.clone(), detail }
    }
}

/// What the records of a file say, and up to where they are whole.
fn replay(path: &Path, content: &[u8]) -> Result<(Ledger, u64), Fault> {
    let mut ledger = Ledger::default();
    let mut offset = 0;
    for (number, line) in lines(content).enumerate() {
        let record = Record::parse(line).map_err(|detail| Fault::Content {
            path: path.to_owned(),
            detail: format!("line {}: {detail}", number + 1),
        })?;
        ledger.apply(&record, Place { offset, length: line.len() });
        offset += size(line) + 1;
    }
    Ok((ledger, offset))
}

/// The whole lines, without their ends.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|octet| *octet == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

fn size(content: &[u8]) -> u64 {
    u64::try_from(content.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
