//! A trace as OTLP/JSON, which OpenTelemetry collectors, Jaeger and Tempo accept at `/v1/traces`.

use std::collections::BTreeMap;

use contracts::telemetry::{Span, SpanKind};
use serde_json::{Value, json};

/// An `ExportTraceServiceRequest`.
pub(super) fn export(spans: &[Span]) -> Value {
    let mut by_process: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for span in spans {
        by_process.entry(&span.process).or_default().push(encode(span));
    }
    let resources = by_process.into_iter().map(|(process, spans)| {
        json!({
            "resource": { "attributes": [attribute("service.name", process)] },
            "scopeSpans": [{ "scope": { "name": "signalbox", "version": runtime::VERSION }, "spans": spans }],
        })
    });
    json!({ "resourceSpans": resources.collect::<Vec<_>>() })
}

fn encode(span: &Span) -> Value {
    let message_id = span.message_id.map(|id| attribute("messaging.message.id", &id.to_string()));
    let request_id = span.request_id.as_deref().map(|id| attribute("request_id", id));
    let error = span.error.as_deref().map(|error| attribute("error.type", error));
    let attributes: Vec<Value> = [message_id, request_id, error].into_iter().flatten().collect();
    // Unset, or an error.
    let status = if span.error.is_some() { json!({ "code": 2 }) } else { json!({}) };
    json!({
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id.as_deref().unwrap_or_default(),
        "name": span.name,
        "kind": kind(span.kind),
        // 64-bit numbers are strings in protobuf's JSON.
        "startTimeUnixNano": nanos(span.start_us),
        "endTimeUnixNano": nanos(span.start_us.saturating_add(span.duration_us)),
        "attributes": attributes,
        "status": status,
    })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn nanos(micros: u64) -> String {
    micros.saturating_mul(1_000).to_string()
}

/// The number in OTLP's enumeration.
fn kind(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_encoded_as_otlp_says() {
        let span = Span {
            trace_id: "5b8efff798038103d269b633813fc60c".into(),
            span_id: "eee19b7ec3c1b174".into(),
            parent_span_id: Some("eee19b7ec3c1b173".into()),
            process: "orders.create".into(),
            name: "handle orders.create".into(),
            kind: SpanKind::Consumer,
            start_us: 1_544_712_660_000_000,
            duration_us: 1_000_000,
            error: Some("internal".into()),
            request_id: None,
            message_id: None,
        };
        let request = export(&[span]);
        let resource = &request["resourceSpans"][0];
        let service = json!([{ "key": "service.name", "value": { "stringValue": "orders.create" } }]);
        assert_eq!(resource["resource"]["attributes"], service);
        let error = json!([{ "key": "error.type", "value": { "stringValue": "internal" } }]);
        assert_eq!(
            resource["scopeSpans"][0]["spans"][0],
            json!({
                "traceId": "5b8efff798038103d269b633813fc60c",
                "spanId": "eee19b7ec3c1b174",
                "parentSpanId": "eee19b7ec3c1b173",
                "name": "handle orders.create",
                "kind": 5,
                "startTimeUnixNano": "1544712660000000000",
                "endTimeUnixNano": "1544712661000000000",
                "attributes": error,
                "status": { "code": 2 },
            })
        );
    }
}
