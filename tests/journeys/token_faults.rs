//! The token answers with errors, hangs, or is pulled out while it works; a shim before the real module sees to that.

use std::time::{Duration, Instant};

use demo_ca::Kind;
use pkcs11_shim::Lever;

use super::office::{Code, Office, Request, Seal, Who};

fn shimmed() -> (Office, Lever) {
    let mut office = Office::prepared();
    let lever = office.shimmed();
    office.start_authority();
    office.start();
    (office, lever)
}

fn is_ready(office: &Office) -> bool {
    office.get(office.ports.metrics(), "/readyz").status == 200
}

/// The status of a new device's enrolment.
fn enrolled(office: &Office, code: &Code, name: &str) -> u16 {
    let (_, csr) = office.csr(name, &format!("/CN={name}.plant.example"));
    office.est("simpleenroll", &Who::Code(code), &csr).status
}

/// From when on the token works again: how long it takes until it is used.
fn back_within(office: &Office, longest: Duration) {
    let begun = Instant::now();
    office.until("it serves", || is_ready(office));
    assert!(begun.elapsed() < longest, "{:?}", begun.elapsed());
}

#[test]
fn a_call_that_hangs_is_left_behind_and_others_are_served() {
    let (office, lever) = shimmed();
    let code = office.code();
    lever.pull("C_SignInit hang times 1").unwrap();
    let asked = Instant::now();
    // The message to the CA is not signed: nobody is told that it was.
    assert_eq!(enrolled(&office, &code, "hangs"), 503);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!((office.metric("ra_hsm_threads_left_behind", "") - 1.0).abs() < 0.1);
    assert!(is_ready(&office));
    for name in ["first", "second", "third"] {
        assert_eq!(enrolled(&office, &code, name), 200, "{name}");
    }
    lever.release().unwrap();
    office.until("the thread comes back", || office.metric("ra_hsm_threads_left_behind", "") < 0.5);
    assert_eq!(enrolled(&office, &code, "hangs"), 200);
    assert_eq!(office.records().count(Kind::Issued), 4);
}

#[test]
fn a_token_that_hangs_altogether_is_missed_and_used_when_it_answers() {
    let (office, lever) = shimmed();
    let code = office.code();
    lever.pull("* hang").unwrap();
    office.until("it is missed", || {
        let _ = enrolled(&office, &code, "pump");
        !is_ready(&office)
    });
    let asked = Instant::now();
    assert_eq!(enrolled(&office, &code, "valve"), 503);
    assert!(asked.elapsed() < Duration::from_secs(1), "told at once: {:?}", asked.elapsed());
    lever.release().unwrap();
    back_within(&office, Duration::from_secs(5));
    assert_eq!(enrolled(&office, &code, "valve"), 200);
    office.until("no thread is left behind", || office.metric("ra_hsm_threads_left_behind", "") < 0.5);
    assert_eq!(office.said().matches("Daftar serves").count(), 1, "without a restart");
}

#[test]
fn whatever_code_the_token_answers_it_serves_again_without_a_restart() {
    let (office, lever) = shimmed();
    let code = office.code();
    for (number, fault) in [
        "CKR_SESSION_HANDLE_INVALID",
        "CKR_OBJECT_HANDLE_INVALID",
        "CKR_USER_NOT_LOGGED_IN",
        "CKR_OPERATION_ACTIVE",
        "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED",
        "CKR_TOKEN_NOT_PRESENT",
        "CKR_GENERAL_ERROR",
        "CKR_FUNCTION_FAILED",
        "CKR_HOST_MEMORY",
        "CKR_CRYPTOKI_NOT_INITIALIZED",
        "0x80000123",
    ]
    .into_iter()
    .enumerate()
    {
        lever.pull(&format!("C_SignInit return {fault} times 3")).unwrap();
        let name = format!("device-{number}");
        // Whoever meets the fault is told to come back.
        let first = enrolled(&office, &code, &name);
        assert!(matches!(first, 200 | 503), "{fault}: {first}");
        lever.release().unwrap();
        let begun = Instant::now();
        office.until(fault, || is_ready(&office) && enrolled(&office, &code, &name) == 200);
        assert!(begun.elapsed() < Duration::from_secs(8), "{fault}: {:?}", begun.elapsed());
    }
    assert_eq!(office.records().most_for_one_key(), 1);
    assert_eq!(office.said().matches("Daftar serves").count(), 1, "without a restart");
}

#[test]
fn a_signature_whose_answer_is_lost_is_no_second_certificate() {
    let (office, lever) = shimmed();
    let code = office.code();
    lever.pull("C_Sign then-return CKR_DEVICE_ERROR after 1 times 1").unwrap();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.case_count()), (1, 1));
}

#[test]
fn a_token_that_is_pulled_out_at_work_is_used_again_when_it_is_back() {
    let (office, lever) = shimmed();
    let code = office.code();
    lever.pull("* absent").unwrap();
    office.until("it is missed", || {
        office.ask(&Seal::code(&code), &Request::new("CN=x"));
        !is_ready(&office)
    });
    lever.release().unwrap();
    back_within(&office, Duration::from_secs(5));
    assert_eq!(enrolled(&office, &code, "pump"), 200);
}

#[test]
fn a_pin_is_tried_once_and_not_at_all_where_the_token_says_that_it_would_be_the_last() {
    let mut office = Office::prepared();
    let lever = office.shimmed();
    office.start_authority();
    let tries = |lever: &Lever| lever.counts().unwrap().get("C_Login").copied().unwrap_or_default();
    for flag in ["CKF_USER_PIN_LOCKED", "CKF_USER_PIN_FINAL_TRY"] {
        lever.pull(&format!("C_GetTokenInfo flags {flag}")).unwrap();
        office.launch();
        assert_eq!(office.ended().code(), Some(1));
        assert!(office.said().contains(flag), "{}", office.said());
        assert_eq!(tries(&lever), 0, "{flag}");
    }
    lever.pull("C_Login return CKR_PIN_INCORRECT").unwrap();
    for _ in 0..3 {
        office.launch();
        assert_eq!(office.ended().code(), Some(1));
    }
    assert_eq!(tries(&lever), 1);
}
