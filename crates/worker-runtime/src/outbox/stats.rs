//! Answers a relay's status requests on the exchange `control`: whether it leads, whether its database answers, and how
//! many events wait in the outbox.
//!
//! It uses connections of its own, so that it answers even while the relay itself is blocked.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::{Broker, Control, Error};
use contracts::control::{OutboxStats, ProcessInfo, ProcessKind, Stats};
use runtime::{Backoff, Supervised, supervise};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::db::ConnectTarget;
use crate::db::dedicated::DedicatedConnection;
use crate::meter;

/// How long an answer waits for a measurement; the requester waits 250 ms in all.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(180);
/// A database that does not answer within this time counts as unreachable.
const SILENCE: Duration = Duration::from_millis(800);
/// A measurement of at most this age is reported without a new one.
const FRESH: Duration = Duration::from_millis(500);
/// A measurement of more than this age is not reported.
const STALE: Duration = Duration::from_secs(2);

/// An index serves each part. Counts up to a limit, so that a large backlog does not make the query expensive.
const MEASURE: &str = "SELECT
    count(*) AS unpublished, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest_s
    FROM (
        SELECT created_at FROM outbox
        WHERE published_seq >= 0 AND published_seq > (SELECT marked FROM outbox_sequence)
        UNION ALL
        (SELECT created_at FROM outbox_pending ORDER BY seq LIMIT 100000)
    ) AS waiting";

/// Answers the status requests to one relay.
pub(crate) struct StatusResponder {
    info: Arc<ProcessInfo>,
    broker: Broker,
    target: ConnectTarget,
    leads: Cell<bool>,
    database: RefCell<Option<DedicatedConnection>>,
    wanted: Notify,
    measured: watch::Sender<Option<(Instant, Measured)>>,
}

/// Answers over one connection after another.
struct Answers<'r>(&'r StatusResponder);

impl Supervised for Answers<'_> {
    type Connection = Control;
    type Error = Error;

    async fn connect(&mut self) -> Result<Control, Error> {
        Control::open(&self.0.broker, &self.0.info).await
    }

    async fn serve(&mut self, mut control: Control, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        loop {
            let request = control.next().await?;
            let measured = if request.wants_stats() { self.0.measured().await } else { None };
            control.answer(&request, || self.0.stats(measured))?;
        }
    }

    fn failed(&mut self, error: &Error) {
        tracing::debug!(error = %error, "cannot receive status requests");
    }
}

/// A measurement of the database.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    reachable: bool,
    unpublished: Option<u64>,
    oldest_s: Option<f64>,
}

impl StatusResponder {
    pub(crate) fn new(name: &'static str, broker: Broker, target: ConnectTarget) -> Self {
        Self {
            info: Arc::new(amqp::identify(name, ProcessKind::Relay, None)),
            broker,
            target,
            leads: Cell::new(false),
            database: RefCell::new(None),
            wanted: Notify::new(),
            measured: watch::Sender::new(None),
        }
    }

    /// Notes whether the relay leads.
    pub(crate) fn set_leads(&self, leads: bool) {
        self.leads.set(leads);
    }

    /// Answers status requests for as long as the process runs. Failures harm nothing else, so they are retried for ever.
    pub(crate) async fn run(&self) {
        tokio::join!(self.answer(), self.measure());
    }

    async fn answer(&self) {
        // It never gives up; the relay's own supervision does if the broker stays silent.
        let _ = supervise(&mut Answers(self), pending()).await;
    }

    fn stats(&self, measured: Option<Measured>) -> Stats {
        let outbox = OutboxStats {
            leader: self.leads.get(),
            unpublished: measured.and_then(|it| it.unpublished),
            oldest_unpublished_s: measured.and_then(|it| it.oldest_s),
        };
        Stats { outbox: Some(outbox), ..meter::stats(&self.info, measured.map(|it| it.reachable)) }
    }

    /// The latest measurement; waits briefly for a new one.
    async fn measured(&self) -> Option<Measured> {
        let mut measured = self.measured.subscribe();
        let latest = |within: Duration, it: &Option<(Instant, Measured)>| it.filter(|(at, _)| at.elapsed() < within);
        let last = *measured.borrow_and_update();
        if latest(FRESH, &last).is_none() {
            self.wanted.notify_one();
            let _ = timeout(ANSWER_TIMEOUT, measured.changed()).await;
        }
        let last = *measured.borrow();
        latest(STALE, &last).map(|(_, measured)| measured)
    }

    /// Measures on demand.
    async fn measure(&self) {
        loop {
            self.wanted.notified().await;
            let measured = timeout(SILENCE, self.query_database()).await.unwrap_or_default();
            self.measured.send_replace(Some((Instant::now(), measured)));
        }
    }

    async fn query_database(&self) -> Measured {
        // Taken out, so that a connection that fails or stays silent is not used again.
        let kept = self.database.borrow_mut().take().filter(|database| !database.client.is_closed());
        let database = match kept {
            Some(database) => database,
            None => match DedicatedConnection::connect(&self.target).await {
                Ok(database) => database,
                Err(_) => return Measured::default(),
            },
        };
        let Ok(row) = database.client.query_one(MEASURE, &[]).await else { return Measured::default() };
        self.database.replace(Some(database));
        let unpublished = u64::try_from(row.get::<_, i64>("unpublished")).ok();
        Measured { reachable: true, unpublished, oldest_s: row.get("oldest_s") }
    }
}
