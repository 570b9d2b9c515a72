use std::str::SplitWhitespace;
use std::time::Duration;

use super::{Outcome, Rule, Ruling, Script};
use crate::codes;
use crate::functions::Function;

impl Script {
    /// Reads a script: wholly, or it says which line is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let mut rules = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default();
            if let Some(rule) = rule(text.split_whitespace()).map_err(|fault| Wrong { line, fault })? {
                rules.push(rule);
            }
        }
        Ok(Self { rules })
    }
}

/// Why a script is none.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub(crate) struct Wrong {
    line: usize,
    fault: Fault,
}

#[derive(Debug, Eq, PartialEq, thiserror::Error)]
enum Fault {
    #[error("{0} is no function of PKCS#11 2.40")]
    Function(String),
    #[error("{0} is no action")]
    Action(String),
    #[error("there is no action")]
    NoAction,
    #[error("{0} is followed by nothing that it can take")]
    Value(&'static str),
    #[error("{0} stands twice, or beside what it cannot stand beside")]
    Twice(&'static str),
    #[error("flags are for C_GetTokenInfo only")]
    Flags,
    #[error("{0} stands after `after` or `times`, which end a rule")]
    Late(String),
}

fn rule(mut words: SplitWhitespace<'_>) -> Result<Option<Rule>, Fault> {
    let Some(name) = words.next() else { return Ok(None) };
    let mut draft = Draft::default();
    while let Some(word) = words.next() {
        draft.take(word, &mut words)?;
    }
    let function = function(name)?;
    if draft.hang.is_none() && draft.sleep.is_none() && draft.outcome.is_none() {
        return Err(Fault::NoAction);
    }
    if matches!(draft.outcome, Some(Outcome::Flags(_))) && function != Some(Function::C_GetTokenInfo) {
        return Err(Fault::Flags);
    }
    let ruling = Ruling {
        hang: draft.hang.is_some(),
        sleep: Duration::from_millis(draft.sleep.unwrap_or_default()),
        outcome: draft.outcome.unwrap_or(Outcome::Pass),
    };
    Ok(Some(Rule { after: draft.after.unwrap_or_default(), times: draft.times, ..Rule::new(function, ruling) }))
}

fn function(name: &str) -> Result<Option<Function>, Fault> {
    if name == "*" {
        return Ok(None);
    }
    let found = Function::ALL.iter().find(|function| function.name() == name);
    found.map(|function| Some(*function)).ok_or_else(|| Fault::Function(name.into()))
}

/// A rule as far as it was read; each part may be given once.
#[derive(Default)]
struct Draft {
    hang: Option<()>,
    sleep: Option<u64>,
    outcome: Option<Outcome>,
    after: Option<u64>,
    times: Option<u64>,
}

impl Draft {
    fn take(&mut self, word: &str, rest: &mut SplitWhitespace<'_>) -> Result<(), Fault> {
        let ended = self.after.is_some() || self.times.is_some();
        match word {
            "after" => return once(&mut self.after, "after", rest.next().and_then(whole)),
            "times" => return once(&mut self.times, "times", rest.next().and_then(whole)),
            late if ended => return Err(Fault::Late(late.into())),
            _ => {}
        }
        let mut code = || rest.next().and_then(codes::code);
        match word {
            "return" => once(&mut self.outcome, "return", code().map(Outcome::Return)),
            "then-return" => once(&mut self.outcome, "then-return", code().map(Outcome::ThenReturn)),
            "absent" => once(&mut self.outcome, "absent", Some(Outcome::Absent)),
            "flags" => {
                let flags = rest.next().and_then(codes::token_flags);
                once(&mut self.outcome, "flags", flags.map(Outcome::Flags))
            }
            "sleep" => once(&mut self.sleep, "sleep", rest.next().and_then(whole)),
            "hang" => once(&mut self.hang, "hang", Some(())),
            other => Err(Fault::Action(other.into())),
        }
    }
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), Fault> {
    let value = value.ok_or(Fault::Value(name))?;
    if place.replace(value).is_some() { Err(Fault::Twice(name)) } else { Ok(()) }
}

fn whole(word: &str) -> Option<u64> {
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Rule {
        let mut script = Script::parse(text).unwrap();
        assert_eq!(script.rules.len(), 1, "{text}");
        script.rules.remove(0)
    }

    #[test]
    fn a_script_has_comments_and_blank_lines() {
        let script = Script::parse("# nothing\n\n  \nC_Sign hang # for ever\n").unwrap();
        assert_eq!(script.rules.len(), 1);
        assert!(Script::parse("").unwrap().rules.is_empty());
    }

    #[test]
    fn each_action_is_read() {
        assert_eq!(parsed("C_Sign return CKR_DEVICE_REMOVED").ruling.outcome, Outcome::Return(0x32));
        assert_eq!(parsed("C_Sign return 0x80000001").ruling.outcome, Outcome::Return(0x8000_0001));
        assert_eq!(parsed("* then-return CKR_DEVICE_ERROR").ruling.outcome, Outcome::ThenReturn(0x30));
        assert_eq!(parsed("* absent").ruling.outcome, Outcome::Absent);
        let flags = parsed("C_GetTokenInfo flags CKF_USER_PIN_LOCKED|CKF_USER_PIN_FINAL_TRY");
        assert_eq!(flags.ruling.outcome, Outcome::Flags(0x6_0000));
        assert!(parsed("C_Login hang").ruling.hang);
        assert_eq!(parsed("C_Login sleep 2000").ruling.sleep, Duration::from_secs(2));
    }

    #[test]
    fn a_rule_has_several_actions_and_its_limits() {
        let rule = parsed("C_Sign hang sleep 5 return 6 times 2 after 3");
        let ruling = Ruling { hang: true, sleep: Duration::from_millis(5), outcome: Outcome::Return(6) };
        assert_eq!((rule.function, rule.ruling), (Some(Function::C_Sign), ruling));
        assert_eq!((rule.after, rule.times), (3, Some(2)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, fault) in [
            ("C_Sing hang", Fault::Function("C_Sing".into())),
            ("C_Sign", Fault::NoAction),
            ("C_Sign after 1", Fault::NoAction),
            ("C_Sign fail", Fault::Action("fail".into())),
            ("C_Sign return", Fault::Value("return")),
            ("C_Sign return CKR_NO", Fault::Value("return")),
            ("C_Sign sleep 1s", Fault::Value("sleep")),
            ("C_Sign hang times -1", Fault::Value("times")),
            ("C_Sign return 1 then-return 2", Fault::Twice("then-return")),
            ("C_Sign hang after 1 after 2", Fault::Twice("after")),
            ("C_Sign hang after 1 return 2", Fault::Late("return".into())),
            ("* flags CKF_USER_PIN_LOCKED", Fault::Flags),
        ] {
            let wrong = Script::parse(&format!("# first\n{text}\n* hang")).unwrap_err();
            assert_eq!(wrong, Wrong { line: 2, fault }, "{text}");
        }
    }
}
