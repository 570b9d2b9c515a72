//! Six ports in a row that no other test uses.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};

/// The ports of an office (DESIGN section 3). They are its own for as long as it lives: the lock on a file keeps the
/// tests of other processes away.
pub(crate) struct Ports {
    base: u16,
    _lock: File,
}

impl Ports {
    pub(crate) fn take() -> Self {
        let folder = std::env::temp_dir().join("daftar-test-ports");
        std::fs::create_dir_all(&folder).unwrap();
        // Below the ports that the system gives to outgoing connections; begun at a place of one's own.
        let start = u16::try_from(std::process::id() % 2000).unwrap();
        for step in 0..2000_u16 {
            let base = 12_000 + (start + step * 7) % 2000 * 10;
            let lock = File::create(folder.join(base.to_string())).unwrap();
            if lock.try_lock().is_ok() && (base..base + 6).all(is_free) {
                return Self { base, _lock: lock };
            }
        }
        panic!("no six free ports in a row");
    }

    pub(crate) fn base(&self) -> u16 {
        self.base
    }

    pub(crate) fn https(&self) -> u16 {
        self.base
    }

    pub(crate) fn http(&self) -> u16 {
        self.base + 1
    }

    pub(crate) fn console(&self) -> u16 {
        self.base + 2
    }

    pub(crate) fn metrics(&self) -> u16 {
        self.base + 3
    }

    /// Not a port of the demo: for what a test opens besides.
    pub(crate) fn further(&self) -> u16 {
        self.base + 5
    }

    pub(crate) fn authority(&self) -> u16 {
        self.base + 4
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
