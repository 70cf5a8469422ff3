//! Serves one request pattern: takes requests from its queue, lets the handler work on them, settles each of them.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bus::{Backoff, Broker, Deliveries, Delivery, Error, Meta, RequestPacket};
use contracts::{Code, Fault, Request};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use process::{SettingError, Settings, StartError, Stop, exit_code, log};

use crate::Call;
use crate::failure::{Circumstances, Failure};
use crate::settings::{Resources, Setup, WorkerSettings};

/// A broker that accepts and stays silent leaks a thread per attempt in lapin: then a fresh process is better.
const SILENT_ATTEMPTS: u32 = 20;

/// Runs a worker process for the handler's pattern until it is told to stop.
pub async fn serve<R, D, H>(handler: H) -> ExitCode
where
    R: Request,
    D: Resources,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    exit_code(run(handler).await)
}

async fn run<R, D, H>(handler: H) -> Result<(), StartError>
where
    R: Request,
    D: Resources,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    let process = R::PATTERN.replace(['.', '_'], "-");
    let service = R::PATTERN.split_once('.').map_or(R::PATTERN, |(service, _)| service);
    let mut settings = Settings::from_environment()?;
    log::open(&settings.section()?)?;
    let worker: WorkerSettings = settings.section()?;
    let broker = Broker::new(&settings.section_named("amqp")?, &process)
        .map_err(|problem| SettingError::of("amqp", "url", problem))?;
    let setup = &mut Setup { settings: &mut settings, service, process: &process, worker: &worker };
    let resources = D::open(setup).await?;
    settings.warn_of_unknown();
    let stop = Stop::on_signals(Duration::from_millis(worker.drain_ms))?;
    Server { handler, resources, broker, prefetch: worker.prefetch, stop, message: std::marker::PhantomData }
        .run()
        .await
}

struct Server<R, D, H> {
    handler: H,
    resources: D,
    broker: Broker,
    prefetch: u16,
    stop: Stop,
    message: std::marker::PhantomData<fn() -> R>,
}

/// The requests being worked on. Each ends with whether its reply and its acknowledgement went out.
type Running<F> = FuturesUnordered<F>;

impl<R, D, H> Server<R, D, H>
where
    R: Request,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    /// One session after another; what a broken session leaves running is finished beside the next one.
    async fn run(&self) -> Result<(), StartError> {
        let mut running = Running::new();
        let mut backoff = Backoff::default();
        let mut silent = 0;
        loop {
            let opening = Deliveries::open(&self.broker, R::PATTERN, self.prefetch);
            let ended = match self.meanwhile(&mut running, opening).await {
                None => Ok(()),
                Some(Ok(deliveries)) => {
                    (silent, backoff) = (0, Backoff::default());
                    self.session(deliveries, &mut running, |delivery| self.handle(delivery)).await
                }
                Some(Err(error)) => Err(error),
            };
            let Err(error) = ended else { break };
            tracing::warn!(error = %error, "no connection to the broker");
            silent = if matches!(error, Error::Silent(_)) { silent + 1 } else { 0 };
            if silent >= SILENT_ATTEMPTS {
                return Err(StartError::failed("giving up for a fresh start", error));
            }
            if self.meanwhile(&mut running, tokio::time::sleep(backoff.pause())).await.is_none() {
                break;
            }
        }
        self.finish(&mut running).await;
        Ok(())
    }

    /// Serves until the connection breaks (an error), or a stop was asked and the drain is over.
    async fn session<F: Future<Output = Result<(), Error>>>(
        &self,
        mut deliveries: Deliveries,
        running: &mut Running<F>,
        begin: impl Fn(Delivery) -> F,
    ) -> Result<(), Error> {
        tracing::info!(pattern = R::PATTERN, prefetch = self.prefetch, "serving");
        loop {
            tokio::select! {
                () = self.stop.asked() => break,
                Some(settled) = running.next() => settled?,
                delivery = deliveries.next(), if running.len() < usize::from(self.prefetch) => {
                    running.push(begin(delivery?));
                }
            }
        }
        deliveries.cancel().await?;
        self.finish(running).await;
        deliveries.close().await;
        Ok(())
    }

    /// Waits for something else while requests go on; `None` when a stop is asked before it comes.
    async fn meanwhile<F: Future<Output = Result<(), Error>>, T>(
        &self,
        running: &mut Running<F>,
        other: impl Future<Output = T>,
    ) -> Option<T> {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                () = self.stop.asked() => return None,
                outcome = &mut other => return Some(outcome),
                // Its session is gone, so the broker delivers it again; that it cannot be settled is no news.
                Some(_) = running.next() => {}
            }
        }
    }

    /// Waits for what still runs, until it is done or the process may wait no longer.
    async fn finish<F: Future<Output = Result<(), Error>>>(&self, running: &mut Running<F>) {
        loop {
            tokio::select! {
                () = self.stop.insisted() => {
                    tracing::warn!(left = running.len(), "left unfinished; the broker delivers them again");
                    return;
                }
                settled = running.next() => if settled.is_none() { return },
            }
        }
    }

    /// Takes one request from delivery to acknowledgement.
    async fn handle(&self, delivery: Delivery) -> Result<(), Error> {
        let begun = Instant::now();
        let packet = RequestPacket::decode(delivery.body());
        let meta = delivery.meta(R::PATTERN, packet.as_ref().ok());
        let log = |status: &str| {
            tracing::info!(
                pattern = R::PATTERN,
                status,
                duration_ms = duration_ms(begun),
                request_id = meta.request_id,
                traceparent = meta.traceparent,
                redelivered = delivery.is_redelivered(),
                "handled"
            );
        };
        if meta.deadline.is_past() {
            // Its caller was told "unknown" or has gone; to begin now could only make that worse.
            log("expired");
            return delivery.acknowledge();
        }
        let outcome = match packet {
            Ok(packet) => self.work(&packet, meta.clone(), &delivery).await,
            Err(_) => Err(Fault::new(Code::MalformedJson, "The message is not a request packet.")),
        };
        match outcome {
            Ok(reply) => {
                log("ok");
                delivery.settle(&reply)
            }
            Err(fault) => {
                log(fault.code.as_str());
                delivery.settle(&bus::encode_fault(&fault))
            }
        }
    }

    /// Decodes, lets the handler work, and turns whatever happens into a reply or a fault.
    async fn work(&self, packet: &RequestPacket<'_>, meta: Meta, delivery: &Delivery) -> Result<Vec<u8>, Fault> {
        let request_id = meta.request_id.clone();
        let call = Call::new(R::decode(packet.data)?, meta);
        let handling = AssertUnwindSafe((self.handler)(call, &self.resources)).catch_unwind();
        let reply = match handling.await {
            Ok(Ok(reply)) => bus::encode_response(&reply).map_err(Failure::broken),
            Ok(Err(failure)) => Err(failure),
            // The panic's own words went to standard error when it happened.
            Err(_) => Err(Failure::broken("the handler panicked")),
        };
        reply.map_err(|failure| {
            if let Some(causes) = failure.causes() {
                tracing::error!(pattern = R::PATTERN, request_id, error = causes, "a request failed on our side");
            }
            failure.into_fault(Circumstances { safe: R::SAFE, redelivered: delivery.is_redelivered() })
        })
    }
}

fn duration_ms(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 100.0
}
