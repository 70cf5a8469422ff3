//! Tells, when it is asked on the exchange `control`, how a relay fares: whether it leads, whether its database answers, and
//! what waits in the outbox.
//!
//! By connections of its own, so that it can be asked while the relay itself is held up.

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

/// Who asks waits a quarter of a second; by then the answer must have travelled.
const PATIENCE: Duration = Duration::from_millis(180);
/// A database that says nothing for this long does not answer.
const SILENCE: Duration = Duration::from_millis(800);
/// A measurement this young is told as it is.
const FRESH: Duration = Duration::from_millis(500);
/// An older one than this is told to nobody.
const STALE: Duration = Duration::from_secs(2);

/// By the index of what is unpublished; counted up to a bound, so that a backlog does not make the question dear.
const MEASURE: &str = "SELECT
    count(*) AS unpublished, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest_s
    FROM (
        SELECT created_at FROM outbox WHERE published_seq > (SELECT marked FROM outbox_sequence)
        UNION ALL
        (SELECT created_at FROM outbox WHERE published_seq IS NULL AND failed_at IS NULL ORDER BY seq LIMIT 100000)
    ) AS waiting";

/// Answers for one relay.
pub(crate) struct Teller {
    info: Arc<ProcessInfo>,
    broker: Broker,
    target: ConnectTarget,
    leads: Cell<bool>,
    database: RefCell<Option<DedicatedConnection>>,
    wanted: Notify,
    measured: watch::Sender<Option<(Instant, Measured)>>,
}

/// Answers questions over one connection after another.
struct Answers<'t>(&'t Teller);

impl Supervised for Answers<'_> {
    type Connection = Control;
    type Error = Error;

    async fn connect(&mut self) -> Result<Control, Error> {
        Control::open(&self.0.broker, &self.0.info).await
    }

    async fn serve(&mut self, mut control: Control, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        loop {
            let question = control.next().await?;
            let measured = if question.is_about_stats() { self.0.measured().await } else { None };
            control.answer(&question, || self.0.stats(measured))?;
        }
    }

    fn failed(&mut self, error: &Error) {
        tracing::debug!(error = %error, "nobody can ask how this process fares");
    }
}

/// What the database said.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    reachable: bool,
    unpublished: Option<u64>,
    oldest_s: Option<f64>,
}

impl Teller {
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

    /// Whether the relay publishes at this moment.
    pub(crate) fn leads(&self, leads: bool) {
        self.leads.set(leads);
    }

    /// Tells for ever. That it cannot be asked harms nobody, so it is tried again as long as the process runs.
    pub(crate) async fn tell(&self) {
        tokio::join!(self.answer(), self.measure());
    }

    async fn answer(&self) {
        // It never gives up: the relay's own supervision does, if the broker stays silent.
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

    /// The latest measurement; waits a moment for a new one.
    async fn measured(&self) -> Option<Measured> {
        let mut measured = self.measured.subscribe();
        let latest = |within: Duration, it: &Option<(Instant, Measured)>| it.filter(|(at, _)| at.elapsed() < within);
        let known = *measured.borrow_and_update();
        if latest(FRESH, &known).is_none() {
            self.wanted.notify_one();
            let _ = timeout(PATIENCE, measured.changed()).await;
        }
        let known = *measured.borrow();
        latest(STALE, &known).map(|(_, measured)| measured)
    }

    /// Measures whenever that is wanted.
    async fn measure(&self) {
        loop {
            self.wanted.notified().await;
            let measured = timeout(SILENCE, self.ask_database()).await.unwrap_or_default();
            self.measured.send_replace(Some((Instant::now(), measured)));
        }
    }

    async fn ask_database(&self) -> Measured {
        // Taken, so that a connection which fails, or is silent, is not used again.
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
