//! The scaler's life: one of all scalers leads, looks at the queues, and has copies started and stopped.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use amqp::{Broker, Depth, Error, QueueWatch};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use runtime::{Backoff, Shutdown, StartError, Supervised, supervise};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::driver::Driver;
use crate::driver::any::AnyDriver;
use crate::policy::{Limits, Memory, Observed, Work, decide};
use crate::work::WorkCounters;

/// How often the driver is asked which copies there are.
const COPIES: Duration = Duration::from_millis(500);
/// How often the broker's counters are read; it renews them every five seconds.
const WORK: Duration = Duration::from_secs(2);
/// How often a scaler that stands by looks whether it may lead.
const STAND_BY: Duration = Duration::from_secs(1);
/// A copy that was started and took nothing is followed by the next one after this time, then after twice as long.
const RETRY: Duration = Duration::from_secs(1);
const RETRIES_GROW: u32 = 5;

/// The scaler, with what it is told.
pub(crate) struct Scaler {
    pub(crate) broker: Broker,
    pub(crate) driver: AnyDriver,
    pub(crate) counters: Option<WorkCounters>,
    pub(crate) limits: Vec<(&'static str, Limits)>,
    pub(crate) poll: Duration,
    pub(crate) stop: Shutdown,
}

/// What is known beside the queues.
#[derive(Default)]
struct Known {
    /// By process. `None` until the driver has told.
    copies: Option<HashMap<String, u32>>,
    /// By pattern.
    work: HashMap<String, Work>,
    /// Grows with each start and stop: what was asked before one began is not believed after it.
    deeds: u64,
}

/// A pattern with what is noted of it.
struct Pattern {
    name: &'static str,
    process: String,
    limits: Limits,
    memory: Memory,
    /// Something is being started or stopped.
    busy: bool,
    /// Starts in a row after which nothing was served.
    in_vain: u32,
    not_before: Instant,
}

/// A start or a stop; it ends with the pattern's place in the list.
type Deed<'a> = LocalBoxFuture<'a, usize>;

impl Scaler {
    /// Runs until a stop is asked for. Copies go on without it.
    pub(crate) async fn run(&self) -> Result<(), StartError> {
        let mut leading = Leading { scaler: self };
        let supervised = supervise(&mut leading, self.stop.requested());
        supervised.await.map_err(|error| StartError::failed("giving up for a fresh start", error))
    }

    /// Waits until this scaler leads: until no other one does.
    async fn stand_by(&self) -> Result<QueueWatch, Error> {
        if let Some(watch) = QueueWatch::open(&self.broker).await? {
            return Ok(watch);
        }
        tracing::info!("another scaler leads; standing by");
        runtime::notify_ready();
        loop {
            sleep(STAND_BY).await;
            if let Some(watch) = QueueWatch::open(&self.broker).await? {
                return Ok(watch);
            }
        }
    }

    /// Leads until the connection breaks.
    async fn lead(&self, watch: QueueWatch) -> Error {
        tracing::info!(patterns = self.limits.len(), "serving");
        runtime::notify_ready();
        let known = RefCell::default();
        tokio::select! {
            error = self.watch(watch, &known) => error,
            never = self.keep_copies(&known) => never,
            never = self.keep_work(&known) => never,
        }
    }

    async fn watch(&self, mut watch: QueueWatch, known: &RefCell<Known>) -> Error {
        let mut patterns: Vec<Pattern> = self.limits.iter().map(|(name, limits)| Pattern::new(name, *limits)).collect();
        let mut deeds = FuturesUnordered::new();
        let mut ticks = interval(self.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let begun = Instant::now();
        loop {
            tokio::select! {
                Some(place) = deeds.next() => {
                    let pattern: &mut Pattern = &mut patterns[place];
                    pattern.busy = false;
                }
                _ = ticks.tick() => {
                    for (place, pattern) in patterns.iter_mut().enumerate() {
                        let depth = match watch.depth(pattern.name).await {
                            Ok(depth) => depth,
                            Err(error) => return error,
                        };
                        deeds.extend(self.review(place, pattern, depth, begun.elapsed(), known));
                    }
                }
            }
        }
    }

    /// Decides about a pattern; what is to be done, if anything.
    fn review<'a>(
        &'a self,
        place: usize,
        pattern: &mut Pattern,
        depth: Depth,
        at: Duration,
        known: &'a RefCell<Known>,
    ) -> Option<Deed<'a>> {
        if pattern.busy {
            return None;
        }
        let state = known.borrow();
        let started = state.copies.as_ref()?.get(&pattern.process).copied().unwrap_or_default();
        let work = state.work.get(pattern.name).copied();
        drop(state);
        let seen = Observed { at, waiting: depth.waiting, serving: depth.consumers, started, work };
        let present = seen.serving.max(started);
        if seen.serving > 0 {
            pattern.in_vain = 0;
        }
        let (memory, wanted) = decide(&pattern.limits, pattern.memory, &seen);
        if wanted > present {
            if Instant::now() < pattern.not_before {
                return None;
            }
            pattern.not_before = Instant::now() + RETRY * (1 << pattern.in_vain);
            pattern.in_vain = (pattern.in_vain + u32::from(seen.serving == 0)).min(RETRIES_GROW);
        }
        pattern.memory = memory;
        // Copies that others have started are theirs to stop.
        let change = i64::from(wanted) - i64::from(if wanted < present { started } else { present });
        if wanted == present || (wanted < present && change >= 0) {
            return None;
        }
        tracing::info!(pattern = pattern.name, from = present, to = wanted, waiting = seen.waiting, "scaling");
        pattern.busy = true;
        Some(Box::pin(self.change(place, pattern.name, pattern.process.clone(), change, known)))
    }

    async fn change(&self, place: usize, pattern: &str, process: String, by: i64, known: &RefCell<Known>) -> usize {
        known.borrow_mut().deeds += 1;
        for _ in 0..by.unsigned_abs() {
            let done = if by > 0 { self.driver.start(&process).await } else { self.driver.stop(&process).await };
            if let Err(error) = done {
                tracing::warn!(pattern, error, "a copy could not be {}", if by > 0 { "started" } else { "stopped" });
                break;
            }
        }
        known.borrow_mut().deeds += 1;
        self.count_copies(known).await;
        place
    }

    async fn keep_copies(&self, known: &RefCell<Known>) -> Error {
        loop {
            self.count_copies(known).await;
            sleep(COPIES).await;
        }
    }

    async fn count_copies(&self, known: &RefCell<Known>) {
        let before = known.borrow().deeds;
        match self.driver.copies().await {
            Ok(copies) => {
                let mut known = known.borrow_mut();
                if known.deeds == before {
                    known.copies = Some(copies);
                }
            }
            Err(error) => {
                tracing::warn!(error, "it is not known which copies run; nothing is started or stopped");
                known.borrow_mut().copies = None;
            }
        }
    }

    async fn keep_work(&self, known: &RefCell<Known>) -> Error {
        let Some(counters) = &self.counters else {
            tracing::warn!(
                "AMQP_MANAGEMENT_URL is not set: nobody tells what is worked on, so no pattern is put to sleep"
            );
            return std::future::pending().await;
        };
        loop {
            let work = counters.read().await.unwrap_or_else(|error| {
                tracing::warn!(error, "the broker's counters cannot be read; no pattern is put to sleep");
                HashMap::new()
            });
            known.borrow_mut().work = work;
            sleep(WORK).await;
        }
    }
}

/// The scaler's sessions, one after another.
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
            process: name.replace(['.', '_'], "-"),
            limits,
            memory: Memory::default(),
            busy: false,
            in_vain: 0,
            not_before: Instant::now(),
        }
    }
}
