//! EST behind a balancer that ends TLS (RFC 9440), and behind one that hands TLS on (PROXY protocol).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demo_ca::Kind;

use super::office::{Answer, Key, Office, Settings, Who, csr_with_attributes, openssl, written};

const NAME: &str = "balancer.plant.example";

/// An office with a door for balancers, and the certificate of the one that is listed.
fn office(change: impl FnOnce(&mut Settings)) -> (Office, PathBuf, Key) {
    let mut office = Office::prepared();
    let place = format!("127.0.0.1:{}", office.ports.further());
    office.configure(|settings| {
        settings.set("listen", "balanced", place);
        settings.add_balancer(&format!("CN={NAME}"));
        change(settings);
    });
    office.start_authority();
    office.start();
    let (key, certificate) = office.enrolled("balancer", &format!("/CN={NAME}"), &office.code());
    let certificate = office.keep("balancer", &certificate);
    (office, certificate, key)
}

fn field(name: &str, certificates: &[&Path]) -> String {
    let of = |file: &&Path| {
        let file = file.to_str().unwrap();
        let pem = openssl(&["x509", "-in", file]);
        format!(":{}:", pem.lines().filter(|line| !line.starts_with('-')).collect::<String>())
    };
    format!("{name}: {}", certificates.iter().map(of).collect::<Vec<_>>().join(", "))
}

/// POST of a request at the balancers' door.
fn ask(office: &Office, operation: &str, who: &Who<'_>, csr: &[u8], fields: &[&str]) -> Answer {
    let unique = hex::encode(super::office::random());
    let body = format!("@{}", written(office.path(&format!("body-{unique}")), csr).display());
    let mut words = vec!["-H", "Content-Type: application/pkcs10", "--data-binary", &body];
    words.extend(fields.iter().flat_map(|field| ["-H", field]));
    office.curl_at(office.ports.further(), operation, who, &words)
}

#[test]
fn a_listed_balancer_tells_of_its_client() {
    let (office, certificate, key) = office(|_| ());
    let balancer = Who::Holder(&certificate, &key.0);
    let device = field("Client-Cert", &[&office.pki("device.pem")]);
    let enrolled = |fields: &[&str]| {
        let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
        ask(&office, "simpleenroll", &balancer, &csr, fields)
    };
    let answer = enrolled(&[&device]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(office.accepts(&office.received(&answer.body)[0]));
    // It is the client who asked, not the balancer.
    assert!(office.cases()[0]["requester"].as_str().unwrap().contains("DEVICE-0001"), "{}", office.cases()[0]);
    // A balancer whose client showed no certificate speaks for nobody: its own counts for nothing here.
    assert_eq!(enrolled(&[]).status, 401);
    // The client's own certificate is renewed.
    let issued = office.keep("pump", &office.received(&answer.body)[0]);
    let (_, csr) = office.csr("next", "/CN=pump.plant.example");
    let chain = field("Client-Cert-Chain", &[&office.pki("issuing.pem"), &office.pki("root.pem")]);
    let renewed = ask(&office, "simplereenroll", &balancer, &csr, &[&field("Client-Cert", &[&issued]), &chain]);
    assert_eq!(renewed.status, 200, "{}", renewed.text());
}

#[test]
fn the_client_of_a_balancer_is_validated_as_any_other() {
    let (office, certificate, key) = office(|_| ());
    let stranger = office.key("stranger");
    let file = office.path("stranger.pem");
    openssl(&[
        "req",
        "-x509",
        "-new",
        "-key",
        stranger.0.to_str().unwrap(),
        "-subj",
        "/CN=x",
        "-out",
        file.to_str().unwrap(),
    ]);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let who = Who::Holder(&certificate, &key.0);
    assert_eq!(ask(&office, "simpleenroll", &who, &csr, &[&field("Client-Cert", &[&file])]).status, 401);
    assert_eq!(office.leaves("authentication_failed"), 1);
}

#[test]
fn nobody_but_a_listed_balancer_tells_of_another() {
    let (office, certificate, key) = office(|_| ());
    let device = (office.pki("device.pem"), office.pki("device.key"));
    let told = field("Client-Cert", &[&device.0]);
    let chain = field("Client-Cert-Chain", &[&device.0]);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let code = office.code();
    for who in [Who::Nobody, Who::Code(&code), Who::Holder(&device.0, &device.1)] {
        let answer = ask(&office, "simpleenroll", &who, &csr, &[&told]);
        assert_eq!(answer.status, 400, "{}", answer.text());
        let answer = ask(&office, "simpleenroll", &who, &csr, &[]);
        assert_eq!(answer.status, 403, "the door is for balancers: {}", answer.text());
    }
    // And not even it at the door for clients.
    for header in [&told, &chain] {
        let words = ["-H", header.as_str(), "-H", "Content-Type: application/pkcs10"];
        let answer = office.est_with("simpleenroll", &Who::Holder(&certificate, &key.0), &csr, &words);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("RFC 9440"), "{}", answer.text());
    }
    // Neither is a certificate that only says so a balancer's, nor one of the same CA with another name.
    let claimed = office.key("claimed");
    let file = office.path("claimed.pem");
    let (claimed_key, claimed_file) = (claimed.0.to_str().unwrap(), file.to_str().unwrap());
    openssl(&["req", "-x509", "-new", "-key", claimed_key, "-subj", &format!("/CN={NAME}"), "-out", claimed_file]);
    let (other_key, other) = office.enrolled("other", "/CN=other.plant.example", &code);
    let other = office.keep("other", &other);
    for who in [Who::Holder(&file, &claimed.0), Who::Holder(&other, &other_key.0)] {
        let answer = ask(&office, "simpleenroll", &who, &csr, &[&told]);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(office.records().count(Kind::Issued), 2, "the balancer's own, and the other's");
    assert_eq!(office.leaves("request_refused"), 10);
}

#[test]
fn a_balancer_that_is_revoked_tells_nothing() {
    let (office, certificate, key) = office(|_| ());
    let told = field("Client-Cert", &[&office.pki("device.pem")]);
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let (own, own_key) = (certificate.to_str().unwrap(), key.0.to_str().unwrap());
    let revoked =
        office.openssl_cmp(&["-cmd", "rr", "-oldcert", own, "-revreason", "1", "-cert", own, "-key", own_key]);
    assert!(revoked.status.success(), "{}", super::office::text(&revoked));
    let answer = ask(&office, "simpleenroll", &Who::Holder(&certificate, &key.0), &csr, &[&told]);
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn what_a_balancer_tells_is_read_strictly() {
    let (office, certificate, key) = office(|_| ());
    let device = field("Client-Cert", &[&office.pki("device.pem")]);
    let bare = device.replace(": :", ": ").trim_end_matches(':').to_owned();
    let chain = field("Client-Cert-Chain", &[&office.pki("device.pem")]);
    let nothing = format!("Client-Cert: :{}:", STANDARD.encode([0x30, 0]));
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    for fields in [
        &[bare.as_str()][..],
        &[&device, &device],
        &[&chain],
        &[&nothing],
        &[&device, &nothing.replace("Cert", "Cert-Chain")],
        &[&device, "Client-Cert-Chain: (:AAAA:)"],
    ] {
        let answer = ask(&office, "simpleenroll", &Who::Holder(&certificate, &key.0), &csr, fields);
        assert_eq!(answer.status, 400, "{fields:?}: {}", answer.text());
    }
    // A list may be split, and members have parameters that nobody knows.
    let split = [device.as_str(), &chain, &chain, "Client-Cert-Chain: "];
    assert_eq!(ask(&office, "simpleenroll", &Who::Holder(&certificate, &key.0), &csr, &split).status, 200);
}

#[test]
fn no_request_is_linked_to_a_connection_that_ended_at_a_balancer() {
    let (office, certificate, key) = office(|settings| {
        settings.add_profile("linked", |profile| {
            let est = profile.entry("est").or_insert_with(|| toml::Table::new().into());
            est.as_table_mut().unwrap().insert("channel_binding".into(), "required".into());
        });
        settings.add_profile("keys", |profile| {
            profile.insert("key_usage".into(), vec!["keyAgreement"].into());
            let est = profile.entry("est").or_insert_with(|| toml::Table::new().into());
            est.as_table_mut().unwrap().insert("server_key".into(), "P-256".into());
        });
    });
    let balancer = Who::Holder(&certificate, &key.0);
    let device = field("Client-Cert", &[&office.pki("device.pem")]);
    let pump = office.key("pump");
    let linked = csr_with_attributes(&pump, "pump.plant.example", &[("challengePassword", "AAAAAAAAAAAAAAAA")]);
    let answer = ask(&office, "simpleenroll", &balancer, &linked, &[&device]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("a balancer ended the TLS connection"), "{}", answer.text());
    let (_, bare) = office.csr("other", "/CN=other.plant.example");
    let answer = ask(&office, "linked/simpleenroll", &balancer, &bare, &[&device]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("not possible through a balancer"), "{}", answer.text());
    // A key that is made here would be seen on its way.
    let answer = ask(&office, "keys/serverkeygen", &balancer, &bare, &[&device]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("no key is sent through a balancer"), "{}", answer.text());
    // It is not asked for, either.
    let wanted = |port: u16, who: &Who<'_>| office.curl_at(port, "linked/csrattrs", who, &[]).text();
    assert_ne!(wanted(office.ports.further(), &balancer), wanted(office.ports.https(), &Who::Nobody));
    let checked = super::office::text(&office.run(&["check"]));
    assert!(
        checked.contains("note  profile.linked.est.channel_binding: nobody can enrol through a balancer"),
        "{checked}"
    );
}

#[test]
fn a_balancer_that_hands_tls_on_says_whose_connection_it_is() {
    let office = Office::open_with(|settings| settings.set("listen", "proxy_from", vec!["127.0.0.1"]));
    // Through a relay that does what haproxy's `send-proxy-v2` does.
    let mut plain = TcpStream::connect(("127.0.0.1", office.ports.http())).unwrap();
    plain.write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xc0\0\x02\x01\x12\x34\x01\xbb").unwrap();
    plain.write_all(b"GET /.well-known/cmp HTTP/1.1\r\nHost: ra\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(office.said().contains("peer=198.51.100.7:4660"), "{}", office.said());
}
