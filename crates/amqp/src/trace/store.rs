//! The latest spans of all processes, in the memory of a gateway.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use contracts::telemetry::{Span, Trace, TraceRequest};

/// The store of this gateway.
pub(crate) static STORE: SpanStore = SpanStore::new();

/// The most spans that are kept; the oldest are forgotten. About 2 MiB.
const KEPT: usize = 4_096;
/// The most spans in an answer.
const MOST: usize = 1_000;

/// Spans in the order in which they arrived.
pub(crate) struct SpanStore(Mutex<VecDeque<Span>>);

impl SpanStore {
    const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    pub(crate) fn add(&self, spans: Vec<Span>) {
        let mut kept = self.lock();
        kept.extend(spans);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }

    /// The spans of a trace.
    pub(crate) fn find(&self, request: &TraceRequest) -> Trace {
        let kept = self.lock();
        let traces: HashSet<&str> = match request {
            TraceRequest::Id(id) => kept.iter().filter(|span| has_id(span, id)).map(trace_of).collect(),
            TraceRequest::Slowest(name) => slowest(&kept, name).map(trace_of).into_iter().collect(),
        };
        let found = kept.iter().filter(|span| traces.contains(span.trace_id.as_str()));
        let mut spans: Vec<Span> = found.take(MOST).cloned().collect();
        spans.sort_by_key(|span| span.start_us);
        Trace { spans }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trace_of(span: &Span) -> &str {
    &span.trace_id
}

/// Whether it is part of the trace, the request or the message with this id.
fn has_id(span: &Span, id: &str) -> bool {
    span.trace_id == id
        || span.request_id.as_deref() == Some(id)
        || span.message_id.is_some_and(|message| message.to_string() == id)
}

/// The longest call to a pattern, or handling of an event by a listener.
fn slowest<'s>(spans: &'s VecDeque<Span>, name: &str) -> Option<&'s Span> {
    let (call, handle) = (format!("call {name}"), format!("handle {name}"));
    let of_it = |wanted: &str| spans.iter().filter(|span| span.name == wanted).max_by_key(|span| span.duration_us);
    of_it(&call).or_else(|| of_it(&handle))
}

#[cfg(test)]
mod tests {
    use contracts::telemetry::SpanKind;
    use uuid::Uuid;

    use super::*;

    fn span(trace: &str, start_us: u64, request: Option<&str>, message: Option<Uuid>) -> Span {
        Span {
            trace_id: trace.into(),
            span_id: String::new(),
            parent_span_id: None,
            process: String::new(),
            name: String::new(),
            kind: SpanKind::Internal,
            start_us,
            duration_us: 0,
            error: None,
            request_id: request.map(Into::into),
            message_id: message,
        }
    }

    #[test]
    fn the_slowest_call_of_a_pattern_is_found_or_the_slowest_handling_by_a_listener() {
        let store = SpanStore::new();
        let named = |trace: &str, name: &str, duration_us| Span {
            name: name.into(),
            duration_us,
            ..span(trace, 0, None, None)
        };
        store.add(vec![
            named("a", "call x.y", 5),
            named("b", "call x.y", 9),
            named("b", "handle x.y", 2),
            named("c", "call x.z", 99),
            named("d", "handle x.on_y", 1),
        ]);
        let found = |name: &str| store.find(&TraceRequest::Slowest(name.into())).spans;
        let lengths = |name: &str| found(name).iter().map(|span| span.duration_us).collect::<Vec<_>>();
        assert_eq!((lengths("x.y"), lengths("x.on_y"), lengths("x")), (vec![9, 2], vec![1], vec![]));
    }

    #[test]
    fn a_trace_is_found_by_each_of_its_ids_and_the_oldest_spans_are_forgotten() {
        let (store, message) = (SpanStore::new(), Uuid::now_v7());
        store.add(vec![span("a", 2, Some("r-1"), None), span("a", 1, None, Some(message)), span("b", 3, None, None)]);
        let starts = |id: &str| {
            store.find(&TraceRequest::Id(id.into())).spans.iter().map(|span| span.start_us).collect::<Vec<_>>()
        };
        for id in ["a", "r-1", &message.to_string()] {
            assert_eq!(starts(id), [1, 2], "{id}");
        }
        assert_eq!((starts("b"), starts("c")), (vec![3], vec![]));
        store.add((0..KEPT).map(|_| span("d", 4, None, None)).collect());
        assert_eq!((starts("a"), starts("b"), starts("d").len()), (vec![], vec![], MOST));
    }
}
