//! The contract of the system: every message with its pattern and its rules, and the errors that a reply can contain.
//!
//! Nothing here depends on a broker, a database or HTTP. A pattern is named once, on its message type; all other code uses
//! `CreateOrder::PATTERN`.

pub mod control;
pub mod events;
mod fault;
pub mod message;
pub mod naming;
pub mod orders;
#[cfg(feature = "schema")]
mod schema;
pub mod telemetry;
mod types;
pub mod users;

pub use crate::events::{EVENTS, Event, EventContract, LISTENERS, Subscriber, SubscriptionInfo};
pub use crate::fault::{Code, Fault, Invalid};
pub use crate::message::contract::Contract;
pub use crate::message::input::{Field, Fields, Input};
pub use crate::message::page::{Cursor, PageSize};
pub use crate::message::request::Request;
pub use crate::types::email::Email;
pub use crate::types::person_name::PersonName;
pub use crate::types::price::{Price, Total};
pub use crate::types::search::{Amount, Count, Flag, Moment, Relation, SearchText, Sort};
pub use crate::types::text::{Keep, Lines, Password, RefreshToken, Text, UserId};
pub use crate::types::timestamp::Timestamp;

/// Every request of the system.
pub const CONTRACTS: [Contract; 15] = [
    Contract::of::<users::Register>(),
    Contract::of::<users::Login>(),
    Contract::of::<users::Refresh>(),
    Contract::of::<users::Logout>(),
    Contract::of::<users::ShowProfile>(),
    Contract::of::<users::UpdateProfile>(),
    Contract::of::<users::ChangePassword>(),
    Contract::of::<users::ListSessions>(),
    Contract::of::<users::EndSessions>(),
    Contract::of::<users::ReadInbox>(),
    Contract::of::<orders::CreateOrder>(),
    Contract::of::<orders::ListOrders>(),
    Contract::of::<orders::GetOrder>(),
    Contract::of::<orders::ShowHistory>(),
    Contract::of::<orders::ListEvents>(),
];

/// Every request pattern of the system.
pub const PATTERNS: [&str; CONTRACTS.len()] = {
    let mut patterns = [""; CONTRACTS.len()];
    let mut n = 0;
    while n < patterns.len() {
        patterns[n] = CONTRACTS[n].pattern;
        n += 1;
    }
    patterns
};

/// The names of all processes that report their status.
pub fn process_names() -> Vec<&'static str> {
    let listeners = LISTENERS.iter().map(|listener| listener.name);
    PATTERNS.into_iter().chain(listeners).chain(control::RELAYS).chain([control::GATEWAY]).collect()
}
