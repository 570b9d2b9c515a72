//! What a server sees of a token behind the shim: stories through the crate that the server uses, each against a `SoftHSM`
//! token of its own.
//!
//! A module reads its environment and has one state for the whole process, so each test runs itself again in a child
//! process with a fresh folder, as the stories of the hsm room do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use pkcs11_shim::Lever;

#[test]
fn without_a_script_the_token_is_as_it_is() {
    in_a_child("without_a_script_the_token_is_as_it_is", |desk| {
        let seat = desk.log_in();
        let signature = seat.sign().unwrap();
        let public = only(&seat.session, ObjectClass::PUBLIC_KEY);
        seat.session.verify(&Mechanism::Ecdsa, public, &DIGEST, &signature).unwrap();
        assert_eq!(desk.module.get_token_info(desk.slot).unwrap().label(), "shim");
    });
}

#[test]
fn a_scripted_code_is_returned_until_the_script_goes() {
    in_a_child("a_scripted_code_is_returned_until_the_script_goes", |desk| {
        let seat = desk.log_in();
        desk.lever.pull("C_Sign return CKR_DEVICE_REMOVED").unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::DeviceRemoved));
        // The real module knows nothing of it.
        desk.lever.release().unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::OperationActive));
        let seat = desk.seat();
        desk.lever.pull("C_SignInit return 0x30").unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::DeviceError));
        desk.lever.pull("C_Login return CKR_PIN_LOCKED").unwrap();
        seat.sign().unwrap();
        desk.lever.release().unwrap();
        seat.session.logout().unwrap();
        seat.session.login(UserType::User, Some(&pin())).unwrap();
    });
}

#[test]
fn a_rule_waits_for_its_turn_and_ends() {
    in_a_child("a_rule_waits_for_its_turn_and_ends", |desk| {
        let seat = desk.log_in();
        let script =
            "C_SignInit return CKR_FUNCTION_FAILED after 2 times 1\nC_SignInit return CKR_DEVICE_ERROR after 3 times 1";
        for _ in 0..2 {
            desk.lever.pull(script).unwrap();
            let told: Vec<_> = (0..6).map(|_| code(seat.sign())).collect();
            let (failed, error) = (Some(RvError::FunctionFailed), Some(RvError::DeviceError));
            // The second rule counts what the first let go by.
            assert_eq!(told, [None, None, failed, None, error, None]);
        }
    });
}

#[test]
fn slow_calls_do_not_wait_for_each_other() {
    in_a_child("slow_calls_do_not_wait_for_each_other", |desk| {
        let (one, two) = (desk.log_in(), desk.seat());
        desk.lever.pull("C_SignInit sleep 1000").unwrap();
        let begun = Instant::now();
        thread::scope(|scope| {
            for seat in [one, two] {
                scope.spawn(move || seat.sign().unwrap());
            }
        });
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(1900), "{took:?}");
    });
}

#[test]
fn a_hanging_call_goes_on_when_the_script_changes() {
    in_a_child("a_hanging_call_goes_on_when_the_script_changes", |desk| {
        let (one, two) = (desk.log_in(), desk.seat());
        desk.lever.pull("C_SignInit hang times 1\nC_SignInit hang return CKR_DEVICE_ERROR").unwrap();
        thread::scope(|scope| {
            let first = scope.spawn(move || one.sign());
            until(|| desk.calls("C_SignInit") == 1);
            let second = scope.spawn(move || two.sign());
            thread::park_timeout(Duration::from_millis(300));
            assert!(!first.is_finished() && !second.is_finished());
            // Others are served meanwhile.
            desk.module.get_token_info(desk.slot).unwrap();
            desk.lever.release().unwrap();
            first.join().unwrap().unwrap();
            assert_eq!(code(second.join().unwrap()), Some(RvError::DeviceError));
        });
    });
}

#[test]
fn a_token_is_taken_out_and_comes_back_without_its_sessions() {
    in_a_child("a_token_is_taken_out_and_comes_back_without_its_sessions", |desk| {
        let (seat, other) = (desk.log_in(), desk.open());
        desk.lever.pull("* absent").unwrap();
        assert_eq!(desk.module.get_slots_with_token().unwrap(), []);
        assert!(desk.module.get_all_slots().unwrap().contains(&desk.slot));
        assert!(!desk.module.get_slot_info(desk.slot).unwrap().token_present());
        assert_eq!(code(desk.module.get_token_info(desk.slot)), Some(RvError::TokenNotPresent));
        assert_eq!(code(desk.module.open_ro_session(desk.slot)), Some(RvError::TokenNotPresent));
        assert_eq!(code(seat.sign()), Some(RvError::DeviceRemoved));
        assert_eq!(code(other.close()), Some(RvError::SessionHandleInvalid));
        desk.lever.release().unwrap();
        assert!(desk.module.get_slots_with_token().unwrap().contains(&desk.slot));
        assert!(desk.module.get_slot_info(desk.slot).unwrap().token_present());
        assert_eq!(code(seat.sign()), Some(RvError::SessionHandleInvalid));
        // The log-in went with the token.
        assert!(desk.open().find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap().is_empty());
        desk.log_in().sign().unwrap();
    });
}

#[test]
fn a_token_goes_in_the_middle_of_the_work_for_some_calls() {
    in_a_child("a_token_goes_in_the_middle_of_the_work_for_some_calls", |desk| {
        let seat = desk.log_in();
        desk.lever.pull("C_SignInit absent after 1 times 3").unwrap();
        seat.sign().unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::DeviceRemoved));
        assert_eq!(code(desk.module.get_token_info(desk.slot)), Some(RvError::TokenNotPresent));
        assert_eq!(code(desk.module.get_token_info(desk.slot)), Some(RvError::TokenNotPresent));
        desk.module.get_token_info(desk.slot).unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::SessionHandleInvalid));
    });
}

#[test]
fn a_module_that_is_not_initialized_says_so_without_a_token_too() {
    in_a_child("a_module_that_is_not_initialized_says_so_without_a_token_too", |desk| {
        desk.lever.pull("* absent").unwrap();
        assert_eq!(code(desk.module.open_ro_session(desk.slot)), Some(RvError::TokenNotPresent));
        desk.module.clone().finalize().unwrap();
        assert_eq!(code(desk.module.open_ro_session(desk.slot)), Some(RvError::CryptokiNotInitialized));
        assert_eq!(code(desk.module.get_slots_with_token()), Some(RvError::CryptokiNotInitialized));
        initialize(&desk.module);
        assert_eq!(desk.module.get_slots_with_token().unwrap(), []);
    });
}

#[test]
fn a_token_that_comes_and_goes_under_load_breaks_nothing() {
    in_a_child("a_token_that_comes_and_goes_under_load_breaks_nothing", |desk| {
        let (ended, signed) = (AtomicBool::new(false), AtomicU64::new(0));
        let sign_some = |session: &Session| {
            while let Some(key) = private_key(session)
                && session.sign(&Mechanism::Ecdsa, key, &DIGEST).is_ok()
                && !ended.load(Ordering::Relaxed)
            {
                signed.fetch_add(1, Ordering::Relaxed);
            }
        };
        let keep_signing = || {
            while !ended.load(Ordering::Relaxed) {
                let Ok(session) = desk.module.open_ro_session(desk.slot) else { continue };
                let _ = session.login(UserType::User, Some(&pin()));
                sign_some(&session);
            }
        };
        let signs_on = || {
            let before = signed.load(Ordering::Relaxed);
            until(|| signed.load(Ordering::Relaxed) > before + 20);
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(keep_signing);
            }
            let _ends = Ends(&ended);
            for _ in 0..30 {
                signs_on();
                desk.lever.pull("* absent").unwrap();
                until(|| desk.module.get_slots_with_token().unwrap().is_empty());
                desk.lever.release().unwrap();
            }
            signs_on();
        });
    });
}

#[test]
fn a_call_can_be_done_and_its_answer_lost() {
    in_a_child("a_call_can_be_done_and_its_answer_lost", |desk| {
        let seat = desk.log_in();
        desk.lever.pull("C_CreateObject then-return CKR_DEVICE_ERROR times 1").unwrap();
        let object =
            [Attribute::Class(ObjectClass::DATA), Attribute::Label(b"twice".into()), Attribute::Value(vec![1])];
        assert_eq!(code(seat.session.create_object(&object)), Some(RvError::DeviceError));
        seat.session.create_object(&object).unwrap();
        assert_eq!(seat.session.find_objects(&[Attribute::Label(b"twice".into())]).unwrap().len(), 2);
        // cryptoki asks for the length first; the second call makes the signature and ends the operation.
        desk.lever.pull("C_Sign then-return CKR_DEVICE_ERROR after 1 times 1").unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::DeviceError));
        seat.sign().unwrap();
    });
}

#[test]
fn a_token_says_of_itself_what_the_script_adds() {
    in_a_child("a_token_says_of_itself_what_the_script_adds", |desk| {
        let before = desk.module.get_token_info(desk.slot).unwrap();
        assert!(!before.user_pin_locked() && !before.user_pin_final_try());
        desk.lever.pull("C_GetTokenInfo flags CKF_USER_PIN_LOCKED|CKF_USER_PIN_FINAL_TRY").unwrap();
        let told = desk.module.get_token_info(desk.slot).unwrap();
        assert!(told.user_pin_locked() && told.user_pin_final_try() && told.token_initialized());
        assert_eq!(told.label(), "shim");
        desk.lever.release().unwrap();
        assert!(!desk.module.get_token_info(desk.slot).unwrap().user_pin_locked());
    });
}

#[test]
fn calls_are_counted_and_tries_of_a_pin_at_once() {
    in_a_child("calls_are_counted_and_tries_of_a_pin_at_once", |desk| {
        // The set-up logged in as security officer and as user.
        let before = desk.calls("C_Login");
        let session = desk.open();
        let wrong = AuthPin::from("000000");
        for tried in 1..=3 {
            assert_eq!(code(session.login(UserType::User, Some(&wrong))), Some(RvError::PinIncorrect));
            assert_eq!(desk.calls("C_Login"), before + tried);
        }
        desk.lever.pull("C_Login return CKR_PIN_INCORRECT").unwrap();
        assert_eq!(code(session.login(UserType::User, Some(&wrong))), Some(RvError::PinIncorrect));
        assert_eq!(desk.calls("C_Login"), before + 4);
        desk.lever.release().unwrap();
        session.login(UserType::User, Some(&pin())).unwrap();
        let seat = desk.seat();
        let signed = desk.calls("C_SignInit");
        for _ in 0..50 {
            seat.sign().unwrap();
        }
        until(|| desk.calls("C_SignInit") == signed + 50);
        assert_eq!(desk.calls("C_Decrypt"), 0);
    });
}

#[test]
fn a_script_that_cannot_be_read_is_no_empty_script() {
    let told = in_a_child("a_script_that_cannot_be_read_is_no_empty_script", |desk| {
        let seat = desk.log_in();
        desk.lever.pull("# first\nC_Sing return CKR_DEVICE_ERROR\n").unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::GeneralError));
        assert_eq!(code(desk.module.get_slots_with_token()), Some(RvError::GeneralError));
        desk.lever.release().unwrap();
        seat.sign().unwrap();
        // In a comment such bytes are no fault; in a name they are told with their line, like any other.
        fs::write(desk.lever_folder().join("script"), b"# \xff\n\nC_Sign\xff hang\n").unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::GeneralError));
        desk.lever.release().unwrap();
        fs::create_dir(desk.lever_folder().join("script")).unwrap();
        assert_eq!(code(seat.sign()), Some(RvError::GeneralError));
    });
    if let Some(told) = told {
        let lines: Vec<_> = told.lines().filter(|line| line.starts_with("pkcs11-shim: ")).collect();
        assert_eq!(lines.len(), 3, "{told}");
        assert!(lines[0].ends_with("script: line 2: C_Sing is no function of PKCS#11 2.40"), "{told}");
        assert!(lines[1].ends_with("script: line 3: C_Sign\u{fffd} is no function of PKCS#11 2.40"), "{told}");
    }
}

#[test]
fn without_a_real_module_there_is_none() {
    if std::env::var_os(CHILD).is_some() {
        assert!(Pkcs11::new(Lever::module()).is_err());
        return;
    }
    for (module, why) in [(None, "PKCS11_SHIM_MODULE names no module"), (Some("/no/module.so"), "/no/module.so: ")] {
        let mut child = again("without_a_real_module_there_is_none");
        child.env(CHILD, "").env_remove("PKCS11_SHIM_MODULE").envs(module.map(|module| ("PKCS11_SHIM_MODULE", module)));
        let told = passes(&mut child);
        assert!(told.contains(&format!("pkcs11-shim: {why}")), "{told}");
    }
}

#[test]
fn nobody_needs_to_listen_to_what_is_told() {
    if std::env::var_os(CHILD).is_some() {
        assert!(Pkcs11::new(Lever::module()).is_err());
        return;
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = again("nobody_needs_to_listen_to_what_is_told");
    passes(child.env(CHILD, "").env_remove("PKCS11_SHIM_MODULE").stderr(writer));
}

/// A token with one key pair, behind the shim.
struct Desk {
    folder: PathBuf,
    lever: Lever,
    module: Pkcs11,
    slot: Slot,
}

impl Desk {
    fn set_up(folder: &Path) -> Self {
        let lever = Lever::new(&folder.join("lever"));
        let module = Pkcs11::new(Lever::module()).unwrap();
        initialize(&module);
        let free = module.get_slots_with_token().unwrap()[0];
        module.init_token(free, &AuthPin::from("87654321"), "shim").unwrap();
        let mut slots = module.get_slots_with_token().unwrap().into_iter();
        let slot = slots.find(|slot| module.get_token_info(*slot).unwrap().token_initialized()).unwrap();
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&AuthPin::from("87654321"))).unwrap();
        session.init_pin(&pin()).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, Some(&pin())).unwrap();
        let public = [Attribute::Token(true), Attribute::Private(false), Attribute::EcParams(P256.into())];
        let private = [Attribute::Token(true), Attribute::Sensitive(true), Attribute::Sign(true)];
        session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
        drop(session);
        Self { folder: folder.into(), lever, module, slot }
    }

    fn open(&self) -> Session {
        self.module.open_rw_session(self.slot).unwrap()
    }

    /// A session at work while the user is logged in.
    fn seat(&self) -> Seat {
        let session = self.open();
        let key = only(&session, ObjectClass::PRIVATE_KEY);
        Seat { session, key }
    }

    fn log_in(&self) -> Seat {
        let session = self.open();
        session.login(UserType::User, Some(&pin())).unwrap();
        let key = only(&session, ObjectClass::PRIVATE_KEY);
        Seat { session, key }
    }

    fn calls(&self, function: &str) -> u64 {
        self.lever.counts().unwrap().get(function).copied().unwrap_or_default()
    }

    fn lever_folder(&self) -> PathBuf {
        self.folder.join("lever")
    }
}

/// Tells the threads of a test to end, also when it fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Seat {
    session: Session,
    key: ObjectHandle,
}

impl Seat {
    fn sign(&self) -> Result<Vec<u8>, Error> {
        self.session.sign(&Mechanism::Ecdsa, self.key, &DIGEST)
    }
}

fn initialize(module: &Pkcs11) {
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
}

fn private_key(session: &Session) -> Option<ObjectHandle> {
    session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).ok()?.first().copied()
}

fn only(session: &Session, class: ObjectClass) -> ObjectHandle {
    let found = session.find_objects(&[Attribute::Class(class)]).unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

fn pin() -> AuthPin {
    AuthPin::from("123456")
}

/// The code that the module returned, if it returned one.
fn code<T>(result: Result<T, Error>) -> Option<RvError> {
    match result {
        Ok(_) => None,
        Err(Error::Pkcs11(code, _)) => Some(code),
        Err(other) => panic!("{other}"),
    }
}

/// In the parent: what the child told.
fn in_a_child(test: &str, story: impl FnOnce(&Desk)) -> Option<String> {
    if let Some(folder) = std::env::var_os(CHILD) {
        story(&Desk::set_up(Path::new(&folder)));
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tokens, lever) = (folder.path().join("tokens"), folder.path().join("lever"));
    fs::create_dir(&tokens).unwrap();
    fs::create_dir(&lever).unwrap();
    let conf = folder.path().join("softhsm2.conf");
    fs::write(&conf, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    let mut child = again(test);
    child.env(CHILD, folder.path()).env("SOFTHSM2_CONF", &conf).envs(Lever::new(&lever).environment(Path::new(REAL)));
    Some(passes(&mut child))
}

fn again(test: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    child
}

fn passes(child: &mut Command) -> String {
    let output = child.output().unwrap();
    let told = [output.stderr, output.stdout].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    told
}

/// Waits for what comes by itself.
fn until(there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
        thread::park_timeout(Duration::from_millis(5));
    }
}

const CHILD: &str = "PKCS11_SHIM_TEST_FOLDER";
const REAL: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The OID of the curve P-256, in DER.
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// What is signed: as long as a SHA-256.
const DIGEST: [u8; 32] = [7; 32];
