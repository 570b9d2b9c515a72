use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::ExitCode;

use aws_lc_rs::digest::{SHA256, digest};
use demo_ca::{Kind, Record};

use super::book::Book;
use super::house::House;
use super::promises::{Promise, Promises};
use super::{Kill, none};
use crate::fault::Fault;

/// What held and what did not.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    pub(super) fn check(&mut self, claim: &str, judge: impl FnOnce() -> Result<String, String>) {
        let (word, detail) = match judge() {
            Ok(detail) => {
                self.passed += 1;
                ("ok", detail)
            }
            Err(detail) => {
                self.failed += 1;
                ("FAILED", detail)
            }
        };
        let colon = if detail.is_empty() { "" } else { ": " };
        println!("{word:6} {claim}{colon}{detail}");
    }

    /// The closing line.
    pub(super) fn close(self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What the CA wrote down must be what was promised, each key once.
pub(super) async fn authority(
    house: &House,
    promises: &Promises,
    kills: &[Kill],
    tally: &mut Tally,
) -> Result<(), Fault> {
    let records = house.records().await?;
    let known = Book::of_running(&house.database())?.certificates()?;
    let issued: Vec<&Record> = records.iter().filter(|record| record.kind == Kind::Issued).collect();
    tally.check("the CA issued for no key twice", || twice(&issued));
    let held = promises.all();
    tally.check("every certificate that a requester has is in the database", || {
        let lost = held.iter().filter(|promise| !known.contains(promise.certificate.hash().as_slice()));
        nothing(lost.count(), || format!("{} certificates", held.len()))
    });
    tally.check("every certificate that a requester has is in the CA's records", || foreign(&issued, &held));
    let hashes: HashSet<Vec<u8>> =
        issued.iter().filter_map(|record| record.certificate.as_ref()).map(|der| hash(der)).collect();
    tally.check("every certificate that the CA issued is in the database, and none besides", || {
        nothing(hashes.symmetric_difference(&known).count(), || format!("{} certificates", known.len()))
    });
    let sorts = [Kind::Revoked, Kind::Refused].map(|kind| records.iter().filter(|record| record.kind == kind).count());
    tally.check("the CA refused and revoked nothing", || {
        if sorts == [0, 0] { Ok(String::new()) } else { Err(format!("{} revoked, {} refused", sorts[0], sorts[1])) }
    });
    tally.check("kills hit what the CA had issued, or issued while the server was away", || hit(&issued, kills));
    Ok(())
}

fn twice(issued: &[&Record]) -> Result<String, String> {
    let mut times: BTreeMap<&[u8], u32> = BTreeMap::new();
    for record in issued {
        *times.entry(&record.key_print).or_default() += 1;
    }
    let several: Vec<String> = times
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(key, times)| format!("{} {times} times", hex::encode(key)))
        .collect();
    none(&several).map(|_| format!("{} keys", times.len()))
}

fn foreign(issued: &[&Record], promised: &[Promise]) -> Result<String, String> {
    let by_key: HashMap<&[u8], &Record> = issued.iter().map(|record| (record.key_print.as_slice(), *record)).collect();
    let wrong = promised.iter().filter(|promise| {
        let key = promise.certificate.public_key().print();
        let record = by_key.get(key.as_bytes().as_slice());
        record.and_then(|record| record.certificate.as_deref()) != Some(promise.certificate.der())
    });
    nothing(wrong.count(), String::new)
}

/// The cases that would be lost, or asked for twice, by a server that does not keep to DESIGN rule 1.
fn hit(issued: &[&Record], kills: &[Kill]) -> Result<String, String> {
    let at: HashMap<&[u8], i64> = issued.iter().map(|record| (record.key_print.as_slice(), record.at)).collect();
    let (mut before, mut all) = (0, 0);
    for kill in kills {
        all += kill.between.len();
        let issued = |key: &&Vec<u8>| at.get(key.as_slice()).is_some_and(|at| *at <= kill.ready_at);
        before += kill.between.iter().filter(issued).count();
    }
    let text = format!("{before} of {all} cases between their commits");
    if before > 0 { Ok(text) } else { Err(text) }
}

fn nothing(count: usize, good: impl FnOnce() -> String) -> Result<String, String> {
    if count == 0 { Ok(good()) } else { Err(format!("{count} are not")) }
}

fn hash(der: &[u8]) -> Vec<u8> {
    digest(&SHA256, der).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn record(key: u8, at: i64) -> Record {
        let mut record = Record::new(at, Kind::Issued);
        record.key_print = vec![key; 32];
        record
    }

    #[test]
    fn a_key_that_was_issued_for_twice_is_found() {
        let (one, two, again) = (record(1, 1), record(2, 2), record(1, 3));
        assert!(twice(&[&one, &two]).is_ok());
        assert!(twice(&[&one, &two, &again]).unwrap_err().contains("2 times"));
    }

    #[test]
    fn a_kill_that_hit_nothing_is_no_proof() {
        let one = record(1, 5);
        let kill = |key: u8| Kill { between: HashSet::from([vec![key; 32]]), ready_at: 6 };
        assert!(hit(&[&one], &[kill(1)]).is_ok());
        assert!(hit(&[&one], &[kill(2)]).is_err());
    }
}
