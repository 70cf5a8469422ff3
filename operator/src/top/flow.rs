//! The messages and requests of a process between two snapshots of it: rates from the differences of its counters, quantiles
//! from the differences of its histograms.

use std::collections::BTreeMap;

use contracts::control::{Histogram, HttpStats, WorkStats};

/// The rates and durations of a process between two snapshots; they can be added up over processes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Flow {
    /// Per second, by outcome.
    outcomes: BTreeMap<String, f64>,
    pub(super) handling: Durations,
    pub(super) queue_wait: Durations,
    /// By the pattern that the route calls.
    pub(super) http: BTreeMap<String, HttpFlow>,
}

/// The HTTP requests that call one pattern.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct HttpFlow {
    /// Per second, by class of status.
    pub(super) statuses: BTreeMap<String, f64>,
    pub(super) duration: Durations,
}

/// A histogram of what happened between two snapshots.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Durations(Option<Histogram>);

impl Flow {
    /// From two states that are this many seconds apart.
    pub(super) fn between(before: &WorkStats, now: &WorkStats, seconds: f64) -> Self {
        let http = now.http.iter().map(|(pattern, now)| {
            let before = before.http.get(pattern);
            (pattern.clone(), HttpFlow::between(before, now, seconds))
        });
        Self {
            outcomes: rates(Some(&before.outcomes), &now.outcomes, seconds),
            handling: Durations::between(before.handling.as_ref(), now.handling.as_ref()),
            queue_wait: Durations::between(before.queue_wait.as_ref(), now.queue_wait.as_ref()),
            http: http.collect(),
        }
    }

    /// Adds those of another process.
    pub(super) fn add(&mut self, other: &Self) {
        add_rates(&mut self.outcomes, &other.outcomes);
        self.handling.add(&other.handling);
        self.queue_wait.add(&other.queue_wait);
        for (pattern, http) in &other.http {
            self.http.entry(pattern.clone()).or_default().add(http);
        }
    }

    /// The messages per second with one of these outcomes.
    pub(super) fn rate(&self, counts: impl Fn(&str) -> bool) -> f64 {
        self.outcomes.iter().filter_map(|(outcome, rate)| counts(outcome).then_some(rate)).sum()
    }
}

impl HttpFlow {
    fn between(before: Option<&HttpStats>, now: &HttpStats, seconds: f64) -> Self {
        Self {
            statuses: rates(before.map(|before| &before.statuses), &now.statuses, seconds),
            duration: Durations::between(before.map(|before| &before.duration), Some(&now.duration)),
        }
    }

    /// Adds those of another pattern or process.
    pub(super) fn add(&mut self, other: &Self) {
        add_rates(&mut self.statuses, &other.statuses);
        self.duration.add(&other.duration);
    }

    /// Requests per second.
    pub(super) fn rate(&self) -> f64 {
        self.statuses.values().sum()
    }
}

impl Durations {
    fn between(before: Option<&Histogram>, now: Option<&Histogram>) -> Self {
        Self(now.map(|now| match before.filter(|before| before.bounds_s == now.bounds_s) {
            Some(before) => {
                let counts = now.counts.iter().zip(&before.counts).map(|(now, before)| now.saturating_sub(*before));
                Histogram { bounds_s: now.bounds_s.clone(), counts: counts.collect(), sum_s: now.sum_s - before.sum_s }
            }
            None => now.clone(),
        }))
    }

    fn add(&mut self, other: &Self) {
        let Some(other) = &other.0 else { return };
        match &mut self.0 {
            None => self.0 = Some(other.clone()),
            // The histogram of a release with other buckets cannot be added.
            Some(sum) if sum.bounds_s != other.bounds_s => {}
            Some(sum) => {
                sum.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
                sum.sum_s += other.sum_s;
            }
        }
    }

    /// A quantile in milliseconds, as by Prometheus' `histogram_quantile`: interpolated within a bucket, and at most the last
    /// bound. `None` if the histogram is empty.
    #[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
    pub(super) fn quantile_ms(&self, part: f64) -> Option<f64> {
        let it = self.0.as_ref().filter(|it| it.count() > 0)?;
        let wanted = it.count() as f64 * part;
        let (mut below, mut seen) = (0.0, 0.0);
        for (bound, count) in it.bounds_s.iter().zip(&it.counts) {
            let count = *count as f64;
            if count > 0.0 && seen + count >= wanted {
                return Some((below + (bound - below) * (wanted - seen) / count) * 1e3);
            }
            (below, seen) = (*bound, seen + count);
        }
        Some(below * 1e3)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
fn rates(before: Option<&BTreeMap<String, u64>>, now: &BTreeMap<String, u64>, seconds: f64) -> BTreeMap<String, f64> {
    let before = |name: &String| before.and_then(|before| before.get(name)).copied().unwrap_or_default();
    let rate = |name: &String, now: u64| now.saturating_sub(before(name)) as f64 / seconds;
    now.iter().map(|(name, now)| (name.clone(), rate(name, *now))).collect()
}

fn add_rates(sum: &mut BTreeMap<String, f64>, other: &BTreeMap<String, f64>) {
    for (name, rate) in other {
        *sum.entry(name.clone()).or_default() += rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [u64; 4]) -> Histogram {
        Histogram { bounds_s: vec![0.001, 0.01, 0.1], counts: counts.into(), sum_s: 0.0 }
    }

    fn work(ok: u64, internal: u64, counts: [u64; 4]) -> WorkStats {
        let outcomes = [("ok".to_owned(), ok), ("internal".to_owned(), internal)].into();
        WorkStats { outcomes, handling: Some(histogram(counts)), ..WorkStats::default() }
    }

    fn assert_close(is: Option<f64>, wanted: f64) {
        assert!(is.is_some_and(|is| (is - wanted).abs() < 1e-9), "{is:?} instead of {wanted}");
    }

    #[test]
    fn only_what_happened_since_the_earlier_snapshot_counts() {
        let flow = Flow::between(&work(1_000, 0, [1_000, 0, 0, 0]), &work(1_020, 4, [1_000, 24, 0, 0]), 2.0);
        assert_close(Some(flow.rate(|_| true)), 12.0);
        assert_close(Some(flow.rate(|outcome| outcome != "ok")), 2.0);
        // All 24 are between 1 and 10 ms; those before are forgotten.
        assert_close(flow.handling.quantile_ms(0.5), 5.5);
        assert_eq!(flow.queue_wait.quantile_ms(0.5), None);
    }

    #[test]
    fn a_process_without_traffic_has_no_quantiles() {
        let idle = work(7, 0, [7, 0, 0, 0]);
        let flow = Flow::between(&idle, &idle, 1.0);
        assert_eq!((flow.rate(|_| true), flow.handling.quantile_ms(0.99)), (0.0, None));
        assert_eq!(Flow::between(&WorkStats::default(), &WorkStats::default(), 1.0).handling.quantile_ms(0.5), None);
    }

    #[test]
    fn outcomes_that_the_earlier_snapshot_lacks_count_from_zero() {
        let flow = Flow::between(&WorkStats::default(), &work(3, 0, [0, 0, 3, 0]), 1.0);
        assert_close(Some(flow.rate(|_| true)), 3.0);
        assert_close(flow.handling.quantile_ms(1.0), 100.0);
    }

    #[test]
    fn a_duration_above_every_bound_counts_as_the_last_bound() {
        let flow = Flow::between(&WorkStats::default(), &work(1, 0, [0, 0, 0, 1]), 1.0);
        assert_close(flow.handling.quantile_ms(0.5), 100.0);
    }

    #[test]
    fn processes_add_up_unless_their_buckets_differ() {
        let mut sum = Flow::default();
        for counts in [[10, 0, 0, 0], [0, 0, 10, 0]] {
            sum.add(&Flow::between(&WorkStats::default(), &work(10, 0, counts), 1.0));
        }
        assert_close(Some(sum.rate(|_| true)), 20.0);
        assert_close(sum.handling.quantile_ms(0.5), 1.0);
        assert_close(sum.handling.quantile_ms(1.0), 100.0);
        let other = Histogram { bounds_s: vec![1.0], counts: vec![5, 0], sum_s: 0.0 };
        sum.add(&Flow { handling: Durations(Some(other)), ..Flow::default() });
        assert_close(sum.handling.quantile_ms(1.0), 100.0);
    }

    #[test]
    fn http_requests_are_counted_by_status() {
        let http = |ok, failed, counts| {
            let statuses = [("2xx".to_owned(), ok), ("5xx".to_owned(), failed)].into();
            let one = HttpStats { duration: histogram(counts), statuses };
            WorkStats { http: [("orders.create".to_owned(), one)].into(), ..WorkStats::default() }
        };
        let flow = Flow::between(&http(10, 0, [10, 0, 0, 0]), &http(14, 2, [10, 6, 0, 0]), 2.0);
        let created = &flow.http["orders.create"];
        assert_close(Some(created.rate()), 3.0);
        assert_close(created.statuses.get("5xx").copied(), 1.0);
        assert_close(created.duration.quantile_ms(0.5), 5.5);
    }
}
