//! The trait of a message that expects a reply.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::fault::{Code, Invalid};
use crate::message::HasSchema;
use crate::message::input::{Fields, Input};

/// A request message. Its worker is the process with the pattern's name, with dashes.
pub trait Request: HasSchema + Sized {
    /// The pattern: also the queue's name. Frozen: other systems send to it.
    const PATTERN: &'static str;
    /// True if handling it changes nothing, so that repeating it is always safe.
    const SAFE: bool;
    /// Raised when a change breaks clients: a removed field, a new required one, a narrower type.
    const VERSION: u32 = 1;
    /// A message of this type as JSON, with every field in it; published, and read by a test.
    const EXAMPLE: &'static str;
    /// The errors that the worker may reply with, in addition to those of any worker.
    const FAULTS: &'static [Code] = &[];
    /// The reply of a success.
    type Reply: Serialize + HasSchema;

    /// Reads every field and returns the message; `None` if there was an error.
    fn read(input: &mut impl Fields) -> Option<Self>;

    /// Decodes and validates a message; the error names every invalid field.
    fn decode(data: &RawValue) -> Result<Self, Invalid> {
        let mut input = Input::parse(data)?;
        let message = Self::read(&mut input);
        input.finish(message)
    }
}
