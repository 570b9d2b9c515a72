//! Names that stay in their rooms.

use std::collections::BTreeSet;

use crate::paths::Paths;

/// Where nothing asks for the time or for randomness: both are handed in.
pub(crate) const PURE: [&str; 12] = [
    "certs/src/",
    "tlog/src/",
    "protocols/cmp/src/",
    "protocols/est/src/",
    "protocols/cmc/src/",
    "src/case/",
    "src/rules/",
    "src/duty/",
    "src/audit/",
    "src/upstream/",
    "src/store/",
    "src/registrar/",
];

/// Names where they may not stand.
pub(crate) fn breaches(files: &[Paths]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let room = file.room().unwrap_or_default();
        for named in &file.named {
            let path = named.text();
            let is = |name: &str| path == name || path.starts_with(&format!("{name}::"));
            for ban in BANS {
                let kept = ban.where_not.holds(&room, &file.file);
                if let Some(name) = ban.names.iter().find(|name| kept && is(name)) {
                    found.push(format!("{}:{}: names {name}: {}", file.file, named.line, ban.why));
                }
            }
        }
    }
    found
}

/// Clocks and randomness where they may not be asked for. Tests may.
pub(crate) fn impure(files: &[Paths], test_only: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !test_only.contains(&file.file)) {
        for named in file.named.iter().filter(|named| !named.in_test) {
            if let Some(asked) = named.segments.iter().find(|segment| ASKED.contains(&segment.as_str())) {
                let line = named.line;
                found.push(format!("{}:{line}: names {asked}: time and randomness are handed in", file.file));
            }
        }
    }
    found
}

struct Ban {
    where_not: Where,
    /// Paths, as they begin.
    names: &'static [&'static str],
    why: &'static str,
}

enum Where {
    /// In these rooms.
    In(&'static [&'static str]),
    /// In all files but those whose name begins so.
    Outside(&'static [&'static str]),
}

impl Where {
    fn holds(&self, room: &str, file: &str) -> bool {
        match self {
            Self::In(rooms) => rooms.contains(&room),
            Self::Outside(files) => !files.iter().any(|begin| file.starts_with(begin)),
        }
    }
}

const BANS: [Ban; 8] = [
    Ban {
        where_not: Where::In(&["case", "rules", "duty", "audit", "store", "documents", "registrar"]),
        names: &["cmp", "est", "cmc", "scep"],
        why: "a protocol is its door's and its driver's; rooms between them know cases",
    },
    Ban {
        where_not: Where::In(&["case", "rules", "duty", "audit", "store", "documents", "registrar"]),
        names: &["http", "http_body_util", "hyper", "hyper_rustls", "hyper_util", "axum", "tower"],
        why: "HTTP belongs to listen and the doors, and to upstream",
    },
    Ban { where_not: Where::Outside(&["src/hsm/"]), names: &["cryptoki"], why: "only hsm speaks PKCS#11" },
    Ban {
        where_not: Where::Outside(&["src/store/"]),
        names: &["rusqlite", "tokio_postgres", "deadpool_postgres"],
        why: "only store speaks SQL",
    },
    Ban { where_not: Where::In(&["frontend", "console"]), names: &["crate::store"], why: "a door asks the registrar" },
    Ban {
        where_not: Where::Outside(&["src/cli/demo"]),
        names: &["demo_ca"],
        why: "the software signer is the demo's; serve cannot reach it",
    },
    Ban {
        where_not: Where::Outside(&["src/cli/demo", "src/cli/mod.rs"]),
        names: &["crate::cli::demo"],
        why: "the demo is reached from the command line only",
    },
    Ban { where_not: Where::Outside(&["src/hsm/"]), names: &["libloading"], why: "only hsm loads a module" },
];

const ASKED: [&str; 8] =
    ["SystemTime", "OffsetDateTime", "UtcDateTime", "SystemRandom", "rand", "getrandom", "thread_rng", "OsRng"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::test_only;

    fn found(file: &str, text: &str) -> usize {
        breaches(&[Paths::of(file, text)]).len()
    }

    #[test]
    fn rooms_in_between_name_no_protocol_http_or_token() {
        for room in ["case", "rules", "registrar", "store"] {
            for text in [
                "use cmp::Message;",
                "fn f() { est::body() }",
                "use http::StatusCode;",
                "use axum::Router;",
                "use cryptoki;",
            ] {
                assert_eq!(found(&format!("src/{room}/file.rs"), text), 1, "{room}: {text}");
            }
        }
        assert_eq!(
            found("src/registrar/file.rs", "use std::cmp::Ordering; use std::{cmp, fmt}; fn f() { cmp::max(1, 2) }"),
            0
        );
        assert_eq!(found("src/frontend/cmp.rs", "use cmp::Message; use axum::Router;"), 0);
    }

    #[test]
    fn sql_and_pkcs11_have_one_room_each() {
        assert_eq!(found("src/frontend/file.rs", "use rusqlite::Row;"), 1);
        assert_eq!(found("src/cli/file.rs", "fn f(pool: &rusqlite::Connection) {}"), 1);
        assert_eq!(found("src/registrar/file.rs", "use tokio_postgres::Client;"), 1);
        assert_eq!(found("src/cli/file.rs", "use cryptoki::context::Pkcs11;"), 1);
        assert_eq!(found("src/store/file.rs", "use rusqlite::Row;"), 0);
        assert_eq!(found("src/hsm/file.rs", "use cryptoki::context::Pkcs11;"), 0);
    }

    #[test]
    fn a_door_does_not_name_the_store() {
        assert_eq!(found("src/frontend/est.rs", "use crate::store::Form;"), 1);
        assert_eq!(found("src/frontend/cmp/desk.rs", "use super::super::super::store::Form;"), 1);
        assert_eq!(found("src/cli/serve.rs", "use crate::store::Store;"), 0);
    }

    #[test]
    fn serve_does_not_reach_the_demo() {
        assert_eq!(found("src/cli/serve.rs", "use demo_ca::signer::SoftwareSigner;"), 1);
        assert_eq!(found("src/cli/serve.rs", "use super::demo::run;"), 1);
        assert_eq!(found("src/cli/demo/office.rs", "use demo_ca::pki::Pki;"), 0);
        assert_eq!(found("src/cli/mod.rs", "use crate::cli::demo::run;"), 0);
    }

    #[test]
    fn what_is_pure_asks_for_nothing() {
        let asks = |text: &str| impure(&[Paths::of("certs/src/a.rs", text)], &BTreeSet::new()).len();
        assert_eq!(asks("fn f() { std::time::SystemTime::now(); }"), 1);
        assert_eq!(asks("fn f() { aws_lc_rs::rand::fill(b); }"), 1);
        assert_eq!(asks("fn f(now: Millis) {}\n#[cfg(test)]\nmod tests { use aws_lc_rs::rand::SystemRandom; }"), 0);
        let files = [
            Paths::of("certs/src/lib.rs", "#[cfg(test)]\nmod sample;"),
            Paths::of("certs/src/sample.rs", "use aws_lc_rs::rand::SystemRandom;"),
        ];
        assert!(impure(&files, &test_only(&files)).is_empty());
    }
}
