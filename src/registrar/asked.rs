//! What a request wished for beside its names and its key. A CA may give otherwise within what was approved; the requester
//! is told so (RFC 9810 section 5.2.3, grantedWithMods).

use std::collections::BTreeSet;

use certs::Certificate;

use super::facts::usage_names;
use crate::rules::Facts;

/// The wishes of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    key_usage: Option<BTreeSet<String>>,
    extended_key_usage: Option<BTreeSet<String>>,
    other_extensions: Vec<String>,
    /// In whole seconds: certificates know no others (RFC 5280 section 4.1.2.5).
    not_after: Option<i64>,
}

impl Asked {
    /// The wishes that a request's facts tell of.
    pub(super) fn of(facts: &Facts) -> Self {
        let set = |names: &Option<Vec<String>>| names.as_ref().map(|names| names.iter().cloned().collect());
        Self {
            key_usage: set(&facts.key_usage),
            extended_key_usage: set(&facts.extended_key_usage),
            other_extensions: facts.other_extensions.clone(),
            not_after: facts.not_after.map(|end| end.div_euclid(1000)),
        }
    }

    /// Whether a certificate is not what was wished for. Who left something open gets no modification of it.
    pub(super) fn differs(&self, certificate: &Certificate) -> bool {
        let usages = certificate.key_usage().map(usage_names).unwrap_or_default();
        let usages: BTreeSet<String> = usages.into_iter().map(str::to_owned).collect();
        let purposes = certificate.extended_key_usages().unwrap_or_default();
        let purposes: BTreeSet<String> = purposes.iter().map(ToString::to_string).collect();
        let has = |oid: &String| certificate.extensions().iter().any(|extension| extension.oid.to_string() == *oid);
        self.key_usage.as_ref().is_some_and(|asked| *asked != usages)
            || self.extended_key_usage.as_ref().is_some_and(|asked| *asked != purposes)
            || !self.other_extensions.iter().all(has)
            || self.not_after.is_some_and(|asked| asked != certificate.not_after().seconds())
    }
}
