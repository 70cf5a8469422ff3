//! The connections of one listener and what each is doing, so that a full listener can close the one that has been idle for
//! longest in favour of a new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The highest bits of a state say what the connection waits for, the rest since when: the smallest state gives way first.
const KIND: u32 = 62;
const IDLE: u64 = 0;
/// A request has begun, and the client lets us wait: it is still sending, or it does not read its answer.
const CLIENT: u64 = 1 << KIND;
const BUSY: u64 = 2 << KIND;

/// All of them.
#[derive(Default)]
pub(crate) struct OpenConnections {
    clock: Arc<AtomicU64>,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
}

/// What one connection is doing.
pub(crate) struct Activity {
    clock: Arc<AtomicU64>,
    state: AtomicU64,
    /// Part of an answer is still to be written.
    owing: AtomicBool,
    evicted: CancellationToken,
}

/// A connection's entry, until it is dropped.
pub(crate) struct AccessLogEntry {
    all: Arc<OpenConnections>,
    id: u64,
    pub(crate) activity: Arc<Activity>,
}

impl OpenConnections {
    /// Adds a connection, on which nothing has been asked yet.
    pub(crate) fn add(self: &Arc<Self>) -> AccessLogEntry {
        let id = self.clock.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity {
            clock: Arc::clone(&self.clock),
            state: AtomicU64::new(IDLE | id),
            owing: AtomicBool::new(false),
            evicted: CancellationToken::new(),
        });
        self.lock().insert(id, Arc::clone(&activity));
        AccessLogEntry { all: Arc::clone(self), id, activity }
    }

    /// Tells the connection that has been idle for longest to close, or else the one that has let us wait for longest;
    /// false when all are being served.
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
    /// A request is being worked on.
    pub(crate) fn busy(&self) {
        self.state.store(BUSY, Ordering::Relaxed);
    }

    /// The client is to send the rest of its request.
    pub(crate) fn waits_for_client(&self) {
        self.state.store(CLIENT | self.now(), Ordering::Relaxed);
    }

    /// The request is answered, as far as it depends on us.
    pub(crate) fn idle(&self) {
        self.state.store(IDLE | self.now(), Ordering::Relaxed);
    }

    /// Whether part of an answer is still to be written.
    pub(crate) fn owes(&self, owing: bool) {
        self.owing.store(owing, Ordering::Relaxed);
    }

    /// Whether a request is being worked on.
    pub(crate) fn is_busy(&self) -> bool {
        self.rank() >= BUSY
    }

    /// Resolves when this connection has to give way to another one.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    fn rank(&self) -> u64 {
        let state = self.state.load(Ordering::Relaxed);
        if state < CLIENT && self.owing.load(Ordering::Relaxed) { state | CLIENT } else { state }
    }

    /// Not a time, but as good: it grows with everything that happens.
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for AccessLogEntry {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these has been told to close.
    fn evicted(connections: &[AccessLogEntry]) -> Vec<usize> {
        (0..connections.len()).filter(|n| connections[*n].activity.evicted.is_cancelled()).collect()
    }

    #[test]
    fn the_longest_idle_gives_way_then_who_lets_us_wait_and_never_who_is_served() {
        let all = Arc::new(OpenConnections::default());
        let five: Vec<AccessLogEntry> = (0..5).map(|_| all.add()).collect();
        five[0].activity.busy();
        five[1].activity.busy();
        five[1].activity.waits_for_client();
        five[2].activity.busy();
        five[2].activity.idle();
        five[3].activity.owes(true);
        for expected in [&[4][..], &[2, 4], &[2, 3, 4], &[1, 2, 3, 4]] {
            assert!(all.evict_longest_idle());
            assert_eq!(evicted(&five), expected);
        }
        assert!(!all.evict_longest_idle());
        drop(five);
        assert!(all.lock().is_empty());
    }
}
