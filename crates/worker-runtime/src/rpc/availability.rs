//! Whether this copy takes requests: one that cannot work leaves them to those that can.
//!
//! A copy without a usable database gives back what it has not begun with and takes nothing more. When nobody else is
//! left it takes requests after all, behind everybody who may come, and refuses them: then callers hear the truth at once.

use std::cell::Cell;
use std::time::Duration;

use amqp::{Error, Rank, RpcConsumer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::db::jitter;
use crate::health::Health;

/// How often a copy that cannot work looks whether others are left; and, added to it, never the same for two of them.
const LOOK: Duration = Duration::from_millis(200);
/// The connection is gone before it is known to be.
const NOTICED: Duration = Duration::from_millis(50);
/// Longer than the first look takes.
const DECIDED: Duration = Duration::from_millis(500);

/// How a copy stands to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has not asked for anything yet.
    Comes,
    /// It takes requests and works on them.
    Serves,
    /// It cannot work and nobody else is there: it takes what nobody else takes, and refuses it.
    Refuses,
    /// It cannot work and others are there: it takes nothing.
    Pauses,
}

/// A copy's place at its queue.
pub(crate) struct Availability {
    pattern: &'static str,
    health: Health,
    standing: watch::Sender<Standing>,
    /// When to look next, while it cannot work.
    look: Cell<Option<Instant>>,
}

impl Availability {
    pub(crate) fn new(pattern: &'static str, health: Health) -> Self {
        Self { pattern, health, standing: watch::Sender::new(Standing::Comes), look: Cell::new(None) }
    }

    /// Begins a session: asks for requests, or leaves them to others.
    pub(crate) async fn begin(&self, deliveries: &mut RpcConsumer) -> Result<(), Error> {
        self.standing.send_replace(Standing::Comes);
        self.look.set(None);
        self.review(deliveries).await
    }

    /// Waits until it is time for [`Self::review`]. Safe to drop and call again.
    pub(crate) async fn due(&self) {
        if self.standing() == Standing::Serves {
            self.health.until(false).await;
            // Copies that lose one database together must not leave together, or nobody is there to say so.
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

    /// Does what the copy's health asks for.
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
        if now != before {
            self.log(before, now);
            self.standing.send_replace(now);
        }
        Ok(())
    }

    /// Whether a request that could not be begun with is for another copy. Waits until that is decided.
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
