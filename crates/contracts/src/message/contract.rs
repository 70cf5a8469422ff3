//! The contract of a request as data, for the published documents and the tests that compare them with the code.

use crate::fault::Code;
#[cfg(feature = "schema")]
use crate::message::contract_schema::ContractSchema;
use crate::message::request::Request;

/// The errors that any worker may reply with; `worker-runtime` creates them.
const ANY_WORKER: [Code; 9] = [
    Code::MalformedJson,
    Code::WrongPattern,
    Code::MessageIdReused,
    Code::InvalidInput,
    Code::MissingToken,
    Code::DatabaseUnavailable,
    Code::DatabaseBusy,
    Code::OutcomeUnknown,
    Code::Internal,
];

/// A request type, as data.
#[derive(Clone, Copy)]
pub struct Contract {
    /// The pattern.
    pub pattern: &'static str,
    /// Whether handling it changes nothing, so that repeating it is safe.
    pub safe: bool,
    /// Raised when a change breaks clients.
    pub version: u32,
    /// The errors that its worker may reply with, in addition to those of any worker.
    pub faults: &'static [Code],
    /// A message of this type, as JSON.
    pub example: &'static str,
    /// Its JSON Schema.
    #[cfg(feature = "schema")]
    pub schema: ContractSchema,
}

impl Contract {
    /// The contract of a request type.
    pub const fn of<R: Request>() -> Self {
        Self {
            pattern: R::PATTERN,
            safe: R::SAFE,
            version: R::VERSION,
            faults: R::FAULTS,
            example: R::EXAMPLE,
            #[cfg(feature = "schema")]
            schema: ContractSchema::of::<R>(),
        }
    }

    /// Every error that its worker may reply with.
    pub fn all_faults(&self) -> impl Iterator<Item = Code> {
        ANY_WORKER.iter().chain(self.faults).copied()
    }
}
