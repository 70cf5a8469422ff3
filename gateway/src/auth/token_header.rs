//! The header of an access token (RFC 7515): the key and the algorithm that it names.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// The parts of a token's header that are checked.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    /// Whether it is present: no extension is supported (RFC 7515, section 4.1.11).
    #[serde(default, deserialize_with = "present")]
    pub(crate) crit: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
