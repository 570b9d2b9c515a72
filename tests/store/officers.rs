//! Officers: who may be confirmed by whom, and what ends with them.

use daftar::case::OfficerId;
use daftar::duty::{Jobs, OfficerName, OfficerState};
use daftar::store::{CommitError, Conflict, NewOfficer, OfficerChange, QualificationRow, ReviewRow, Row, Unit};

use super::office::{NOW, Office};

impl Office {
    fn officer(&self, name: &str, certificate: u8, proposed_by: Option<OfficerId>) -> NewOfficer {
        NewOfficer {
            id: OfficerId::new(&self.random),
            name: OfficerName::parse(name).unwrap(),
            jobs: Jobs::named(["receiver", "archivist"]).unwrap(),
            certificate: [certificate; 32],
            subject: format!("CN={name}"),
            proposed_by,
            at: NOW,
        }
    }

    /// Whether a change went in; it must not be at odds with anything but the officers.
    async fn changed(&self, change: OfficerChange) -> bool {
        match self.store.commit(Unit::new().with(Row::Officer(change))).await {
            Ok(()) => true,
            Err(CommitError::Conflict(Conflict::State { what: "officer" })) => false,
            Err(fault) => panic!("{fault}"),
        }
    }

    async fn added(&self, officer: &NewOfficer) -> OfficerId {
        assert!(self.changed(OfficerChange::Add(officer.clone())).await);
        officer.id
    }

    async fn logged_in(&self, officer: OfficerId, token: u8) -> bool {
        self.changed(OfficerChange::OpenSession { token: [token; 32], officer, at: NOW }).await
    }
}

#[tokio::test]
async fn the_first_are_at_work_at_once_and_later_ones_when_another_officer_confirms_them() {
    let office = Office::open().await;
    assert!(!office.store.has_officers().await.unwrap());
    let first = office.added(&office.officer("anna", 1, None)).await;
    let second = office.added(&office.officer("bahar", 2, None)).await;
    assert!(office.store.has_officers().await.unwrap());
    let third = office.added(&office.officer("سارا", 3, Some(first))).await;
    assert!(!office.logged_in(third, 1).await, "nobody has confirmed her");
    let confirm = |officer, by| OfficerChange::Confirm { officer, by, at: NOW.plus(5) };
    assert!(!office.changed(confirm(third, first)).await, "by another one");
    assert!(!office.changed(confirm(third, third)).await, "nor by herself");
    assert!(office.changed(confirm(third, second)).await);
    assert!(!office.changed(confirm(third, second)).await, "once");
    assert!(office.logged_in(third, 1).await);
    let rows = office.store.officers().await.unwrap();
    assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["anna", "bahar", "سارا"]);
    assert!(rows.iter().all(|row| row.state == OfficerState::Active));
    assert_eq!((rows[2].proposed_by, rows[2].changed_at, rows[2].seen_at), (Some(first), NOW.plus(5), Some(NOW)));
    assert_eq!(rows[2].jobs.to_string(), "receiver archivist");
}

#[tokio::test]
async fn a_certificate_is_one_officers_until_he_is_disabled() {
    let office = Office::open().await;
    let anna = office.added(&office.officer("anna", 1, None)).await;
    assert!(!office.changed(OfficerChange::Add(office.officer("bahar", 1, None))).await);
    assert!(office.logged_in(anna, 9).await && office.logged_in(anna, 8).await);
    let disable = OfficerChange::Disable { officer: anna, by: anna, at: NOW };
    assert!(office.changed(disable.clone()).await);
    assert!(!office.changed(disable).await);
    for token in [8, 9] {
        assert!(office.store.session(&[token; 32]).await.unwrap().is_none(), "all sessions end with it");
    }
    assert!(!office.logged_in(anna, 7).await);
    assert!(office.store.officer_by_certificate(&[1; 32]).await.unwrap().is_none());
    let again = office.added(&office.officer("anna", 1, None)).await;
    assert_eq!(office.store.officer_by_certificate(&[1; 32]).await.unwrap().unwrap().id, again);
    assert_eq!(office.store.officer(anna).await.unwrap().unwrap().state, OfficerState::Disabled, "no row is deleted");
}

#[tokio::test]
async fn a_session_is_seen_and_ends() {
    let office = Office::open().await;
    let anna = office.added(&office.officer("anna", 1, None)).await;
    assert!(office.logged_in(anna, 1).await && office.logged_in(anna, 2).await);
    let token = [1; 32];
    assert!(office.changed(OfficerChange::Seen { token: Some(token), officer: anna, at: NOW.plus(60_000) }).await);
    let session = office.store.session(&token).await.unwrap().unwrap();
    assert_eq!((session.officer, session.began_at, session.seen_at), (anna, NOW, NOW.plus(60_000)));
    assert_eq!(office.store.officer(anna).await.unwrap().unwrap().seen_at, Some(NOW.plus(60_000)));
    assert!(office.changed(OfficerChange::CloseSession { token }).await);
    assert!(office.store.session(&token).await.unwrap().is_none());
    assert!(office.store.session(&[2; 32]).await.unwrap().is_some());
    assert!(office.changed(OfficerChange::CloseSessions { began_before: NOW.plus(1) }).await);
    assert!(office.store.session(&[2; 32]).await.unwrap().is_none());
}

#[tokio::test]
async fn qualifications_and_reviews_are_remembered() {
    let office = Office::open().await;
    let anna = office.added(&office.officer("anna", 1, None)).await;
    let bahar = office.added(&office.officer("bahar", 2, None)).await;
    let learned = |officer, course: &str, valid_until| QualificationRow {
        officer,
        course: course.to_owned(),
        passed_at: NOW,
        valid_until,
    };
    let (cps, law) = (learned(anna, "CPS", Some(NOW.plus(9))), learned(bahar, "law", None));
    for row in [&cps, &law] {
        assert!(office.changed(OfficerChange::Learn(row.clone())).await);
    }
    assert_eq!(office.store.qualifications(Some(anna)).await.unwrap(), std::slice::from_ref(&cps));
    assert_eq!(office.store.qualifications(None).await.unwrap(), [cps, law]);
    assert!(office.store.newest_review().await.unwrap().is_none());
    for (by, officers) in [(anna, 2), (bahar, 3)] {
        assert!(office.changed(OfficerChange::Review(ReviewRow { officer: by, at: NOW, officers })).await);
    }
    let newest = office.store.newest_review().await.unwrap().unwrap();
    assert_eq!((newest.officer, newest.officers), (bahar, 3));
}
