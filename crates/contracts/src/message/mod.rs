//! Message types: the request trait, the decoder of fields, the contract as data, pagination.

pub mod contract;
#[cfg(feature = "schema")]
pub mod contract_schema;
pub(crate) mod input;
pub(crate) mod page;
pub(crate) mod request;

/// A type with a JSON Schema. Only with the feature `schema`, which programs are built without.
#[cfg(feature = "schema")]
pub use schemars::JsonSchema as HasSchema;

/// Replaces the trait of the feature `schema`; every type has it.
#[cfg(not(feature = "schema"))]
pub trait HasSchema {}

#[cfg(not(feature = "schema"))]
impl<T: ?Sized> HasSchema for T {}
