//! The latest spans of all processes, in the memory of a gateway.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use contracts::telemetry::{Span, Trace};

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

    /// The spans of the trace with this id, or of the traces of a request or a message with this id.
    pub(crate) fn find(&self, id: &str) -> Trace {
        let kept = self.lock();
        let is_meant = |span: &&Span| {
            span.trace_id == id
                || span.request_id.as_deref() == Some(id)
                || span.message_id.is_some_and(|message| message.to_string() == id)
        };
        let traces: HashSet<&str> = kept.iter().filter(is_meant).map(|span| span.trace_id.as_str()).collect();
        let found = kept.iter().filter(|span| traces.contains(span.trace_id.as_str()));
        let mut spans: Vec<Span> = found.take(MOST).cloned().collect();
        spans.sort_by_key(|span| span.start_us);
        Trace { spans }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    fn a_trace_is_found_by_each_of_its_ids_and_the_oldest_spans_are_forgotten() {
        let (store, message) = (SpanStore::new(), Uuid::now_v7());
        store.add(vec![span("a", 2, Some("r-1"), None), span("a", 1, None, Some(message)), span("b", 3, None, None)]);
        let starts = |id: &str| store.find(id).spans.iter().map(|span| span.start_us).collect::<Vec<_>>();
        for id in ["a", "r-1", &message.to_string()] {
            assert_eq!(starts(id), [1, 2], "{id}");
        }
        assert_eq!((starts("b"), starts("c")), (vec![3], vec![]));
        store.add((0..KEPT).map(|_| span("d", 4, None, None)).collect());
        assert_eq!((starts("a"), starts("b"), starts("d").len()), (vec![], vec![], MOST));
    }
}
