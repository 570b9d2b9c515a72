use std::path::{Path, PathBuf};
use std::sync::Arc;

use certs::{Certificate, Millis, PublicKey, Signer as _};
use tokio::sync::OnceCell;

use super::draft::Plan;
use super::part::{read_certificates, write_certificates};
use super::{Identity, Part, ROOT, years};
use crate::signer::{KeyChoice, SoftwareSigner};
use crate::{Fault, Random};

/// What follows the root, for those who ask (RFC 9483 section 4.3.2). It is made when first asked for, and its key is
/// thrown away: it certifies nothing but its predecessor.
pub(crate) struct Rollover {
    folder: PathBuf,
    file: PathBuf,
    root: Certificate,
    random: Arc<Random>,
    next: OnceCell<NextRoot>,
}

/// The certificates that lead from one root to the next (RFC 9810 section 4.4).
#[derive(Debug)]
pub(crate) struct NextRoot {
    pub(crate) new_with_new: Certificate,
    pub(crate) new_with_old: Certificate,
    pub(crate) old_with_new: Certificate,
}

impl Rollover {
    /// `folder` has the root's key, `own` is where the certificates are kept.
    pub(crate) fn new(folder: PathBuf, own: &Path, root: Certificate, random: Arc<Random>) -> Self {
        Self { folder, file: own.join("next-root.pem"), root, random, next: OnceCell::new() }
    }

    /// The root that is to be followed.
    pub(crate) fn root(&self) -> &Certificate {
        &self.root
    }

    /// What follows it; always the same.
    pub(crate) async fn next(&self, now: Millis) -> Result<&NextRoot, Fault> {
        self.next.get_or_try_init(|| self.load_or_make(now)).await
    }

    async fn load_or_make(&self, now: Millis) -> Result<NextRoot, Fault> {
        if let Some(kept) = self.load()? {
            return Ok(kept);
        }
        let old = Identity::load(&self.folder, Part::Root)?;
        let key = SoftwareSigner::generate(KeyChoice::P384)?;
        let from = Millis::from_seconds(now.seconds());
        let plan = |key: &PublicKey| Plan::authority(ROOT, key, None);
        let new_with_new =
            plan(key.public_key())?.valid(from, years(from, 20)).signed_by_itself(&key, &*self.random).await?;
        // RFC 9810 section 4.4.1: for as long as somebody may trust the old root only.
        let until = old.certificate.not_after();
        let new_with_old = plan(key.public_key())?.valid(from, until).signed_by(&old, &*self.random).await?;
        let new = Identity::new(new_with_new, key);
        let old_with_new = plan(old.certificate.public_key())?
            .valid(old.certificate.not_before(), until)
            .signed_by(&new, &*self.random)
            .await?;
        let made = NextRoot { new_with_new: new.certificate, new_with_old, old_with_new };
        let all = [&made.new_with_new, &made.new_with_old, &made.old_with_new].map(Clone::clone);
        write_certificates(&self.file, &all)?;
        Ok(made)
    }

    /// What was made before, unless it follows another root.
    fn load(&self) -> Result<Option<NextRoot>, Fault> {
        if !self.file.exists() {
            return Ok(None);
        }
        let found = <[Certificate; 3]>::try_from(read_certificates(&self.file)?);
        Ok(found.ok().and_then(|[new_with_new, new_with_old, old_with_new]| {
            (old_with_new.public_key() == self.root.public_key()).then_some(NextRoot {
                new_with_new,
                new_with_old,
                old_with_new,
            })
        }))
    }
}
