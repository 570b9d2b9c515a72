//! `daftar upstream`: what people carry to CAs that are off-line, and back (RFC 9483 section 6.4.1).

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::as_officer::By;
use super::{Common, Failed, print};
use crate::config::Config;

/// `daftar upstream VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Writes what waits for a CA into `.pki` files, one message of CMP each, and a manifest that the RA key signs.
    Export {
        /// The CA: `[authority.NAME]` with `kind = "file"`.
        #[arg(long, value_name = "NAME")]
        authority: String,
        /// The folder for the files; nothing in it is written over.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Writes this earlier export once more, the same octet for octet.
        #[arg(long)]
        number: Option<u32>,
        #[command(flatten)]
        by: By,
    },
    /// Takes in the answers that were brought back.
    Import {
        /// The CA.
        #[arg(long, value_name = "NAME")]
        authority: String,
        /// The files, one message of CMP each.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        by: By,
    },
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    match verb {
        Verb::Export { authority, out, number, by } => {
            known(config, &authority)?;
            let wanted = json!({ "officer": by.officer, "number": number });
            let export = by.office(config)?.post(&format!("/authorities/{authority}/export"), wanted).await?;
            let written = write_all(&authority, &out, &export).map_err(|fault| {
                let number = export.get("number").map(Value::to_string).unwrap_or_default();
                Failed::new(format!("{fault}; export {number} is kept: `--number {number}` writes it once more"))
            })?;
            tell(common, &json!({ "number": export.get("number"), "files": written }), &written);
            Ok(())
        }
        Verb::Import { authority, files, by } => {
            known(config, &authority)?;
            let office = by.office(config)?;
            let (mut told, mut lines) = (Vec::new(), Vec::new());
            for path in &files {
                let octets = std::fs::read(path).map_err(|fault| about(path, &fault))?;
                let brought = json!({ "officer": by.officer, "file": hex::encode(octets) });
                let answer = office.post(&format!("/authorities/{authority}/import"), brought).await;
                let answer = answer.map_err(|fault| about(path, &fault))?;
                for one in answer.as_array().into_iter().flatten() {
                    let field = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or("-");
                    let taken = if one.get("taken") == Some(&Value::Bool(true)) { "taken" } else { "left" };
                    lines.push(format!("{taken:<5}  {}  {}", field("case"), field("text")));
                    told.push(one.clone());
                }
            }
            let left = told.iter().filter(|one| one.get("taken") != Some(&Value::Bool(true))).count();
            tell(common, &Value::Array(told), &lines);
            if left == 0 {
                Ok(())
            } else {
                Err(Failed::new(format!("{left} answers were left; nothing of them was changed")))
            }
        }
    }
}

/// It stands in an address.
fn known(config: &Config, authority: &str) -> Result<(), Failed> {
    if config.authority.contains_key(authority) {
        return Ok(());
    }
    Err(Failed::new(format!("there is no [authority.{authority}]")))
}

fn write_all(authority: &str, out: &Path, export: &Value) -> Result<Vec<String>, Failed> {
    let Some(number) = export.get("number").and_then(Value::as_u64) else { return Ok(Vec::new()) };
    let octets = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        hex::decode(text).map_err(|fault| Failed::new(format!("the server's answer: {fault}")))
    };
    std::fs::create_dir_all(out).map_err(|fault| about(out, &fault))?;
    let mut written = Vec::new();
    let mut keep = |name: &str, octets: &[u8]| {
        let path = out.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(octets).and_then(|()| file.sync_all()))
            .map_err(|fault| about(&path, &fault))?;
        written.push(path.display().to_string());
        Ok::<_, Failed>(())
    };
    for file in export.get("files").and_then(Value::as_array).into_iter().flatten() {
        let name = file.get("name").and_then(Value::as_str).unwrap_or_default();
        // The server's own word; it names files of this folder all the same.
        let name = Path::new(name).file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failed::new("the server's answer has a file without a name"))?;
        keep(name, &octets(file.get("octets"))?)?;
    }
    let manifest = format!("{authority}-{number:06}.json");
    keep(&manifest, &octets(export.get("manifest"))?)?;
    keep(&format!("{manifest}.sig"), &octets(export.get("signature"))?)?;
    File::open(out).and_then(|folder| folder.sync_all()).map_err(|fault| about(out, &fault))?;
    Ok(written)
}

fn tell(common: &Common, whole: &Value, lines: &[String]) {
    match (common.json, lines) {
        (true, _) => print(&whole.to_string()),
        (false, []) => print("nothing waits"),
        (false, lines) => print(&lines.join("\n")),
    }
}

fn about(path: &Path, fault: &dyn std::fmt::Display) -> Failed {
    Failed::new(format!("{}: {fault}", path.display()))
}
