//! All profiles together, known by the hash of their canonical text.

use std::collections::BTreeMap;

use super::Profile;

/// The rules an office works under. Its hash stands in every case and decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleSet {
    profiles: BTreeMap<String, Profile>,
    text: String,
    hash: [u8; 32],
}

/// A rule set that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RuleSetFault {
    /// The recorded text does not read as this version of Daftar understands rule sets.
    #[error("the recorded rule set cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The recorded text was changed.
    #[error("the recorded rule set's text does not have its hash")]
    Altered,
}

impl RuleSet {
    /// The rule set of these profiles. The canonical text is JSON with every default written out and all keys sorted.
    pub fn new(profiles: BTreeMap<String, Profile>) -> Result<Self, RuleSetFault> {
        let text = serde_json::to_string(&profiles)?;
        let hash = sha256(text.as_bytes());
        Ok(Self { profiles, text, hash })
    }

    /// Reads a recorded rule set back.
    pub fn from_recorded(text: &str, hash: [u8; 32]) -> Result<Self, RuleSetFault> {
        if sha256(text.as_bytes()) != hash {
            return Err(RuleSetFault::Altered);
        }
        Ok(Self { profiles: serde_json::from_str(text)?, text: text.to_owned(), hash })
    }

    /// The profile of this name.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// All profiles with their names, sorted.
    pub fn profiles(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.profiles.iter().map(|(name, profile)| (name.as_str(), profile))
    }

    /// The canonical text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the canonical text.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(authority: &str) -> BTreeMap<String, Profile> {
        let profile: Profile =
            toml::from_str(&format!("authority = \"{authority}\"\nenrol_with = [\"code\"]")).unwrap();
        BTreeMap::from([("devices".to_owned(), profile)])
    }

    #[test]
    fn a_rule_set_reads_back_from_its_text() {
        let set = RuleSet::new(profiles("oil")).unwrap();
        assert_eq!(RuleSet::from_recorded(set.text(), *set.hash()).unwrap(), set);
    }

    #[test]
    fn another_rule_has_another_hash() {
        assert_ne!(RuleSet::new(profiles("oil")).unwrap().hash(), RuleSet::new(profiles("gas")).unwrap().hash());
    }

    #[test]
    fn an_altered_text_is_not_read() {
        let set = RuleSet::new(profiles("oil")).unwrap();
        let altered = set.text().replace("oil", "gas");
        assert!(matches!(RuleSet::from_recorded(&altered, *set.hash()), Err(RuleSetFault::Altered)));
    }
}
