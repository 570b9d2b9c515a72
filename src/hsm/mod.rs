//! Keys on a PKCS#11 token: signing keys by their use, and the key that wraps data keys.
//!
//! The only room that names cryptoki, and the only one with threads of its own. [`Hsm::start`] loads the module, and a
//! supervisor thread logs in, once; N worker threads own a session each and serve a bounded queue. A stale session is
//! replaced in passing. A worker whose call hangs is left behind, and another hired. When the token is lost, callers are told at once
//! ([`Fault::Unavailable`]), the workers give their sessions back, and the supervisor finalizes and initialises the module until the
//! token is there again.
//!
//! A wrong PIN is tried once, across restarts, too: see [`clear_pin_marker`].
//!
//! Nothing in the process may fork without exec after [`Hsm::start`]: PKCS#11 modules do not survive that.

mod config;
mod crew;
mod fault;
mod handshake;
mod keys;
mod method;
mod module;
mod pin;
mod pool;
mod public;
mod purpose;
mod seat;
mod signer;
mod stats;
mod supervisor;
mod token;
mod uri;
mod worker;
mod wrapping;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use certs::PublicKey;
use crew::Crew;
use zeroize::Zeroizing;

pub use config::{Config, KeyRef};
pub use fault::Fault;
pub use handshake::HandshakeKey;
pub use keys::{KeyClass, KeyInfo};
pub use pin::clear_pin_marker;
pub use purpose::Use;
pub use signer::HsmSigner;
pub use stats::Stats;
pub use token::{AttributeView, KeyView, MechanismView, Token, TokenKey, TokenView, init_token};

use module::Module;
use pin::Marker;
use pool::{CERTIFIED, Shared};
use seat::{Answer, Task};
use supervisor::Supervisor;
use wrapping::{Blob, KEY_OCTETS};

/// The token and its keys, as the server uses them.
#[derive(Clone)]
pub struct Hsm {
    office: Arc<Office>,
}

impl Hsm {
    /// Opens the token and keeps it open. Blocks until the first attempt is through. A token that is away is no error:
    /// the state is then [`State::Absent`], and the token is used as soon as it comes.
    ///
    /// # Errors
    /// What a person must mend: the configuration, the module, the PIN, a key that is missing, unsafe or does not work.
    pub fn start(config: &Config, marker_dir: &Path) -> Result<Self, Fault> {
        config.check()?;
        let module = Module::lease(&config.module)?;
        let shared = Arc::new(Shared::new(config.queue_limit, config.most_lost(), config.deadline()));
        // Stops the workers when the start fails half-way.
        let uses = config.signing_keys().into_keys().collect();
        let office = Office { shared: Arc::clone(&shared), uses, supervisor: Mutex::new(None) };
        let mut workers = Crew::new(Arc::clone(&shared));
        for used in Use::ALL {
            for _ in 0..config.sessions_for(used) {
                workers.hire(used)?;
            }
        }
        let supervisor = Supervisor::new(config, module, Marker::new(marker_dir), shared, workers)?;
        let (started, first) = sync_channel(1);
        let supervisor = {
            let shared = Arc::clone(&office.shared);
            thread("hsm", move || {
                supervisor.run(&started);
                shared.ended();
            })?
        };
        // Nothing is received only when the thread is gone, and with it all hope.
        let gone = || Err(Fault::Config("its thread ended".into()));
        let first = first.recv().unwrap_or_else(|_| gone());
        *office.supervisor.lock().unwrap_or_else(PoisonError::into_inner) = Some(supervisor);
        let hsm = Self { office: Arc::new(office) };
        match first {
            Err(fault) if !fault.may_pass() => {
                hsm.stop();
                Err(fault)
            }
            _ => Ok(hsm),
        }
    }

    /// Whether the keys can be used now.
    #[must_use]
    pub fn state(&self) -> State {
        self.office.shared.stats.state()
    }

    /// Why they cannot.
    #[must_use]
    pub fn reason(&self) -> Option<Fault> {
        self.office.shared.why()
    }

    /// What there are signing keys for.
    pub fn uses(&self) -> impl Iterator<Item = Use> {
        self.office.uses.iter().copied()
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.office.shared.stats
    }

    /// The signing key of a use, as it is on the token.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the token has not been there yet; use [`Hsm::signer_for`] where the key is known.
    pub fn signer(&self, used: Use) -> Result<HsmSigner, Fault> {
        let shared = &self.office.shared;
        let key = shared.expected(used);
        let key = key.ok_or_else(|| shared.why().unwrap_or_else(|| Fault::Unavailable("no key yet".into())))?;
        HsmSigner::new(Arc::clone(&self.office), used, key)
    }

    /// The signing key of a use, which must be this one, as a certificate or the office's files tell. The token may be away.
    ///
    /// # Errors
    /// [`Fault::KeyChanged`] when the token has another key, [`Fault::KeyUnsupported`] when Daftar does not sign with
    /// such keys, [`Fault::Config`] when none of this use was configured.
    pub fn signer_for(&self, used: Use, key: &PublicKey) -> Result<HsmSigner, Fault> {
        if !self.office.uses.contains(&used) {
            return Err(Fault::Config(format!("{} was not configured at the start", used.name())));
        }
        let signer = HsmSigner::new(Arc::clone(&self.office), used, key.clone())?;
        self.office.shared.expect(used, key, CERTIFIED)?;
        Ok(signer)
    }

    /// Wraps a data key with the wrapping key on the token.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the token is away, [`Fault::Config`] when no wrapping key is configured.
    pub async fn wrap_data_key(&self, key: &[u8; KEY_OCTETS]) -> Result<Vec<u8>, Fault> {
        let bytes = self.ask_bytes(Task::Wrap(Zeroizing::new(*key))).await?;
        Ok(bytes.to_vec())
    }

    /// Unwraps a data key.
    ///
    /// # Errors
    /// [`Fault::Blob`] when it was altered or wrapped by another key, [`Fault::Unavailable`] when the token is away.
    pub async fn unwrap_data_key(&self, blob: &[u8]) -> Result<Zeroizing<[u8; KEY_OCTETS]>, Fault> {
        let bytes = self.ask_bytes(Task::Unwrap(Blob::parse(blob)?)).await?;
        let mut key = Zeroizing::new([0; KEY_OCTETS]);
        match bytes.first_chunk::<KEY_OCTETS>() {
            Some(bytes) => key.copy_from_slice(bytes),
            None => return Err(Fault::Blob("it holds too little".into())),
        }
        Ok(key)
    }

    /// The keys of the token.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the token is away.
    pub async fn list_keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        match self.office.shared.ask(Task::List).await? {
            Answer::Keys(keys) => Ok(keys),
            _ => Err(Fault::Refused("the token answered something else".into())),
        }
    }

    async fn ask_bytes(&self, task: Task) -> Result<Zeroizing<Vec<u8>>, Fault> {
        match self.office.shared.ask(task).await? {
            Answer::Bytes(bytes) => Ok(bytes),
            _ => Err(Fault::Refused("the token answered something else".into())),
        }
    }

    /// Logs out and gives the module back. Blocks, for some seconds when the token hangs; afterwards nothing is signed.
    ///
    /// To be called before the process exits, unless this and all signers are dropped before: modules have exit
    /// handlers, and `SoftHSM`'s waits for ever for a lock that a thread held when the process took it down.
    pub fn stop(&self) {
        self.office.end();
    }
}

impl fmt::Debug for Hsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hsm({:?})", self.state())
    }
}

/// Whether the keys can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// They can.
    Ready,
    /// The token is away; it is looked for.
    Absent,
    /// The PIN was not accepted; nothing logs in until `daftar key retry-pin`.
    Locked,
    /// The token is there, but a key is missing, unsafe, changed, or does not work.
    Faulty,
    /// The server is stopping.
    Stopped,
}

impl State {
    fn after(fault: &Fault) -> Self {
        if fault.may_pass() {
            Self::Absent
        } else if fault.is_pin() {
            Self::Locked
        } else {
            Self::Faulty
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Ready => 1,
            Self::Locked => 2,
            Self::Faulty => 3,
            Self::Stopped => 4,
        }
    }

    const ALL: [Self; 5] = [Self::Absent, Self::Ready, Self::Locked, Self::Faulty, Self::Stopped];
}

/// The threads end when nobody holds this any more; the last one waits for them.
struct Office {
    shared: Arc<Shared>,
    /// What there are signing keys for.
    uses: BTreeSet<Use>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Office {
    fn end(&self) {
        self.shared.stop();
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        if supervisor.is_some() && self.shared.ends_within(supervisor::ENDING) {
            let _ = supervisor.take().map(JoinHandle::join);
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.end();
    }
}

fn thread(name: &str, life: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Fault> {
    #[expect(clippy::disallowed_methods, reason = "a token blocks and may hang: its threads are this room's")]
    let thread = thread::Builder::new().name(name.into()).spawn(life);
    thread.map_err(|error| Fault::Unavailable(format!("no thread for it: {error}")))
}
