//! A file to which checkpoints of the audit log are appended.

use std::io::{self, SeekFrom};
use std::path::PathBuf;

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::registrar::CheckpointPlace;
use crate::upstream::Pending;

/// The file; made when it is not there.
#[derive(Debug)]
pub(super) struct CheckpointFile {
    pub(super) path: PathBuf,
    /// The name of the log.
    pub(super) origin: String,
}

impl CheckpointPlace for CheckpointFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn newest(&self) -> Pending<'_, io::Result<Option<String>>> {
        Box::pin(async {
            let end = match File::open(&self.path).await {
                Ok(mut file) => end_of(&mut file).await?,
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => String::new(),
                Err(fault) => return Err(fault),
            };
            let notes = tlog::checkpoints(&end, &self.origin);
            Ok(notes.whole.last().map(|&note| note.to_owned()))
        })
    }

    fn append<'a>(&'a self, note: &'a str) -> Pending<'a, io::Result<()>> {
        Box::pin(async move {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path).await?;
            let end = end_of(&mut file).await?;
            file.write_all(tlog::appended(&end, note).as_bytes()).await?;
            file.sync_data().await
        })
    }
}

/// Enough for the newest notes; the first of them may have lost its beginning.
async fn end_of(file: &mut File) -> io::Result<String> {
    let length = file.metadata().await?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END))).await?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).await?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

const END: u64 = 16 * 1024;
