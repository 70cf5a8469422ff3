//! Decides whether this copy takes requests: a copy without a usable database leaves them to the others.
//!
//! It requeues the requests that it has not begun and takes no more. If no other copy is left, it takes requests again,
//! with the lowest priority, and refuses them, so that callers get an answer at once.

use std::cell::Cell;
use std::time::Duration;

use amqp::{Error, Rank, RpcConsumer};
use contracts::control::PauseReason;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::db::jitter;
use crate::health::Health;
use crate::meter::METER;

/// How often a copy that cannot work checks for other copies; jitter is added, so that two copies do not coincide.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// How long a failed request waits for this process to notice that its database is gone.
const NOTICED: Duration = Duration::from_millis(50);
/// How long it then waits for the decision; longer than the first check takes.
const DECIDED: Duration = Duration::from_millis(500);

/// A copy's standing with its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has not started to consume.
    Starting,
    /// It consumes and works.
    Serving,
    /// It cannot work and is the only copy: it consumes with the lowest priority and refuses requests.
    Refusing,
    /// It cannot work and other copies exist: it does not consume.
    Paused,
}

/// Decides a copy's standing.
pub(crate) struct Availability {
    pattern: &'static str,
    health: Health,
    standing: watch::Sender<Standing>,
    /// When to check next, while it cannot work.
    next_check: Cell<Option<Instant>>,
}

impl Availability {
    pub(crate) fn new(pattern: &'static str, health: Health) -> Self {
        Self { pattern, health, standing: watch::Sender::new(Standing::Starting), next_check: Cell::new(None) }
    }

    /// Begins a session: consumes, or leaves requests to others.
    pub(crate) async fn begin(&self, deliveries: &mut RpcConsumer) -> Result<(), Error> {
        self.standing.send_replace(Standing::Starting);
        self.next_check.set(None);
        self.review(deliveries).await
    }

    /// Waits until [`Self::review`] is due. Cancel-safe.
    pub(crate) async fn due(&self) {
        if self.standing() == Standing::Serving {
            self.health.until(false).await;
            // Copies that lose the same database must not all pause at once: one has to answer.
            let next_check = self.next_check.get().unwrap_or_else(|| Instant::now() + jitter());
            self.next_check.set(Some(next_check));
            sleep_until(next_check).await;
        } else {
            let next_check = self.next_check.get().unwrap_or_else(Instant::now);
            tokio::select! {
                () = self.health.until(true) => {}
                () = sleep_until(next_check) => {}
            }
        }
    }

    /// Consumes or stops consuming, according to the copy's health.
    pub(crate) async fn review(&self, deliveries: &mut RpcConsumer) -> Result<(), Error> {
        let before = self.standing();
        let now = if self.health.is_good() {
            if before != Standing::Serving {
                deliveries.consume(Rank::First).await?;
            }
            Standing::Serving
        } else if deliveries.has_other_consumers().await? {
            deliveries.pause().await?;
            Standing::Paused
        } else {
            if before != Standing::Refusing {
                deliveries.consume(Rank::Last).await?;
            }
            Standing::Refusing
        };
        self.next_check.set((now != Standing::Serving).then(|| Instant::now() + CHECK_INTERVAL + jitter()));
        METER.takes(if now == Standing::Paused { Err(PauseReason::Database) } else { Ok(()) });
        if now != before {
            self.log(before, now);
            self.standing.send_replace(now);
        }
        Ok(())
    }

    /// Whether a request that was not executed should go to another copy. Waits until that is decided.
    pub(crate) async fn leaves_to_others(&self) -> bool {
        if timeout(NOTICED, self.health.until(false)).await.is_err() {
            return false;
        }
        let mut standing = self.standing.subscribe();
        let decided = standing.wait_for(|standing| !matches!(standing, Standing::Serving | Standing::Starting));
        matches!(timeout(DECIDED, decided).await, Ok(Ok(standing)) if *standing == Standing::Paused)
    }

    fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    fn log(&self, before: Standing, now: Standing) {
        let pattern = self.pattern;
        match now {
            Standing::Starting => {}
            Standing::Serving if before == Standing::Starting => {}
            Standing::Serving => tracing::info!(pattern, "the database is back: taking requests again"),
            Standing::Refusing => tracing::warn!(pattern, "no database, and no other copy: refusing requests"),
            Standing::Paused => tracing::warn!(pattern, "no database: leaving requests to the other copies"),
        }
    }
}
