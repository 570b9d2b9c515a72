//! The certificates that the server lives by come to their end, by a clock that is stepped there.

use serde_json::Value;

use super::office::{Office, text};

const DAY: i64 = 24 * 3600;

/// The demo's RA, TLS and recovery certificates are made for two years, its issuing CA's for ten.
const TWO_YEARS: i64 = 730;

fn seconds_left(office: &Office, certificate: &str) -> f64 {
    office.metric("ra_certificate_seconds_left", &format!("certificate=\"{certificate}\""))
}

fn alarms(office: &Office) -> Vec<(String, Value)> {
    let output = office.run_by_its_clock(&["key", "status", "--json"]);
    let told: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let others = told.iter().filter_map(|one| Some((one["certificate"].as_str()?.to_owned(), one["alarm"].clone())));
    others.collect()
}

#[test]
fn the_log_gets_louder_and_the_numbers_fall_as_the_end_comes_near() {
    let mut office = Office::prepared();
    for (left, alarm, level) in
        [(61, None, ""), (59, Some("notice"), "WARN"), (29, Some("warning"), "WARN"), (6, Some("critical"), "ERROR")]
    {
        office.step_clock((TWO_YEARS - left) * DAY);
        office.start();
        let seconds = seconds_left(&office, "listen.certificate_file");
        let days = f64::from(i32::try_from(left).unwrap());
        assert!((days - 1.0..=days).contains(&(seconds / 86_400.0)), "{left}: {seconds}");
        assert!(seconds_left(&office, "authority.demo.certificates") > 86_400.0 * 2000.0);
        let checked = text(&office.run_by_its_clock(&["check"]));
        let said = office.said();
        for key in ["authority.demo.ra_certificate", "listen.certificate_file", "recovery_certificate"] {
            let near = |text: &str| text.lines().any(|line| line.contains(key) && line.contains("days left"));
            match alarm {
                None => assert!(!near(&said) && !near(&checked), "{key}: {said}{checked}"),
                Some(alarm) => {
                    let line =
                        |line: &str| line.contains(key) && line.contains(&format!("{alarm}: ")) && line.contains(level);
                    assert!(said.lines().any(line), "{key} {alarm}: {said}");
                    assert!(checked.contains(&format!("note  {key}: {alarm}: ")), "{checked}");
                }
            }
        }
        let of_tls = alarms(&office).into_iter().find(|(key, _)| key == "listen.certificate_file").unwrap().1;
        assert_eq!(of_tls.as_str(), alarm);
        assert_eq!(office.run_by_its_clock(&["key", "status"]).status.success(), alarm.is_none());
        assert!(office.stop().success());
    }
}

#[test]
fn the_days_are_the_operators_and_a_new_file_is_seen() {
    let office = Office::prepared();
    office.configure(|settings| {
        settings.set("expiry", "notice_days", 200);
        settings.set("expiry", "warning_days", 100);
    });
    office.step_clock((TWO_YEARS - 150) * DAY);
    let noticed = |office: &Office| alarms(office).iter().filter(|(_, alarm)| alarm == "notice").count();
    assert_eq!(noticed(&office), 2, "of TLS and of recovery");
    // The CA's own certificates outlive them; here a long-lived one takes the place of the server's.
    std::fs::copy(office.pki("root.pem"), office.pki("tls.pem")).unwrap();
    assert_eq!(noticed(&office), 1);
    // Ten years: the CA's is near its end, too, and over all others.
    office.step_clock((5 * TWO_YEARS - 3) * DAY);
    let found = alarms(&office);
    let of_ca = found.iter().find(|(key, _)| key == "authority.demo.certificates").unwrap();
    assert_eq!(of_ca.1, "critical", "{found:?}");
    let told = text(&office.run_by_its_clock(&["key", "status"]));
    assert!(told.contains("in authority.demo.certificates ends at"), "{told}");
    office.configure(|settings| settings.set("expiry", "critical_days", 100));
    let refused = text(&office.run(&["check"]));
    assert!(refused.contains("0 < critical_days < warning_days < notice_days"), "{refused}");
}
