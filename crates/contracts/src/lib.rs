//! The words of the system: every message, its pattern, its rules, and the faults an answer can carry.
//!
//! Nothing here knows a broker, a database or HTTP. A pattern is named once, on its message type; everybody else says
//! `CreateOrder::PATTERN`.

pub mod control;
pub mod events;
mod fault;
pub mod message;
pub mod orders;
mod types;
pub mod users;

pub use crate::events::{EVENTS, Event, EventContract, LISTENERS, Subscriber, SubscriptionInfo};
pub use crate::fault::{Code, Fault, Invalid};
pub use crate::message::contract::Contract;
pub use crate::message::input::{Field, Fields, Input};
pub use crate::message::page::{Cursor, PageSize};
pub use crate::types::email::Email;
pub use crate::types::person_name::PersonName;
pub use crate::types::price::{Price, Total};
pub use crate::types::search::{Amount, Count, Flag, Moment, Relation, SearchText, Sort};
pub use crate::types::text::{Keep, Lines, Password, RefreshToken, Text, UserId};
pub use crate::types::timestamp::Timestamp;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

/// A message that asks for an answer. Its worker is the process named like the pattern, with dashes.
pub trait Request: JsonSchema + Sized {
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
    type Reply: Serialize + JsonSchema;

    /// Takes every field of the message, then makes the message; `None` when anything is wrong.
    fn read(input: &mut impl Fields) -> Option<Self>;

    /// Decodes and validates a message; the error names every field that breaks a rule.
    fn decode(data: &RawValue) -> Result<Self, Invalid> {
        let mut input = Input::parse(data)?;
        let message = Self::read(&mut input);
        input.finish(message)
    }
}

/// Every request of the system.
pub const CONTRACTS: [Contract; 13] = [
    Contract::of::<users::Register>(),
    Contract::of::<users::Login>(),
    Contract::of::<users::Refresh>(),
    Contract::of::<users::Logout>(),
    Contract::of::<users::ShowProfile>(),
    Contract::of::<users::UpdateProfile>(),
    Contract::of::<users::ChangePassword>(),
    Contract::of::<users::ListSessions>(),
    Contract::of::<users::EndSessions>(),
    Contract::of::<orders::CreateOrder>(),
    Contract::of::<orders::ListOrders>(),
    Contract::of::<orders::GetOrder>(),
    Contract::of::<orders::ListEvents>(),
];

/// Every request pattern of the system, for readiness and for the test that compares code, processes and routes.
pub const PATTERNS: [&str; CONTRACTS.len()] = {
    let mut patterns = [""; CONTRACTS.len()];
    let mut n = 0;
    while n < patterns.len() {
        patterns[n] = CONTRACTS[n].pattern;
        n += 1;
    }
    patterns
};
