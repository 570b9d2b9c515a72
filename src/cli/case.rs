//! `daftar case`: what was asked for, and what became of it.

use serde_json::{Value, json};

use super::as_officer::By;
use super::client::Office;
use super::{Common, Failed, print};
use crate::case::{CaseId, State};
use crate::config::Config;

/// `daftar case VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Lists cases, newest first.
    List {
        /// Only cases in this state, such as `checked`: these wait for an officer.
        #[arg(long)]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Shows a case with its decisions and its certificate.
    Show {
        /// The case.
        id: String,
    },
    /// Approves a case that waits for an officer.
    Approve {
        /// The case.
        id: String,
        #[command(flatten)]
        by: By,
    },
    /// Refuses a case that waits for an officer.
    Refuse {
        /// The case.
        id: String,
        #[command(flatten)]
        by: By,
        /// Why: the requester reads it.
        #[arg(long)]
        text: String,
    },
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    let office = Office::of(config);
    let answer = match verb {
        Verb::List { state, limit } => {
            let known = |state: &String| State::named(state).is_some();
            if let Some(unknown) = state.as_ref().filter(|state| !known(state)) {
                return Err(Failed::new(format!("there is no state '{unknown}'")));
            }
            let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
            office.get(&format!("/cases?limit={limit}{state}")).await?
        }
        Verb::Show { id } => office.get(&format!("/cases/{}", case(&id)?)).await?,
        Verb::Approve { id, by } => {
            let word = json!({ "officer": by.officer });
            by.office(config)?.post(&format!("/cases/{}/approve", case(&id)?), word).await?
        }
        Verb::Refuse { id, by, text } => {
            let word = json!({ "officer": by.officer, "text": text });
            by.office(config)?.post(&format!("/cases/{}/refuse", case(&id)?), word).await?
        }
    };
    if common.json {
        print(&answer.to_string());
    } else {
        show(&answer);
    }
    Ok(())
}

/// Nothing else may come into an address.
fn case(id: &str) -> Result<CaseId, Failed> {
    CaseId::parse(id).ok_or_else(|| Failed::new(format!("'{id}' is not an identifier; `daftar case list` shows them")))
}

fn show(answer: &Value) {
    let Some(list) = answer.as_array() else { return print(&table(answer)) };
    for case in list {
        let column = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        print(&format!(
            "{}  {:<13} {:<7} {:<5} {:<10} {}",
            column("id"),
            column("state"),
            column("kind"),
            column("door"),
            column("profile"),
            column("subject")
        ));
    }
}

/// An object as lines `name: value`.
pub(super) fn table(answer: &Value) -> String {
    let Some(object) = answer.as_object() else { return answer.to_string() };
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| format!("  {}", table(item).replace('\n', "\n  "))).collect();
            format!("{name}:\n{}", items.join("\n"))
        }
        other => format!("{name}: {other}"),
    };
    object.iter().map(line).collect::<Vec<_>>().join("\n")
}
