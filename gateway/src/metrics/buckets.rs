//! Buckets of durations, eight per doubling, and the percentiles of their counts.

use std::time::Duration;

/// The finest resolution, in microseconds.
const UNIT: u64 = 16;
/// Durations of 16.8 seconds and more count as this many units.
const MOST: u64 = (1 << 20) - 1;
/// The number of buckets.
pub(crate) const BUCKETS: usize = 144;

/// The bucket of a duration.
pub(crate) fn bucket(took: Duration) -> usize {
    let units = u64::try_from(took.as_micros()).unwrap_or(u64::MAX) / UNIT;
    let units = units.min(MOST);
    let bucket = match units {
        0..8 => units,
        _ => u64::from(units.ilog2() - 2) * 8 + ((units >> (units.ilog2() - 3)) & 7),
    };
    usize::try_from(bucket).unwrap_or(BUCKETS - 1)
}

/// The middle of a bucket.
fn middle(bucket: usize) -> Duration {
    let (doubling, step) = (bucket as u64 / 8, bucket as u64 % 8);
    let (lowest, width) = match doubling {
        0 => (step, 1),
        _ => ((8 + step) << (doubling - 1), 1 << (doubling - 1)),
    };
    Duration::from_micros(lowest * UNIT + width * UNIT / 2)
}

/// The median and the 99th percentile; `None` if nothing was counted.
pub(crate) fn percentiles(counts: &[u64; BUCKETS]) -> Option<(Duration, Duration)> {
    let total: u64 = counts.iter().sum();
    (total > 0).then(|| (percentile(counts, total, 50), percentile(counts, total, 99)))
}

fn percentile(counts: &[u64; BUCKETS], total: u64, percent: u64) -> Duration {
    let rank = (total * percent).div_ceil(100);
    let mut seen = 0;
    let found = counts.iter().position(|count| {
        seen += count;
        seen >= rank
    });
    middle(found.unwrap_or(BUCKETS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_accurate_within_a_sixteenth() {
        for micros in (0..400).chain((400..16_000_000).step_by(997)) {
            let (exact, reported) = (Duration::from_micros(micros), middle(bucket(Duration::from_micros(micros))));
            let tolerance = Duration::from_micros(micros / 16 + UNIT);
            assert!(reported.abs_diff(exact) <= tolerance, "{exact:?} was reported as {reported:?}");
        }
        assert_eq!(bucket(Duration::from_hours(1)), BUCKETS - 1);
    }
}
