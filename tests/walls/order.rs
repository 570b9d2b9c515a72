//! The order of the rooms, as src/lib.rs declares them.

use crate::paths::Paths;

/// The rooms in their order.
pub(crate) fn rooms(plan: &str) -> Vec<String> {
    let declared = plan.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    declared.map(str::to_owned).collect()
}

/// Uses of a room by one that is declared before it.
pub(crate) fn breaches(rooms: &[String], files: &[Paths]) -> Vec<String> {
    let place = |room: &str| rooms.iter().position(|declared| declared == room);
    let mut found = Vec::new();
    for file in files {
        let Some(own) = file.room() else { continue };
        let here = place(&own);
        for named in &file.named {
            if named.head() == "daftar" {
                found.push(format!("{}:{}: names the crate from inside; say `crate::`", file.file, named.line));
            }
            let Some(room) = named.room() else { continue };
            if let (Some(here), Some(there)) = (here, place(room))
                && there > here
            {
                let text = named.text();
                found.push(format!("{}:{}: {own} uses {text}, but {room} stands above it", file.file, named.line));
            }
        }
    }
    found
}

/// What is wrong with the plan itself: a room that it does not have, a room without a doc line, an item beside the rooms.
pub(crate) fn plan(plan: &str, files: &[&str]) -> Vec<String> {
    let rooms = rooms(plan);
    let lines: Vec<&str> = plan.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let blank_or_said = line.is_empty() || line.starts_with("//");
        let room = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        match room {
            Some(room) => {
                let before =
                    |back: usize| at.checked_sub(back).and_then(|at| lines.get(at)).copied().unwrap_or_default();
                let said = (1..=at).take_while(|back| before(*back).starts_with("/// ")).count();
                if said == 0 || !before(said + 1).is_empty() {
                    found.push(format!("src/lib.rs:{}: {room} needs a doc line, and a blank line before it", at + 1));
                }
                let folder = format!("src/{room}/mod.rs");
                if !files.contains(&folder.as_str()) {
                    found.push(format!(
                        "src/lib.rs:{}: a room is a folder with a mod.rs; {folder} is not there",
                        at + 1
                    ));
                }
            }
            None if blank_or_said => {}
            None => found.push(format!("src/lib.rs:{}: the plan holds rooms and nothing else: {line}", at + 1)),
        }
    }
    for file in files {
        let inside = file.strip_prefix("src/").unwrap_or(file);
        let room = inside.split_once('/').map_or(inside, |(room, _)| room);
        if !rooms.iter().any(|declared| declared == room) && !["lib.rs", "main.rs"].contains(&room) {
            found.push(format!("{file}: belongs to no room of src/lib.rs"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "//! The house.\n\n/// Below.\npub mod low;\n\n/// Above.\npub mod high;\n";

    fn used(file: &str, text: &str) -> Vec<String> {
        breaches(&rooms(PLAN), &[Paths::of(file, text)])
    }

    #[test]
    fn a_room_above_cannot_be_used() {
        for text in [
            "use crate::high::Thing;",
            "use crate::{high::Thing, low};",
            "fn f() { crate::high::go() }",
            "use super::super::high;",
            "mod tests { use super::super::super::high; }",
        ] {
            assert_eq!(used("src/low/file.rs", text).len(), 1, "{text}");
        }
        assert_eq!(used("src/low/mod.rs", "use super::high;").len(), 1);
        assert_eq!(used("src/low/mod.rs", "use daftar::high;").len(), 1);
    }

    #[test]
    fn a_room_below_can_be_used() {
        assert!(used("src/high/mod.rs", "use crate::low::Thing; use super::low; use self::high::Own;").is_empty());
        assert!(
            used("src/low/mod.rs", "use crate::low::high::Own; // crate::high\nconst A: &str = \"crate::high::x\";")
                .is_empty()
        );
    }

    #[test]
    fn the_plan_is_kept() {
        let files = ["src/lib.rs", "src/main.rs", "src/low/mod.rs", "src/low/file.rs", "src/high/mod.rs"];
        assert!(plan(PLAN, &files).is_empty());
        assert_eq!(plan(&PLAN.replace("/// Above.\n", ""), &files).len(), 1);
        assert_eq!(plan(&PLAN.replace("\n/// Above.", "/// Above."), &files).len(), 1);
        assert_eq!(plan(&format!("{PLAN}pub use low::Thing;\n"), &files).len(), 1);
        assert_eq!(plan(PLAN, &files[..4]).len(), 1);
        assert_eq!(plan(PLAN, &[files.as_slice(), &["src/attic/mod.rs"]].concat()).len(), 1);
    }
}
