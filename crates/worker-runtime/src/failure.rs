//! How a handler fails: with a fault for the caller, or with an error whose causes only the log shows.

use std::error::Error;

use contracts::{Code, Fault, Invalid};

use crate::db::DbError;
use crate::error_chain::chain;

/// Why a handler has no reply.
#[derive(Debug)]
pub enum Failure {
    /// The caller gets exactly this fault.
    Answer(Fault),
    /// The database could not execute a statement.
    Database(DbError),
    /// A bug or a breakage. Logged once with its causes; the caller gets the code `internal`.
    Broken(Box<dyn Error>),
}

impl Failure {
    /// A breakage with its cause.
    pub fn broken(source: impl Into<Box<dyn Error>>) -> Self {
        Self::Broken(source.into())
    }

    /// Refuses the request with a code and a sentence.
    pub fn answer(code: Code, message: impl Into<String>) -> Self {
        Self::Answer(Fault::new(code, message))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Answer(fault)
    }
}

impl From<Invalid> for Failure {
    fn from(errors: Invalid) -> Self {
        Self::Answer(errors.into())
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// What is known about a failed request; it decides which code is true.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances {
    /// Handling it changes nothing.
    pub(crate) safe: bool,
    /// An earlier attempt was made, and its outcome is unknown.
    pub(crate) redelivered: bool,
}

impl Failure {
    /// The fault for the caller. "Not executed" is said only if no attempt can have been executed.
    pub(crate) fn into_fault(self, circumstances: Circumstances) -> Fault {
        let Circumstances { safe, redelivered } = circumstances;
        match self {
            Self::Answer(fault) => fault,
            Self::Database(DbError::Unusable(_) | DbError::Unavailable(_)) if safe || !redelivered => unavailable(),
            Self::Database(DbError::Busy(_)) if safe || !redelivered => busy(),
            Self::Database(DbError::Lost(_)) if safe => unavailable(),
            Self::Database(DbError::Unusable(_) | DbError::Unavailable(_) | DbError::Busy(_) | DbError::Lost(_)) => {
                Fault::new(Code::OutcomeUnknown, "The database was lost meanwhile: the request may have been executed.")
            }
            Self::Database(DbError::Value(_)) => {
                Invalid::field("body", "holds a value that cannot be stored: it is too long, too large, or no text")
                    .into()
            }
            Self::Database(DbError::Defect(_)) | Self::Broken(_) => {
                Fault::new(Code::Internal, "Something broke on our side.")
            }
        }
    }

    /// Whether another copy should get the request: this process has no database, and nothing was done that must not be
    /// repeated.
    pub(crate) fn is_for_another(&self, safe: bool) -> bool {
        match self {
            Self::Database(DbError::Unusable(_)) => true,
            Self::Database(DbError::Lost(_)) => safe,
            Self::Database(DbError::Unavailable(_) | DbError::Busy(_) | DbError::Value(_) | DbError::Defect(_))
            | Self::Answer(_)
            | Self::Broken(_) => false,
        }
    }

    /// The chain of causes, for the log; `None` if the caller gets the whole answer.
    pub(crate) fn causes(&self) -> Option<String> {
        match self {
            Self::Answer(_) => None,
            Self::Database(error) => Some(chain(error)),
            Self::Broken(source) => Some(chain(source.as_ref())),
        }
    }
}

fn unavailable() -> Fault {
    Fault::new(Code::DatabaseUnavailable, "The service cannot use its database just now; nothing was done.")
}

fn busy() -> Fault {
    Fault::new(Code::DatabaseBusy, "The database is busy with something else; nothing was done. Try again in a moment.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(failure: impl Into<Failure>, safe: bool, redelivered: bool) -> Code {
        failure.into().into_fault(Circumstances { safe, redelivered }).code
    }

    #[test]
    fn not_executed_is_reported_only_if_no_attempt_can_have_been() {
        let unavailable = || DbError::Unusable("gone".into());
        let (busy, lost) = (|| DbError::Busy("busy".into()), || DbError::Lost("gone".into()));
        assert_eq!(code(unavailable(), false, false), Code::DatabaseUnavailable);
        assert_eq!(code(unavailable(), true, true), Code::DatabaseUnavailable);
        assert_eq!(code(unavailable(), false, true), Code::OutcomeUnknown);
        assert_eq!(code(busy(), false, false), Code::DatabaseBusy);
        assert_eq!(code(busy(), true, true), Code::DatabaseBusy);
        assert_eq!(code(busy(), false, true), Code::OutcomeUnknown);
        assert_eq!(code(lost(), false, false), Code::OutcomeUnknown);
        assert_eq!(code(lost(), true, false), Code::DatabaseUnavailable);
    }

    #[test]
    fn the_caller_does_not_see_the_cause_of_a_breakage() {
        let fault = Failure::broken("secret detail").into_fault(Circumstances { safe: true, redelivered: false });
        assert_eq!(fault.code, Code::Internal);
        assert!(!fault.message.contains("secret"));
    }
}
