//! The migrate processes bring a database to the schema, any number of them at a time, and end.

use std::process::{Child, Output, Stdio};

use tests::Servers;
use tests::servers::Database;

fn start(database: &Database, url: &str) -> Child {
    database.migration(url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn assert_current(output: &Output) {
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}{complained}", output.status);
    assert!(said.contains("schema is current"), "{said}{complained}");
}

#[test]
fn six_at_once_on_an_empty_database_all_succeed() {
    let servers = Servers::shared();
    for (database, table) in [(&servers.users, "users"), (&servers.orders, "orders")] {
        let name = format!("migrate_{table}_{}", std::process::id());
        let url = database.make_empty(&name);
        let all: Vec<Child> = (0..6).map(|_| start(database, &url)).collect();
        for child in all {
            assert_current(&child.wait_with_output().unwrap());
        }
        // And once more where there is nothing to do.
        assert_current(&start(database, &url).wait_with_output().unwrap());
        let sql = tests::Sql::open(&url);
        assert_eq!(sql.count(table), 0);
        let versions: Vec<i32> = sql.column("SELECT version FROM refinery_schema_history ORDER BY version", &[]);
        let files = std::fs::read_dir(tests::environment::repository().join("sql").join(table)).unwrap().count();
        assert_eq!(versions, (1..=i32::try_from(files).unwrap()).collect::<Vec<_>>(), "each file was applied once");
        drop(sql);
        database.remove(&name);
    }
}

#[test]
fn without_its_database_it_fails_and_says_so() {
    let servers = Servers::shared();
    for database in [&servers.users, &servers.orders] {
        for url in ["postgres://postgres@127.0.0.1:1/nowhere".to_owned(), database.url("no_such_database")] {
            let output = start(database, &url).wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("database"), "{said}");
        }
    }
}
