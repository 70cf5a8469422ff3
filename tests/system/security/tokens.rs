//! A guarded route accepts a token only if the user service signed it for this gateway and it has not expired.

use std::fs;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use system_tests::problem::problem;
use system_tests::stack::order;
use system_tests::token::{self, keys, now, sign};
use system_tests::{Stack, wait_until};

/// What the user service would sign.
fn claims() -> Value {
    token::claims("made-here")
}

fn with(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[claim] = value;
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

/// Base64url of `{"alg":"none","typ":"JWT"}`.
const ALG_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

#[test]
fn a_token_that_is_not_wholly_right_is_401() {
    let stack = Stack::start();
    let good = sign(&claims());
    stack.http.get("/orders").token(&good).send().expect(200);

    let parts: Vec<&str> = good.split('.').collect();
    let other = sign(&with("sub", json!("somebody-else")));
    let signature_of_another = format!("{}.{}.{}", parts[0], parts[1], other.split('.').next_back().unwrap());
    let public_pem = fs::read(keys().join("public.pem")).unwrap();
    let hmac_with_the_public_key =
        encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(&public_pem)).unwrap();
    let not_ours = encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(b"secret")).unwrap();

    for (what, token) in [
        ("no JWT", "x".to_owned()),
        ("empty", String::new()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("alg none", format!("{ALG_NONE}.{}.", parts[1])),
        ("alg none, signed", format!("{ALG_NONE}.{}.{}", parts[1], parts[2])),
        ("another's signature", signature_of_another),
        ("HS256 with the public key", hmac_with_the_public_key),
        ("HS256", not_ours),
        ("wrong issuer", sign(&with("iss", json!("somebody")))),
        ("wrong audience", sign(&with("aud", json!("somebody")))),
        ("not valid yet", sign(&with("nbf", json!(now() + 600)))),
        ("no issuer", sign(&without("iss"))),
        ("no audience", sign(&without("aud"))),
        ("no subject", sign(&without("sub"))),
        ("no expiry", sign(&without("exp"))),
        ("an empty subject", sign(&with("sub", json!("")))),
        ("a subject with a line break", sign(&with("sub", json!("a\r\nb")))),
        ("expired, from a wrong issuer", {
            let mut claims = with("iss", json!("somebody"));
            claims["exp"] = json!(now() - 60);
            sign(&claims)
        }),
    ] {
        let answer = stack.http.get("/orders").token(&token).send();
        assert_eq!(answer.outcome(), (401, "invalid_token".into()), "{what}");
        problem(&answer, 401, "invalid_token");
    }
    let answer =
        stack.http.get("/orders").header("authorization", "Bearer a").header("authorization", "Bearer b").send();
    problem(&answer, 401, "invalid_token");
}

#[test]
fn an_expired_token_is_401_session_expired() {
    let stack = Stack::start();
    let answer = stack.http.get("/orders").token(&sign(&with("exp", json!(now() - 1)))).send();
    problem(&answer, 401, "session_expired");
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
}

#[test]
fn a_cached_token_expires() {
    let stack = Stack::plan().set("USERS_TOKEN_TTL_S", "2").start();
    let person = stack.register();
    person.get("/orders").send().expect(200);
    let mut answer = person.get("/orders").send();
    wait_until("the token had expired", system_tests::wait::seconds(5), || {
        answer = person.get("/orders").send();
        answer.status != 200
    });
    problem(&answer, 401, "session_expired");
}

#[test]
fn the_caller_of_an_order_is_the_tokens_subject() {
    let stack = Stack::start();
    let token = sign(&with("sub", json!("user-from-elsewhere")));
    let order = stack.http.post("/orders").token(&token).json(&order("x")).send().expect(201).json();
    assert_eq!(order["userId"], "user-from-elsewhere");
    // A header that a client sets does not identify it.
    let answer = stack.http.get("/orders").header("caller", "user-from-elsewhere").send();
    problem(&answer, 401, "missing_token");
}

/// The sample token of the original system's description. Nobody's key signed it, and it has no expiry.
const SAMPLE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJtb2NrVXNlcklkIiwiZW1haWwiOiJ1c2VyQGV4YW1wbGUuY29tIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
    SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

#[test]
fn mock_mode_accepts_the_sample_token_and_logs_it() {
    let stack = Stack::plan().set("GATEWAY_AUTH", "mock").start();
    let order = stack.http.post("/orders").token(SAMPLE).json(&order("mocked")).send().expect(201);
    assert_eq!(order.json()["userId"], "mockUserId");
    let path = order.header("location").to_owned();
    assert_eq!(stack.http.get(&path).token(SAMPLE).send().expect(200).json(), order.json());
    assert_eq!(stack.http.get("/orders").token(SAMPLE).send().expect(200).json(), json!([order.json()]));
    problem(&stack.http.get("/orders").send(), 401, "missing_token");
    problem(&stack.http.get("/orders").token("x").send(), 401, "invalid_token");
    let warned = |line: &str| line.contains("WARN") && line.contains("GATEWAY_AUTH=mock");
    wait_until("it was warned of", system_tests::wait::seconds(2), || {
        stack.process("gateway").log().lines().any(warned)
    });
}

#[test]
fn a_verifying_gateway_refuses_the_sample_token() {
    let stack = Stack::start();
    problem(&stack.http.get("/orders").token(SAMPLE).send(), 401, "invalid_token");
}
