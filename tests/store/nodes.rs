//! Several nodes on one server, and a server that goes and comes.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use daftar::case::{CaseId, CertificateId};
use daftar::store::{CommitError, Config, Conflict, Draw, NewCase, Row, Store, Unit};
use tokio::task::JoinSet;

use super::office::{self, NOTHING_SIGNED, NOW, Office};
use super::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_the_same_case_at_once_one_does() {
    let office = Office::open().await;
    let nodes = [office.store.clone(), office.again().await];
    for round in 0..8_u8 {
        let mut openers = JoinSet::new();
        for number in 0..16 {
            let case = NewCase { join_key: Some([round; 32]), ..office.case() };
            let (id, store) = (case.id, nodes[number % 2].clone());
            openers.spawn(async move { (id, store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await) });
        }
        let (mut opened, mut named) = (BTreeSet::new(), BTreeSet::new());
        for (id, outcome) in openers.join_all().await {
            match outcome {
                Ok(()) => opened.insert(id),
                Err(CommitError::Conflict(Conflict::OpenCase { case })) => named.insert(case),
                Err(other) => panic!("{other}"),
            };
        }
        assert_eq!(opened.len(), 1);
        assert_eq!(opened, named);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_is_claimed_by_one_node() {
    let office = Office::open().await;
    let case = office.opened().await;
    let mut unit = Unit::new();
    for _ in 0..60 {
        let mut submission = office.submission(case);
        submission.lease_until = NOW;
        unit.push(Row::OpenSubmission(Box::new(submission)));
    }
    office.store.commit(unit).await.unwrap();
    let mut claims = JoinSet::new();
    for number in 0..12 {
        let store = if number % 2 == 0 { office.store.clone() } else { office.again().await };
        claims.spawn(async move { store.claim(&format!("n{number}"), NOW, NOW.plus(9_000), 10).await.unwrap() });
    }
    let claimed: Vec<_> = claims.join_all().await.into_iter().flatten().collect();
    assert!(claimed.iter().all(|row| row.attempts == 1));
    let mut rest = claimed.len();
    rest += office.store.claim("n99", NOW, NOW.plus(9_000), 99).await.unwrap().len();
    assert_eq!(rest, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_all_nodes_draw_is_counted_together_and_what_is_owed_is_waited_for() {
    let office = Office::open().await;
    let nodes = [office.store.clone(), office.again().await];
    let draw = |name, amount| Draw { name, per_minute: 10, amount };
    let mut drawers = JoinSet::new();
    for number in 0..40 {
        let store = nodes[number % 2].clone();
        drawers.spawn(async move { store.draw(draw("pump", 1)).await.unwrap() });
    }
    let drawn = drawers.join_all().await.into_iter().flatten().count();
    // One is there again in six seconds.
    assert!((10..=11).contains(&drawn), "{drawn}");
    let short = nodes[0].draw(draw("pump", 0)).await.unwrap().unwrap_err();
    assert!((1..=6).contains(&short), "{short}");
    for _ in 0..20 {
        assert_eq!(nodes[1].draw(draw("valve", 0)).await.unwrap(), Ok(()), "to look draws nothing");
    }
    assert_eq!(nodes[0].draw(draw("valve", 25)).await.unwrap(), Ok(()), "what is begun is not split");
    let short = nodes[1].draw(draw("valve", 1)).await.unwrap().unwrap_err();
    assert!((90..=97).contains(&short), "{short}");
    // As after the server's clock was an hour fast.
    office.place.meddle("UPDATE rate_limit SET until = until + 3600000000000").await;
    let short = nodes[1].draw(draw("valve", 1)).await.unwrap().unwrap_err();
    assert!(short <= 600, "{short}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_are_numbered_without_gaps_by_many_while_others_write() {
    let office = Office::open().await;
    let other = office.again().await;
    let mut writers = JoinSet::new();
    for number in 0..8_i64 {
        let leaves: Vec<_> = (0..40).map(|step| office.leaf(NOW.plus(number * 7 + step))).collect();
        let store = office.store.clone();
        writers.spawn(async move {
            for leaf in leaves {
                store.commit(Unit::new().with(Row::Leaf(leaf))).await.unwrap();
            }
        });
    }
    // The lease is over each time another asks.
    let mut now = NOW;
    while !writers.is_empty() {
        now = now.plus(20_000);
        let (one, two) =
            tokio::join!(office.store.number_leaves("n1", now), other.number_leaves("n2", now.plus(20_000)));
        one.unwrap();
        two.unwrap();
        while writers.try_join_next().is_some() {}
    }
    other.number_leaves("n2", now.plus(60_000)).await.unwrap();
    let log = office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
    assert_eq!((log.leaves, log.unnumbered), (320, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_one_schema() {
    let server = Server::start();
    let mut starts = JoinSet::new();
    for _ in 0..6 {
        let config = Config::postgres(server.url());
        starts.spawn(async move { Store::open(&config).await.unwrap() });
    }
    let nodes = starts.join_all().await;
    let fill = CaseId::from_octets([7; 16]);
    nodes[0]
        .commit(Unit::new().with(Row::OpenCase(Box::new(NewCase { id: fill, ..office::any_case() }))))
        .await
        .unwrap();
    for node in &nodes {
        assert!(node.case_by_id(fill).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rule_sets_activated_at_once_the_later_is_active() {
    let office = Office::open().await;
    let mut both = JoinSet::new();
    for number in 1..=8_u8 {
        let store = office.store.clone();
        both.spawn(async move {
            let hash = [number; 32];
            let unit = Unit::new()
                .with(Row::ProposeRuleSet { hash, text: "rules".to_owned(), at: NOW })
                .with(Row::ActivateRuleSet { hash, at: NOW, actor: "house:test".to_owned() });
            store.commit(unit).await
        });
    }
    let written = both.join_all().await.into_iter().flatten().count();
    assert!(written > 0);
    assert!(office.store.active_rule_set().await.unwrap().is_some());
}

#[tokio::test]
async fn a_schema_that_a_newer_program_made_is_left_alone() {
    let office = Office::open().await;
    office.place.meddle("INSERT INTO schema_number (number) VALUES (1000)").await;
    let fault = Store::open(&office.place.config()).await.unwrap_err();
    assert!(matches!(fault, daftar::store::Error::Schema { has: 1000, .. }), "{fault}");
}

#[tokio::test]
async fn a_server_that_acknowledges_before_it_is_on_disk_is_refused() {
    let office = Office::open().await;
    office.place.meddle("ALTER ROLE postgres SET synchronous_commit = off").await;
    let fault = Store::open(&office.place.config()).await.unwrap_err();
    assert!(fault.to_string().contains("synchronous_commit"), "{fault}");
}

#[tokio::test]
async fn a_row_that_stands_nowhere_is_a_conflict_without_delay() {
    let office = Office::open().await;
    let case = NewCase { about: Some(CertificateId::from_octets([9; 16])), ..office.case() };
    let fault = office.store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await.unwrap_err();
    assert!(matches!(fault, CommitError::Conflict(Conflict::State { what: "case" })), "{fault}");
}

#[tokio::test]
async fn what_no_text_of_the_server_may_hold_is_no_fault() {
    let office = Office::open().await;
    let case = NewCase { subject_text: "CN=a\0b".to_owned(), ..office.case() };
    let id = case.id;
    office.store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await.unwrap();
    assert_eq!(office.store.case_by_id(id).await.unwrap().unwrap().subject_text, "CN=a\u{fffd}b");
}

#[tokio::test]
async fn a_subject_and_a_transaction_may_be_long() {
    let office = Office::open().await;
    let case = office.opened().await;
    let mut long = vec![0; 20_000];
    aws_lc_rs::rand::fill(&mut long).unwrap();
    let mut certificate = office.certificate(case);
    certificate.subject.clone_from(&long);
    let mut exchange = office.exchange(Some(case));
    exchange.transaction = Some(long.clone());
    let unit = Unit::new().with(Row::AddCertificate(Box::new(certificate))).with(Row::OpenExchange(Box::new(exchange)));
    office.store.commit(unit).await.unwrap();
    assert_eq!(office.store.valid_certificates_of_subject("device", &long).await.unwrap().len(), 1);
    assert_eq!(office.store.exchanges_of_transaction(&long, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_unit_that_nobody_waits_for_is_written_all_the_same() {
    let office = Office::open().await;
    for _ in 0..20 {
        let case = office.case();
        let id = case.id;
        let commit = office.store.commit(Unit::new().with(Row::OpenCase(Box::new(case))));
        // Begun, and dropped.
        let _ = tokio::time::timeout(Duration::ZERO, commit).await;
        for _ in 0..500 {
            if office.store.case_by_id(id).await.unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(office.store.case_by_id(id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_closed_store_has_written_what_it_took_and_takes_nothing() {
    let office = Office::open().await;
    let case = office.case();
    let id = case.id;
    let store = office.store.clone();
    let writing = tokio::spawn(async move { store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await });
    tokio::task::yield_now().await;
    office.store.clone().close().await;
    writing.await.unwrap().unwrap();
    assert!(matches!(office.store.commit(Unit::new()).await, Err(CommitError::Unavailable(_))));
    assert!(matches!(office.store.case_by_id(id).await, Err(daftar::store::Error::Closed)));
    assert!(office.again().await.case_by_id(id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_server_crashes_under_load() {
    let mut office = Office::open().await;
    let code = office.code(None);
    let id = code.id;
    office.store.commit(Unit::new().with(Row::AddCode(Box::new(code)))).await.unwrap();
    let mut counted = 0;
    for _ in 0..2 {
        let mut hands = JoinSet::new();
        for _ in 0..8 {
            let store = office.store.clone();
            hands.spawn(async move {
                let mut done = 0;
                while store.count_try(id).await.is_ok() {
                    done += 1;
                }
                done
            });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        office.place.0.crash();
        // Each hand has at most one unit of which nobody can tell.
        let done: u32 = hands.join_all().await.into_iter().sum();
        office.place.0.again();
        let tries = office.store.code_by_id(id).await.unwrap().unwrap().tries;
        let new = tries - counted;
        assert!((done..=done + 8).contains(&new), "{done} acknowledged, {new} there");
        assert!(done > 20, "{done}");
        counted = tries;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_back_within_a_second_was_never_away() {
    let mut office = Office::open().await;
    let code = office.code(None);
    let id = code.id;
    office.store.commit(Unit::new().with(Row::AddCode(Box::new(code)))).await.unwrap();
    let store = office.store.clone();
    let counting = tokio::spawn(async move {
        let mut failed = 0;
        for _ in 0..400 {
            failed += u32::from(store.count_try(id).await.is_err());
        }
        failed
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    office.place.0.crash();
    office.place.0.again();
    let failed = counting.await.unwrap();
    let tries = office.store.code_by_id(id).await.unwrap().unwrap().tries;
    assert!(tries >= 400 - failed, "{failed} failed, {tries} there");
    assert!(failed < 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let office = Office::open().await;
    let mut acknowledged = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "nodes::child", "--ignored", "--nocapture"])
            .env("STORE_TEST_URL", office.place.0.url())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        acknowledged.extend(lines.by_ref().filter_map(|line| told(&line)).take(round * 40));
        child.kill().unwrap();
        acknowledged.extend(lines.filter_map(|line| told(&line)));
        child.wait().unwrap();
        for case in &acknowledged {
            assert!(office.store.case_by_id(*case).await.unwrap().is_some(), "{case} was acknowledged and is lost");
        }
        office.store.number_leaves("n1", NOW.plus(20_000)).await.unwrap();
        let log = office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
        assert!(log.leaves >= acknowledged.len() as u64);
    }
}

/// Writes cases with sixteen hands until it is killed, and tells what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that another test starts and kills"]
async fn child() {
    let Ok(url) = std::env::var("STORE_TEST_URL") else { return };
    let store = office::open(&Config::postgres(url)).await;
    let mut hands = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        hands.spawn(async move {
            loop {
                let mut octets = [0; 16];
                aws_lc_rs::rand::fill(&mut octets).unwrap();
                let case = NewCase { id: CaseId::from_octets(octets), request: vec![7; 2_000], ..office::any_case() };
                let id = case.id;
                let unit = Unit::new().with(Row::OpenCase(Box::new(case))).with(Row::Leaf(office::any_leaf(octets)));
                store.commit(unit).await.unwrap();
                println!("acknowledged {id}");
            }
        });
    }
    loop {
        let _ = store.number_leaves("n1", NOW).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// The identifier in a line that was written whole.
fn told(line: &str) -> Option<CaseId> {
    CaseId::parse(line.split_once("acknowledged ")?.1)
}
