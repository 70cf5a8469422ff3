//! The scaler's control loop: the leader among all scalers polls the queues, and has copies started and stopped.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use amqp::{Broker, Depth, Error, QueueWatch};
use contracts::naming::process_name;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use runtime::{Backoff, Shutdown, StartError, Supervised, supervise};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::driver::Driver;
use crate::driver::any::AnyDriver;
use crate::policy::{Limits, Memory, Observed, Work, decide};
use crate::work::WorkCounters;

/// How often the driver lists the copies.
const COPIES_INTERVAL: Duration = Duration::from_millis(500);
/// How often the broker's counters are read; the broker updates them every five seconds.
const WORK_INTERVAL: Duration = Duration::from_secs(2);
/// How often a standby tries to become the leader.
const STANDBY_INTERVAL: Duration = Duration::from_secs(1);
/// The backoff between starts while no copy serves; it doubles with each.
const START_BACKOFF: Duration = Duration::from_secs(1);
const MOST_DOUBLINGS: u32 = 5;

/// The scaler and its configuration.
pub(crate) struct Scaler {
    pub(crate) broker: Broker,
    pub(crate) driver: AnyDriver,
    pub(crate) counters: Option<WorkCounters>,
    pub(crate) limits: Vec<(&'static str, Limits)>,
    pub(crate) poll: Duration,
    pub(crate) stop: Shutdown,
}

/// The latest state of copies and work.
#[derive(Default)]
struct Snapshot {
    /// By process. `None` until the driver has listed them.
    copies: Option<HashMap<String, u32>>,
    /// By pattern.
    work: HashMap<String, Work>,
    /// Increases when a start or stop begins and ends: a list of copies that was requested before is outdated.
    generation: u64,
}

/// A pattern and its scaling state.
struct Pattern {
    name: &'static str,
    process: String,
    limits: Limits,
    memory: Memory,
    /// Whether copies are being started or stopped.
    busy: bool,
    /// Consecutive starts after which no copy served.
    failed_starts: u32,
    /// When the backoff ends.
    not_before: Instant,
}

/// An ongoing start or stop; resolves to the pattern's index.
type Change<'a> = LocalBoxFuture<'a, usize>;

impl Scaler {
    /// Runs until a stop is requested. Copies keep running.
    pub(crate) async fn run(&self) -> Result<(), StartError> {
        let mut leading = Leading { scaler: self };
        let supervised = supervise(&mut leading, self.stop.requested());
        supervised.await.map_err(|error| StartError::failed("giving up for a fresh start", error))
    }

    /// Waits until this scaler is the leader.
    async fn stand_by(&self) -> Result<QueueWatch, Error> {
        if let Some(watch) = QueueWatch::open(&self.broker).await? {
            return Ok(watch);
        }
        tracing::info!("another scaler leads; standing by");
        runtime::notify_ready();
        loop {
            sleep(STANDBY_INTERVAL).await;
            if let Some(watch) = QueueWatch::open(&self.broker).await? {
                return Ok(watch);
            }
        }
    }

    /// Leads until the connection breaks.
    async fn lead(&self, watch: QueueWatch) -> Error {
        tracing::info!(patterns = self.limits.len(), "serving");
        runtime::notify_ready();
        let snapshot = RefCell::default();
        tokio::select! {
            error = self.poll_queues(watch, &snapshot) => error,
            never = self.poll_copies(&snapshot) => never,
            never = self.poll_work(&snapshot) => never,
        }
    }

    async fn poll_queues(&self, mut watch: QueueWatch, snapshot: &RefCell<Snapshot>) -> Error {
        let mut patterns: Vec<Pattern> = self.limits.iter().map(|(name, limits)| Pattern::new(name, *limits)).collect();
        let mut changes = FuturesUnordered::new();
        let mut ticks = interval(self.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let start = Instant::now();
        loop {
            tokio::select! {
                Some(index) = changes.next() => {
                    let pattern: &mut Pattern = &mut patterns[index];
                    pattern.busy = false;
                }
                _ = ticks.tick() => {
                    for (index, pattern) in patterns.iter_mut().enumerate() {
                        let depth = match watch.depth(pattern.name).await {
                            Ok(depth) => depth,
                            Err(error) => return error,
                        };
                        changes.extend(self.review(index, pattern, depth, start.elapsed(), snapshot));
                    }
                }
            }
        }
    }

    /// Decides about a pattern; returns the change to make, if any.
    fn review<'a>(
        &'a self,
        index: usize,
        pattern: &mut Pattern,
        depth: Depth,
        at: Duration,
        snapshot: &'a RefCell<Snapshot>,
    ) -> Option<Change<'a>> {
        if pattern.busy {
            return None;
        }
        let state = snapshot.borrow();
        let started = state.copies.as_ref()?.get(&pattern.process).copied().unwrap_or_default();
        let work = state.work.get(pattern.name).copied();
        drop(state);
        // A pattern without a queue, or with one that has crashed, gets a worker: workers declare their queue.
        let waiting = if depth.exists { depth.waiting } else { 1 };
        let observed = Observed { at, waiting, serving: depth.consumers, started, work };
        let present = observed.serving.max(started);
        if observed.serving > 0 {
            pattern.failed_starts = 0;
        }
        let (memory, wanted) = decide(&pattern.limits, pattern.memory, &observed);
        if wanted > present {
            if Instant::now() < pattern.not_before {
                return None;
            }
            pattern.not_before = Instant::now() + START_BACKOFF * (1 << pattern.failed_starts);
            pattern.failed_starts = (pattern.failed_starts + u32::from(observed.serving == 0)).min(MOST_DOUBLINGS);
        }
        pattern.memory = memory;
        // Never stops copies that somebody else started.
        let change = i64::from(wanted) - i64::from(if wanted < present { started } else { present });
        if wanted == present || (wanted < present && change >= 0) {
            return None;
        }
        tracing::info!(pattern = pattern.name, from = present, to = wanted, waiting = observed.waiting, "scaling");
        pattern.busy = true;
        Some(Box::pin(self.change(index, pattern.name, pattern.process.clone(), change, snapshot)))
    }

    async fn change(
        &self,
        index: usize,
        pattern: &str,
        process: String,
        by: i64,
        snapshot: &RefCell<Snapshot>,
    ) -> usize {
        snapshot.borrow_mut().generation += 1;
        for _ in 0..by.unsigned_abs() {
            let done = if by > 0 { self.driver.start(&process).await } else { self.driver.stop(&process).await };
            if let Err(error) = done {
                tracing::warn!(pattern, error, "cannot {} a copy", if by > 0 { "start" } else { "stop" });
                break;
            }
        }
        snapshot.borrow_mut().generation += 1;
        self.list_copies(snapshot).await;
        index
    }

    async fn poll_copies(&self, snapshot: &RefCell<Snapshot>) -> Error {
        loop {
            self.list_copies(snapshot).await;
            sleep(COPIES_INTERVAL).await;
        }
    }

    async fn list_copies(&self, snapshot: &RefCell<Snapshot>) {
        let before = snapshot.borrow().generation;
        match self.driver.copies().await {
            Ok(copies) => {
                let mut snapshot = snapshot.borrow_mut();
                if snapshot.generation == before {
                    snapshot.copies = Some(copies);
                }
            }
            Err(error) => {
                tracing::warn!(error, "cannot list the running copies; nothing is started or stopped");
                snapshot.borrow_mut().copies = None;
            }
        }
    }

    async fn poll_work(&self, snapshot: &RefCell<Snapshot>) -> Error {
        let Some(counters) = &self.counters else {
            tracing::warn!(
                "AMQP_MANAGEMENT_URL is not set: idle workers are not stopped, because they cannot be detected"
            );
            return std::future::pending().await;
        };
        loop {
            let work = counters.read().await.unwrap_or_else(|error| {
                tracing::warn!(error, "cannot read the broker's counters; idle workers are not stopped");
                HashMap::new()
            });
            snapshot.borrow_mut().work = work;
            sleep(WORK_INTERVAL).await;
        }
    }
}

/// The scaler as the leader, supervised: connects, serves, and connects again.
struct Leading<'s> {
    scaler: &'s Scaler,
}

impl Supervised for Leading<'_> {
    type Connection = QueueWatch;
    type Error = Error;

    async fn connect(&mut self) -> Result<QueueWatch, Error> {
        self.scaler.stand_by().await
    }

    async fn serve(&mut self, watch: QueueWatch, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        tokio::select! {
            () = self.scaler.stop.requested() => Ok(()),
            error = self.scaler.lead(watch) => Err(error),
        }
    }

    fn failed(&mut self, error: &Error) {
        tracing::warn!(error = %error, "no connection to the broker");
    }

    fn is_silence(error: &Error) -> bool {
        error.is_silence()
    }
}

impl Pattern {
    fn new(name: &'static str, limits: Limits) -> Self {
        Self {
            name,
            process: process_name(name),
            limits,
            memory: Memory::default(),
            busy: false,
            failed_starts: 0,
            not_before: Instant::now(),
        }
    }
}
