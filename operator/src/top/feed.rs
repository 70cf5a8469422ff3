//! Takes a snapshot of the system each second, and reconnects to the broker by itself.

use std::time::Duration;

use amqp::{Broker, Error, Monitor};
use contracts::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::top::history::Snapshot;

/// The interval of snapshots.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// A result.
pub(super) enum Update {
    Snapshot(Box<Snapshot>),
    /// The broker cannot be used.
    Unavailable(Error),
}

/// Runs until the receiver closes.
pub(super) async fn watch(broker: &Broker, queues: &[String], updates: mpsc::Sender<Update>) {
    let began = Instant::now();
    loop {
        let Err(error) = session(broker, queues, began, &updates).await else { return };
        if updates.send(Update::Unavailable(error)).await.is_err() {
            return;
        }
        sleep(INTERVAL).await;
    }
}

/// Returns `Ok` when the receiver closes.
async fn session(
    broker: &Broker,
    queues: &[String],
    began: Instant,
    updates: &mpsc::Sender<Update>,
) -> Result<(), Error> {
    let mut monitor = Monitor::open(broker).await?;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = updates.closed() => {
                monitor.close().await;
                return Ok(());
            }
        }
        let snapshot = take_snapshot(&mut monitor, queues, began).await?;
        // That the receiver has closed is noticed above.
        let _ = updates.send(Update::Snapshot(Box::new(snapshot))).await;
    }
}

/// The state of the system now.
pub(super) async fn take_snapshot(monitor: &mut Monitor, queues: &[String], began: Instant) -> Result<Snapshot, Error> {
    let status = monitor.status().await?;
    let at = began.elapsed();
    let depths = monitor.depths(queues).await?;
    Ok(Snapshot {
        at,
        as_of: Timestamp(jiff::Timestamp::now()),
        stats: status.answers().cloned().collect(),
        unresponsive: status.unresponsive().clone(),
        depths,
    })
}
