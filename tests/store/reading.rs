//! What was written reads back as it was.

use daftar::case::{Event, RequestForm, State};
use daftar::store::{CertificateStatus, Leg, NewDataKey, NewDecision, Row, Unit};

use super::office::{NOW, Office};

#[tokio::test]
async fn a_case_reads_back_whole() {
    let office = Office::open().await;
    let mut case = office.case();
    case.join_key = Some([1; 32]);
    case.form = RequestForm::Crmf;
    case.alt_names = Some(vec![0x30, 2]);
    let (id, requester) = (case.id, case.requester.clone());
    let explain = Row::ExplainCase { case: id, code: "bad_template", text: "no such name".to_owned() };
    office.store.commit(Unit::new().with(Row::OpenCase(Box::new(case))).with(explain)).await.unwrap();
    let row = office.store.case_by_id(id).await.unwrap().unwrap();
    assert_eq!(row.requester, requester);
    assert_eq!((row.join_key, row.form, row.alt_names), (Some([1; 32]), RequestForm::Crmf, Some(vec![0x30, 2])));
    assert_eq!((row.request, row.public_key, row.subject), (vec![0x30, 0], Some(vec![4]), Some(vec![5])));
    assert_eq!((row.key_print, row.rule_set, row.about), (Some([3; 32]), [6; 32], None));
    assert_eq!(row.reason_code.as_deref(), Some("bad_template"));
    assert_eq!(row.reason_text.as_deref(), Some("no such name"));
    assert_eq!((row.created_at, row.changed_at), (NOW, NOW));
}

#[tokio::test]
async fn cases_are_listed_newest_first_and_by_state() {
    let office = Office::open().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(office.opened().await);
    }
    let refuse = Row::MoveCase { case: ids[1], from: State::Received, event: Event::Refuse, at: NOW };
    office.store.commit(Unit::new().with(refuse)).await.unwrap();
    let listed = |rows: Vec<daftar::store::CaseRow>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(listed(office.store.cases(None, 2).await.unwrap()), [ids[2], ids[1]]);
    assert_eq!(listed(office.store.cases(Some(State::Refused), 9).await.unwrap()), [ids[1]]);
    assert_eq!(listed(office.store.cases(Some(State::Received), 9).await.unwrap()), [ids[2], ids[0]]);
    let mut found = listed(office.store.cases_in(State::Received, 9).await.unwrap());
    found.sort();
    assert_eq!(found, [ids[0], ids[2]]);
}

#[tokio::test]
async fn decisions_come_oldest_first() {
    let office = Office::open().await;
    let case = office.opened().await;
    for verdict in ["vet", "pass"] {
        let decision = NewDecision {
            case,
            actor: "house:test".to_owned(),
            facts: "{}".to_owned(),
            findings: "[]".to_owned(),
            verdict,
            rule_set: [6; 32],
            at: NOW,
        };
        office.store.commit(Unit::new().with(Row::Decide(Box::new(decision)))).await.unwrap();
    }
    let verdicts: Vec<_> = office.store.decisions(case).await.unwrap().into_iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, ["vet", "pass"]);
}

#[tokio::test]
async fn a_request_is_found_with_the_reply_to_it() {
    let office = Office::open().await;
    let exchange = office.exchange(None);
    let id = exchange.id;
    let unit = Unit::new().with(Row::OpenExchange(Box::new(exchange))).with(Row::Record(Box::new(office.at_the_door(
        Leg::Request,
        id,
        b"first",
    ))));
    office.store.commit(unit).await.unwrap();
    let hash = |octets: &[u8]| {
        <[u8; 32]>::try_from(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref()).unwrap()
    };
    let found = office.store.request_in_exchange(id, &hash(b"first")).await.unwrap().unwrap();
    assert_eq!(found.reply, None);
    assert!(office.store.request_in_exchange(id, &hash(b"other")).await.unwrap().is_none());
    for (request, reply) in [(None, b"reply 1"), (Some(b"second"), b"reply 2")] {
        let mut unit = Unit::new();
        if let Some(octets) = request {
            unit.push(Row::Record(Box::new(office.at_the_door(Leg::Request, id, octets))));
        }
        unit.push(Row::Record(Box::new(office.at_the_door(Leg::Reply, id, reply))));
        office.store.commit(unit).await.unwrap();
    }
    let first = office.store.request_in_exchange(id, &hash(b"first")).await.unwrap().unwrap();
    assert_eq!(first.reply.as_deref(), Some(b"reply 1".as_slice()));
    let second = office.store.request_in_exchange(id, &hash(b"second")).await.unwrap().unwrap();
    assert_eq!(second.reply.as_deref(), Some(b"reply 2".as_slice()));
}

#[tokio::test]
async fn a_reply_that_names_its_request_is_the_reply_to_that_one() {
    let office = Office::open().await;
    let exchange = office.exchange(None);
    let id = exchange.id;
    let (first, second) = (office.at_the_door(Leg::Request, id, b"1"), office.at_the_door(Leg::Request, id, b"2"));
    let mut to_first = office.at_the_door(Leg::Reply, id, b"to 1");
    to_first.answers = Some(first.id);
    let mut to_second = office.at_the_door(Leg::Reply, id, b"to 2");
    to_second.answers = Some(second.id);
    let mut unit = Unit::new().with(Row::OpenExchange(Box::new(exchange)));
    for message in [first, second, to_second, to_first] {
        unit.push(Row::Record(Box::new(message)));
    }
    office.store.commit(unit).await.unwrap();
    for (request, reply) in [(b"1", b"to 1"), (b"2", b"to 2")] {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, request);
        let found = office.store.request_in_exchange(id, hash.as_ref().try_into().unwrap()).await.unwrap().unwrap();
        assert_eq!(found.reply.as_deref(), Some(reply.as_slice()));
    }
}

#[tokio::test]
async fn of_two_requests_at_once_the_first_is_not_left_without_a_reply() {
    let office = Office::open().await;
    let exchange = office.exchange(None);
    let id = exchange.id;
    let mut unit = Unit::new().with(Row::OpenExchange(Box::new(exchange)));
    for (leg, octets) in [(Leg::Request, b"1"), (Leg::Request, b"2"), (Leg::Reply, b"a"), (Leg::Reply, b"b")] {
        unit.push(Row::Record(Box::new(office.at_the_door(leg, id, octets))));
    }
    office.store.commit(unit).await.unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"1");
    let found = office.store.request_in_exchange(id, hash.as_ref().try_into().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.reply.as_deref(), Some(b"a".as_slice()));
}

#[tokio::test]
async fn a_conversation_with_a_ca_reads_back_in_order() {
    let office = Office::open().await;
    let case = office.opened().await;
    let submission = office.submission(case);
    let (id, transaction) = (submission.id, submission.transaction.clone());
    let mut unit = Unit::new().with(Row::OpenSubmission(Box::new(submission)));
    let said: [(Leg, &[u8]); 4] =
        [(Leg::Submission, b"ir"), (Leg::Answer, b"ip"), (Leg::Submission, b"certConf"), (Leg::Answer, b"pkiconf")];
    for (leg, octets) in said {
        unit.push(Row::Record(Box::new(office.upstream(leg, id, octets))));
    }
    office.store.commit(unit).await.unwrap();
    assert_eq!(office.store.sent_messages(id).await.unwrap(), [b"ir".to_vec(), b"certConf".to_vec()]);
    assert_eq!(office.store.last_answer(id).await.unwrap().as_deref(), Some(b"pkiconf".as_slice()));
    let row = office.store.submission_of_case(case).await.unwrap().unwrap();
    assert_eq!((row.id, row.transaction, row.attempts), (id, transaction, 0));
}

#[tokio::test]
async fn an_exchange_reads_back_whole() {
    let office = Office::open().await;
    let case = office.opened().await;
    let (first, second) = (office.exchange(Some(case)), office.exchange(Some(case)));
    let ids = [first.id, second.id];
    let unit = Unit::new().with(Row::OpenExchange(Box::new(first.clone()))).with(Row::OpenExchange(Box::new(second)));
    office.store.commit(unit).await.unwrap();
    let row = office.store.exchange_by_key(&first.key).await.unwrap().unwrap();
    assert_eq!(format!("{row:?}"), format!("{first:?}"));
    let rows = office.store.exchanges_of_case(case).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn a_certificate_is_found_by_all_it_is_known_by() {
    let office = Office::open().await;
    let case = office.opened().await;
    let certificate = office.certificate(case);
    let (id, hash, serial) = (certificate.id, certificate.hash, certificate.serial.clone());
    office.store.commit(Unit::new().with(Row::AddCertificate(Box::new(certificate)))).await.unwrap();
    let by_hash = office.store.certificate_by_hash(&hash).await.unwrap().unwrap();
    assert_eq!((by_hash.id, by_hash.case, by_hash.at), (id, case, NOW));
    assert_eq!(office.store.certificate_by_serial(&[8], &serial).await.unwrap().unwrap().id, id);
    assert!(office.store.certificate_by_serial(&[9], &serial).await.unwrap().is_none());
    assert_eq!(office.store.certificate_of_case(case).await.unwrap().unwrap().id, id);
    for (status, count) in [
        (CertificateStatus::Issued, 1),
        (CertificateStatus::Valid, 1),
        (CertificateStatus::Renewed, 0),
        (CertificateStatus::Rejected, 0),
        (CertificateStatus::Revoked, 0),
    ] {
        office.store.commit(Unit::new().with(Row::MarkCertificate { certificate: id, status, at: NOW })).await.unwrap();
        assert_eq!(office.store.valid_certificates_of_key(&[3; 32]).await.unwrap().len(), count, "{status:?}");
        assert_eq!(office.store.certificate_by_hash(&hash).await.unwrap().unwrap().status, status);
    }
}

#[tokio::test]
async fn one_rule_set_is_active_and_none_is_forgotten() {
    let office = Office::open().await;
    assert!(office.store.active_rule_set().await.unwrap().is_none());
    for number in [1_u8, 2, 1] {
        let hash = [number; 32];
        let unit = Unit::new()
            .with(Row::ProposeRuleSet { hash, text: format!("rules {number}"), at: NOW })
            .with(Row::ActivateRuleSet { hash, at: NOW, actor: "house:test".to_owned() });
        office.store.commit(unit).await.unwrap();
        let active = office.store.active_rule_set().await.unwrap().unwrap();
        assert_eq!((active.hash, active.text), (hash, format!("rules {number}")));
    }
    assert_eq!(office.store.rule_set(&[2; 32]).await.unwrap().as_deref(), Some("rules 2"));
    let unknown = Row::ActivateRuleSet { hash: [3; 32], at: NOW, actor: "house:test".to_owned() };
    office.store.commit(Unit::new().with(unknown)).await.unwrap_err();
    assert_eq!(office.store.active_rule_set().await.unwrap().unwrap().hash, [1; 32]);
}

#[tokio::test]
async fn a_data_key_has_as_many_wrappings_as_were_added() {
    let office = Office::open().await;
    for wrapped_by in ["token:wrap", "recovery:00"] {
        let key = NewDataKey { id: 1, wrapped_by: wrapped_by.to_owned(), blob: vec![1, 2], at: NOW };
        office.store.commit(Unit::new().with(Row::AddDataKey(key))).await.unwrap();
    }
    let keys = office.store.data_keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.id == 1 && key.blob == [1, 2]));
}
