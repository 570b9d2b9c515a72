//! The officers' pages. They act only through the registrar, which asks again who may do what; nothing here decides.
//!
//! A page is a route in [`routes`], a handler and a template in `pages/`. All routes are mounted from that one table, each with whose it
//! is, and behind the same guard: the console's own name, forms of its own pages only, a session where one is needed.

mod answer;
mod cases;
mod codes;
mod dates;
mod desk;
mod guard;
mod language;
mod log;
mod log_in;
mod officers;
mod people;
mod routes;
mod shell;
mod style;
mod system;

use std::collections::BTreeSet;

use axum::Router;

use crate::registrar::Registrar;

pub use routes::{Mounted, Right, mounted};

/// How the console is reached and how it shows time.
#[derive(Clone, Debug)]
pub struct ConsoleSettings {
    /// Its own names with their ports, as browsers write them.
    pub hosts: BTreeSet<String>,
    /// Seconds that the office's time is ahead of UTC.
    pub offset_seconds: i32,
    /// Whether only browsers on this machine reach it.
    pub loopback: bool,
}

/// What every page works with.
#[derive(Clone, Debug)]
struct Console {
    registrar: Registrar,
    settings: std::sync::Arc<ConsoleSettings>,
}

/// The console. It belongs on HTTPS that asks for a client certificate.
pub fn console(registrar: Registrar, settings: ConsoleSettings) -> Router {
    routes::mount(Console { registrar, settings: std::sync::Arc::new(settings) })
}
