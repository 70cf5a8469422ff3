//! Concurrent writes share a commit, and one that fails or waits for a lock does not affect the others.

use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Sql, Stack, wait_until};

const TOGETHER: i64 = 20;

/// An order called `broken` is refused by the database.
const BREAK: &str = "
    CREATE FUNCTION refuse_broken() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.title = ''broken'' THEN RAISE EXCEPTION ''refused for a test''; END IF; RETURN NEW; END';
    CREATE TRIGGER refuse_broken BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_broken()";

/// An order called `locked` waits for this lock.
const LOCK: &str = "
    CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.title = ''locked'' THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END';
    CREATE TRIGGER wait_for_lock BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION wait_for_lock()";

/// In how many transactions the orders with a title were placed.
fn transactions(db: &Sql, title: &str) -> i64 {
    db.value("SELECT count(DISTINCT xmin::text) FROM orders WHERE title = $1", &[&title])
}

#[test]
fn writes_share_transactions_and_each_gets_its_own_answer() {
    let stack = Stack::plan().set("WORKER_DB_CONNECTIONS", "1").start();
    let person = stack.register();
    let db = stack.orders_db();

    // The first is held, so the others gather behind it.
    let hold = stack.hold_orders();
    let send = |title: &str| person.ordering(title).send_in_background();
    let first = send("first");
    hold.wait_for(1);
    let together: Vec<_> = (0..TOGETHER).map(|_| send("together")).collect();
    wait_until("the worker had them all", seconds(5), || stack.wire().queue("orders.create").unwrap().ready == 0);
    hold.release();
    first.wait().expect(201);
    for order in together {
        order.wait().expect(201);
    }
    let shared = transactions(&db, "together");
    assert!(shared < TOGETHER / 2, "{TOGETHER} orders took {shared} transactions");
    assert_eq!(db.value::<i64>("SELECT count(*) FROM orders WHERE title = 'together'", &[]), TOGETHER);

    db.execute(BREAK);
    let mixed: Vec<_> =
        (0..TOGETHER).map(|n| (n % 5 == 0, send(if n % 5 == 0 { "broken" } else { "mixed" }))).collect();
    for (broken, order) in mixed {
        let answer = order.wait();
        if broken { drop(problem(&answer, 500, "internal")) } else { drop(answer.expect(201)) }
    }
    let placed: i64 = db.value("SELECT count(*) FROM orders WHERE title = 'mixed'", &[]);
    assert_eq!(placed, TOGETHER * 4 / 5);
}

#[test]
fn a_write_that_waits_for_a_lock_blocks_no_other() {
    let stack = Stack::start();
    let person = stack.register();
    let db = stack.orders_db();
    db.execute(LOCK);
    let holder = stack.orders_db();
    holder.execute("SELECT pg_advisory_lock(1)");
    let send = |title: &str| person.ordering(title).send_in_background();
    let mixed: Vec<_> = (0..TOGETHER).map(|n| send(if n == 3 { "locked" } else { "free" })).collect();
    let placed = || db.value::<i64>("SELECT count(*) FROM orders WHERE title = 'free'", &[]);
    wait_until("the others were placed", seconds(3), || placed() == TOGETHER - 1);
    holder.execute("SELECT pg_advisory_unlock(1)");
    for order in mixed {
        order.wait().expect(201);
    }
}
