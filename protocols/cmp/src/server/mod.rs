//! What a server checks before it thinks, and how it refuses. No state is kept here.

/// Confirmations.
mod confirmation;

/// Header rules.
mod header;

/// Which protection a request may have.
mod integrity;

/// Messages within messages.
mod nested;

/// Refusing.
mod refusal;

/// What kinds of request there are.
mod shape;

pub use confirmation::{Confirmation, check_confirmation};
pub use header::{HeaderRules, check_header};
pub use integrity::check_integrity;
pub use nested::{Nested, check_nested, innermost};
pub use refusal::{refusal_body, rejection_body, reply_kind};
pub use shape::{Operation, check_shape};
