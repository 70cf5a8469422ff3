//! Cross-origin calls from pages, allowed and not.

use crate::gateway_fixture::GatewayFixture;

const KNOWN: &str = "Origin: http://localhost:3000";
const UNKNOWN: &str = "Origin: http://localhost:3001";

#[test]
fn a_page_of_a_known_origin_may_read_every_answer() {
    let house = GatewayFixture::open();
    for (path, status) in [("/", 404), ("/orders", 401)] {
        let response = house.ask("GET", path, &[KNOWN], "");
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
    let house = GatewayFixture::open();
    for headers in [&[UNKNOWN][..], &["Origin: null"], &["Origin: http://localhost:3000.example"], &[]] {
        let response = house.ask("GET", "/", headers, "");
        assert_eq!(response.header("access-control-allow-origin"), None);
        assert_eq!(response.header("access-control-allow-credentials"), None);
        assert_eq!(response.header("vary"), Some("Origin"));
    }
}

#[test]
fn a_preflight_learns_what_the_page_may_do() {
    let house = GatewayFixture::open();
    let wants = "Access-Control-Request-Method: POST";
    let response = house.ask("OPTIONS", "/orders", &[KNOWN, wants], "");
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(response.header("access-control-allow-methods"), Some("POST, GET, HEAD, OPTIONS"));
    let headers = "Content-Type, Accept, Authorization, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent, \
                   tracestate, baggage, If-None-Match";
    assert_eq!(response.header("access-control-allow-headers"), Some(headers));
    assert_eq!(response.header("content-length"), None);

    let response = house.ask("OPTIONS", "/orders", &[UNKNOWN, wants], "");
    assert_eq!((response.status, response.header("access-control-allow-methods")), (204, None));
    assert_eq!(response.header("access-control-allow-origin"), None);
    house.ask("OPTIONS", "/nothing", &[KNOWN, wants], "").problem(404, "route_not_found");
}

#[test]
fn anybody_may_ask_what_methods_a_path_knows() {
    let response = GatewayFixture::open().ask("OPTIONS", "/users/login", &[], "");
    assert_eq!((response.status, response.header("allow")), (204, Some("POST, OPTIONS")));
    assert!(response.header("x-request-id").is_some());
}

#[test]
fn an_answer_that_varies_by_more_than_its_origin_says_both() {
    let house = GatewayFixture::open();
    let vary = |path: &str, headers: &[&str]| {
        let response = house.connect().ask("HEAD", path, headers, "");
        (response.all("vary").join(", "), response.header("content-encoding").map(str::to_owned))
    };
    for path in ["/docs/swagger-ui.css", "/docs", "/openapi.json", "/openapi-3.0.json", "/asyncapi.json"] {
        let packed = vary(path, &["Accept-Encoding: gzip"]);
        assert_eq!(packed, ("Accept-Encoding, Origin".into(), Some("gzip".into())), "{path}");
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
    let house = GatewayFixture::open();
    let first = house.ask("GET", "/openapi.json", &[], "");
    let tag = first.header("etag").unwrap();
    for method in ["GET", "HEAD"] {
        let again = house.ask(method, "/openapi.json", &[&format!("If-None-Match: \"x\", W/{tag}")], "");
        assert_eq!((again.status, again.header("etag"), again.body.as_str()), (304, Some(tag), ""), "{method}");
        assert_eq!(again.all("vary").join(", "), "Accept-Encoding, Origin");
    }
    assert_eq!(house.ask("GET", "/openapi.json", &["If-None-Match: \"x\""], "").status, 200);
}

#[test]
fn the_known_origins_can_be_set() {
    let house =
        GatewayFixture::with(|settings| settings.cors_origins = "https://shop.example, https://b.example".into());
    let allowed = |origin| house.ask("GET", "/", &[origin], "").header("access-control-allow-origin").is_some();
    assert!(allowed("Origin: https://shop.example") && allowed("Origin: https://b.example"));
    assert!(!allowed(KNOWN));
}
