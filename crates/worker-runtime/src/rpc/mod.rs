//! Serves a request pattern: the typed edge that an author sees, and the loop behind it.

pub(crate) mod availability;
pub(crate) mod call;
pub(crate) mod request_loop;
pub(crate) mod serve;
