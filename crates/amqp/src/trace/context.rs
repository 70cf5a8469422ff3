//! The position in a sampled trace, and the span that is being measured.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contracts::telemetry::{Span, SpanKind};
use uuid::Uuid;

use crate::trace::buffer::BUFFER;

/// The position in a sampled trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
}

/// What else is known of a span when it ends.
#[derive(Debug, Clone, Default)]
pub struct SpanDetails<'a> {
    /// The error code or outcome if it failed.
    pub error: Option<&'a str>,
    /// The id of the HTTP request.
    pub request_id: Option<&'a str>,
    /// The id of the message.
    pub message_id: Option<Uuid>,
}

/// A span that has not ended.
#[derive(Debug, Clone, Copy)]
pub struct ActiveSpan {
    context: TraceContext,
    parent: Option<u64>,
    begun: Instant,
}

impl TraceContext {
    /// Reads a `traceparent` (W3C Trace Context); `None` unless it is valid and its trace is sampled.
    pub fn sampled(traceparent: &str) -> Option<Self> {
        let flags = u8::from_str_radix(traceparent.get(53..55)?, 16).ok()?;
        if flags & 1 == 0 {
            return None;
        }
        let trace_id = u128::from_str_radix(traceparent.get(3..35)?, 16).ok()?;
        let span_id = u64::from_str_radix(traceparent.get(36..52)?, 16).ok()?;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id })
    }

    /// Its `traceparent`.
    pub fn traceparent(self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace_id, self.span_id)
    }

    /// Starts a span below this one.
    pub fn child(self) -> ActiveSpan {
        self.child_since(Instant::now())
    }

    /// A span below this one that has started earlier.
    pub fn child_since(self, begun: Instant) -> ActiveSpan {
        let context = Self { trace_id: self.trace_id, span_id: new_span_id() };
        ActiveSpan { context, parent: Some(self.span_id), begun }
    }
}

impl ActiveSpan {
    /// Starts a new trace with its first span.
    pub fn root() -> Self {
        let context = TraceContext { trace_id: Uuid::now_v7().as_u128(), span_id: new_span_id() };
        Self { context, parent: None, begun: Instant::now() }
    }

    /// The position that its children have as their parent.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Ends the span now. It is published later, or dropped if too many wait.
    pub fn finish(&self, kind: SpanKind, name: String, details: &SpanDetails<'_>) {
        let took = self.begun.elapsed();
        let started = SystemTime::now().checked_sub(took).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        BUFFER.add(Span {
            trace_id: format!("{:032x}", self.context.trace_id),
            span_id: format!("{:016x}", self.context.span_id),
            parent_span_id: self.parent.map(|id| format!("{id:016x}")),
            process: String::new(),
            name,
            kind,
            start_us: micros(started.unwrap_or_default()),
            duration_us: micros(took),
            error: details.error.map(Into::into),
            request_id: details.request_id.map(Into::into),
            message_id: details.message_id,
        });
    }
}

/// The random half of a UUID, which is never zero.
fn new_span_id() -> u64 {
    Uuid::now_v7().as_u64_pair().1
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sampled_traceparent_is_a_context() {
        let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::sampled(sampled).unwrap();
        assert_eq!(context.traceparent(), sampled);
        assert!(TraceContext::sampled(&sampled.replace("-01", "-03")).is_some());
        for other in ["", "00", &sampled.replace("-01", "-00"), &sampled.replace("0af7", "0ag7"), &"ä".repeat(40)] {
            assert_eq!(TraceContext::sampled(other), None, "{other}");
        }
        let child = context.child();
        assert_eq!((child.context.trace_id, child.parent), (context.trace_id, Some(context.span_id)));
        assert_ne!(child.context.span_id, context.span_id);
    }
}
