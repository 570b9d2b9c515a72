//! The files of the RA's certificates: the one in use, and those beside it with their serial number in the name.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use certs::Certificate;

use crate::cli::Failed;

/// A file beside the one in use, for another certificate.
pub(super) fn beside(in_use: &Path, certificate: &Certificate) -> PathBuf {
    let stem = in_use.file_stem().unwrap_or_default().to_string_lossy();
    in_use.with_file_name(format!("{stem}-{}.pem", hex::encode(certificate.serial())))
}

/// Certificates as one PEM text.
pub(super) fn pem(certificates: &[Certificate]) -> String {
    certificates.iter().map(Certificate::to_pem).collect()
}

/// Writes a file that must not be there yet.
pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failed> {
    write(path, content, OpenOptions::new().write(true).create_new(true).mode(READABLE))?;
    sync_folder(path)
}

/// Gives a file its final name.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Failed> {
    std::fs::rename(from, to).map_err(|fault| named(to, &fault))?;
    sync_folder(to)
}

/// Puts certificates in the place of others, which are kept beside it. There is no moment without the file. Tells where the
/// old ones are.
pub(super) fn replace(path: &Path, old: &[Certificate], new: &[Certificate]) -> Result<Option<PathBuf>, Failed> {
    // A link stays one: what it points to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let kept = old.first().map(|old| beside(&path, old));
    if let Some(kept) = &kept {
        match std::fs::hard_link(&path, kept) {
            Ok(()) => {}
            // It was kept before: by `renew`, or by a change back and forth.
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists => {}
            Err(fault) => return Err(named(kept, &fault)),
        }
    }
    let unfinished = path.with_extension("pem.new");
    write(&unfinished, pem(new).as_bytes(), OpenOptions::new().write(true).create(true).truncate(true).mode(READABLE))?;
    let mode = std::fs::metadata(&path).map_or(READABLE, |old| old.permissions().mode() & 0o777);
    std::fs::set_permissions(&unfinished, Permissions::from_mode(mode)).map_err(|fault| named(&unfinished, &fault))?;
    rename(&unfinished, &path)?;
    Ok(kept)
}

fn write(path: &Path, content: &[u8], how: &OpenOptions) -> Result<(), Failed> {
    let mut file = how.open(path).map_err(|fault| named(path, &fault))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(|fault| named(path, &fault))
}

fn sync_folder(path: &Path) -> Result<(), Failed> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|fault| named(folder, &fault))
}

fn named(path: &Path, fault: &std::io::Error) -> Failed {
    Failed::new(format!("{}: {fault}", path.display()))
}

/// Certificates are for everybody.
const READABLE: u32 = 0o644;
