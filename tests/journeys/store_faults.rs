//! The database takes nothing: it is locked by somebody else, or its disk is full.

use std::path::PathBuf;

use demo_ca::Kind;

use super::office::{Answer, Code, Office, Who};

/// A request, made once: whoever repeats it sends the same.
struct Device {
    name: String,
    csr: Vec<u8>,
}

fn device(office: &Office, number: u32) -> Device {
    let name = format!("device-{number}");
    let (_, csr) = office.csr(&name, &format!("/CN={name}.plant.example"));
    Device { name, csr }
}

fn asked(office: &Office, code: &Code, device: &Device) -> Answer {
    office.est("simpleenroll", &Who::Code(code), &device.csr)
}

#[test]
fn while_somebody_else_has_the_database_nothing_is_promised() {
    let office = Office::open();
    let code = office.code();
    let pump = device(&office, 1);
    let lock = office.locked();
    let answer = asked(&office, &code, &pump);
    assert_eq!((answer.status, answer.header("Retry-After").is_some()), (503, true), "{}", answer.text());
    assert_eq!((office.records().count(Kind::Received), office.case_count()), (0, 0));
    drop(lock);
    assert_eq!(asked(&office, &code, &pump).status, 200);
    assert_eq!((office.records().count(Kind::Issued), office.case_count()), (1, 1));
}

#[test]
fn when_its_disk_is_full_it_says_so_and_goes_on_when_there_is_room() {
    let mut office = Office::open();
    let code = office.code();
    assert!(office.stop().success());
    office.launch_without_room(1500);
    office.until("it serves", || Office::try_get(office.ports.metrics(), "/livez").is_some());
    let mut served: Vec<(Device, PathBuf)> = Vec::new();
    let mut turned_away = Vec::new();
    for number in 0..200 {
        let device = device(&office, number);
        let answer = asked(&office, &code, &device);
        match answer.status {
            200 => {
                let file = office.keep(&device.name, &office.received(&answer.body).remove(0));
                served.push((device, file));
            }
            503 => {
                assert!(answer.header("Retry-After").is_some());
                turned_away.push(device);
                if turned_away.len() == 3 {
                    break;
                }
            }
            202 => turned_away.push(device),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(served.len() > 1 && turned_away.len() >= 3, "{} served, {} turned away", served.len(), turned_away.len());
    assert!(!office.said().contains("panicked"), "{}", office.said());
    let _ = office.stop();
    office.start();
    // Whoever has a certificate has one that is known here, and nobody gets a second one.
    for (device, file) in &served {
        let again = office.received(&asked(&office, &code, device).body).remove(0);
        let kept = std::fs::read_to_string(file).unwrap();
        assert_eq!(again.trim(), kept.trim(), "{}", device.name);
    }
    for device in &turned_away {
        office.until("it is served now", || asked(&office, &code, device).status == 200);
    }
    let records = office.records();
    assert_eq!((records.count(Kind::Issued), records.most_for_one_key()), (served.len() + turned_away.len(), 1));
    assert!(office.run(&["audit", "verify"]).status.success());
}
