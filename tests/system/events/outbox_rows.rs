//! What becomes of the rows of an outbox: each event is written once when it is recorded and once when it is numbered.

use system_tests::wait::seconds;
use system_tests::{Sql, Stack, wait_until};

use crate::events::UNPUBLISHED;

/// Makes an event of an outbox table, about the aggregate `a`.
fn event(table: &str, id: &str, data: &str) -> String {
    format!(
        "INSERT INTO {table} (id, name, aggregate, owner, data)
         VALUES ({id}, 'order.created', 'a', 'somebody', '{data}')"
    )
}

fn wait_until_published(db: &Sql) {
    wait_until("everything was published", seconds(10), || db.value::<i64>(UNPUBLISHED, &[]) == 0);
}

/// The data of what was published, in its order.
fn published(db: &Sql) -> Vec<String> {
    db.column("SELECT data FROM outbox WHERE published_seq > 0 ORDER BY published_seq", &[])
}

#[test]
fn publishing_updates_no_row_of_the_outbox() {
    let stack = Stack::plan().with_events().start();
    let db = stack.orders_db();
    db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''it is updated''; END';
         CREATE TRIGGER refuse BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION refuse();
         CREATE TRIGGER refuse BEFORE UPDATE ON outbox_pending FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let person = stack.register();
    for n in 0..20 {
        person.place(&format!("order {n}"));
    }
    wait_until_published(&db);
    assert_eq!((db.count("outbox"), db.count("outbox_pending")), (20, 0));
    let gaps = "SELECT count(*) FROM outbox WHERE published_seq NOT BETWEEN 1 AND 20 OR published_at IS NULL";
    assert_eq!(db.value::<i64>(gaps, &[]), 0);
}

#[test]
fn events_recorded_by_the_previous_release_keep_their_place() {
    let stack = Stack::plan().with_events().start();
    let db = stack.orders_db();
    stack.process("orders-relay").kill();
    // The previous release recorded events where they are now numbered.
    let writer = Sql::open(&stack.account("orders-create").unwrap_or_else(|| stack.orders_url.clone()));
    for n in 0..6 {
        let table = if n % 2 == 0 { "outbox" } else { "outbox_pending" };
        writer.execute(&event(table, "gen_random_uuid()", &format!("[{n}]")));
    }
    assert_eq!((db.count("outbox"), db.count("outbox_pending")), (3, 3));
    stack.launch("orders-relay");
    wait_until_published(&db);
    assert_eq!(published(&db), ["[0]", "[1]", "[2]", "[3]", "[4]", "[5]"]);
    let (seq, number) = ("ORDER BY seq", "ORDER BY published_seq");
    let ids = |order: &str| db.column::<String>(&format!("SELECT id::text FROM outbox {order}"), &[]);
    assert_eq!(ids(seq), ids(number));
}

#[test]
fn an_event_that_was_set_aside_is_published_once_it_is_mended() {
    let stack = Stack::plan().with_events().start();
    let db = stack.orders_db();
    db.execute(&event("outbox_pending", "gen_random_uuid()", "no JSON"));
    let aside = "SELECT count(*) FROM outbox WHERE failed_at IS NOT NULL AND error = 'its data is not JSON'";
    wait_until("it was set aside", seconds(10), || db.value::<i64>(aside, &[]) == 1);
    db.execute("UPDATE outbox SET data = '[1]', failed_at = NULL, error = NULL");
    wait_until_published(&db);
    assert_eq!(published(&db), ["[1]"]);
}

#[test]
fn an_event_with_the_id_of_another_is_removed_and_blocks_none() {
    let stack = Stack::plan().with_events().start();
    let db = stack.orders_db();
    let id = "'00000000-0000-7000-8000-000000000001'";
    db.execute(&event("outbox_pending", id, "[1]"));
    wait_until_published(&db);
    db.execute(&format!(
        "BEGIN; {}; {}; COMMIT",
        event("outbox_pending", id, "[2]"),
        event("outbox_pending", "gen_random_uuid()", "[3]")
    ));
    wait_until_published(&db);
    // Two at once.
    let twin = "'00000000-0000-7000-8000-000000000002'";
    db.execute(&format!(
        "BEGIN; {}; {}; COMMIT",
        event("outbox_pending", twin, "[4]"),
        event("outbox_pending", twin, "[5]").replace("'a'", "'b'")
    ));
    wait_until_published(&db);
    assert_eq!(published(&db), ["[1]", "[3]", "[4]"]);
    let relay = stack.process("orders-relay");
    wait_until("the log tells of each", seconds(5), || {
        relay.events("an event cannot be published; it is removed").len() == 2
    });
}
