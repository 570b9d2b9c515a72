//! Two registration authorities in a row: device, local RA, central RA, CA (RFC 9483 section 5.2).

use certs::{Certificate, Name, ObjectIdentifier};
use cmp::client::Answer;
use cmp::{BodyKind, RevDetails, body};
use demo_ca::pki::Pki;
use demo_ca::{Form, Kind, system_clock};

use super::office::{Exchange, Office, Request, Seal, Settings, read};

const NAME: &str = "CN=pump.plant.example";

/// The central office, and a local one whose CA is the central office's door.
struct Row {
    local: Office,
    central: Office,
}

impl Row {
    /// `local` and `central` say how each forwards.
    fn open(local: &str, central: &str) -> Self {
        let hasty = |settings: &mut Settings| {
            settings.set("registrar", "answer_seconds", 4.0);
            settings.set("registrar", "check_after_seconds", 1);
        };
        let mut far = Office::prepared();
        let mut near = Office::prepared();
        let local_ra = certify(&far, &near.ra(), &[certs::oid::CMC_RA]);
        far.configure(|settings| {
            hasty(settings);
            settings.default_profile().insert("forward".into(), central.into());
            let entry = settings.trusted_ras()[0].as_table_mut().unwrap();
            entry.insert("name".into(), "the local RA".into());
            entry.insert("subject".into(), local_ra.subject().to_string().into());
        });
        far.start_authority();
        far.start();
        // The local office believes the central one, and the CA whose words come down through it.
        let believed = [read(&far.pki("ra.pem")), read(&far.pki("cmp-signer.pem"))].concat();
        std::fs::write(near.pki("believed.pem"), believed).unwrap();
        std::fs::write(near.pki("ra.pem"), local_ra.to_pem()).unwrap();
        for name in ["chain.pem", "manufacturer.pem", "issuing.pem", "root.pem"] {
            std::fs::write(near.pki(name), read(&far.pki(name))).unwrap();
        }
        let url = format!("http://127.0.0.1:{}/.well-known/cmp", far.ports.http());
        near.configure(|settings| {
            hasty(settings);
            settings.default_profile().insert("forward".into(), local.into());
            let authority = settings.table("authority")["demo"].as_table_mut().unwrap();
            authority.insert("url".into(), url.into());
            authority.insert("signer_certificate".into(), "pki/believed.pem".into());
        });
        near.start();
        Self { local: near, central: far }
    }

    /// The demo's device, which both know by its manufacturer.
    fn device(&self) -> Seal {
        Seal::device(&self.central)
    }

    fn send(&self, octets: &[u8]) -> Exchange {
        self.local.send(octets)
    }

    /// Enrols, confirms, updates and revokes; every answer is what it should be.
    fn live(&self) {
        let device = self.device();
        let request = Request::explicit(NAME);
        let exchange = self.send(&device.finish(request.draft(&device)));
        let issued = exchange.issued();
        self.confirmed(&self.send(&exchange.confirm(&device, None)));
        let own = Seal::of(&issued.certificate, request.key);
        let next = Request::explicit(NAME);
        let updated = self.send(&own.finish(next.around(&own, next.kur(&issued.certificate))));
        assert_eq!(updated.answer.body().kind(), BodyKind::Kup);
        let renewed = updated.issued();
        self.confirmed(&self.send(&updated.confirm(&own, None)));
        let own = Seal::of(&renewed.certificate, next.key);
        let rr = body::rr(&RevDetails::compose_for(&renewed.certificate, Some(1)));
        let revoked = self.send(&own.finish(Request::explicit(NAME).around(&own, rr)));
        assert!(matches!(revoked.read(), Answer::Revoked), "{:?}", revoked.answer.body());
        let states: Vec<_> = self.central.cases().iter().map(|case| case["state"].clone()).collect();
        assert_eq!(states, ["revoked", "confirmed", "confirmed"]);
    }

    fn confirmed(&self, exchange: &Exchange) {
        assert!(matches!(exchange.read(), Answer::Confirmed), "{:?}: {}", exchange.answer.body(), self.central.said());
    }

    fn names(&self) -> (Name, Name) {
        let of = |office: &Office| office.ra().subject().clone();
        (of(&self.local), of(&self.central))
    }
}

/// Has an office's CA make a registration authority of another office's key.
pub(super) fn certify(office: &Office, other: &Certificate, purposes: &[ObjectIdentifier]) -> Certificate {
    let pki = Pki::load(&office.path("")).unwrap();
    let name = Name::from_text("CN=Local RA,O=DEMO NOT FOR PRODUCTION").unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let made = pki.issue_end_entity(&name, other.public_key(), purposes, system_clock()(), &random);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(made).unwrap()
}

#[test]
fn a_message_wrapped_twice_keeps_its_own_signature() {
    let row = Row::open("nested", "nested");
    row.live();
    let (_, central) = row.names();
    let records = row.central.records();
    for record in records.of(Kind::Issued).iter().chain(&records.of(Kind::Confirmed)).chain(&records.of(Kind::Revoked))
    {
        assert_eq!((record.form, record.depth), (Some(Form::Nested), 2), "{}", record.body);
        assert_eq!(record.outer_signer, central.to_string(), "{}", record.body);
    }
    let signers: Vec<&str> = records.of(Kind::Issued).iter().map(|record| record.signer.as_str()).collect();
    assert_eq!(signers, [row.device().name().to_string().as_str(), NAME]);
}

#[test]
fn each_authority_may_put_its_own_protection_on_it() {
    let row = Row::open("replace", "replace");
    row.live();
    let (_, central) = row.names();
    let records = row.central.records();
    let issued = records.of(Kind::Issued);
    assert_eq!((issued[0].form, &issued[0].signer), (Some(Form::Plain), &central.to_string()));
    // RFC 9483 section 5.2.3: a kur is wrapped, twice here.
    assert_eq!((issued[1].depth, issued[1].signer.as_str()), (2, NAME));
    assert_eq!(records.of(Kind::Revoked)[0].signer, central.to_string());
}

#[test]
fn each_authority_may_ask_in_its_own_name() {
    let row = Row::open("behalf", "behalf");
    row.live();
    let (_, central) = row.names();
    let records = row.central.records();
    let all = records.of(Kind::Issued).into_iter().chain(records.of(Kind::Revoked));
    assert!(all.into_iter().all(|record| record.form == Some(Form::Plain) && record.signer == central.to_string()));
}

#[test]
fn polling_goes_through_both() {
    for (local, central) in [("nested", "nested"), ("replace", "replace"), ("behalf", "nested"), ("nested", "behalf")] {
        let row = Row::open(local, central);
        row.central.mischief(r#"{"waiting": {"polls": 1, "check_after": 1}}"#);
        let device = row.device();
        let exchange = row.send(&device.finish(Request::explicit(NAME).draft(&device)));
        let mut last = exchange;
        if let Answer::Waiting { cert_req_id } = last.read() {
            row.local.until("the certificate", || {
                last = row.send(&last.poll(&device, cert_req_id));
                last.answer.body().kind() != BodyKind::PollRep
            });
        } else {
            // In a transaction of its own an office polls by itself, and may be done before its patience ends.
            assert!([local, central].contains(&"behalf"), "{:?}", last.answer.body());
        }
        assert_eq!(last.answer.body().kind(), BodyKind::Ip, "{local}, {central}: {:?}", last.answer.body());
        row.confirmed(&row.send(&last.confirm_polled(&device)));
        assert_eq!(row.central.records().count(Kind::Issued), 1, "{local}, {central}");
    }
}
