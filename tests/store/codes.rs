//! Enrolment codes: how often they open a case.

use daftar::case::{CaseId, CodeId, Millis};
use daftar::store::{CodeFault, CommitError, Conflict, Row, Unit};

use super::office::{NOW, Office};

async fn made(office: &Office, uses: Option<u32>) -> CodeId {
    let code = office.code(uses);
    let id = code.id;
    office.store.commit(Unit::new().with(Row::AddCode(Box::new(code)))).await.unwrap();
    id
}

async fn used(office: &Office, code: CodeId, case: CaseId, at: Millis) -> Result<(), CodeFault> {
    match office.store.commit(Unit::new().with(Row::UseCode { code, case, at })).await {
        Ok(()) => Ok(()),
        Err(CommitError::Conflict(Conflict::Code(fault))) => Err(fault),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_one_time_code_opens_one_case() {
    let office = Office::open().await;
    let code = made(&office, Some(1)).await;
    let (first, second) = (office.opened().await, office.opened().await);
    used(&office, code, first, NOW).await.unwrap();
    let row = office.store.code_by_id(code).await.unwrap().unwrap();
    assert_eq!((row.used, row.bound_case), (1, Some(first)));
    assert_eq!(used(&office, code, second, NOW).await, Err(CodeFault::Spent));
    // The case that it opened may come again.
    used(&office, code, first, NOW).await.unwrap();
    assert_eq!(office.store.code_by_id(code).await.unwrap().unwrap().used, 1);
}

#[tokio::test]
async fn a_freed_code_opens_another_case_once() {
    let office = Office::open().await;
    let code = made(&office, Some(1)).await;
    let (first, second) = (office.opened().await, office.opened().await);
    used(&office, code, first, NOW).await.unwrap();
    // Another case frees nothing.
    office.store.commit(Unit::new().with(Row::FreeCode { code, case: second })).await.unwrap();
    assert_eq!(used(&office, code, second, NOW).await, Err(CodeFault::Spent));
    for _ in 0..2 {
        office.store.commit(Unit::new().with(Row::FreeCode { code, case: first })).await.unwrap();
    }
    assert_eq!(office.store.code_by_id(code).await.unwrap().unwrap().used, 0);
    used(&office, code, second, NOW).await.unwrap();
    assert_eq!(used(&office, code, first, NOW).await, Err(CodeFault::Spent));
}

#[tokio::test]
async fn a_code_for_several_cases_is_bound_to_none() {
    let office = Office::open().await;
    let code = made(&office, Some(2)).await;
    let case = office.opened().await;
    used(&office, code, case, NOW).await.unwrap();
    used(&office, code, case, NOW).await.unwrap();
    assert_eq!(office.store.code_by_id(code).await.unwrap().unwrap().bound_case, None);
    assert_eq!(used(&office, code, case, NOW).await, Err(CodeFault::Spent));
    let any = made(&office, None).await;
    for _ in 0..5 {
        used(&office, any, case, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn an_expired_or_withdrawn_code_opens_nothing() {
    let office = Office::open().await;
    let code = made(&office, None).await;
    let case = office.opened().await;
    used(&office, code, case, NOW.plus(59_999)).await.unwrap();
    assert_eq!(used(&office, code, case, NOW.plus(60_000)).await, Err(CodeFault::Expired));
    office.store.commit(Unit::new().with(Row::WithdrawCode { code, at: NOW })).await.unwrap();
    assert_eq!(used(&office, code, case, NOW).await, Err(CodeFault::Withdrawn));
    assert_eq!(office.store.code_by_id(code).await.unwrap().unwrap().withdrawn_at, Some(NOW));
}

#[tokio::test]
async fn a_code_is_found_by_its_look_up_value() {
    let office = Office::open().await;
    let code = office.code(Some(3));
    let (id, lookup) = (code.id, code.lookup);
    office.store.commit(Unit::new().with(Row::AddCode(Box::new(code)))).await.unwrap();
    let row = office.store.code_by_lookup(&lookup).await.unwrap().unwrap();
    assert_eq!((row.id, row.uses, row.secret), (id, Some(3), vec![9; 40]));
    assert!(office.store.code_by_lookup(&[0xee; 32]).await.unwrap().is_none());
    assert_eq!(office.store.codes(9).await.unwrap().len(), 1);
}
