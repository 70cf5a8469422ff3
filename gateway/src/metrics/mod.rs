//! Metrics of one pattern: the rate and the latency of its requests over the last seconds.
//!
//! Durations are counted in buckets, eight per doubling, so that percentiles are accurate to 6 % and a pattern takes 8 KiB
//! at any rate.

pub(crate) mod buckets;
pub(crate) mod history;
mod labels;
pub(crate) mod overload;
pub(crate) mod requests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::metrics::buckets::{BUCKETS, bucket, percentiles};
use crate::metrics::history::{History, SLOT, Slot};

/// How many whole seconds a reading covers, in addition to the current second.
pub(crate) const WINDOW: u64 = 10;
const SLOTS: usize = 11;

/// Counts the requests of one pattern.
pub(crate) struct LatencyHistogram {
    start: Instant,
    /// Since 1970.
    started_at: Duration,
    counted: Mutex<Counted>,
}

struct Counted {
    seconds: Box<[Second; SLOTS]>,
    history: History,
}

/// The requests that were answered in one second.
#[derive(Clone, Copy)]
struct Second {
    /// The number of the second, from the start of the histogram.
    number: u64,
    counts: [u32; BUCKETS],
}

/// The current rate and latency.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reading {
    /// Requests per second.
    pub(crate) rate: f64,
    /// The median and the 99th percentile of their durations; `None` if there were none.
    pub(crate) p50_p99: Option<(Duration, Duration)>,
}

impl LatencyHistogram {
    /// An empty histogram.
    pub(crate) fn new() -> Self {
        let empty = Second { number: 0, counts: [0; BUCKETS] };
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let history = History::new(started_at.as_secs() / SLOT);
        let counted = Mutex::new(Counted { seconds: Box::new([empty; SLOTS]), history });
        Self { start: Instant::now(), started_at, counted }
    }

    /// Counts a request that took this long and was answered now.
    pub(crate) fn count(&self, took: Duration) {
        self.count_at(self.start.elapsed(), took);
    }

    /// The current reading.
    pub(crate) fn read(&self) -> Reading {
        self.read_at(self.start.elapsed())
    }

    /// The completed slots of the last five minutes.
    pub(crate) fn history(&self) -> Vec<Slot> {
        self.lock().history.read(self.slot(self.start.elapsed()))
    }

    fn slot(&self, now: Duration) -> u64 {
        (self.started_at + now).as_secs() / SLOT
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_at(&self, now: Duration, took: Duration) {
        let number = now.as_secs();
        let slot = usize::try_from(number % SLOTS as u64).unwrap_or_default();
        let bucket = bucket(took);
        let mut counted = self.lock();
        counted.history.count(self.slot(now), bucket);
        let second = &mut counted.seconds[slot];
        if second.number != number {
            *second = Second { number, counts: [0; BUCKETS] };
        }
        second.counts[bucket] += 1;
    }

    fn read_at(&self, now: Duration) -> Reading {
        let oldest = now.as_secs().saturating_sub(WINDOW);
        let mut counts = [0_u64; BUCKETS];
        for second in self.lock().seconds.iter() {
            if second.number >= oldest {
                counts.iter_mut().zip(second.counts).for_each(|(sum, count)| *sum += u64::from(count));
            }
        }
        let total: u64 = counts.iter().sum();
        let span = now.saturating_sub(Duration::from_secs(oldest)).as_secs_f64().max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
        let rate = total as f64 / span;
        Reading { rate, p50_p99: percentiles(&counts) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_reading_has_the_rate_and_the_percentiles() {
        let histogram = LatencyHistogram::new();
        for n in 1..=1_000 {
            histogram.count_at(Duration::from_millis(10 * n), Duration::from_millis(n.div_ceil(10)));
        }
        let Reading { rate, p50_p99 } = histogram.read_at(seconds(10));
        let (p50, p99) = p50_p99.unwrap();
        assert!((99.0..=101.0).contains(&rate), "{rate}");
        assert!(p50.abs_diff(Duration::from_millis(50)) < Duration::from_millis(4), "{p50:?}");
        assert!(p99.abs_diff(Duration::from_millis(99)) < Duration::from_millis(7), "{p99:?}");
    }

    #[test]
    fn old_requests_do_not_count() {
        let histogram = LatencyHistogram::new();
        histogram.count_at(seconds(3), seconds(1));
        assert!(histogram.read_at(seconds(13)).rate > 0.0);
        assert_eq!(histogram.read_at(seconds(14)), Reading { rate: 0.0, p50_p99: None });
        histogram.count_at(seconds(25), seconds(1));
        assert!((histogram.read_at(seconds(30)).rate - 0.1).abs() < 1e-9);
    }

    #[test]
    fn counting_costs_well_under_a_microsecond() {
        let histogram = LatencyHistogram::new();
        let start = Instant::now();
        (0..100_000).for_each(|n| histogram.count(Duration::from_micros(n)));
        let each = start.elapsed() / 100_000;
        assert!(each < Duration::from_micros(5), "{each:?}, in a build without optimisation");
    }
}
