//! Whether a process can work: it has a usable connection to its database.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts the usable connections, and those that should exist.
#[derive(Clone)]
pub(crate) struct Health(Arc<watch::Sender<Connections>>);

#[derive(Clone, Copy, Default)]
struct Connections {
    wanted: usize,
    usable: usize,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Connections::default())))
    }
}

impl Health {
    /// Adds a connection that should exist.
    pub(crate) fn add(&self) {
        self.0.send_modify(|connections| connections.wanted += 1);
    }

    /// Notes that a connection became usable or unusable.
    pub(crate) fn changed(&self, before: bool, now: bool) {
        if before != now {
            let change = |connections: &mut Connections| {
                connections.usable = if now { connections.usable + 1 } else { connections.usable.saturating_sub(1) };
            };
            self.0.send_modify(change);
        }
    }

    /// One usable connection is enough. A process without a database is always healthy.
    pub(crate) fn is_good(&self) -> bool {
        let Connections { wanted, usable } = *self.0.borrow();
        wanted == 0 || usable > 0
    }

    /// Whether there is a usable connection; `None` where there is no database.
    pub(crate) fn database(&self) -> Option<bool> {
        let Connections { wanted, usable } = *self.0.borrow();
        (wanted > 0).then_some(usable > 0)
    }

    /// Waits for the process to become healthy, or unhealthy.
    pub(crate) async fn until(&self, good: bool) {
        let mut changes = self.0.subscribe();
        while self.is_good() != good {
            // `self` holds the sender, so the channel never closes.
            let _ = changes.changed().await;
        }
    }
}
