//! The migrate processes bring a database to the schema, also several at a time, and end.

use std::process::{Child, Output, Stdio};

use system_tests::environment::repository;
use system_tests::servers::Database;
use system_tests::{Servers, Sql};

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
        let sql = Sql::open(&url);
        assert_eq!(sql.count(table), 0);
        let versions: Vec<i32> = sql.column("SELECT version FROM refinery_schema_history ORDER BY version", &[]);
        let files = std::fs::read_dir(repository().join("sql").join(table)).unwrap();
        let files = files.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().starts_with('V')).count();
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

#[test]
fn a_refresh_token_given_out_by_the_first_schema_stays_good() {
    let servers = Servers::shared();
    let name = format!("migrate_tokens_{}", std::process::id());
    let db = Sql::open(&servers.users.make_empty(&name));
    let migration = |file: &str| std::fs::read_to_string(repository().join("sql/users").join(file)).unwrap();
    db.execute(&migration("V1__users.sql"));
    db.execute(
        "INSERT INTO users (id, email, email_key, password_hash, first_name, last_name)
         VALUES ('00000000-0000-7000-8000-000000000000', 'a@b.co', 'a@b.co', '', 'Ann', 'Lee');
         INSERT INTO refresh_tokens (token_hash, user_id, expires_at)
         SELECT sha256(n::text::bytea), id, now() + interval '1 day' FROM users, generate_series(1, 3) AS n",
    );
    db.execute(&migration("V2__sessions.sql"));
    let good = "SELECT count(*) FROM refresh_tokens JOIN sessions ON sessions.id = session_id
        WHERE token_hash IN (sha256('1'), sha256('2'), sha256('3')) AND expires_at > now()";
    assert_eq!(db.value::<i64>(good, &[]), 3);
    assert_eq!(db.count("sessions"), 3, "each is a session of its own");
    drop(db);
    servers.users.remove(&name);
}

#[test]
fn old_addresses_get_the_key_of_the_current_rules_and_stay_unique() {
    let servers = Servers::shared();
    let name = format!("migrate_addresses_{}", std::process::id());
    let url = servers.users.make_empty(&name);
    assert_current(&start(&servers.users, &url).wait_with_output().unwrap());
    let db = Sql::open(&url);
    // As releases before kept them: the address in small letters.
    db.execute(
        "INSERT INTO users (id, email, email_key, password_hash, first_name, last_name)
         SELECT gen_random_uuid(), email, key, '', 'Ann', 'Lee' FROM (VALUES
            ('Plain@example.org', 'plain@example.org'),
            ('bob@Bücher.example', 'bob@bücher.example'),
            (U&'jose\\0301@example.org', U&'jose\\0301@example.org'),
            ('ada@bücher.example', 'ada@bücher.example'),
            ('ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example')) AS row (email, key)",
    );
    let migrate = || {
        let output = start(&servers.users, &url).wait_with_output().unwrap();
        assert_current(&output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = migrate();
    assert!(said.contains("some values stay as they were, because another row has the new value"), "{said}");
    let keys = || -> Vec<String> { db.column("SELECT email_key FROM users", &[]) };
    let expected = [
        "ada@b\u{fc}cher.example", // a twin's, which signs in by its address as it was registered
        "ada@xn--bcher-kva.example",
        "bob@xn--bcher-kva.example",
        "jos\u{e9}@example.org",
        "plain@example.org",
    ];
    let mut sorted = keys();
    sorted.sort();
    let mut expected: Vec<String> = expected.map(str::to_owned).into();
    expected.sort();
    assert_eq!(sorted, expected);
    // At the next start there is nothing more to do.
    migrate();
    sorted = keys();
    sorted.sort();
    assert_eq!(sorted, expected);
    drop(db);
    servers.users.remove(&name);
}

#[test]
fn an_older_release_leaves_a_newer_schema_unchanged_and_warns() {
    let servers = Servers::shared();
    for database in [&servers.users, &servers.orders] {
        let name = format!("migrate_newer_{}", std::process::id());
        let url = database.make_empty(&name);
        assert_current(&start(database, &url).wait_with_output().unwrap());
        let db = Sql::open(&url);
        db.execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (99, 'of_tomorrow', '2030-01-01T00:00:00Z', '7')",
        );
        let output = start(database, &url).wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
        assert!(said.contains("WARN") && said.contains("V99 of_tomorrow"), "{said}");
        // One that is unknown and not newer is no release's.
        db.execute("DELETE FROM refinery_schema_history WHERE version = 99");
        db.execute("UPDATE refinery_schema_history SET checksum = '7' WHERE version = 1");
        let output = start(database, &url).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        drop(db);
        database.remove(&name);
    }
}
