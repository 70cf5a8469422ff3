//! The snapshots of the last seconds, and the rates and durations of each process over them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use amqp::Depth;
use contracts::Timestamp;
use contracts::control::{Stats, WorkStats};
use uuid::Uuid;

use crate::top::flow::Flow;

/// The window of rates and quantiles: those of a single second vary too much to be read.
const WINDOW: Duration = Duration::from_secs(10);

/// The state of the system at one moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// Since the watch began.
    pub(super) at: Duration,
    pub(super) as_of: Timestamp,
    pub(super) stats: Vec<Stats>,
    /// How many processes of a name are connected and do not answer.
    pub(super) unresponsive: BTreeMap<String, u32>,
    pub(super) depths: BTreeMap<String, Depth>,
}

/// The snapshots of the last seconds, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Snapshot>);

impl History {
    pub(super) fn push(&mut self, snapshot: Snapshot) {
        let oldest = snapshot.at.saturating_sub(WINDOW);
        self.0.retain(|earlier| earlier.at >= oldest);
        self.0.push_back(snapshot);
    }

    pub(super) fn latest(&self) -> Option<&Snapshot> {
        self.0.back()
    }

    /// The seconds between the first and the latest snapshot.
    pub(super) fn window_s(&self) -> f64 {
        match (self.0.front(), self.0.back()) {
            (Some(first), Some(last)) => last.at.saturating_sub(first.at).as_secs_f64(),
            _ => 0.0,
        }
    }

    /// The rates and durations of a process in the latest snapshot, since the first snapshot that contains it.
    pub(super) fn flow(&self, now: &Stats) -> Flow {
        let (Some(latest), Some(work)) = (self.latest(), &now.work) else { return Flow::default() };
        let earlier = self.0.iter().find_map(|snapshot| Some((snapshot.at, work_of(snapshot, now.instance)?)));
        match earlier {
            Some((at, before)) if at < latest.at => {
                Flow::between(before, work, latest.at.saturating_sub(at).as_secs_f64())
            }
            _ => Flow::default(),
        }
    }
}

fn work_of(snapshot: &Snapshot, instance: Uuid) -> Option<&WorkStats> {
    snapshot.stats.iter().find(|stats| stats.instance == instance)?.work.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(instance: u128, ok: u64) -> Stats {
        let work = WorkStats { outcomes: [("ok".to_owned(), ok)].into(), ..WorkStats::default() };
        let instance = Uuid::from_u128(instance);
        Stats { name: "orders.get".into(), instance, database: None, outbox: None, process: None, work: Some(work) }
    }

    fn snapshot(second: u64, stats: Vec<Stats>) -> Snapshot {
        let as_of = Timestamp(jiff::Timestamp::UNIX_EPOCH);
        let (unresponsive, depths) = Default::default();
        Snapshot { at: Duration::from_secs(second), as_of, stats, unresponsive, depths }
    }

    fn rate(history: &History, instance: u128) -> f64 {
        let latest = history.latest().unwrap();
        let now = latest.stats.iter().find(|stats| stats.instance == Uuid::from_u128(instance)).unwrap();
        history.flow(now).rate(|_| true)
    }

    #[test]
    fn a_rate_is_over_the_last_ten_seconds() {
        let mut history = History::default();
        for second in 0..=20 {
            let ok = if second <= 10 { 0 } else { (second - 10) * 5 };
            history.push(snapshot(second, vec![stats(1, ok)]));
        }
        assert!((rate(&history, 1) - 5.0).abs() < 1e-9 && (history.window_s() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_process_that_started_later_is_measured_since_then() {
        let mut history = History::default();
        history.push(snapshot(0, vec![stats(1, 0)]));
        history.push(snapshot(1, vec![stats(1, 0), stats(2, 1_000)]));
        assert!(rate(&history, 2).abs() < 1e-9, "its work before the first snapshot does not count");
        history.push(snapshot(2, vec![stats(1, 0), stats(2, 1_003)]));
        assert!((rate(&history, 2) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn one_snapshot_has_no_rates() {
        let mut history = History::default();
        assert!(history.latest().is_none() && history.window_s().abs() < 1e-9);
        history.push(snapshot(5, vec![stats(1, 9)]));
        assert!(rate(&history, 1).abs() < 1e-9);
    }
}
