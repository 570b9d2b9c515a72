//! How a configured rule set becomes the one that is served (DESIGN rule 5).

use super::Failed;
use super::system::{Entropy, SystemClock};
use crate::audit::{Leaf, LeafKind};
use crate::case::Clock as _;
use crate::config::Config;
use crate::rules::RuleSet;
use crate::store::{Row, Store, Unit};

/// The configured rule set, in force: `activation = "on-load"`.
pub(super) async fn activate(config: &Config, store: &Store) -> Result<RuleSet, Failed> {
    let rules = RuleSet::new(config.profile.clone()).map_err(Failed::new)?;
    let active = store.active_rule_set().await.map_err(Failed::new)?;
    if active.is_some_and(|active| active.hash == *rules.hash()) {
        return Ok(rules);
    }
    let (hash, at) = (*rules.hash(), SystemClock.now());
    let unit = proposal(config, store, &rules)
        .await?
        .unwrap_or_default()
        .with(Row::ActivateRuleSet { hash, at, actor: ACTOR.to_owned() })
        .with(leaf(config, LeafKind::RuleSetActivated, hash));
    store.commit(unit).await.map_err(Failed::new)?;
    Ok(rules)
}

/// Records a configured rule set that is not the active one; it is served from the next start on. Says whether there is one.
pub(super) async fn propose(config: &Config, store: &Store) -> Result<bool, Failed> {
    let rules = RuleSet::new(config.profile.clone()).map_err(Failed::new)?;
    let active = store.active_rule_set().await.map_err(Failed::new)?;
    if active.is_some_and(|active| active.hash == *rules.hash()) {
        return Ok(false);
    }
    if let Some(unit) = proposal(config, store, &rules).await? {
        store.commit(unit).await.map_err(Failed::new)?;
    }
    Ok(true)
}

/// Proposes a rule set, unless it was proposed before.
async fn proposal(config: &Config, store: &Store, rules: &RuleSet) -> Result<Option<Unit>, Failed> {
    if store.rule_set(rules.hash()).await.map_err(Failed::new)?.is_some() {
        return Ok(None);
    }
    let (hash, at) = (*rules.hash(), SystemClock.now());
    let propose = Row::ProposeRuleSet { hash, text: rules.text().to_owned(), at };
    Ok(Some(Unit::new().with(propose).with(leaf(config, LeafKind::RuleSetProposed, hash))))
}

fn leaf(config: &Config, kind: LeafKind, hash: [u8; 32]) -> Leaf {
    Leaf::new(&Entropy::new(), SystemClock.now(), &config.node, kind, ACTOR).hash("rule_set", hash)
}

/// Nobody decided: the configuration says that it may be so.
const ACTOR: &str = "house:on-load";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::REFERENCE;

    fn config(validity_days: &str) -> Config {
        let right = "validity_days = 397";
        assert!(REFERENCE.contains(right));
        toml::from_str(&REFERENCE.replace(right, &format!("validity_days = {validity_days}"))).unwrap()
    }

    #[tokio::test]
    async fn a_changed_rule_set_waits_for_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&crate::store::Config::sqlite(folder.path().join("office.sqlite"))).await.unwrap();
        let leaves = async || {
            store.number_leaves("test", SystemClock.now()).await.unwrap();
            store.verify_log(&std::collections::BTreeMap::new()).await.unwrap().leaves
        };
        let first = activate(&config("397"), &store).await.unwrap();
        assert_eq!(leaves().await, 2);
        assert!(!propose(&config("397"), &store).await.unwrap());
        // Recorded once, however often it is read again.
        for _ in 0..2 {
            assert!(propose(&config("90"), &store).await.unwrap());
            assert_eq!(leaves().await, 3);
        }
        assert_eq!(store.active_rule_set().await.unwrap().unwrap().hash, *first.hash());
        let second = activate(&config("90"), &store).await.unwrap();
        assert_eq!(store.active_rule_set().await.unwrap().unwrap().hash, *second.hash());
        assert_eq!(leaves().await, 4);
        // Back to the old one: known, not proposed again.
        activate(&config("397"), &store).await.unwrap();
        assert_eq!(store.active_rule_set().await.unwrap().unwrap().hash, *first.hash());
        assert_eq!(leaves().await, 5);
    }
}
