//! Serves one pattern: takes requests from its queue, runs the handler, replies and acknowledges.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::trace::SpanDetails;
use amqp::{Broker, Delivery, Error, RequestMetadata, RequestPacket, RpcConsumer};
use contracts::control::{ProcessInfo, ProcessKind};
use contracts::telemetry::SpanKind;
use contracts::{Code, Fault};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use runtime::{Backoff, Shutdown, StartError, Supervised, supervise};
use serde_json::value::RawValue;

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::failure::{Circumstances, Failure};
use crate::health::Health;
use crate::meter::{self, METER};
use crate::rpc::availability::Availability;
use crate::trace;

/// A handler without its types: the message's text in, the body of the reply out.
pub(crate) trait Handle {
    fn handle<'a>(&'a self, data: &'a RawValue, meta: RequestMetadata) -> LocalBoxFuture<'a, Result<Vec<u8>, Failure>>;
}

/// Serves a pattern with a handler.
pub(crate) struct Server<'h> {
    spec: ProcessSpec,
    handler: &'h dyn Handle,
    broker: Broker,
    prefetch: u16,
    stop: Shutdown,
    availability: Availability,
    health: Health,
    info: Arc<ProcessInfo>,
}

/// The requests in progress. Each resolves to whether its reply and its acknowledgement were handed over.
type Running<'a> = FuturesUnordered<LocalBoxFuture<'a, Result<(), Error>>>;

/// The sessions of a server, one after another. Requests that a broken session leaves running finish during the next
/// one.
struct Sessions<'a> {
    server: &'a Server<'a>,
    running: Running<'a>,
}

impl Supervised for Sessions<'_> {
    type Connection = RpcConsumer;
    type Error = Error;

    async fn connect(&mut self) -> Result<RpcConsumer, Error> {
        let Server { broker, spec, prefetch, .. } = self.server;
        self.meanwhile(RpcConsumer::open(broker, spec.name, *prefetch)).await
    }

    async fn serve(&mut self, deliveries: RpcConsumer, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        METER.connected();
        let (connection, info) = (deliveries.control(), Arc::clone(&self.server.info));
        let health = self.server.health.clone();
        tokio::select! {
            ended = self.session(deliveries) => ended,
            never = connection.answer(&info, || meter::stats(&info, health.database())) => match never {},
        }
    }

    fn failed(&mut self, error: &Error) {
        tracing::warn!(error = %error, "no connection to the broker");
    }

    fn is_silence(error: &Error) -> bool {
        error.is_silence()
    }

    async fn pause(&mut self, pause: Duration) {
        self.meanwhile(tokio::time::sleep(pause)).await;
    }
}

impl Sessions<'_> {
    /// Serves until the connection breaks (an error), or a shutdown was requested and the drain is over.
    async fn session(&mut self, mut deliveries: RpcConsumer) -> Result<(), Error> {
        let (server, running) = (self.server, &mut self.running);
        server.availability.begin(&mut deliveries).await?;
        tracing::info!(pattern = server.spec.name, prefetch = server.prefetch, "serving");
        runtime::notify_ready();
        loop {
            tokio::select! {
                () = server.stop.requested() => break,
                Some(settled) = running.next() => settled?,
                () = server.availability.due() => server.availability.review(&mut deliveries).await?,
                // At most the prefetch, plus what an earlier session left running and one redelivered request.
                delivery = deliveries.next(), if running.len() <= usize::from(server.prefetch) => {
                    running.push(server.serve(delivery?).boxed_local());
                }
            }
        }
        deliveries.cancel().await?;
        self.finish().await;
        deliveries.close().await;
        Ok(())
    }

    /// Waits for a future while the running requests continue.
    async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                outcome = &mut other => return outcome,
                // The request's session is gone, so it cannot be settled, and the broker delivers it again.
                Some(_) = self.running.next() => {}
            }
        }
    }

    /// Waits for the running requests, until they are done or the grace period is over.
    async fn finish(&mut self) {
        loop {
            tokio::select! {
                () = self.server.stop.forced() => {
                    tracing::warn!(left = self.running.len(), "requests left unfinished; the broker delivers them again");
                    return;
                }
                settled = self.running.next() => if settled.is_none() { return },
            }
        }
    }
}

impl<'h> Server<'h> {
    /// Takes `lookahead` times as many requests as the process works on at a time.
    pub(crate) fn new(
        start: Bootstrap,
        spec: ProcessSpec,
        handler: &'h dyn Handle,
        lookahead: u16,
    ) -> Result<Self, StartError> {
        let prefetch = start.prefetch().saturating_mul(lookahead);
        let health = start.health();
        let availability = Availability::new(spec.name, health.clone());
        let (broker, stop) = start.finish()?;
        let info = Arc::new(amqp::identify(spec.name, ProcessKind::Worker, None));
        METER.set_prefetch(prefetch);
        Ok(Self { spec, handler, broker, prefetch, stop, availability, health, info })
    }
}

impl Server<'_> {
    /// Serves until a shutdown was requested and every request is answered.
    pub(crate) fn run(&self) -> LocalBoxFuture<'_, Result<(), StartError>> {
        // Boxed by a plain function, so that its code is compiled once and not for each worker.
        self.supervised().boxed_local()
    }

    async fn supervised(&self) -> Result<(), StartError> {
        let mut sessions = Sessions { server: self, running: Running::new() };
        let ended = supervise(&mut sessions, self.stop.requested()).await;
        ended.map_err(|error| StartError::failed("giving up for a fresh start", error))?;
        sessions.finish().await;
        Ok(())
    }

    /// Takes one request from delivery to acknowledgement.
    async fn serve(&self, delivery: Delivery) -> Result<(), Error> {
        let begun = Instant::now();
        let _in_flight = METER.begin();
        let waited = delivery.queue_wait();
        if let Some(waited) = waited {
            METER.queue_wait.note(waited);
        }
        let packet = RequestPacket::decode(delivery.body());
        let mut meta = delivery.meta(self.spec.name, packet.as_ref().ok());
        let (request_id, traceparent) = (meta.request_id.clone(), meta.traceparent.clone());
        let (message_id, span) = (meta.message_id, trace::begin_handling(&mut meta, self.spec.name, waited));
        let log = |status: &'static str| {
            METER.count(status, 1);
            METER.handling.note(begun.elapsed());
            if let Some(span) = &span {
                let error = (status != "ok").then_some(status);
                let details = SpanDetails { error, request_id: Some(&request_id), message_id: Some(message_id) };
                span.finish(SpanKind::Consumer, format!("handle {}", self.spec.name), &details);
            }
            tracing::info!(
                pattern = self.spec.name,
                status,
                duration_ms = duration_ms(begun),
                request_id,
                traceparent,
                redelivered = delivery.is_redelivered(),
                "handled"
            );
        };
        if meta.deadline.is_past() {
            // The caller was told that the outcome is unknown, or is gone: executing the request now helps nobody.
            log("expired");
            return delivery.acknowledge();
        }
        if !delivery.can_be_answered().await? {
            log("unanswerable");
            return delivery.acknowledge();
        }
        let outcome = match self.acceptable(packet, &delivery, &request_id) {
            Ok(packet) => {
                if !self.spec.safe {
                    delivery.announce().await?;
                }
                trace::within(span.as_ref(), self.work(packet.message(), meta)).await
            }
            Err(fault) => Err(fault.into()),
        };
        let outcome = match outcome {
            Ok(reply) => Ok(reply),
            Err(failure) if self.is_for_another(&failure, &delivery).await => {
                log("returned");
                return delivery.requeue();
            }
            Err(failure) => Err(self.fault(failure, &request_id, &delivery)),
        };
        // Lets other ready tasks run first, so that several replies leave by one wake-up of lapin's thread.
        tokio::task::yield_now().await;
        match outcome {
            Ok(reply) => {
                log("ok");
                delivery.settle(&reply).await
            }
            Err(fault) => {
                log(fault.code.as_str());
                delivery.settle(&amqp::encode_fault(&fault)).await
            }
        }
    }

    /// The packet, if the handler may get it.
    fn acceptable<'p>(
        &self,
        packet: Result<RequestPacket<'p>, serde_json::Error>,
        delivery: &Delivery,
        request_id: &str,
    ) -> Result<RequestPacket<'p>, Fault> {
        let pattern = self.spec.name;
        if let Some(why) = delivery.unreadable() {
            return Err(Fault::new(Code::MalformedJson, format!("The message is refused: {why}.")));
        }
        if delivery.is_given_up() {
            let error = "it crashed its worker repeatedly";
            tracing::error!(pattern, request_id, error, "a request is given up");
            return Err(Fault::new(Code::Internal, "Something broke on our side."));
        }
        let packet = packet.map_err(|_| Fault::new(Code::MalformedJson, "The message is not a request packet."))?;
        if packet.names_another_pattern(pattern) {
            let message = format!("This is the queue of {pattern}, and the packet asks for another pattern.");
            return Err(Fault::new(Code::WrongPattern, message));
        }
        Ok(packet)
    }

    /// Runs the handler.
    async fn work(&self, data: &RawValue, meta: RequestMetadata) -> Result<Vec<u8>, Failure> {
        let handling = AssertUnwindSafe(self.handler.handle(data, meta)).catch_unwind();
        // The panic hook has written the panic's message to standard error.
        handling.await.unwrap_or_else(|_| Err(Failure::broken("the handler panicked")))
    }

    /// Whether another copy can do what this one cannot. Only at the first delivery, so that requests do not circulate.
    async fn is_for_another(&self, failure: &Failure, delivery: &Delivery) -> bool {
        !delivery.is_redelivered()
            && failure.is_for_another(self.spec.safe)
            && self.availability.leaves_to_others().await
    }

    /// Converts a failure to the caller's fault, and logs the causes that the fault does not show.
    fn fault(&self, failure: Failure, request_id: &str, delivery: &Delivery) -> Fault {
        let causes = failure.causes();
        let circumstances = Circumstances { safe: self.spec.safe, redelivered: delivery.is_redelivered() };
        let fault = failure.into_fault(circumstances);
        if let Some(causes) = causes {
            self.log_failure(&fault, request_id, &causes);
        }
        fault
    }

    /// A defect of ours is an error; a missing or busy dependency is a warning.
    fn log_failure(&self, fault: &Fault, request_id: &str, causes: &str) {
        let (pattern, code) = (self.spec.name, fault.code.as_str());
        if fault.code == Code::Internal {
            tracing::error!(pattern, code, request_id, error = causes, "a request failed on our side");
        } else {
            tracing::warn!(pattern, code, request_id, error = causes, "a request failed on our side");
        }
    }
}

fn duration_ms(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 100.0
}
