//! `GET /metrics` on the admin listener: the metrics of this gateway, of every process that responds on the exchange
//! `control`, and of each queue at the broker, as OpenMetrics text.
//!
//! Names follow OpenTelemetry's semantic conventions where they exist (HTTP is stable; messaging 1.29 is still "in
//! development"), otherwise Prometheus' rules. Labels are our own names and the ids of processes, so the number of series is
//! bounded.

mod families;

use std::collections::BTreeMap;
use std::time::Duration;

use amqp::topology::{dead_queue, retry_queue};
use amqp::{Depth, RpcClient, SystemStatus};
use contracts::control::{ProcessInfo, Stats};
use contracts::naming::service;
use contracts::{LISTENERS, PATTERNS};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::{Registry, Unit};
use tokio::time::timeout;

use crate::endpoints::prometheus::families::{Families, Labels, Value};
use crate::endpoints::system::depths;
use crate::metrics::requests::RequestMetrics;

/// The media type of OpenMetrics text.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The most time for collecting from the processes, which have 250 ms to respond.
const TIMEOUT: Duration = Duration::from_secs(1);

/// All current metrics. Those that cannot be collected are omitted.
pub(crate) async fn text(
    rpc: &RpcClient,
    requests: &RequestMetrics,
    own: &ProcessInfo,
    delays_ms: &[u32],
) -> Result<String, std::fmt::Error> {
    let poll = async { timeout(TIMEOUT, rpc.stats()).await.ok().and_then(Result::ok) };
    let (status, queues) = tokio::join!(poll, depths(rpc, all_queues(delays_ms)));
    let mut families = Families::default();
    let help = "Whether there is a usable connection to the broker";
    gauge(&mut families, "gateway_broker_connected", help, [], f64::from(u8::from(rpc.is_connected())));
    // Only this gateway's own stats: other gateways are scraped themselves.
    add_process(&mut families, &requests.stats(own));
    if let Some(status) = status.as_deref() {
        add_processes(&mut families, status);
    }
    add_queues(&mut families, queues);
    let mut collected = Registry::default();
    collected.register_collector(Box::new(families));
    let mut text = String::new();
    requests.write(&mut text)?;
    encode_registry(&mut text, &collected)?;
    encode_eof(&mut text)?;
    Ok(text)
}

fn all_queues(delays_ms: &[u32]) -> Vec<String> {
    let listeners = LISTENERS.iter().flat_map(|listener| {
        let retries = delays_ms.iter().map(|delay_ms| retry_queue(listener.name, *delay_ms));
        [listener.name.to_owned(), dead_queue(listener.name)].into_iter().chain(retries)
    });
    PATTERNS.iter().map(|pattern| (*pattern).to_owned()).chain(listeners).collect()
}

fn add_queues(families: &mut Families, queues: BTreeMap<String, Option<Depth>>) {
    for (queue, depth) in queues {
        let Some(depth) = depth.filter(|depth| depth.exists) else { continue };
        let (waiting, consumers) = (f64::from(depth.waiting), f64::from(depth.consumers));
        if let Some(listener) = queue.strip_suffix(".dead") {
            let help = "Events that could not be handled and wait for an operator";
            gauge(families, "messaging_dead_letters", help, [("pattern", listener)], waiting);
            continue;
        }
        let help = "Messages that wait in a queue of the broker";
        gauge(families, "messaging_queue_messages", help, [("queue", queue.as_str())], waiting);
        let help = "Processes that consume a queue";
        gauge(families, "messaging_queue_consumers", help, [("queue", queue.as_str())], consumers);
    }
}

fn add_processes(families: &mut Families, status: &SystemStatus) {
    for stats in status.answers().filter(|stats| stats.name != "gateway") {
        add_process(families, stats);
    }
    for (name, number) in status.unresponsive() {
        let help = "Processes that are connected to the broker and do not respond";
        let labels = [("service", service(name)), ("pattern", name.as_str())];
        gauge(families, "process_unresponsive", help, labels, f64::from(*number));
    }
}

/// Adds the metrics of a process.
fn add_process(families: &mut Families, stats: &Stats) {
    let instance = stats.instance.to_string();
    let of = || -> Labels {
        vec![("service", service(&stats.name).into()), ("pattern", stats.name.clone()), ("instance", instance.clone())]
    };
    let with =
        |name: &'static str, value: &str| -> Labels { of().into_iter().chain([(name, value.to_owned())]).collect() };
    if let Some(info) = &stats.process {
        let mut labels = with("version", &info.version);
        labels.push(("kind", info.kind.as_str().into()));
        families.add(
            "signalbox_build_info",
            None,
            "The release that a process was built from",
            labels,
            Value::Gauge(1.0),
        );
        let (help, started) = ("Start time of a process, in seconds since 1970", info.started_at.0.as_millisecond());
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay far below 2^53")]
        families.add("process_start_time", Some(Unit::Seconds), help, of(), Value::Gauge(started as f64 / 1e3));
    }
    if let Some(reachable) = stats.database {
        let help = "Whether a process can use its database";
        families.add("db_client_connected", None, help, of(), Value::Gauge(f64::from(u8::from(reachable))));
    }
    if let Some(outbox) = stats.outbox {
        let help = "Whether a relay is the leader, which publishes";
        families.add("outbox_leader", None, help, of(), Value::Gauge(f64::from(u8::from(outbox.leader))));
        let help = "Events that are recorded and not yet published";
        let unpublished = outbox.unpublished.map(number);
        families.add_some("outbox_unpublished", None, help, of(), unpublished.map(Value::Gauge));
        let oldest = outbox.unpublished.map(|_| outbox.oldest_unpublished_s.unwrap_or_default());
        let help = "How long the oldest unpublished event has waited";
        families.add_some("outbox_oldest_unpublished", Some(Unit::Seconds), help, of(), oldest.map(Value::Gauge));
    }
    let Some(work) = &stats.work else { return };
    let seconds = || Some(Unit::Seconds);
    for (outcome, count) in &work.outcomes {
        let help = "Messages that a process has handled, by outcome";
        let labels = with("outcome", outcome);
        families.add("messaging_client_consumed_messages", None, help, labels, Value::Counter(number(*count)));
    }
    let help = "Messages that a process is handling";
    families.add("messaging_process_in_flight", None, help, of(), Value::Gauge(work.in_flight.into()));
    if let Some(consuming) = work.consuming {
        let help = "Whether a process consumes its queue";
        families.add("messaging_process_consuming", None, help, of(), Value::Gauge(f64::from(u8::from(consuming))));
    }
    let help = "Reconnections to the broker";
    families.add("messaging_reconnects", None, help, of(), Value::Counter(number(work.reconnects)));
    let help = "Spans of sampled traces that could not be published";
    families.add("telemetry_dropped_spans", None, help, of(), Value::Counter(number(work.dropped_spans)));
    let help = "How long requests waited in their queue";
    let waits = work.queue_wait.clone();
    families.add_some("messaging_queue_wait_duration", seconds(), help, of(), waits.map(Value::Histogram));
    let help = "How long each message was handled";
    let handling = work.handling.clone();
    families.add_some("messaging_process_duration", seconds(), help, of(), handling.map(Value::Histogram));
    let help = "How long each SQL statement took";
    let statements = work.database_time.clone();
    families.add_some("db_client_operation_duration", seconds(), help, of(), statements.map(Value::Histogram));
    let help = "Resident memory of a process";
    let memory = work.memory_bytes.map(number);
    families.add_some("process_resident_memory", Some(Unit::Bytes), help, of(), memory.map(Value::Gauge));
    let help = "Processor time used by a process";
    families.add_some("process_cpu", seconds(), help, of(), work.cpu_s.map(Value::Counter));
}

fn gauge<'l>(
    families: &mut Families,
    name: &'static str,
    help: &'static str,
    labels: impl IntoIterator<Item = (&'static str, &'l str)>,
    value: f64,
) {
    let labels = labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    families.add(name, None, help, labels, Value::Gauge(value));
}

#[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use contracts::control::{Histogram, OutboxStats, WorkStats};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_process_becomes_series_with_its_labels() {
        let work = WorkStats {
            outcomes: [("ok".to_owned(), 3)].into(),
            handling: Some(Histogram { bounds_s: vec![0.1, 1.0], counts: vec![2, 0, 1], sum_s: 5.5 }),
            memory_bytes: Some(4096),
            ..WorkStats::default()
        };
        let outbox = OutboxStats { leader: true, unpublished: Some(2), oldest_unpublished_s: Some(1.5) };
        let stats = Stats {
            name: "orders.relay".into(),
            instance: Uuid::nil(),
            database: Some(true),
            outbox: Some(outbox),
            process: None,
            work: Some(work),
        };
        let mut families = Families::default();
        add_process(&mut families, &stats);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(families));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        let labels = r#"service="orders",pattern="orders.relay",instance="00000000-0000-0000-0000-000000000000""#;
        for line in [
            format!(r#"messaging_client_consumed_messages_total{{{labels},outcome="ok"}} 3.0"#),
            format!(r#"messaging_process_duration_seconds_bucket{{le="0.1",{labels}}} 2"#),
            format!(r#"messaging_process_duration_seconds_bucket{{le="+Inf",{labels}}} 3"#),
            format!("messaging_process_duration_seconds_sum{{{labels}}} 5.5"),
            format!("outbox_oldest_unpublished_seconds{{{labels}}} 1.5"),
            format!("process_resident_memory_bytes{{{labels}}} 4096.0"),
            "# TYPE process_resident_memory_bytes gauge".into(),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
