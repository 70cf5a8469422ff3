//! What makes a type a message: the request trait, reading fields, describing the contract, paging.

pub mod contract;
#[cfg(feature = "schema")]
pub mod contract_schema;
pub(crate) mod input;
pub(crate) mod page;
pub(crate) mod request;

/// Says its own JSON Schema. Only the feature `schema` asks for that: programs describe nothing, and are built without it.
#[cfg(feature = "schema")]
pub use schemars::JsonSchema as HasSchema;

/// Stands for the JSON Schema that a type has with the feature `schema`.
#[cfg(not(feature = "schema"))]
pub trait HasSchema {}

#[cfg(not(feature = "schema"))]
impl<T: ?Sized> HasSchema for T {}
