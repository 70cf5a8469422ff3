//! Guessers are held up, owners are not.

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

/// Whether it was tried at all.
fn settle(limits: &RateLimiter, from: &str, account: &str, answer: &Result<Answer, RpcError>) -> bool {
    begin(limits, from, account).map(|attempt| attempt.settle(answer)).is_ok()
}

/// The same with an answer.
fn sign_in(limits: &RateLimiter, from: &str, account: &str, answer: Answer) -> bool {
    settle(limits, from, account, &Ok(answer))
}

#[test]
fn guesses_at_one_account_are_held_up_and_other_accounts_are_not() {
    let limits = limits();
    for _ in 0..3 {
        assert!(sign_in(&limits, HERE, "a@b.co", wrong()));
    }
    assert_eq!(begin(&limits, HERE, "a@b.co").err(), Some("login-failures"));
    assert!(sign_in(&limits, HERE, "c@d.co", Ok(right())));
    assert!(sign_in(&limits, ELSEWHERE, "a@b.co", Ok(right())));
}

#[test]
fn guesses_that_come_all_at_once_are_no_better() {
    let limits = limits();
    let under_way: Vec<_> = (0..20).filter_map(|_| begin(&limits, HERE, "a@b.co").ok()).collect();
    assert_eq!(under_way.len(), 3);
    for attempt in under_way {
        attempt.settle(&Ok(Ok(right())));
    }
    assert!(sign_in(&limits, HERE, "a@b.co", wrong()), "what turned out right was taken back");
}

#[test]
fn an_address_that_tries_many_accounts_is_held_up() {
    let limits = limits();
    let tried = (0..20).filter(|n| sign_in(&limits, HERE, &format!("u{n}@b.co"), wrong())).count();
    assert_eq!(tried, 8);
    assert!(sign_in(&limits, ELSEWHERE, "u0@b.co", Ok(right())));
}

#[test]
fn an_attack_from_everywhere_does_not_lock_the_owner_out_where_he_is_known() {
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
fn what_is_not_the_clients_fault_is_not_counted() {
    let limits = limits();
    for _ in 0..50 {
        assert!(settle(&limits, HERE, "a@b.co", &Err(RpcError::TimedOut)));
        assert!(sign_in(&limits, HERE, "a@b.co", Err(Fault::new(Code::DatabaseUnavailable, "No."))));
    }
}

#[test]
fn zero_lifts_every_limit() {
    let limits = RateLimiter::new(LimitSettings::none());
    assert!((0..1_000).all(|_| sign_in(&limits, HERE, "a@b.co", wrong())));
    assert!(limits.enter(Limit::Logins, HERE.parse().unwrap()).is_none());
}

#[test]
fn a_flood_from_one_address_makes_nobody_else_be_forgotten() {
    let limits = limits();
    for _ in 0..3 {
        assert!(sign_in(&limits, ELSEWHERE, "a@b.co", wrong()));
    }
    // EarlyError, or let through and none of the client's fault.
    for n in 0..20_000 {
        sign_in(&limits, HERE, &format!("u{n}@b.co"), wrong());
    }
    for n in 0..20_000 {
        settle(&limits, "192.0.2.3", &format!("v{n}@b.co"), &Err(RpcError::TimedOut));
    }
    assert_eq!(begin(&limits, ELSEWHERE, "a@b.co").err(), Some("login-failures"));
}

#[test]
fn a_network_of_addresses_is_held_up_as_one() {
    let limits = limits();
    let from = |n: u32| format!("2001:db8:1:{n:x}::1");
    let tried = (0..2_000).filter(|n| sign_in(&limits, &from(*n), &format!("u{n}@b.co"), wrong())).count();
    assert_eq!(tried, 8 * 8);
    assert!(sign_in(&limits, "2001:db8:2::1", "u0@b.co", Ok(right())));
}
