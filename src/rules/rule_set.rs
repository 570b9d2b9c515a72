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
        let mut profiles: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)?;
        profiles.values_mut().for_each(without_old_words);
        let profiles = profiles.into_iter().map(|(name, value)| Ok((name, serde_json::from_value(value)?)));
        let profiles = profiles.collect::<Result<_, serde_json::Error>>()?;
        Ok(Self { profiles, text: text.to_owned(), hash })
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

/// `subject.from_credential` became `subject.names`. Facts of its time do not say how names fit, so nothing is judged by it.
fn without_old_words(profile: &mut serde_json::Value) {
    if let Some(subject) = profile.get_mut("subject").and_then(serde_json::Value::as_object_mut) {
        subject.remove("from_credential");
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
    fn a_rule_set_of_an_older_version_reads() {
        let text = RuleSet::new(profiles("oil"))
            .unwrap()
            .text()
            .replace("\"may_be_empty\"", "\"from_credential\":true,\"may_be_empty\"");
        assert!(text.contains("from_credential"));
        assert!(RuleSet::from_recorded(&text, sha256(text.as_bytes())).unwrap().profile("devices").is_some());
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
