//! Who may do what: the jobs of the office, what each is there for, and which of them may not meet in one case; pure.
//!
//! A door asks [`Job::may`] before it lets an officer do anything, and the registrar asks again; no job is asked for by name anywhere else.

mod act;
mod job;
mod lone;
mod officer;

pub use act::Act;
pub use job::{Job, Jobs, JobsFault};
pub use lone::{LonePath, lone_paths};
pub use officer::{OfficerName, OfficerNameFault, OfficerState};
