//! A circuit breaker: stops sending requests to a pattern that has stopped replying, and probes whether it replies again.
//!
//! Closed, it counts which requests got a reply. It opens when almost none did. Open, it admits one request a second, a
//! probe, and closes with the first probe that gets a reply (half-open in the literature: here probes and pauses overlap,
//! because an unanswered probe takes as long as a whole request).

use std::time::{Duration, Instant};

/// The seconds of which outcomes count.
const WINDOW_S: usize = 10;
/// The fewest outcomes that can open it.
const FEWEST: u32 = 20;
/// It opens when this percentage of the outcomes is without a reply. One frozen copy of two stays far below.
const OPENS_AT_PERCENT: u32 = 80;
/// The time between two probes.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Whether a pattern replies.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    start: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed([Second; WINDOW_S]),
    Open { next_probe: Instant },
}

/// The outcomes of one second.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    replies: u32,
    unanswered: u32,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is sent like any other.
    Normal,
    /// It is sent, and its outcome decides whether the circuit closes.
    Probe,
    /// It is not sent.
    Refused,
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// The circuit is open from now on.
    Opened,
    /// The circuit is closed from now on.
    Closed,
}

impl CircuitBreaker {
    /// A closed circuit.
    pub(super) fn new(now: Instant) -> Self {
        Self { start: now, state: State::closed() }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether a request may be sent now.
    pub(super) fn admit(&mut self, now: Instant) -> Passage {
        match &mut self.state {
            State::Closed(_) => Passage::Normal,
            State::Open { next_probe } if *next_probe <= now => {
                *next_probe = now + PROBE_EVERY;
                Passage::Probe
            }
            State::Open { .. } => Passage::Refused,
        }
    }

    /// Notes whether a request got a reply. Once the circuit is open, only probes count: the others were sent before.
    pub(super) fn note(&mut self, passage: Passage, replied: bool, now: Instant) -> Change {
        let number = now.saturating_duration_since(self.start).as_secs();
        match &mut self.state {
            State::Closed(seconds) => {
                count(seconds, number, replied);
                if !must_open(seconds, number) {
                    return Change::None;
                }
                self.state = State::Open { next_probe: now + PROBE_EVERY };
                Change::Opened
            }
            State::Open { .. } if passage == Passage::Probe && replied => {
                self.state = State::closed();
                Change::Closed
            }
            State::Open { .. } => Change::None,
        }
    }

    /// A probe ended without an outcome, for example because its client left: the next request is a probe.
    pub(super) fn probe_was_abandoned(&mut self, now: Instant) {
        if let State::Open { next_probe } = &mut self.state {
            *next_probe = now;
        }
    }
}

impl State {
    fn closed() -> Self {
        Self::Closed([Second::default(); WINDOW_S])
    }
}

fn count(seconds: &mut [Second; WINDOW_S], number: u64, replied: bool) {
    let slot = usize::try_from(number % WINDOW_S as u64).unwrap_or_default();
    let second = &mut seconds[slot];
    if second.number != number {
        *second = Second { number, ..Second::default() };
    }
    let count = if replied { &mut second.replies } else { &mut second.unanswered };
    *count += 1;
}

fn must_open(seconds: &[Second; WINDOW_S], number: u64) -> bool {
    let recent = || seconds.iter().filter(|second| second.number + WINDOW_S as u64 > number);
    let unanswered: u32 = recent().map(|second| second.unanswered).sum();
    let all = unanswered + recent().map(|second| second.replies).sum::<u32>();
    all >= FEWEST && u64::from(unanswered) * 100 >= u64::from(all) * u64::from(OPENS_AT_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A circuit, and a clock for it.
    struct Simulated {
        breaker: CircuitBreaker,
        now: Instant,
    }

    impl Simulated {
        fn new() -> Self {
            let now = Instant::now();
            Self { breaker: CircuitBreaker::new(now), now }
        }

        fn request(&mut self, replied: bool) -> Change {
            let passage = self.breaker.admit(self.now);
            assert_ne!(passage, Passage::Refused);
            self.breaker.note(passage, replied, self.now)
        }

        fn requests(&mut self, replies: u32, unanswered: u32) {
            for _ in 0..replies {
                self.request(true);
            }
            for _ in 0..unanswered {
                if self.request(false) == Change::Opened {
                    return;
                }
            }
        }

        fn wait(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
        }
    }

    #[test]
    fn it_opens_when_almost_no_request_gets_a_reply() {
        for (replies, unanswered, opens) in
            [(0, 19, false), (0, 20, true), (4, 16, true), (5, 16, false), (100, 100, false), (100, 400, true)]
        {
            let mut simulated = Simulated::new();
            simulated.requests(replies, unanswered);
            assert_eq!(simulated.breaker.is_open(), opens, "{replies} replies, {unanswered} unanswered");
        }
    }

    #[test]
    fn only_the_last_ten_seconds_count() {
        let mut simulated = Simulated::new();
        simulated.requests(0, 19);
        simulated.wait(10_000);
        simulated.requests(0, 19);
        assert!(!simulated.breaker.is_open());
        simulated.wait(9_000);
        assert_eq!(simulated.request(false), Change::Opened);
    }

    #[test]
    fn while_open_it_sends_one_probe_a_second_and_closes_with_the_first_reply() {
        let mut simulated = Simulated::new();
        simulated.requests(0, 20);
        let admitted = |simulated: &mut Simulated| simulated.breaker.admit(simulated.now);
        assert_eq!(admitted(&mut simulated), Passage::Refused);
        simulated.wait(1_000);
        assert_eq!([(); 3].map(|()| admitted(&mut simulated)), [Passage::Probe, Passage::Refused, Passage::Refused]);
        simulated.wait(1_000);
        assert_eq!(admitted(&mut simulated), Passage::Probe);
        assert_eq!(simulated.breaker.note(Passage::Probe, false, simulated.now), Change::None);
        assert_eq!(simulated.breaker.note(Passage::Normal, true, simulated.now), Change::None, "sent before it opened");
        assert_eq!(simulated.breaker.note(Passage::Probe, true, simulated.now), Change::Closed);
        assert_eq!(admitted(&mut simulated), Passage::Normal);
        simulated.requests(0, 19);
        assert!(!simulated.breaker.is_open(), "what was before does not count");
    }

    #[test]
    fn an_abandoned_probe_is_followed_by_another_at_once() {
        let mut simulated = Simulated::new();
        simulated.requests(0, 20);
        simulated.wait(1_000);
        assert_eq!(simulated.breaker.admit(simulated.now), Passage::Probe);
        simulated.breaker.probe_was_abandoned(simulated.now);
        assert_eq!(simulated.breaker.admit(simulated.now), Passage::Probe);
    }
}
