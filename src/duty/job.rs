//! The jobs of a registration office, and those that look after it.

use std::collections::BTreeSet;
use std::fmt;

use super::Act;

/// A job.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Job {
    /// Receives and authenticates applicants' documents.
    Receiver,
    /// Checks them against the standards.
    Checker,
    /// Registers, has certificates issued, and hands them over.
    RegistrarOfficer,
    /// Keeps the certificate list and the site.
    Publisher,
    /// Keeps documents and the archive.
    Archivist,
    /// Keeps officers and rules; decides no case.
    Administrator,
    /// Looks at everything and changes nothing.
    Auditor,
    /// Keeps the keys.
    SecurityOfficer,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Receiver,
        Self::Checker,
        Self::RegistrarOfficer,
        Self::Publisher,
        Self::Archivist,
        Self::Administrator,
        Self::Auditor,
        Self::SecurityOfficer,
    ];

    /// The name in the store, in the audit log and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Checker => "checker",
            Self::RegistrarOfficer => "registrar-officer",
            Self::Publisher => "publisher",
            Self::Archivist => "archivist",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::SecurityOfficer => "security-officer",
        }
    }

    /// The job of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// Whether this job alone may do it.
    #[must_use]
    pub fn may(self, act: Act) -> bool {
        act.jobs().contains(&self)
    }

    /// Jobs that one person may not have besides: an auditor would look at his own work, and who keeps officers could make himself one
    /// that decides.
    const fn keeps_apart(self) -> bool {
        matches!(self, Self::Auditor | Self::Administrator)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The jobs of one officer; at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jobs(BTreeSet<Job>);

/// Why these cannot be one person's jobs.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JobsFault {
    /// There is no such job.
    #[error("there is no job '{0}'; the jobs are {names}", names = names())]
    Unknown(String),
    /// None was named.
    #[error("an officer has at least one job of {names}", names = names())]
    None,
    /// One of them is for people without another.
    #[error("who is {0} can have no other job")]
    Apart(Job),
}

fn names() -> String {
    Job::ALL.map(Job::name).join(", ")
}

impl Jobs {
    /// The jobs of these names.
    ///
    /// # Errors
    /// Why one person cannot have them.
    pub fn named<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, JobsFault> {
        let job = |name: &str| Job::named(name).ok_or_else(|| JobsFault::Unknown(name.to_owned()));
        let jobs: BTreeSet<Job> = names.into_iter().map(job).collect::<Result<_, _>>()?;
        if jobs.is_empty() {
            return Err(JobsFault::None);
        }
        match jobs.iter().find(|job| job.keeps_apart()) {
            Some(apart) if jobs.len() > 1 => Err(JobsFault::Apart(*apart)),
            _ => Ok(Self(jobs)),
        }
    }

    /// Whether one of them may do it.
    #[must_use]
    pub fn may(&self, act: Act) -> bool {
        self.0.iter().any(|job| job.may(act))
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn have(&self, job: Job) -> bool {
        self.0.contains(&job)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Job> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Jobs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.iter().map(|job| job.name()).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_by_its_name() {
        for job in Job::ALL {
            assert_eq!(Job::named(job.name()), Some(job));
        }
        assert_eq!(Job::named("director"), None);
    }

    #[test]
    fn one_person_has_jobs_that_go_together() {
        let jobs = Jobs::named(["receiver", "archivist"]).unwrap();
        assert_eq!(jobs.to_string(), "receiver archivist");
        assert!(jobs.have(Job::Receiver) && !jobs.have(Job::Checker));
        assert_eq!(Jobs::named([]), Err(JobsFault::None));
        assert_eq!(Jobs::named(["director"]), Err(JobsFault::Unknown("director".to_owned())));
        for apart in [Job::Auditor, Job::Administrator] {
            for other in Job::ALL.into_iter().filter(|job| *job != apart) {
                assert!(matches!(Jobs::named([apart.name(), other.name()]), Err(JobsFault::Apart(_))), "{other}");
            }
            assert!(Jobs::named([apart.name()]).is_ok());
        }
    }

    #[test]
    fn an_auditor_only_looks_and_an_administrator_decides_no_case() {
        for act in Act::ALL {
            assert!(!(Job::Auditor.may(act) && act.changes()), "{act:?}");
            assert!(!(Job::Administrator.may(act) && act.decides()), "{act:?}");
            assert!(!act.jobs().is_empty(), "{act:?}: nobody may");
        }
    }
}
