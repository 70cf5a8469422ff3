//! What makes a type a message: reading its fields, describing its contract, paging.

pub mod contract;
pub(crate) mod input;
pub(crate) mod page;
pub(crate) mod request;
