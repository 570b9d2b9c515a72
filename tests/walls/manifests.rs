//! What a crate may depend on.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// The folders of the workspace's members.
pub(crate) fn members(root: &str) -> Vec<String> {
    let root = table(root);
    let members = root.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Value::as_array);
    members.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The root: lints in one place, unsafe code forbidden, the package under them.
pub(crate) fn workspace(root: &str) -> Vec<String> {
    let table = table(root);
    let lints = table.get("workspace").and_then(|workspace| workspace.get("lints"));
    let unsafe_code = lints.and_then(|lints| lints.get("rust")).and_then(|rust| rust.get("unsafe_code"));
    let mut found = Vec::new();
    if unsafe_code.and_then(Value::as_str) != Some("forbid") {
        found.push("Cargo.toml: [workspace.lints.rust] unsafe_code must be \"forbid\"".to_owned());
    }
    found.extend(under_lints("Cargo.toml", &table));
    found
}

/// A member: under the workspace's lints, without the dependencies that are closed to it.
pub(crate) fn member(folder: &str, manifest: &str) -> Vec<String> {
    let table = table(manifest);
    let file = format!("{folder}/Cargo.toml");
    let mut found = if folder == UNSAFE { Vec::new() } else { under_lints(&file, &table) };
    let closed = CLOSED.iter().filter(|(part, ..)| folder == *part || folder.starts_with(&format!("{part}/")));
    for (_, names, why) in closed {
        let named = dependencies(&table).into_iter().filter(|name| names.contains(&name.as_str()));
        found.extend(named.map(|name| format!("{file}: depends on {name}: {why}")));
    }
    found
}

/// The member with unsafe code: never published, and under the workspace's lints but for those that speak of such code.
pub(crate) fn with_unsafe(root: &str, manifest: &str) -> Vec<String> {
    let (root, table) = (table(root), table(manifest));
    let mut wanted = root["workspace"]["lints"].clone();
    for (tool, lint) in
        [("rust", "unsafe_code"), ("rust", "unsafe_op_in_unsafe_fn"), ("clippy", "undocumented_unsafe_blocks")]
    {
        wanted[tool].as_table_mut().expect("a tool's lints").insert(lint.into(), "deny".into());
    }
    let mut found = Vec::new();
    if table.get("lints") != Some(&wanted) {
        found.push(format!("{UNSAFE}/Cargo.toml: its lints must be {wanted}"));
    }
    if table["package"].get("publish").and_then(Value::as_bool) != Some(false) {
        found.push(format!("{UNSAFE}/Cargo.toml: needs publish = false"));
    }
    found
}

/// A judge from outside: no parser of ours.
pub(crate) fn stranger(file: &str, manifest: &str) -> Vec<String> {
    let ours = dependencies(&table(manifest)).into_iter().filter(|name| name.starts_with("daftar"));
    ours.map(|name| format!("{file}: depends on {name}: conformance judges us with nothing of ours")).collect()
}

/// What the pure crates reach through others, as Cargo.lock tells (tests' dependencies included).
pub(crate) fn reached(lock: &str) -> Vec<String> {
    let lock = table(lock);
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let needs = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        // "name" or "name version"
        let needs = needs.filter_map(|need| need.as_str()?.split(' ').next());
        below.entry(name).or_default().extend(needs);
    }
    let mut found = Vec::new();
    for pure in PURE {
        let (mut seen, mut next) = (BTreeSet::new(), vec![pure]);
        while let Some(name) = next.pop() {
            if seen.insert(name) {
                next.extend(below.get(name).into_iter().flatten());
            }
        }
        if !below.contains_key(pure) {
            found.push(format!("Cargo.lock: {pure} is not there"));
        }
        let closed = IO.iter().filter(|name| seen.contains(*name));
        found.extend(closed.map(|name| format!("Cargo.lock: {pure} reaches {name}")));
    }
    found
}

fn table(text: &str) -> Table {
    text.parse().expect("a manifest is TOML")
}

fn under_lints(file: &str, manifest: &Table) -> Vec<String> {
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
    if lints == Some(true) { Vec::new() } else { vec![format!("{file}: needs [lints] workspace = true")] }
}

/// The names of all dependencies: for code, build and tests, on every target; renamed ones by their real name.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let kinds = tables.flat_map(|table| {
        ["dependencies", "dev-dependencies", "build-dependencies"]
            .into_iter()
            .filter_map(|kind| table.get(kind)?.as_table())
    });
    let named = kinds.flatten().map(|(name, value)| {
        let renamed = value.get("package").and_then(Value::as_str);
        renamed.unwrap_or(name).to_owned()
    });
    named.collect()
}

/// A PKCS#11 module is called through C's pointers. Cargo takes the workspace's lints as a whole or not at all.
pub(crate) const UNSAFE: &str = "conformance/faults/pkcs11-shim";

/// What moves bytes in or out, or waits for them.
const IO: [&str; 15] = [
    "axum",
    "cryptoki",
    "deadpool-postgres",
    "http",
    "hyper",
    "hyper-rustls",
    "hyper-util",
    "mio",
    "reqwest",
    "rusqlite",
    "rustls",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tracing-subscriber",
];

const PURE: [&str; 5] = ["daftar-certs", "daftar-tlog", "daftar-cmp", "daftar-est", "daftar-cmc"];

/// Folder, what it may not depend on, why.
const CLOSED: [(&str, &[&str], &str); 12] = [
    ("certs", &IO, "it is pure"),
    ("tlog", &IO, "it is pure"),
    ("protocols", &IO, "it is pure"),
    (
        "certs",
        &["daftar", "daftar-cmp", "daftar-est", "daftar-cmc", "daftar-scep", "daftar-demo-ca"],
        "it stands below",
    ),
    ("tlog", &["daftar", "daftar-cmp", "daftar-est", "daftar-cmc", "daftar-scep", "daftar-demo-ca"], "it stands below"),
    ("verifier", &["daftar", "cryptoki", "rusqlite", "tokio-postgres"], "who checks the log needs no office for it"),
    (
        "protocols/cmp",
        &["daftar", "daftar-est", "daftar-cmc", "daftar-scep", "daftar-demo-ca"],
        "a protocol imports no other",
    ),
    (
        "protocols/est",
        &["daftar", "daftar-cmp", "daftar-scep", "daftar-demo-ca"],
        "est may use cmc and no other protocol",
    ),
    (
        "protocols/cmc",
        &["daftar", "daftar-cmp", "daftar-est", "daftar-scep", "daftar-demo-ca"],
        "a protocol imports no other",
    ),
    (
        "protocols/scep",
        &["daftar", "daftar-cmp", "daftar-est", "daftar-cmc", "daftar-demo-ca"],
        "a protocol imports no other",
    ),
    ("demo-ca", &["daftar", "cryptoki", "rusqlite", "daftar-est"], "the demo's CA is a stranger to the server"),
    ("benches/loader", &["daftar", "cryptoki"], "a loader sees the server from outside"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rest: &str) -> String {
        format!("[package]\nname = \"x\"\n[lints]\nworkspace = true\n{rest}")
    }

    #[test]
    fn a_pure_crate_takes_no_input_or_output() {
        for rest in [
            "[dependencies]\ntokio = \"1\"",
            "[dev-dependencies]\nrusqlite.workspace = true",
            "[build-dependencies]\nhyper = \"1\"",
            "[target.'cfg(unix)'.dependencies]\ncryptoki = \"1\"",
            "[dependencies]\nrunner = { package = \"tokio\", version = \"1\" }",
        ] {
            for folder in ["certs", "protocols/cmp", "protocols/est", "protocols/new"] {
                assert_eq!(member(folder, &manifest(rest)).len(), 1, "{folder}: {rest}");
            }
        }
        assert!(member("certs", &manifest("[dependencies]\nder.workspace = true")).is_empty());
    }

    #[test]
    fn a_protocol_imports_no_other() {
        assert_eq!(member("protocols/cmp", &manifest("[dependencies]\ndaftar-est.workspace = true")).len(), 1);
        assert_eq!(member("protocols/est", &manifest("[dependencies]\ndaftar-cmp.workspace = true")).len(), 1);
        assert!(member("protocols/est", &manifest("[dependencies]\ndaftar-cmc.workspace = true")).is_empty());
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        assert_eq!(member("certs", "[package]\nname = \"x\"").len(), 1);
        let root = manifest("[workspace.lints.rust]\nunsafe_code = \"forbid\"");
        assert!(workspace(&root).is_empty());
        assert_eq!(workspace(&root.replace("forbid", "deny")).len(), 1);
        assert_eq!(workspace(&root.replace("workspace = true", "")).len(), 1);
    }

    #[test]
    fn one_member_has_unsafe_code_and_all_other_lints() {
        let root =
            "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nx = \"warn\"\n[workspace.lints.clippy]\ny = \"warn\"\n";
        let shim = "[package]\nname = \"x\"\npublish = false\n[lints.rust]\nunsafe_code = \"deny\"\nx = \"warn\"\n\
            unsafe_op_in_unsafe_fn = \"deny\"\n[lints.clippy]\ny = \"warn\"\nundocumented_unsafe_blocks = \"deny\"\n";
        assert!(with_unsafe(root, shim).is_empty());
        for (of, to) in [("\ny =", "\nz ="), ("unsafe_code = \"deny", "unsafe_code = \"allow"), ("publish = false", "")]
        {
            assert_eq!(with_unsafe(root, &shim.replace(of, to)).len(), 1, "{of}");
        }
        assert!(member(UNSAFE, shim).is_empty());
        assert_eq!(member("certs", shim).len(), 1);
    }

    #[test]
    fn a_judge_uses_nothing_of_ours() {
        assert_eq!(
            stranger("conformance/x/Cargo.toml", &manifest("[dependencies]\ndaftar-cmp.workspace = true")).len(),
            1
        );
        assert!(stranger("conformance/x/Cargo.toml", &manifest("[dependencies]\nder = \"1\"")).is_empty());
    }

    #[test]
    fn input_and_output_through_another_crate_is_found() {
        let lock = |needs: &str| {
            let pure = PURE
                .map(|name| format!("[[package]]\nname = \"{name}\"\ndependencies = [\"middle 1.0.0\"]\n"))
                .concat();
            format!("{pure}[[package]]\nname = \"middle\"\ndependencies = [{needs}]\n")
        };
        assert!(reached(&lock("\"der\"")).is_empty());
        assert_eq!(reached(&lock("\"der\", \"tokio\"")).len(), PURE.len());
        assert_eq!(reached("").len(), PURE.len());
    }
}
