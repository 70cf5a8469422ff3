//! `docs/from-nestjs.md` works: its statements copy the data of a Nest system, and its users find their orders.

use serde_json::json;
use system_tests::Stack;
use system_tests::environment::repository;
use system_tests::token::{claims, sign};
use uuid::Uuid;

/// The statements of the page, in their order: of the users database, then of the orders database.
fn statements() -> [String; 2] {
    let text = std::fs::read_to_string(repository().join("docs/from-nestjs.md")).unwrap();
    let blocks = text.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect::<Vec<_>>().try_into().unwrap()
}

/// The tables as TypeORM makes them for the system on Nest.
const USERS: &str = r#"CREATE SCHEMA nest; CREATE TABLE nest.users (
    id uuid PRIMARY KEY, email varchar UNIQUE NOT NULL, password varchar NOT NULL, "firstName" varchar NOT NULL,
    "lastName" varchar NOT NULL, "isActive" boolean NOT NULL DEFAULT true, "refreshToken" varchar,
    "createdAt" timestamp NOT NULL DEFAULT now(), "updatedAt" timestamp NOT NULL DEFAULT now())"#;
const ORDERS: &str = r#"CREATE SCHEMA nest; CREATE TABLE nest.orders (
    id uuid PRIMARY KEY, title varchar NOT NULL, description text NOT NULL, price numeric(10,2) NOT NULL,
    "userId" varchar NOT NULL, "orderReference" varchar, "createdAt" timestamp NOT NULL DEFAULT now(),
    "updatedAt" timestamp NOT NULL DEFAULT now())"#;

#[test]
fn the_data_of_a_nest_system_is_copied() {
    let stack = Stack::start();
    let [copy_users, copy_orders] = statements();
    let (user, order) = (Uuid::now_v7(), Uuid::now_v7());
    let users = stack.users_db();
    users.execute(USERS);
    users.execute(&format!(
        "INSERT INTO nest.users VALUES ('{user}', 'Ann@Example.org', '$2b$10$x', 'Ann', 'Li', true, NULL, '2024-05-01', now())"
    ));
    let orders = stack.orders_db();
    orders.execute(ORDERS);
    orders.execute(&format!(
        "INSERT INTO nest.orders VALUES ('{order}', 'Old', 'From Nest', 12.5, '{user}', NULL, '2024-05-02', now())"
    ));
    for _ in 0..2 {
        users.execute(&copy_users);
        orders.execute(&copy_orders);
    }

    let token = sign(&claims(&user.to_string()));
    let profile = stack.http.get("/users/profile").token(&token).send().expect(200).json();
    assert_eq!((&profile["email"], &profile["firstName"]), (&json!("Ann@Example.org"), &json!("Ann")));
    let list = stack.http.get("/orders").token(&token).send().expect(200).json();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["id"]), (1, &json!(order)));
    assert_eq!((&list[0]["price"], &list[0]["createdAt"]), (&json!(12.5), &json!("2024-05-02T00:00:00.000Z")));
    // Nobody signs in without a new password.
    for password in ["", "$2b$10$x", "whatever it was"] {
        let login = json!({ "email": "ann@example.org", "password": password });
        let refused = stack.http.post("/users/login").json(&login).send();
        assert!(matches!(refused.status, 401 | 422), "{password}: {} {}", refused.status, refused.body);
    }
}
