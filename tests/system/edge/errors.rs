//! Every error has its status, code and headers in one format, and nothing was executed.

use serde_json::{Value, json};
use system_tests::http::Call;
use system_tests::problem::{invalid, problem};
use system_tests::stack::order;
use system_tests::wait::millis;
use system_tests::{Answer, Http, Person, Stack};
use uuid::Uuid;

/// A registration that is fine but for one field; `null` takes the field away.
fn form_with(field: &str, value: Value) -> Value {
    changed(
        json!({ "email": "new@example.org", "password": "long enough", "firstName": "Bo", "lastName": "Li" }),
        field,
        value,
    )
}

/// An order that is fine but for one field.
fn order_with(field: &str, value: Value) -> Value {
    changed(order("fine"), field, value)
}

fn changed(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    if object[field].is_null() {
        object.as_object_mut().unwrap().remove(field);
    }
    object
}

#[test]
fn an_unknown_path_is_404_and_a_wrong_method_405_with_allow() {
    let stack = Stack::start();
    for path in ["/", "/orders/", "/Orders", "/users", "/users/register/x", "/orders/1/2", "/livez", "/readyz"] {
        let answer = stack.http.get(path).send();
        let body = problem(&answer, 404, "route_not_found");
        assert_eq!(body["instance"], path);
    }
    for (method, path, allow) in [
        ("GET", "/users/register", "POST, OPTIONS"),
        ("PUT", "/users/login", "POST, OPTIONS"),
        ("POST", "/users/profile", "GET, HEAD, PATCH, OPTIONS"),
        ("DELETE", "/orders", "POST, GET, HEAD, OPTIONS"),
        ("PATCH", "/orders/1", "GET, HEAD, OPTIONS"),
        ("BREW", "/orders", "POST, GET, HEAD, OPTIONS"),
    ] {
        let answer = stack.http.call(method, path).send();
        problem(&answer, 405, "method_not_allowed");
        let sorted = |list: &str| {
            let mut list: Vec<String> = list.split(',').map(|method| method.trim().to_owned()).collect();
            list.sort();
            list
        };
        assert_eq!(sorted(answer.header("allow")), sorted(allow), "{method} {path}");
    }
}

#[test]
fn a_body_that_is_not_declared_as_plain_json_is_415() {
    let stack = Stack::start();
    let person = stack.register();
    let body = || order("x").to_string();
    let declared = |kind: &str| person.post("/orders").header("content-type", kind).body(body());
    problem(&person.post("/orders").body(body()).send(), 415, "unsupported_media_type");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "json", ""] {
        problem(&declared(kind).send(), 415, "unsupported_media_type");
    }
    problem(&declared("application/json").header("content-encoding", "gzip").send(), 415, "unsupported_media_type");
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        declared(kind).send().expect(201);
    }
}

#[test]
fn a_body_that_is_not_json_is_400() {
    let stack = Stack::start();
    let person = stack.register();
    let deep_and_open = "[".repeat(20_000);
    for body in
        ["", "{", "{'title':1}", r#"{"title":}"#, "{} {}", "NaN", "\u{feff}{}", "{\"title\":\"\u{1}\"}", &deep_and_open]
    {
        problem(&person.post("/orders").text(body).send(), 400, "malformed_json");
    }
    for bytes in [&b"\xff\xfe{}"[..], &b"{\"title\":\"\xc3\x28\"}"[..]] {
        problem(&person.post("/orders").text(bytes).send(), 400, "malformed_json");
    }
    problem(&stack.http.post("/users/register").text("{").send(), 400, "malformed_json");
    problem(&stack.http.post("/users/login").text("}").send(), 400, "malformed_json");
    assert_eq!(stack.orders_db().count("orders"), 0);
}

#[test]
fn json_that_is_no_object_or_nested_without_end_is_422() {
    let stack = Stack::start();
    let person = stack.register();
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for body in ["[]", "7", "null", "\"text\"", "true", &deep] {
        invalid(&person.post("/orders").text(body).send(), &["body"]);
    }
    let inside = |field: &str| format!(r#"{{"title":"t","description":"d","price":1,"{field}":{deep}}}"#);
    invalid(&person.post("/orders").text(inside("orderReference")).send(), &["orderReference"]);
    invalid(&person.post("/orders").text(inside("surprise")).send(), &["surprise"]);
    assert_eq!(stack.orders_db().count("orders"), 0);
}

#[test]
fn an_order_that_breaks_a_rule_is_422_and_names_the_field() {
    let stack = Stack::start();
    let person = stack.register();
    let cases = [
        ("title", json!(null)),
        ("title", json!("")),
        ("title", json!("x".repeat(101))),
        ("title", json!(7)),
        ("title", json!(["x"])),
        ("title", json!("nul \0 inside")),
        ("title", json!("a bell \u{7}")),
        ("title", json!("two\nlines")),
        ("description", json!("an escape \u{1b}[31m")),
        ("orderReference", json!("a tab\t")),
        ("description", json!(null)),
        ("description", json!("")),
        ("description", json!("x".repeat(1001))),
        ("description", json!({})),
        ("description", json!("\0")),
        ("price", json!(null)),
        ("price", json!("5")),
        ("price", json!(0)),
        ("price", json!(-1)),
        ("price", json!(1_000_000.01)),
        ("price", json!(19.999)),
        ("price", json!(true)),
        ("orderReference", json!("x".repeat(101))),
        ("orderReference", json!(5)),
        ("orderReference", json!("\0")),
        ("userId", json!("somebody-else")),
        ("id", json!(Uuid::nil())),
    ];
    for (field, value) in cases {
        invalid(&person.post("/orders").json(&order_with(field, value)).send(), &[field]);
    }
    // What no JSON library would write.
    for price in ["1e400", "-1e400", "-0.001", "-0", "0.00", "0.001", "1e-3", "1E99999999999", "1000000.001"] {
        let body = format!(r#"{{"title":"t","description":"d","price":{price}}}"#);
        invalid(&person.post("/orders").text(body).send(), &["price"]);
    }
    for lone in [r"\ud800", r"x\udc00", r"\ude00\ud83d"] {
        let body = format!(r#"{{"title":"{lone}","description":"d","price":1}}"#);
        invalid(&person.post("/orders").text(body).send(), &["title"]);
    }
    let twice = r#"{"title":"a","title":"b","description":"d","price":1}"#;
    invalid(&person.post("/orders").text(twice).send(), &["title"]);
    let all_wrong = json!({ "title": "", "price": "free", "colour": "red" });
    invalid(&person.post("/orders").json(&all_wrong).send(), &["colour", "description", "price", "title"]);
    assert_eq!(stack.orders_db().count("orders"), 0);
}

#[test]
fn the_bounds_themselves_are_within_the_rules() {
    let stack = Stack::start();
    let person = stack.register();
    for (field, value) in [
        ("title", json!("x")),
        ("title", json!("ä".repeat(100))),
        ("description", json!("🪔".repeat(1000))),
        ("price", json!(0.01)),
        ("price", json!(1_000_000)),
        ("orderReference", json!("x".repeat(100))),
        ("orderReference", json!("")),
    ] {
        person.post("/orders").json(&order_with(field, value)).send().expect(201);
    }
}

#[test]
fn a_registration_that_breaks_a_rule_is_422_and_names_the_field() {
    let stack = Stack::start();
    let register = |form: &Value| stack.http.post("/users/register").json(form).send();
    let cases = [
        ("email", json!(null)),
        ("email", json!("no address")),
        ("email", json!("a@b")),
        ("email", json!(format!("{}@{}.example.org", "a".repeat(60), "b".repeat(40)))),
        ("email", json!("nul\0@example.org")),
        ("email", json!(7)),
        ("password", json!(null)),
        ("password", json!("7 chars")),
        ("password", json!("x".repeat(129))),
        ("password", json!("password")),
        ("password", json!("nul\0 nul\0 nul\0")),
        ("password", json!(12_345_678)),
        ("firstName", json!(null)),
        ("firstName", json!("")),
        ("firstName", json!("a\u{200b}b")),
        ("email", json!("a\u{200b}da@example.org")),
        ("email", json!("a\u{202e}da@example.org")),
        ("firstName", json!("x".repeat(51))),
        ("firstName", json!("12")),
        ("lastName", json!(null)),
        ("lastName", json!("<script>")),
        ("lastName", json!(["Li"])),
        ("isAdmin", json!(true)),
    ];
    for (field, value) in cases {
        invalid(&register(&form_with(field, value)), &[field]);
    }
    let nothing = json!({});
    let body = invalid(&register(&nothing), &["email", "firstName", "lastName", "password"]);
    assert_eq!(body["message"], "email is required: add it.", "a client that shows nothing else is of use");
    assert_eq!(stack.users_db().count("users"), 0);
}

#[test]
fn signing_in_with_too_little_or_too_much_is_422() {
    let stack = Stack::start();
    let login = |body: Value| stack.http.post("/users/login").json(&body).send();
    invalid(&login(json!({})), &["email", "password"]);
    invalid(&login(json!({ "email": "a@example.org" })), &["password"]);
    invalid(&login(json!({ "email": "a@example.org", "password": "secret pass", "remember": true })), &["remember"]);
    invalid(&login(json!({ "email": "a@example.org", "password": "\0" })), &["password"]);
}

#[test]
fn a_taken_address_is_409_however_it_is_written() {
    let stack = Stack::start();
    let person = stack.register();
    for email in [person.email.clone(), person.email.to_uppercase(), person.email.to_lowercase()] {
        let mut form = stack.form();
        form["email"] = json!(email);
        problem(&stack.http.post("/users/register").json(&form).send(), 409, "email_taken");
    }
    assert_eq!(stack.users_db().count("users"), 1);
}

#[test]
fn an_email_address_is_the_same_however_it_is_typed() {
    let stack = Stack::start();
    let form = |email: &str, name: &str| json!({ "email": email, "password": "long enough 7", "firstName": name, "lastName": "B" });
    let register = |email: &str, name: &str| stack.http.post("/users/register").json(&form(email, name)).send();
    for (n, twins) in [
        ["zo\u{eb}@b\u{fc}cher.example", "ZOE\u{308}@xn--bcher-kva.example", "zo\u{eb}@bu\u{308}cher.example"],
        ["ada@\u{4f8b}\u{3048}.example", "ADA@\u{4f8b}\u{3048}\u{3002}EXAMPLE", "ada@xn--r8jz45g.example"],
    ]
    .into_iter()
    .enumerate()
    {
        stack.register_secrets_of(&register(twins[n], "\u{660e}").expect(201).json());
        for twin in twins {
            problem(&register(twin, "X \u{c6} A-12"), 409, "email_taken");
            let credentials = json!({ "email": twin, "password": "long enough 7" });
            stack.register_secrets_of(&stack.http.post("/users/login").json(&credentials).send().expect(200).json());
        }
    }
    assert_eq!(stack.users_db().count("users"), 2);
}

#[test]
fn a_wrong_password_and_an_unknown_address_are_the_same_401() {
    let stack = Stack::start();
    let person = stack.register();
    let login = |email: &str, password: &str| {
        stack.keep_secret(password);
        stack.http.post("/users/login").json(&json!({ "email": email, "password": password })).send()
    };
    let wrong = login(&person.email, "not the password");
    let unknown = login("nobody-we-know@example.org", "not the password either");
    stack.keep_secret("nobody-we-know@example.org");
    for answer in [&wrong, &unknown] {
        problem(answer, 401, "invalid_credentials");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
    }
    assert_eq!(wrong.json()["message"], unknown.json()["message"]);
    // Passwords are compared in full and in their own case.
    for password in [person.password.to_uppercase(), format!("{} ", person.password), person.password[1..].to_owned()] {
        problem(&login(&person.email, &password), 401, "invalid_credentials");
    }
}

#[test]
fn an_unknown_address_takes_as_long_as_a_wrong_password() {
    let stack = Stack::plan().alone().start();
    let person = stack.register();
    let fastest = |email: &str| {
        let credentials = json!({ "email": email, "password": "not the password" });
        let login = || stack.http.post("/users/login").json(&credentials).send().expect(401).took;
        (0..9).map(|_| login()).min().unwrap()
    };
    let (wrong, unknown) = (fastest(&person.email), fastest("nobody@example.org"));
    let (low, high) = (wrong.min(unknown), wrong.max(unknown));
    assert!(low > millis(5) && high < low * 3 / 2, "wrong password: {wrong:?}, unknown address: {unknown:?}");
}

#[test]
fn another_ones_order_is_403_an_absent_one_404_and_no_id_422() {
    let stack = Stack::start();
    let (owner, other) = (stack.register(), stack.register());
    let order = owner.place("mine");
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    problem(&other.get(&path).send(), 403, "permission_denied");
    assert_eq!(other.orders(), Vec::<Value>::new());
    let absent = format!("/orders/{}", Uuid::now_v7());
    let body = problem(&owner.get(&absent).send(), 404, "order_not_found");
    assert_eq!(body["instance"], absent);
    for id in ["7", "not-an-id", "%00", "%ff", &order["id"].as_str().unwrap().replace('-', "")] {
        invalid(&owner.get(&format!("/orders/{id}")).send(), &["id"]);
    }
    owner.get(&path).send().expect(200);
}

#[test]
fn a_query_that_no_list_understands_is_422() {
    let stack = Stack::start();
    let person = stack.register();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=7", "cursor"),
        ("cursor=", "cursor"),
        ("offset=5", "offset"),
    ] {
        invalid(&person.get(&format!("/orders?{query}")).send(), &[field]);
    }
}

#[test]
fn a_bad_idempotency_key_is_422_and_names_the_header() {
    let stack = Stack::start();
    let person = stack.register();
    let with = |key: &str| person.ordering("keyed").header("idempotency-key", key).send();
    for key in ["", "has space", "\"open", &"k".repeat(256)] {
        invalid(&with(key), &["Idempotency-Key"]);
    }
    let twice = person.ordering("keyed").header("idempotency-key", "a").header("idempotency-key", "b").send();
    invalid(&twice, &["Idempotency-Key"]);
    assert_eq!(stack.orders_db().count("orders"), 0);
    with("\"quoted\"").expect(201);
    with(&"k".repeat(255)).expect(201);
}

#[test]
fn a_guarded_route_asks_for_a_token_before_anything_else() {
    let stack = Stack::start();
    let guarded: [fn(&Http) -> Call; 4] = [
        |http| http.get("/users/profile"),
        |http| http.post("/orders").text("{"),
        |http| http.get("/orders?limit=many"),
        |http| http.get("/orders/not-an-id"),
    ];
    for call in guarded {
        let refused = |answer: Answer, code| {
            problem(&answer, 401, code);
            answer.header("www-authenticate").to_owned()
        };
        // RFC 6750: without a token the challenge has no error code.
        assert!(!refused(call(&stack.http).send(), "missing_token").contains("error"));
        assert!(
            !refused(call(&stack.http).header("authorization", "Basic YTpi").send(), "missing_token").contains("error")
        );
        let challenge = refused(call(&stack.http).token("x").send(), "invalid_token");
        assert!(challenge.starts_with("Bearer") && challenge.contains(r#"error="invalid_token""#), "{challenge}");
    }
}

#[test]
fn somebody_whose_account_is_gone_is_404() {
    let stack = Stack::start();
    let person: Person = stack.register();
    stack.users_db().execute("DELETE FROM users");
    problem(&person.get("/users/profile").send(), 404, "user_not_found");
}
