//! Every route does its work, and its answer has exactly the promised fields.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};
use system_tests::stack::order;
use system_tests::{Answer, Person, Stack};

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// RFC 3339, UTC, milliseconds, `Z`: `2026-01-31T12:00:00.000Z`.
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

fn assert_signed_in(answer: &Answer) {
    let body = answer.json();
    assert_eq!(keys(&body), ["tokens", "user"]);
    assert_eq!(keys(&body["tokens"]), ["access_token", "refresh_token"]);
    assert_eq!(keys(&body["user"]), ["email", "firstName", "id", "lastName"]);
    assert_eq!(body["tokens"]["access_token"].as_str().unwrap().split('.').count(), 3, "a JWT has three parts");
    let refresh_token = body["tokens"]["refresh_token"].as_str().unwrap();
    assert!(refresh_token.len() >= 43 && !refresh_token.contains('.'), "256 bits and opaque");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn registering_answers_201_with_tokens_and_the_user() {
    let stack = Stack::start();
    let form = stack.form();
    let answer = stack.http.post("/users/register").json(&form).send().expect(201);
    assert_signed_in(&answer);
    stack.register_secrets_of(&answer.json());
    for field in ["email", "firstName", "lastName"] {
        assert_eq!(answer.json()["user"][field], form[field]);
    }
    assert_eq!(stack.users_db().count("users"), 1);
}

#[test]
fn signing_in_answers_200_with_the_same_user_and_new_tokens() {
    let stack = Stack::start();
    let person = stack.register();
    // However the address is written.
    for email in [person.email.clone(), person.email.to_uppercase(), person.email.to_lowercase()] {
        let credentials = json!({ "email": email, "password": person.password });
        let answer = stack.http.post("/users/login").json(&credentials).send().expect(200);
        assert_signed_in(&answer);
        stack.register_secrets_of(&answer.json());
        assert_eq!(answer.json()["user"]["id"], person.id);
        assert_eq!(answer.json()["user"]["email"], person.email, "the address stays as it was registered");
        let token = answer.json()["tokens"]["access_token"].as_str().unwrap().to_owned();
        assert_ne!(token, person.token);
        stack.http.get("/orders").token(&token).send().expect(200);
    }
}

#[test]
fn a_profile_shows_the_account_without_its_secrets() {
    let stack = Stack::start();
    let person = stack.register();
    let answer = person.get("/users/profile").send().expect(200);
    let profile = answer.json();
    let fields = ["createdAt", "email", "firstName", "id", "isActive", "lastName", "orderCount", "totalSpent"];
    assert_eq!(keys(&profile), fields);
    assert_eq!((&profile["id"], &profile["email"]), (&json!(person.id), &json!(person.email)));
    assert_eq!((&profile["firstName"], &profile["lastName"]), (&json!("Ann"), &json!("O'Neil-Ščukina")));
    assert_eq!(profile["isActive"], true);
    assert_time(&profile["createdAt"]);
}

#[test]
fn an_order_is_created_and_found_at_its_location() {
    let stack = Stack::start();
    let person = stack.register();
    let wanted = json!({ "title": "Räucherstäbchen 🪔", "description": "x".repeat(1000), "price": 19.99, "orderReference": "A-7" });
    let answer = person.post("/orders").json(&wanted).send().expect(201);
    let order = answer.json();
    let fields = ["createdAt", "description", "id", "orderReference", "price", "title", "updatedAt", "userId"];
    assert_eq!(keys(&order), fields);
    for field in ["title", "description", "price", "orderReference"] {
        assert_eq!(order[field], wanted[field]);
    }
    assert_eq!(order["userId"], person.id);
    assert_time(&order["createdAt"]);
    assert_time(&order["updatedAt"]);

    let location = answer.header("location").to_owned();
    assert_eq!(location, format!("/orders/{}", order["id"].as_str().unwrap()));
    assert_eq!(person.get(&location).send().expect(200).json(), order);
    assert_eq!(person.orders(), [order]);
}

#[test]
fn an_order_needs_no_reference() {
    let stack = Stack::start();
    let person = stack.register();
    assert_eq!(person.place("none")["orderReference"], Value::Null);
    let mut wanted = order("null");
    wanted["orderReference"] = Value::Null;
    let answer = person.post("/orders").json(&wanted).send().expect(201);
    assert_eq!(answer.json()["orderReference"], Value::Null);
}

#[test]
fn prices_are_exact_to_the_cent_and_written_as_numbers() {
    let stack = Stack::start();
    let person = stack.register();
    for (sent, kept) in [
        ("0.01", "0.01"),
        ("0.1", "0.1"),
        ("19.99", "19.99"),
        ("12.340", "12.34"),
        ("1e2", "100"),
        ("33.33", "33.33"),
        ("999999.99", "999999.99"),
        ("1000000", "1000000"),
        ("1000000.00", "1000000"),
    ] {
        let json = format!(r#"{{"title":"t","description":"d","price":{sent}}}"#);
        let created = person.post("/orders").text(json).send().expect(201);
        let read = person.get(created.header("location")).send().expect(200);
        let written = format!(r#""price":{kept},"#);
        for body in [&created.body, &read.body] {
            assert!(body.contains(&written), "{sent} became {body}");
        }
    }
}

#[test]
fn orders_are_listed_newest_first_over_all_pages_without_loss_or_repetition() {
    let stack = Stack::start();
    let person = stack.register();
    let somebody_else = stack.register();
    let count = 120;
    thread::scope(|scope| {
        for part in 0..4 {
            let person = &person;
            scope.spawn(move || (0..count / 4).for_each(|n| drop(person.place(&format!("order {part}/{n}")))));
        }
    });
    somebody_else.place("not for this list");

    for (first_page, size) in [("/orders", 50), ("/orders?limit=7", 7), ("/orders?limit=100", 100)] {
        let mut pages = Pages { person: &person, next: Some(first_page.into()) };
        let mut seen = pages.next().unwrap();
        assert_eq!(seen.len(), size, "{first_page}");
        // New orders come before those that were seen, and shift nothing.
        let newest = person.place("placed while somebody pages");
        for page in pages {
            assert!((1..=size).contains(&page.len()), "{first_page}");
            seen.extend(page);
        }
        let ids: BTreeSet<&str> = seen.iter().map(|order| order["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), seen.len(), "an order is there twice: {first_page}");
        assert!(!ids.contains(newest["id"].as_str().unwrap()));
        assert_eq!(i64::try_from(seen.len()).unwrap(), stack.orders_db().count("orders") - 2, "{first_page}");
        assert!(seen.windows(2).all(|pair| pair[0]["createdAt"].as_str() >= pair[1]["createdAt"].as_str()));
        assert!(seen.iter().all(|order| order["userId"] == person.id.as_str()));
    }
}

#[test]
fn a_list_on_one_page_has_no_link_to_another() {
    let stack = Stack::start();
    let person = stack.register();
    let answer = person.get("/orders").send().expect(200);
    assert_eq!((answer.body.as_str(), answer.header("link")), ("[]", ""));
    let placed = [person.place("first"), person.place("second")];
    let answer = person.get("/orders?limit=2").send().expect(200);
    assert_eq!((answer.json(), answer.header("link")), (json!([placed[1], placed[0]]), ""));
}

/// The pages of a list, each found by the link of the one before.
struct Pages<'a> {
    person: &'a Person,
    next: Option<String>,
}

impl Iterator for Pages<'_> {
    type Item = Vec<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        let answer = self.person.get(&self.next.take()?).send().expect(200);
        let link = answer.header("link");
        // RFC 8288: <address>; rel="next"
        self.next = link.strip_prefix('<').and_then(|link| link.strip_suffix(r#">; rel="next""#)).map(str::to_owned);
        assert_eq!(self.next.is_none(), link.is_empty(), "{link}");
        Some(answer.json().as_array().unwrap().clone())
    }
}
