//! Who stands behind what records name.

use std::collections::BTreeMap;

use super::Console;
use super::shell::Shell;
use crate::registrar::Refusal;

/// The names of officers, for a page.
#[derive(Debug)]
pub(super) struct People(BTreeMap<String, String>);

impl People {
    pub(super) async fn of(console: &Console) -> Result<Self, Refusal> {
        console.registrar.officer_names().await.map(Self)
    }

    /// An officer's name; else what the records say: a rule set, a CA, the house itself.
    pub(super) fn name(&self, shell: &Shell, actor: &str) -> String {
        match (self.0.get(actor), actor.split_once(':')) {
            (Some(name), _) => name.clone(),
            (None, Some(("rules", _))) => shell.say("actor-rules"),
            (None, Some(("house", name))) => shell.say1("actor-house", "name", &name),
            (None, Some(("authority", name))) => shell.say1("actor-authority", "name", &name),
            (None, Some(("code", _))) => shell.say("actor-code"),
            (None, Some(("certificate", _))) => shell.say("actor-certificate"),
            _ => actor.to_owned(),
        }
    }
}
