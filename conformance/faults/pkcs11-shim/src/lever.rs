use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A test's hand on the shim of another process: where the module is, and a folder with the script and the counts.
#[derive(Clone, Debug)]
pub struct Lever {
    folder: PathBuf,
}

impl Lever {
    /// Keeps script and counts in this folder, which is there and serves nothing else.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// The built module. Cargo puts it beside the tests of every crate that depends on this one, and a folder above when
    /// this crate itself is built; the younger is taken.
    ///
    /// # Panics
    /// When it was not built.
    #[must_use]
    pub fn module() -> PathBuf {
        let test = env::current_exe().expect("a test knows its own file");
        let built = test.ancestors().skip(1).take(2).map(|folder| folder.join("libpkcs11_shim.so"));
        let built = built.filter_map(|file| Some((fs::metadata(&file).ok()?.modified().ok()?, file)));
        let (_, file) = built.max().unwrap_or_else(|| panic!("libpkcs11_shim.so is not there; build -p pkcs11-shim"));
        file
    }

    /// What a process needs in its environment to be moved by this lever.
    #[must_use]
    pub fn environment(&self, real: &Path) -> [(&'static str, PathBuf); 3] {
        [
            ("PKCS11_SHIM_MODULE", real.into()),
            ("PKCS11_SHIM_SCRIPT", self.script()),
            ("PKCS11_SHIM_COUNTS", self.folder.join(format!("{COUNTS}{{pid}}"))),
        ]
    }

    /// From now on this is the script. The next call goes by it.
    pub fn pull(&self, script: &str) -> io::Result<()> {
        let new = self.folder.join("script.new");
        fs::write(&new, script)?;
        fs::rename(new, self.script())
    }

    /// From now on there are no faults.
    pub fn release(&self) -> io::Result<()> {
        match fs::remove_file(self.script()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// How often each function was called, by all processes that this lever has moved.
    pub fn counts(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?.path();
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.strip_prefix(COUNTS).is_none_or(|pid| pid.parse::<u32>().is_err()) {
                continue;
            }
            for line in fs::read_to_string(&file)?.lines() {
                let count = line.split_once(' ').and_then(|(name, count)| Some((name, count.parse::<u64>().ok()?)));
                let (name, count) = count.ok_or_else(|| io::Error::other(format!("{}: {line}", file.display())))?;
                *counts.entry(name.to_owned()).or_default() += count;
            }
        }
        Ok(counts)
    }

    fn script(&self) -> PathBuf {
        self.folder.join("script")
    }
}

const COUNTS: &str = "calls.";
