use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cmp::body;
use demo_ca::Kind;
use http_body_util::Full;
use hyper::body::Bytes;

use crate::office::{Office, call, csr, key};

/// The demo CA as a process of its own.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_daftar-demo-ca"))
            .arg("--dir")
            .arg(dir)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, url }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn post(url: &str, message: &[u8]) -> Option<Vec<u8>> {
    let body = Full::from(Bytes::copy_from_slice(message));
    let request = http::Request::post(url).header("content-type", "application/pkixcmp").body(body).unwrap();
    call(request).await.filter(|(status, _)| *status == 200).map(|(_, answer)| answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_authority_remembers_all_it_said_and_issues_once() {
    let mut office = Office::open().await;
    office.stop().await;
    let mut messages = Vec::new();
    for _ in 0..90 {
        messages.push(office.first(body::p10cr(&csr(&key()).await), true).await);
    }
    let heard: Arc<Mutex<HashMap<usize, Vec<u8>>>> = Arc::default();
    // Of thirty, five are done without being told and ten are under way when the process is killed.
    let mischief = office.dir.path().join("mischief.json");
    std::fs::write(&mischief, r#"[{"next": 5, "drop": true}, {"next": 10, "delay_ms": 5000}]"#).unwrap();
    for (round, thirty) in messages.chunks(30).enumerate() {
        let process = Process::start(office.dir.path(), &["--mischief", mischief.to_str().unwrap()]);
        let before = heard.lock().unwrap().len();
        let mut tasks = tokio::task::JoinSet::new();
        for (index, message) in thirty.iter().enumerate() {
            let (url, message, heard) = (process.url.clone(), message.clone(), Arc::clone(&heard));
            tasks.spawn(async move {
                if let Some(answer) = post(&url, &message).await {
                    heard.lock().unwrap().insert(round * 30 + index, answer);
                }
            });
        }
        while heard.lock().unwrap().len() < before + 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.kill();
        tasks.join_all().await;
    }
    office.start().await;
    let heard = heard.lock().unwrap().clone();
    assert!((9..=45).contains(&heard.len()), "{}", heard.len());
    for (index, message) in messages.iter().enumerate() {
        let exchange = office.send(message).await;
        exchange.issued();
        if let Some(answer) = heard.get(&index) {
            assert_eq!(exchange.answer.der(), answer);
        }
    }
    let records = office.records().await;
    let mut keys: Vec<_> =
        records.iter().filter(|record| record.kind == Kind::Issued).map(|record| record.key_print.clone()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 90);
    assert_eq!(office.count(Kind::Issued).await, 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_with_its_standard_input() {
    let mut office = Office::open().await;
    office.stop().await;
    let mut process = Process::start(office.dir.path(), &["--exit-with-stdin"]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(process.child.try_wait().unwrap().is_none());
    drop(process.child.stdin.take());
    for _ in 0..100 {
        if let Some(status) = process.child.try_wait().unwrap() {
            assert!(status.success());
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    process.kill();
    panic!("it still runs");
}
