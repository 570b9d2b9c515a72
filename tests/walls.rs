//! The walls of the house: what may use what, and what a file may be called and grow to. `docs/ARCHITECTURE.md` says why.
//!
//! Each wall is a function from text to breaches, so that a made-up breach can be shown to it; this file shows it the real house.

#[path = "walls/house.rs"]
mod house;
#[path = "walls/manifests.rs"]
mod manifests;
#[path = "walls/names.rs"]
mod names;
#[path = "walls/order.rs"]
mod order;
#[path = "walls/paths.rs"]
mod paths;
#[path = "walls/shape.rs"]
mod shape;
#[path = "walls/tokens.rs"]
mod tokens;

use std::collections::BTreeSet;

use house::{House, none};
use paths::{Paths, test_only};

#[test]
fn a_room_uses_only_rooms_declared_before_it() {
    let house = House::read();
    let rooms = order::rooms(house.text("src/lib.rs"));
    assert!(rooms.len() > 5, "src/lib.rs declares no rooms that can be found");
    none(&order::breaches(&rooms, &house.paths("src/")));
}

#[test]
fn the_plan_has_every_room_and_a_doc_line_for_each() {
    let house = House::read();
    let files: Vec<&str> = house.files("src/").collect();
    none(&order::plan(house.text("src/lib.rs"), &files));
}

#[test]
fn a_room_names_only_what_it_may() {
    let house = House::read();
    none(&names::breaches(&house.paths("src/")));
}

#[test]
fn what_is_pure_asks_for_neither_time_nor_randomness() {
    let house = House::read();
    let mut breaches = Vec::new();
    for root in names::PURE {
        let paths = house.paths(root);
        assert!(!paths.is_empty(), "{root}: there is nothing here");
        breaches.extend(names::impure(&paths, &test_only(&paths)));
    }
    none(&breaches);
}

#[test]
fn every_manifest_keeps_to_its_walls() {
    let house = House::read();
    let root = house.text("Cargo.toml");
    let members = manifests::members(root);
    assert!(members.len() > 3, "the workspace has no members that can be found");
    let mut breaches = manifests::workspace(root);
    for member in &members {
        let file = format!("{member}/Cargo.toml");
        breaches.extend(manifests::member(member, house.text(&file)));
    }
    let shim = format!("{}/Cargo.toml", manifests::UNSAFE);
    breaches.extend(manifests::with_unsafe(root, house.text(&shim)));
    for file in house.files("conformance/").filter(|file| file.ends_with("Cargo.toml")) {
        breaches.extend(manifests::stranger(file, house.text(file)));
    }
    none(&breaches);
}

#[test]
fn what_is_pure_reaches_no_input_or_output_through_others() {
    let house = House::read();
    none(&manifests::reached(house.text("Cargo.lock")));
}

#[test]
fn every_file_has_a_subject_and_an_end() {
    let house = House::read();
    let rust: Vec<(&str, usize)> = house.rust().map(|file| (file, house.text(file).lines().count())).collect();
    for (file, lines) in shape::long(&rust) {
        println!("{file}: {lines} lines; what is its second subject?");
    }
    none(&shape::breaches(&rust));
}

impl House {
    /// What the Rust files of a folder name.
    fn paths(&self, root: &str) -> Vec<Paths> {
        let rust = self.files(root).filter(|file| house::is_rust(file));
        rust.map(|file| Paths::of(file, self.text(file))).collect()
    }
}

/// The plan of `make faults` ends the server at every point that it has.
#[test]
fn every_failpoint_is_tried() {
    let house = House::read();
    let plan = house.text("benches/loader/src/kill/plan.rs");
    let mut points = BTreeSet::new();
    for file in house.rust().filter(|file| file.starts_with("src/")) {
        points.extend(house.text(file).split("failpoint(\"").skip(1).filter_map(|rest| rest.split('"').next()));
    }
    assert!(points.len() > 5);
    for point in &points {
        assert!(plan.contains(&format!("(\"{point}\", ")), "{point} is not in the plan");
    }
    let planned = plan.lines().filter(|line| line.trim_start().starts_with("(\"")).count();
    assert_eq!(planned, points.len(), "the plan has points that the server has not");
}
