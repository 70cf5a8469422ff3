//! What owners change about their accounts: the password ("users.change_password"), the names ("users.update_profile"),
//! and their sessions ("users.sessions", "users.end_sessions").

use serde_json::{Value, json};
use system_tests::http::Call;
use system_tests::problem::{invalid, problem};
use system_tests::wait::seconds;
use system_tests::{Message, Person, Stack, token, wait_until};

fn call(stack: &Stack, method: &str, path: &str, person: &Person) -> Call {
    stack.http.call(method, path).token(&person.token)
}

fn change_password(stack: &Stack, person: &Person, current: &str, new: &str) -> system_tests::Answer {
    for secret in [current, new].into_iter().filter(|secret| !secret.is_empty()) {
        stack.keep_secret(secret);
    }
    let body = json!({ "currentPassword": current, "newPassword": new });
    call(stack, "PUT", "/users/password", person).json(&body).send()
}

fn sessions(person: &Person) -> Vec<Value> {
    person.get("/users/sessions").send().expect(200).json().as_array().unwrap().clone()
}

/// The session that an access token names.
fn session_of(person: &Person) -> String {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&person.token).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

fn status_of_sign_in(stack: &Stack, person: &Person, password: &str) -> u16 {
    let answer = stack.http.post("/users/login").json(&json!({ "email": person.email, "password": password })).send();
    if answer.status == 200 {
        stack.register_secrets_of(&answer.json());
    }
    answer.status
}

#[test]
fn a_changed_password_ends_all_other_sessions() {
    let stack = Stack::start();
    let here = stack.register();
    let (elsewhere, somebody_else) = (stack.sign_in(&here), stack.register());
    assert_eq!(change_password(&stack, &here, &here.password, "a new long password").expect(204).body, "");
    stack.refresh(&elsewhere.refresh_token).expect(401);
    stack.refresh(&here.refresh_token).expect(200);
    stack.refresh(&somebody_else.refresh_token).expect(200);
    let sign_in = |password| status_of_sign_in(&stack, &here, password);
    assert_eq!([sign_in(&here.password), sign_in("a new long password")], [401, 200]);
}

#[test]
fn changing_a_password_needs_the_old_one_and_an_acceptable_new_one() {
    let stack = Stack::start();
    let person = stack.register();
    let elsewhere = stack.sign_in(&person);
    let change = |current: &str, new: &str| change_password(&stack, &person, current, new);
    let body = invalid(&change("not the password", "a new long password"), &["currentPassword"]);
    assert!(body["errors"]["currentPassword"][0].as_str().unwrap().contains("the one you sign in with now"), "{body}");
    invalid(&change(&person.password, "7 chars"), &["newPassword"]);
    invalid(&change(&person.password, "password123"), &["newPassword"]);
    invalid(&change("", ""), &["currentPassword", "newPassword"]);
    stack.refresh(&elsewhere.refresh_token).expect(200);
    assert_eq!(status_of_sign_in(&stack, &person, &person.password), 200);
    let of_elsewhere = token::sign(&token::claims("user-from-elsewhere"));
    let body = json!({ "currentPassword": "x", "newPassword": "a new long password" });
    problem(&stack.http.call("PUT", "/users/password").token(&of_elsewhere).json(&body).send(), 404, "user_not_found");
}

#[test]
fn guessing_the_current_password_is_limited_like_sign_ins() {
    let stack = Stack::plan().set("GATEWAY_LIMIT_LOGIN_FAILURES", "3").start();
    let (person, other) = (stack.register(), stack.register());
    for _ in 0..3 {
        invalid(&change_password(&stack, &person, "not the password", "a new long password"), &["currentPassword"]);
    }
    let held_up = change_password(&stack, &person, &person.password, "a new long password");
    problem(&held_up, 429, "too_many_requests");
    change_password(&stack, &other, &other.password, "a new long password").expect(204);
}

#[test]
fn a_redelivered_change_of_password_is_done_once() {
    let stack = Stack::start();
    let person = stack.register();
    let data = json!({ "currentPassword": person.password, "newPassword": "a new long password" });
    let message = Message::request("users.change_password", &data)
        .caller(&person.id)
        .header("session", &session_of(&person))
        .message_id("0190a000-0000-7000-8000-000000000021");
    for _ in 0..2 {
        assert_eq!(stack.wire().call(&message).body["response"], json!({ "ended": 0 }));
    }
    // Another client has the old password, which is no longer valid.
    let later = message.message_id("0190a000-0000-7000-8000-000000000022");
    assert_eq!(stack.wire().call(&later).code(), "invalid_input");
}

#[test]
fn sessions_are_listed_and_ended_from_another_browser() {
    let stack = Stack::start();
    let here = stack.register();
    let (elsewhere, third) = (stack.sign_in(&here), stack.sign_in(&here));
    let stranger = stack.register();
    let listed = sessions(&here);
    let ids: Vec<&str> = listed.iter().map(|session| session["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [session_of(&third), session_of(&elsewhere), session_of(&here)], "the newest first");
    let current: Vec<bool> = listed.iter().map(|session| session["current"].as_bool().unwrap()).collect();
    assert_eq!(current, [false, false, true]);
    for session in &listed {
        let mut names: Vec<&String> = session.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["current", "expiresAt", "id", "lastUsedAt", "startedAt"]);
    }

    let end = |path: &str, person: &Person| call(&stack, "DELETE", path, person).send();
    let theirs = format!("/users/sessions/{}", session_of(&elsewhere));
    problem(&end(&theirs, &stranger), 404, "session_not_found");
    stack.refresh(&elsewhere.refresh_token).expect(200);
    let last_used = |person: &Person| sessions(person)[1]["lastUsedAt"].as_str().unwrap().to_owned();
    assert!(last_used(&here).as_str() > listed[1]["lastUsedAt"].as_str().unwrap(), "a refresh is a use");
    end(&theirs, &here).expect(204);
    problem(&end(&theirs, &here), 404, "session_not_found");
    invalid(&end("/users/sessions/7", &here), &["id"]);
    invalid(&end("/users/sessions?keep=others", &here), &["keep"]);
    stack.refresh(&elsewhere.refresh_token).expect(401);
    assert_eq!(sessions(&here).len(), 2);

    // Everywhere else, then everywhere.
    end("/users/sessions?keep=current", &here).expect(204);
    stack.refresh(&third.refresh_token).expect(401);
    assert_eq!(sessions(&here).len(), 1);
    assert_eq!(sessions(&stranger).len(), 1);
    let again = stack.refresh(&here.refresh_token).expect(200).json();
    end("/users/sessions", &here).expect(204);
    stack.refresh(again["refresh_token"].as_str().unwrap()).expect(401);
    assert_eq!(sessions(&here), Vec::<Value>::new());
    assert_eq!(sessions(&stranger).len(), 1);
}

#[test]
fn a_token_without_a_session_ends_all_or_is_refused_to_keep_one() {
    let stack = Stack::start();
    let person = stack.register();
    let mut nameless = person.clone();
    nameless.token = token::sign(&token::claims(&person.id));
    let end = |path: &str| call(&stack, "DELETE", path, &nameless).send();
    invalid(&end("/users/sessions?keep=current"), &["keep"]);
    assert_eq!(sessions(&nameless)[0]["current"], false);
    end("/users/sessions").expect(204);
    stack.refresh(&person.refresh_token).expect(401);
}

#[test]
fn a_new_name_is_shown_on_old_orders_within_a_second() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let order = person.place("before the wedding");
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let customer = || person.get(&path).send().expect(200).json()["customer"].clone();
    wait_until("the customer was known", seconds(5), || customer()["firstName"] == "Ann");
    let update = |body: Value| call(&stack, "PATCH", "/users/profile", &person).json(&body).send();

    let profile = update(json!({ "lastName": "King" })).expect(200).json();
    assert_eq!((&profile["firstName"], &profile["lastName"]), (&json!("Ann"), &json!("King")));
    assert_eq!(person.get("/users/profile").send().expect(200).json()["lastName"], "King");
    // What is shown now was remembered; a second is what is promised, and a busy machine may add to it.
    wait_until("the order showed the new name", seconds(3), || customer()["lastName"] == "King");
    assert_eq!(customer(), json!({ "email": person.email, "firstName": "Ann", "lastName": "King" }));

    // A change of nothing publishes no event.
    update(json!({ "lastName": "King" })).expect(200);
    update(json!({})).expect(200);
    invalid(&update(json!({ "lastName": "" })), &["lastName"]);
    invalid(&update(json!({ "email": "new@example.org" })), &["email"]);
    let told = "SELECT (SELECT count(*) FROM outbox WHERE name = 'user.updated')
        + (SELECT count(*) FROM outbox_pending WHERE name = 'user.updated')";
    assert_eq!(stack.users_db().value::<i64>(told, &[]), 1);
    let signed_in = stack.sign_in(&person);
    assert_eq!(signed_in.get("/users/profile").send().expect(200).json()["lastName"], "King");
}

#[test]
fn an_older_change_that_arrives_late_undoes_nothing() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let name = |name: &str| {
        let body = json!({ "lastName": name });
        call(&stack, "PATCH", "/users/profile", &person).json(&body).send().expect(200);
    };
    let kept = || {
        let found = stack.orders_db().column::<String>("SELECT last_name FROM customers", &[]);
        found.first().cloned().unwrap_or_default()
    };
    name("First");
    name("Second");
    wait_until("both events were handled", seconds(5), || kept() == "Second");
    // As when "orders.on_user_updated" retries an event: it arrives after the later one, with an id that is new to the inbox.
    let applied = || stack.orders_db().count("inbox");
    wait_until("all was applied", seconds(5), || applied() == 3);
    stack.users_db().execute(
        "INSERT INTO outbox_pending (id, name, aggregate, owner, data)
         SELECT gen_random_uuid(), name, aggregate, owner, data FROM outbox
         WHERE name = 'user.registered' OR data LIKE '%First%'",
    );
    wait_until("the copies were applied", seconds(5), || applied() == 5);
    assert_eq!(kept(), "Second");
}
