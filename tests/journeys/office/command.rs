//! What an operator types.

use std::process::Output;

use serde_json::Value;

use super::{Office, text};

/// An enrolment code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) secret: String,
}

impl Office {
    /// Runs a command with this office's configuration.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.daftar().args(words).arg("--config").arg(self.configuration()).output().unwrap()
    }

    /// Runs a command whose clock is the server's, where that is stepped.
    pub(crate) fn run_by_its_clock(&self, words: &[&str]) -> Output {
        let mut command = self.daftar();
        command.envs(self.clock()).args(words).arg("--config").arg(self.configuration()).output().unwrap()
    }

    /// Runs a command that must succeed, and reads its JSON.
    pub(crate) fn told(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{words:?}: {fault}: {}", text(&output)))
    }

    /// A code for any number of cases of the default profile.
    pub(crate) fn code(&self) -> Code {
        self.make_code(&["--profile", "default", "--uses", "0"])
    }

    /// A code for one case of the default profile.
    pub(crate) fn one_time_code(&self) -> Code {
        self.make_code(&["--profile", "default", "--uses", "1"])
    }

    /// A code for any number of cases of a profile.
    pub(crate) fn code_for(&self, profile: &str) -> Code {
        self.make_code(&["--profile", profile, "--uses", "0"])
    }

    pub(crate) fn make_code(&self, words: &[&str]) -> Code {
        let made = self.told(&[&["code", "create", "--officer", "clerk"], words].concat());
        let word = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key} in {made}")).to_owned();
        Code { id: word("id"), reference: word("reference"), secret: word("secret") }
    }

    /// The cases, newest first.
    pub(crate) fn cases(&self) -> Vec<Value> {
        self.told(&["case", "list"]).as_array().expect("a list").clone()
    }

    /// The only case.
    pub(crate) fn only_case(&self) -> Value {
        let cases = self.cases();
        assert_eq!(cases.len(), 1, "{cases:?}");
        cases[0].clone()
    }

    /// What is known about a case.
    pub(crate) fn shown(&self, id: &str) -> Value {
        self.told(&["case", "show", id])
    }

    /// The identifier of the only case.
    pub(crate) fn only_id(&self) -> String {
        self.only_case()["id"].as_str().expect("an identifier").to_owned()
    }

    /// The state of the only case.
    pub(crate) fn state(&self) -> String {
        self.only_case()["state"].as_str().expect("a state").to_owned()
    }
}
