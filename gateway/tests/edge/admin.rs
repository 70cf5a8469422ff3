//! What the probes answer while there is no broker.

use contracts::PATTERNS;
use serde_json::{Value, json};

use crate::gateway_fixture::GatewayFixture;

#[test]
fn livez_is_200_while_the_process_runs() {
    let gateway = GatewayFixture::open();
    let response = gateway.connect_admin().request("GET", "/livez", &[], "");
    assert_eq!((response.status, response.body.as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn a_gateway_without_a_broker_is_not_ready_and_says_why() {
    let gateway = GatewayFixture::open();
    let response = gateway.connect_admin().request("GET", "/readyz", &[], "");
    assert_eq!(response.status, 503);
    let readiness: Value = serde_json::from_str(&response.body).unwrap();
    let patterns: Value = PATTERNS.iter().map(|pattern| ((*pattern).to_owned(), Value::Null)).collect();
    assert_eq!(readiness, json!({"ready": false, "draining": false, "broker": false, "patterns": patterns}));
}

#[test]
fn a_gateway_without_a_broker_serves_its_metrics() {
    let gateway = GatewayFixture::open();
    gateway.request("GET", "/nowhere", &[], "");
    let response = gateway.connect_admin().request("GET", "/metrics", &[], "");
    assert_eq!(
        (response.status, response.header("content-type").unwrap().split(';').next()),
        (200, Some("application/openmetrics-text"))
    );
    let not_found = "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"\",http_response_status_code=\"404\",error_type=\"route_not_found\"} 1";
    for line in [not_found, "gateway_broker_connected 0", "process_resident_memory_bytes{service=\"gateway\"", "# EOF"]
    {
        assert!(response.body.contains(line), "{line} is not in\n{}", response.body);
    }
}

#[test]
fn probes_are_answered_however_many_others_are_connected() {
    let gateway = GatewayFixture::open();
    let idle: Vec<_> = (0..80).map(|_| gateway.connect_admin()).collect();
    let slow: Vec<_> = (0..80)
        .map(|_| {
            let mut slow = gateway.connect_admin();
            slow.send(b"GET /livez HTTP/1.1\r\nHost:");
            slow
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(gateway.connect_admin().request("GET", "/livez", &[], "").status, 200);
    }
    drop((idle, slow));
}

#[test]
fn the_admin_listener_serves_no_other_path() {
    let gateway = GatewayFixture::open();
    gateway.connect_admin().request("GET", "/metric", &[], "").problem(404, "route_not_found");
    gateway.connect_admin().request("POST", "/livez", &[], "").problem(405, "method_not_allowed");
    gateway.request("GET", "/livez", &[], "").problem(404, "route_not_found");
}

#[test]
fn every_pattern_has_a_route() {
    for pattern in PATTERNS {
        assert!(
            gateway::routing::table::TABLE.iter().any(|route| route.patterns().any(|name| name == pattern)),
            "{pattern}"
        );
    }
}
