//! The officers' console: log-in, a case that an officer approves, and what strangers and thieves try.

use cmp::client::Answer as Word;
use demo_ca::Kind;

use super::office::{Office, Request, Seal, Settings, Staffed, Who, csr_for};

fn by_hand(settings: &mut Settings) {
    settings.default_profile().insert("approval".into(), "by-hand".into());
    settings.set("registrar", "check_after_seconds", 1);
}

/// A device's request that waits for an officer, by its certificate from the manufacturer.
fn waiting(office: &Office) -> (impl Fn() -> super::office::Answer + use<'_>, String) {
    let key = office.key("pump");
    let csr = csr_for(&key, "/CN=pump.plant.example", &[]);
    let (pem, device) = (office.pki("device.pem"), office.pki("device.key"));
    let ask = move || office.est("simpleenroll", &Who::Holder(&pem, &device), &csr);
    assert_eq!(ask().status, 202);
    let id = office.only_id();
    (ask, id)
}

#[test]
fn a_device_that_waits_is_approved_at_the_console_and_gets_its_certificate() {
    let staffed = Staffed::open_with(by_hand);
    let office = &staffed.office;
    let (ask, id) = waiting(office);
    let anna = staffed.logged_in("anna");
    let desk = anna.page("/");
    assert!(desk.contains("waits for a decision") && desk.contains("anna"), "{desk}");
    assert!(anna.page("/cases?state=checked").contains("CN=pump.plant.example"));
    let page = anna.page(&format!("/cases/{id}"));
    assert!(
        page.contains("cannot be taken back") && page.contains("P-256") && page.contains("signed with it"),
        "{page}"
    );
    let approved = anna.post(&format!("/cases/{id}/approve"), &[]);
    assert_eq!((approved.status, approved.header("Location")), (303, Some(format!("/cases/{id}").as_str())));
    office.until("the certificate", || ask().status == 200);
    // A second word comes too late.
    let again = anna.post(&format!("/cases/{id}/approve"), &[]);
    assert_eq!(again.status, 409, "{}", again.text());
    let shown = office.shown(&id);
    let actor = shown["decisions"][1]["actor"].as_str().unwrap();
    assert!(actor.starts_with("officer:"), "{actor}");
    office.until("the log has it", || office.told(&["audit", "verify"])["unnumbered"] == 0);
    let page = anna.page(&format!("/cases/{id}"));
    assert!(page.contains("Demo") && page.contains("a certificate came") && page.contains("<bdi>anna</bdi>"), "{page}");
    assert_eq!(office.records().count(Kind::Issued), 1);
    // The name of an officer is personal: it stands beside the log, not in it.
    let named: Vec<Vec<u8>> = office.column("SELECT canonical FROM leaf");
    assert!(named.iter().all(|leaf| !leaf.windows(4).any(|four| four == b"anna")));
}

#[test]
fn a_cmp_client_that_polls_is_refused_in_the_officers_words_in_persian() {
    let staffed = Staffed::open_with(by_hand);
    let office = &staffed.office;
    let device = Seal::device(office);
    let asked = office.ask(&device, &Request::new("CN=valve.plant.example"));
    let Word::Waiting { cert_req_id } = asked.read() else { panic!("{:?}", asked.answer.body()) };
    let anna = staffed.logged_in("anna");
    assert_eq!(
        anna.post_bare("/language", &[("language", "fa"), ("back", "/cases")]).header("Location"),
        Some("/cases")
    );
    let page = anna.page("/cases");
    assert!(
        page.contains("dir=\"rtl\"")
            && page.contains("پرونده‌ها")
            && page.contains("<bdi dir=\"ltr\">CN=valve.plant.example</bdi>"),
        "{page}"
    );
    let id = office.only_id();
    let silent = anna.post(&format!("/cases/{id}/refuse"), &[("text", "  ")]);
    assert_eq!(silent.status, 400, "{}", silent.text());
    assert_eq!(anna.post(&format!("/cases/{id}/refuse"), &[("text", "چنین شیری نداریم")]).status, 303);
    let polled = office.send(&asked.poll(&device, cert_req_id));
    let Ok(Word::Rejected(status)) = cmp::client::read(&polled.answer) else { panic!("{:?}", polled.answer.body()) };
    assert!(status.text.iter().any(|text| text.contains("چنین شیری نداریم")), "{status:?}");
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn once_there_are_officers_the_control_socket_decides_nothing() {
    let staffed = Staffed::open_with(by_hand);
    let office = &staffed.office;
    let (_, id) = waiting(office);
    for words in [
        &["case", "approve", &id, "--officer", "anna"][..],
        &["case", "refuse", &id, "--officer", "anna", "--text", "no"],
        &["code", "create", "--profile", "default", "--officer", "anna"],
    ] {
        let output = office.run(words);
        assert!(!output.status.success());
        assert!(super::office::text(&output).contains("a command with --as"), "{words:?}");
    }
    assert_eq!(office.state(), "checked");
    // At the officers' socket they are officers, who do what is theirs to do, and nobody else is.
    office.certify_person("zahra");
    for (who, fault) in [("mina", "approve is not a job of mina"), ("zahra", "not that of an officer")] {
        let output = office.run(&["case", "approve", &id, "--as", &office.with_key(who)]);
        assert!(
            !output.status.success() && super::office::text(&output).contains(fault),
            "{}",
            super::office::text(&output)
        );
    }
    assert_eq!((office.state(), office.leaves("authentication_failed")), ("checked".to_owned(), 1));
    let code = office.told(&["code", "create", "--profile", "default", "--as", &office.with_key("anna")]);
    assert!(code["secret"].is_string(), "{code}");
    office.told(&["case", "approve", &id, "--as", &office.with_key("anna")]);
    office.until("it is issued", || office.records().count(Kind::Issued) == 1);
    // Nor does a second set-up begin anew.
    let first = office.path("officers/officers.toml");
    let again = office.run(&["init", "--officers", first.to_str().unwrap()]);
    assert!(!again.status.success());
}

#[test]
fn a_code_is_shown_once_and_its_maker_does_not_decide_what_comes_with_it() {
    let staffed = Staffed::open_with(by_hand);
    let office = &staffed.office;
    let anna = staffed.logged_in("anna");
    let made = anna.post("/codes", &[("profile", "default"), ("days", "14"), ("names", "")]);
    assert_eq!(made.status, 200, "{}", made.text());
    let text = made.text();
    let shown: Vec<&str> = text.split("<code>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    let code = super::office::Code { id: String::new(), reference: shown[0].to_owned(), secret: shown[1].to_owned() };
    assert!(!anna.page("/codes").contains(&code.secret) && anna.page("/codes").contains(&code.reference));
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    let id = office.only_id();
    let own = anna.post(&format!("/cases/{id}/approve"), &[]);
    assert_eq!(own.status, 409);
    assert!(own.text().contains("another officer must decide"), "{}", own.text());
    assert_eq!(office.state(), "checked");
    for days in ["0", "x", "4000"] {
        assert_eq!(anna.post("/codes", &[("profile", "default"), ("days", days)]).status, 400);
    }
}

#[test]
fn what_one_administrator_proposes_another_confirms() {
    let staffed = Staffed::open();
    let office = &staffed.office;
    let (mina, majid) = (staffed.logged_in("mina"), staffed.logged_in("majid"));
    office.certify_person("bahar");
    let both = std::fs::read_to_string(office.with_key("bahar")).unwrap();
    let pem = both.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap().to_owned();
    let fields = [("name", "بهار <b>رادان</b>"), ("registrar-officer", "yes"), ("certificate", pem.as_str())];
    let proposed = mina.post("/officers", &fields);
    assert_eq!(proposed.status, 303, "{}", proposed.text());
    assert_eq!(staffed.browser("bahar").log_in().status, 401, "nobody has confirmed her");
    let page = majid.page("/officers");
    assert!(page.contains("بهار &#60;b&#62;رادان&#60;/b&#62;"), "names are text: {page}");
    let path =
        page.split("action=\"").filter_map(|rest| rest.split('"').next()).find(|path| path.ends_with("/confirm"));
    let path = path.expect("she can be confirmed").to_owned();
    assert!(!mina.page("/officers").contains(&path), "not by who proposed her");
    assert_eq!(mina.post(&path, &[]).status, 409);
    assert_eq!(majid.post(&path, &[]).status, 303);
    let bahar = staffed.logged_in("bahar");
    assert_eq!(bahar.get("/cases").status, 200);
    // Shut out at once, whatever session there is.
    assert_eq!(majid.post(&path.replace("confirm", "disable"), &[]).status, 303);
    assert_eq!(bahar.get("/cases").status, 303);
    assert_eq!(bahar.log_in().status, 401);
    for (fields, words) in [
        (&[("name", "a\u{202e}b"), ("checker", "yes"), ("certificate", &pem)][..], "direction of writing"),
        (&[("name", "Bahar"), ("certificate", &pem)], "at least one job"),
        (&[("name", "Bahar"), ("auditor", "yes"), ("checker", "yes"), ("certificate", &pem)], "no other job"),
        (&[("name", "Bahar"), ("checker", "yes"), ("certificate", "none")], "certificate"),
        (&[("name", "Bahar"), ("checker", "yes"), ("certificate", &both)], "there is a private key with it"),
    ] {
        let answer = mina.post("/officers", fields);
        assert_eq!(answer.status, 400, "{words}");
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
    }
    let page = mina.page("/officers");
    assert!(page.contains("Nobody has signed it yet"), "{page}");
    assert_eq!(mina.post("/officers/review", &[]).status, 303);
    assert!(mina.page("/officers").contains("Last signed"));
}

#[test]
fn a_stolen_cookie_a_forged_form_and_a_planted_session_are_worth_nothing() {
    let staffed = Staffed::open_with(by_hand);
    let office = &staffed.office;
    let (_, id) = waiting(office);
    let approve = format!("/cases/{id}/approve");
    let anna = staffed.logged_in("anna");
    let token = anna.form_token();
    // Her cookies in another officer's browser, and in one without a certificate.
    for thief in ["chista", ""] {
        let (thief, jar) = anna.with_certificate_of(thief);
        let stolen = thief.curl_with(&jar, "/cases", &[]);
        assert_eq!(stolen.status, 303, "{}", stolen.text());
    }
    // The jar was written to by the thief's browser: she logs in again, and the old form is none of this session's.
    let planted = anna.jar();
    let before = std::fs::read_to_string(&planted).unwrap();
    assert_eq!(anna.log_in().status, 303);
    assert_ne!(std::fs::read_to_string(&planted).unwrap(), before, "each log-in has a session of its own");
    let header = format!("Origin: {}", anna.origin());
    let field = |name: &str, value: &str| format!("{name}={value}");
    for (words, why) in [
        (vec!["-X", "POST", "-H", &header], "no token"),
        (vec!["-X", "POST", "-H", &header, "-d", &field("form_token", "")], "an empty one"),
        (vec!["-X", "POST", "-H", &header, "-d", &field("form_token", &token)], "one of another session"),
        (vec!["-X", "POST", "-d", &field("form_token", &anna.form_token())], "no origin"),
        (
            vec!["-X", "POST", "-H", "Origin: https://evil.example", "-d", &field("form_token", &anna.form_token())],
            "another site",
        ),
        (
            vec![
                "-X",
                "POST",
                "-H",
                &header,
                "-H",
                "Host: evil.example",
                "-d",
                &field("form_token", &anna.form_token()),
            ],
            "another name",
        ),
    ] {
        let status = anna.curl(&approve, &words).status;
        assert!([403, 421].contains(&status), "{why}: {status}");
    }
    assert_eq!(office.state(), "checked");
    assert_eq!(anna.post(&approve, &[]).status, 303);
    // What a page may do is told to the browser.
    let page = anna.get("/");
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(page.header("Cache-Control"), Some("no-store"));
    let cookie = anna.log_in();
    let cookie = cookie.header("Set-Cookie").unwrap();
    for part in ["__Host-session=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!office.said().contains(&token));
}

#[test]
fn who_is_no_officer_is_told_what_is_missing_and_counted() {
    let staffed = Staffed::open_with(|settings| settings.set("registrar", "failures_per_minute", 3));
    let office = &staffed.office;
    assert!(staffed.browser("").page("/log-in").contains("showed no certificate"));
    office.certify_person("zahra");
    let zahra = staffed.browser("zahra");
    let page = zahra.page("/log-in");
    assert!(page.contains("not that of an officer") && page.contains("CN=zahra"), "{page}");
    assert!(staffed.browser("anna").page("/log-in").contains("<bdi>anna</bdi>"));
    for _ in 0..3 {
        assert_eq!(zahra.log_in().status, 401);
    }
    assert_eq!(zahra.log_in().status, 429);
    assert_eq!(office.leaves("authentication_failed"), 3);
}

#[test]
fn officers_are_named_by_commands_as_at_the_console() {
    let staffed = Staffed::open();
    let office = &staffed.office;
    let (mina, majid, anna) = (office.with_key("mina"), office.with_key("majid"), office.with_key("anna"));
    office.certify_person("bahar");
    let entry = "[[officer]]\nname = \"Bahar\"\njobs = [\"checker\"]\ncertificate = \"bahar.crt\"\n\
         [[officer.learned]]\ncourse = \"RA\"\npassed = \"2026-03-21\"\n";
    let both = std::fs::read_to_string(office.with_key("bahar")).unwrap();
    let certificate = both.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    super::office::written(office.path("officers/bahar.crt"), certificate.as_bytes());
    let file = super::office::written(office.path("officers/bahar.toml"), entry.as_bytes());
    let add = ["officer", "add", file.to_str().unwrap(), "--as"];
    let refused = office.run(&[&add[..], &[&anna]].concat());
    assert!(
        super::office::text(&refused).contains("propose-officer is not a job of anna"),
        "{}",
        super::office::text(&refused)
    );
    let told = office.told(&[&add[..], &[&mina]].concat());
    let id = told["proposed"][0]["id"].as_str().unwrap();
    let own = office.run(&["officer", "confirm", id, "--as", &mina]);
    assert!(super::office::text(&own).contains("another administrator proposed"), "{}", super::office::text(&own));
    let at_work = || {
        let roster = office.told(&["officer", "list", "--as", &majid]);
        let officers = roster["officers"].as_array().unwrap().clone();
        let bahar = officers.into_iter().find(|officer| officer["id"] == id).unwrap();
        assert_eq!((&bahar["name"], &bahar["learned"][0]["course"]), (&"Bahar".into(), &"RA".into()));
        (bahar["state"].as_str().unwrap().to_owned(), roster["reviewed_at"].is_i64())
    };
    assert_eq!(at_work(), ("proposed".to_owned(), false));
    office.told(&["officer", "confirm", id, "--as", &majid]);
    office.told(&["officer", "review", "--as", &majid]);
    assert_eq!(at_work(), ("active".to_owned(), true));
    staffed.logged_in("bahar");
    office.told(&["officer", "disable", id, "--as", &mina]);
    assert_eq!(at_work().0, "disabled");
    assert_eq!(staffed.browser("bahar").log_in().status, 401);
    assert!(super::office::text(&office.run(&["officer", "list", "--as", &majid])).contains("Bahar"));
}

#[test]
fn a_session_ends_by_itself_when_nobody_is_there() {
    let mut staffed = Staffed::open_with(|settings| {
        settings.table("officers").insert("idle_minutes".into(), 5.into());
    });
    let anna = staffed.logged_in("anna");
    assert_eq!(anna.get("/").status, 200);
    staffed.office.step_clock(0);
    staffed.office.restart();
    assert_eq!(anna.get("/").status, 200, "a restart logs nobody out");
    staffed.office.step_clock(6 * 60);
    assert_eq!(anna.get("/").status, 303, "she was away for longer than idle_minutes");
    assert_eq!(staffed.office.number("SELECT count(*) FROM session"), 0);
    let anna = staffed.logged_in("anna");
    let at = anna.post("/log-out", &[]);
    assert_eq!((at.status, at.header("Location")), (303, Some("/log-in")));
    assert_eq!(anna.get("/").status, 303);
}

#[test]
fn a_session_ends_after_its_hours_however_busy_it_is() {
    let mut staffed = Staffed::open_with(|settings| {
        settings.table("officers").insert("idle_minutes".into(), 50.into());
        settings.table("officers").insert("session_hours".into(), 1.into());
    });
    staffed.office.step_clock(0);
    staffed.office.restart();
    let anna = staffed.logged_in("anna");
    for (minutes, status) in [(40, 200), (58, 200), (61, 303)] {
        staffed.office.step_clock(minutes * 60);
        assert_eq!(anna.get("/").status, status, "after {minutes} minutes");
    }
}

#[test]
fn a_job_that_demands_a_course_is_not_done_without_it() {
    let mut staffed = Staffed::open_with(|settings| {
        by_hand(settings);
        let demanded: toml::Table = [("registrar-officer".to_owned(), "RA officer".into())].into_iter().collect();
        settings.table("officers").insert("qualifications".into(), demanded.into());
    });
    let (_, id) = waiting(&staffed.office);
    let anna = staffed.logged_in("anna");
    assert!(anna.page("/").contains("registrar officer"), "{}", anna.page("/"));
    let refused = anna.post(&format!("/cases/{id}/approve"), &[]);
    assert_eq!(refused.status, 403, "{}", refused.text());
    let code =
        staffed.office.run(&["code", "create", "--profile", "default", "--as", &staffed.office.with_key("anna")]);
    assert!(super::office::text(&code).contains("make-code is not a job of anna"));
    assert_eq!(staffed.office.state(), "checked");
    // Without the demand she may, whatever she learned.
    staffed.office.configure(|settings| drop(settings.table("officers").remove("qualifications")));
    staffed.office.restart();
    assert_eq!(anna.post(&format!("/cases/{id}/approve"), &[]).status, 303);
}

#[test]
fn an_office_with_officers_starts_only_when_no_way_is_for_one_person_alone() {
    // While nobody is named it is told, and stops nothing.
    let office = Office::open_with(|settings| drop(settings.table("officers").remove("alone")));
    let told = office.run(&["check"]);
    let said = super::office::text(&told);
    assert!(told.status.success() && said.contains("note  officers.alone") && said.contains("code:default"), "{said}");
    let mut staffed = Staffed::open();
    assert!(staffed.office.stop().success());
    staffed.office.configure(|settings| {
        let reason = toml::Table::from_iter([("code:nowhere".to_owned(), "because of the plant".into())]);
        settings.table("officers").insert("alone".into(), reason.into());
    });
    let checked = super::office::text(&staffed.office.run(&["check"]));
    assert!(checked.contains("FAULT officers.alone") && checked.contains("code:default"), "{checked}");
    let output = staffed.office.run(&["serve"]);
    assert!(!output.status.success());
    let said = super::office::text(&output);
    assert!(said.contains("code:default") && said.contains("trusted-ra:the other RA:default"), "{said}");
    assert!(said.contains("a way that is not open") && said.contains("code:nowhere"), "{said}");
    assert!(said.contains("approval = \"by-hand\"") && said.contains("[officers.alone]"), "{said}");
}
