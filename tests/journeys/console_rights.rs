//! What each job may do at the console: every route is walked as every job, and compared with what people wrote down.

use std::collections::BTreeMap;

use daftar::console::mounted;

use super::office::{Browser, Staffed};

/// The routes of `tests/permissions.toml` with the jobs that may.
fn written() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/permissions.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let jobs = |value: &toml::Value| match value {
        toml::Value::Array(jobs) => jobs.iter().map(|job| job.as_str().unwrap().to_owned()).collect(),
        other => vec![other.as_str().unwrap().to_owned()],
    };
    table.iter().map(|(route, value)| (route.clone(), jobs(value))).collect()
}

fn routes() -> Vec<(String, &'static str, String)> {
    let route = |mounted: daftar::console::Mounted| {
        let path = mounted.path.replace("{id}", &"0".repeat(32));
        (format!("{} {}", mounted.method, mounted.path), if mounted.method == "GET" { "GET" } else { "POST" }, path)
    };
    mounted().into_iter().map(route).collect()
}

fn walk(browser: &Browser, method: &str, path: &str, token: &str) -> u16 {
    match method {
        "GET" => browser.get(path).status,
        _ => browser.post_bare(path, &[("form_token", token), ("back", "")]).status,
    }
}

#[test]
fn every_route_is_written_down_and_no_other() {
    let (mut mounted, written): (Vec<String>, Vec<String>) =
        (routes().into_iter().map(|(name, ..)| name).collect(), written().into_keys().collect());
    mounted.sort();
    assert_eq!(mounted, written);
}

#[test]
fn every_job_may_what_is_written_down_and_nothing_else() {
    let staffed = Staffed::open();
    let written = written();
    let staff = staffed.office.staff();
    let jobs: std::collections::BTreeSet<&str> = staff.iter().map(|(_, job)| job.as_str()).collect();
    assert_eq!(jobs, daftar::duty::Job::ALL.iter().map(|job| job.name()).collect(), "somebody has each job");
    for (name, job) in &staff {
        let browser = staffed.logged_in(name);
        let token = browser.form_token();
        for (route, method, path) in routes().iter().filter(|(name, ..)| !name.contains("/log-")) {
            let allowed = &written[route];
            let may = allowed.iter().any(|allowed| ["anyone", "officer", job].contains(&allowed.as_str()));
            let status = walk(&browser, method, path, &token);
            // What is allowed may find nothing, or a form with nothing in it.
            let denied = [401, 403].contains(&status);
            assert_eq!(!denied, may, "{name}, {job}: {route}: {status}");
        }
        assert_eq!(walk(&browser, "POST", "/log-out", &token), 303);
    }
    // What was tried and not allowed stands in the log.
    staffed.office.until("the log has it", || staffed.office.leaves("officer_action") > 40);
}

#[test]
fn without_a_log_in_there_is_the_log_in_page_alone() {
    let staffed = Staffed::open();
    let written = written();
    for (who, status_of_log_in) in [("anna", 303), ("", 401)] {
        let browser = staffed.browser(who);
        for (route, method, path) in &routes() {
            let status = walk(&browser, method, path, "");
            match (written[route][0].as_str(), *method) {
                ("anyone", "POST") if path == "/log-in" => assert_eq!(status, status_of_log_in, "{who}"),
                ("anyone", _) => assert!([200, 303].contains(&status), "{route}: {status}"),
                // To the log-in page.
                (_, "GET") if who.is_empty() => assert_eq!(status, 303, "{route}"),
                (_, _) if who.is_empty() => assert_eq!(status, 401, "{route}"),
                _ => {}
            }
        }
    }
}
