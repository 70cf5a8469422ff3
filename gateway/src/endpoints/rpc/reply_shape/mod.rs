//! Checks the shape of replies against the published contract: required fields and the type of each.
//!
//! A service of somebody else may reply in place of a worker. The reply is read once without copies; undocumented fields, and
//! rules such as lengths and formats, are not checked.

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
    /// The shapes of the document that this gateway publishes.
    pub(crate) fn published() -> Result<Self, String> {
        Document::read(ASYNCAPI.text())?.reply_shapes().map(Self)
    }

    /// Checks a reply; the error says what is wrong. An undocumented pattern may reply with anything.
    pub(crate) fn check(&self, pattern: &str, reply: &RawValue) -> Result<(), String> {
        self.0.get(pattern).map_or(Ok(()), |shape| walk::check(shape, reply))
    }
}

#[cfg(test)]
mod tests;
