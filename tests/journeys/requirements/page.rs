//! docs/protocols.md, made from the tables and the frame in conformance/rfc/page.md.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::table::{Class, Operation, Row, Table};

pub(super) fn make(house: &Path, table: &Table) -> String {
    let mut page = fs::read_to_string(house.join("conformance/rfc/page.md")).unwrap();
    for chapter in ["EST", "CMP", "RA"] {
        page = page.replace(&format!("{{{chapter}}}"), &operations(table, chapter));
    }
    page.replace("{SECTIONS}", &sections(table)).replace("{OPEN}", &open(table))
}

/// `| operation or rule | there? | note |`
fn operations(table: &Table, chapter: &str) -> String {
    let mut lines = String::from("| operation or rule | there? | note |\n|---|---|---|");
    for operation in table.operations.iter().filter(|operation| operation.chapter == chapter) {
        let rows: Vec<&Row> = binding(table).filter(|row| row.operation == operation.name).collect();
        let _ = write!(lines, "\n| {} | {} | {} |", operation.title, verdict(operation, &rows), operation.note);
    }
    lines
}

fn verdict(operation: &Operation, rows: &[&Row]) -> &'static str {
    let tested = rows.iter().filter(|row| row.is_tested()).count();
    match (operation.offered, tested) {
        (false, _) | (true, 0) => "no",
        (true, all) if all == rows.len() && !operation.partly => "yes",
        _ => "partly",
    }
}

/// A line for each section with a requirement that binds, in the order of the tables.
fn sections(table: &Table) -> String {
    let mut counts: Vec<(&str, usize, usize)> = Vec::new();
    for row in binding(table) {
        let section = row.section.split(',').next().unwrap_or(&row.section);
        let place = counts.iter().position(|(known, ..)| *known == section).unwrap_or_else(|| {
            counts.push((section, 0, 0));
            counts.len() - 1
        });
        let entry = &mut counts[place];
        entry.1 += 1;
        entry.2 += usize::from(row.is_tested());
    }
    let mut lines = String::from("| RFC and section | there? | tested |\n|---|---|---|");
    for (section, all, tested) in counts {
        let there = match tested {
            0 => "no",
            some if some == all => "yes",
            _ => "partly",
        };
        let _ = write!(lines, "\n| {section} | {there} | {tested} of {all} |");
    }
    lines
}

/// The reasons, each with the rows that have it.
fn open(table: &Table) -> String {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for row in binding(table).filter(|row| !row.is_tested()) {
        let reason = if row.todo.is_empty() { row.excuse.clone() } else { format!("to be done: {}", row.todo) };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, rows)) => rows.push(&row.id),
            None => reasons.push((reason, vec![&row.id])),
        }
    }
    let lines: Vec<String> = reasons.iter().map(|(reason, rows)| format!("- {}: {reason}", rows.join(", "))).collect();
    lines.join("\n")
}

fn binding(table: &Table) -> impl Iterator<Item = &Row> {
    table.rows.iter().filter(|row| row.class != Class::NotUs)
}
