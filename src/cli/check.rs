//! `daftar check`: looks at everything that `serve` needs, and tells how to mend what is wrong.

use serde_json::json;

use super::assemble::read_certificates;
use super::{Common, Failed, print};
use crate::config::{AuthorityConfig, Config};
use crate::hsm::{Hsm, State};
use crate::store::Store;

/// One thing that was looked at.
struct Finding {
    part: String,
    fault: Option<String>,
}

pub(super) async fn run(common: &Common) -> Result<(), Failed> {
    let config = Config::load(&common.config).map_err(Failed::new)?;
    let mut findings = vec![finding("configuration", Ok(()))];
    findings.extend(token(&config));
    findings.push(finding("database", database(&config).await));
    findings.push(finding("recovery certificate", file(&config.recovery_certificate)));
    findings.push(finding("TLS certificate", file(&config.listen.certificate_file)));
    for (name, table) in &config.trust {
        findings.push(finding(&format!("trust.{name}"), file(&table.anchors)));
    }
    for (name, authority) in &config.authority {
        findings.push(finding(&format!("authority.{name}"), reach(authority).await));
    }
    let faults = findings.iter().filter(|finding| finding.fault.is_some()).count();
    for finding in &findings {
        show(common, finding);
    }
    if faults > 0 {
        return Err(Failed::new(format!("{faults} of {} things need mending", findings.len())));
    }
    Ok(())
}

fn finding(part: &str, result: Result<(), String>) -> Finding {
    Finding { part: part.to_owned(), fault: result.err() }
}

fn show(common: &Common, finding: &Finding) {
    match (common.json, &finding.fault) {
        (true, fault) => print(&json!({ "part": finding.part, "ok": fault.is_none(), "fault": fault }).to_string()),
        (false, None) => print(&format!("ok    {}", finding.part)),
        (false, Some(fault)) => print(&format!("FAULT {}: {fault}", finding.part)),
    }
}

/// A wrong PIN is not tried here either: the marker stands for every command.
fn token(config: &Config) -> Vec<Finding> {
    let hsm = match Hsm::start(&config.hsm, &config.data) {
        Ok(hsm) => hsm,
        Err(fault) => return vec![finding("token", Err(fault.to_string()))],
    };
    let state = match (hsm.state(), hsm.reason()) {
        (State::Ready, _) => Ok(()),
        (state, Some(reason)) => Err(format!("{state:?}: {reason}")),
        (state, None) => Err(format!("{state:?}")),
    };
    let key = hsm.signer().map(|_| ()).map_err(|fault| fault.to_string());
    hsm.stop();
    vec![finding("token", state), finding("RA key", key)]
}

async fn database(config: &Config) -> Result<(), String> {
    let store = Store::open(&config.store).await.map_err(|fault| fault.to_string())?;
    store.open_submissions().await.map(|_| ()).map_err(|fault| fault.to_string())
}

fn file(path: &std::path::Path) -> Result<(), String> {
    let found = read_certificates(path).map_err(|fault| fault.to_string())?;
    if found.is_empty() { Err(format!("{} holds no certificate", path.display())) } else { Ok(()) }
}

async fn reach(authority: &AuthorityConfig) -> Result<(), String> {
    let AuthorityConfig::Cmp(config) = authority;
    let uri: http::Uri = config.url.parse().map_err(|fault| format!("url: {fault}"))?;
    let host = uri.host().ok_or("url: names no host")?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let reached = tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect((host, port))).await;
    match reached {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(fault)) => Err(format!("{host}:{port} cannot be reached: {fault}")),
        Err(_) => Err(format!("{host}:{port} does not answer")),
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
