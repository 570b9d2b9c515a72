//! The tables of requirements (conformance/rfc): each row names tests that are there and that ran, or an excuse; each line
//! of RFC 9483 sections 3 to 7 that requires something has a row; docs/protocols.md says what the tables say.

mod lines;
mod page;
mod results;
mod table;

use std::path::Path;
use std::{env, fs};

use self::lines::Lines;
use self::results::Results;
use self::table::Table;

#[test]
fn every_requirement_names_a_test_that_is_there_or_an_excuse() {
    let table = Table::read(house());
    none(&table.faults(house()));
    assert!(table.rows.len() > 300, "the tables are there");
}

#[test]
fn every_line_of_rfc_9483_that_requires_something_has_a_row() {
    // Whoever has the RFC's text says where it lies; the list must be the one made from it.
    if let Ok(text) = env::var("RFC9483") {
        let made = Lines::of_text(&fs::read_to_string(text).unwrap()).to_string();
        if env::var("UPDATE").is_ok() {
            fs::write(house().join(LINES), &made).unwrap();
        }
        assert_eq!(fs::read_to_string(house().join(LINES)).unwrap(), made);
    }
    none(&Table::read(house()).lines_without_row(&Lines::read(&house().join(LINES))));
}

#[test]
fn the_page_of_protocols_is_made_from_the_tables() {
    let made = page::make(house(), &Table::read(house()));
    let page = house().join("docs/protocols.md");
    if env::var("UPDATE").is_ok() {
        fs::write(&page, &made).unwrap();
    }
    let written = fs::read_to_string(page).unwrap();
    assert!(
        written == made,
        "docs/protocols.md is not what the tables say; make it anew with UPDATE=1 cargo nextest run requirements"
    );
}

#[test]
fn a_run_is_held_against_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("conformance/rfc");
    fs::create_dir_all(&tables).unwrap();
    let row = |id: &str, test: &str, more: &str| {
        format!(
            "[[requirement]]\nid = '{id}'\nsection = '1 1'\nlevel = 'MUST'\nclass = 'C'\nrole = 'server'\noperation = 'x'\n\
             text = 'x'\ntest = ['{test}']\n{more}\n"
        )
    };
    let rows = [
        row("good", "a::good", ""),
        row("bad", "a::bad", ""),
        row("missing", "a::missing", ""),
        row("rightly-excused", "a::bad", "excuse = 'x'"),
        row("wrongly-excused", "run: x: passes", "excuse = 'x'"),
        row("later", "a::bad", "todo = 'x'"),
    ];
    fs::write(tables.join("rfc1.toml"), rows.concat()).unwrap();
    let said = folder.path().join("said.txt");
    let lines = "Running tests/journeys.rs (target/deps/journeys-0)\ntest a::good ... ok\ntest a::bad ... FAILED\nPASS x: passes\n";
    fs::write(&said, lines).unwrap();
    let faults = Table::read(folder.path()).judge(&Results::read([said.as_path()].into_iter()));
    let expected = [
        "bad: 'a::bad' failed",
        "missing: 'a::missing' did not run",
        "wrongly-excused: is excused, and 'run: x: passes' passes",
    ];
    assert_eq!(faults, expected);
}

/// The last step of `make test`: RESULTS names what the run before it left (nextest's junit.xml, what conformance printed).
#[test]
#[ignore = "judges the results of a whole run; `make test` ends with it"]
fn every_requirement_was_tried_and_every_excuse_is_needed() {
    let files = env::var("RESULTS").expect("RESULTS names the files with the results of a run");
    let results = Results::read(files.split_whitespace().map(Path::new));
    let table = Table::read(house());
    println!("{}", table.summary());
    none(&table.judge(&results));
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const LINES: &str = "conformance/rfc/rfc9483.lines";
