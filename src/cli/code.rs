//! `daftar code`: enrolment codes. Who makes one approves what it lets through (DESIGN rule 6).

use serde_json::{Value, json};

use super::as_officer::By;
use super::case::table;
use super::client::Office;
use super::{Common, Failed, print};
use crate::case::CodeId;
use crate::config::Config;

/// `daftar code VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Makes a code; its secret is shown once.
    Create {
        /// The profile it serves.
        #[arg(long)]
        profile: String,
        /// How many cases it may open; 0 for any number.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// A name it is for: common name or alternative name; may be repeated.
        #[arg(long = "name")]
        names: Vec<String>,
        /// Seconds until it opens no more cases.
        #[arg(long)]
        expires_in: Option<i64>,
        #[command(flatten)]
        by: By,
    },
    /// Lists codes, newest first.
    List,
    /// Withdraws a code.
    Withdraw {
        /// The code.
        id: String,
        #[command(flatten)]
        by: By,
    },
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    let answer = match verb {
        Verb::Create { profile, uses, names, expires_in, by } => {
            let order = json!({
                "profile": profile,
                "uses": (uses > 0).then_some(uses),
                "names": (!names.is_empty()).then_some(names),
                "expires_in_seconds": expires_in,
                "created_by": by.officer,
            });
            by.office(config)?.post("/codes", order).await?
        }
        Verb::List => Office::of(config).get("/codes").await?,
        Verb::Withdraw { id, by } => {
            let code = CodeId::parse(&id)
                .ok_or_else(|| Failed::new(format!("'{id}' is not an identifier; `daftar code list` shows them")))?;
            by.office(config)?.post(&format!("/codes/{code}/withdraw"), json!({ "officer": by.officer })).await?
        }
    };
    match (common.json, &answer) {
        (true, answer) => print(&answer.to_string()),
        (false, Value::Array(codes)) => codes.iter().for_each(|code| print(&format!("{}\n", table(code)))),
        (false, answer) => print(&table(answer)),
    }
    Ok(())
}
