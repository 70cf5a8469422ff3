//! The limits stop password guessing and do not affect the owners of accounts.

use serde_json::value::RawValue;

use super::*;

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.2";

fn limits() -> RateLimiter {
    RateLimiter::new(LimitSettings {
        login_failures: 3,
        login_failures_per_address: 8,
        login_failures_per_account: 6,
        ..LimitSettings::default()
    })
}

fn wrong() -> Answer {
    Err(Fault::new(Code::InvalidCredentials, "No."))
}

fn right() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

fn begin<'a>(limits: &'a RateLimiter, from: &str, account: &str) -> Result<Attempt<'a>, &'static str> {
    limits.attempt(Limit::Logins, from.parse().unwrap(), account).map_err(|rate| rate.name)
}

/// Whether the attempt was admitted.
fn settle(limits: &RateLimiter, from: &str, account: &str, answer: &Result<Answer, RpcError>) -> bool {
    begin(limits, from, account).map(|attempt| attempt.settle(answer)).is_ok()
}

/// The same with a reply.
fn sign_in(limits: &RateLimiter, from: &str, account: &str, answer: Answer) -> bool {
    settle(limits, from, account, &Ok(answer))
}

#[test]
fn guesses_at_one_account_are_rejected_and_other_accounts_are_not_affected() {
    let limits = limits();
    for _ in 0..3 {
        assert!(sign_in(&limits, HERE, "a@b.co", wrong()));
    }
    assert_eq!(begin(&limits, HERE, "a@b.co").err(), Some("login-failures"));
    assert!(sign_in(&limits, HERE, "c@d.co", Ok(right())));
    assert!(sign_in(&limits, ELSEWHERE, "a@b.co", Ok(right())));
}

#[test]
fn parallel_guesses_have_the_same_limit() {
    let limits = limits();
    let in_progress: Vec<_> = (0..20).filter_map(|_| begin(&limits, HERE, "a@b.co").ok()).collect();
    assert_eq!(in_progress.len(), 3);
    for attempt in in_progress {
        attempt.settle(&Ok(Ok(right())));
    }
    assert!(sign_in(&limits, HERE, "a@b.co", wrong()), "successful attempts no longer count");
}

#[test]
fn an_address_that_tries_many_accounts_is_rejected() {
    let limits = limits();
    let tried = (0..20).filter(|n| sign_in(&limits, HERE, &format!("u{n}@b.co"), wrong())).count();
    assert_eq!(tried, 8);
    assert!(sign_in(&limits, ELSEWHERE, "u0@b.co", Ok(right())));
}

#[test]
fn a_distributed_attack_does_not_lock_the_owner_out_at_a_known_address() {
    let limits = limits();
    assert!(sign_in(&limits, HERE, "a@b.co", Ok(right())));
    let tried = (0..200).filter(|n| sign_in(&limits, &format!("198.51.100.{n}"), "a@b.co", wrong())).count();
    assert_eq!(tried, 6);
    assert!(!sign_in(&limits, ELSEWHERE, "a@b.co", Ok(right())));
    for _ in 0..50 {
        assert!(sign_in(&limits, HERE, "a@b.co", Ok(right())));
    }
}

#[test]
fn failures_of_the_service_are_not_counted() {
    let limits = limits();
    for _ in 0..50 {
        assert!(settle(&limits, HERE, "a@b.co", &Err(RpcError::TimedOut)));
        assert!(sign_in(&limits, HERE, "a@b.co", Err(Fault::new(Code::DatabaseUnavailable, "No."))));
    }
}

#[test]
fn zero_turns_every_limit_off() {
    let limits = RateLimiter::new(LimitSettings::none());
    assert!((0..1_000).all(|_| sign_in(&limits, HERE, "a@b.co", wrong())));
    assert!(limits.check(Limit::Logins, HERE.parse().unwrap()).is_none());
}

#[test]
fn a_flood_from_one_address_evicts_no_other() {
    let limits = limits();
    for _ in 0..3 {
        assert!(sign_in(&limits, ELSEWHERE, "a@b.co", wrong()));
    }
    // Rejected attempts, or admitted ones that failed in the service.
    for n in 0..20_000 {
        sign_in(&limits, HERE, &format!("u{n}@b.co"), wrong());
    }
    for n in 0..20_000 {
        settle(&limits, "192.0.2.3", &format!("v{n}@b.co"), &Err(RpcError::TimedOut));
    }
    assert_eq!(begin(&limits, ELSEWHERE, "a@b.co").err(), Some("login-failures"));
}

#[test]
fn a_network_has_a_limit_of_its_own() {
    let limits = limits();
    let from = |n: u32| format!("2001:db8:1:{n:x}::1");
    let tried = (0..2_000).filter(|n| sign_in(&limits, &from(*n), &format!("u{n}@b.co"), wrong())).count();
    assert_eq!(tried, 8 * 8);
    assert!(sign_in(&limits, "2001:db8:2::1", "u0@b.co", Ok(right())));
}
