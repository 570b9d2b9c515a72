//! The console's settings, and what an office with officers must have said before it starts.

use super::Failed;
use crate::config::Config;
use crate::console::ConsoleSettings;
use crate::registrar::Registrar;
use crate::store::Store;

/// How the console is reached; none where it is closed.
pub(super) fn console_settings(config: &Config) -> Option<ConsoleSettings> {
    let officers = config.officers.as_ref()?;
    let address = config.listen.console.address()?;
    let loopback = address.ip().is_loopback();
    let mut hosts = officers.hosts.clone();
    if loopback {
        hosts.extend([address.to_string(), format!("localhost:{}", address.port())]);
    }
    Some(ConsoleSettings { hosts, offset_seconds: officers.offset_seconds(), loopback })
}

/// DESIGN rule 6: a way on which one person alone could get a certificate issued stops the start of an office with officers, unless a reason
/// for it is written down, which the log then has.
pub(super) async fn check_lone_paths(config: &Config, store: &Store, registrar: &Registrar) -> Result<(), Failed> {
    if !store.has_officers().await.map_err(Failed::new)? {
        return Ok(());
    }
    let Some(officers) = &config.officers else {
        return Err(Failed::new("this office has officers, and [officers] is not there: without it nobody can log in"));
    };
    let paths: Vec<String> = config.lone_paths().iter().map(ToString::to_string).collect();
    for (path, reason) in &officers.alone {
        if paths.contains(path) {
            tracing::warn!(path, reason, "one person alone can get a certificate issued; the configuration says why");
            registrar.note_lone_path(path, reason).await.map_err(Failed::new)?;
        } else {
            tracing::warn!(path, "[officers.alone] has a reason for a way that is not open: take it out");
        }
    }
    explain_open_ways(config)
}

/// Whether every way for one person alone has its reason, where there is `[officers]`.
pub(super) fn explain_open_ways(config: &Config) -> Result<(), Failed> {
    let Some(officers) = &config.officers else { return Ok(()) };
    let open: Vec<String> = config
        .lone_paths()
        .into_iter()
        .filter(|path| !officers.alone.contains_key(&path.to_string()))
        .map(|path| format!("  {path}: {}", path.explain()))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let ways = open.join("\n");
    Err(Failed::new(format!(
        "one person alone could get a certificate issued:\n{ways}\nClose each way, or write in [officers.alone] why it may be open"
    )))
}
