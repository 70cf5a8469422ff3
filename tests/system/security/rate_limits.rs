//! A client above a rate limit is refused and told when to retry; all others are served.

use std::io::Read;
use std::net::TcpStream;

use serde_json::{Value, json};
use system_tests::http::Pending;
use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Answer, Person, Stack, wait_until};

const REGISTRATIONS: &str = "GATEWAY_LIMIT_REGISTRATIONS_PER_MINUTE";
const LOGINS: &str = "GATEWAY_LIMIT_LOGINS_PER_MINUTE";
const FAILURES: &str = "GATEWAY_LIMIT_LOGIN_FAILURES";
const WINDOW: &str = "GATEWAY_LIMIT_LOGIN_FAILURE_WINDOW_S";

fn sign_in(stack: &Stack, email: &str, password: &str) -> Answer {
    stack.http.post("/users/login").json(&json!({ "email": email, "password": password })).send()
}

/// A refusal says when to retry; returns the seconds.
#[track_caller]
fn told_to_wait(answer: &Answer) -> u64 {
    problem(answer, 429, "too_many_requests");
    let wait = answer.header("retry-after").parse().unwrap();
    assert!(wait >= 1, "{wait}");
    wait
}

#[test]
fn guessing_a_password_is_limited_for_a_while_and_not_for_ever() {
    let stack = Stack::plan().set(FAILURES, "3").set(WINDOW, "2").start();
    let (person, other) = (stack.register(), stack.register());
    for _ in 0..3 {
        problem(&sign_in(&stack, &person.email, "wrong password"), 401, "invalid_credentials");
    }
    let wait = told_to_wait(&sign_in(&stack, &person.email, "wrong password"));
    assert!(wait <= 4, "{wait}");
    // Not even the right password gets an answer now; other clients are not limited.
    told_to_wait(&sign_in(&stack, &person.email, &person.password));
    let somebody_else = sign_in(&stack, &other.email, &other.password).expect(200);
    stack.register_secrets_of(&somebody_else.json());
    let mut answer = None;
    wait_until("the owner got in again", seconds(8), || {
        let tried = sign_in(&stack, &person.email, &person.password);
        (tried.status == 200).then(|| answer = Some(tried)).is_some()
    });
    stack.register_secrets_of(&answer.unwrap().json());
}

#[test]
fn unknown_accounts_are_limited_like_existing_ones() {
    let stack = Stack::plan().set(FAILURES, "3").start();
    let person = stack.register();
    let outcomes = |email: &str| (0..5).map(|_| sign_in(&stack, email, "wrong password").outcome()).collect::<Vec<_>>();
    assert_eq!(outcomes(&person.email), outcomes("nobody@example.org"));
}

#[test]
fn right_passwords_are_not_counted() {
    let stack = Stack::plan().set(FAILURES, "2").start();
    let person = stack.register();
    let sign_in_often = || {
        for _ in 0..5 {
            stack.register_secrets_of(&sign_in(&stack, &person.email, &person.password).expect(200).json());
        }
    };
    sign_in_often();
    sign_in(&stack, &person.email, "wrong password").expect(401);
    sign_in_often();
    sign_in(&stack, &person.email, "wrong password").expect(401);
    sign_in(&stack, &person.email, "wrong password").expect(429);
}

#[test]
fn a_client_sees_what_is_left_of_its_quota() {
    let stack = Stack::plan().set(REGISTRATIONS, "2").set(LOGINS, "3").start();
    let register = || stack.http.post("/users/register").json(&stack.form()).send();
    let first = register().expect(201);
    stack.register_secrets_of(&first.json());
    assert_eq!(first.header("ratelimit-policy"), r#""registrations";q=2;w=60"#);
    assert_eq!(first.header("ratelimit"), r#""registrations";r=1;t=60"#);
    stack.register_secrets_of(&register().expect(201).json());
    let refused = register();
    let wait = told_to_wait(&refused);
    assert_eq!(refused.header("ratelimit"), format!(r#""registrations";r=0;t={wait}"#));
    assert_eq!(stack.users_db().count("users"), 2);
    // By either path, and whether it succeeds or not.
    for (path, status) in [("/auth/login", 401), ("/users/login", 401), ("/auth/login", 401), ("/users/login", 429)] {
        let answer = stack.http.post(path).json(&json!({ "email": "a@b.co", "password": "p" })).send().expect(status);
        assert!(answer.header("ratelimit").starts_with(r#""logins";r="#), "{}", answer.header("ratelimit"));
    }
    // What is not limited says nothing.
    assert_eq!(stack.http.get("/orders").send().header("ratelimit"), "");
}

#[test]
fn only_a_trusted_proxy_sets_the_client_address() {
    let register = |stack: &Stack, client: &str| {
        let form: Value = stack.form();
        let answer = stack.http.post("/users/register").header("x-forwarded-for", client).json(&form).send();
        if answer.status == 201 {
            stack.register_secrets_of(&answer.json());
        }
        answer.status
    };
    let direct = Stack::plan().set(REGISTRATIONS, "1").start();
    assert_eq!([register(&direct, "192.0.2.1"), register(&direct, "192.0.2.2")], [201, 429]);
    let behind = Stack::plan().set(REGISTRATIONS, "1").set("GATEWAY_TRUSTED_PROXIES", "127.0.0.0/8").start();
    assert_eq!([register(&behind, "192.0.2.1"), register(&behind, "192.0.2.2")], [201, 201]);
    assert_eq!(register(&behind, "192.0.2.9, 192.0.2.1"), 429, "what the client itself wrote counts for nothing");
}

#[test]
fn one_address_cannot_take_all_connections() {
    let stack = Stack::plan().set("GATEWAY_LIMIT_CONNECTIONS_PER_ADDRESS", "3").start();
    let open = || TcpStream::connect(("127.0.0.1", stack.port)).unwrap();
    let idle: Vec<TcpStream> = (0..3).map(|_| open()).collect();
    // Those that are too many are closed at once, long before an idle connection would be.
    let closed = || {
        let mut one_more = open();
        one_more.set_read_timeout(Some(seconds(2))).unwrap();
        one_more.read(&mut [0]).is_ok_and(|read| read == 0)
    };
    wait_until("a connection was refused", seconds(5), closed);
    drop(idle);
    wait_until("the places were given back", seconds(5), || {
        stack.http.get("/orders").try_send().is_ok_and(|answer| answer.status == 401)
    });
}

/// Milliseconds that refused sign-ins took, the smallest first.
fn times(stack: &Stack, email: &str, rounds: usize) -> Vec<u128> {
    let mut times: Vec<u128> =
        (0..rounds).map(|_| sign_in(stack, email, "wrong password").expect(401).took.as_micros()).collect();
    times.sort_unstable();
    times
}

#[test]
fn an_unknown_account_takes_as_long_as_a_wrong_password() {
    const ROUNDS: usize = 30;
    let stack = Stack::plan().alone().start();
    let person: Person = stack.register();
    let quartiles = |times: &mut Vec<u128>| {
        times.sort_unstable();
        [times[ROUNDS / 4], times[ROUNDS / 2], times[3 * ROUNDS / 4]]
    };
    // A machine with other work makes a difference now and then; a leak makes one every time.
    let same = (0..3).any(|_| {
        // Turn by turn, so that both see the same machine.
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            known.extend(times(&stack, &person.email, ROUNDS / 5));
            unknown.extend(times(&stack, "nobody@example.org", ROUNDS / 5));
        }
        let ([low, middle, high], [other_low, other_middle, other_high]) =
            (quartiles(&mut known), quartiles(&mut unknown));
        println!("{known:?} and {unknown:?}");
        // The middle halves of the two distributions overlap: the time reveals nothing.
        low <= other_high && other_low <= high && middle.abs_diff(other_middle) * 4 <= middle
    });
    assert!(same, "the two differ three times");
}

#[test]
fn more_sign_ins_than_can_be_served_in_time_are_refused_at_once_and_the_others_succeed() {
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "2000").alone().start();
    let person = stack.register();
    let credentials = json!({ "email": person.email, "password": person.password });
    let many: Vec<_> =
        (0..220).map(|_| stack.http.post("/users/login").json(&credentials).send_in_background()).collect();
    let answers: Vec<Answer> = many.into_iter().map(Pending::wait).collect();
    let with = |status| answers.iter().filter(move |answer| answer.status == status);
    let (served, refused) = (with(200).count(), with(503).count());
    with(200).for_each(|answer| stack.register_secrets_of(&answer.json()));
    for answer in with(503) {
        problem(answer, 503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
    }
    // Hardly a hash was for nothing, however busy the machine is with other things.
    let late = answers.len() - served - refused;
    assert!(served > 0 && refused > 10 && late * 5 <= served, "{served} served, {refused} refused, {late} late");
    stack.sign_in(&person);
}

#[test]
fn every_answer_has_the_security_headers() {
    let stack = Stack::start();
    let person = stack.register();
    for answer in [
        person.get("/users/profile").send().expect(200),
        stack.http.get("/orders").send().expect(401),
        stack.http.get("/nowhere").send().expect(404),
        stack.http.call("OPTIONS", "/orders").send().expect(204),
    ] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), value);
        }
    }
    assert_eq!(person.get("/orders").send().expect(200).header("cache-control"), "no-store");
}
