//! What an officer is known by.

use std::fmt;

/// How officers are called: a text that shows what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfficerName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfficerNameFault {
    /// Nothing, or too much.
    #[error("a name has 1 to {LONGEST} characters")]
    Length,
    /// It holds what nobody sees, or what turns the order of the others around.
    #[error("a name holds no control characters and none that turn the direction of writing, such as U+{0:04X}")]
    Invisible(u32),
}

impl OfficerName {
    /// The name that this text is, without what stands blank around it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, OfficerNameFault> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(OfficerNameFault::Length);
        }
        match text.chars().find(|letter| letter.is_control() || turns(*letter)) {
            Some(letter) => Err(OfficerNameFault::Invisible(letter.into())),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OfficerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Unicode Standard Annex #9 section 2: explicit directional formatting characters, and line and paragraph separators.
const fn turns(letter: char) -> bool {
    matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const LONGEST: usize = 80;

/// Where an officer stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OfficerState {
    /// One administrator wants it; another must confirm.
    Proposed,
    /// At work.
    Active,
    /// Shut out, or never let in. It stays so: who comes back is proposed anew.
    Disabled,
}

impl OfficerState {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Proposed, Self::Active, Self::Disabled].into_iter().find(|state| state.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_shows_what_it_says() {
        for good in ["Maryam Ahmadi", " مریم احمدی ", "علی\u{200c}رضا", "J. O'Neill-Smith"] {
            assert_eq!(OfficerName::parse(good).unwrap().as_str(), good.trim());
        }
        for (wrong, fault) in [
            ("", OfficerNameFault::Length),
            ("   ", OfficerNameFault::Length),
            ("an\u{202e}na", OfficerNameFault::Invisible(0x202e)),
            ("an\u{2066}na", OfficerNameFault::Invisible(0x2066)),
            ("an\nna", OfficerNameFault::Invisible(10)),
            ("an\u{200f}na", OfficerNameFault::Invisible(0x200f)),
        ] {
            assert_eq!(OfficerName::parse(wrong), Err(fault), "{wrong:?}");
        }
        assert_eq!(OfficerName::parse(&"a".repeat(81)), Err(OfficerNameFault::Length));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_name_is_one_again(text in ".*") {
            if let Ok(name) = OfficerName::parse(&text) {
                prop_assert_eq!(OfficerName::parse(name.as_str()), Ok(name));
            }
        }
    }
}
