//! The endpoints: an RPC to a worker, an event stream, or the gateway itself.

pub(crate) mod builtin;
#[cfg(feature = "schema")]
mod builtin_schema;
pub(crate) mod event_stream;
pub(crate) mod prometheus;
pub(crate) mod rpc;
pub(crate) mod system;
