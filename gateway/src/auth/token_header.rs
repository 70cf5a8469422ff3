//! The header of an access token (RFC 7515): which key and algorithm it names.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// A token's header, as far as it is looked at.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    /// Whether there is one, whatever it says: no extension is understood here (RFC 7515, section 4.1.11).
    #[serde(default, deserialize_with = "present")]
    pub(crate) crit: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
