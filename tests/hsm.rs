//! Stories of the hsm room, each against a token of its own: of `SoftHSM`, or of the module that `DAFTAR_TEST_MODULE` names, as
//! `make kryoptic` does.
//!
//! `SoftHSM` finds its tokens through `SOFTHSM2_CONF`, the other through `KRYOPTIC_CONF`, which a process cannot safely set for itself, and a PKCS#11
//! module has one state for the whole process. So each test runs itself again in a child process, with that variable set
//! and a fresh folder. This works alike under `cargo test` and `cargo nextest`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use certs::{KeyKind, Signer, SignerFault};
use daftar::hsm::{self, Config, Fault, Hsm, HsmSigner, State, Token};

#[test]
fn each_kind_of_key_signs_and_its_signature_verifies() {
    in_a_child("each_kind_of_key_signs_and_its_signature_verifies", |desk| {
        let kinds = [KeyKind::P256, KeyKind::P384, KeyKind::Rsa { bits: 3072 }];
        let token = desk.token();
        for (id, kind) in (10..).zip(kinds) {
            token.generate_signing_key(&format!("key {kind}"), &[id], kind).unwrap();
        }
        drop(token);
        for (id, kind) in (10..).zip(kinds) {
            let mut config = desk.config();
            config.signing_key = hsm::KeyRef::new(&format!("key {kind}"), &[id]);
            let hsm = Hsm::start(&config, &desk.folder).unwrap();
            let signer = hsm.signer(hsm::Use::Requests).unwrap();
            assert_eq!(signer.public_key().kind(), kind);
            for message in [b"".as_slice(), b"one", &[7; 5000]] {
                let signature = wait(signer.sign(message)).unwrap();
                signer.public_key().verify(signer.algorithm(), message, &signature).unwrap();
            }
            assert_eq!(hsm.stats().signatures(), 3);
            hsm.stop();
            assert!(matches!(wait(signer.sign(b"late")), Err(SignerFault::Unavailable(_))));
        }
    });
}

#[test]
fn the_log_is_signed_with_a_key_of_its_own() {
    in_a_child("the_log_is_signed_with_a_key_of_its_own", |desk| {
        let mut config = desk.config();
        let key = hsm::KeyRef::new("ra-log", &[3]);
        config.checkpoint_key = Some(key.clone());
        let missing = Hsm::start(&config, &desk.folder);
        assert!(matches!(missing, Err(Fault::KeyMissing { .. })), "{missing:?}");
        let log = desk.token().generate_signing_key("ra-log", &[3], KeyKind::P256).unwrap();
        let hsm = Hsm::start(&config, &desk.folder).unwrap();
        let [requests, checkpoints] = [hsm::Use::Requests, hsm::Use::Checkpoints].map(|used| hsm.signer(used).unwrap());
        assert!(*checkpoints.public_key() == log && *requests.public_key() != log);
        let signature = wait(checkpoints.sign(b"a log")).unwrap();
        log.verify(checkpoints.algorithm(), b"a log", &signature).unwrap();
        assert!(requests.public_key().verify(requests.algorithm(), b"a log", &signature).is_err());
        // The key of one use is not taken for another's.
        assert!(matches!(hsm.signer_for(hsm::Use::Requests, &log), Err(Fault::KeyChanged(_))));
        hsm.signer_for(hsm::Use::Checkpoints, &log).unwrap();
        hsm.stop();
        for same in
            [config.signing_key.clone(), "pkcs11:object=ra-signing".parse().unwrap(), "pkcs11:id=%01".parse().unwrap()]
        {
            config.checkpoint_key = Some(same);
            assert!(
                matches!(Hsm::start(&config, &desk.folder), Err(Fault::Config(text)) if text.contains("nothing else"))
            );
        }
    });
}

#[test]
fn many_callers_share_few_sessions() {
    in_a_child("many_callers_share_few_sessions", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        let signer = hsm.signer(hsm::Use::Requests).unwrap();
        let runtime = runtime();
        let tasks: Vec<_> = (0..200_u32)
            .map(|number| {
                let signer = signer.clone();
                runtime.spawn(async move {
                    let message = number.to_be_bytes();
                    let signature = signer.sign(&message).await.unwrap();
                    signer.public_key().verify(signer.algorithm(), &message, &signature).unwrap();
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        assert_eq!(hsm.stats().signatures(), 200);
        assert_eq!(hsm.stats().failures(), 0);
        assert_eq!(hsm.stats().queue_depth(hsm::Use::Requests), 0);
    });
}

#[test]
fn a_full_queue_refuses_at_once() {
    in_a_child("a_full_queue_refuses_at_once", |desk| {
        let mut config = desk.config();
        config.queue_limit = 1;
        config.sessions = 1;
        let hsm = Hsm::start(&config, &desk.folder).unwrap();
        let signer = hsm.signer(hsm::Use::Requests).unwrap();
        let runtime = runtime();
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let signer = signer.clone();
                runtime.spawn(async move { signer.sign(b"message").await })
            })
            .collect();
        let answers: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect();
        assert!(answers.iter().any(Result::is_ok));
        assert!(answers.iter().any(|answer| matches!(answer, Err(SignerFault::Unavailable(_)))));
        assert!(hsm.stats().failures() > 0);
    });
}

#[test]
fn a_key_is_found_by_its_uri() {
    in_a_child("a_key_is_found_by_its_uri", |desk| {
        let text = desk
            .config_text()
            .replace("token = \"office\"\n", "")
            .replace("{ label = \"ra-signing\", id = \"01\" }", "\"pkcs11:token=office;id=%01;type=private\"");
        let hsm = Hsm::start(&toml::from_str(&text).unwrap(), &desk.folder).unwrap();
        assert_eq!(hsm.state(), State::Ready);
        hsm.stop();
        let other = text.replace("token=office", "token=office;model=other");
        let hsm = Hsm::start(&toml::from_str(&other).unwrap(), &desk.folder).unwrap();
        assert_eq!(hsm.state(), State::Absent);
    });
}

#[test]
fn a_key_beside_the_configured_one_signs_and_goes_for_good() {
    in_a_child("a_key_beside_the_configured_one_signs_and_goes_for_good", |desk| {
        let token = desk.token();
        let (name, configured) = (hsm::KeyRef::new("ra-2", &[0x11]), hsm::KeyRef::new("ra-signing", &[1]));
        let public = token.generate_signing_key("ra-2", &[0x11], KeyKind::P384).unwrap();
        let key = token.signing_key(&name).unwrap();
        let signature = wait(key.sign(b"message")).unwrap();
        public.verify(key.algorithm(), b"message", &signature).unwrap();
        let view = token.view_signing_key(&name).unwrap();
        assert!(view.fits() && view.stays(), "{view:?}");
        assert!(token.view_wrapping_key(&hsm::KeyRef::new("ra-wrapping", &[2])).unwrap().fits());
        drop(key);
        // The name of one and the key of another: nobody meant that.
        assert!(matches!(token.destroy_signing_key(&configured, &public), Err(Fault::KeyChanged(_))));
        token.destroy_signing_key(&name, &public).unwrap();
        assert!(matches!(token.destroy_signing_key(&name, &public), Err(Fault::KeyMissing { .. })));
        token.signing_key(&configured).unwrap();
        // No half is left that would have the name.
        let again = token.generate_signing_key("ra-2", &[0x11], KeyKind::P384).unwrap();
        assert_ne!(again, public);
    });
}

#[test]
fn a_missing_key_is_named() {
    in_a_child("a_missing_key_is_named", |desk| {
        let mut config = desk.config();
        config.signing_key = hsm::KeyRef::new("nothing", &[0xaa]);
        let fault = Hsm::start(&config, &desk.folder).unwrap_err();
        assert!(matches!(fault, Fault::KeyMissing { .. }));
        assert!(fault.to_string().contains("nothing") && fault.to_string().contains("aa"), "{fault}");
    });
}

#[test]
fn a_key_that_can_leave_the_token_is_refused() {
    in_a_child("a_key_that_can_leave_the_token_is_refused", |desk| {
        Desk::pkcs11_tool(&[
            "--keypairgen",
            "--key-type",
            "EC:prime256v1",
            "--extractable",
            "--label",
            "loose",
            "--id",
            "0c",
        ]);
        let mut config = desk.config();
        config.signing_key = hsm::KeyRef::new("loose", &[12]);
        let fault = Hsm::start(&config, &desk.folder).unwrap_err().to_string();
        assert!(fault.contains("CKA_EXTRACTABLE") && fault.contains("daftar key generate"), "{fault}");
        let token = desk.token();
        assert!(matches!(token.signing_key(&config.signing_key), Err(Fault::KeyUnsafe { .. })));
        assert!(!token.view_signing_key(&config.signing_key).unwrap().stays());
    });
}

#[test]
fn a_weak_key_is_refused() {
    in_a_child("a_weak_key_is_refused", |desk| {
        Desk::pkcs11_tool(&["--keypairgen", "--key-type", "rsa:2048", "--usage-sign", "--label", "weak", "--id", "0e"]);
        let mut config = desk.config();
        config.signing_key = hsm::KeyRef::new("weak", &[14]);
        let fault = Hsm::start(&config, &desk.folder).unwrap_err();
        assert!(matches!(fault, Fault::KeyUnsupported { .. }), "{fault}");
    });
}

#[test]
fn two_keys_of_one_name_are_told_apart_by_id() {
    in_a_child("two_keys_of_one_name_are_told_apart_by_id", |desk| {
        for id in ["0e", "0f"] {
            Desk::pkcs11_tool(&[
                "--keypairgen",
                "--key-type",
                "EC:prime256v1",
                "--usage-sign",
                "--label",
                "twin",
                "--id",
                id,
            ]);
        }
        let mut config = desk.config();
        config.signing_key = "pkcs11:object=twin".parse().unwrap();
        assert!(matches!(Hsm::start(&config, &desk.folder), Err(Fault::KeyAmbiguous { count: 2, .. })));
        config.signing_key = "pkcs11:object=twin;id=%0f".parse().unwrap();
        Hsm::start(&config, &desk.folder).unwrap();
    });
}

#[test]
fn generated_keys_never_leave_the_token() {
    in_a_child("generated_keys_never_leave_the_token", |desk| {
        let token = desk.token();
        let keys = token.list_keys().unwrap();
        let names: Vec<_> = keys.iter().map(|key| (key.label.as_str(), key.kind.as_str())).collect();
        assert_eq!(names, [("ra-signing", "P-256"), ("ra-wrapping", "AES-256")]);
        assert!(keys.iter().all(|key| key.sensitive && !key.extractable && key.never_left));
        drop(token);
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        assert_eq!(wait(hsm.list_keys()).unwrap().len(), 2);
    });
}

#[test]
fn a_key_is_never_replaced() {
    in_a_child("a_key_is_never_replaced", |desk| {
        let token = desk.token();
        for (label, id) in [("ra-signing", 9), ("other", 1)] {
            assert!(matches!(token.generate_signing_key(label, &[id], KeyKind::P256), Err(Fault::KeyExists(_))));
            assert!(matches!(token.generate_wrapping_key(label, &[id]), Err(Fault::KeyExists(_))));
        }
        assert!(token.generate_signing_key("weak", &[9], KeyKind::Rsa { bits: 2048 }).is_err());
        drop(token);
        assert!(hsm::init_token(Path::new(&module()), "office", "87654321", PIN).is_err());
    });
}

#[test]
fn a_data_key_comes_back_and_an_altered_one_does_not() {
    in_a_child("a_data_key_comes_back_and_an_altered_one_does_not", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        let key = [0x5a; 32];
        let blob = wait(hsm.wrap_data_key(&key)).unwrap();
        assert_eq!(*wait(hsm.unwrap_data_key(&blob)).unwrap(), key);
        assert_ne!(wait(hsm.wrap_data_key(&key)).unwrap(), blob, "a nonce is never used twice");
        assert!(!blob.windows(8).any(|octets| octets == [0x5a; 8]));
        for place in 0..blob.len() {
            let mut altered = blob.clone();
            altered[place] ^= 1;
            assert!(matches!(wait(hsm.unwrap_data_key(&altered)), Err(Fault::Blob(_))), "octet {place}");
        }
        // An altered blob is the asker's trouble, not the token's.
        assert_eq!(hsm.state(), State::Ready);
        assert_eq!(hsm.stats().restarts(), 0);
        assert_eq!(*wait(hsm.unwrap_data_key(&blob)).unwrap(), key);
        hsm.stop();
        let again = Hsm::start(&desk.config(), &desk.folder).unwrap();
        assert_eq!(*wait(again.unwrap_data_key(&blob)).unwrap(), key);
    });
}

#[test]
fn a_wrong_pin_started_five_times_is_tried_once() {
    in_a_child("a_wrong_pin_started_five_times_is_tried_once", |desk| {
        desk.write_pin("000000");
        let first = Hsm::start(&desk.config(), &desk.folder).unwrap_err();
        assert!(matches!(first, Fault::PinRefused(_)), "{first}");
        for _ in 0..4 {
            let fault = Hsm::start(&desk.config(), &desk.folder).unwrap_err();
            assert!(matches!(fault, Fault::PinNotTried(_)), "{fault}");
            assert!(fault.to_string().contains("daftar key retry-pin"), "{fault}");
        }
        // SoftHSM counts nothing, so the right PIN proves that none is tried: it would be accepted.
        desk.write_pin(PIN);
        assert!(matches!(Hsm::start(&desk.config(), &desk.folder), Err(Fault::PinNotTried(_))));
        assert!(matches!(Token::open(&desk.config(), &desk.folder), Err(Fault::PinNotTried(_))));
        let mark = fs::read_to_string(desk.folder.join("pin-tried")).unwrap();
        assert!(!mark.contains("000000") && !mark.contains(PIN));
        assert!(hsm::clear_pin_marker(&desk.folder).unwrap());
        Hsm::start(&desk.config(), &desk.folder).unwrap();
        assert!(!desk.folder.join("pin-tried").exists());
    });
}

#[test]
fn a_module_has_one_user_in_a_process() {
    in_a_child("a_module_has_one_user_in_a_process", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        assert!(matches!(Hsm::start(&desk.config(), &desk.folder), Err(Fault::ModuleBusy(_))));
        assert!(matches!(Token::open(&desk.config(), &desk.folder), Err(Fault::ModuleBusy(_))));
        hsm.stop();
        drop(desk.token());
        Hsm::start(&desk.config(), &desk.folder).unwrap();
    });
}

#[test]
fn what_is_no_module_is_refused() {
    in_a_child("what_is_no_module_is_refused", |desk| {
        for module in ["/nonexistent.so", "/lib/x86_64-linux-gnu/libm.so.6"] {
            let mut config = desk.config();
            config.module = module.into();
            assert!(matches!(Hsm::start(&config, &desk.folder), Err(Fault::Module { .. })));
        }
    });
}

#[test]
fn a_token_that_goes_is_missed_and_when_it_comes_back_it_signs() {
    in_a_child("a_token_that_goes_is_missed_and_when_it_comes_back_it_signs", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        let signer = hsm.signer(hsm::Use::Requests).unwrap();
        wait(signer.sign(b"before")).unwrap();
        for round in 0..2 {
            // Once the single token, once the whole store, without which SoftHSM does not even initialise.
            let there = if round == 0 { desk.only_token() } else { desk.folder.join("tokens") };
            let away = desk.folder.join("away");
            fs::rename(&there, &away).unwrap();
            let asked = Instant::now();
            assert!(matches!(wait(signer.sign(b"away")), Err(SignerFault::Unavailable(_))));
            assert!(asked.elapsed() < Duration::from_secs(2), "whoever asks is told at once");
            until(|| hsm.state() == State::Absent);
            assert!(hsm.reason().is_some_and(|fault| fault.may_pass()));
            fs::rename(&away, &there).unwrap();
            until(|| hsm.state() == State::Ready);
            let signature = wait(signer.sign(b"after")).unwrap();
            signer.public_key().verify(signer.algorithm(), b"after", &signature).unwrap();
        }
        assert_eq!(hsm.stats().restarts(), 2);
        assert!(!desk.folder.join("pin-tried").exists());
    });
}

#[test]
fn a_token_that_comes_and_goes_under_load_ends_no_thread() {
    in_a_child("a_token_that_comes_and_goes_under_load_ends_no_thread", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        let signer = hsm.signer(hsm::Use::Requests).unwrap();
        let runtime = runtime();
        let ended = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..16).map(|_| runtime.spawn(sign_until(signer.clone(), Arc::clone(&ended)))).collect();
        let (there, away) = (desk.only_token(), desk.folder.join("away"));
        for _ in 0..3 {
            let before = hsm.stats().signatures();
            until(|| hsm.stats().signatures() > before + 50);
            fs::rename(&there, &away).unwrap();
            until(|| hsm.state() == State::Absent);
            fs::rename(&away, &there).unwrap();
            until(|| hsm.state() == State::Ready);
        }
        let before = hsm.stats().signatures();
        until(|| hsm.stats().signatures() > before + 50);
        ended.store(true, Ordering::Relaxed);
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        hsm.stop();
    });
}

async fn sign_until(signer: HsmSigner, ended: Arc<AtomicBool>) {
    while !ended.load(Ordering::Relaxed) {
        match signer.sign(b"message").await {
            Ok(signature) => {
                let key = signer.public_key();
                key.verify(signer.algorithm(), b"message", &signature).unwrap();
            }
            Err(SignerFault::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn an_idle_token_that_goes_is_noticed() {
    in_a_child("an_idle_token_that_goes_is_noticed", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        fs::rename(desk.only_token(), desk.folder.join("away")).unwrap();
        until(|| hsm.state() == State::Absent);
    });
}

#[test]
fn the_server_starts_while_the_token_is_away() {
    in_a_child("the_server_starts_while_the_token_is_away", |desk| {
        let key = desk.token().list_keys().unwrap().into_iter().find_map(|key| key.public_key).unwrap();
        let (there, away) = (desk.folder.join("tokens"), desk.folder.join("away"));
        fs::rename(&there, &away).unwrap();
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        assert_eq!(hsm.state(), State::Absent);
        assert!(matches!(hsm.signer(hsm::Use::Requests), Err(Fault::Unavailable(_))));
        let signer = hsm.signer_for(hsm::Use::Requests, &key).unwrap();
        assert!(matches!(wait(signer.sign(b"away")), Err(SignerFault::Unavailable(_))));
        fs::rename(&away, &there).unwrap();
        until(|| hsm.state() == State::Ready);
        key.verify(signer.algorithm(), b"back", &wait(signer.sign(b"back")).unwrap()).unwrap();
    });
}

#[test]
fn another_key_than_the_certified_one_does_not_sign() {
    in_a_child("another_key_than_the_certified_one_does_not_sign", |desk| {
        let other = desk.token().generate_signing_key("other", &[9], KeyKind::P256).unwrap();
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        assert!(matches!(hsm.signer_for(hsm::Use::Requests, &other), Err(Fault::KeyChanged(_))));
        hsm.stop();
        // The same when the token comes only later.
        let (there, away) = (desk.folder.join("tokens"), desk.folder.join("away"));
        fs::rename(&there, &away).unwrap();
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        let signer = hsm.signer_for(hsm::Use::Requests, &other).unwrap();
        fs::rename(&away, &there).unwrap();
        until(|| hsm.state() == State::Faulty);
        assert!(wait(signer.sign(b"message")).is_err());
    });
}

#[test]
fn a_pin_changed_meanwhile_is_tried_once_and_again_when_an_officer_says_so() {
    in_a_child("a_pin_changed_meanwhile_is_tried_once_and_again_when_an_officer_says_so", |desk| {
        let hsm = Hsm::start(&desk.config(), &desk.folder).unwrap();
        let signer = hsm.signer(hsm::Use::Requests).unwrap();
        Desk::pkcs11_tool(&["--change-pin", "--new-pin", "999999"]);
        let (there, away) = (desk.folder.join("tokens"), desk.folder.join("away"));
        fs::rename(&there, &away).unwrap();
        until(|| hsm.state() == State::Absent);
        fs::rename(&away, &there).unwrap();
        until(|| hsm.state() == State::Locked);
        assert!(desk.folder.join("pin-tried").exists());
        desk.write_pin("999999");
        assert!(matches!(wait(signer.sign(b"message")), Err(SignerFault::Unavailable(_))));
        assert!(hsm::clear_pin_marker(&desk.folder).unwrap());
        until(|| hsm.state() == State::Ready);
        wait(signer.sign(b"message")).unwrap();
    });
}

/// A folder with a token that has a signing key and a wrapping key.
struct Desk {
    folder: PathBuf,
}

impl Desk {
    fn set_up(folder: &Path) -> Self {
        let desk = Self { folder: folder.into() };
        desk.write_pin(PIN);
        hsm::init_token(Path::new(&module()), "office", "87654321", PIN).unwrap();
        let token = desk.token();
        token.generate_signing_key("ra-signing", &[1], KeyKind::P256).unwrap();
        token.generate_wrapping_key("ra-wrapping", &[2]).unwrap();
        desk
    }

    fn config_text(&self) -> String {
        format!(
            "module = \"{}\"\ntoken = \"office\"\npin_file = \"{}\"\n\
             signing_key = {{ label = \"ra-signing\", id = \"01\" }}\nwrapping_key = {{ label = \"ra-wrapping\" }}\n",
            module(),
            self.folder.join("pin").display()
        )
    }

    fn config(&self) -> Config {
        toml::from_str(&self.config_text()).unwrap()
    }

    fn token(&self) -> Token {
        Token::open(&self.config(), &self.folder).unwrap()
    }

    fn write_pin(&self, pin: &str) {
        let file = self.folder.join("pin");
        fs::write(&file, pin).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }

    fn only_token(&self) -> PathBuf {
        let mut tokens = fs::read_dir(self.folder.join("tokens")).unwrap();
        tokens.next().unwrap().unwrap().path()
    }

    /// Does to the token what our own code never does.
    fn pkcs11_tool(arguments: &[&str]) {
        let mut tool = Command::new("pkcs11-tool");
        tool.args(["--module", &module(), "--token-label", "office", "--login", "--pin", PIN]).args(arguments);
        let output = tool.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn in_a_child(test: &str, story: impl FnOnce(&Desk)) {
    if let Some(folder) = std::env::var_os(CHILD) {
        return story(&Desk::set_up(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let conf = folder.path().join("softhsm2.conf");
    fs::write(&conf, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    // The other module's tokens are databases.
    let kryoptic = folder.path().join("kryoptic.conf");
    let slot = format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}/token.sql\"\n", tokens.display());
    fs::write(&kryoptic, slot).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env("KRYOPTIC_CONF", &kryoptic);
    child.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let output = child.env(CHILD, folder.path()).env("SOFTHSM2_CONF", &conf).output().unwrap();
    let told = [output.stdout, output.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn wait<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

/// Waits for what comes by itself.
fn until(there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// `SoftHSM`, or the module that is to be tried.
fn module() -> String {
    std::env::var("DAFTAR_TEST_MODULE").unwrap_or_else(|_| "/usr/lib/softhsm/libsofthsm2.so".to_owned())
}

const CHILD: &str = "DAFTAR_HSM_TEST_FOLDER";
const PIN: &str = "123456";
