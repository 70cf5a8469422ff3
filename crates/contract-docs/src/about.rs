//! The version and the licence that every document states.

/// The version of the documents: that of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) const LICENSE: &str = "MIT OR Apache-2.0";
/// The URL of the first of the two: there is none for a choice.
pub(crate) const LICENSE_URL: &str = "https://spdx.org/licenses/MIT.html";
