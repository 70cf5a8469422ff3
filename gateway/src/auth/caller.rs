//! The authenticated caller of a request.

use uuid::Uuid;

use crate::auth::verification_key::KeyFingerprint;

/// The caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user's id: the token's `sub`.
    pub(crate) id: String,
    /// The session of the token: its `sid`, if it is a UUID.
    pub(crate) session: Option<Uuid>,
    /// When the token expires, in seconds since 1970; `None` in mock mode.
    pub(crate) expires: Option<u64>,
    /// The key that verified the token; `None` in mock mode.
    pub(crate) key: Option<KeyFingerprint>,
}
