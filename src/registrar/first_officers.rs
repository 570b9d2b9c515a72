//! The first officers: whoever sets the office up names them, once, while there are none. Later ones are proposed and confirmed.

use certs::path::Purpose;

use super::officers::{Candidate, joining};
use super::trust::Trust;
use crate::audit::{Leaf, LeafKind};
use crate::case::{Millis, OfficerId, Random};
use crate::duty::Job;
use crate::store::{Row, Store, Unit};

/// Records the first officers, all or none; says their identifiers.
///
/// # Errors
/// A text that tells why not, and what to do.
pub async fn begin_with_officers(
    store: &Store,
    trust: &Trust,
    candidates: Vec<Candidate>,
    (random, at, node): (&dyn Random, Millis, &str),
) -> Result<Vec<OfficerId>, String> {
    if store.has_officers().await.map_err(|fault| fault.to_string())? {
        return Err("this office has officers; an administrator proposes further ones, at the console or by `daftar officer add`".to_owned());
    }
    let administrators = candidates.iter().filter(|candidate| candidate.jobs.have(Job::Administrator)).count();
    if administrators < 2 {
        return Err(format!(
            "{administrators} of them has the job administrator; two must, for what one proposes another confirms"
        ));
    }
    let mut unit = Unit::new();
    let mut made = Vec::new();
    for candidate in candidates {
        let checked = trust.check(&candidate.chain, Purpose::ClientAuth, at);
        checked.map_err(|fault| format!("the certificate of {}: {fault}", candidate.name))?;
        let id = OfficerId::new(random);
        let leaf = Leaf::new(random, at, node, LeafKind::OfficerAction, "house:cli")
            .plain("act", "begin-with-officer")
            .plain("about", &id.to_string())
            .plain("jobs", &candidate.jobs.to_string())
            .personal("name", candidate.name.as_str(), random);
        for change in joining(id, candidate, None, at).map_err(|fault| fault.to_string())? {
            unit.push(Row::Officer(change));
        }
        unit.push(Row::Leaf(leaf));
        made.push(id);
    }
    let written = store.commit(unit).await;
    written.map_err(|fault| format!("{fault}; where two of them have one certificate, that is why"))?;
    Ok(made)
}
