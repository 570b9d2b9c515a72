//! The folder of a demo's office: whether it is one, whether it is at work, and what may be removed from it.

use std::path::Path;

use super::{Failed, Ports};
use crate::config::{Config, is_demo_folder};

/// What stands in a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Nothing that `daftar demo` would write over.
    Nothing,
    /// An office that was not finished: its making was interrupted.
    Unfinished,
    /// An office.
    Office,
}

/// Looks at a folder; refuses one that holds what is no demo's.
pub(super) fn look(dir: &Path) -> Result<Found, Failed> {
    let made = is_demo_folder(&dir.join(DATA));
    if dir.join(CONFIG).exists() {
        // One that does not read was spoilt since; the mark tells whose it is.
        let demo = Config::load(&dir.join(CONFIG)).map_or(true, |config| config.demo);
        return if demo && made { Ok(Found::Office) } else { Err(strange(dir, CONFIG)) };
    }
    match ALL.iter().find(|name| dir.join(name).exists()) {
        None => Ok(Found::Nothing),
        Some(_) if made => Ok(Found::Unfinished),
        Some(name) => Err(strange(dir, name)),
    }
}

fn strange(dir: &Path, name: &str) -> Failed {
    let file = dir.join(name);
    Failed::new(format!("{} was not made by `daftar demo`; name another folder with --dir", file.display()))
}

/// Removes what a demo made, and nothing else. The mark goes last.
pub(super) fn clear(dir: &Path) -> Result<(), Failed> {
    for name in ALL {
        let path = dir.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failed::new(format!("{}: {fault}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses an office in which a server is at work.
pub(super) async fn refuse_running(dir: &Path) -> Result<(), Failed> {
    let socket = dir.join(DATA).join("control.sock");
    match tokio::net::UnixStream::connect(socket).await {
        Ok(_) => {
            Err(Failed::new(format!("an office runs in {} already; end it, or name another with --dir", dir.display())))
        }
        Err(_) => Ok(()),
    }
}

/// The doors of an office as its configuration has them.
pub(super) fn ports(config: &Config) -> Option<Ports> {
    let listen = &config.listen;
    let authority: http::Uri = config.authority.get("demo")?.url()?.parse().ok()?;
    Some(Ports {
        https: listen.https.address()?.port(),
        http: listen.http.address()?.port(),
        console: listen.console.address()?.port(),
        metrics: listen.metrics.address()?.port(),
        authority: authority.port_u16()?,
    })
}

pub(super) const CONFIG: &str = "daftar.toml";

/// Where the configuration is while the rest is made.
pub(super) const UNFINISHED_CONFIG: &str = "daftar.toml.new";

const DATA: &str = "data";

/// Everything that a demo makes.
const ALL: [&str; 12] = [
    CONFIG,
    UNFINISHED_CONFIG,
    "demo.env",
    "demo.env.new",
    super::CODE,
    "pin",
    "softhsm2.conf",
    "ca",
    "token",
    "pki",
    super::OFFICERS,
    DATA,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEMO_MARK;

    fn with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn mark() -> String {
        format!("data/{DEMO_MARK}")
    }

    #[test]
    fn what_a_demo_did_not_make_is_neither_used_nor_removed() {
        for name in ["pki/root.pem", "token/x", "pin", "data/daftar.sqlite"] {
            let folder = with(&[name]);
            let fault = look(folder.path()).unwrap_err().to_string();
            assert!(fault.contains("was not made by `daftar demo`"), "{fault}");
        }
        let folder = with(&["prepare.log", "notes/mine"]);
        assert_eq!(look(folder.path()).unwrap(), Found::Nothing);
    }

    #[test]
    fn an_interrupted_making_leaves_what_is_known_to_be_ours() {
        let folder = with(&[&mark(), "pki/root.pem", UNFINISHED_CONFIG, "notes/mine"]);
        assert_eq!(look(folder.path()).unwrap(), Found::Unfinished);
        clear(folder.path()).unwrap();
        assert_eq!(look(folder.path()).unwrap(), Found::Nothing);
        assert!(folder.path().join("notes/mine").exists());
        assert!(!folder.path().join("pki").exists());
    }
}
