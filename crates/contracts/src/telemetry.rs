//! Spans of traces, as processes publish them on the exchange `telemetry`, and the requests for them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a span stands for, as in OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// An HTTP request that was served.
    Server,
    /// A request that waited for its response: a call or an SQL statement.
    Client,
    /// A message that was published.
    Producer,
    /// A message that was handled.
    Consumer,
    /// Anything else.
    Internal,
}

/// A finished operation of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// The trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The span, 16 hexadecimal digits.
    pub span_id: String,
    /// The span that caused it; it may be one of the client.
    pub parent_span_id: Option<String>,
    /// The name that its process reports under.
    pub process: String,
    /// What was done, such as `handle orders.create`. Never contains values.
    pub name: String,
    /// What the span stands for.
    pub kind: SpanKind,
    /// When it started, in microseconds since 1970.
    pub start_us: u64,
    /// Its duration in microseconds.
    pub duration_us: u64,
    /// The error code or outcome if it failed.
    pub error: Option<String>,
    /// The id of the HTTP request.
    pub request_id: Option<String>,
    /// The id of the message; that of an order that was created without an idempotency key.
    pub message_id: Option<Uuid>,
}

/// The spans that a process publishes together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SpanBatch {
    /// The spans.
    pub spans: Vec<Span>,
}

/// The request `trace`: asks a gateway for a trace that it remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum TraceRequest {
    /// By the id of a trace, an HTTP request, or a message.
    #[cfg_attr(feature = "schema", schemars(title = "TraceById"))]
    Id(String),
    /// The one in which this pattern or listener took longest.
    #[cfg_attr(feature = "schema", schemars(title = "SlowestTrace"))]
    Slowest(String),
}

/// The response to `trace`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// The spans of the trace in the order of their start; empty if there are none.
    pub spans: Vec<Span>,
}
