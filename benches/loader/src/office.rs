use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use certs::Certificate;
use demo_ca::pki::Identity;
use http::Uri;

use crate::fault::Fault;

/// What `demo.env` says about a running office.
#[derive(Clone, Debug, Default)]
pub(crate) struct Office(BTreeMap<String, String>);

impl Office {
    /// Reads a `demo.env`, if there is one; each `KEY=value` of `set` comes before what stands there.
    pub(crate) fn load(env: Option<&Path>, set: &[String]) -> Result<Self, Fault> {
        let text = match env {
            Some(path) => std::fs::read_to_string(path).map_err(|error| Fault::file(path, error))?,
            None => String::new(),
        };
        let lines = text.lines().chain(set.iter().map(String::as_str));
        let values = lines.filter_map(|line| line.trim().split_once('='));
        Ok(Self(values.map(|(key, value)| (key.to_owned(), unquoted(value).to_owned())).collect()))
    }

    pub(crate) fn value(&self, key: &str) -> Result<&str, Fault> {
        let value = self.0.get(key).map(String::as_str);
        value
            .ok_or_else(|| Fault::Setting(format!("{key} is needed: name a demo.env with --env, or use --set {key}=…")))
    }

    pub(crate) fn path(&self, key: &str) -> Result<PathBuf, Fault> {
        self.value(key).map(PathBuf::from)
    }

    pub(crate) fn url(&self, key: &str) -> Result<Uri, Fault> {
        self.value(key)?.parse().map_err(|error| Fault::Setting(format!("{key}: {error}")))
    }

    pub(crate) fn certificates(&self, key: &str) -> Result<Vec<Certificate>, Fault> {
        let path = self.path(key)?;
        let text = std::fs::read(&path).map_err(|error| Fault::file(&path, error))?;
        Certificate::parse_pem(&text).map_err(|error| Fault::file(&path, error))
    }

    /// The device that may enrol by its certificate.
    pub(crate) fn device(&self) -> Result<Identity, Fault> {
        Identity::from_files(&self.path("DEVICE_CERT")?, &self.path("DEVICE_KEY")?).map_err(Fault::odd)
    }
}

fn unquoted(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_comes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.env");
        std::fs::write(&path, "A='one two'\nB=three\n# nothing\n").unwrap();
        let office = Office::load(Some(&path), &["B=four".to_owned()]).unwrap();
        assert_eq!((office.value("A").unwrap(), office.value("B").unwrap()), ("one two", "four"));
        assert!(office.value("C").unwrap_err().to_string().contains("--set C="));
    }
}
