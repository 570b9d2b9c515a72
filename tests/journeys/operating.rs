//! What an operator sees and types.

use std::io::Write as _;

use super::office::{Office, Request, Seal, Who};

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[test]
fn health_and_metrics_are_on_their_own_door_only() {
    let office = Office::open();
    let port = office.ports.metrics();
    assert_eq!(office.get(port, "/livez").status, 200);
    let ready = office.get(port, "/readyz");
    assert_eq!(ready.status, 200);
    let ready: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    for part in ["database", "hsm", "upstream", "audit"] {
        assert_eq!(ready[part], true, "{ready}");
    }
    office.ask(&Seal::code(&office.code()), &Request::new("CN=pump.plant.example")).issued();
    let metrics = office.get(port, "/metrics");
    assert_eq!(metrics.status, 200);
    for name in
        ["ra_http_requests_total", "ra_http_request_duration_seconds", "ra_cases_total", "ra_store_commits_total"]
    {
        assert!(metrics.text().contains(name), "{name} is not in {}", metrics.text());
    }
    let odd: Vec<String> = metrics
        .text()
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("ra_"))
        .map(str::to_owned)
        .collect();
    assert!(odd.is_empty(), "issue 2, point 9: the prefix is ra_: {odd:?}");
    for path in ["/metrics", "/readyz", "/livez"] {
        assert_eq!(office.get(office.ports.http(), path).status, 404, "{path} is nobody else's business");
    }
}

#[test]
fn the_log_has_one_line_a_request() {
    let office = Office::open_with(|settings| settings.set("log", "json", true));
    let answer = office.est_get("cacerts", &[]);
    let request = answer.header("X-Request-Id").expect("the request's name").to_owned();
    let about: Vec<serde_json::Value> = office
        .said()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line.to_string().contains(&request))
        .collect();
    assert_eq!(about.len(), 1, "{}", office.said());
    let line = about[0].to_string();
    assert!(line.contains("200") && line.contains("micros"), "{line}");
}

#[test]
fn neither_secrets_nor_requests_stand_in_the_log() {
    let office = Office::open_with(|settings| settings.set("log", "filter", "debug"));
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    let wrong = super::office::Code { secret: "guessed-secret-value".into(), ..code.clone() };
    assert_eq!(office.est("simpleenroll", &Who::Code(&wrong), &csr).status, 401);
    let said = office.said();
    assert!(!said.contains(&code.secret) && !said.contains("guessed-secret-value"), "{said}");
    assert!(!said.contains(&String::from_utf8_lossy(&csr[..60]).into_owned()));
    let pin = std::fs::read_to_string(office.path("pin")).unwrap();
    assert!(!said.contains(pin.trim()));
}

#[test]
fn a_stop_finishes_what_is_under_way() {
    let mut office = Office::open();
    let code = office.code();
    office.mischief(r#"{"delay_ms": 1500}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| office.est("simpleenroll", &Who::Code(&code), &csr));
        office.until("it is under way", || office.case_count() == 1);
        office.tell_to_stop();
        asked.join().unwrap()
    });
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(office.ended().success(), "{}", office.said());
    assert!(Office::try_get(office.ports.metrics(), "/livez").is_none());
    office.start();
    assert_eq!(office.state(), "confirmed");
}

#[test]
fn an_idle_connection_does_not_hold_up_a_stop() {
    let mut office = Office::open();
    let mut stream = office.tls();
    stream.write_all(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    #[expect(clippy::disallowed_methods, reason = "the connection is to be idle for a while")]
    std::thread::sleep(std::time::Duration::from_millis(300));
    let begun = std::time::Instant::now();
    assert!(office.stop().success(), "{}", office.said());
    assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
}

#[test]
fn check_tells_what_is_wrong_and_how_to_mend_it() {
    let mut office = Office::open();
    let good = office.run(&["check"]);
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let lines = office.run(&["check", "--json"]);
    for line in String::from_utf8_lossy(&lines.stdout).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["ok"], true, "{line}");
    }
    office.stop_authority();
    let bad = office.run(&["check"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(said(&bad).contains("authority.demo"), "{}", said(&bad));
    assert!(said(&bad).contains(&office.ports.authority().to_string()), "{}", said(&bad));
    office.stop();
    // RFC 9483 section 3.4: its certificate is of the key on the token.
    let (own, other) = (office.pki("ra.pem"), office.pki("device.pem"));
    std::fs::copy(&own, office.path("kept.pem")).unwrap();
    std::fs::copy(&other, &own).unwrap();
    let strange = office.run(&["check"]);
    assert_eq!(strange.status.code(), Some(1));
    assert!(
        said(&strange).contains("the signing key on the token is another one than the certified one"),
        "{}",
        said(&strange)
    );
    std::fs::copy(office.path("kept.pem"), &own).unwrap();
    office.configure(|settings| settings.set("registrar", "answer_secconds", 1));
    let unknown = office.run(&["check"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("answer_secconds") && said(&unknown).contains("line"), "{}", said(&unknown));
}

#[test]
fn commands_end_with_the_codes_that_scripts_rely_on() {
    let mut office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    office.est("simpleenroll", &Who::Code(&code), &csr);
    let id = office.only_id();
    for words in
        [&["case", "list"][..], &["case", "list", "--state", "confirmed"], &["case", "show", &id], &["code", "list"]]
    {
        let output = office.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", said(&output));
        assert!(!output.stdout.is_empty());
        office.told(words);
    }
    let listed = said(&office.run(&["code", "list"]));
    assert!(listed.contains(&code.reference) && !listed.contains(&code.secret), "{listed}");
    for words in [
        &["case", "show", "00000000000000000000000000000000"][..],
        &["case", "show", "no-identifier"],
        &["case", "approve", &id, "--officer", "anna"],
        &["case", "list", "--state", "nowhere"],
        &["code", "create", "--profile", "nobody", "--officer", "anna"],
    ] {
        let output = office.run(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", said(&output));
        assert!(!output.stderr.is_empty());
    }
    for words in [&["case"][..], &["case", "juggle"], &["case", "approve", &id], &["--nonsense"]] {
        assert_eq!(office.run(words).status.code(), Some(2), "{words:?}");
    }
    office.stop();
    let away = office.run(&["case", "list"]);
    assert_eq!(away.status.code(), Some(1));
    assert!(said(&away).contains("daftar serve"), "{}", said(&away));
    assert_eq!(office.daftar().args(["help", "config"]).output().unwrap().status.code(), Some(0));
}

#[test]
fn the_audit_log_is_whole_after_all_of_this() {
    let mut office = Office::open();
    let code = office.code();
    for number in 0..5 {
        let (_, csr) = office.csr(&format!("pump-{number}"), &format!("/CN=pump-{number}.plant.example"));
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 200);
    }
    office.until("every leaf has a number", || office.number("SELECT count(*) FROM leaf WHERE number IS NULL") == 0);
    let before = office.told(&["audit", "verify"]);
    assert_eq!(before["unnumbered"], 0, "{before}");
    office.restart();
    let after = office.told(&["audit", "verify"]);
    assert!(after["leaves"].as_u64() > before["leaves"].as_u64(), "start and stop are leaves, too");
}

#[test]
fn a_second_server_on_the_same_office_refuses_to_start() {
    let office = Office::open();
    let output = office.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("another server runs"), "{}", said(&output));
    assert_eq!(office.get(office.ports.metrics(), "/readyz").status, 200);
}

#[test]
fn certificates_and_limits_are_read_again_at_sighup() {
    let office = Office::open();
    let code = office.code();
    let body = vec![b'A'; 3000];
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &body).status, 400);
    office.configure(|settings| {
        let limits = toml::Table::from_iter([("body".to_owned(), toml::Value::from(2000))]);
        settings.table("listen").insert("limits".into(), limits.into());
    });
    office.hang_up();
    office.until("the new limit holds", || office.est("simpleenroll", &Who::Code(&code), &body).status == 413);
}

#[test]
fn an_open_office_turns_down_what_leaves_no_trace_in_its_books() {
    let office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    // Issue 2, "Bad input": body too large and a wrong method leave a leaf and a count, too.
    let leaves = office.all_leaves();
    assert_eq!(office.est_with("simpleenroll", &Who::Code(&code), &csr, &["-X", "PUT"]).status, 405);
    assert!(office.all_leaves() > leaves, "a wrong method leaves no leaf");
    let leaves = office.all_leaves();
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &vec![b'A'; 70_000]).status, 413);
    // The listener turns it down before a door could record it; its leaf follows the answer.
    office.until("a body that is too large leaves a leaf", || office.all_leaves() > leaves);
}
