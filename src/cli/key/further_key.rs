//! Whether a signing key beside the RA key is there, kept, and the one that its certificate is for.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::Failed;
use crate::cli::assemble::read_certificates;
use crate::config::Config;
use crate::hsm::{KeyRef, Token};

/// What is found about it.
#[derive(Debug)]
pub(super) struct FurtherKey {
    /// Its name in the section `[hsm]`.
    name: &'static str,
    key: KeyRef,
    /// Whether it stays on the token and always did.
    stays: Option<bool>,
    /// What a person must see to.
    pub(super) faults: Vec<String>,
}

impl FurtherKey {
    /// All that have a certificate. A token that is away is told of where the RA key is.
    pub(super) fn look(config: &Config, token: Option<&Token>) -> Vec<Self> {
        let answers = &config.answers;
        let files = [
            ("answer_key", answers.certificates.as_deref()),
            ("retiring_answer_key", answers.retiring.as_deref()),
            ("package_key", answers.packages.as_deref()),
            ("tls_key", Some(config.listen.certificate_file.as_path())),
        ];
        let look = |(name, key): (&'static str, &KeyRef)| {
            let (_, file) = files.into_iter().find(|(of, _)| *of == name)?;
            let mut found = Self { name, key: key.clone(), stays: None, faults: Vec::new() };
            let told = found.compare(file?, token?);
            found.faults.extend(told.err().map(|fault| fault.to_string()));
            Some(found)
        };
        config.hsm.keys().filter_map(look).collect()
    }

    fn compare(&mut self, file: &Path, token: &Token) -> Result<(), Failed> {
        let (name, key, path) = (self.name, &self.key, file.display());
        let view = token.view_signing_key(key).map_err(Failed::new)?;
        self.stays = Some(view.stays());
        if !view.stays() {
            self.faults.push(format!("a copy of the key with {key} may exist: make another on the token"));
        }
        let certificates = read_certificates(file)?;
        let own = certificates.first().ok_or_else(|| Failed::new(format!("{path}: holds no certificate")))?;
        if view.public_key.as_ref() != Some(own.public_key()) {
            return Err(Failed::new(format!("the certificate in {path} is not for hsm.{name}, the key with {key}")));
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "purpose": self.name,
            "key": self.key.to_string(),
            "stays_on_token": self.stays,
            "faults": self.faults,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("hsm.{}", self.name)];
        if let Some(stays) = self.stays {
            let kept = if stays { "stays on the token, and always did" } else { "A COPY MAY EXIST" };
            lines.push(format!("  key          {}: {kept}", self.key));
        }
        lines.extend(self.faults.iter().map(|fault| format!("  FAULT        {fault}")));
        lines.join("\n")
    }
}
