//! The load generator, a process of its own: what it costs is known, and is no part of what is measured.
//!
//! In a closed loop each connection sends its next request when the last one is answered, so a slow system is asked less. In
//! an open loop requests come at a fixed rate, whatever becomes of them, as people do; a latency is counted from the moment
//! at which the request should have been sent. Counted from when it was sent, a system that stops for a second would be
//! charged with one slow request instead of all that had to wait ("coordinated omission").

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::http::Connection;
use crate::processes;
use crate::results::{Latency, Result, per};

/// An answer that comes later than this after the end does not count.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before a connection that could not be opened, or broke, is opened again.
const PAUSE: Duration = Duration::from_millis(10);

/// What to do; on standard input, as JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) address: SocketAddr,
    /// The requests, as they are written; each connection begins with another one.
    pub(crate) requests: Vec<String>,
    /// The status of a good answer.
    pub(crate) expected: u16,
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    /// Requests a second, in an open loop.
    pub(crate) rate: Option<u32>,
}

/// What came of it; on standard output, as JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) seconds: f64,
    pub(crate) latency: Latency,
    pub(crate) errors: BTreeMap<String, u64>,
    /// Processor time that the generator used.
    pub(crate) cpu_us: f64,
}

#[derive(Default)]
struct Tally {
    sent: u64,
    done: u64,
    latencies: Vec<Duration>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    /// A request came to its end.
    fn note(&mut self, intended: Instant, error: Option<String>) {
        self.done += 1;
        match error {
            None => self.latencies.push(intended.elapsed()),
            Some(code) => *self.errors.entry(code).or_default() += 1,
        }
    }
}

/// Reads a job, does it, and writes what came of it.
pub(crate) fn main() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| format!("no job: {error}"))?;
    let job: Job = serde_json::from_str(&text).map_err(|error| format!("no job: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| error.to_string())?.block_on(run(&job));
    serde_json::to_writer(std::io::stdout(), &outcome).map_err(|error| error.to_string())
}

async fn run(job: &Job) -> Outcome {
    let tally = RefCell::new(Tally::default());
    let (begin, length) = (Instant::now(), Duration::from_secs_f64(job.seconds));
    let pace = job.rate.map(|rate| Pace::start(begin, length, rate));
    let connections = (0..job.connections).map(|number| connection(job, number, begin, pace.as_ref(), &tally));
    // What is still unanswered after this is counted as such.
    let _ = timeout(length + PATIENCE, join_all(connections)).await;
    let elapsed = begin.elapsed();
    let mut tally = tally.into_inner();
    let planned = pace.map_or(tally.sent, |pace| pace.planned);
    for (what, count) in [("unanswered", tally.sent - tally.done), ("not_sent", planned.saturating_sub(tally.sent))] {
        if count > 0 {
            tally.errors.insert(what.into(), count);
        }
    }
    Outcome {
        requests: tally.done,
        answered: u64::try_from(tally.latencies.len()).unwrap_or_default(),
        seconds: elapsed.as_secs_f64(),
        latency: latency(tally.latencies),
        errors: tally.errors,
        cpu_us: processes::own_cpu_us(),
    }
}

/// One connection, from request to request.
async fn connection(job: &Job, number: usize, begin: Instant, pace: Option<&Pace>, tally: &RefCell<Tally>) {
    let end = begin + Duration::from_secs_f64(job.seconds);
    let (mut requests, mut open) = (job.requests.iter().cycle().skip(number % job.requests.len()), None);
    loop {
        let intended = match pace {
            Some(pace) => match pace.next().await {
                Some(moment) => moment,
                None => return,
            },
            None if Instant::now() >= end => return,
            None => Instant::now(),
        };
        let Some(request) = requests.next() else { return };
        tally.borrow_mut().sent += 1;
        let (kept, error) = exchange(job, open.take(), request.as_bytes()).await;
        open = kept;
        let is_broken = error.is_some() && open.is_none();
        tally.borrow_mut().note(intended, error);
        if is_broken {
            sleep(PAUSE).await;
        }
    }
}

/// One request: the connection, if it can be used again, and the code of an error.
async fn exchange(job: &Job, open: Option<Connection>, request: &[u8]) -> (Option<Connection>, Option<String>) {
    let opened = match open {
        Some(connection) => Ok(connection),
        None => Connection::open(job.address).await,
    };
    let Ok(mut connection) = opened else { return (None, Some("not_connected".into())) };
    let Ok(answer) = connection.exchange(request).await else { return (None, Some("connection_lost".into())) };
    let error = (answer.status != job.expected).then(|| code(answer.body).unwrap_or_else(|| answer.status.to_string()));
    let closes = answer.closes;
    ((!closes).then_some(connection), error)
}

/// The code of a problem.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    Some(text.split_once("\"code\":\"")?.1.split_once('"')?.0.into())
}

/// The moments at which requests are to be sent. A thread waits for them: the timers of the event loop are too coarse.
struct Pace {
    due: Arc<Semaphore>,
    given: std::cell::Cell<u32>,
    planned: u64,
    begin: Instant,
    rate: u32,
}

impl Pace {
    fn start(begin: Instant, length: Duration, rate: u32) -> Self {
        let due = Arc::new(Semaphore::new(0));
        let bell = Arc::clone(&due);
        let mut planned = 0;
        while moment(planned, rate) < length {
            planned += 1;
        }
        std::thread::spawn(move || {
            for number in 0..planned {
                std::thread::sleep((begin + moment(number, rate)).saturating_duration_since(Instant::now()));
                bell.add_permits(1);
            }
            bell.close();
        });
        Self { due, given: 0.into(), planned: planned.into(), begin, rate }
    }

    /// Waits for the next moment that no connection has taken; none is left after the end.
    async fn next(&self) -> Option<Instant> {
        match self.due.acquire().await {
            Ok(permit) => permit.forget(),
            // What became due and found no connection free is sent now.
            Err(_) if u64::from(self.given.get()) < self.planned => {}
            Err(_) => return None,
        }
        let number = self.given.get();
        self.given.set(number + 1);
        Some(self.begin + moment(number, self.rate))
    }
}

/// When the request of this number is to be sent, counted from the beginning.
fn moment(number: u32, rate: u32) -> Duration {
    Duration::from_secs(1) * number / rate
}

fn latency(mut latencies: Vec<Duration>) -> Latency {
    latencies.sort_unstable();
    let at = |thousandths: usize| {
        let place = (latencies.len() * thousandths).div_ceil(1_000).saturating_sub(1);
        latencies.get(place).map_or(0.0, |latency| per(latency.as_secs_f64() * 1e6, 1_000))
    };
    Latency { p50_ms: at(500), p90_ms: at(900), p99_ms: at(990), max_ms: at(1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let measured = latency((1..=200).rev().map(Duration::from_millis).collect());
        let all = [measured.p50_ms, measured.p90_ms, measured.p99_ms, measured.max_ms];
        assert_eq!(all.map(|ms| format!("{ms:.3}")), ["100.000", "180.000", "198.000", "200.000"]);
        assert_eq!(format!("{:?}", latency(Vec::new()).max_ms), "0.0");
    }

    #[test]
    fn errors_are_counted_by_their_codes() {
        assert_eq!(code(br#"{"type":"x","code":"rate_limited","status":429}"#).as_deref(), Some("rate_limited"));
        assert_eq!(code(b"<html>"), None);
    }
}
