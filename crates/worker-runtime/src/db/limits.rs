//! Time limits of the database.

use std::time::Duration;

/// To connect.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
/// The server ends a statement at the statement timeout; a server that stays silent for this much longer is considered
/// lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);
