//! Runs a listener: the typed edge that an author sees, and the loop behind it.

pub(crate) mod attempt;
pub(crate) mod event_loop;
pub(crate) mod subscribe;
pub(crate) mod suspects;
