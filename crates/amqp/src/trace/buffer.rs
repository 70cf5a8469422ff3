//! The finished spans of this process that are to be published: bounded, so that telemetry never costs more than some memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contracts::telemetry::{Span, SpanBatch};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The buffer of this process.
pub(crate) static BUFFER: SpanBuffer = SpanBuffer::new();

/// The most spans that wait; further ones are dropped and counted.
const MOST: usize = 2_048;
/// The most spans in a batch.
const BATCH: usize = 256;
/// How long a span waits for others.
const DELAY: Duration = Duration::from_millis(200);

/// The number of spans that this process could not publish.
pub fn dropped_spans() -> u64 {
    BUFFER.dropped.load(Ordering::Relaxed)
}

/// Spans that wait to be published.
pub(crate) struct SpanBuffer {
    waiting: Mutex<Waiting>,
    added: Notify,
    dropped: AtomicU64,
}

struct Waiting {
    spans: Vec<Span>,
    /// When the next batch is due.
    due: Option<Instant>,
}

impl SpanBuffer {
    const fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting { spans: Vec::new(), due: None }),
            added: Notify::const_new(),
            dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn count_dropped(&self, number: usize) {
        self.dropped.fetch_add(number.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn add(&self, span: Span) {
        let mut waiting = self.lock();
        if waiting.spans.len() >= MOST {
            drop(waiting);
            self.count_dropped(1);
            return;
        }
        waiting.spans.push(span);
        if waiting.due.is_none() {
            waiting.due = Some(Instant::now() + DELAY);
            self.added.notify_one();
        }
    }

    /// The next batch. Cancel-safe.
    pub(crate) async fn next_batch(&self) -> SpanBatch {
        loop {
            let due = self.lock().due;
            match due {
                Some(due) => {
                    sleep_until(due).await;
                    return self.take();
                }
                None => self.added.notified().await,
            }
        }
    }

    fn take(&self) -> SpanBatch {
        let mut waiting = self.lock();
        let number = waiting.spans.len().min(BATCH);
        let spans = waiting.spans.drain(..number).collect();
        // What is left is due at once.
        waiting.due = waiting.due.filter(|_| !waiting.spans.is_empty());
        SpanBatch { spans }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use contracts::telemetry::SpanKind;

    use super::*;

    #[tokio::test]
    async fn spans_leave_in_batches_and_too_many_are_dropped_and_counted() {
        let buffer = SpanBuffer::new();
        let span = |n: usize| Span {
            trace_id: String::new(),
            span_id: n.to_string(),
            parent_span_id: None,
            process: String::new(),
            name: String::new(),
            kind: SpanKind::Internal,
            start_us: 0,
            duration_us: 0,
            error: None,
            request_id: None,
            message_id: None,
        };
        for n in 0..MOST + 3 {
            buffer.add(span(n));
        }
        let mut ids = Vec::new();
        while ids.len() < MOST {
            let batch = buffer.next_batch().await;
            assert_eq!(batch.spans.len(), BATCH);
            ids.extend(batch.spans.into_iter().map(|span| span.span_id));
        }
        assert_eq!(ids, (0..MOST).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!((buffer.lock().due, buffer.dropped.load(Ordering::Relaxed)), (None, 3));
    }
}
