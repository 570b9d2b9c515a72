//! Whether the key that signs the audit log is there, kept, and the one that others were given.

use serde_json::{Value, json};

use crate::cli::Failed;
use crate::cli::assemble::note_key;
use crate::config::Config;
use crate::hsm::{KeyRef, Token};
use crate::registrar::LogConfig;

/// What is found about it.
#[derive(Debug)]
pub(super) struct LogKey {
    origin: String,
    key: Option<KeyRef>,
    /// SHA-256 of the public key that others were given.
    public_key: Option<String>,
    /// Whether it stays on the token and always did.
    stays: Option<bool>,
    /// What a person must see to.
    pub(super) faults: Vec<String>,
}

impl LogKey {
    pub(super) fn look<E>(config: &Config, audit: &LogConfig, token: Result<&Token, E>) -> Self {
        let key = config.hsm.checkpoint_key.clone();
        let mut found = Self { origin: audit.origin.clone(), key, public_key: None, stays: None, faults: Vec::new() };
        let told = found.compare(audit, token.ok());
        found.faults.extend(told.err().map(|fault| fault.to_string()));
        found
    }

    /// A token that is away is told of where the RA key is.
    fn compare(&mut self, audit: &LogConfig, token: Option<&Token>) -> Result<(), Failed> {
        let given = note_key(audit)?;
        self.public_key = Some(given.key().print().to_string());
        let (Some(token), Some(key)) = (token, &self.key) else { return Ok(()) };
        let view = token.view_signing_key(key).map_err(Failed::new)?;
        self.stays = Some(view.stays());
        if !view.stays() {
            self.faults.push(format!("a copy of the key with {key} may exist: make another on the token"));
        }
        if view.public_key.as_ref() != Some(given.key()) {
            let path = audit.public_key.display();
            return Err(Failed::new(format!("audit.public_key ({path}) is not that of the key with {key}")));
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "audit": self.origin,
            "public_key_sha256": self.public_key,
            "key": self.key.as_ref().map(ToString::to_string),
            "stays_on_token": self.stays,
            "faults": self.faults,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("audit, the log '{}'", self.origin)];
        if let (Some(key), Some(stays)) = (&self.key, self.stays) {
            let kept = if stays { "stays on the token, and always did" } else { "A COPY MAY EXIST" };
            lines.push(format!("  key          {key}: signs checkpoints, {kept}"));
        }
        lines.extend(self.faults.iter().map(|fault| format!("  FAULT        {fault}")));
        lines.join("\n")
    }
}
