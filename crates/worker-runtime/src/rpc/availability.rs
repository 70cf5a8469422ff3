//! Decides whether this copy takes requests: a copy that cannot work leaves them to those that can.
//!
//! A copy without a usable database returns the requests that it has not begun and takes no more. If no other copy is
//! left, it takes requests again, with the lowest priority, and refuses them, so that callers get an answer at once.

use std::cell::Cell;
use std::time::Duration;

use amqp::{Error, Rank, RpcConsumer};
use contracts::control::PauseReason;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::db::jitter;
use crate::health::Health;
use crate::meter::METER;

/// How often a copy that cannot work checks for other copies; a random part is added, so that two copies differ.
const LOOK: Duration = Duration::from_millis(200);
/// How long a copy waits for others at least: a connection may break before the broker notices.
const NOTICED: Duration = Duration::from_millis(50);
/// Longer than the first check takes.
const DECIDED: Duration = Duration::from_millis(500);

/// A copy's standing with its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has not started to consume.
    Comes,
    /// It consumes and works.
    Serves,
    /// It cannot work and is the only copy: it consumes with the lowest priority and refuses requests.
    Refuses,
    /// It cannot work and other copies exist: it does not consume.
    Pauses,
}

/// Decides a copy's standing.
pub(crate) struct Availability {
    pattern: &'static str,
    health: Health,
    standing: watch::Sender<Standing>,
    /// When to check next, while it cannot work.
    look: Cell<Option<Instant>>,
}

impl Availability {
    pub(crate) fn new(pattern: &'static str, health: Health) -> Self {
        Self { pattern, health, standing: watch::Sender::new(Standing::Comes), look: Cell::new(None) }
    }

    /// Begins a session: consumes, or leaves requests to others.
    pub(crate) async fn begin(&self, deliveries: &mut RpcConsumer) -> Result<(), Error> {
        self.standing.send_replace(Standing::Comes);
        self.look.set(None);
        self.review(deliveries).await
    }

    /// Waits until [`Self::review`] is due. Cancel-safe.
    pub(crate) async fn due(&self) {
        if self.standing() == Standing::Serves {
            self.health.until(false).await;
            // Copies that lose the same database must not all leave at once: one has to answer.
            let look = self.look.get().unwrap_or_else(|| Instant::now() + jitter());
            self.look.set(Some(look));
            sleep_until(look).await;
        } else {
            let look = self.look.get().unwrap_or_else(Instant::now);
            tokio::select! {
                () = self.health.until(true) => {}
                () = sleep_until(look) => {}
            }
        }
    }

    /// Consumes or stops consuming, according to the copy's health.
    pub(crate) async fn review(&self, deliveries: &mut RpcConsumer) -> Result<(), Error> {
        let before = self.standing();
        let now = if self.health.is_good() {
            if before != Standing::Serves {
                deliveries.consume(Rank::First).await?;
            }
            Standing::Serves
        } else if deliveries.has_company().await? {
            deliveries.pause().await?;
            Standing::Pauses
        } else {
            if before != Standing::Refuses {
                deliveries.consume(Rank::Last).await?;
            }
            Standing::Refuses
        };
        self.look.set((now != Standing::Serves).then(|| Instant::now() + LOOK + jitter()));
        METER.takes(if now == Standing::Pauses { Err(PauseReason::Database) } else { Ok(()) });
        if now != before {
            self.log(before, now);
            self.standing.send_replace(now);
        }
        Ok(())
    }

    /// Whether a request that was not begun should go to another copy. Waits until that is decided.
    pub(crate) async fn leaves_to_others(&self) -> bool {
        if timeout(NOTICED, self.health.until(false)).await.is_err() {
            return false;
        }
        let mut standing = self.standing.subscribe();
        let decided = standing.wait_for(|standing| !matches!(standing, Standing::Serves | Standing::Comes));
        matches!(timeout(DECIDED, decided).await, Ok(Ok(standing)) if *standing == Standing::Pauses)
    }

    fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    fn log(&self, before: Standing, now: Standing) {
        let pattern = self.pattern;
        match now {
            Standing::Comes => {}
            Standing::Serves if before == Standing::Comes => {}
            Standing::Serves => tracing::info!(pattern, "can work again, and takes requests"),
            Standing::Refuses => tracing::warn!(pattern, "cannot work, and nobody else is there: refuses requests"),
            Standing::Pauses => tracing::warn!(pattern, "cannot work, and leaves requests to the other copies"),
        }
    }
}
