//! The trait of a message that asks for an answer.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::fault::{Code, Invalid};
use crate::message::HasSchema;
use crate::message::input::{Fields, Input};

/// A message that asks for an answer. Its worker is the process named like the pattern, with dashes.
pub trait Request: HasSchema + Sized {
    /// The pattern: also the queue's name. Frozen: other systems send to it.
    const PATTERN: &'static str;
    /// True when handling it changes nothing, so that repeating it is always safe.
    const SAFE: bool;
    /// Raised when a change breaks those who use it: a field that goes, a new one that is required, a narrower type.
    const VERSION: u32 = 1;
    /// A message of this type as JSON, with every field in it; published, and read by a test.
    const EXAMPLE: &'static str;
    /// What the worker may answer with instead of a reply, apart from what any worker may.
    const FAULTS: &'static [Code] = &[];
    /// What a success answers with.
    type Reply: Serialize + HasSchema;

    /// Takes every field of the message, then makes the message; `None` when anything is wrong.
    fn read(input: &mut impl Fields) -> Option<Self>;

    /// Decodes and validates a message; the error names every field that breaks a rule.
    fn decode(data: &RawValue) -> Result<Self, Invalid> {
        let mut input = Input::parse(data)?;
        let message = Self::read(&mut input);
        input.finish(message)
    }
}
