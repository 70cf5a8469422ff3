//! Keeps a pattern from getting more requests than its workers can answer in time: an adaptive concurrency limit and a
//! circuit breaker for each pattern.

mod circuit_breaker;
mod concurrency_limit;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use amqp::RpcError;
use amqp::rpc::client::Answer;
use contracts::Code;

use crate::http::problem::HttpError;
use crate::metrics::overload::OverloadGauges;
use crate::overload::circuit_breaker::{Change, CircuitBreaker, Passage};
use crate::overload::concurrency_limit::ConcurrencyLimit;

/// Admits requests to a pattern.
pub(crate) struct Admission {
    pattern: &'static str,
    /// A request that takes longer is late.
    late: Duration,
    state: Mutex<State>,
    gauges: OverloadGauges,
}

struct State {
    limit: ConcurrencyLimit,
    breaker: CircuitBreaker,
}

/// Why a request is not sent to the workers. It is certainly not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// As many requests as may be are in flight.
    ConcurrencyLimit,
    /// The workers have stopped replying.
    CircuitOpen,
}

/// The current limits of a pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most requests in flight.
    pub(crate) in_flight: usize,
    /// Whether the circuit is open.
    pub(crate) circuit_open: bool,
}

impl Admission {
    /// At most `most` requests are in flight; fewer once many of them take longer than `late`.
    pub(crate) fn new(pattern: &'static str, most: usize, late: Duration, gauges: OverloadGauges) -> Self {
        let now = Instant::now();
        let state = State { limit: ConcurrencyLimit::new(most, now), breaker: CircuitBreaker::new(now) };
        let admission = Self { pattern, late, state: Mutex::new(state), gauges };
        admission.show(&admission.lock());
        admission
    }

    /// Admits a request; the permit counts it as in flight until it is dropped.
    pub(crate) fn admit(&self) -> Result<Permit<'_>, Refusal> {
        let began = Instant::now();
        let mut state = self.lock();
        if !state.limit.acquire() {
            return Err(Refusal::ConcurrencyLimit);
        }
        match state.breaker.admit(began) {
            Passage::Refused => {
                state.limit.release();
                Err(Refusal::CircuitOpen)
            }
            passage => Ok(Permit { admission: self, began, passage, outcome: None }),
        }
    }

    /// The current limits.
    pub(crate) fn limits(&self) -> Limits {
        let state = self.lock();
        Limits { in_flight: state.limit.current(), circuit_open: state.breaker.is_open() }
    }

    /// Ends a permit; returns whether its request got no reply and has opened the circuit or keeps it open.
    fn end(&self, permit: &Permit<'_>) -> bool {
        let (outcome, now) = permit.outcome.map_or_else(|| (None, Instant::now()), |(outcome, at)| (Some(outcome), at));
        let late = now.duration_since(permit.began) > self.late;
        // A request without an outcome was given up by its client: if it was late by then, it counts as unanswered.
        let outcome = outcome.unwrap_or(if late { Outcome::NoReply } else { Outcome::Unknown });
        let mut state = self.lock();
        state.limit.release();
        let replied = match outcome {
            Outcome::Reply => true,
            Outcome::NoReply => false,
            Outcome::Unknown => {
                if permit.passage == Passage::Probe {
                    state.breaker.probe_was_abandoned(now);
                }
                return false;
            }
        };
        let before = state.limit.current();
        state.limit.note(permit.began, replied && !late, now);
        let change = state.breaker.note(permit.passage, replied, now);
        self.report(&state, before, change);
        !replied && (change == Change::Opened || permit.passage == Passage::Probe)
    }

    /// Writes what an outcome changed to the log and the metrics.
    fn report(&self, state: &State, limit_before: usize, change: Change) {
        let (pattern, in_flight_limit) = (self.pattern, state.limit.current());
        if in_flight_limit != limit_before || change != Change::None {
            self.show(state);
        }
        if in_flight_limit < limit_before {
            tracing::warn!(pattern, in_flight_limit, "replies are late: fewer requests in flight from now on");
        }
        match change {
            Change::None => {}
            Change::Opened => tracing::warn!(pattern, "circuit breaker opened: almost no request gets a reply"),
            Change::Closed => tracing::info!(pattern, "circuit breaker closed: a probe got a reply"),
        }
    }

    fn show(&self, state: &State) {
        self.gauges.show(state.limit.current(), state.breaker.is_open());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::ConcurrencyLimit => {
                Self::new(Code::Overloaded, "Too many requests of this kind are in flight. Nothing was done.")
            }
            Refusal::CircuitOpen => {
                Self::new(Code::ServiceUnavailable, "The workers have stopped replying. Nothing was done.")
            }
        }
    }
}

/// How a request ended, as far as it says something about the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A worker replied, whatever it said.
    Reply,
    /// Workers serve the pattern, and none replied in time.
    NoReply,
    /// It says nothing: it was not sent, or the connection broke.
    Unknown,
}

/// Counts a request as in flight.
pub(crate) struct Permit<'a> {
    admission: &'a Admission,
    began: Instant,
    passage: Passage,
    /// How the request ended, and when; `None` until it is settled.
    outcome: Option<(Outcome, Instant)>,
}

impl Permit<'_> {
    /// Ends the request. Returns whether it got no reply and has opened the circuit or keeps it open.
    pub(crate) fn settle(mut self, answer: &Result<Answer, RpcError>) -> bool {
        let outcome = match answer {
            Ok(_) | Err(RpcError::Malformed(_)) => Outcome::Reply,
            Err(RpcError::Expired | RpcError::TimedOut) => Outcome::NoReply,
            Err(RpcError::NotConnected | RpcError::NobodyServes | RpcError::NoWorkerStarted | RpcError::Lost) => {
                Outcome::Unknown
            }
        };
        self.outcome = Some((outcome, Instant::now()));
        self.admission.end(&self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.outcome.is_none() {
            self.admission.end(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_hours(1);

    fn admission(most: usize, late: Duration) -> Admission {
        Admission::new("orders.create", most, late, OverloadGauges::default())
    }

    fn settled(admission: &Admission, answer: &Result<Answer, RpcError>) -> Option<Refusal> {
        match admission.admit() {
            Ok(permit) => {
                permit.settle(answer);
                None
            }
            Err(refusal) => Some(refusal),
        }
    }

    #[test]
    fn a_permit_counts_until_it_is_dropped() {
        let admission = admission(1, LATE);
        let permit = admission.admit().ok().unwrap();
        assert_eq!(admission.admit().err(), Some(Refusal::ConcurrencyLimit));
        drop(permit);
        assert!(admission.admit().is_ok());
    }

    #[test]
    fn only_requests_that_workers_left_unanswered_open_the_circuit() {
        for (error, opens) in [
            (RpcError::TimedOut, true),
            (RpcError::Expired, true),
            (RpcError::NobodyServes, false),
            (RpcError::NoWorkerStarted, false),
            (RpcError::NotConnected, false),
            (RpcError::Lost, false),
            (RpcError::Malformed(String::new()), false),
        ] {
            let admission = admission(100, LATE);
            for _ in 0..25 {
                settled(&admission, &Err(error.clone()));
            }
            assert_eq!(admission.limits().circuit_open, opens, "{error:?}");
            assert_eq!(settled(&admission, &Err(error)), opens.then_some(Refusal::CircuitOpen));
        }
    }

    #[test]
    fn what_its_client_gave_up_late_is_unanswered() {
        for (late, opens) in [(LATE, false), (Duration::ZERO, true)] {
            let admission = admission(100, late);
            (0..25).for_each(|_| drop(admission.admit()));
            assert_eq!(admission.limits().circuit_open, opens);
        }
    }

    #[test]
    fn late_replies_lower_the_limit_and_do_not_open_the_circuit() {
        let admission = admission(100, Duration::ZERO);
        let fault = || Ok(Err(contracts::Fault::new(Code::OrderNotFound, "There is no such order.")));
        let permits: Vec<_> = (0..100).map(|_| admission.admit().ok().unwrap()).collect();
        for permit in permits {
            permit.settle(&fault());
        }
        assert_eq!(admission.limits(), Limits { in_flight: 50, circuit_open: false });
    }
}
