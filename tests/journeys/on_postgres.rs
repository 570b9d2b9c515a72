//! The office with its records on a PostgreSQL server.

use cmp::FailureInfo;
use cmp::client::Answer;
use demo_ca::Kind;

use super::cmp_settings::{error, pbm};
use super::est_digest;
use super::office::{Office, Request, Seal, Settings, Who, text};
use super::server::Server;

/// Its records are there, and nowhere else.
fn records_at(server: &Server) -> impl FnOnce(&mut Settings) + use<> {
    let url = server.url();
    move |settings| {
        settings.table("store").clear();
        settings.set("store", "url", url);
        settings.set("registrar", "answer_seconds", 0.5);
        settings.set("registrar", "check_after_seconds", 1);
    }
}

#[test]
fn an_office_that_is_killed_comes_back_with_everything() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump-7.plant.example");
    let mut enrolled = office.est("simpleenroll", &Who::Code(&code), &csr);
    office.until("the certificate", || {
        enrolled = office.est("simpleenroll", &Who::Code(&code), &csr);
        enrolled.status == 200
    });
    let seal = Seal::device(&office);
    let first = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    first.issued();
    let issued = office.records().count(Kind::Issued);
    office.kill();
    office.start();
    assert!(!office.path("data/daftar.sqlite").exists());
    assert_eq!(first.answer.der(), office.send(first.sent.der()).answer.der());
    assert!(matches!(office.send(&first.confirm(&seal, None)).read(), Answer::Confirmed));
    let again = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(office.received(&again.body), office.received(&enrolled.body));
    assert_eq!(office.records().count(Kind::Issued), issued);
    assert_eq!(office.cases().len(), 2);
    office.until("every leaf has a number", || office.told(&["audit", "verify"])["unnumbered"] == 0);
}

#[test]
fn what_was_on_its_way_to_the_ca_arrives_after_a_kill() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let code = office.code();
    office.mischief(r#"{"delay_ms": 2000}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    assert_eq!(office.est("simpleenroll", &Who::Code(&code), &csr).status, 202);
    office.kill();
    office.start();
    office.until("the certificate", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.cases().len()), (1, 1));
}

#[test]
fn a_database_server_that_crashes_and_comes_back_is_found_again() {
    let mut server = Server::start();
    let office = Office::open_with(records_at(&server));
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    server.crash();
    let refused = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(office.records().count(Kind::Issued), 0);
    server.again();
    office.until("the certificate", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.cases().len()), (1, 1));
}

#[test]
fn any_of_three_nodes_goes_on_with_what_another_began() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let (mut second, mut third) = (office.further_node("second"), office.further_node("third"));
    let code = office.code();
    // EST: a repeat at another node is the same certificate.
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let ask = |office: &Office| office.est("simpleenroll", &Who::Code(&code), &csr);
    office.until("the certificate", || ask(&office).status == 200);
    let first = office.received(&ask(&office).body);
    for node in [&mut second, &mut third] {
        let again = office.at(node, |office| ask(office));
        assert_eq!((again.status, office.received(&again.body)), (200, first.clone()));
    }
    // CMP: certConf and polling at other nodes than the request; a repeated message gets the answer that was recorded.
    let seal = Seal::device(&office);
    let asked = office.ask(&seal, &Request::explicit("CN=valve.plant.example"));
    asked.issued();
    let repeated = office.at(&mut second, |office| office.send(asked.sent.der()));
    assert_eq!(repeated.answer.der(), asked.answer.der());
    let confirmed = office.at(&mut third, |office| office.send(&asked.confirm(&seal, None)));
    assert!(matches!(confirmed.read(), Answer::Confirmed), "{:?}", confirmed.answer.body());
    office.mischief(r#"{"delay_ms": 2500}"#);
    let waiting = office.ask(&seal, &Request::new("CN=tank.plant.example"));
    let Answer::Waiting { cert_req_id } = waiting.read() else { panic!("{:?}", waiting.answer.body()) };
    let mut polled = office.at(&mut second, |office| office.send(&waiting.poll(&seal, cert_req_id)));
    while let Ok(Answer::PollAgain { .. }) = cmp::client::read(&polled.answer) {
        std::thread::park_timeout(std::time::Duration::from_millis(400));
        polled = office.at(&mut third, |office| office.send(&polled.poll(&seal, cert_req_id)));
    }
    assert!(matches!(cmp::client::read(&polled.answer).unwrap(), Answer::Issued(_)), "{:?}", polled.answer.body());
    // A one-time code is good once, wherever.
    let once = office.one_time_code();
    let (_, mine) = office.csr("mine", "/CN=mine.plant.example");
    let (_, other) = office.csr("other", "/CN=other.plant.example");
    office.until("it is used", || office.est("simpleenroll", &Who::Code(&once), &mine).status == 200);
    assert_eq!(office.at(&mut second, |office| office.est("simpleenroll", &Who::Code(&once), &other).status), 401);
    assert_eq!((office.records().count(Kind::Issued), office.records().most_for_one_key()), (4, 1));
}

#[test]
fn what_a_client_of_one_node_was_given_is_good_at_another_and_once() {
    let server = Server::start();
    let mut office = Office::open_with(|settings| {
        records_at(&server)(settings);
        let est = toml::Table::from_iter([("http_schemes".to_owned(), "digest".into())]);
        settings.default_profile().insert("est".into(), est.into());
    });
    let mut second = office.further_node("second");
    // HTTP Digest: a nonce of one node, used at the other, is used up at both.
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let nonce = est_digest::nonce(&office);
    let used = |count: u32| est_digest::header(&code, &nonce, count);
    let asked = office.at(&mut second, |office| est_digest::send(office, &used(1), &csr).status);
    assert!(matches!(asked, 200 | 202), "{asked}");
    let replayed = est_digest::send(&office, &used(1), &csr);
    assert!(replayed.status == 401 && est_digest::is_stale(&replayed), "{:?}", replayed.lines);
    assert!(matches!(est_digest::send(&office, &used(2), &csr).status, 200 | 202));
    assert_eq!(office.at(&mut second, |office| est_digest::send(office, &used(2), &csr).status), 401);
    // TLS: a session that began at one node is resumed at the other, and after a restart.
    let session = office.path("session.pem");
    let shake = |office: &Office, word: &str| {
        let address = format!("localhost:{}", office.ports.https());
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["s_client", "-tls1_2", "-connect", &address, word]).arg(&session);
        text(&openssl.stdin(std::process::Stdio::null()).output().unwrap())
    };
    assert!(shake(&office, "-sess_out").contains("New, TLSv1.2"));
    let resumed = office.at(&mut second, |office| shake(office, "-sess_in"));
    assert!(resumed.contains("Reused, TLSv1.2"), "{resumed}");
    office.restart();
    assert!(shake(&office, "-sess_in").contains("Reused, TLSv1.2"));
}

#[test]
fn limits_hold_for_all_nodes_together() {
    let server = Server::start();
    let mut office = Office::open_with(|settings| {
        records_at(&server)(settings);
        settings.set("registrar", "requests_per_minute", 4);
        settings.set("registrar", "failures_per_minute", 3);
        settings.set("registrar", "iterations_per_minute", 1000);
    });
    let mut second = office.further_node("second");
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let spent = office.code();
    let ask = |office: &Office| office.est("simpleenroll", &Who::Code(&spent), &csr);
    for _ in 0..2 {
        assert!(matches!(ask(&office).status, 200 | 202));
        assert!(matches!(office.at(&mut second, |office| ask(office).status), 200 | 202));
    }
    let refused = [ask(&office), office.at(&mut second, |office| ask(office))];
    for answer in refused {
        assert_eq!(answer.status, 429);
        let seconds: u32 = answer.header("Retry-After").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // What one derives is not derived by the other.
    let code = office.code();
    let asked = office.ask(&pbm(&code.reference, &code.secret, 9_000), &Request::new("CN=valve.plant.example"));
    assert!(matches!(asked.read(), Answer::Issued(_) | Answer::Waiting { .. }), "{:?}", asked.answer.body());
    let cheaper = pbm(&code.reference, &code.secret, 100);
    let asked = office.at(&mut second, |office| office.ask(&cheaper, &Request::new("CN=valve.plant.example")));
    error(&asked, FailureInfo::SYSTEM_UNAVAIL);
    // Guesses at one are guesses at the other.
    let mut wrong = office.code();
    wrong.secret = "wrong".to_owned();
    let guess = |office: &Office| office.est("simpleenroll", &Who::Code(&wrong), &csr).status;
    assert_eq!((guess(&office), office.at(&mut second, guess), guess(&office)), (401, 401, 401));
    assert_eq!((guess(&office), office.at(&mut second, guess)), (429, 429));
}

#[test]
fn while_one_of_three_nodes_is_killed_the_others_serve() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let (mut second, mut third) = (office.further_node("second"), office.further_node("third"));
    let code = office.code();
    office.mischief(r#"{"next": 3, "delay_ms": 1500}"#);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let begun = office.at(&mut second, |office| office.est("simpleenroll", &Who::Code(&code), &csr).status);
    assert_eq!(begun, 202, "its request is on its way");
    second.kill();
    for (number, node) in [None, Some(&mut third)].into_iter().enumerate() {
        let (_, csr) = office.csr(&format!("other-{number}"), &format!("/CN=other-{number}.plant.example"));
        let ask = |office: &Office| office.est("simpleenroll", &Who::Code(&code), &csr).status;
        let status = match node {
            None => ask(&office),
            Some(node) => office.at(node, ask),
        };
        assert!(matches!(status, 200 | 202), "{status}");
        office.until("it is served", || ask(&office) == 200);
    }
    // The dead node comes back under its name, and takes up at once what it had.
    let _second = office.further_node("second");
    office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
    assert_eq!((office.records().count(Kind::Issued), office.records().most_for_one_key()), (3, 1));
    office.until("every leaf has a number", || office.told(&["audit", "verify"])["unnumbered"] == 0);
}

#[test]
fn behind_a_balancer_nobody_notices_which_node_answers_or_that_one_is_gone() {
    let server = Server::start();
    let mut office = Office::open_with(records_at(&server));
    let (mut second, third) = (office.further_node("second"), office.further_node("third"));
    let mut balancer = office.balancer(&[&second, &third]);
    let code = office.code();
    let seal = Seal::device(&office);
    for number in 0..8 {
        if number == 3 {
            second.kill();
        }
        let (_, csr) = office.csr(&format!("device-{number}"), &format!("/CN=device-{number}.plant.example"));
        let confirmed = office.at(&mut balancer, |office| {
            office.until("it is served", || office.est("simpleenroll", &Who::Code(&code), &csr).status == 200);
            let asked = office.ask(&seal, &Request::explicit(&format!("CN=valve-{number}.plant.example")));
            asked.issued();
            office.send(&asked.confirm(&seal, None))
        });
        assert!(matches!(confirmed.read(), Answer::Confirmed), "{number}: {:?}", confirmed.answer.body());
    }
    assert_eq!((office.records().count(Kind::Issued), office.records().most_for_one_key()), (16, 1));
    office.until("every leaf has a number", || office.told(&["audit", "verify"])["unnumbered"] == 0);
}

#[test]
fn an_office_moves_from_its_file_to_a_server() {
    let server = Server::start();
    let mut office = Office::open();
    let code = office.code();
    let (_, csr) = office.csr("pump", "/CN=pump-7.plant.example");
    let enrolled = office.est("simpleenroll", &Who::Code(&code), &csr);
    let seal = Seal::device(&office);
    let first = office.ask(&seal, &Request::explicit("CN=pump.plant.example"));
    let issued = office.records().count(Kind::Issued);
    let from = office.path("data/daftar.sqlite");
    let words = ["migrate", "sqlite-to-postgres", "--from", from.to_str().unwrap()];
    // Not under a running server.
    office.configure(records_at(&server));
    assert!(!office.run(&words).status.success());
    assert!(office.stop().success());
    let told = office.told(&words);
    assert_eq!(told["rows"]["case_record"], 2);
    assert_eq!(told["root"], office.told(&["audit", "verify"])["root"]);
    office.start();
    assert_eq!(first.answer.der(), office.send(first.sent.der()).answer.der());
    assert!(matches!(office.send(&first.confirm(&seal, None)).read(), Answer::Confirmed));
    let again = office.est("simpleenroll", &Who::Code(&code), &csr);
    assert_eq!(office.received(&again.body), office.received(&enrolled.body));
    assert_eq!(office.records().count(Kind::Issued), issued);
}
