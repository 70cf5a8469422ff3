//! Counts the work of this process, for status requests on the exchange `control`. A process does one kind of work, so there
//! is one meter, and counting costs a few atomic additions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contracts::control::{BOUNDS_S, Histogram, PauseReason, ProcessInfo, Stats, WorkStats};
use runtime::usage;

/// The meter of this process.
pub(crate) static METER: Meter = Meter::new();

/// The most outcomes that are counted separately. They are our own names; more would be a mistake.
const MOST_OUTCOMES: usize = 64;

const NO_QUEUE: u8 = 0;
const CONSUMING: u8 = 1;
const DATABASE: u8 = 2;
const STANDBY: u8 = 3;

/// The counters of a process.
pub(crate) struct Meter {
    state: AtomicU8,
    in_flight: AtomicU32,
    prefetch: AtomicU16,
    outcomes: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) queue_wait: Durations,
    pub(crate) handling: Durations,
    pub(crate) database_time: Durations,
    connected: AtomicBool,
    reconnects: AtomicU64,
    /// Whether a listener's last connection to its database succeeded; 0 if unknown.
    database: AtomicU8,
}

impl Meter {
    const fn new() -> Self {
        Self {
            state: AtomicU8::new(NO_QUEUE),
            in_flight: AtomicU32::new(0),
            prefetch: AtomicU16::new(0),
            outcomes: Mutex::new(BTreeMap::new()),
            queue_wait: Durations::new(),
            handling: Durations::new(),
            database_time: Durations::new(),
            connected: AtomicBool::new(false),
            reconnects: AtomicU64::new(0),
            database: AtomicU8::new(0),
        }
    }

    /// Notes that the process takes messages, or why it does not.
    pub(crate) fn takes(&self, state: Result<(), PauseReason>) {
        let state = match state {
            Ok(()) => CONSUMING,
            Err(PauseReason::Database) => DATABASE,
            Err(PauseReason::Standby) => STANDBY,
        };
        self.state.store(state, Ordering::Relaxed);
    }

    /// Notes how many messages the process takes at a time.
    pub(crate) fn set_prefetch(&self, prefetch: u16) {
        self.prefetch.store(prefetch, Ordering::Relaxed);
    }

    /// Notes a connection to the broker; every one after the first is a reconnect.
    pub(crate) fn connected(&self) {
        if self.connected.swap(true, Ordering::Relaxed) {
            self.reconnects.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes whether a listener could connect to its database.
    pub(crate) fn set_database(&self, reachable: bool) {
        self.database.store(if reachable { 2 } else { 1 }, Ordering::Relaxed);
    }

    /// Whether it could; `None` if unknown.
    pub(crate) fn database(&self) -> Option<bool> {
        match self.database.load(Ordering::Relaxed) {
            0 => None,
            state => Some(state == 2),
        }
    }

    /// Counts a message as in flight for as long as the guard lives.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Counts messages by their outcome.
    pub(crate) fn count(&self, outcome: &'static str, number: u64) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = if outcomes.len() < MOST_OUTCOMES || outcomes.contains_key(outcome) { outcome } else { "other" };
        *outcomes.entry(outcome).or_default() += number;
    }

    /// The counters so far.
    pub(crate) fn read(&self) -> WorkStats {
        let (consuming, paused_because) = match self.state.load(Ordering::Relaxed) {
            CONSUMING => (Some(true), None),
            DATABASE => (Some(false), Some(PauseReason::Database)),
            STANDBY => (Some(false), Some(PauseReason::Standby)),
            _ => (None, None),
        };
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let used = usage::now();
        WorkStats {
            consuming,
            paused_because,
            in_flight: self.in_flight.load(Ordering::Relaxed),
            prefetch: self.prefetch.load(Ordering::Relaxed),
            outcomes: outcomes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            queue_wait: self.queue_wait.read(),
            handling: self.handling.read(),
            database_time: self.database_time.read(),
            reconnects: self.reconnects.load(Ordering::Relaxed),
            memory_bytes: used.memory_bytes,
            cpu_s: used.cpu_s,
            http: BTreeMap::new(),
            dropped_spans: amqp::trace::dropped_spans(),
        }
    }
}

/// The status of this process.
pub(crate) fn stats(info: &ProcessInfo, database: Option<bool>) -> Stats {
    Stats {
        name: info.name.clone(),
        instance: info.instance,
        database,
        outbox: None,
        process: Some(info.clone()),
        work: Some(METER.read()),
    }
}

/// Counts a message as in flight.
pub(crate) struct InFlight<'m>(&'m Meter);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts durations into buckets.
pub(crate) struct Durations {
    counts: [AtomicU64; BOUNDS_S.len() + 1],
    sum_micros: AtomicU64,
}

impl Durations {
    const fn new() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BOUNDS_S.len() + 1], sum_micros: AtomicU64::new(0) }
    }

    /// Counts one duration.
    pub(crate) fn note(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS_S.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS_S.len());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(took.as_micros().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The histogram; `None` if it is empty.
    fn read(&self) -> Option<Histogram> {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let sum_s = Duration::from_micros(self.sum_micros.load(Ordering::Relaxed)).as_secs_f64();
        counts.iter().any(|count| *count > 0).then(|| Histogram { bounds_s: BOUNDS_S.into(), counts, sum_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_shows_what_was_counted() {
        let meter = Meter::new();
        assert_eq!((meter.read().consuming, meter.read().handling), (None, None));
        meter.takes(Err(PauseReason::Database));
        meter.connected();
        meter.count("ok", 2);
        meter.count("ok", 1);
        for millis in [1, 2, 20_000] {
            meter.handling.note(Duration::from_millis(millis));
        }
        let in_flight = meter.begin();
        let read = meter.read();
        assert_eq!(
            (read.consuming, read.paused_because, read.in_flight),
            (Some(false), Some(PauseReason::Database), 1)
        );
        drop(in_flight);
        meter.connected();
        meter.takes(Ok(()));
        let read = meter.read();
        assert_eq!((read.consuming, read.in_flight, read.reconnects, read.outcomes["ok"]), (Some(true), 0, 1, 3));
        let handling = read.handling.unwrap();
        assert_eq!((handling.count(), handling.counts[0], handling.counts[1]), (3, 1, 1));
        assert_eq!(handling.counts.last(), Some(&1));
        assert!((handling.sum_s - 20.003).abs() < 1e-9);
        assert!(read.memory_bytes.is_some_and(|bytes| bytes > 100_000) && read.cpu_s.is_some());
    }

    #[test]
    fn the_number_of_outcomes_is_bounded() {
        let meter = Meter::new();
        for n in 0..200 {
            meter.count(Box::leak(n.to_string().into_boxed_str()), 1);
        }
        let outcomes = meter.read().outcomes;
        assert_eq!((outcomes.len(), outcomes.values().sum::<u64>()), (MOST_OUTCOMES + 1, 200));
    }
}
