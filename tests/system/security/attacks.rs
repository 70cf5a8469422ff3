//! The first things an attacker tries: forged tokens, other users' data, and every route without permission.

use std::fs;

use contracts::{CONTRACTS, PATTERNS};
use gateway::routing::table::TABLE;
use gateway::{Route, Source};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use system_tests::http::Call;
use system_tests::keys::Pair;
use system_tests::problem::problem;
use system_tests::token::{self, keys, now, sign};
use system_tests::{Person, Stack};

/// A request for a route, with what belongs to this person in its address and a good message in its body.
fn request(stack: &Stack, route: &Route, victim: &Person, order: &str) -> Call {
    let theirs = if route.path.starts_with("/users/") { victim.id.as_str() } else { order };
    let path = match route.path.split_once('{') {
        Some((before, rest)) => format!("{before}{theirs}{}", rest.split_once('}').unwrap().1),
        None => route.path.into(),
    };
    let call = stack.http.call(route.method, &path);
    match (route.source, CONTRACTS.iter().find(|contract| Some(contract.pattern) == route.pattern())) {
        (Source::Body, Some(contract)) => call.text(contract.example),
        _ => call,
    }
}

#[test]
fn every_guarded_route_is_closed_without_a_token_with_an_expired_one_and_to_other_people() {
    let stack = Stack::start();
    let (victim, other) = (stack.register(), stack.register());
    let order = victim.place("theirs")["id"].as_str().unwrap().to_owned();
    let expired = sign(&json!({ "iss": "users", "aud": "gateway", "sub": victim.id, "exp": now() - 1 }));
    let rows_before = stack.orders_db().count("orders");
    for route in TABLE.iter().filter(|route| route.guarded) {
        let ask = || request(&stack, route, &victim, &order);
        problem(&ask().send(), 401, "missing_token");
        problem(&ask().token(&expired).send(), 401, "session_expired");
        problem(&ask().token("made.up.token").send(), 401, "invalid_token");
        problem(&ask().token(&victim.refresh_token).send(), 401, "invalid_token");
        if route.path.contains('{') {
            let answer = ask().token(&other.token).send();
            assert!(matches!(answer.status, 403 | 404), "{} {}: {}", route.method, route.path, answer.body);
            for theirs in [&victim.email, "theirs"] {
                assert!(!answer.body.contains(theirs), "{}: {}", route.path, answer.body);
            }
        }
    }
    assert_eq!(stack.orders_db().count("orders"), rows_before);
}

#[test]
fn without_a_token_only_sign_up_in_and_out_reach_workers() {
    let open: Vec<&str> = TABLE.iter().filter(|route| !route.guarded).filter_map(Route::pattern).collect();
    let meant = ["users.register", "users.login", "users.refresh", "users.logout"];
    assert!(open.iter().all(|pattern| meant.contains(pattern)), "{open:?}");
    assert!(meant.iter().all(|pattern| PATTERNS.contains(pattern)));
}

fn forged(header: &Header, secret: &[u8]) -> String {
    encode(header, &token::claims("victim"), &EncodingKey::from_secret(secret)).unwrap()
}

#[test]
fn a_token_signed_with_the_public_key_is_refused() {
    let stack = Stack::start();
    let published = stack.http.get("/.well-known/jwks.json").send().expect(200);
    let jwk = published.json()["keys"][0].clone();
    let (kid, x) = (jwk["kid"].as_str().unwrap(), jwk["x"].as_str().unwrap());
    let pem = fs::read(keys().join("public.pem")).unwrap();
    let trimmed = pem.trim_ascii_end();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in [&pem[..], trimmed, x.as_bytes(), published.body.as_bytes(), b"", b"secret"] {
            for named in [None, Some(kid.to_owned())] {
                let header = Header { kid: named, ..Header::new(algorithm) };
                let answer = stack.http.get("/orders").token(&forged(&header, secret)).send();
                problem(&answer, 401, "invalid_token");
            }
        }
    }
}

#[test]
fn the_header_of_a_token_cannot_choose_the_key() {
    let stack = Stack::start();
    let own = Pair::new(Algorithm::EdDSA);
    let published = stack.http.get("/.well-known/jwks.json").send().expect(200).json();
    let jwk =
        || serde_json::from_str(&system_tests::keys::jwks(&[&own])).map(|set: Value| set["keys"][0].clone()).unwrap();
    let plain = || Header::new(Algorithm::EdDSA);
    let kid = |kid: &str| Header { kid: Some(kid.into()), ..plain() };
    for header in [
        plain(),
        kid(published["keys"][0]["kid"].as_str().unwrap()),
        kid(own.public().to_str().unwrap()),
        kid("../../../../../../dev/null"),
        kid("' UNION SELECT 'key' --"),
        kid("\0"),
        kid(&"k".repeat(3_000)),
        Header { jwk: serde_json::from_value(jwk()).ok(), ..plain() },
        Header { jku: Some("http://127.0.0.1:1/jwks.json".into()), ..plain() },
        Header { x5u: Some("http://127.0.0.1:1/key.pem".into()), ..plain() },
    ] {
        let token = own.sign_as(&header, &token::claims("victim"));
        problem(&stack.http.get("/orders").token(&token).send(), 401, "invalid_token");
    }
}

#[test]
fn a_token_expires_to_the_second() {
    let stack = Stack::start();
    let with = |exp: u64| {
        let mut claims = token::claims("u");
        claims["exp"] = json!(exp);
        stack.http.get("/orders").token(&sign(&claims)).send()
    };
    with(now() + 2).expect(200);
    problem(&with(now()), 401, "session_expired");
    problem(&with(now() - 1), 401, "session_expired");
}

#[test]
fn a_huge_token_and_two_tokens_are_refused() {
    let stack = Stack::start();
    let mut claims = token::claims("u");
    claims["padding"] = "x".repeat(5_000).into();
    let large = sign(&claims);
    stack.http.get("/orders").token(&large).send().expect(200);
    problem(&stack.http.get("/orders").token(&"x".repeat(17 * 1024)).send(), 431, "headers_too_large");
    let good = format!("Bearer {}", sign(&token::claims("u")));
    let twice = stack.http.get("/orders").header("authorization", &good).header("authorization", &good);
    problem(&twice.send(), 401, "invalid_token");
}

#[test]
fn one_kind_of_token_does_not_pass_for_the_other() {
    let stack = Stack::start();
    let person = stack.register();
    problem(&stack.http.get("/users/profile").token(&person.refresh_token).send(), 401, "invalid_token");
    // Too long for a refresh token, or unknown: either way it opens nothing.
    assert!(matches!(stack.refresh(&person.token).status, 401 | 422));
    problem(&stack.refresh(&person.token[..200]), 401, "session_ended");
    stack.refresh(&person.refresh_token).expect(200);
}
