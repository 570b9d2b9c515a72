use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use certs::PublicKey;
use cryptoki::context::{Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, SessionState};
use cryptoki::slot::Slot;
use zeroize::Zeroizing;

use super::config::{Config, KeyRef, TokenChoice};
use super::fault::Trouble;
use super::keys::{self, KeyInfo, Purpose};
use super::method::Method;
use super::purpose::Use;
use super::wrapping::{self, Blob, KEY_OCTETS};
use super::{Fault, public};

/// Which token and which keys.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) token: TokenChoice,
    pub(super) signing: BTreeMap<Use, KeyRef>,
    pub(super) wrapping: Option<KeyRef>,
}

impl Plan {
    pub(super) fn of(config: &Config) -> Result<Self, Fault> {
        Ok(Self {
            token: config.token_choice()?,
            signing: config.signing_keys(),
            wrapping: config.wrapping_key.clone(),
        })
    }
}

/// A token that is there, with the log-in done and the keys checked: what a worker needs to take its seat.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) context: Pkcs11,
    pub(super) slot: Slot,
    pub(super) plan: Arc<Plan>,
    pub(super) methods: BTreeMap<Use, Method>,
}

/// One session with the handles of the keys. Handles are good for one session's life: they stay invalid after a log-out
/// and a new log-in (`SoftHSM`), so they are looked up anew with each seat.
#[derive(Debug)]
pub(super) struct Seat {
    session: Session,
    signing: BTreeMap<Use, ObjectHandle>,
    wrapping: Option<ObjectHandle>,
}

impl Seat {
    /// Opens a session of the process that is logged in already.
    pub(super) fn open(opened: &Opened) -> Result<Self, Trouble> {
        Self::new(opened.context.open_ro_session(opened.slot)?, &opened.plan)
    }

    /// Takes a session and finds the keys. A session that is not logged in sees no private key, which must not be taken
    /// for a key that is gone.
    pub(super) fn new(session: Session, plan: &Plan) -> Result<Self, Trouble> {
        match session.get_session_info()?.session_state() {
            SessionState::RoUser | SessionState::RwUser => {}
            _ => {
                return Err(Error::Pkcs11(RvError::UserNotLoggedIn, Function::GetSessionInfo).into());
            }
        }
        let (signing, wrapping) = find(&session, plan)?;
        Ok(Self { session, signing, wrapping })
    }

    /// Whether the keys are still to be seen.
    fn probe(&self, plan: &Plan) -> Result<(), Trouble> {
        match find(&self.session, plan) {
            Ok(_) => Ok(()),
            // They were there: the token went, or the log-in did.
            Err(Trouble::Found(fault)) => Err(Fault::Unavailable(fault.to_string()).into()),
            Err(stale @ Trouble::Token(_)) => Err(stale),
        }
    }

    /// Refuses keys that are not kept as they must be, and tries them once. Gives the signing keys' public halves.
    pub(super) fn check(&self, plan: &Plan) -> Result<BTreeMap<Use, (PublicKey, Method)>, Trouble> {
        for (used, key) in &plan.signing {
            keys::check(&self.session, self.signing_key(*used)?, key, Purpose::Signing)?;
        }
        if let (Some(key), Some(handle)) = (&plan.wrapping, self.wrapping) {
            keys::check(&self.session, handle, key, Purpose::Wrapping)?;
            self.test_wrapping()?;
        }
        let mut keys = BTreeMap::new();
        for (used, handle) in &self.signing {
            let public = public::public_key(&self.session, *handle)?;
            let method = Method::of(&public)?;
            self.test_signing(*handle, &public, method)?;
            keys.insert(*used, (public, method));
        }
        Ok(keys)
    }

    fn test_signing(&self, key: ObjectHandle, public: &PublicKey, method: Method) -> Result<(), Trouble> {
        let signature = method.sign(&self.session, key, &method.input(TEST))?;
        let verified = public.verify(&method.algorithm().identifier(), TEST, &signature);
        Ok(verified.map_err(|_| Fault::SelfTest("its signature does not fit its public key".into()))?)
    }

    fn test_wrapping(&self) -> Result<(), Trouble> {
        let blob = Blob::parse(&self.wrap(&[1; KEY_OCTETS])?)?;
        if self.unwrap(&blob)?.as_slice() == [1; KEY_OCTETS] {
            return Ok(());
        }
        Err(Fault::SelfTest("a wrapped data key comes back changed".into()).into())
    }

    pub(super) fn run(&self, task: &Task, opened: &Opened) -> Result<Answer, Trouble> {
        match task {
            Task::Sign(used, input) => {
                let (key, method) = (self.signing_key(*used)?, opened.methods.get(used));
                let method = method.ok_or_else(|| unconfigured(*used))?;
                Ok(Answer::Bytes(Zeroizing::new(method.sign(&self.session, key, input)?)))
            }
            Task::Wrap(key) => Ok(Answer::Bytes(Zeroizing::new(self.wrap(key)?))),
            Task::Unwrap(blob) => Ok(Answer::Bytes(self.unwrap(blob)?)),
            Task::List => Ok(Answer::Keys(keys::list(&self.session)?)),
            Task::Probe => Ok(self.probe(&opened.plan).map(|()| Answer::There)?),
        }
    }

    /// Whether the wrapping key itself works. `SoftHSM` answers an altered blob with the code of a broken device.
    pub(super) fn can_wrap(&self) -> bool {
        self.test_wrapping().is_ok()
    }

    fn wrap(&self, key: &[u8; KEY_OCTETS]) -> Result<Vec<u8>, Trouble> {
        wrapping::wrap(&self.session, self.wrapping_key()?, key)
    }

    fn unwrap(&self, blob: &Blob) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        wrapping::unwrap(&self.session, self.wrapping_key()?, blob)
    }

    fn signing_key(&self, used: Use) -> Result<ObjectHandle, Fault> {
        self.signing.get(&used).copied().ok_or_else(|| unconfigured(used))
    }

    fn wrapping_key(&self) -> Result<ObjectHandle, Fault> {
        self.wrapping.ok_or_else(|| Fault::Config("wrapping_key is needed to keep secrets".into()))
    }
}

type Found = (BTreeMap<Use, ObjectHandle>, Option<ObjectHandle>);

fn find(session: &Session, plan: &Plan) -> Result<Found, Trouble> {
    let found = |(used, key): (&Use, &KeyRef)| Ok::<_, Trouble>((*used, keys::find(session, key, Purpose::Signing)?));
    let signing = plan.signing.iter().map(found).collect::<Result<_, _>>()?;
    let wrapping = plan.wrapping.as_ref().map(|key| keys::find(session, key, Purpose::Wrapping));
    Ok((signing, wrapping.transpose()?))
}

fn unconfigured(used: Use) -> Fault {
    Fault::Config(format!("{} is not configured", used.name()))
}

/// What the token is asked to do.
pub(super) enum Task {
    /// With the key of this use: what [`Method::input`] made of the message.
    Sign(Use, Vec<u8>),
    Wrap(Zeroizing<[u8; KEY_OCTETS]>),
    Unwrap(Blob),
    List,
    /// Look whether the keys are still there.
    Probe,
}

/// What came of it.
pub(super) enum Answer {
    Bytes(Zeroizing<Vec<u8>>),
    Keys(Vec<KeyInfo>),
    /// The keys are there.
    There,
}

impl Task {
    /// Whose sessions do it.
    pub(super) const fn used(&self) -> Use {
        match self {
            Self::Sign(used, _) => *used,
            Self::Wrap(_) | Self::Unwrap(_) | Self::List | Self::Probe => Use::Requests,
        }
    }
}

// Tasks and answers hold keys: only their names are shown.
impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sign(..) => "Sign",
            Self::Wrap(_) => "Wrap",
            Self::Unwrap(_) => "Unwrap",
            Self::List => "List",
            Self::Probe => "Probe",
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Keys(_) => "Keys",
            Self::There => "There",
        })
    }
}

const TEST: &[u8] = b"daftar tests its signing key";
