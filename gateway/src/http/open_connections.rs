//! The open connections of a listener and their activity, so that a full listener can close the longest idle one in favour
//! of a new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The highest bits of a state are its kind, the rest when it began: the smallest state is evicted first.
const KIND: u32 = 62;
const IDLE: u64 = 0;
/// A request has started and waits for its client, which is still sending or does not read the response.
const CLIENT: u64 = 1 << KIND;
const BUSY: u64 = 2 << KIND;

/// All open connections of a listener.
#[derive(Default)]
pub(crate) struct OpenConnections {
    clock: Arc<AtomicU64>,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
}

/// The activity of a connection.
pub(crate) struct Activity {
    clock: Arc<AtomicU64>,
    state: AtomicU64,
    /// Whether part of a response is still to be written.
    unfinished: AtomicBool,
    evicted: CancellationToken,
}

/// The registration of a connection; removed when dropped.
pub(crate) struct OpenConnection {
    all: Arc<OpenConnections>,
    id: u64,
    pub(crate) activity: Arc<Activity>,
}

impl OpenConnections {
    /// Registers a new connection, which is idle.
    pub(crate) fn add(self: &Arc<Self>) -> OpenConnection {
        let id = self.clock.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity {
            clock: Arc::clone(&self.clock),
            state: AtomicU64::new(IDLE | id),
            unfinished: AtomicBool::new(false),
            evicted: CancellationToken::new(),
        });
        self.lock().insert(id, Arc::clone(&activity));
        OpenConnection { all: Arc::clone(self), id, activity }
    }

    /// Evicts the connection that has been idle for longest, or else the one that has waited longest for its client. Returns
    /// `false` if all are busy.
    pub(crate) fn evict_longest_idle(&self) -> bool {
        let open = self.lock();
        let candidates = open.values().filter(|one| !one.evicted.is_cancelled());
        let longest =
            candidates.map(|one| (one.rank(), one)).filter(|(rank, _)| *rank < BUSY).min_by_key(|(rank, _)| *rank);
        longest.map(|(_, one)| one.evicted.cancel()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    /// Marks the connection as busy with a request.
    pub(crate) fn busy(&self) {
        self.state.store(BUSY, Ordering::Relaxed);
    }

    /// Marks the connection as waiting for the rest of a request.
    pub(crate) fn waits_for_client(&self) {
        self.state.store(CLIENT | self.now(), Ordering::Relaxed);
    }

    /// Marks the connection as idle.
    pub(crate) fn idle(&self) {
        self.state.store(IDLE | self.now(), Ordering::Relaxed);
    }

    /// Records whether part of a response is still to be written.
    pub(crate) fn set_unfinished(&self, unfinished: bool) {
        self.unfinished.store(unfinished, Ordering::Relaxed);
    }

    /// Whether a request is being handled.
    pub(crate) fn is_busy(&self) -> bool {
        self.rank() >= BUSY
    }

    /// Resolves when this connection is evicted.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    fn rank(&self) -> u64 {
        let state = self.state.load(Ordering::Relaxed);
        if state < CLIENT && self.unfinished.load(Ordering::Relaxed) { state | CLIENT } else { state }
    }

    /// A logical clock: it increases with every change.
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The indexes of the connections that were evicted.
    fn evicted(connections: &[OpenConnection]) -> Vec<usize> {
        (0..connections.len()).filter(|n| connections[*n].activity.evicted.is_cancelled()).collect()
    }

    #[test]
    fn idle_connections_are_evicted_first_then_waiting_ones_and_never_busy_ones() {
        let all = Arc::new(OpenConnections::default());
        let five: Vec<OpenConnection> = (0..5).map(|_| all.add()).collect();
        five[0].activity.busy();
        five[1].activity.busy();
        five[1].activity.waits_for_client();
        five[2].activity.busy();
        five[2].activity.idle();
        five[3].activity.set_unfinished(true);
        for expected in [&[4][..], &[2, 4], &[2, 3, 4], &[1, 2, 3, 4]] {
            assert!(all.evict_longest_idle());
            assert_eq!(evicted(&five), expected);
        }
        assert!(!all.evict_longest_idle());
        drop(five);
        assert!(all.lock().is_empty());
    }
}
