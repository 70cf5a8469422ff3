//! Caches the state of each pattern's queue, for a client that must know whether a worker serves it.
//!
//! A durable queue without consumers accepts messages like any other, so `mandatory` does not detect it; a passive
//! declaration does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::{BrokerConnection, Error};
use crate::topology::{Depth, DepthQuery, Found};

/// How long a queue's state is cached. Querying the broker takes 0.3 ms.
const CACHED_FOR: Duration = Duration::from_millis(100);
/// How long it is cached for a request whose pattern nobody serves: a worker may have started meanwhile.
const ABSENCE_CACHED_FOR: Duration = Duration::from_millis(10);
/// How long it is cached that a queue does not answer, which takes seconds to find out.
const SILENCE_CACHED_FOR: Duration = Duration::from_secs(2);

/// The queried queues, by pattern. Each has a channel of its own, because a passive declaration of a missing queue closes the
/// channel, and so that a queue that does not answer delays no other.
#[derive(Default)]
pub(crate) struct QueueStates(Mutex<HashMap<String, Arc<QueueState>>>);

#[derive(Default)]
struct QueueState {
    cached: Mutex<Option<Cached>>,
    query: tokio::sync::Mutex<DepthQuery>,
}

#[derive(Clone, Copy)]
struct Cached {
    at: Instant,
    found: Found,
}

impl QueueStates {
    /// The state of a queue, as of at most 100 ms ago.
    pub(crate) async fn queue(&self, connection: &BrokerConnection, pattern: &str) -> Result<Depth, Error> {
        self.of(pattern).get(connection, pattern, CACHED_FOR).await
    }

    /// The same for a request, which relies on the absence of workers for 10 ms only.
    pub(crate) async fn queue_before_request(
        &self,
        connection: &BrokerConnection,
        pattern: &str,
    ) -> Result<Depth, Error> {
        self.of(pattern).get(connection, pattern, ABSENCE_CACHED_FOR).await
    }

    fn of(&self, pattern: &str) -> Arc<QueueState> {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match states.get(pattern) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(states.entry(pattern.to_owned()).or_default()),
        }
    }
}

impl QueueState {
    async fn get(
        &self,
        connection: &BrokerConnection,
        pattern: &str,
        absence_cached_for: Duration,
    ) -> Result<Depth, Error> {
        if let Some(depth) = self.fresh(absence_cached_for) {
            return Ok(depth);
        }
        let mut query = self.query.lock().await;
        // Another task may have queried it while we waited.
        if let Some(depth) = self.fresh(absence_cached_for) {
            return Ok(depth);
        }
        let found = query.run(connection, pattern).await?;
        *self.cached() = Some(Cached { at: Instant::now(), found });
        Ok(found.depth())
    }

    /// The cached state, if it is fresh enough: that of a queue without consumers must not be older than
    /// `absence_cached_for`.
    fn fresh(&self, absence_cached_for: Duration) -> Option<Depth> {
        let Cached { at, found } = (*self.cached())?;
        let cached_for = match found {
            Found::Silent => SILENCE_CACHED_FOR,
            Found::Queue(Depth { consumers: 1.., .. }) => CACHED_FOR,
            Found::Queue(_) | Found::Missing => absence_cached_for,
        };
        (at.elapsed() < cached_for).then(|| found.depth())
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, Option<Cached>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_absence_of_workers_is_cached_only_briefly() {
        let with = |consumers| Found::Queue(Depth { consumers, ..Depth::default() });
        let found_50_ms_ago = |found| {
            let at = Instant::now().checked_sub(Duration::from_millis(50)).unwrap();
            let state = QueueState::default();
            *state.cached() = Some(Cached { at, found });
            state
        };
        let fresh = |found| found_50_ms_ago(found).fresh(ABSENCE_CACHED_FOR).is_some();
        assert!(fresh(with(1)) && !fresh(with(0)) && fresh(Found::Silent));
        let state = found_50_ms_ago(with(0));
        assert!(state.fresh(CACHED_FOR).is_some(), "status reports may use an older state");
    }
}
