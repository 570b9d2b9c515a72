//! What stands around every page: whose it is, where he can go, in which language.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use certs::Certificate;
use http::request::Parts;

use super::Console;
use super::dates::Moment;
use super::guard::{Session, client_chain, source};
use super::language::Language;
use crate::duty::{Act, Job};
use crate::frontend::connection::RequestId;
use crate::registrar::{Hand, OnDuty, Refusal, Source};

/// The frame of a page.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) language: Language,
    /// Where the page is.
    pub(super) here: String,
    /// The name of the request, as the log has it.
    pub(super) request: String,
    /// Who looks at it, when somebody is logged in.
    pub(super) officer: Option<Officer>,
    offset_seconds: i32,
}

/// Who looks at a page.
#[derive(Debug)]
pub(super) struct Officer {
    pub(super) name: String,
    pub(super) jobs: Vec<&'static str>,
    pub(super) lapsed: Vec<&'static str>,
    pub(super) form_token: String,
    pub(super) menu: Vec<Entry>,
}

/// An entry of the menu.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: &'static str,
    pub(super) key: &'static str,
    pub(super) current: bool,
}

impl Shell {
    fn of(console: &Console, head: &Parts) -> Self {
        let mut shell = Self::bare(Language::of(&head.headers), head.extensions.get::<RequestId>());
        shell.offset_seconds = console.settings.offset_seconds;
        let path = head.uri.path();
        if let Some(here) = head.uri.path_and_query() {
            here.as_str().clone_into(&mut shell.here);
        }
        shell.officer = head.extensions.get::<Session>().map(|Session { officer, token }| {
            let open = MENU.iter().filter(|(_, _, act)| act.is_none_or(|act| officer.may(act)));
            let is_here = |entry: &str| path == entry || (entry != "/" && path.starts_with(&format!("{entry}/")));
            Officer {
                name: officer.name().to_string(),
                jobs: officer.jobs().iter().map(Job::name).collect(),
                lapsed: officer.lapsed().iter().map(|job| job.name()).collect(),
                form_token: token.form_token(),
                menu: open.map(|(path, key, _)| Entry { path, key, current: is_here(path) }).collect(),
            }
        });
        shell
    }

    /// The frame for nobody in particular.
    pub(super) fn bare(language: Language, request: Option<&RequestId>) -> Self {
        Self {
            language,
            here: "/".to_owned(),
            request: request.map(|id| id.0.clone()).unwrap_or_default(),
            officer: None,
            offset_seconds: 0,
        }
    }

    /// The text of a key.
    pub(super) fn say(&self, key: &str) -> String {
        self.language.say(key, &[])
    }

    /// The text of a key with a value in it.
    pub(super) fn say1(&self, key: &str, name: &'static str, value: &dyn std::fmt::Display) -> String {
        self.language.say(key, &[(name, &value.to_string())])
    }

    /// The text for a name that the house has in English: a state, a job.
    pub(super) fn named(&self, kind: &str, name: &str) -> String {
        self.say(&format!("{kind}-{name}"))
    }

    /// A moment as the reader has it.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "a template hands over its fields by reference")]
    pub(super) fn moment(&self, millis: &i64) -> Moment {
        Moment::new(*millis, self.offset_seconds, self.language)
    }

    /// What a form must carry.
    pub(super) fn form_token(&self) -> &str {
        self.officer.as_ref().map_or("", |officer| officer.form_token.as_str())
    }
}

/// A request to a page: the frame that its answer has, and who sent it.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) shell: Shell,
    /// Who is logged in. Behind a route that is not anybody's there is always somebody.
    pub(super) session: Option<Session>,
    /// What the client showed in the TLS handshake.
    pub(super) chain: Vec<Certificate>,
    pub(super) source: Option<Source>,
}

impl Visit {
    /// Whoever is logged in.
    pub(super) fn officer(&self) -> Result<OnDuty, Refusal> {
        self.session.as_ref().map(|session| session.officer.clone()).ok_or(Refusal::NotIdentified)
    }

    /// By whose hand something is done.
    pub(super) fn hand(&self) -> Result<Hand, Refusal> {
        self.officer().map(Hand::Officer)
    }

    /// Whether whoever is logged in may do it.
    pub(super) fn may(&self, act: Act) -> bool {
        self.session.as_ref().is_some_and(|session| session.officer.may(act))
    }
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, console: &Console) -> Result<Self, Infallible> {
        Ok(Self {
            shell: Shell::of(console, head),
            session: head.extensions.get::<Session>().cloned(),
            chain: client_chain(&head.extensions),
            source: source(&head.extensions),
        })
    }
}

const MENU: [(&str, &str, Option<Act>); 6] = [
    ("/", "menu-desk", None),
    ("/cases", "menu-cases", Some(Act::SeeCases)),
    ("/codes", "menu-codes", Some(Act::SeeCodes)),
    ("/officers", "menu-officers", Some(Act::SeeOfficers)),
    ("/log", "menu-log", Some(Act::SeeLog)),
    ("/system", "menu-system", Some(Act::SeeSystem)),
];
