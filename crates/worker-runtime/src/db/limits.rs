//! Time limits of the database.

use std::time::Duration;

/// Limits connecting.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
/// The server cancels a statement at the statement timeout. A server that stays silent for this much longer is considered
/// lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);
