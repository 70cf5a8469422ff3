//! When the database fails or refuses, callers get the right code, the log has the cause, and events wait.

use serde_json::{Value, json};
use system_tests::problem::{invalid, problem};
use system_tests::wait::seconds;
use system_tests::{Answer, Process, Servers, Signal, Sql, Stack, wait_for, wait_until};

const FAILED: &str = "a request failed on our side";

/// The lines about one request.
fn failures(process: &Process, request_id: &Value) -> Vec<Value> {
    process.events(FAILED).into_iter().filter(|event| event["request_id"] == *request_id).collect()
}

/// The same, once the request is known to be over.
fn all_failures(process: &Process, request_id: &Value) -> Vec<Value> {
    let handled = || process.events("handled").iter().any(|event| event["request_id"] == *request_id);
    wait_until("it was handled", seconds(5), handled);
    failures(process, request_id)
}

/// An order whose title is `CODE` fails with this SQLSTATE, `CODE n` only so many times.
const RAISE: &str = r"
    CREATE SEQUENCE attempts;
    CREATE FUNCTION raise_code() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        IF NEW.title ~ '^[0-9A-Z]{5}( [0-9]+)?$' THEN
            IF nextval('attempts') <= coalesce(nullif(split_part(NEW.title, ' ', 2), '')::bigint, 1000) THEN
                RAISE EXCEPTION 'raised for a test' USING ERRCODE = split_part(NEW.title, ' ', 1);
            END IF;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER raise_code BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION raise_code()";

#[test]
fn every_kind_of_database_error_has_its_code_and_is_logged_once_with_its_cause() {
    let stack = Stack::plan().set("WORKER_STATEMENT_TIMEOUT_MS", "800").start();
    let person = stack.register();
    let db = stack.orders_db();
    db.execute(RAISE);
    let worker = stack.process("orders-create");
    let restart = || db.execute("ALTER SEQUENCE attempts RESTART");
    for (codes, status, code) in [
        (&["53000", "53100", "53200", "53300", "53400", "25006", "57000", "58030"][..], 503, "database_unavailable"),
        (&["55P03", "57014", "40001", "40P01"], 503, "database_busy"),
        (&["57P01", "57P03", "08006", "25P03"], 504, "outcome_unknown"),
        (&["42501", "23505", "23514", "P0001", "XX000", "0A000"], 500, "internal"),
        (&["22001", "22003", "22021"], 422, "invalid_input"),
    ] {
        for sqlstate in codes {
            restart();
            let logged = |answer: &Answer| {
                let about = &answer.json()["requestId"];
                wait_for("it was logged", seconds(5), || failures(&worker, about).into_iter().next())
            };
            let answer = wait_for("the server was asked", seconds(5), || {
                let answer = person.ordering(sqlstate).send();
                // A connection that was replaced may be on its way.
                let asked = logged(&answer)["error"].as_str().unwrap().contains(sqlstate);
                asked.then_some(answer)
            });
            let body = problem(&answer, status, code);
            assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{sqlstate}");
            let lines = all_failures(&worker, &body["requestId"]);
            assert_eq!(lines.len(), 1, "{sqlstate}: {lines:?}");
            assert_eq!(lines[0]["code"], code);
            assert!(!lines[0].to_string().contains("All about"), "a row is quoted: {}", lines[0]);
        }
        wait_until("a good order went through", seconds(5), || person.ordering("good").send().status == 201);
    }
    // A collision is retried by the worker, and callers do not notice it.
    for collision in ["40001 2", "40P01 2"] {
        restart();
        person.place(collision);
        assert_eq!(db.value::<i64>("SELECT last_value FROM attempts", &[]), 3);
    }

    // A lock that is not to be had: given up in time, and nothing was done.
    let before = db.count("orders");
    let lock = Sql::open(&stack.orders_url);
    lock.execute("BEGIN; LOCK TABLE orders");
    let path = format!("/orders/{}", uuid::Uuid::now_v7());
    for answer in [person.ordering("locked out").send(), person.get(&path).send()] {
        let body = problem(&answer, 503, "database_busy");
        assert_eq!(answer.header("retry-after"), "1");
        let process = stack.process(if body["instance"] == "/orders" { "orders-create" } else { "orders-get" });
        let lines = all_failures(&process, &body["requestId"]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0]["error"].as_str().unwrap().contains("statement timeout"), "{}", lines[0]);
    }
    lock.execute("ROLLBACK");
    assert_eq!(db.count("orders"), before);
    person.place("let in");
}

#[test]
fn a_changed_table_is_read_again_or_reported_as_a_defect() {
    let stack = Stack::start();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("x")["id"].as_str().unwrap());
    person.get(&path).send().expect(200);
    let db = stack.orders_db();
    // The plan of a prepared statement no longer fits.
    for kind in ["varchar(1000)", "text"] {
        db.execute(&format!("ALTER TABLE orders ALTER title TYPE {kind}"));
        person.get(&path).send().expect(200);
        assert_eq!(person.orders().len(), 1);
    }
    // Our values no longer fit: a defect, not a lost connection.
    db.execute("ALTER TABLE orders ALTER id TYPE text");
    let body = problem(&person.get(&path).send(), 500, "internal");
    let lines = all_failures(&stack.process("orders-get"), &body["requestId"]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0]["error"].as_str().unwrap().contains("serializing parameter"), "{}", lines[0]);
    db.execute("ALTER TABLE orders ALTER id TYPE uuid USING id::uuid");
    person.get(&path).send().expect(200);
}

#[test]
fn a_read_only_database_is_unavailable_to_writers_and_costs_no_event_an_attempt() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).with_events().set("EVENTS_RETRY_MS", "10").alone().start();
    let person = stack.register();
    let pids = stack.pids();
    let db = stack.users_db();
    let read_only = |on: &str| {
        // Takes no transaction, which would be read-only itself.
        db.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {on}"));
        db.execute("SELECT pg_reload_conf()");
    };
    read_only("on");
    let credentials = json!({ "email": person.email, "password": person.password });
    for _ in 0..3 {
        let register = stack.http.post("/users/register").json(&stack.form()).send();
        assert_eq!(register.header("retry-after"), "1");
        problem(&register, 503, "database_unavailable");
        problem(&stack.http.post("/users/login").json(&credentials).send(), 503, "database_unavailable");
    }
    person.get("/users/profile").send().expect(200);
    person.place("waits");
    let listener = stack.process("users-on-order-created");
    let waits = || {
        let waiting = listener.events("the database is unusable; the event waits");
        let cannot = listener.events("cannot reach the database");
        cannot.iter().chain(&waiting).any(|event| event["error"].as_str().unwrap().contains("read-only"))
    };
    wait_until("the listener had said why it waits", seconds(10), waits);
    read_only("off");
    wait_until("people could sign in", seconds(10), || {
        let answer = stack.http.post("/users/login").json(&credentials).send();
        if answer.status == 200 {
            stack.register_secrets_of(&answer.json());
        }
        answer.status == 200
    });
    wait_until("the order counted", seconds(10), || person.get("/users/profile").send().json()["orderCount"] == 1);
    assert!(listener.events("event handled").iter().all(|event| event["attempt"] == 1));
    assert_eq!(stack.pids(), pids, "nothing was restarted");
}

#[test]
fn only_an_events_own_failures_count_as_attempts() {
    let stack = Stack::plan().with_events().set("EVENTS_RETRY_MS", "10").start();
    let person = stack.register();
    let db = stack.users_db();
    db.execute(
        "CREATE TABLE trouble (code text); INSERT INTO trouble VALUES ('53100');
         CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE found text; BEGIN
            SELECT code INTO found FROM trouble;
            IF found IS NOT NULL THEN RAISE EXCEPTION 'raised for a test' USING ERRCODE = found; END IF;
            RETURN NEW;
         END $$;
         CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON order_statistics FOR EACH ROW EXECUTE FUNCTION trouble()",
    );
    person.place("waits");
    let listener = stack.process("users-on-order-created");
    let waited = |code: &str| {
        let lines = listener.events("the database is unusable; the event waits");
        lines.iter().filter(|line| line["error"].as_str().unwrap().contains(code)).count()
    };
    for code in ["53100", "53300", "53200", "25006"] {
        db.execute(&format!("UPDATE trouble SET code = '{code}'"));
        // More often than an event is tried that is at fault itself.
        wait_until("it was tried several times", seconds(20), || waited(code) >= 4);
    }
    assert!(listener.events("event handled").is_empty());
    db.execute("DELETE FROM trouble");
    wait_until("it counted", seconds(10), || person.get("/users/profile").send().json()["orderCount"] == 1);
    assert!(listener.events("event handled").iter().all(|event| event["attempt"] == 1));

    db.execute("INSERT INTO trouble VALUES ('23514')");
    person.place("is at fault");
    let dead = || stack.wire().queue("users.on_order_created.dead").unwrap().ready;
    wait_until("it was dead-lettered", seconds(10), || dead() == 1);
}

#[test]
fn a_listener_that_freezes_inside_its_transaction_loses_it_in_seconds() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let counts = |orders: i64| person.get("/users/profile").send().expect(200).json()["orderCount"] == orders;
    person.place("first");
    wait_until("it counted", seconds(10), || counts(1));
    let frozen = stack.process("users-on-order-created");
    let db = stack.users_db();
    let lock = Sql::open(&stack.users_url);
    lock.execute(&format!("BEGIN; SELECT FROM order_statistics WHERE user_id = '{}' FOR UPDATE", person.id));
    person.place("second");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("the listener waited", seconds(10), || db.value::<i64>(waits, &[]) == 1);
    frozen.signal(Signal::Freeze);
    lock.execute("ROLLBACK");
    // Now it has the row, and says nothing more. Another copy needs the same row.
    stack.launch_worker("users-on-order-created");
    person.place("third");
    wait_until("the other copy had the row", seconds(15), || counts(2));
    frozen.signal(Signal::Cont);
    wait_until("the frozen one applied its event, once", seconds(15), || counts(3));
    assert_eq!(stack.wire().queue("users.on_order_created.dead").unwrap().ready, 0);
    assert!(frozen.is_running());
}

#[test]
fn a_failing_clean_up_is_logged_and_blocks_nothing() {
    const KEPT: &str = "cannot remove old rows; trying again later";
    let stack = Stack::plan().with_events().start();
    for (db, tables) in [
        (stack.users_db(), &["inbox", "outbox", "sessions"][..]),
        (stack.orders_db(), &["inbox", "outbox", "idempotency_keys"]),
    ] {
        for table in tables {
            db.execute(&format!(
                "CREATE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN RAISE EXCEPTION ''kept for a test'' USING ERRCODE = ''42501''; END';
                 CREATE TRIGGER keep BEFORE DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION keep_{table}()"
            ));
        }
    }
    let prunes = [
        "users-on-order-created",
        "orders-on-user-registered",
        "users-relay",
        "orders-relay",
        "users-login",
        "orders-create",
    ];
    for name in prunes {
        stack.process(name).kill();
        stack.launch_worker(name);
    }
    let person = stack.register();
    for n in 0..3 {
        person.ordering("x").header("idempotency-key", &format!("key-{n}")).send().expect(201);
    }
    wait_until("the orders counted", seconds(20), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == 3
    });
    let credentials = json!({ "email": person.email, "password": person.password });
    let signed_in = stack.http.post("/users/login").json(&credentials).send().expect(200).json();
    stack.register_secrets_of(&signed_in);
    for name in prunes {
        let process = stack.process(name);
        let said = || process.events(KEPT);
        wait_until(&format!("{name} had said why"), seconds(10), || !said().is_empty());
        assert_eq!(said().len(), 1, "{name} says so once, and tries again later");
        assert!(said()[0]["error"].as_str().unwrap().contains("kept for a test"));
    }
}

#[test]
fn an_invalid_cursor_is_refused_by_name() {
    let stack = Stack::start();
    let person = stack.register();
    person.place("x");
    let id = "0".repeat(32);
    for time in ["7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "0384440ccc736000", "0400000000000000"] {
        invalid(&person.get(&format!("/orders?cursor=c{time}{id}")).send(), &["cursor"]);
    }
    // The first and the last that could be, and ids of every kind.
    for (time, id) in [("0000000000000000", "0"), ("001fffffffffffff", "f"), ("001fffffffffffff", "0")] {
        person.get(&format!("/orders?cursor=c{time}{}", id.repeat(32))).send().expect(200);
    }
}
