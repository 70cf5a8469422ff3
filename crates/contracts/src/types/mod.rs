//! The value types of messages: texts, prices, timestamps.

pub(crate) mod email;
pub(crate) mod invisible;
pub(crate) mod person_name;
pub(crate) mod price;
pub(crate) mod search;
pub(crate) mod text;
pub(crate) mod timestamp;
