//! What is agreed about a request, as data: for the published documents and the tests that hold them to the code.

use crate::fault::Code;
#[cfg(feature = "schema")]
use crate::message::contract_schema::ContractSchema;
use crate::message::request::Request;

/// What any worker may answer with instead of a reply, whatever is asked: its frame does.
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

/// A request type, seen from outside.
#[derive(Clone, Copy)]
pub struct Contract {
    /// The pattern.
    pub pattern: &'static str,
    /// Whether repeating it is always safe.
    pub safe: bool,
    /// Raised when a change breaks those who use it.
    pub version: u32,
    /// What its worker may answer with instead of a reply, apart from what any worker may.
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

    /// Everything that its worker may answer with instead of a reply.
    pub fn all_faults(&self) -> impl Iterator<Item = Code> {
        ANY_WORKER.iter().chain(self.faults).copied()
    }
}
