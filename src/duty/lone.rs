//! Ways on which one person alone could get a certificate issued (DESIGN rule 6). Each stops the start of an office with officers, unless
//! the configuration gives a reason for it.

use std::collections::BTreeMap;
use std::fmt;

use crate::rules::{Approval, Profile};

/// Such a way, with the profile that it leads to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LonePath {
    /// Whoever makes an enrolment code can use it: the rules alone approve what comes with it.
    Code {
        /// The profile.
        profile: String,
    },
    /// Whoever runs the trusted registration authority can ask in anybody's name: the rules alone approve.
    TrustedRa {
        /// Its name.
        name: String,
        /// The profile.
        profile: String,
    },
}

impl fmt::Display for LonePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { profile } => write!(formatter, "code:{profile}"),
            Self::TrustedRa { name, profile } => write!(formatter, "trusted-ra:{name}:{profile}"),
        }
    }
}

impl LonePath {
    /// What it is, and how it is closed.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Code { profile } => format!(
                "a registrar officer can make an enrolment code for the profile '{profile}' and use it alone: set approval = \"by-hand\" there, or take \
                 \"code\" out of enrol_with"
            ),
            Self::TrustedRa { name, profile } => format!(
                "whoever runs the trusted RA '{name}' gets certificates of the profile '{profile}' alone: set approval = \"by-hand\" there, or take the \
                 profile out of its list"
            ),
        }
    }
}

/// The ways that these profiles leave open. `trusted_ras` has each registration authority's name and the profiles it may serve.
#[must_use]
pub fn lone_paths<'c>(
    profiles: &BTreeMap<String, Profile>,
    trusted_ras: impl IntoIterator<Item = (&'c str, Vec<&'c str>)>,
) -> Vec<LonePath> {
    let automatic = |name: &str| profiles.get(name).is_some_and(|profile| profile.approval == Approval::Automatic);
    let codes = profiles.iter().filter(|(name, profile)| automatic(name) && profile.enrol_with.contains("code"));
    let mut found: Vec<LonePath> = codes.map(|(profile, _)| LonePath::Code { profile: profile.clone() }).collect();
    for (name, served) in trusted_ras {
        let served = served.into_iter().filter(|profile| automatic(profile));
        found.extend(served.map(|profile| LonePath::TrustedRa { name: name.to_owned(), profile: profile.to_owned() }));
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(approval: &str, enrol_with: &str) -> Profile {
        toml::from_str(&format!("authority = \"a\"\napproval = {approval:?}\nenrol_with = [{enrol_with:?}]")).unwrap()
    }

    #[test]
    fn what_the_rules_alone_approve_for_one_person_is_found() {
        let profiles = BTreeMap::from([
            ("phones".to_owned(), profile("automatic", "code")),
            ("pumps".to_owned(), profile("automatic", "maker")),
            ("people".to_owned(), profile("by-hand", "code")),
        ]);
        let found = lone_paths(&profiles, [("plant", vec!["pumps", "people"]), ("far", vec![])]);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["code:phones", "trusted-ra:plant:pumps"]);
        assert!(lone_paths(&profiles, []).iter().all(|path| path.explain().contains("by-hand")));
    }
}
