//! Whether a reply has the shape that the published contract promises: the fields that are required, and the kind of each.
//!
//! Somebody else's service may answer in the place of a worker. The reply is walked once and nothing is copied; fields that
//! the contract does not describe, and rules such as lengths and formats, are not checked.

mod schema;
mod shape;
mod walk;

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::endpoints::rpc::reply_shape::schema::Document;
use crate::endpoints::rpc::reply_shape::shape::Shape;
use crate::http::static_files::ASYNCAPI;

/// The shape of each pattern's reply.
pub(crate) struct ReplyShapes(HashMap<String, Shape>);

impl ReplyShapes {
    /// Those of the document that this gateway publishes.
    pub(crate) fn published() -> Result<Self, String> {
        Document::read(ASYNCAPI.text())?.reply_shapes().map(Self)
    }

    /// Says what is wrong with a reply; a pattern that the document does not know may answer anything.
    pub(crate) fn check(&self, pattern: &str, reply: &RawValue) -> Result<(), String> {
        self.0.get(pattern).map_or(Ok(()), |shape| walk::check(shape, reply))
    }
}

#[cfg(test)]
mod tests;
