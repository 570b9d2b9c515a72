use std::io::Write as _;

use super::*;

fn issued(transaction: u8, confirm_by: Option<i64>) -> Record {
    Record {
        transaction_id: vec![transaction; 16],
        message: vec![transaction; 32],
        serial: vec![transaction],
        certificate: Some(vec![1, 2, 3]),
        confirm_by,
        nonce: vec![9; 16],
        answer: Some(vec![transaction, 1, 2]),
        ..Record::new(1_000, Kind::Issued)
    }
}

fn place(records: &Records, transaction: u8) -> Option<Place> {
    let ledger = records.ledger();
    ledger.transaction(&[transaction; 16])?.answer_to(&[transaction; 32])
}

#[tokio::test]
async fn an_answer_comes_back_byte_for_byte_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let records = Records::open(&path).unwrap();
    for transaction in 1..=40 {
        records.append(issued(transaction, None)).await.unwrap();
    }
    drop(records);
    let records = Records::open(&path).unwrap();
    let found = place(&records, 17).unwrap();
    assert_eq!(records.answer(found).unwrap().unwrap(), [17, 1, 2]);
    assert!(place(&records, 41).is_none());
    assert!(records.ledger().is_issued(&[40]));
}

#[tokio::test]
async fn a_line_that_was_cut_off_by_a_crash_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let records = Records::open(&path).unwrap();
    records.append(issued(1, None)).await.unwrap();
    drop(records);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"at":5,"kind":"iss"#).unwrap();
    drop(file);
    let records = Records::open(&path).unwrap();
    records.append(issued(2, None)).await.unwrap();
    drop(records);
    let records = Records::open(&path).unwrap();
    for transaction in 1..=2 {
        let found = place(&records, transaction).unwrap();
        assert_eq!(records.answer(found).unwrap().unwrap(), [transaction, 1, 2]);
    }
    let all: Vec<Record> = serde_json::from_slice(&records.as_json().await.unwrap()).unwrap();
    assert_eq!(all, [issued(1, None), issued(2, None)]);
}

#[test]
fn a_spoilt_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    std::fs::write(&path, "{}\n").unwrap();
    let fault = Records::open(&path).unwrap_err();
    assert!(fault.to_string().contains("line 1"), "{fault}");
}

#[tokio::test]
async fn the_file_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let _records = Records::open(&path).unwrap();
    assert!(Records::open(&path).is_err());
}

#[tokio::test]
async fn a_confirmation_that_does_not_come_is_overdue_and_one_that_came_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let records = Records::open(&path).unwrap();
    records.append(issued(1, Some(5_000))).await.unwrap();
    records.append(issued(2, Some(5_000))).await.unwrap();
    let confirmed = Record { transaction_id: vec![2; 16], ..Record::new(2_000, Kind::Confirmed) };
    records.append(confirmed).await.unwrap();
    drop(records);
    let records = Records::open(&path).unwrap();
    assert!(records.ledger().overdue(certs::Millis(5_000)).is_empty());
    assert_eq!(records.ledger().overdue(certs::Millis(5_001)), [vec![1; 16]]);
}
