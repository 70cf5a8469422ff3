//! Whether a process can do its work: it has a connection to its database that it can use.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts the connections that there are, and those that there should be.
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
    /// One more connection is wanted.
    pub(crate) fn add(&self) {
        self.0.send_modify(|connections| connections.wanted += 1);
    }

    /// A connection was or was not there, and is or is not now.
    pub(crate) fn changed(&self, before: bool, now: bool) {
        if before != now {
            let change = |connections: &mut Connections| {
                connections.usable = if now { connections.usable + 1 } else { connections.usable.saturating_sub(1) };
            };
            self.0.send_modify(change);
        }
    }

    /// One connection is enough to work with, and without a database there is none to miss.
    pub(crate) fn is_good(&self) -> bool {
        let Connections { wanted, usable } = *self.0.borrow();
        wanted == 0 || usable > 0
    }

    /// Waits until it is good, or until it is not.
    pub(crate) async fn until(&self, good: bool) {
        let mut changes = self.0.subscribe();
        while self.is_good() != good {
            // The sender is ours, so it never ends.
            let _ = changes.changed().await;
        }
    }
}
