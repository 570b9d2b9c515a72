//! The tables of requirements (conformance/rfc): each line names a test that is there, or an excuse.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_requirement_names_a_test_that_is_there_or_an_excuse() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = Vec::new();
    for table in files(&house.join("conformance/rfc")) {
        let content: toml::Table = fs::read_to_string(&table).unwrap().parse().unwrap();
        for line in content["requirement"].as_array().expect("a list of requirements") {
            let word = |key: &str| line.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
            let id = word("id");
            assert!(!id.is_empty() && !seen.contains(&id), "{}: '{id}' stands twice or is empty", table.display());
            assert!(!word("section").is_empty() && !word("text").is_empty(), "{id}: section and text are needed");
            let tests = line.get("test").and_then(toml::Value::as_array).cloned().unwrap_or_default();
            assert_ne!(tests.is_empty(), word("excuse").is_empty(), "{id}: either tests or an excuse");
            for test in &tests {
                let test = test.as_str().expect("a name");
                assert!(exists(house, test), "{id}: there is no test '{test}'");
            }
            seen.push(id);
        }
    }
    assert!(seen.len() > 40, "the tables are there");
}

fn exists(house: &Path, test: &str) -> bool {
    if let Some(check) = test.strip_prefix("run: ") {
        let line = format!("check \"{check}\"");
        let folders = ["conformance/clients", "conformance/authorities"];
        return folders.iter().flat_map(|folder| files(&house.join(folder))).any(|file| holds(&file, &line));
    }
    let Some((file, name)) = test.split_once("::") else { return false };
    holds(&house.join(format!("tests/journeys/{file}.rs")), &format!("#[test]\nfn {name}()"))
}

fn holds(file: &Path, text: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|content| content.contains(text))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
