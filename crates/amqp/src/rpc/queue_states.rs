//! Caches the state of each pattern's queue, for a client that must know whether a worker serves it.
//!
//! A durable queue without consumers accepts messages like any other, so `mandatory` does not detect it; a passive
//! declaration does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::Channel;

use crate::connection::{BrokerConnection, Error};
use crate::topology::crashed_queue::broker_answers;
use crate::topology::{self, Depth};

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
    channel: tokio::sync::Mutex<Option<Channel>>,
}

#[derive(Clone, Copy)]
struct Cached {
    at: Instant,
    depth: Depth,
    /// The broker answered, and this queue did not.
    silent: bool,
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
        let mut channel = self.channel.lock().await;
        // Another task may have queried it while we waited for the channel.
        if let Some(depth) = self.fresh(absence_cached_for) {
            return Ok(depth);
        }
        let (depth, silent) = match count(&mut channel, connection, pattern).await {
            Err(error) if error.is_silence() && broker_answers(connection).await => {
                tracing::warn!(pattern, "the queue does not answer, though the broker does: it may have crashed");
                (Depth::default(), true)
            }
            depth => (depth?, false),
        };
        *self.cached() = Some(Cached { at: Instant::now(), depth, silent });
        Ok(depth)
    }

    /// The cached state, if it is fresh enough: that of a queue without consumers must not be older than
    /// `absence_cached_for`.
    fn fresh(&self, absence_cached_for: Duration) -> Option<Depth> {
        let Cached { at, depth, silent } = (*self.cached())?;
        let cached_for = match depth.consumers {
            _ if silent => SILENCE_CACHED_FOR,
            0 => absence_cached_for,
            _ => CACHED_FOR,
        };
        (at.elapsed() < cached_for).then_some(depth)
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, Option<Cached>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(channel: &mut Option<Channel>, connection: &BrokerConnection, pattern: &str) -> Result<Depth, Error> {
    let open = match channel.take() {
        Some(open) => open,
        None => connection.channel().await?,
    };
    let state = topology::depth(&open, pattern).await?;
    if state.is_some() {
        *channel = Some(open);
    }
    Ok(state.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_absence_of_workers_is_cached_only_briefly() {
        let counted_50_ms_ago = |consumers, silent| {
            let at = Instant::now().checked_sub(Duration::from_millis(50)).unwrap();
            let state = QueueState::default();
            *state.cached() = Some(Cached { at, depth: Depth { consumers, ..Depth::default() }, silent });
            state
        };
        let fresh = |consumers, silent| counted_50_ms_ago(consumers, silent).fresh(ABSENCE_CACHED_FOR).is_some();
        assert!(fresh(1, false) && !fresh(0, false) && fresh(0, true));
        let state = counted_50_ms_ago(0, false);
        assert!(state.fresh(CACHED_FOR).is_some(), "status reports may use an older state");
    }
}
