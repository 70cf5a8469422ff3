//! The published contract: makes the documents of `docs/api` from the messages' own decoders and the gateway's table.
//!
//! No process of the system holds any of this; the gateway serves the files. `scripts/api` writes them.

mod asyncapi;
mod breaking;
mod components;
mod control;
mod events;
mod narrower;
mod openapi;
mod operation;
mod packets;
mod responses;

pub use asyncapi::asyncapi;
pub use breaking::{broken_messages, broken_routes};
pub use openapi::openapi;

use contracts::{CONTRACTS, EVENTS};
use serde_json::Value;

/// The version of the documents: that of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// File name → text, for every document: both descriptions, and a JSON Schema for every message.
pub fn documents() -> Vec<(String, String)> {
    let mut documents: Vec<(String, Value)> =
        vec![("openapi.json".into(), openapi()), ("asyncapi.json".into(), asyncapi())];
    for contract in &CONTRACTS {
        let pattern = contract.pattern;
        let request = components::standalone(pattern, |components| components.message(contract));
        let reply = components::standalone(&format!("{pattern}: reply"), |components| components.reply(contract));
        documents.push((format!("schemas/{pattern}.request.json"), request));
        documents.push((format!("schemas/{pattern}.reply.json"), reply));
    }
    for event in &EVENTS {
        let schema = components::standalone(event.name, |components| components.event(event));
        documents.push((format!("schemas/{}.event.json", event.name), schema));
    }
    documents.into_iter().map(|(name, document)| (name, format!("{document:#}\n"))).collect()
}
