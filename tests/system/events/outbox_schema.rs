//! The migrations of every service create the outbox and the inbox as the one definition says.

use system_tests::environment::repository;
use system_tests::servers::Database;
use system_tests::{Servers, Sql};

/// What a catalog says of the relations that the definition has, in words that do not depend on the order of migrations.
const CATALOG: [&str; 6] = [
    "SELECT format('%s.%s %s %s %s default %s', c.relname, attname, format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN 'not null' ELSE 'null' END, attidentity, pg_get_expr(adbin, adrelid))
     FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY($1) AND attnum > 0 AND NOT attisdropped
        AND c.relkind IN ('r', 'v')",
    // Constraints that a migration adds are not valid for older rows.
    "SELECT format('%s %s', conname, replace(pg_get_constraintdef(oid), ' NOT VALID', '')) FROM pg_constraint
     WHERE conrelid::regclass::text = ANY($1) AND contype <> 'n'",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid::regclass::text = ANY($1) AND NOT tgisinternal",
    "SELECT pg_get_functiondef(tgfoid) FROM pg_trigger WHERE tgrelid::regclass::text = ANY($1) AND NOT tgisinternal",
    "SELECT format('%s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public' AND viewname = ANY($1)",
];

fn described(sql: &Sql, relations: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = CATALOG.iter().flat_map(|query| sql.column::<String>(query, &[&relations])).collect();
    lines.sort();
    lines
}

fn assert_as_defined(database: &Database, service: &str, subject: &str) {
    let definition = std::fs::read_to_string(repository().join("crates/worker-runtime/src/outbox/schema.sql")).unwrap();
    let definition = definition.replace("{service}", service).replace("{subject}", subject);
    let names = ["defined", "migrated"].map(|what| format!("outbox_{what}_{service}_{}", std::process::id()));
    let (defined, migrated) = (Sql::open(&database.make_empty(&names[0])), Sql::open(&database.make(&names[1])));
    defined.execute(&definition);
    let relations: Vec<String> = defined.column(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')",
        &[],
    );
    assert!(relations.len() >= 3, "{relations:?}");
    let (wanted, is) = (described(&defined, &relations), described(&migrated, &relations));
    drop((defined, migrated));
    for name in &names {
        database.remove(name);
    }
    assert!(wanted.len() > 20, "{wanted:#?}");
    let missing: Vec<_> = wanted.iter().filter(|line| !is.contains(line)).collect();
    // A service may have further indexes, for its own queries.
    let surplus: Vec<_> =
        is.iter().filter(|line| !wanted.contains(line) && !line.starts_with("CREATE INDEX")).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "sql/{service} differs from outbox/schema.sql.\nNot made: {missing:#?}\nNot defined: {surplus:#?}"
    );
}

#[test]
fn the_outbox_of_every_service_matches_its_definition() {
    let servers = Servers::shared();
    assert_as_defined(&servers.users, "users", "user");
    assert_as_defined(&servers.orders, "orders", "order");
}
