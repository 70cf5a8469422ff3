//! The spans of a worker, a listener and a relay, in traces that are sampled.

use std::time::{Duration, Instant};

use amqp::trace::{ActiveSpan, SpanDetails, TraceContext};
use amqp::{EventMetadata, OutgoingEvent, RequestMetadata};
use contracts::telemetry::SpanKind;

tokio::task_local! {
    /// The span of the request that is being handled. Set only in sampled traces.
    static CURRENT: TraceContext;
}

/// Begins the span of handling a request, after one of its wait in the queue. What the request causes becomes its child.
pub(crate) fn begin_handling(
    meta: &mut RequestMetadata,
    pattern: &str,
    waited: Option<Duration>,
) -> Option<ActiveSpan> {
    let caller = meta.traceparent.as_deref().and_then(TraceContext::sampled)?;
    let now = Instant::now();
    if let Some(begun) = waited.and_then(|waited| now.checked_sub(waited)) {
        caller.child_since(begun).finish(
            SpanKind::Internal,
            format!("wait in queue {pattern}"),
            &SpanDetails::default(),
        );
    }
    let span = caller.child_since(now);
    meta.traceparent = Some(span.context().traceparent());
    Some(span)
}

/// Runs a handler within its span, if there is one.
pub(crate) async fn within<F: Future>(span: Option<&ActiveSpan>, handler: F) -> F::Output {
    match span {
        Some(span) => CURRENT.scope(span.context(), handler).await,
        None => handler.await,
    }
}

/// Begins the span of an SQL statement of the request that is being handled.
pub(crate) fn begin_statement() -> Option<ActiveSpan> {
    CURRENT.try_with(|handling| handling.child()).ok()
}

/// Begins the span of publishing each event; what listeners do becomes its child.
pub(crate) fn begin_publishing(events: &mut [OutgoingEvent<'_>]) -> Vec<(usize, ActiveSpan)> {
    let mut spans = Vec::new();
    for (index, event) in events.iter_mut().enumerate() {
        if let Some(cause) = event.meta.traceparent.as_deref().and_then(TraceContext::sampled) {
            let span = cause.child();
            event.meta.traceparent = Some(span.context().traceparent());
            spans.push((index, span));
        }
    }
    spans
}

/// Records that events were published.
pub(crate) fn finish_publishing(events: &[OutgoingEvent<'_>], spans: &[(usize, ActiveSpan)]) {
    for (index, span) in spans {
        let event = &events[*index];
        let request_id = event.meta.request_id.as_deref();
        let details = SpanDetails { request_id, message_id: Some(event.meta.id), ..SpanDetails::default() };
        span.finish(SpanKind::Producer, format!("publish {}", event.name), &details);
    }
}

/// Records that a listener has handled an event, which it began at `begun`.
pub(crate) fn record_event(meta: &EventMetadata, listener: &str, status: &str, begun: Instant) {
    let Some(publication) = meta.traceparent.as_deref().and_then(TraceContext::sampled) else { return };
    let error = (!matches!(status, "applied" | "repeated")).then_some(status);
    let details = SpanDetails { error, request_id: meta.request_id.as_deref(), message_id: Some(meta.id) };
    publication.child_since(begun).finish(SpanKind::Consumer, format!("handle {listener}"), &details);
}
