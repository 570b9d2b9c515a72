//! CMP over HTTP (RFC 9811; RFC 9483 section 6.1): paths, labels, types, and that a connection means nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use cmp::client::Answer;
use cmp::left_out::{CaKeyUpdate, RevocationAnnouncement};
use cmp::{Body, Draft, FailureInfo, InfoTypeAndValue, Limits, Message, body, oid};
use demo_ca::Kind;

use super::office::{Exchange, Office, Request, Seal, Settings, random, text};

const NAME: &str = "CN=pump.plant.example";

/// Sends to a label what does not belong there: an error message, protected, and nothing happened.
fn misplaced(office: &Office, seal: &Seal, label: &str, draft: Draft) -> Exchange {
    let exchange = office.send_to(label, &seal.finish(draft));
    assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST, "{label}");
    assert!(matches!(cmp::client::read(&exchange.answer), Ok(Answer::Error(_))), "an error message, not a rejection");
    let (sent, answer) = (exchange.sent.header(), exchange.answer.header());
    assert_eq!(answer.transaction_id, sent.transaction_id);
    assert_eq!(answer.recip_nonce, sent.sender_nonce);
    assert!(exchange.is_protected(office, seal), "{label}");
    exchange
}

fn annex(settings: &mut Settings) {
    settings.add_profile("annex", |_| ());
    let mut paths = toml::Table::new();
    paths.insert("/pkix/".into(), toml::Table::new().into());
    let mut annex = toml::Table::new();
    annex.insert("profile".into(), "annex".into());
    paths.insert("/ejbca/publicweb/cmp/annex".into(), annex.into());
    settings.set("cmp", "paths", paths);
}

#[test]
fn each_label_takes_its_operation() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let request = Request::explicit(NAME);
    let asked = office.send_to("/initialization", &seal.finish(request.draft(&seal)));
    asked.issued();
    // RFC 9483 section 6.1: certConf goes to the same endpoint.
    let confirmed = office.send_to("/initialization", &asked.confirm(&seal, None));
    assert!(matches!(confirmed.read(), Answer::Confirmed));
    let request = Request::new(NAME);
    office.send_to("/certification", &seal.finish(request.draft(&seal))).issued();
    let key = office.key("pump");
    for label in ["/pkcs10", "/p10"] {
        let csr = super::office::csr_for(&key, "/CN=pump.plant.example", &[]);
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, csr).unwrap();
        let request = Request::new(NAME);
        let exchange = office.send_to(label, &seal.finish(request.around(&seal, body::p10cr(&der))));
        // The second time the key stands in a certificate already: it is the operation that is looked at here.
        assert!(!matches!(cmp::client::read(&exchange.answer), Ok(Answer::Error(_))), "{label}");
    }
}

#[test]
fn what_does_not_belong_to_a_label_is_an_error_with_bad_request() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let plain = |body: Vec<u8>| Request::explicit(NAME).around(&seal, body);
    let rr = || body::rr(&cmp::RevDetails::compose(&certs::Name::from_text(NAME).unwrap(), &[5], None));
    let genm = |oid| body::genm(&[InfoTypeAndValue { oid, value: None }]);
    let labels = [
        "/initialization",
        "/certification",
        "/keyupdate",
        "/pkcs10",
        "/p10",
        "/getcacerts",
        "/getrootupdate",
        "/getcertreqtemplate",
        "/getcrls",
    ];
    for label in labels {
        misplaced(&office, &seal, label, plain(rr()));
    }
    for label in ["/keyupdate", "/revocation", "/pkcs10", "/getcrls"] {
        misplaced(&office, &seal, label, Request::new(NAME).draft(&seal));
    }
    misplaced(&office, &seal, "/getcacerts", plain(genm(oid::CRL_STATUS_LIST)));
    misplaced(&office, &seal, "/getcrls", plain(genm(oid::CA_CERTS)));
    misplaced(&office, &seal, "/revocation", plain(genm(oid::CA_CERTS)));
    assert_eq!(office.case_count(), 0);
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn one_nested_message_has_the_label_of_the_message_within() {
    let office = Office::open();
    let (seal, other) = (Seal::device(&office), Seal::other_ra(&office));
    let wrapped = || {
        let request = Request::new(NAME);
        let inner = request.draft(&seal);
        let nonce = inner.sender_nonce.clone();
        let mut outer = request.around(&other, body::nested(&[&seal.finish(inner)]));
        outer.general_info.clear();
        outer.sender_nonce = nonce;
        other.finish(outer)
    };
    let refused = office.send_to("/revocation", &wrapped());
    assert_eq!(refused.failure(), FailureInfo::BAD_REQUEST);
    assert!(refused.is_protected(&office, &seal), "the answer is for the device");
    assert_eq!(office.case_count(), 0);
    let answer = office.send_to("/initialization", &wrapped()).answer;
    assert!(matches!(cmp::client::read(&answer), Ok(Answer::Issued(_))), "{:?}", answer.body());
}

#[test]
fn what_continues_a_transaction_comes_to_the_label_it_began_at() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let asked = office.send_to("/initialization", &seal.finish(Request::explicit(NAME).draft(&seal)));
    asked.issued();
    for label in ["/pkcs10", "/keyupdate", "/revocation"] {
        let exchange = office.send_to(label, &asked.confirm(&seal, None));
        assert_eq!(exchange.failure(), FailureInfo::BAD_REQUEST, "{label}");
        assert!(exchange.is_protected(&office, &seal));
    }
    assert_eq!(office.records().count(Kind::Confirmed), 0);
    // Nothing came of it, and without a label any message may come.
    assert!(matches!(office.send(&asked.confirm(&seal, None)).read(), Answer::Confirmed));
}

#[test]
fn further_paths_lead_to_their_profiles() {
    let office = Office::open_with(annex);
    let port = office.ports.http();
    let code = office.code();
    let seal = Seal::code(&code);
    let send = |path: &str, octets: &[u8]| {
        let answer = office.post(port, path, "application/pkixcmp", octets);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let read = |der: &[u8]| Message::parse(der, &Limits::default()).unwrap();
        Exchange { sent: read(octets), answer: read(&answer.body) }
    };
    for path in ["/pkix/", "/pkix"] {
        send(path, &seal.finish(Request::new(NAME).draft(&seal))).issued();
    }
    // The code is for the default profile, so the other one's path is closed to it.
    let other = send("/ejbca/publicweb/cmp/annex", &seal.finish(Request::new(NAME).draft(&seal)));
    assert_eq!(other.failure(), FailureInfo::NOT_AUTHORIZED);
    assert!(other.is_protected(&office, &seal), "RFC 9483 section 3.6.4: where it is possible");
    for path in ["/pkix/initialization", "/ejbca/publicweb/cmp/other", "/ejbca/publicweb/cmp"] {
        assert_eq!(office.post(port, path, "application/pkixcmp", b"").status, 404, "{path}");
    }
    assert_eq!(office.get(port, "/pkix/").status, 405);
}

#[test]
fn a_further_path_of_the_houses_own_is_a_configuration_error() {
    let office = Office::prepared();
    let right = std::fs::read_to_string(office.configuration()).unwrap();
    for (line, word) in [
        ("\"/.well-known/est/x\" = {}", "the house's own"),
        ("\"/scep\" = {}", "the house's own"),
        ("\"/pkix/\" = { profile = \"nobody\" }", "there is no [profile.nobody]"),
        ("\"pkix\" = {}", "begins with '/'"),
    ] {
        let content = format!("{right}\n[cmp.paths]\n{line}\n");
        let place = 1 + content.lines().position(|found| found == line).unwrap();
        std::fs::write(office.configuration(), content).unwrap();
        let output = office.daftar().args(["check", "--config"]).arg(office.configuration()).output().unwrap();
        let said = text(&output);
        assert!(!output.status.success());
        assert!(said.contains(&format!("line {place}: cmp.paths.")) && said.contains(word), "{said}");
    }
}

#[test]
fn the_content_type_is_the_registered_one() {
    let office = Office::open();
    let port = office.ports.http();
    let seal = Seal::code(&office.code());
    let answer = |kind: &str| {
        let octets = seal.finish(Request::new(NAME).draft(&seal));
        office.post(port, "/.well-known/cmp", kind, &octets)
    };
    let good =
        ["application/pkixcmp", "Application/PKIXCMP", "application/pkixcmp; charset=x", "application/pkixcmp-poll"];
    for kind in good {
        let answer = answer(kind);
        assert_eq!(answer.status, 200, "{kind}");
        assert_eq!(answer.header("Content-Type"), Some("application/pkixcmp"));
    }
    for kind in ["application/pkixcmpx", "application/octet-stream", "text/pkixcmp", "application/pkcs10", ""] {
        assert_eq!(answer(kind).status, 415, "{kind}");
    }
    assert_eq!(office.records().count(Kind::Issued), good.len());
}

#[test]
fn announcements_are_refused_by_status_with_empty_content() {
    let office = Office::open();
    let seal = Seal::device(&office);
    let leaves = office.all_leaves();
    let name = certs::Name::from_text(NAME).unwrap();
    let root = || super::office::read(&office.pki("root.pem"));
    let root = || certs::Certificate::parse_pem(&root()).unwrap().remove(0).der().to_vec();
    let announcements = [
        Body::Ckuann(CaKeyUpdate::V2 { old_with_new: root(), new_with_old: root(), new_with_new: root() }),
        Body::Cann(root()),
        Body::Rann(RevocationAnnouncement {
            status: cmp::Status::RevocationWarning,
            certificate: cmp::CertId::new(&name, &[5]),
            will_be_revoked_at: certs::Millis(1_795_000_000_000),
            bad_since: certs::Millis(1_794_000_000_000),
            crl_details: Vec::new(),
        }),
        Body::Crlann(Vec::new()),
    ];
    for announcement in announcements {
        let octets = seal.finish(Request::explicit(NAME).around(&seal, announcement.encode()));
        let answer = office.cmp_post("", &octets);
        assert_eq!(answer.status, 403, "RFC 9811 section 3.5: a suitable 4xx");
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("Content-Type"), None);
    }
    assert!(office.all_leaves() >= leaves + 2);
    assert_eq!(office.case_count(), 0);
}

#[test]
fn the_header_may_name_the_profile_that_the_path_leaves_open() {
    let office = Office::open_with(annex);
    let seal = Seal::device(&office);
    let named = Request { profile: Some("annex".to_owned()), ..Request::explicit(NAME) };
    let asked = office.ask(&seal, &named);
    asked.issued();
    assert_eq!(office.number("SELECT count(*) FROM case_record WHERE profile = 'annex'"), 1);
    // RFC 9483 section 3.1: what follows names it no more.
    assert!(matches!(office.send(&asked.confirm(&seal, None)).read(), Answer::Confirmed));
    // A code is for one profile, and what follows under it names none either.
    let code = Seal::code(&office.code_for("annex"));
    let asked = office.ask(&code, &Request { profile: Some("annex".to_owned()), ..Request::explicit(NAME) });
    asked.issued();
    assert!(matches!(office.send(&asked.confirm(&code, None)).read(), Answer::Confirmed));
    // The path's profile is another one.
    let other = Request { profile: Some("annex".to_owned()), ..Request::new(NAME) };
    misplaced(&office, &seal, "/p/default", other.draft(&seal));
}

#[test]
fn a_transaction_goes_on_over_another_connection() {
    let office = Office::open();
    let seal = Seal::code(&office.code());
    let mut first = Connection::open(&office);
    let asked = first.send(&seal.finish(Request::explicit(NAME).draft(&seal)));
    asked.issued();
    drop(first);
    let mut second = Connection::open(&office);
    assert!(matches!(second.send(&asked.confirm(&seal, None)).read(), Answer::Confirmed));
    assert_eq!(office.records().count(Kind::Confirmed), 1);
}

#[test]
fn two_transactions_may_share_a_connection() {
    let office = Office::open();
    let (one, two) = (Seal::code(&office.code()), Seal::device(&office));
    let mut connection = Connection::open(&office);
    let first = connection.send(&one.finish(Request::explicit("CN=one.plant.example").draft(&one)));
    let second = connection.send(&two.finish(Request::explicit("CN=two.plant.example").draft(&two)));
    assert_ne!(first.issued().certificate, second.issued().certificate);
    // A confirmation under the other's transactionID is nobody's.
    let mut draft = cmp::client::next(first.sent.header(), first.answer.header(), random(), body::cert_conf(&[]));
    draft.transaction_id.clone_from(&second.sent.header().transaction_id);
    assert_eq!(connection.send(&one.finish(draft)).failure(), FailureInfo::WRONG_INTEGRITY);
    assert!(matches!(connection.send(&second.confirm(&two, None)).read(), Answer::Confirmed));
    assert!(matches!(connection.send(&first.confirm(&one, None)).read(), Answer::Confirmed));
    let records = office.records();
    assert_eq!((records.count(Kind::Confirmed), records.count(Kind::Revoked)), (2, 0));
}

/// A connection that is kept.
struct Connection(TcpStream);

impl Connection {
    fn open(office: &Office) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, office.ports.http())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn send(&mut self, octets: &[u8]) -> Exchange {
        let head = format!(
            "POST /.well-known/cmp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkixcmp\r\nContent-Length: {}\r\n\r\n",
            octets.len()
        );
        self.0.write_all(&[head.as_bytes(), octets].concat()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            self.0.read_exact(&mut octet).unwrap();
            head.extend(octet);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut content = vec![0; length.trim().parse().unwrap()];
        self.0.read_exact(&mut content).unwrap();
        let read = |der: &[u8]| Message::parse(der, &Limits::default()).unwrap();
        Exchange { sent: read(octets), answer: read(&content) }
    }
}
