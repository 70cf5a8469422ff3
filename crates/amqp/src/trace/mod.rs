//! Traces: spans of sampled requests go to the exchange `telemetry`, and the gateway remembers the latest of them.
//!
//! A process keeps finished spans in a bounded buffer (`buffer`) and publishes them in batches (`publisher`) over the
//! connection by which it answers status requests. A trace that is not sampled costs only the check of its flag.

mod buffer;
mod context;
pub(crate) mod publisher;
pub(crate) mod store;

pub use crate::trace::buffer::dropped_spans;
pub use crate::trace::context::{ActiveSpan, SpanDetails, TraceContext};
