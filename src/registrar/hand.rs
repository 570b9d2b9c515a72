//! By whose hand something is done: an officer's who is logged in, or that of whoever can open the control socket. The socket is the
//! office only while it has no officers (DESIGN section 3).

use super::session::OnDuty;
use super::{Refusal, Registrar};
use crate::audit::{Leaf, LeafKind};
use crate::case::CredentialId;
use crate::duty::Act;

/// Who does it.
#[derive(Clone, Debug)]
pub enum Hand {
    /// Somebody at the control socket, under a name that he gives.
    Control(String),
    /// An officer who is logged in.
    Officer(OnDuty),
}

impl Hand {
    /// The name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Control(name) => name,
            Self::Officer(officer) => officer.name().as_str(),
        }
    }

    /// What stands in the record of what he makes.
    #[must_use]
    pub fn author(&self) -> String {
        match self {
            Self::Control(name) => name.clone(),
            Self::Officer(_) => self.credential().to_string(),
        }
    }

    /// What stands in records of decisions.
    #[must_use]
    pub fn credential(&self) -> CredentialId {
        match self {
            Self::Control(name) => CredentialId::house(name),
            Self::Officer(officer) => CredentialId::officer(officer.id()),
        }
    }
}

impl Registrar {
    /// A leaf about what somebody does. His name is personal: it stands beside the log, not in it.
    pub(super) fn leaf_by(&self, kind: LeafKind, hand: &Hand) -> Leaf {
        let leaf = match hand {
            Hand::Control(_) => self.leaf(kind, "house:control"),
            Hand::Officer(officer) => self.leaf(kind, CredentialId::officer(officer.id()).as_str()),
        };
        leaf.personal("officer", hand.name(), self.random.as_ref())
    }

    /// Whether he may do this. That an officer tried what is not his to do stands in the log.
    pub(super) async fn permit(&self, hand: &Hand, act: Act) -> Result<(), Refusal> {
        match hand {
            Hand::Control(_) if self.store.has_officers().await.map_err(Refusal::store)? => Err(Refusal::OutOfPlace(
                "this office has officers, and it is for them to do: at the console, or by a command with --as",
            )),
            Hand::Control(_) => Ok(()),
            Hand::Officer(officer) if officer.may(act) => Ok(()),
            Hand::Officer(officer) => {
                let text = format!("{} is not a job of {} ({})", act.name(), officer.name(), officer.jobs());
                tracing::warn!(officer = %officer.id(), act = act.name(), "an officer tried what is not his to do");
                self.note(self.leaf_by(LeafKind::OfficerAction, hand).plain("refused", act.name())).await?;
                Err(Refusal::NotAllowed(text))
            }
        }
    }
}
