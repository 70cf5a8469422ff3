//! The published contract: makes the documents of `docs/api` from the messages' own decoders and the gateway's table.
//!
//! No process of the system holds any of this; the gateway serves the files. `scripts/api` writes them.

mod components;
mod openapi;
mod operation;
mod responses;

pub use openapi::openapi;

/// The version of the documents: that of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// File name → text, for every document.
pub fn documents() -> Vec<(&'static str, String)> {
    [("openapi.json", openapi())].map(|(name, document)| (name, format!("{document:#}\n"))).into()
}
