use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cryptoki_sys::{CK_FLAGS, CK_RV, CKR_GENERAL_ERROR};

use crate::functions::Function;

mod parse;

/// The rules, and how far each has counted.
#[derive(Debug, Default)]
pub(crate) struct Script {
    rules: Vec<Rule>,
}

impl Script {
    /// What stands for a script that cannot be read.
    pub(crate) fn broken() -> Self {
        let outcome = Outcome::Return(CKR_GENERAL_ERROR);
        Self { rules: vec![Rule::new(None, Ruling { outcome, ..Ruling::PASS })] }
    }

    /// What becomes of a call. It counts.
    pub(crate) fn ruling(&self, function: Function) -> Ruling {
        self.rules.iter().find_map(|rule| rule.ruling(function)).unwrap_or(Ruling::PASS)
    }

    /// Whether a rule has taken the token out and not yet put it back.
    pub(crate) fn token_is_out(&self) -> bool {
        self.rules.iter().any(|rule| rule.out.load(Ordering::SeqCst))
    }
}

/// What is done to one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ruling {
    pub(crate) hang: bool,
    pub(crate) sleep: Duration,
    pub(crate) outcome: Outcome,
}

impl Ruling {
    const PASS: Self = Self { hang: false, sleep: Duration::ZERO, outcome: Outcome::Pass };
}

/// How a call ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// As the real one says.
    Pass,
    /// So, and the real call is not made.
    Return(CK_RV),
    /// So, and the real call is made.
    ThenReturn(CK_RV),
    /// As the real one says, with these flags of the token.
    Flags(CK_FLAGS),
    /// Without a token.
    Absent,
}

#[derive(Debug)]
struct Rule {
    /// None: all but `C_GetFunctionList`.
    function: Option<Function>,
    ruling: Ruling,
    after: u64,
    times: Option<u64>,
    came: AtomicU64,
    /// The rule has taken the token out.
    out: AtomicBool,
}

impl Rule {
    fn new(function: Option<Function>, ruling: Ruling) -> Self {
        Self { function, ruling, after: 0, times: None, came: AtomicU64::new(0), out: AtomicBool::new(false) }
    }

    fn ruling(&self, function: Function) -> Option<Ruling> {
        let named = self.names(function);
        // A token that is out is out for all functions.
        let reached = named || (self.out.load(Ordering::SeqCst) && function != Function::C_GetFunctionList);
        if !reached {
            return None;
        }
        let came = self.came.fetch_add(1, Ordering::SeqCst);
        if came < self.after {
            return None;
        }
        if self.times.is_some_and(|times| came - self.after >= times) {
            self.out.store(false, Ordering::SeqCst);
            return None;
        }
        if self.ruling.outcome == Outcome::Absent {
            self.out.store(true, Ordering::SeqCst);
        }
        Some(if named { self.ruling } else { Ruling { outcome: Outcome::Absent, ..Ruling::PASS } })
    }

    fn names(&self, function: Function) -> bool {
        match self.function {
            Some(named) => named == function,
            None => function != Function::C_GetFunctionList,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(script: &str, calls: &[Function]) -> Vec<Outcome> {
        let script = Script::parse(script).unwrap();
        calls.iter().map(|call| script.ruling(*call).outcome).collect()
    }

    #[test]
    fn a_rule_fires_after_some_calls_and_some_times() {
        let told = outcomes("C_Sign return 0x30 after 2 times 2", &[Function::C_Sign; 6]);
        let (pass, fault) = (Outcome::Pass, Outcome::Return(0x30));
        assert_eq!(told, [pass, pass, fault, fault, pass, pass]);
    }

    #[test]
    fn what_a_rule_lets_go_by_comes_to_the_next() {
        let script = "C_Sign return 1 times 1\nC_Sign return 2 times 1\n* return 3";
        let told = outcomes(script, &[Function::C_Sign, Function::C_Sign, Function::C_Login, Function::C_Sign]);
        assert_eq!(told, [1, 2, 3, 3].map(Outcome::Return));
    }

    #[test]
    fn every_function_is_not_the_way_in() {
        let told = outcomes("* return 5", &[Function::C_GetFunctionList, Function::C_Initialize]);
        assert_eq!(told, [Outcome::Pass, Outcome::Return(5)]);
        assert_eq!(Script::broken().ruling(Function::C_GetFunctionList), Ruling::PASS);
        assert_eq!(Script::broken().ruling(Function::C_Finalize).outcome, Outcome::Return(CKR_GENERAL_ERROR));
    }

    #[test]
    fn a_token_that_one_call_takes_out_is_out_for_all() {
        let script = Script::parse("C_Sign sleep 9 absent after 1 times 2").unwrap();
        let told = |function| (script.ruling(function), script.token_is_out());
        let absent = Ruling { outcome: Outcome::Absent, ..Ruling::PASS };
        assert_eq!(told(Function::C_Login), (Ruling::PASS, false));
        assert_eq!(told(Function::C_Sign), (Ruling::PASS, false));
        assert_eq!(told(Function::C_Sign), (Ruling { sleep: Duration::from_millis(9), ..absent }, true));
        assert_eq!(told(Function::C_Login), (absent, true));
        assert_eq!(told(Function::C_Login), (Ruling::PASS, false));
        assert_eq!(told(Function::C_Sign), (Ruling::PASS, false));
    }
}
