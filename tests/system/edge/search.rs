//! `GET /orders` finds, sorts, pages and counts a user's orders, however many there are.

use serde_json::{Value, json};
use system_tests::problem::problem;
use system_tests::{Answer, Person, Stack};

/// The titles on a page.
fn titles(answer: &Answer) -> Vec<String> {
    answer.json().as_array().unwrap().iter().map(|order| order["title"].as_str().unwrap().to_owned()).collect()
}

/// The titles on all pages of so many, in order.
fn all(person: &Person, query: &str, limit: u32) -> Vec<String> {
    let (mut found, mut address) = (Vec::new(), format!("/orders?{query}&limit={limit}"));
    loop {
        let answer = person.get(&address).send().expect(200);
        found.extend(titles(&answer));
        let Some(link) = answer.headers.get("link").map(|link| link.to_str().unwrap().to_owned()) else {
            return found;
        };
        let next = link.split_once('<').unwrap().1.split_once('>').unwrap().0;
        address = if next.starts_with('/') { next.to_owned() } else { format!("/orders{next}") };
        assert!(found.len() < 5_000, "{query} has no end");
    }
}

/// An order of a person's, put into the table as it is.
fn put(stack: &Stack<'_>, person: &Person, title: &str, description: &str, price: f64, placed: &str) {
    stack.orders_db().execute(&format!(
        "INSERT INTO orders (id, user_id, title, description, price, created_at)
         VALUES (gen_random_uuid(), '{}', '{title}', '{description}', {price}, '{placed}')",
        person.id
    ));
}

#[test]
fn orders_are_found_sorted_counted_and_paged() {
    let stack = Stack::start();
    let (person, other) = (stack.somebody(), stack.somebody());
    put(&stack, &person, "Analytical engine", "with punched cards", 20.0, "2026-01-01T00:00:00Z");
    put(&stack, &person, "Difference ENGINE", "100% brass_work", 10.5, "2026-02-01T12:00:00Z");
    put(&stack, &person, "Loom", "driven by an Engine of steam", 10.5, "2026-03-01T00:00:00Z");
    put(&stack, &person, "ÉCLAIR", "ПРИВЕТ 42", 0.01, "2026-04-01T00:00:00Z");
    put(&stack, &other, "Somebody else''s engine", "", 1.0, "2026-01-15T00:00:00Z");
    let found = |query: &str| titles(&person.get(&format!("/orders?{query}")).send().expect(200));

    assert_eq!(found("q=engine"), ["Loom", "Difference ENGINE", "Analytical engine"]);
    assert_eq!(found("q=eNgInE&sort=oldest"), ["Analytical engine", "Difference ENGINE", "Loom"]);
    assert_eq!(found("q=%C3%A9clair"), ["ÉCLAIR"]);
    assert_eq!(found("q=%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82"), ["ÉCLAIR"]);
    assert_eq!(found("q=42"), ["ÉCLAIR"]);
    assert_eq!(found("q=100%25+brass_"), ["Difference ENGINE"]);
    assert_eq!(found("q=1%25"), [""; 0]);
    assert_eq!(found("q=_"), ["Difference ENGINE"]);
    assert_eq!(found("q=%5C"), [""; 0]);
    assert_eq!(found("q=gin"), ["Loom", "Difference ENGINE", "Analytical engine"], "in the middle of a word");

    assert_eq!(found("sort=price_asc"), found("sort=price_desc").into_iter().rev().collect::<Vec<_>>());
    assert_eq!(found("sort=price_desc")[0], "Analytical engine");
    assert_eq!(found("min=10.5&max=10.50"), ["Loom", "Difference ENGINE"]);
    assert_eq!(found("min=10.51&sort=price_asc"), ["Analytical engine"]);
    assert_eq!(found("from=2026-02-01&to=2026-03-01"), ["Difference ENGINE"], "from is in, to is not");
    assert_eq!(found("from=2026-02-01T13:00:00%2B01:00&sort=oldest")[0], "Difference ENGINE");
    assert_eq!(found("from=2026-01-02&max=10.5&q=engine&sort=price_desc").len(), 2);

    for query in ["q=engine", "q=engine&sort=oldest", "sort=price_desc", "sort=price_asc", "sort=oldest", "min=10"] {
        assert_eq!(all(&person, query, 1), found(query), "{query}, one by one");
    }

    let total = |query: &str| {
        let answer = person.get(&format!("/orders?total=true&{query}")).send().expect(200);
        (answer.header("x-total-count").to_owned(), answer.header("x-total-count-relation").to_owned())
    };
    for (query, count) in
        [("", "4"), ("q=engine&limit=1", "3"), ("min=10", "3"), ("from=2026-02-01&max=10", "1"), ("q=%D0%BF", "1")]
    {
        assert_eq!(total(query), (count.to_owned(), "eq".to_owned()), "{query}");
    }
    let plain = person.get("/orders").send().expect(200);
    assert!(!plain.headers.contains_key("x-total-count"));
    let origin = person.get("/orders").header("origin", "http://localhost:3000").send();
    assert!(origin.header("access-control-expose-headers").contains("X-Total-Count-Relation"));
}

#[test]
fn an_invalid_filter_is_reported_at_its_field() {
    let stack = Stack::start();
    let person = stack.somebody();
    (0..3).for_each(|n| drop(person.place(&format!("engine {n}"))));
    let long = "x".repeat(101);
    let at = |query: &str| -> Vec<String> {
        let body = problem(&person.get(&format!("/orders?{query}")).send(), 422, "invalid_input");
        body["errors"].as_object().unwrap().keys().cloned().collect()
    };
    for (query, field) in [
        ("q=", "q"),
        ("q=+", "q"),
        (&format!("q={long}"), "q"),
        ("q=%00", "q"),
        ("from=yesterday", "from"),
        ("from=2026", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-02-01&to=2026-02-01", "to"),
        ("min=x", "min"),
        ("min=-1", "min"),
        ("max=0.001", "max"),
        ("min=2&max=1.99", "max"),
        ("sort=up", "sort"),
        ("sort=newest&sort=oldest", "sort"),
        ("total=1", "total"),
        ("cursor=c7fffffffffffffff00000000000000000000000000000000", "cursor"),
    ] {
        assert_eq!(at(query), [field], "{query}");
    }
    assert_eq!(at("q=&min=x&sort=up").len(), 3);

    // A cursor is valid only for the filters that it was issued for.
    let cursor = |query: &str| {
        let answer = person.get(&format!("/orders?limit=1&{query}")).send().expect(200);
        let link = answer.header("link").to_owned();
        link.split_once("cursor=").unwrap().1.split(['>', '&']).next().unwrap().to_owned()
    };
    let queries = [
        "",
        "q=engine",
        "q=engin",
        "sort=oldest",
        "sort=price_asc",
        "min=1",
        "from=2020-01-01",
        "q=engine&sort=oldest",
    ];
    for given in queries {
        let cursor = cursor(given);
        for query in queries {
            let answer = person.get(&format!("/orders?limit=2&{query}&cursor={cursor}")).send();
            let wanted = if query == given { 200 } else { 422 };
            assert_eq!(answer.status, wanted, "{query} with the cursor of {given}: {}", answer.body);
        }
    }
}

#[test]
fn a_list_of_many_thousands_is_searched_to_its_end() {
    let stack = Stack::start();
    let person = stack.somebody();
    // Common in all, rare, in the oldest only, and in so many of the oldest that no index helps.
    stack.orders_db().execute(&format!(
        "INSERT INTO orders (id, user_id, title, description, price, created_at)
         SELECT gen_random_uuid(), '{}', 'order ' || n, CASE WHEN n > 27000 THEN 'ancient' ELSE 'young' END
            || CASE WHEN n % 10000 = 0 THEN ' rarity' ELSE '' END || CASE WHEN n > 29990 THEN ' ж' ELSE '' END,
            n % 1000 + 1, timestamptz '2026-01-01' - n * interval '1 second'
         FROM generate_series(1, 30000) AS n; ANALYZE orders",
        person.id
    ));
    let count = |query: &str| {
        let answer = person.get(&format!("/orders?limit=1&total=true&{query}")).send().expect(200);
        json!([answer.header("x-total-count").parse::<u32>().unwrap(), answer.header("x-total-count-relation")])
    };
    assert_eq!(all(&person, "q=rarity", 2), ["order 10000", "order 20000", "order 30000"]);
    assert_eq!(all(&person, "q=rarity&sort=oldest", 100), ["order 30000", "order 20000", "order 10000"]);
    assert_eq!(all(&person, "q=rarity&sort=price_asc", 100).len(), 3);
    assert_eq!(all(&person, "q=nowhere", 100), [""; 0]);
    assert_eq!(all(&person, "q=%D0%B6", 100).len(), 10, "no index knows it");
    assert_eq!(all(&person, "q=ancient", 100).len(), 3_000, "too many for the index, too far for the first look");
    assert_eq!(all(&person, "min=1000&to=2025-12-31T23:00:00Z", 100).len(), 27, "cheap by the other index");
    assert_eq!(titles(&person.get("/orders?q=order&limit=2").send()), ["order 1", "order 2"]);
    let unfiltered: Value = count("");
    assert_eq!(
        [unfiltered, count("q=order"), count("q=rarity"), count("q=nowhere"), count("q=ancient")],
        [json!([1000, "gte"]), json!([1000, "gte"]), json!([3, "eq"]), json!([0, "eq"]), json!([1000, "gte"])]
    );
    assert_eq!(count("q=%D0%B6"), json!([0, "gte"]), "at least so many: the rest was not looked at");
}
