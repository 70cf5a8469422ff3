//! The words of the system: every message, its pattern, its rules, and the faults an answer can carry.
//!
//! Nothing here knows a broker, a database or HTTP. A pattern is named once, on its message type; everybody else says
//! `CreateOrder::PATTERN`.

mod fault;
mod input;
mod instant;
pub mod orders;
mod page;
mod price;
mod text;
pub mod users;

pub use fault::{Code, Fault, Invalid};
pub use input::{Field, Input};
pub use instant::Instant;
pub use page::{Cursor, PageSize};
pub use price::Price;
pub use text::{Email, Password, PersonName, Text};

use serde::Serialize;
use serde_json::value::RawValue;

/// A message that asks for an answer. Its worker is the process named like the pattern, with dashes.
pub trait Request: Sized {
    /// The pattern: also the queue's name. Frozen: other systems send to it.
    const PATTERN: &'static str;
    /// True when handling it changes nothing, so that repeating it is always safe.
    const SAFE: bool;
    /// What a success answers with.
    type Reply: Serialize;

    /// Takes the message's fields from the input, noting everything that is wrong there; `None` when anything is.
    fn read(input: &mut Input<'_>) -> Option<Self>;

    /// Decodes and validates a message; the error names every field that breaks a rule.
    fn decode(data: &RawValue) -> Result<Self, Invalid> {
        let mut input = Input::parse(data)?;
        let message = Self::read(&mut input);
        input.finish(message)
    }
}

/// Every request pattern of the system, for readiness and for the test that compares code, processes and routes.
pub const PATTERNS: [&str; 6] = [
    users::Register::PATTERN,
    users::Login::PATTERN,
    users::ShowProfile::PATTERN,
    orders::CreateOrder::PATTERN,
    orders::ListOrders::PATTERN,
    orders::GetOrder::PATTERN,
];
