//! `signalbox trace`: the spans of a request as a waterfall, from the memory of the gateway.

mod otlp;

use std::collections::HashMap;
use std::fmt;

use amqp::find_trace;
use contracts::telemetry::{Span, TraceRequest};
use serde::Serialize;

use crate::error::CliError;
use crate::print::{self, harmless};
use crate::table::{Cell, Table};
use crate::tool::Tool;

/// The width of the bars.
const BAR: u64 = 20;
/// Deeper spans are not indented further: a cycle of parents would have no end.
const DEEPEST: usize = 16;

#[derive(Serialize)]
struct Report {
    id: String,
    spans: Vec<Span>,
}

/// Prints the trace. Fails if no gateway answers or remembers it.
pub(crate) async fn trace(tool: &Tool, request: TraceRequest, as_otlp: bool) -> Result<bool, CliError> {
    let found = find_trace(&tool.broker, &request).await;
    let (TraceRequest::Id(id) | TraceRequest::Slowest(id)) = request;
    let found = found.map_err(|error| tool.broke("cannot request the trace", &error))?;
    let trace = found.ok_or_else(|| CliError::Unavailable("no gateway answers; check that one is running".into()))?;
    if as_otlp && !trace.spans.is_empty() {
        return print::write(format!("{}\n", otlp::export(&trace.spans)).as_bytes());
    }
    let report = Report { id, spans: trace.spans };
    print::report(&report, tool.json)?;
    Ok(!report.spans.is_empty())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(start) = self.spans.iter().map(|span| span.start_us).min() else {
            return writeln!(
                f,
                "{}: no spans. The gateway keeps only the latest, and only those of sampled traces (GATEWAY_TRACE_ONE_IN).",
                harmless(&self.id)
            );
        };
        let end = self.spans.iter().map(|span| span.start_us + span.duration_us).max().unwrap_or(start);
        let mut table = Table::new(["SPAN", "PROCESS", "START", "TOOK", "", "ERROR"]);
        for (span, depth) in in_order(&self.spans) {
            table.row([
                Cell::text(format!("{}{}", "  ".repeat(depth), harmless(&span.name))),
                Cell::text(harmless(&span.process)),
                Cell::number(Some(millis(span.start_us - start))),
                Cell::number(Some(millis(span.duration_us))),
                Cell::text(bar(span, start, end - start)),
                Cell::text(span.error.as_deref().map(harmless).unwrap_or_default()).alarm_if(span.error.is_some()),
            ]);
        }
        write!(f, "{table}")
    }
}

/// The spans with their depth, each after its parent. The spans must be sorted by their start.
fn in_order(spans: &[Span]) -> Vec<(&Span, usize)> {
    let mut children: HashMap<&str, Vec<&Span>> = HashMap::new();
    let known: Vec<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut roots = Vec::new();
    for span in spans {
        match span.parent_span_id.as_deref().filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(span),
            None => roots.push(span),
        }
    }
    let mut waiting: Vec<(&Span, usize)> = roots.into_iter().rev().map(|root| (root, 0)).collect();
    let mut ordered = Vec::with_capacity(spans.len());
    while let Some((span, depth)) = waiting.pop() {
        ordered.push((span, depth));
        let below = children.remove(span.span_id.as_str()).unwrap_or_default();
        waiting.extend(below.into_iter().rev().map(|child| (child, (depth + 1).min(DEEPEST))));
    }
    ordered
}

/// Where the span lies within the trace.
fn bar(span: &Span, start: u64, length: u64) -> String {
    let cells = |micros: u64| micros * BAR / length.max(1);
    let from = cells(span.start_us - start).min(BAR - 1);
    let to = cells(span.start_us - start + span.duration_us).clamp(from + 1, BAR);
    let cell = |n| if (from..to).contains(&n) { '█' } else { ' ' };
    (0..BAR).map(cell).collect::<String>().trim_end().to_owned()
}

/// "12.3 ms"
fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use contracts::telemetry::SpanKind;

    use super::*;

    fn span(id: &str, parent: Option<&str>, start_us: u64, duration_us: u64) -> Span {
        Span {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_span_id: parent.map(Into::into),
            process: "gateway".into(),
            name: id.into(),
            kind: SpanKind::Internal,
            start_us,
            duration_us,
            error: None,
            request_id: None,
            message_id: None,
        }
    }

    #[test]
    fn a_waterfall_shows_each_span_below_its_parent() {
        let spans = vec![
            span("request", Some("browser"), 1_000, 10_000),
            span("call", Some("request"), 2_000, 8_000),
            span("wait", Some("call"), 2_500, 500),
            span("listener", Some("publish"), 4_000, 500),
            span("handle", Some("call"), 6_000, 4_000),
        ];
        let depths: Vec<_> = in_order(&spans).iter().map(|(span, depth)| (span.name.as_str(), *depth)).collect();
        assert_eq!(depths, [("request", 0), ("call", 1), ("wait", 2), ("handle", 2), ("listener", 0)]);
        assert_eq!(bar(&spans[0], 1_000, 10_000), "█".repeat(20));
        assert_eq!(bar(&spans[4], 1_000, 10_000), format!("{}{}", " ".repeat(10), "█".repeat(8)));
        let text = Report { id: "t".into(), spans }.to_string();
        assert!(text.contains("8.0 ms"), "{text}");
    }

    #[test]
    fn spans_that_are_each_others_parents_end() {
        let spans = [span("a", Some("b"), 0, 1), span("b", Some("a"), 0, 1), span("c", Some("c"), 0, 1)];
        assert!(in_order(&spans).is_empty());
    }
}
