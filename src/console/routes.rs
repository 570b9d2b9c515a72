//! Every route of the console, with whose it is. `tests/permissions.toml` says the same by hand, and a journey walks them all.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use http::Method;

use super::guard::{Guarded, guard, right};
use super::{Console, cases, codes, desk, language, log, log_in, officers, style, system};
use crate::duty::Act;

/// Whose a route is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Right {
    /// Anybody's who reaches the console.
    Anyone,
    /// An officer's who is logged in.
    Officer,
    /// An officer's whose job it is.
    Job(Act),
}

/// A route as it is mounted.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// The method.
    pub method: Method,
    /// The path, with names in braces for its variable parts.
    pub path: &'static str,
    /// Whose it is.
    pub right: Right,
}

struct Route {
    mounted: Mounted,
    handler: MethodRouter<Console>,
}

fn see(path: &'static str, right: Right, handler: MethodRouter<Console>) -> Route {
    Route { mounted: Mounted { method: Method::GET, path, right }, handler }
}

fn act(path: &'static str, right: Right, handler: MethodRouter<Console>) -> Route {
    Route { mounted: Mounted { method: Method::POST, path, right }, handler }
}

fn table() -> Vec<Route> {
    use Right::{Anyone, Job, Officer};
    vec![
        see("/assets/style.css", Anyone, get(style::sheet)),
        see("/assets/vazirmatn.woff2", Anyone, get(style::font)),
        act("/language", Anyone, post(language::choose)),
        see("/log-in", Anyone, get(log_in::page)),
        act("/log-in", Anyone, post(log_in::log_in)),
        act("/log-out", Officer, post(log_in::log_out)),
        see("/", Officer, get(desk::page)),
        see("/cases", Job(Act::SeeCases), get(cases::list)),
        see("/cases/{id}", Job(Act::SeeCases), get(cases::page)),
        act("/cases/{id}/approve", Job(Act::Approve), post(cases::approve)),
        act("/cases/{id}/refuse", Job(Act::Refuse), post(cases::refuse)),
        see("/codes", Job(Act::SeeCodes), get(codes::page)),
        act("/codes", Job(Act::MakeCode), post(codes::make)),
        act("/codes/{id}/withdraw", Job(Act::WithdrawCode), post(codes::withdraw)),
        see("/officers", Job(Act::SeeOfficers), get(officers::page)),
        act("/officers", Job(Act::ProposeOfficer), post(officers::propose)),
        act("/officers/{id}/confirm", Job(Act::ConfirmOfficer), post(officers::confirm)),
        act("/officers/{id}/disable", Job(Act::DisableOfficer), post(officers::disable)),
        act("/officers/review", Job(Act::ReviewOfficers), post(officers::review)),
        see("/log", Job(Act::SeeLog), get(log::page)),
        see("/system", Job(Act::SeeSystem), get(system::page)),
    ]
}

/// Every route.
#[must_use]
pub fn mounted() -> Vec<Mounted> {
    table().into_iter().map(|route| route.mounted).collect()
}

pub(super) fn mount(console: Console) -> Router {
    let mut router = Router::new();
    for Route { mounted, handler } in table() {
        let guarded = Guarded { console: console.clone(), right: mounted.right };
        router = router.route(mounted.path, handler.layer(from_fn_with_state(guarded, right)));
    }
    router.fallback(super::answer::nothing_here).layer(from_fn_with_state(console.clone(), guard)).with_state(console)
}
