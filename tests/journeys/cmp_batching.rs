//! Messages that go to the CA together (RFC 9483 section 5.2.2.2).

use cmp::FailureInfo;
use cmp::client::{Answer, read};
use demo_ca::{Form, Kind};

use super::office::{Exchange, Office, Request, Seal, Settings};

const NAMES: [&str; 3] = ["CN=one.plant.example", "CN=two.plant.example", "CN=three.plant.example"];

fn together(settings: &mut Settings) {
    settings.table("authority")["demo"].as_table_mut().unwrap().insert("batch_milliseconds".into(), 1500.into());
}

/// Three requests at the same time, each with its bytes.
fn three(office: &Office, seal: &Seal) -> Vec<(Vec<u8>, Exchange)> {
    let sent: Vec<Vec<u8>> = NAMES.iter().map(|name| seal.finish(Request::new(name).draft(seal))).collect();
    std::thread::scope(|scope| {
        let asking: Vec<_> = sent.iter().map(|octets| scope.spawn(|| office.send(octets))).collect();
        let answers: Vec<Exchange> = asking.into_iter().map(|one| one.join().unwrap()).collect();
        sent.iter().cloned().zip(answers).collect()
    })
}

#[test]
fn what_comes_together_goes_to_the_ca_together() {
    let office = Office::open_with(together);
    let seal = Seal::code(&office.code());
    for (_, exchange) in three(&office, &seal) {
        exchange.issued();
    }
    let records = office.records();
    let issued = records.of(Kind::Issued);
    assert_eq!(issued.len(), 3);
    assert!(issued.iter().all(|record| record.form == Some(Form::Batch) && record.batch == issued[0].batch));
    assert_ne!(issued[0].batch, issued[0].transaction_id, "a batch has a transaction of its own");
    // The next one has another.
    for (_, exchange) in three(&office, &seal) {
        exchange.issued();
    }
    let (all, before) = (office.records(), issued.len());
    let batches = all.of(Kind::Issued).split_off(before);
    assert!(
        batches.len() == 3 && batches.iter().all(|record| record.batch.len() == 16 && record.batch != issued[0].batch)
    );
    // A message without company needs no batch.
    office.ask(&seal, &Request::new("CN=four.plant.example")).issued();
    assert_eq!(office.records().of(Kind::Issued)[6].form, Some(Form::Plain));
}

#[test]
fn who_is_left_out_is_told_and_gets_its_certificate_by_a_repeat() {
    let office = Office::open_with(together);
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"bodies": ["nested"], "missing_answers": 1, "extra_answers": 1}"#);
    let all = three(&office, &seal);
    let is_issued = |exchange: &Exchange| matches!(read(&exchange.answer), Ok(Answer::Issued(_)));
    let (good, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, exchange)| is_issued(exchange));
    assert_eq!((good.len(), left.len()), (2, 1));
    let (octets, refused) = &left[0];
    // RFC 9483 section 5.2.2.2: "any missing response message MUST be answered with an error message (failInfo bit:
    // systemUnavail)".
    assert_eq!(refused.failure(), FailureInfo::SYSTEM_UNAVAIL);
    assert!(refused.is_protected(&office, &seal));
    office.until("the outbox brings the answer", || office.cases().iter().all(|case| case["state"] == "confirmed"));
    assert!(is_issued(&office.send(octets)), "a repeat gets it");
    assert_eq!(office.records().count(Kind::Issued), 3, "nothing is issued twice");
}

#[test]
fn a_batch_that_fails_is_repeated() {
    let office = Office::open_with(together);
    let seal = Seal::code(&office.code());
    office.mischief(r#"{"bodies": ["nested"], "drop": true}"#);
    let all = three(&office, &seal);
    for (octets, _) in &all {
        office.until("the certificate", || office.cases().iter().all(|case| case["state"] == "confirmed"));
        drop(office.send(octets));
    }
    assert_eq!(office.records().count(Kind::Issued), 3, "nothing is issued twice");
}
