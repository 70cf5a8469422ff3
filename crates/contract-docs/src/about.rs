//! What every document says of itself.

/// The version of the documents: that of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) const LICENSE: &str = "MIT OR Apache-2.0";
/// The first of the two: there is no address of a choice.
pub(crate) const LICENSE_URL: &str = "https://spdx.org/licenses/MIT.html";
