//! Keys are rotated without a failed request, and another issuer's keys are read from a file or an address.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use jsonwebtoken::Algorithm;
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};
use system_tests::feed::LiveSubscription;
use system_tests::keys::{Pair, directory, jwks};
use system_tests::problem::problem;
use system_tests::test_ca::Authority;
use system_tests::token::now;
use system_tests::wait::seconds;
use system_tests::{Stack, token, wait_until};
use uuid::Uuid;

fn publish(pair: &Pair, directory: &Path) {
    fs::copy(pair.public(), directory.join(format!("{}.pem", pair.id()))).unwrap();
}

fn status(stack: &Stack, token: &str) -> u16 {
    stack.http.get("/orders").token(token).send().status
}

#[test]
fn a_key_is_rotated_without_a_failed_request() {
    let (old, new, keys) = (Pair::new(Algorithm::EdDSA), Pair::new(Algorithm::EdDSA), directory("keys"));
    publish(&old, &keys);
    let current = keys.join("private.key");
    fs::copy(old.private(), &current).unwrap();
    let stack = Stack::plan()
        .set("GATEWAY_TOKEN_PUBLIC_KEY_FILE", keys.to_str().unwrap())
        .set("USERS_TOKEN_PRIVATE_KEY_FILE", current.to_str().unwrap())
        .start();
    let before = stack.register();
    let used = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_eq!(used(&before.token), old.id());

    // First the gateway's side, then the workers', one after another.
    publish(&new, &keys);
    fs::copy(new.private(), &current).unwrap();
    for worker in ["users-register", "users-login", "users-refresh"] {
        let process = stack.process(worker);
        stack.launch_worker(worker);
        process.stop(seconds(12));
        assert_eq!(status(&stack, &before.token), 200);
    }
    let after = stack.register();
    assert_eq!(used(&after.token), new.id());
    assert_eq!([status(&stack, &before.token), status(&stack, &after.token)], [200, 200]);
    let refreshed = stack.refresh(&before.refresh_token).expect(200).json();
    assert_eq!(status(&stack, refreshed["access_token"].as_str().unwrap()), 200);

    let published: Value = stack.http.get("/.well-known/jwks.json").send().expect(200).json();
    let ids: Vec<&str> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert!(ids.len() == 2 && ids.contains(&old.id()) && ids.contains(&new.id()), "{ids:?}");
    assert!(published["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()), "no private half");

    // When the last token of the old key has expired, the key is removed; its tokens are refused, cached or not.
    fs::remove_file(keys.join(format!("{}.pem", old.id()))).unwrap();
    wait_until("the old key was forgotten", seconds(15), || status(&stack, &before.token) == 401);
    assert_eq!(status(&stack, &after.token), 200);
}

#[test]
fn a_feed_ends_when_the_key_of_its_token_is_removed_and_no_other_does() {
    let (old, new, keys) = (Pair::new(Algorithm::EdDSA), Pair::new(Algorithm::EdDSA), directory("keys"));
    publish(&old, &keys);
    publish(&new, &keys);
    let stack = Stack::plan().with_events().set("GATEWAY_TOKEN_PUBLIC_KEY_FILE", keys.to_str().unwrap()).start();
    let user = Uuid::now_v7().to_string();
    let [old_token, new_token] = [&old, &new].map(|pair| pair.sign(&token::claims(&user)));
    let open = |token: &str| LiveSubscription::open(stack.port, token, None);
    let (mut ending, mut lasting) = (open(&old_token), open(&new_token));
    let order = system_tests::stack::order("before");
    stack.http.post("/orders").token(&old_token).json(&order).send().expect(201);
    assert_eq!([ending.event().data["title"].clone(), lasting.event().data["title"].clone()], ["before", "before"]);
    fs::remove_file(keys.join(format!("{}.pem", old.id()))).unwrap();
    assert!(ending.ended_within(seconds(20)), "the key is removed and the feed goes on");
    let order = system_tests::stack::order("after");
    stack.http.post("/orders").token(&new_token).json(&order).send().expect(201);
    assert_eq!(lasting.event().data["title"], "after");
}

#[test]
fn a_broken_file_leaves_the_keys_as_they_were() {
    let (pair, keys) = (Pair::new(Algorithm::EdDSA), directory("keys"));
    publish(&pair, &keys);
    let stack = Stack::plan().set("GATEWAY_TOKEN_PUBLIC_KEY_FILE", keys.to_str().unwrap()).start();
    fs::write(keys.join("half.pem"), "-----BEGIN PUBL").unwrap();
    let unknown = Pair::new(Algorithm::EdDSA).sign(&token::claims("u"));
    problem(&stack.http.get("/orders").token(&unknown).send(), 401, "invalid_token");
    let warned = || stack.process("gateway").log().contains("a key file cannot be used");
    wait_until("it was warned of", seconds(3), warned);
    assert_eq!(status(&stack, &pair.sign(&token::claims("u"))), 200);
}

fn external_claims() -> Value {
    json!({ "iss": "https://id.example.org", "aud": "shop", "sub": "ext|7", "exp": now() + 60 })
}

/// Another issuer's tokens are believed, whatever it signs with, and neither issuer's keys serve the other's name.
fn assert_trusted(stack: &Stack, pairs: &[&Pair]) {
    for pair in pairs {
        let good = pair.sign(&external_claims());
        assert_eq!(status(stack, &good), 200);
        let own =
            stack.http.post("/orders").token(&good).json(&system_tests::stack::order("x")).send().expect(201).json();
        assert_eq!(own["userId"], "ext|7");
        for (claim, value) in [("iss", "users"), ("iss", "https://id.example.com"), ("aud", "gateway")] {
            let mut claims = external_claims();
            claims[claim] = value.into();
            problem(&stack.http.get("/orders").token(&pair.sign(&claims)).send(), 401, "invalid_token");
        }
        problem(&stack.http.get("/orders").token(&pair.sign(&token::claims("u"))).send(), 401, "invalid_token");
    }
    problem(&stack.http.get("/orders").token(&token::sign(&external_claims())).send(), 401, "invalid_token");
    assert_eq!(status(stack, &token::sign(&token::claims("u"))), 200);
}

#[test]
fn another_issuer_is_trusted_by_a_file_of_its_keys() {
    let pairs = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(Pair::new);
    let file = directory("jwks").join("jwks.json");
    fs::write(&file, jwks(&[&pairs[0], &pairs[1]])).unwrap();
    let stack = Stack::plan()
        .set("GATEWAY_TRUSTED_ISSUER", "https://id.example.org")
        .set("GATEWAY_TRUSTED_AUDIENCE", "shop")
        .set("GATEWAY_TRUSTED_JWKS", file.to_str().unwrap())
        .start();
    assert_trusted(&stack, &[&pairs[0], &pairs[1]]);
    let later = pairs[2].sign(&external_claims());
    assert_eq!(status(&stack, &later), 401);
    fs::write(&file, jwks(&[&pairs[0], &pairs[2]])).unwrap();
    assert_eq!(status(&stack, &later), 200);
    assert_eq!(status(&stack, &pairs[1].sign(&external_claims())), 401);
}

/// A web server with one document, which may change; by TLS if it has an authority.
fn serve(document: &Arc<Mutex<String>>, authority: Option<&Authority>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scheme = if authority.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://{}/jwks.json", listener.local_addr().unwrap());
    let (document, tls) = (Arc::clone(document), authority.map(Authority::server));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let body = document.lock().unwrap().clone();
            // A client that does not trust us hangs up.
            let _ = match &tls {
                None => answer(stream, &body),
                Some(tls) => answer(StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream), &body),
            };
        }
    });
    address
}

fn answer(mut stream: impl Read + Write, body: &str) -> io::Result<()> {
    let _ = stream.read(&mut [0; 4096])?;
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())?;
    stream.flush()
}

#[test]
fn another_issuer_is_trusted_by_the_address_of_its_keys() {
    let (first, second) = (Pair::new(Algorithm::ES256), Pair::new(Algorithm::ES256));
    let document = Arc::new(Mutex::new(jwks(&[&first])));
    let stack = Stack::plan()
        .set("GATEWAY_TRUSTED_ISSUER", "https://id.example.org")
        .set("GATEWAY_TRUSTED_AUDIENCE", "shop")
        .set("GATEWAY_TRUSTED_JWKS", &serve(&document, None))
        .set("GATEWAY_TRUSTED_REFRESH_S", "1")
        .start();
    wait_until("the keys were fetched", seconds(5), || status(&stack, &first.sign(&external_claims())) == 200);
    assert_trusted(&stack, &[&first]);
    // A malformed answer changes nothing; new keys are fetched soon after a token names one.
    *document.lock().unwrap() = "<html>".into();
    let warned = || {
        status(&stack, &second.sign(&external_claims()));
        stack.process("gateway").log().contains("cannot fetch the trusted issuer's keys")
    };
    wait_until("it was warned of", seconds(15), warned);
    assert_eq!(status(&stack, &first.sign(&external_claims())), 200);
    *document.lock().unwrap() = jwks(&[&second]);
    wait_until("the new key was fetched", seconds(15), || status(&stack, &second.sign(&external_claims())) == 200);
    assert_eq!(status(&stack, &first.sign(&external_claims())), 401);
}

#[test]
fn keys_that_come_by_tls_come_from_the_right_server() {
    let (authority, stranger) = (Authority::new("127.0.0.1"), Authority::new("127.0.0.1"));
    let pair = Pair::new(Algorithm::ES256);
    let address = serve(&Arc::new(Mutex::new(jwks(&[&pair]))), Some(&authority));
    let trusting = |authority: &Authority| {
        Stack::plan()
            .set("GATEWAY_TRUSTED_ISSUER", "https://id.example.org")
            .set("GATEWAY_TRUSTED_AUDIENCE", "shop")
            .set("GATEWAY_TRUSTED_JWKS", &address)
            .set("GATEWAY_TRUSTED_REFRESH_S", "1")
            .set("SSL_CERT_FILE", authority.certificate().to_str().unwrap())
            .start()
    };
    let good = pair.sign(&external_claims());
    let stack = trusting(&authority);
    wait_until("the keys were fetched", seconds(5), || status(&stack, &good) == 200);
    drop(stack);
    let stack = trusting(&stranger);
    let warned = || stack.process("gateway").log().contains("cannot fetch the trusted issuer's keys");
    wait_until("the stranger was refused", seconds(5), warned);
    assert_eq!(status(&stack, &good), 401);
}
