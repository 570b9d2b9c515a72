//! What officers do.

use super::Job;

/// Something that an officer may or may not do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Act {
    /// Looks at cases.
    SeeCases,
    /// Approves a case, so that the CA is asked.
    Approve,
    /// Refuses a case.
    Refuse,
    /// Looks at enrolment codes; their secrets are never shown again.
    SeeCodes,
    /// Makes an enrolment code, and so approves what it lets through (DESIGN rule 6).
    MakeCode,
    /// Withdraws one.
    WithdrawCode,
    /// Looks at who the officers are.
    SeeOfficers,
    /// Proposes an officer; another administrator must confirm.
    ProposeOfficer,
    /// Confirms an officer whom another one proposed.
    ConfirmOfficer,
    /// Shuts an officer out, at once.
    DisableOfficer,
    /// Signs that all officers were gone through.
    ReviewOfficers,
    /// Reads the audit log.
    SeeLog,
    /// Looks at the state of token, CAs, database and clock.
    SeeSystem,
    /// Carries files to a CA that is off-line, and back.
    CarryFiles,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SeeCases,
        Self::Approve,
        Self::Refuse,
        Self::SeeCodes,
        Self::MakeCode,
        Self::WithdrawCode,
        Self::SeeOfficers,
        Self::ProposeOfficer,
        Self::ConfirmOfficer,
        Self::DisableOfficer,
        Self::ReviewOfficers,
        Self::SeeLog,
        Self::SeeSystem,
        Self::CarryFiles,
    ];

    /// The name in the audit log, which never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeeCases => "see-cases",
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::SeeCodes => "see-codes",
            Self::MakeCode => "make-code",
            Self::WithdrawCode => "withdraw-code",
            Self::SeeOfficers => "see-officers",
            Self::ProposeOfficer => "propose-officer",
            Self::ConfirmOfficer => "confirm-officer",
            Self::DisableOfficer => "disable-officer",
            Self::ReviewOfficers => "review-officers",
            Self::SeeLog => "see-log",
            Self::SeeSystem => "see-system",
            Self::CarryFiles => "carry-files",
        }
    }

    /// The act of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name)
    }

    /// Whose job it is.
    #[must_use]
    pub const fn jobs(self) -> &'static [Job] {
        use Job::{Administrator, Archivist, Auditor, Checker, Receiver, RegistrarOfficer, SecurityOfficer};
        match self {
            Self::SeeCases => &[Receiver, Checker, RegistrarOfficer, Archivist, Auditor],
            Self::Approve | Self::Refuse | Self::MakeCode | Self::WithdrawCode | Self::CarryFiles => {
                &[RegistrarOfficer]
            }
            Self::SeeCodes => &[RegistrarOfficer, Auditor],
            Self::SeeOfficers => &[Administrator, Auditor],
            Self::ProposeOfficer | Self::ConfirmOfficer | Self::DisableOfficer | Self::ReviewOfficers => {
                &[Administrator]
            }
            Self::SeeLog => &[Auditor],
            Self::SeeSystem => &[Administrator, Auditor, SecurityOfficer],
        }
    }

    /// Whether anything is different after it, but for the log that tells of it.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::SeeCases | Self::SeeCodes | Self::SeeOfficers | Self::SeeLog | Self::SeeSystem)
    }

    /// Whether it decides what becomes of a request, now or in advance.
    #[must_use]
    pub const fn decides(self) -> bool {
        matches!(self, Self::Approve | Self::Refuse | Self::MakeCode)
    }
}
