//! Cross-origin requests (CORS), allowed and refused.

use crate::gateway_fixture::GatewayFixture;

const ALLOWED: &str = "Origin: http://localhost:3000";
const OTHER: &str = "Origin: http://localhost:3001";

#[test]
fn a_page_of_an_allowed_origin_may_read_every_answer() {
    let gateway = GatewayFixture::open();
    for (path, status) in [("/", 404), ("/orders", 401)] {
        let response = gateway.request("GET", path, &[ALLOWED], "");
        assert_eq!(response.status, status);
        assert_eq!(response.header("access-control-allow-origin"), Some("http://localhost:3000"));
        assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(
            response.header("access-control-expose-headers"),
            Some(
                "X-Request-Id, Location, Link, X-Total-Count, X-Total-Count-Relation, Retry-After, RateLimit, \
                 RateLimit-Policy, ETag"
            )
        );
        assert_eq!(response.header("vary"), Some("Origin"));
    }
}

#[test]
fn a_page_of_any_other_origin_may_not() {
    let gateway = GatewayFixture::open();
    for headers in [&[OTHER][..], &["Origin: null"], &["Origin: http://localhost:3000.example"], &[]] {
        let response = gateway.request("GET", "/", headers, "");
        assert_eq!(response.header("access-control-allow-origin"), None);
        assert_eq!(response.header("access-control-allow-credentials"), None);
        assert_eq!(response.header("vary"), Some("Origin"));
    }
}

#[test]
fn a_preflight_lists_the_allowed_methods_and_headers() {
    let gateway = GatewayFixture::open();
    let wants = "Access-Control-Request-Method: POST";
    let response = gateway.request("OPTIONS", "/orders", &[ALLOWED, wants], "");
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(response.header("access-control-allow-methods"), Some("POST, GET, HEAD, OPTIONS"));
    let headers = "Content-Type, Accept, Authorization, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent, \
                   tracestate, baggage, If-None-Match";
    assert_eq!(response.header("access-control-allow-headers"), Some(headers));
    assert_eq!(response.header("content-length"), None);

    let response = gateway.request("OPTIONS", "/orders", &[OTHER, wants], "");
    assert_eq!((response.status, response.header("access-control-allow-methods")), (204, None));
    assert_eq!(response.header("access-control-allow-origin"), None);
    gateway.request("OPTIONS", "/nothing", &[ALLOWED, wants], "").problem(404, "route_not_found");
}

#[test]
fn options_lists_the_methods_of_a_path_to_anyone() {
    let response = GatewayFixture::open().request("OPTIONS", "/users/login", &[], "");
    assert_eq!((response.status, response.header("allow")), (204, Some("POST, OPTIONS")));
    assert!(response.header("x-request-id").is_some());
}

#[test]
fn vary_names_the_encoding_and_the_origin() {
    let gateway = GatewayFixture::open();
    let vary = |path: &str, headers: &[&str]| {
        let response = gateway.connect().request("HEAD", path, headers, "");
        (response.all("vary").join(", "), response.header("content-encoding").map(str::to_owned))
    };
    for path in ["/docs/swagger-ui.css", "/docs", "/openapi.json", "/openapi-3.0.json", "/asyncapi.json"] {
        let compressed = vary(path, &["Accept-Encoding: gzip"]);
        assert_eq!(compressed, ("Accept-Encoding, Origin".into(), Some("gzip".into())), "{path}");
        for refusing in [
            "Accept-Encoding: gzip;q=0",
            "Accept-Encoding: identity",
            "Accept-Encoding: *;q=0",
            "Accept-Encoding: gzip;q=0, identity;q=0",
            "X: y",
        ] {
            assert_eq!(vary(path, &[refusing]), ("Accept-Encoding, Origin".into(), None), "{path} {refusing}");
        }
    }
}

#[test]
fn a_document_that_the_client_has_is_304_without_a_body() {
    let gateway = GatewayFixture::open();
    let first = gateway.request("GET", "/openapi.json", &[], "");
    let tag = first.header("etag").unwrap();
    for method in ["GET", "HEAD"] {
        let again = gateway.request(method, "/openapi.json", &[&format!("If-None-Match: \"x\", W/{tag}")], "");
        assert_eq!((again.status, again.header("etag"), again.body.as_str()), (304, Some(tag), ""), "{method}");
        assert_eq!(again.all("vary").join(", "), "Accept-Encoding, Origin");
    }
    assert_eq!(gateway.request("GET", "/openapi.json", &["If-None-Match: \"x\""], "").status, 200);
}

#[test]
fn the_allowed_origins_can_be_set() {
    let gateway =
        GatewayFixture::with(|settings| settings.cors_origins = "https://shop.example, https://b.example".into());
    let allowed = |origin| gateway.request("GET", "/", &[origin], "").header("access-control-allow-origin").is_some();
    assert!(allowed("Origin: https://shop.example") && allowed("Origin: https://b.example"));
    assert!(!allowed(ALLOWED));
}
