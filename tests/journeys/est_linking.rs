//! Linking identity and proof of possession (RFC 7030 sections 3.5 and 3.7, RFC 7894, RFC 9266), and enrolment codes in requests.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demo_ca::Kind;
use toml::Table;

use super::office::{Answer, Code, Key, Line, Office, Settings, Who, csr_with_attributes, openssl, written};

const NAME: &str = "pump.plant.example";
const PASSWORD: &str = "challengePassword";
const OTP: &str = "1.2.840.113549.1.9.16.2.56";
const REVOCATION: &str = "1.2.840.113549.1.9.16.2.57";
const LINKING: &str = "1.2.840.113549.1.9.16.2.58";

/// An office whose default profile has these EST rules.
fn office(rules: &[(&str, &str)]) -> Office {
    Office::open_with(|settings| {
        est_rules(settings.default_profile(), rules);
        with_unique_sessions(settings);
    })
}

fn est_rules(profile: &mut Table, rules: &[(&str, &str)]) {
    let rules = rules.iter().map(|(key, value)| ((*key).to_owned(), (*value).into()));
    profile.insert("est".into(), rules.collect::<Table>().into());
}

/// The demo lets clients in that have no extended master secret.
fn with_unique_sessions(settings: &mut Settings) {
    settings.set("listen", "require_extended_master_secret", true);
}

fn csr(key: &Key, attributes: &[(&str, &str)]) -> Vec<u8> {
    csr_with_attributes(key, NAME, attributes)
}

fn carried(code: &Code) -> String {
    format!("{}:{}", code.reference, code.secret)
}

#[test]
fn a_link_to_tls_unique_is_taken_in_a_full_and_a_resumed_handshake() {
    let office = office(&[]);
    let code = office.code();
    let mut line = Line::to(&office, "TLSv1_2");
    for (number, (attribute, resumed)) in [(PASSWORD, false), (PASSWORD, true), (LINKING, true)].into_iter().enumerate()
    {
        let here = line.connect();
        assert_eq!(here.resumed, resumed);
        let key = office.key(&format!("key{number}"));
        let (status, words) = line.post("simpleenroll", &code, &csr(&key, &[(attribute, &here.unique)]));
        assert_eq!(status, 200, "{attribute} {resumed}: {words}");
    }
    assert_eq!(office.records().count(Kind::Issued), 3);
}

#[test]
fn a_link_to_another_connection_is_refused_and_changes_nothing() {
    let office = office(&[]);
    let code = office.code();
    let key = office.key("pump");
    let mut line = Line::to(&office, "TLSv1_2");
    let before = line.connect().unique;
    let here = line.connect().unique;
    let mistyped = here.to_lowercase().replace('a', "b");
    let cases: [&[(&str, &str)]; 6] = [
        &[(PASSWORD, &before)],
        &[(LINKING, &before)],
        &[(PASSWORD, &mistyped)],
        &[(PASSWORD, "a password")],
        // RFC 7894 section 4: each must be right.
        &[(PASSWORD, &here), (LINKING, &before)],
        &[(PASSWORD, &before), (LINKING, &here)],
    ];
    for attributes in cases {
        let (status, words) = line.post("simpleenroll", &code, &csr(&key, attributes));
        assert_eq!(status, 400, "{attributes:?}: {words}");
        assert!(words.contains("proof-of-possession linking") && words.contains("tls-unique"), "{words}");
    }
    assert_eq!(office.case_count(), 0);
    assert_eq!(office.records().count(Kind::Received), 0);
    // The same request, linked here.
    let (status, words) = line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &here), (LINKING, &here)]));
    assert_eq!(status, 200, "{words}");
}

#[test]
fn where_sessions_may_lack_the_extended_master_secret_a_resumed_one_cannot_be_linked_to() {
    // As in the demo: `require_extended_master_secret = false`.
    let office = Office::open();
    let code = office.code();
    let key = office.key("pump");
    let mut line = Line::to(&office, "TLSv1_2");
    let first = line.connect();
    assert!(!first.resumed);
    let second = line.connect();
    assert!(second.resumed);
    let (status, words) = line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &second.unique)]));
    assert_eq!(status, 400, "RFC 7627 section 5.4: {words}");
    assert!(words.contains("connect without resumption"), "{words}");
    // A full handshake can.
    let mut line = Line::to(&office, "TLSv1_2");
    let here = line.connect();
    let (status, words) = line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &here.unique)]));
    assert_eq!(status, 200, "{words}");
}

#[test]
fn a_check_tells_where_a_demanded_link_meets_sessions_that_cannot_be_linked_to() {
    let office = Office::prepared();
    let noted = || super::office::text(&office.run(&["check"])).contains("note  profile.default.est.channel_binding");
    assert!(!noted());
    office.configure(|settings| est_rules(settings.default_profile(), &[("channel_binding", "required")]));
    assert!(noted());
    office.configure(with_unique_sessions);
    assert!(!noted());
}

#[test]
fn tls_1_3_is_linked_to_by_its_exporter_and_by_nothing_that_is_called_tls_unique() {
    let office = office(&[("channel_binding", "required")]);
    let code = office.code();
    let key = office.key("pump");
    let mut line = Line::to(&office, "TLSv1_3");
    // OpenSSL has something under that name (RFC 9266 section 1: it is not unique).
    let here = line.connect();
    let (status, words) = line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &here.unique)]));
    assert_eq!(status, 400, "{words}");
    assert!(words.contains("tls-exporter"), "{words}");
    for attribute in [PASSWORD, LINKING] {
        let mut stream = office.tls();
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let exported = stream.conn.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
        let key = office.key(attribute);
        let body = csr(&key, &[(attribute, &STANDARD.encode(exported))]);
        let user = STANDARD.encode(carried(&code));
        let head = format!(
            "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic {user}\r\n\
             Content-Type: application/pkcs10\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = Answer::parse(&answer).unwrap();
        assert_eq!(answer.status, 200, "{attribute}: {}", answer.text());
    }
}

#[test]
fn a_profile_that_demands_a_link_says_so_and_refuses_requests_without() {
    let office = office(&[("channel_binding", "required")]);
    let code = office.code();
    let key = office.key("pump");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr(&key, &[]));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("proof-of-possession linking is required"), "{}", answer.text());
    assert_eq!(office.case_count(), 0);
    let asked = attributes_asked(&office, "csrattrs");
    assert!(asked.contains(":challengePassword") && asked.contains(&format!(":{LINKING}")), "{asked}");
    // The other profiles ask for none and want none.
    assert!(!attributes_asked(&office, "strict/csrattrs").contains("challengePassword"));
    let strict = office.code_for("strict");
    let p384 = office.key_of("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
    let answer = office.est("strict/simpleenroll", &Who::Code(&strict), &csr(&p384, &[]));
    assert!(!answer.text().contains("linking"), "{}", answer.text());
    // A renewal is linked like a first request (RFC 7030 section 4.2.2).
    let mut line = Line::to(&office, "TLSv1_2");
    let here = line.connect();
    assert_eq!(line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &here.unique)])).0, 200);
}

/// `/csrattrs` as OpenSSL reads it.
fn attributes_asked(office: &Office, operation: &str) -> String {
    let answer = office.est_get(operation, &[]);
    assert_eq!(answer.status, 200);
    let der = STANDARD.decode(answer.text().split_whitespace().collect::<String>()).unwrap();
    let path = written(office.path("csrattrs.der"), &der);
    openssl(&["asn1parse", "-inform", "DER", "-in", path.to_str().unwrap()])
}

#[test]
fn who_comes_back_over_another_connection_links_anew_and_finds_its_case() {
    let office = Office::open_with(|settings| {
        est_rules(settings.default_profile(), &[("channel_binding", "required")]);
        with_unique_sessions(settings);
        settings.set("registrar", "answer_seconds", 0.3);
        settings.set("registrar", "check_after_seconds", 1);
    });
    office.mischief(r#"{"delay_ms": 1500}"#);
    let code = office.one_time_code();
    let key = office.key("pump");
    let mut line = Line::to(&office, "TLSv1_2");
    let first = line.connect().unique;
    assert_eq!(line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &first)])).0, 202);
    office.until("the certificate", || {
        let here = line.connect().unique;
        let stale = line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &first)]));
        assert_eq!(stale.0, 400, "{}", stale.1);
        line.post("simpleenroll", &code, &csr(&key, &[(PASSWORD, &here)])).0 == 200
    });
    assert_eq!(office.case_count(), 1);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_renewal_is_linked_too() {
    let office = office(&[]);
    let code = office.code();
    let (key, old) = office.enrolled("pump", &format!("/CN={NAME}"), &code);
    let old = office.keep("old", &old);
    let who = Who::Holder(&old, &key.0);
    let answer = office.est("simplereenroll", &who, &csr(&key, &[(PASSWORD, "AAAAAAAAAAAAAAAA")]));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("proof-of-possession linking failed"), "{}", answer.text());
    assert_eq!(office.est("simplereenroll", &who, &csr(&key, &[])).status, 200);
}

#[test]
fn a_trusted_authority_may_bring_the_link_of_its_requesters_connection() {
    let office = office(&[("channel_binding", "required")]);
    let (certificate, key) = (office.pki("second-ra.pem"), office.pki("second-ra.key"));
    let authority = Who::Holder(&certificate, &key);
    let foreign = "AAAAAAAAAAAAAAAA";
    let requester = office.key("requester");
    let answer = office.est("simpleenroll", &authority, &csr(&requester, &[(PASSWORD, foreign)]));
    assert_eq!(answer.status, 200, "RFC 7030 section 3.7: {}", answer.text());
    // A link there must be, though.
    let other = office.key("other");
    assert_eq!(office.est("simpleenroll", &authority, &csr(&other, &[])).status, 400);
    // Who is no authority may not.
    let (certificate, key) = (office.pki("device.pem"), office.pki("device.key"));
    let answer = office.est("simpleenroll", &Who::Holder(&certificate, &key), &csr(&other, &[(PASSWORD, foreign)]));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("linking failed"), "{}", answer.text());
}

#[test]
fn neither_cmc_ra_nor_an_entry_alone_lets_anybody_bring_a_foreign_link() {
    let unlisted = Office::open_with(|settings| settings.trusted_ras().clear());
    let requester = unlisted.key("requester");
    let (certificate, key) = (unlisted.pki("second-ra.pem"), unlisted.pki("second-ra.key"));
    let foreign = csr(&requester, &[(PASSWORD, "AAAAAAAAAAAAAAAA")]);
    let answer = unlisted.est("simpleenroll", &Who::Holder(&certificate, &key), &foreign);
    assert!(matches!(answer.status, 400 | 401), "id-kp-cmcRA without an entry: {}", answer.text());
    // A client of our own CA that has it, too.
    let extensions = "extendedKeyUsage=clientAuth,1.3.6.1.5.5.7.3.28\nkeyUsage=critical,digitalSignature\n";
    let (own_key, claims) = unlisted.issued_by_hand("claims", extensions);
    let answer = unlisted.est("simpleenroll", &Who::Holder(&claims, &own_key.0), &foreign);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("linking failed"), "{}", answer.text());
    let listed = Office::open_with(|settings| {
        let entry = settings.trusted_ras()[0].as_table_mut().unwrap();
        entry.insert("subject".into(), format!("CN={NAME}").into());
    });
    let (key, certificate) = listed.enrolled("pump", &format!("/CN={NAME}"), &listed.code());
    let certificate = listed.keep("pump", &certificate);
    let answer = listed.est("simpleenroll", &Who::Holder(&certificate, &key.0), &foreign);
    assert_eq!(answer.status, 401, "an entry without id-kp-cmcRA: {}", answer.text());
    assert!(listed.said().contains("id-kp-cmcRA"), "{}", listed.said());
}

#[test]
fn an_enrolment_code_may_stand_in_a_request_where_the_profile_says_so() {
    for (rule, attribute) in [("challenge_password", PASSWORD), ("otp_challenge", OTP)] {
        let office = office(&[(rule, "enrolment-code")]);
        let code = office.one_time_code();
        let key = office.key("pump");
        let body = csr(&key, &[(attribute, &carried(&code))]);
        let wrong = csr(&key, &[(attribute, &format!("{}:0", code.reference))]);
        assert_eq!(office.est("simpleenroll", &Who::Nobody, &wrong).status, 401);
        let bare = office.est("simpleenroll", &Who::Nobody, &csr(&key, &[(attribute, &code.secret)]));
        assert_eq!(bare.status, 400, "{}", bare.text());
        assert!(bare.text().contains("REFERENCE:SECRET"), "{}", bare.text());
        // Another code in the header: one of the two would be left unprocessed.
        let other = office.one_time_code();
        assert_eq!(office.est("simpleenroll", &Who::Code(&other), &body).status, 400);
        let answer = office.est("simpleenroll", &Who::Nobody, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &body).status, 200, "a repeat");
        let spent = csr(&office.key("second"), &[(attribute, &carried(&code))]);
        assert_eq!(office.est("simpleenroll", &Who::Nobody, &spent).status, 401);
        // The request is kept and goes to the CA: a code that opens more than one case has no place in it.
        let lasting = csr(&key, &[(attribute, &carried(&office.code()))]);
        assert_eq!(office.est("simpleenroll", &Who::Nobody, &lasting).status, 403);
        assert_eq!(office.records().count(Kind::Issued), 1);
        assert!(!office.said().contains(&code.secret));
    }
}

#[test]
fn no_enrolment_code_is_guessed_in_a_request() {
    let office = office(&[]);
    let code = office.one_time_code();
    let key = office.key("pump");
    for attribute in [PASSWORD, OTP] {
        let body = csr(&key, &[(attribute, &carried(&code))]);
        assert_eq!(office.est("simpleenroll", &Who::Nobody, &body).status, 401);
        assert_eq!(office.est("simpleenroll", &Who::Code(&code), &body).status, 400);
    }
    assert_eq!(office.case_count(), 0);
}

#[test]
fn a_revocation_challenge_is_refused_unless_the_profile_leaves_it_unread() {
    let key_of = |office: &Office| csr(&office.key("pump"), &[(REVOCATION, "a password")]);
    let refusing = office(&[]);
    let answer = refusing.est("simpleenroll", &Who::Code(&refusing.code()), &key_of(&refusing));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("revocationChallenge"), "{}", answer.text());
    let ignoring = office(&[("revocation_challenge", "ignore")]);
    assert_eq!(ignoring.est("simpleenroll", &Who::Code(&ignoring.code()), &key_of(&ignoring)).status, 200);
}
