//! Admission control for password hashing: a hash that ends after its caller has left wastes a core.
//!
//! A request that cannot be served in time is refused at once, while a retry still makes sense. So under any load the
//! cores work only for callers that still wait.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use worker_runtime::Failure;

/// The time to deliver the answer to the caller.
const REPLY: Duration = Duration::from_millis(50);

/// The cores, and the queue for them.
pub(crate) struct Admission {
    cores: Arc<Semaphore>,
    width: usize,
    /// Requests that wait for a core or have one.
    inside: Cell<usize>,
    /// The recent duration of a hash: longer when the machine has other work.
    cost: Cell<Duration>,
}

/// A place in the queue, until it is dropped.
#[must_use]
struct Place<'a>(&'a Cell<usize>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Admission {
    /// Runs `width` hashes at a time, each of which takes about as long as `cost`.
    pub(crate) fn new(width: usize, cost: Duration) -> Self {
        Self { cores: Arc::new(Semaphore::new(width)), width, inside: Cell::new(0), cost: Cell::new(cost) }
    }

    /// Runs `work` when a core is free, unless its caller will have left by then.
    pub(crate) async fn run<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(OwnedSemaphorePermit) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _place = self.enter(deadline, Instant::now())?;
        let latest = self.latest(deadline);
        let core = timeout_at(latest, Arc::clone(&self.cores).acquire_owned()).await;
        let core = core.map_err(|_| overloaded())?.map_err(Failure::broken)?;
        let begun = Instant::now();
        if begun > latest.into_std() {
            // No hash was measured although a core was free. The estimate decays, or one slow hash would block all others.
            self.cost.set(self.cost.get() * 3 / 4);
            return Err(overloaded());
        }
        let done = work(core).await?;
        self.measured(begun.elapsed());
        Ok(done)
    }

    /// A place in the queue, if its turn ends before the deadline. If a core is free, nothing is estimated.
    fn enter(&self, deadline: Instant, now: Instant) -> Result<Place<'_>, Failure> {
        let ahead = self.inside.get();
        let rounds = u32::try_from(ahead / self.width + 1).unwrap_or(u32::MAX);
        let served = self.cost.get().saturating_mul(rounds) + REPLY;
        if ahead >= self.width && deadline.saturating_duration_since(now) < served {
            return Err(overloaded());
        }
        self.inside.set(ahead + 1);
        Ok(Place(&self.inside))
    }

    /// When work must begin at the latest. A request that would wait longer is refused while its caller still listens.
    fn latest(&self, deadline: Instant) -> tokio::time::Instant {
        deadline.checked_sub(self.cost.get() + REPLY).unwrap_or_else(Instant::now).into()
    }

    fn measured(&self, took: Duration) {
        self.cost.set((self.cost.get() * 7 + took) / 8);
    }
}

fn overloaded() -> Failure {
    let message = "Too many passwords are being checked at the moment. Nothing was done; try again in a moment.";
    Failure::answer(Code::Overloaded, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Duration = Duration::from_millis(100);

    fn refused<T>(outcome: &Result<T, Failure>) -> bool {
        matches!(outcome, Err(Failure::Answer(fault)) if fault.code == Code::Overloaded)
    }

    fn within(time: Duration) -> Instant {
        Instant::now() + time
    }

    #[test]
    fn requests_that_cannot_be_served_in_time_are_refused_at_once() {
        let (admission, now) = (Admission::new(2, COST), Instant::now());
        let deadline = now + Duration::from_millis(1_050);
        let inside: Vec<_> = (0..220).filter_map(|_| admission.enter(deadline, now).ok()).collect();
        assert_eq!(inside.len(), 20, "two cores, ten rounds");
        drop(inside);
        assert!(admission.enter(deadline, now).is_ok(), "a place is given back");
    }

    #[tokio::test]
    async fn a_request_that_waits_too_long_is_refused_before_its_deadline() {
        let admission = Admission::new(1, COST);
        let core = Arc::clone(&admission.cores).acquire_owned().await.unwrap();
        let deadline = within(COST * 3);
        let outcome = admission.run(deadline, async |_| Ok(())).await;
        assert!(refused(&outcome) && Instant::now() < deadline);
        drop(core);
        assert!(admission.run(within(COST * 3), async |_| Ok(())).await.is_ok());
        assert_eq!(admission.inside.get(), 0);
    }

    #[tokio::test]
    async fn no_hash_is_begun_for_a_caller_that_has_left() {
        let admission = Admission::new(1, COST);
        let _core = Arc::clone(&admission.cores).acquire_owned().await.unwrap();
        assert!(refused(&admission.run(Instant::now(), async |_| Ok(())).await));
    }

    #[tokio::test]
    async fn a_single_very_slow_hash_does_not_block_others_for_ever() {
        let admission = Admission::new(1, COST);
        admission.measured(Duration::from_hours(1));
        let mut tries = 0;
        while refused(&admission.run(within(COST * 10), async |_| Ok(())).await) {
            tries += 1;
        }
        assert!(tries < 50, "{tries}");
    }
}
