//! How long the database may take before it is taken for lost.

use std::time::Duration;

/// To connect.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
/// The server ends a statement at its own limit; a server silent for this much longer is taken for lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);
