//! The published contract: generates the documents of `docs/api` from the messages' decoders and the gateway's route table.
//!
//! No process contains this code; the gateway serves the files. `scripts/api` writes them.

mod about;
mod asyncapi;
mod compat;
mod components;
mod openapi;

pub use crate::asyncapi::asyncapi;
pub use crate::compat::breaking::{broken_messages, broken_routes};
pub use crate::openapi::openapi;
pub use crate::openapi::openapi_3_0::openapi_3_0;

use contracts::{CONTRACTS, EVENTS};
use serde_json::Value;

use crate::openapi::reading_order::Ordered;

/// The name and the text of every document: OpenAPI, AsyncAPI, and a JSON Schema for every message.
pub fn documents() -> Vec<(String, String)> {
    let mut documents: Vec<(String, Value)> = vec![("asyncapi.json".into(), asyncapi())];
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
    let ordered = |(name, document): (&str, Value)| {
        let text = serde_json::to_string_pretty(&Ordered(&document)).expect("a JSON value always serialises");
        (name.to_owned(), format!("{text}\n"))
    };
    let routes = [("openapi.json", openapi()), ("openapi-3.0.json", openapi_3_0())].map(ordered);
    routes.into_iter().chain(documents.into_iter().map(|(name, document)| (name, format!("{document:#}\n")))).collect()
}
