//! Decides which traces are sampled: the client decides for its own, and of requests without a trace one in a number starts one.

use std::sync::atomic::{AtomicU64, Ordering};

use amqp::trace::{ActiveSpan, TraceContext};

use crate::http::request_headers::Trace;

/// Starts the spans of requests.
pub(crate) struct Sampler {
    /// One in this many requests without a trace starts one; none with 0.
    one_in: u64,
    count: AtomicU64,
}

impl Sampler {
    pub(crate) fn new(one_in: u64) -> Self {
        Self { one_in, count: AtomicU64::new(0) }
    }

    /// The span of a request, if its trace is sampled.
    pub(crate) fn start(&self, trace: &Trace) -> Option<ActiveSpan> {
        if let Some(parent) = &trace.parent {
            return TraceContext::sampled(parent).map(TraceContext::child);
        }
        let is_next = self.one_in > 0 && (self.count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.one_in);
        is_next.then(ActiveSpan::root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(one_in: u64, parent: Option<&str>) -> usize {
        let sampler = Sampler::new(one_in);
        let trace = || Trace { parent: parent.map(Into::into), state: None };
        (0..100).filter(|_| sampler.start(&trace()).is_some()).count()
    }

    #[test]
    fn the_client_decides_for_its_traces_and_the_setting_for_others() {
        assert_eq!([0, 100, 2, 1].map(|one_in| started(one_in, None)), [0, 1, 50, 100]);
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
        assert_eq!(started(0, Some(&format!("{parent}1"))), 100);
        assert_eq!(started(1, Some(&format!("{parent}0"))), 0);
    }
}
