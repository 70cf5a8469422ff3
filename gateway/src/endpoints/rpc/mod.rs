//! RPC endpoints: turns requests into messages to workers, and their replies into responses.

pub(crate) mod history;
pub(crate) mod reply_shape;
pub(crate) mod request;
pub(crate) mod response;
