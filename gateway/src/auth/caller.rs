//! The caller of a request, as a verified token names it.

use uuid::Uuid;

use crate::auth::verification_key::KeyPrint;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user's id: the token's `sub`.
    pub(crate) id: String,
    /// The session that the token was given out for: its `sid`, where that is one of ours.
    pub(crate) session: Option<Uuid>,
    /// When the token ends, in seconds since 1970; `None` where nobody checks.
    pub(crate) expires: Option<u64>,
    /// Which key signed the token; `None` where nobody checks.
    pub(crate) key: Option<KeyPrint>,
}
