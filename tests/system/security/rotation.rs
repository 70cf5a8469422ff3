//! Clients that refresh at once, late, or in large numbers stay signed in; only a token that is reused later ends a session.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use system_tests::wait::seconds;
use system_tests::{Http, Stack, wait_until};

#[test]
fn tabs_that_refresh_at_once_get_the_same_new_token() {
    let stack = Stack::plan().copies("users-refresh", 2).start();
    let person = stack.register();
    let start = Barrier::new(6);
    let tokens: BTreeSet<String> = thread::scope(|scope| {
        let tabs: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let answer = stack.refresh(&person.refresh_token).expect(200).json();
                    stack.http.get("/orders").token(answer["access_token"].as_str().unwrap()).send().expect(200);
                    answer["refresh_token"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    });
    assert_eq!(tokens.len(), 1, "the family has one newest token, however many tabs there are");
    let newest = tokens.first().unwrap();
    let next = stack.refresh(newest).expect(200).json();
    // A tab that is two refreshes behind is led to the newest as well, as long as both were just now.
    assert_eq!(stack.refresh(&person.refresh_token).expect(200).json()["refresh_token"], next["refresh_token"]);
    assert_eq!(stack.users_db().count("refresh_tokens"), 3);
}

#[test]
fn a_lost_answer_is_repeated_until_its_token_was_used() {
    let stack = Stack::plan().set("USERS_TOKEN_REFRESH_GRACE_S", "1").start();
    let person = stack.register();
    let refresh = |token: &Value| stack.refresh(token.as_str().unwrap());
    let old = json!(person.refresh_token);
    let newest = refresh(&old).expect(200).json()["refresh_token"].clone();
    // Asked of the database, for a refresh might end the session.
    let over =
        "SELECT bool_and(replaced_at < now() - interval '1 second') FROM refresh_tokens WHERE replaced_at IS NOT NULL";
    let grace_is_over = || wait_until("the grace period was over", seconds(5), || stack.users_db().value(over, &[]));
    grace_is_over();
    for _ in 0..2 {
        assert_eq!(refresh(&old).expect(200).json()["refresh_token"], newest);
    }
    // Its use, however, shows that the answer arrived.
    let next = refresh(&newest).expect(200).json()["refresh_token"].clone();
    grace_is_over();
    assert_eq!(refresh(&newest).expect(200).json()["refresh_token"], next, "that answer may be lost in its turn");
    refresh(&old).expect(401);
    refresh(&next).expect(401);
    assert_eq!(stack.users_db().count("sessions"), 0);
}

#[test]
fn a_salt_is_removed_when_no_longer_needed() {
    let stack = Stack::plan().set("USERS_TOKEN_REFRESH_GRACE_S", "0").start();
    let person = stack.register();
    let mut token = json!(person.refresh_token);
    for _ in 0..3 {
        token = stack.refresh(token.as_str().unwrap()).expect(200).json()["refresh_token"].clone();
    }
    let salts = "SELECT octet_length(salt) FROM refresh_tokens WHERE salt IS NOT NULL ORDER BY replaced_at";
    assert_eq!(stack.users_db().column::<i32>(salts, &[]), [0, 0, 32]);
}

/// A page of the original system: on a 401 it refreshes once, with what its storage holds, and tries again.
struct Page<'a> {
    http: Http,
    /// What all tabs of a browser share: access and refresh token.
    storage: &'a Mutex<(String, String)>,
    user_id: &'a str,
    refreshed: &'a AtomicUsize,
}

impl Page<'_> {
    fn get(&self, path: &str) -> u16 {
        let token = self.storage.lock().unwrap().0.clone();
        let status = self.http.get(path).token(&token).send().status;
        if status == 401 { self.refresh_and_get(path) } else { status }
    }

    fn refresh_and_get(&self, path: &str) -> u16 {
        let refresh_token = self.storage.lock().unwrap().1.clone();
        let body = json!({ "userId": self.user_id, "refreshToken": refresh_token });
        let origin = "http://localhost:3000";
        let answer = self.http.post("/users/refresh").header("origin", origin).json(&body).send().expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        let data: Value = answer.json();
        let token = |name: &str| data[name].as_str().unwrap().to_owned();
        *self.storage.lock().unwrap() = (token("access_token"), token("refresh_token"));
        self.refreshed.fetch_add(1, Ordering::Relaxed);
        self.http.get(path).token(&token("access_token")).send().status
    }
}

#[test]
fn pages_stay_signed_in_past_the_end_of_many_access_tokens() {
    let stack = Stack::plan().set("USERS_TOKEN_TTL_S", "1").copies("users-refresh", 2).start();
    let person = stack.register();
    let storage = Mutex::new((person.token.clone(), person.refresh_token.clone()));
    let (refreshed, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let until = Instant::now() + seconds(6);
    thread::scope(|scope| {
        for _ in 0..4 {
            let page = Page { http: stack.http.clone(), storage: &storage, user_id: &person.id, refreshed: &refreshed };
            let asked = &asked;
            scope.spawn(move || {
                while Instant::now() < until {
                    assert_eq!(page.get("/users/profile"), 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (refreshed, asked) = (refreshed.into_inner(), asked.into_inner());
    assert!(refreshed >= 4 && asked > 100, "{refreshed} refreshes in {asked} requests");
    assert_eq!(stack.users_db().count("sessions"), 1);
}
