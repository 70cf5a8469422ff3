//! A session lasts while it is used, up to a limit, and ends for good when its owner or the service ends it.

use serde_json::{Value, json};
use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Answer, Person, Stack, wait_until};

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

fn log_out(stack: &Stack, path: &str, refresh_token: &str) -> Answer {
    stack.http.post(path).json(&json!({ "refreshToken": refresh_token })).send()
}

#[track_caller]
fn assert_ended(stack: &Stack, refresh_token: &str) {
    problem(&stack.refresh(refresh_token), 401, "session_ended");
}

/// The refresh token that takes this one's place.
#[track_caller]
fn next(stack: &Stack, refresh_token: &str) -> String {
    text(&stack.refresh(refresh_token).expect(200).json(), "refresh_token").to_owned()
}

#[test]
fn a_refresh_returns_new_tokens_in_every_place_that_clients_use() {
    let stack = Stack::start();
    let person = stack.register();
    let body = json!({ "userId": person.id, "refreshToken": person.refresh_token });
    let answer = stack.http.post("/users/refresh").json(&body).send().expect(200);
    let said = answer.json();
    stack.register_secrets_of(&said);
    assert_eq!(answer.header("cache-control"), "no-store");
    for token in ["access_token", "refresh_token"] {
        assert_eq!(said[token], said["tokens"][token]);
    }
    assert_eq!((text(&said["user"], "id"), text(&said["user"], "email")), (&*person.id, &*person.email));
    assert_ne!(text(&said, "access_token"), person.token);
    assert_ne!(text(&said, "refresh_token"), person.refresh_token);
    stack.http.get("/users/profile").token(text(&said, "access_token")).send().expect(200);
    assert_eq!(text(&said, "refresh_token").len(), 64, "256 bits");
    next(&stack, text(&said, "refresh_token"));
}

#[test]
fn the_database_holds_no_token() {
    let stack = Stack::start();
    let person = stack.register();
    let newest = next(&stack, &person.refresh_token);
    let rows: Vec<String> = stack.users_db().column("SELECT refresh_tokens::text FROM refresh_tokens", &[]);
    assert_eq!(rows.len(), 2);
    for token in [&person.refresh_token, &newest, &person.token] {
        assert!(rows.iter().all(|row| !row.contains(token.as_str())));
    }
}

#[test]
fn a_reused_token_ends_its_session_and_no_other() {
    let stack = Stack::plan().set("USERS_TOKEN_REFRESH_GRACE_S", "0").start();
    let person = stack.register();
    let elsewhere = stack.sign_in(&person);
    let newest = next(&stack, &next(&stack, &person.refresh_token));
    assert_ended(&stack, &person.refresh_token);
    assert_ended(&stack, &newest);
    next(&stack, &elsewhere.refresh_token);
    let told = || stack.process("users-refresh").log().contains("used again");
    wait_until("the log had it", seconds(2), told);
}

#[test]
fn a_redelivered_request_is_not_a_second_use() {
    use system_tests::Message;
    let stack = Stack::plan().set("USERS_TOKEN_REFRESH_GRACE_S", "0").start();
    let person = stack.register();
    let message = Message::request("users.refresh", &json!({ "refreshToken": person.refresh_token }))
        .message_id("0190a000-0000-7000-8000-000000000001");
    let answers = [0, 1].map(|_| stack.wire().call(&message).body["response"].clone());
    for answer in &answers {
        stack.register_secrets_of(answer);
    }
    assert_eq!(answers[0]["refresh_token"], answers[1]["refresh_token"]);
    next(&stack, text(&answers[1], "refresh_token"));
    // A login that is delivered again opens no second session.
    let credentials = json!({ "email": person.email, "password": person.password });
    let message = Message::request("users.login", &credentials).message_id("0190a000-0000-7000-8000-000000000002");
    for _ in 0..2 {
        stack.register_secrets_of(&stack.wire().call(&message).body["response"]);
    }
    assert_eq!(stack.users_db().count("sessions"), 2);
    let message = Message::request("users.logout", &json!({ "refreshToken": person.refresh_token }));
    for _ in 0..2 {
        assert_eq!(stack.wire().call(&message).body["response"], json!({ "success": true }));
    }
    assert_eq!(stack.users_db().count("sessions"), 1);
}

#[test]
fn no_repeated_message_signs_in_without_the_password() {
    use system_tests::Message;
    let stack = Stack::start();
    let person = stack.register();
    let register = |id: &str, email: &str, password: &str| {
        stack.keep_secret(password);
        let form = json!({ "email": email, "password": password, "firstName": "Ann", "lastName": "Li" });
        stack.wire().call(&Message::request("users.register", &form).message_id(id))
    };
    // A user's id and address are not secret.
    let wrong = "whatever it may be";
    for email in [person.email.clone(), person.email.to_uppercase()] {
        assert_eq!(register(&person.id, &email, wrong).code(), "email_taken");
    }
    assert_eq!(register("0190a000-0000-7000-8000-000000000009", &person.email, wrong).code(), "email_taken");
    let session: String = stack.users_db().value("SELECT id::text FROM sessions", &[]);
    let login = json!({ "email": person.email, "password": wrong });
    let answer = stack.wire().call(&Message::request("users.login", &login).message_id(&session));
    assert_eq!(answer.code(), "invalid_credentials");
    let tokens = stack.users_db().count("refresh_tokens");
    assert_eq!((stack.users_db().count("sessions"), tokens), (1, 1));

    // A full repetition of the request gets its answer, and opens no second session.
    let (id, email) = ("0190a000-0000-7000-8000-000000000010", "again@example.org");
    let answers = [0, 1].map(|_| register(id, email, "the same each time").body["response"].clone());
    for answer in &answers {
        stack.register_secrets_of(answer);
    }
    assert_eq!(answers[0]["user"], answers[1]["user"]);
    assert_eq!(register(id, email, wrong).code(), "email_taken");
    assert_eq!(stack.users_db().count("sessions"), 2);
    stack.users_db().execute("UPDATE users SET is_active = false");
    assert_eq!(register(id, email, "the same each time").code(), "email_taken", "a closed account stays closed");
}

#[test]
fn an_outdated_password_hash_is_replaced_at_the_next_sign_in() {
    // Of "correct horse battery", with less memory and one pass; of "hélène in Paris" with its accents apart.
    const LESS: &str =
        "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$HhdGxmsoo8pSkWu74EOdjWuyMCjKM2aof0XQCAMO4jU";
    const RAW: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9nt0K+Z7giUEtWuAPQ+9Lf5CjT4CllFoRTUQVJtDcjo";
    let stack = Stack::start();
    let person = stack.register();
    let kept = || stack.users_db().value::<String>("SELECT password_hash FROM users", &[]);
    let login = |password: &str| {
        stack.keep_secret(password);
        let credentials = json!({ "email": person.email, "password": password });
        stack.http.post("/users/login").json(&credentials).send()
    };
    let apart = "he\u{301}le\u{300}ne in Paris";
    for (hash, password, same) in
        [(LESS, "correct horse battery", "correct horse battery"), (RAW, apart, "h\u{e9}l\u{e8}ne in Paris")]
    {
        stack.users_db().execute(&format!("UPDATE users SET password_hash = '{hash}'"));
        login("a wrong password").expect(401);
        assert_eq!(kept(), hash);
        stack.register_secrets_of(&login(password).expect(200).json());
        let anew = kept();
        assert!(anew != hash && anew.contains("m=19456,t=2"), "{anew}");
        for password in [password, same] {
            stack.register_secrets_of(&login(password).expect(200).json());
        }
        assert_eq!(kept(), anew, "once is enough");
    }
}

#[test]
fn signing_out_ends_the_session_whichever_of_its_tokens_is_sent() {
    let stack = Stack::start();
    let person = stack.register();
    for path in ["/users/logout", "/auth/logout"] {
        let (first, other) = (stack.sign_in(&person), stack.sign_in(&person));
        let newest = next(&stack, &first.refresh_token);
        for _ in 0..2 {
            let answer = log_out(&stack, path, &first.refresh_token).expect(200);
            assert_eq!(answer.json(), json!({ "success": true }));
        }
        assert_ended(&stack, &newest);
        next(&stack, &other.refresh_token);
    }
    log_out(&stack, "/users/logout", "never-given-out").expect(200);
    problem(&stack.http.post("/users/logout").json(&json!({})).send(), 422, "invalid_input");
}

#[test]
fn a_session_ends_when_idle_or_at_its_maximum_age() {
    let stack = Stack::start();
    let (idle, old) = (stack.register(), stack.register());
    let db = stack.users_db();
    db.execute(&format!("UPDATE sessions SET expires_at = now() WHERE user_id = '{}'", idle.id));
    assert_ended(&stack, &idle.refresh_token);
    // In its last day a session is not prolonged beyond the thirtieth.
    db.execute(&format!("UPDATE sessions SET started_at = now() - interval '29 days' WHERE user_id = '{}'", old.id));
    next(&stack, &old.refresh_token);
    let days: f64 = db.value(
        &format!(
            "SELECT extract(epoch FROM expires_at - started_at)::float8 / 86400 FROM sessions WHERE user_id = '{}'",
            old.id
        ),
        &[],
    );
    assert!((days - 30.0).abs() < 1e-6, "{days}");
}

#[test]
fn sessions_that_have_ended_are_pruned_and_others_are_not() {
    let stack = Stack::start();
    let person = stack.register();
    let db = stack.users_db();
    db.execute(&format!(
        "WITH ended AS (
            INSERT INTO sessions (id, user_id, expires_at)
            SELECT gen_random_uuid(), '{}', now() - interval '1 second' FROM generate_series(1, 1200) RETURNING id
         ) INSERT INTO refresh_tokens (token_hash, session_id) SELECT sha256(id::text::bytea), id FROM ended",
        person.id
    ));
    // They are looked at when a process begins, and every minute, some at a time.
    stack.launch_worker("users-login");
    wait_until("they were gone", seconds(10), || db.count("sessions") == 1);
    assert_eq!(db.count("refresh_tokens"), 1, "what was pruned took its tokens along");
    next(&stack, &person.refresh_token);
}

#[test]
fn a_closed_account_cannot_sign_in_or_refresh() {
    let stack = Stack::start();
    let person = stack.register();
    stack.users_db().execute("UPDATE users SET is_active = false");
    assert_ended(&stack, &person.refresh_token);
    let credentials = json!({ "email": person.email, "password": person.password });
    problem(&stack.http.post("/users/login").json(&credentials).send(), 401, "invalid_credentials");
}

#[test]
fn a_token_is_refused_to_another_user_and_stays_valid_for_its_owner() {
    let stack = Stack::start();
    let (person, other) = (stack.register(), stack.register());
    let body = json!({ "userId": other.id, "refreshToken": person.refresh_token });
    problem(&stack.http.post("/users/refresh").json(&body).send(), 401, "session_ended");
    for unknown in ["x", &"0".repeat(64), &"ä".repeat(256)] {
        assert_ended(&stack, unknown);
    }
    for bad in [json!({}), json!({ "refreshToken": "" }), json!({ "refreshToken": 7 })] {
        problem(&stack.http.post("/users/refresh").json(&bad).send(), 422, "invalid_input");
    }
    next(&stack, &person.refresh_token);
}

#[test]
fn the_original_systems_paths_do_the_same() {
    let stack = Stack::start();
    let form = stack.form();
    let registered = stack.http.post("/auth/register").json(&form).send().expect(201);
    stack.register_secrets_of(&registered.json());
    let credentials = json!({ "email": form["email"], "password": form["password"] });
    let signed_in = stack.http.post("/auth/login").json(&credentials).send().expect(200);
    stack.register_secrets_of(&signed_in.json());
    assert_eq!(signed_in.json()["user"], registered.json()["user"]);
    assert_eq!(signed_in.header("cache-control"), "no-store");
}

#[test]
fn an_account_is_shown_to_its_owner_and_to_nobody_else() {
    let stack = Stack::start();
    let (person, other) = (stack.register(), stack.register());
    let at = |person: &Person| format!("/users/{}", person.id);
    let own = person.get(&at(&person)).send().expect(200);
    assert_eq!(own.json(), person.get("/users/profile").send().expect(200).json());
    for path in [at(&other), format!("/users/{}", uuid::Uuid::now_v7()), "/users/7".into()] {
        problem(&person.get(&path).send(), 403, "permission_denied");
    }
    problem(&stack.http.get(&at(&person)).send(), 401, "missing_token");
}
