//! The token with the RA's key is away (DESIGN rule 9), its PIN is wrong (DESIGN section 3), its key stays inside.

use std::fs;
use std::process::Command;

use cmp::FailureInfo;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Who};

pub(super) fn take_away(office: &Office) {
    fs::rename(office.path("token"), office.path("token-away")).unwrap();
}

pub(super) fn bring_back(office: &Office) {
    // What the module made in its place meanwhile is no token.
    let _ = fs::remove_dir_all(office.path("token"));
    fs::rename(office.path("token-away"), office.path("token")).unwrap();
}

#[test]
fn without_its_token_the_ra_serves_nobody_and_with_it_it_does() {
    let mut office = Office::open();
    let code = office.code();
    let (mac, device) = (Seal::code(&code), Seal::device(&office));
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    take_away(&office);
    // The first request may be the one that finds it away.
    office.until("the token is missed", || {
        office.est("simpleenroll", &Who::Code(&code), &csr);
        office.get(office.ports.metrics(), "/readyz").status == 503
    });
    let cases = office.case_count();
    assert_eq!(
        i64::try_from(office.records().count(Kind::Issued)).unwrap(),
        cases,
        "no case was opened that could not be signed"
    );
    let ready: serde_json::Value = serde_json::from_slice(&office.get(office.ports.metrics(), "/readyz").body).unwrap();
    assert_eq!(ready["hsm"], false, "{ready}");
    assert_eq!(office.get(office.ports.metrics(), "/livez").status, 200);
    let (_, other) = office.csr("other", "/CN=other.plant.example");
    let answer = office.est("simpleenroll", &Who::Code(&code), &other);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(office.est_get("cacerts", &[]).status, 200, "what needs no key is served");
    let refused = office.ask(&mac, &Request::new("CN=other.plant.example"));
    assert_eq!(refused.failure(), FailureInfo::SYSTEM_UNAVAIL);
    assert!(refused.is_protected(&office, &mac), "under the secret that the request was under");
    // Only a signature would do: RFC 9483 section 3.6.4, DESIGN rule 9.
    let answer = office.cmp_post("", &device.finish(Request::new("CN=other.plant.example").draft(&device)));
    let message =
        cmp::Message::parse(&answer.body, &cmp::Limits::default()).unwrap_or_else(|fault| panic!("{}", fault.fault));
    assert!(message.protection().is_none());
    let failure = match cmp::client::read(&message).unwrap() {
        cmp::client::Answer::Rejected(status) => status.failure,
        cmp::client::Answer::Error(error) => error.status.failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failure, Some(FailureInfo::SYSTEM_UNAVAIL));
    assert_eq!(answer.status, 503, "DESIGN rule 9");
    assert_eq!(office.case_count(), cases, "no case was opened");
    bring_back(&office);
    office.restart();
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &other).status, 200);
    office.ask(&mac, &Request::new("CN=mac.plant.example")).issued();
    office.ask(&device, &Request::new("CN=device.plant.example")).issued();
}

#[test]
fn the_server_starts_without_its_token_and_uses_it_when_it_comes() {
    let mut office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    office.stop();
    take_away(&office);
    office.launch();
    office.until("it serves", || Office::try_get(office.ports.metrics(), "/livez").is_some());
    assert_eq!(office.est_get("cacerts", &[]).status, 200, "what needs no key is served");
    let ready: serde_json::Value = serde_json::from_slice(&office.get(office.ports.metrics(), "/readyz").body).unwrap();
    assert_eq!((&ready["hsm"], &ready["data_key"]), (&false.into(), &false.into()), "{ready}");
    // Whether the code is right cannot be known, so it is not told.
    for who in [Who::Code(&code), Who::Holder(&office.pki("device.pem"), &office.pki("device.key"))] {
        let answer = office.est("simpleenroll", &who, &csr);
        assert_eq!((answer.status, answer.header("Retry-After").is_some()), (503, true), "{}", answer.text());
    }
    assert_eq!(office.ask(&Seal::code(&code), &Request::new("CN=x")).failure(), FailureInfo::SYSTEM_UNAVAIL);
    assert_eq!((office.case_count(), office.leaves("authentication_failed")), (0, 0));
    bring_back(&office);
    office.until("the token is used", || office.get(office.ports.metrics(), "/readyz").status == 200);
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    office.ask(&Seal::code(&office.code()), &Request::new("CN=mac.plant.example")).issued();
    assert_eq!(office.said().matches("Daftar serves").count(), 2, "it was not started anew");
}

#[test]
fn an_approval_waits_for_the_token() {
    let mut office = Office::open_with(|settings| {
        settings.default_profile().insert("approval".into(), "by-hand".into());
    });
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    take_away(&office);
    office.until("the token is missed", || {
        // Something must be signed before anybody can miss it.
        let seal = Seal::device(&office);
        office.cmp_post("", &seal.finish(Request::new("CN=x").around(&seal, cmp::body::genm(&[]))));
        office.get(office.ports.metrics(), "/readyz").status == 503
    });
    office.told(&["case", "approve", &office.only_id(), "--officer", "anna"]);
    assert_eq!(office.state(), "approved");
    bring_back(&office);
    office.restart();
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_wrong_pin_is_tried_once_in_five_starts() {
    let mut office = Office::prepared();
    let pin = fs::read(office.path("pin")).unwrap();
    fs::write(office.path("pin"), b"not-the-pin").unwrap();
    office.start_authority();
    for start in 0..5 {
        office.launch();
        let status = office.ended();
        assert_eq!(status.code(), Some(1), "start {start}: {}", office.said());
    }
    let said = office.said();
    assert!(said.contains("daftar key retry-pin"), "{said}");
    assert_eq!(said.matches("did not accept the PIN").count(), 1, "the token was asked once: {said}");
    assert_eq!(said.matches("the PIN was not tried").count(), 4, "{said}");
    let check = office.run(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(text.contains("retry-pin"), "{text}");
    // With the right PIN it stays locked until somebody says so.
    fs::write(office.path("pin"), &pin).unwrap();
    office.launch();
    assert_eq!(office.ended().code(), Some(1));
    assert!(office.run(&["key", "retry-pin"]).status.success());
    office.start();
}

#[test]
fn the_keys_stay_on_the_token() {
    let office = Office::prepared();
    let pin = fs::read_to_string(office.path("pin")).unwrap();
    let output = Command::new("pkcs11-tool")
        .env("SOFTHSM2_CONF", office.path("softhsm2.conf"))
        .args(["--module", "/usr/lib/softhsm/libsofthsm2.so", "--login", "--pin", pin.trim(), "--list-objects"])
        .output()
        .expect("opensc is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let objects: Vec<&str> = text.lines().collect();
    let access = |kind: &str| {
        let start =
            objects.iter().position(|line| line.starts_with(kind)).unwrap_or_else(|| panic!("no {kind}: {text}"));
        let rest = &objects[start + 1..];
        let found = rest.iter().find(|line| line.trim().starts_with("Access:"));
        found.unwrap_or_else(|| panic!("{text}")).to_string()
    };
    for kind in ["Private Key Object", "Secret Key Object"] {
        let access = access(kind);
        assert!(access.contains("sensitive") && access.contains("never extractable"), "{kind}: {access}");
    }
}
