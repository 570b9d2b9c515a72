//! What a requester may ask for, by who it is and by what became of its certificate (RFC 9483 sections 4.1.3, 4.2, 5.1.1).

use certs::{AltName, Certificate, Extension};
use cmp::client::Answer;
use cmp::{BodyKind, Control, FailureInfo, RevDetails, body};
use demo_ca::Kind;

use super::office::{Exchange, Office, Request, Seal, csr_der};

/// Somebody with a certificate of this office.
struct Holder {
    certificate: Certificate,
    seal: Seal,
}

impl Holder {
    fn of(exchange: &Exchange, request: Request) -> Self {
        let certificate = exchange.issued().certificate;
        Self { seal: Seal::of(&certificate, request.key), certificate }
    }

    /// Got its certificate by a code.
    fn enrolled(office: &Office, subject: &str) -> Self {
        let request = Request::new(subject);
        let exchange = office.ask(&Seal::code(&office.code()), &request);
        Self::of(&exchange, request)
    }

    fn asks(&self, office: &Office, kind: BodyKind, request: &Request) -> Exchange {
        office.send(&request.asking(&self.seal, kind, &[], |_| ()))
    }

    /// Asks for a new certificate in place of its own.
    fn updates(&self, office: &Office) -> (Exchange, Request) {
        let request = Request::new(&self.certificate.subject().to_string());
        (self.asks(office, BodyKind::Kur, &request), request)
    }

    fn revokes(&self, office: &Office) -> Exchange {
        let details = RevDetails::compose_for(&self.certificate, Some(1));
        office.send(&self.seal.finish(Request::explicit(SUBJECT).around(&self.seal, body::rr(&details))))
    }
}

const SUBJECT: &str = "CN=pump.plant.example";

const OTHER: &str = "CN=victim.plant.example";

/// Refused in the request's own response, not by an error message (RFC 9483 section 3.6.2).
fn rejected(exchange: &Exchange, failure: FailureInfo) {
    assert!(matches!(exchange.read(), Answer::Rejected(_)), "{:?}", exchange.answer.body());
    assert_eq!(exchange.failure(), failure, "{:?}", exchange.answer.body());
}

#[test]
fn a_certificate_is_revoked_only_by_the_ca_that_issued_it() {
    let office = Office::open_with(|settings| {
        let mut other = settings.table("authority")["demo"].clone();
        other["certificates"] = "pki/root.pem".into();
        settings.table("authority").insert("other".into(), other);
        settings.add_profile("other", |profile| drop(profile.insert("authority".into(), "other".into())));
    });
    let holder = Holder::enrolled(&office, SUBJECT);
    let details = RevDetails::compose_for(&holder.certificate, Some(1));
    let rr = holder.seal.finish(Request::explicit(SUBJECT).around(&holder.seal, body::rr(&details)));
    let exchange = office.send_to("/p/other", &rr);
    assert_eq!(exchange.failure(), FailureInfo::BAD_CERT_ID, "{:?}", exchange.answer.body());
    assert_eq!(office.records().count(Kind::Revoked), 0);
    assert!(matches!(holder.revokes(&office).read(), Answer::Revoked));
}

#[test]
fn a_holder_gets_further_certificates_for_itself_only() {
    let office = Office::open();
    let holder = Holder::enrolled(&office, SUBJECT);
    for kind in [BodyKind::Cr, BodyKind::Ir] {
        holder.asks(&office, kind, &Request::new(SUBJECT)).issued();
    }
    let ours = |subject: &str| csr_der(&office.key("p10"), subject, &[]);
    let p10cr = |subject: &str| {
        let request = Request::new(SUBJECT);
        office.send(&holder.seal.finish(request.around(&holder.seal, body::p10cr(&ours(subject)))))
    };
    p10cr("/CN=pump.plant.example").issued();
    // RFC 9483 section 5.1.1: somebody else's name is for an authorised RA.
    for kind in [BodyKind::Cr, BodyKind::Ir, BodyKind::Kur] {
        rejected(&holder.asks(&office, kind, &Request::new(OTHER)), FailureInfo::NOT_AUTHORIZED);
    }
    rejected(&p10cr("/CN=victim.plant.example"), FailureInfo::NOT_AUTHORIZED);
    assert_eq!(office.records().count(Kind::Issued), 4);
}

#[test]
fn a_holder_asks_for_no_alternative_name_that_is_not_its_own() {
    let office = Office::open();
    let named = |template: &mut cmp::crmf::CertTemplateDraft, name: &str| {
        template.extensions = vec![Extension::subject_alt_name(&[AltName::Dns(name.to_owned())], false)];
    };
    let code = Seal::code(&office.code());
    let first = Request::new(SUBJECT);
    let octets = first.asking(&code, BodyKind::Ir, &[], |template| named(template, "pump.plant.example"));
    let holder = Holder::of(&office.send(&octets), first);
    let asked = |name: &str| {
        office.send(&Request::new(SUBJECT).asking(&holder.seal, BodyKind::Cr, &[], |template| named(template, name)))
    };
    asked("pump.plant.example").issued();
    rejected(&asked("victim.plant.example"), FailureInfo::NOT_AUTHORIZED);
}

#[test]
fn an_authority_approves_a_name_that_its_requester_may_not_ask_for_alone() {
    let office = Office::open();
    let holder = Holder::enrolled(&office, SUBJECT);
    let request = Request::new(OTHER);
    let octets = request.asking(&holder.seal, BodyKind::Cr, &[], |_| ());
    // RFC 9483 section 5.2.2.1: the added protection is "a proof of verifying and approving the message".
    let by = Seal::other_ra(&office);
    let inner = cmp::Message::parse(&octets, &cmp::Limits::default()).map_err(|parse| parse.fault).unwrap();
    let wrapped = by.finish(cmp::relay::wrap(&inner, &by.name(), &certs::Name::empty()));
    let answer = office.send(&wrapped).answer;
    assert!(matches!(cmp::client::read(&answer), Ok(Answer::Issued(_))), "{:?}", answer.body());
    rejected(&holder.asks(&office, BodyKind::Cr, &Request::new(OTHER)), FailureInfo::NOT_AUTHORIZED);
}

#[test]
fn what_a_manufacturers_certificate_may_name_is_the_profiles_policy() {
    let office = Office::open_with(|settings| {
        settings.add_profile("same", |profile| {
            profile["subject"]["names"].as_table_mut().unwrap().remove("manufacturer");
        });
        settings.add_profile("number", |profile| {
            profile["subject"]["names"].as_table_mut().unwrap().insert("manufacturer".into(), "serial-number".into());
        });
    });
    let device = Seal::device(&office);
    let Seal::Signature(certificate, _) = &device else { panic!("a device has a certificate") };
    let number = certificate.subject().attributes().into_iter().find(|part| part.oid == certs::oid::SERIAL_NUMBER);
    let number = number.expect("an IDevID has a serialNumber").value;
    let asked = |profile: &str, subject: &str| {
        office.send_to(&format!("/p/{profile}"), &device.finish(Request::new(subject).draft(&device)))
    };
    asked("default", SUBJECT).issued();
    rejected(&asked("same", SUBJECT), FailureInfo::NOT_AUTHORIZED);
    rejected(&asked("number", SUBJECT), FailureInfo::NOT_AUTHORIZED);
    rejected(&asked("number", "CN=pump.plant.example,serialNumber=1"), FailureInfo::NOT_AUTHORIZED);
    asked("number", &format!("CN=pump.plant.example,serialNumber={number}")).issued();
    // Its own name, as far as the profile gives that.
    let own = asked("same", &certificate.subject().to_string());
    assert!(matches!(own.read(), Answer::Issued(_)), "{:?}", own.answer.body());
}

#[test]
fn a_code_that_is_bound_to_no_name_names_its_reference_unless_the_profile_says_otherwise() {
    let office = Office::open_with(|settings| {
        settings.add_profile("same", |profile| {
            profile["subject"]["names"].as_table_mut().unwrap().remove("code");
        });
    });
    let (plain, bound) = (
        office.code_for("same"),
        office.make_code(&["--profile", "same", "--uses", "0", "--name", "pump.plant.example"]),
    );
    let asked = |code, subject: &str| {
        let seal = Seal::code(code);
        office.send_to("/p/same", &seal.finish(Request::new(subject).draft(&seal)))
    };
    rejected(&asked(&plain, SUBJECT), FailureInfo::NOT_AUTHORIZED);
    asked(&plain, &format!("CN={}", plain.reference)).issued();
    asked(&bound, SUBJECT).issued();
    rejected(&asked(&bound, OTHER), FailureInfo::NOT_AUTHORIZED);
}

#[test]
fn a_check_tells_who_may_ask_for_any_name() {
    let office = Office::prepared();
    let output = office.run(&["check"]);
    let said = super::office::text(&output);
    assert!(said.contains("note  profile.default.subject: a requester known by 'code'"), "{said}");
    assert!(said.contains("note  profile.default.subject: a requester known by 'manufacturer'"), "{said}");
    assert!(!said.contains("profile.strict.subject: a requester known by 'manufacturer'"), "{said}");
}

#[test]
fn a_certificate_that_was_updated_is_not_updated_again_but_can_be_revoked() {
    let office = Office::open();
    let holder = Holder::enrolled(&office, SUBJECT);
    holder.updates(&office).0.issued();
    rejected(&holder.updates(&office).0, FailureInfo::BAD_CERT_ID);
    assert!(matches!(holder.revokes(&office).read(), Answer::Revoked));
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (2, 1));
}

#[test]
fn a_revoked_certificate_is_not_updated_and_not_revoked_again() {
    let office = Office::open();
    let holder = Holder::enrolled(&office, SUBJECT);
    assert!(matches!(holder.revokes(&office).read(), Answer::Revoked));
    assert_eq!(holder.updates(&office).0.failure(), FailureInfo::SIGNER_NOT_TRUSTED);
    assert_eq!(holder.asks(&office, BodyKind::Cr, &Request::new(SUBJECT)).failure(), FailureInfo::SIGNER_NOT_TRUSTED);
    rejected(&holder.revokes(&office), FailureInfo::CERT_REVOKED);
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.count(Kind::Revoked)), (1, 1));
}

#[test]
fn a_certificate_that_its_holder_rejected_opens_no_door() {
    let office = Office::open();
    let code = Seal::code(&office.code());
    let request = Request::explicit(SUBJECT);
    let exchange = office.ask(&code, &request);
    let refusal = exchange.confirm(&code, Some("the name is wrong"));
    let holder = Holder::of(&exchange, request);
    assert!(matches!(office.send(&refusal).read(), Answer::Confirmed));
    office.until("the CA revokes", || office.records().count(Kind::Revoked) == 1);
    assert_eq!(holder.updates(&office).0.failure(), FailureInfo::SIGNER_NOT_TRUSTED);
    assert!(!matches!(holder.revokes(&office).read(), Answer::Revoked));
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn an_update_is_asked_for_with_the_certificate_to_be_updated() {
    let office = Office::open();
    let (holder, other) = (Holder::enrolled(&office, SUBJECT), Holder::enrolled(&office, SUBJECT));
    let naming = |certificate: &Certificate| {
        let control = Control::old_cert_id(certificate.issuer(), certificate.serial());
        office.send(&Request::new(SUBJECT).asking(&holder.seal, BodyKind::Kur, &[control], |_| ()))
    };
    // The same subject, and yet another certificate (RFC 9483 section 4.1.3).
    rejected(&naming(&other.certificate), FailureInfo::BAD_CERT_ID);
    // What this office did not issue is not updated here.
    let device = Seal::device(&office);
    let Seal::Signature(certificate, _) = &device else { panic!("a device has a certificate") };
    let request = Request::new(&certificate.subject().to_string());
    let foreign = office.send(&request.asking(&device, BodyKind::Kur, &[], |_| ()));
    assert!(matches!(foreign.read(), Answer::Rejected(_)), "{:?}", foreign.answer.body());
    naming(&holder.certificate).issued();
}

#[test]
fn a_transaction_is_used_once_across_restarts() {
    let mut office = Office::open();
    let seal = Seal::code(&office.code());
    let first = Request::new(SUBJECT);
    let answer = office.ask(&seal, &first);
    answer.issued();
    office.kill();
    office.start();
    let second = Request { transaction: first.transaction, ..Request::new(SUBJECT) };
    assert_eq!(office.ask(&seal, &second).failure(), FailureInfo::TRANSACTION_ID_IN_USE);
    assert_eq!(office.send(answer.sent.der()).answer.der(), answer.answer.der());
    assert_eq!(office.records().count(Kind::Issued), 1);
}
