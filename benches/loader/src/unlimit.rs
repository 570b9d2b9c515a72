use std::path::PathBuf;
use std::process::ExitCode;

use toml::{Table, Value};

use crate::fault::Fault;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The daftar.toml to be changed.
    #[arg(long)]
    config: PathBuf,
    /// What is logged, as in RUST_LOG; left alone otherwise.
    #[arg(long)]
    log: Option<String>,
}

/// A loader is many requesters in one: limits that are counted on a credential or an address do not fit it. One that asks again
/// at the end of a long run is no new request.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Fault> {
    let fault = |error: String| Fault::file(&args.config, error);
    let text = std::fs::read_to_string(&args.config).map_err(|error| fault(error.to_string()))?;
    let mut table: Table = toml::from_str(&text).map_err(|error| fault(error.to_string()))?;
    let changes = [
        (&["registrar"][..], "requests_per_minute", Value::Integer(100_000_000)),
        (&["registrar"], "failures_per_minute", Value::Integer(100_000_000)),
        (&["registrar"], "repeat_window_seconds", Value::Integer(86_400)),
        (&["listen", "limits"], "connections", Value::Integer(2_000)),
        (&["listen", "limits"], "connections_per_address", Value::Integer(2_000)),
    ];
    let log = args.log.clone().map(|filter| (&["log"][..], "filter", Value::String(filter)));
    for (path, key, value) in changes.into_iter().chain(log) {
        let place = path.iter().try_fold(&mut table, |table, name| inside(table, name));
        place.ok_or_else(|| fault(format!("{path:?} is no table")))?.insert(key.to_owned(), value);
    }
    let text = toml::to_string(&table).map_err(|error| fault(error.to_string()))?;
    std::fs::write(&args.config, text).map_err(|error| fault(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn inside<'a>(table: &'a mut Table, name: &str) -> Option<&'a mut Table> {
    table.entry(name).or_insert_with(|| Value::Table(Table::new())).as_table_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_raised_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("daftar.toml");
        std::fs::write(&config, "demo = true\n[registrar]\nrequests_per_minute = 3\ndefault_profile = \"a\"\n")
            .unwrap();
        run(&Args { config: config.clone(), log: None }).unwrap();
        let table: Table = toml::from_str(&std::fs::read_to_string(&config).unwrap()).unwrap();
        assert_eq!(table["demo"].as_bool(), Some(true));
        assert_eq!(table["registrar"]["default_profile"].as_str(), Some("a"));
        assert_eq!(table["registrar"]["requests_per_minute"].as_integer(), Some(100_000_000));
        assert!(table.get("log").is_none());
    }
}
