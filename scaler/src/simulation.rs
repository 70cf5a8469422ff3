//! Simulates a pattern's queue and workers for the policy's tests: no broker, no processes, and a simulated clock.

use std::collections::VecDeque;
use std::time::Duration;

use crate::policy::{Limits, Memory, Observed, Work, decide};

const TICK: Duration = Duration::from_millis(50);
/// The requests that a copy handles in a tick: a hundred per second.
const CAPACITY: f64 = 5.0;
/// The age of the broker's counters, in ticks.
const COUNTERS_AGE: usize = 60;

/// The rate of requests.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// None.
    None,
    /// A random rate that all copies together can handle; often none.
    Random,
    /// A random rate that is never none.
    Steady,
    /// The previous rate.
    Same,
}

/// A run of the policy.
pub(crate) struct Simulated {
    limits: Limits,
    random: u64,
    memory: Memory,
    now: Duration,
    /// When each waiting batch arrived, and how many of it are left.
    queue: VecDeque<(Duration, f64)>,
    /// When each started copy is ready.
    copies: Vec<Duration>,
    rate: f64,
    fraction: f64,
    done: f64,
    /// Past counters, the newest last.
    counters: VecDeque<Work>,
    last_change: i64,
    pub(crate) reversals: u32,
    pub(crate) longest_wait: Duration,
}

impl Simulated {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            memory: Memory::default(),
            now: Duration::ZERO,
            queue: VecDeque::new(),
            copies: Vec::new(),
            rate: 0.0,
            fraction: 0.0,
            done: 0.0,
            counters: VecDeque::from(vec![Work { done: 0, in_hand: 0 }; COUNTERS_AGE]),
            last_change: 0,
            reversals: 0,
            longest_wait: Duration::ZERO,
        }
    }

    pub(crate) fn copies(&self) -> u32 {
        u32::try_from(self.copies.len()).unwrap()
    }

    /// Advances the clock under a load.
    pub(crate) fn under(&mut self, load: Load, time: Duration) {
        let capacity = f64::from(self.limits.max) * CAPACITY * 0.8;
        self.rate = match load {
            Load::None => 0.0,
            Load::Random if self.random() < 0.3 => 0.0,
            Load::Random | Load::Steady => capacity * self.random(),
            Load::Same => self.rate,
        };
        let end = self.now + time;
        while self.now < end {
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.arrive();
        let serving = self.copies.iter().filter(|ready| **ready <= self.now).count();
        let in_hand = self.serve(f64::from(u32::try_from(serving).unwrap()) * CAPACITY);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        self.counters.push_back(Work { done: self.done as u64, in_hand: in_hand as u32 });
        let work = self.counters.pop_front();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let waiting = self.queue.iter().map(|(_, left)| left).sum::<f64>().ceil() as u32;
        let serving = u32::try_from(serving).unwrap();
        let observed = Observed { at: self.now, waiting, serving, started: self.copies(), work };
        let wanted;
        (self.memory, wanted) = decide(&self.limits, self.memory, &observed);
        assert!((self.limits.min..=self.limits.max).contains(&wanted), "{wanted} at {:?}", self.now);
        self.scale_to(wanted);
    }

    /// Adds the requests of a tick, with some jitter.
    fn arrive(&mut self) {
        self.fraction += self.rate * (0.8 + 0.4 * self.random());
        let arrived = self.fraction.floor();
        self.fraction -= arrived;
        if arrived > 0.0 {
            self.queue.push_back((self.now, arrived));
        }
    }

    /// Serves the oldest requests first; returns how many.
    fn serve(&mut self, capacity: f64) -> f64 {
        let mut left = capacity;
        while let Some((arrived, requests)) = self.queue.front_mut() {
            self.longest_wait = self.longest_wait.max(self.now.saturating_sub(*arrived));
            let served = requests.min(left);
            *requests -= served;
            left -= served;
            if *requests > 0.0 {
                break;
            }
            self.queue.pop_front();
        }
        self.done += capacity - left;
        capacity - left
    }

    fn scale_to(&mut self, wanted: u32) {
        let before = self.copies();
        while self.copies() < wanted {
            let start = Duration::from_secs_f64(0.03 + 0.47 * self.random());
            self.copies.push(self.now + start);
        }
        self.copies.truncate(usize::try_from(wanted).unwrap());
        let change = (i64::from(wanted) - i64::from(before)).signum();
        if change != 0 {
            self.reversals += u32::from(change > 0 && self.last_change < 0);
            self.last_change = change;
        }
    }

    /// A number between 0 and 1.
    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).unwrap()) / f64::from(u32::MAX)
    }
}
