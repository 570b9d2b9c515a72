//! Persian and English: the texts are Fluent files, the same keys in both. Identifiers, names of certificates and hashes are never
//! translated, and stand left to right in a text of either direction.

use std::sync::LazyLock;

use axum::extract::Form;
use axum::response::{IntoResponse as _, Redirect, Response};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use http::header::{ACCEPT_LANGUAGE, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use unic_langid::langid;

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Language {
    /// English, left to right.
    #[default]
    English,
    /// Persian, right to left.
    Persian,
}

impl Language {
    /// The one that was chosen here, else the first that the browser wants and we have.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).map(str::trim);
        let chosen = pairs.find_map(|pair| pair.strip_prefix(LANGUAGE_COOKIE)?.strip_prefix('='));
        if let Some(chosen) = chosen.and_then(Self::named) {
            return chosen;
        }
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut in_order = wanted.split(',').map(|word| word.trim().split([';', '-']).next().unwrap_or_default());
        in_order.find_map(Self::named).unwrap_or_default()
    }

    fn named(code: &str) -> Option<Self> {
        [Self::English, Self::Persian].into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }

    /// The code of RFC 5646.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Persian => "fa",
        }
    }

    /// The direction of writing, as HTML has it.
    pub(super) const fn direction(self) -> &'static str {
        match self {
            Self::English => "ltr",
            Self::Persian => "rtl",
        }
    }

    /// The text of a key. One that is missing shows itself; a test keeps that from happening.
    pub(super) fn say(self, key: &str, values: &[(&'static str, &str)]) -> String {
        let bundle = match self {
            Self::English => &*ENGLISH,
            Self::Persian => &*PERSIAN,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            // Numbers choose a plural form.
            match value.parse::<u32>() {
                Ok(number) => args.set(*name, number),
                Err(_) => args.set(*name, *value),
            }
        }
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }
}

type Bundle = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("en"), ENGLISH_TEXT));
static PERSIAN: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("fa"), PERSIAN_TEXT));

/// A line that Fluent cannot read is left out; a test finds it.
fn bundle(language: unic_langid::LanguageIdentifier, text: &str) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![language]);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _)| readable);
    bundle.add_resource_overriding(resource);
    bundle
}

/// What the form in the head of each page sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    language: String,
    back: String,
}

/// Keeps the choice in the browser; it says nothing of anybody.
pub(super) async fn choose(Form(choice): Form<Choice>) -> Response {
    let language = Language::named(&choice.language).unwrap_or_default();
    let mut response = Redirect::to(own_path(&choice.back)).into_response();
    let cookie =
        format!("{LANGUAGE_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=31536000", language.code());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// A path of this console, and nothing that leads away from it.
pub(super) fn own_path(path: &str) -> &str {
    let plain = path.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
    if path.starts_with('/') && !path.starts_with("//") && plain { path } else { "/" }
}

const LANGUAGE_COOKIE: &str = "__Host-language";

const ENGLISH_TEXT: &str = include_str!("text/en.ftl");
const PERSIAN_TEXT: &str = include_str!("text/fa.ftl");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(text: &str) -> BTreeSet<&str> {
        text.lines()
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .filter(|key| !key.starts_with([' ', '#']))
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_texts_and_fluent_reads_them() {
        assert_eq!(keys(ENGLISH_TEXT), keys(PERSIAN_TEXT));
        assert!(keys(ENGLISH_TEXT).len() > 100);
        for text in [ENGLISH_TEXT, PERSIAN_TEXT] {
            assert!(FluentResource::try_new(text.to_owned()).is_ok());
        }
        for key in keys(ENGLISH_TEXT) {
            assert!(ENGLISH.has_message(key) && PERSIAN.has_message(key), "{key}");
        }
    }

    #[test]
    fn every_text_that_a_page_names_is_there_and_every_text_is_named() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console");
        let pages = std::fs::read_dir(format!("{folder}/pages")).unwrap();
        let code = std::fs::read_dir(folder).unwrap();
        let named: String = pages
            .chain(code)
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        let said = named
            .split("say(\"")
            .skip(1)
            .chain(named.split("say1(\"").skip(1))
            .filter_map(|rest| rest.split('"').next());
        for key in said {
            assert!(keys(ENGLISH_TEXT).contains(key), "{key} is in no language");
        }
        // Made of a word and a name that is no text: job-auditor, state-issued.
        let made = ["job-", "state-", "kind-", "verdict-", "officer-", "part-", "leaf-", "alert-"];
        for key in keys(ENGLISH_TEXT) {
            let whole = named.contains(&format!("\"{key}\""));
            assert!(whole || made.iter().any(|begin| key.starts_with(begin)), "nobody says {key}");
        }
    }

    #[test]
    fn every_name_of_the_house_has_a_text() {
        use crate::case::State;
        use crate::duty::Job;

        let of = |begin: &str| -> BTreeSet<&str> {
            keys(ENGLISH_TEXT).into_iter().filter_map(|key| key.strip_prefix(begin)).collect()
        };
        // Where a type cannot list its names, its source does.
        let source = |file: &str| {
            let text = std::fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
            let names = text.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
            names.map(str::to_owned).collect::<Vec<String>>()
        };
        let leaves = source("audit/leaf.rs");
        assert!(leaves.len() > 20 && leaves.iter().any(|name| name == "officer_action"));
        assert_eq!(of("leaf-"), leaves.iter().map(String::as_str).collect());
        assert_eq!(of("state-"), State::ALL.iter().map(|state| state.name()).collect());
        assert_eq!(of("job-"), Job::ALL.iter().map(|job| job.name()).collect());
        assert_eq!(of("kind-"), ["issue", "renew", "rekey", "revoke"].into());
        assert_eq!(of("verdict-"), ["pass", "vet", "refuse"].into());
        assert!(of("officer-").is_superset(&["proposed", "active", "disabled"].into()));
        let parts: BTreeSet<&str> = ["database", "hsm", "data-key", "upstream", "audit"].into();
        assert_eq!(of("part-"), parts);
        assert_eq!(of("alert-"), parts.into_iter().chain(["review"]).collect());
    }

    #[test]
    fn what_was_chosen_counts_more_than_what_the_browser_wants() {
        let of = |fields: &[(http::HeaderName, &str)]| {
            Language::of(&fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect())
        };
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[(ACCEPT_LANGUAGE, "de, fa-IR;q=0.8, en;q=0.5")]), Language::Persian);
        let chosen = (COOKIE, "a=b; __Host-language=en");
        assert_eq!(of(&[(ACCEPT_LANGUAGE, "fa"), chosen]), Language::English);
        assert_eq!(of(&[(ACCEPT_LANGUAGE, "fa"), (COOKIE, "__Host-language=xx")]), Language::Persian);
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(own_path("/cases/7?state=checked"), "/cases/7?state=checked");
        for wrong in ["//evil.example", "https://evil.example", "", "/\\evil.example", "/a\r\nSet-Cookie: b", "cases"] {
            assert_eq!(own_path(wrong), "/", "{wrong}");
        }
    }
}
