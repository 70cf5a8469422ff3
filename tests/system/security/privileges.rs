//! Each process has accounts of its own, which give it no unneeded permission. That they suffice is shown by every other
//! test, because all processes use them.

use std::collections::BTreeSet;

use contracts::naming::process_name;
use contracts::{EVENTS, LISTENERS, PATTERNS};
use serde_json::json;
use system_tests::attacker_client::{Intruder, REFUSED};
use system_tests::environment::{scratch, script};
use system_tests::servers::Database;
use system_tests::{Servers, Sql, Stack};

/// SQLSTATE of a role or password that does not exist, and of what a role may not do.
const NO_SUCH_ACCOUNT: &str = "28P01";
const FORBIDDEN: &str = "42501";

const RELAYS: [&str; 2] = ["users-relay", "orders-relay"];

/// The tables that each role may read, at least in part, and those that it may delete from.
const TABLES: [(&str, &[&str], &[&str]); 20] = [
    ("users-register", &["users", "sessions", "refresh_tokens"], &["sessions"]),
    ("users-login", &["users", "sessions", "refresh_tokens"], &["sessions"]),
    ("users-refresh", &["users", "sessions", "refresh_tokens"], &["sessions", "refresh_tokens"]),
    ("users-logout", &["sessions", "refresh_tokens"], &["sessions"]),
    ("users-profile", &["users", "order_statistics"], &[]),
    ("users-update-profile", &["users", "order_statistics"], &[]),
    ("users-change-password", &["users", "sessions"], &["sessions"]),
    ("users-sessions", &["sessions"], &[]),
    ("users-end-sessions", &["sessions"], &["sessions"]),
    ("users-inbox", &["inbox"], &[]),
    ("users-on-order-created", &["order_statistics", "inbox", "suspects"], &["inbox", "suspects"]),
    ("users-relay", &["outbox", "outbox_pending", "outbox_sequence"], &["outbox", "outbox_pending"]),
    ("orders-create", &["orders", "idempotency_keys"], &["idempotency_keys"]),
    ("orders-list", &["orders"], &[]),
    ("orders-get", &["orders", "customers"], &[]),
    ("orders-history", &["orders", "outbox", "outbox_pending", "outbox_sequence"], &[]),
    ("orders-events", &["outbox"], &[]),
    ("orders-on-user-registered", &["customers", "inbox", "suspects"], &["inbox", "suspects"]),
    ("orders-on-user-updated", &["customers", "inbox", "suspects"], &["inbox", "suspects"]),
    ("orders-relay", &["outbox", "outbox_pending", "outbox_sequence"], &["outbox", "outbox_pending"]),
];

/// Every process that connects to the broker, with the queue that it consumes, if any.
fn at_the_broker() -> Vec<(String, Option<&'static str>)> {
    let serve = PATTERNS.into_iter().chain(LISTENERS.map(|listener| listener.name));
    let serve = serve.map(|name| (process_name(name), Some(name)));
    serve.chain(["gateway"].into_iter().chain(RELAYS).map(|name| (name.to_owned(), None))).collect()
}

/// Every permanent queue.
fn queues() -> Vec<String> {
    let aside = LISTENERS.iter().flat_map(|listener| {
        ["dead", "retry.1000ms", "retry.5000ms", "retry.30000ms", "retry.120000ms"]
            .map(|end| format!("{}.{end}", listener.name))
    });
    let names = PATTERNS.into_iter().chain(LISTENERS.map(|listener| listener.name)).map(str::to_owned);
    names.chain(aside).collect()
}

/// Runs `attempt` with the account of each process in turn, at the broker of a running system; it gets the queue that the
/// process consumes. Whatever was tried, the system works afterwards.
fn each_at_the_broker(attempt: impl Fn(&str, Option<&str>, &Intruder)) {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).with_events().start();
    for (process, own) in at_the_broker() {
        let account = servers.accounts.as_ref().unwrap().address(&stack.amqp, &process);
        attempt(&process, own, &Intruder::open(&account.unwrap()));
    }
    stack.wait_until_ready();
    stack.register().place("still served");
}

#[test]
fn no_process_consumes_another_ones_queue() {
    each_at_the_broker(|process, own, intruder| {
        for queue in queues() {
            if own == Some(&queue) {
                assert_eq!(intruder.get(&queue), Ok(()), "{process} takes from {queue}");
                continue;
            }
            for (deed, answer) in [
                ("get from", intruder.get(&queue)),
                ("consume", intruder.consume(&queue)),
                ("purge", intruder.purge(&queue)),
            ] {
                assert_eq!(answer, REFUSED, "{process} may {deed} {queue}");
            }
        }
    });
}

#[test]
fn no_process_declares_or_deletes_what_it_does_not_own() {
    each_at_the_broker(|process, own, intruder| {
        let not_its_own =
            |queue: &String| own.is_none_or(|own| *queue != own && !queue.starts_with(&format!("{own}.")));
        for queue in
            queues().into_iter().filter(not_its_own).chain(["made.up".to_owned(), "amq.gen-made-up".to_owned()])
        {
            assert_eq!(intruder.delete_queue(&queue), REFUSED, "{process} deletes {queue}");
            assert_eq!(intruder.make_queue(&queue), REFUSED, "{process} declares {queue}");
        }
        for exchange in ["patterns", "events", "made.up"] {
            assert_eq!(intruder.delete_exchange(exchange), REFUSED, "{process} deletes {exchange}");
            assert_eq!(intruder.make_exchange(exchange), REFUSED, "{process} declares {exchange}");
        }
        let feed = intruder.make_queue("feed.of-an-intruder");
        assert_eq!(feed, if process == "gateway" { Ok(()) } else { REFUSED }, "{process} declares a feed");
    });
}

#[test]
fn only_the_relay_of_a_service_publishes_its_events() {
    each_at_the_broker(|process, _, intruder| {
        for event in EVENTS {
            let may = process == format!("{}-relay", event.service);
            let answer = intruder.publish("events", event.name);
            assert_eq!(answer, if may { Ok(()) } else { REFUSED }, "{process} publishes {}", event.name);
        }
        for exchange in ["patterns", "amq.topic", "amq.direct", "amq.fanout"] {
            assert_eq!(intruder.publish(exchange, "orders.create"), REFUSED, "{process} publishes to {exchange}");
        }
    });
}

#[test]
fn no_process_eavesdrops_by_a_binding() {
    each_at_the_broker(|process, own, intruder| {
        let Some(own) = own else { return };
        for pattern in PATTERNS.into_iter().filter(|pattern| *pattern != own).chain(["#"]) {
            assert_eq!(intruder.bind(own, "patterns", pattern), REFUSED, "{process} hears {pattern}");
        }
        let heard = LISTENERS.iter().find(|listener| listener.name == own).map(|listener| listener.event);
        for event in EVENTS.map(|event| event.name).into_iter().chain(["#"]) {
            let answer = if heard == Some(event) { Ok(()) } else { REFUSED };
            assert_eq!(intruder.bind(own, "events", event), answer, "{process} hears {event}");
        }
    });
}

#[test]
fn no_account_can_take_all_connections_of_the_broker() {
    let servers = Servers::shared();
    let Some(_) = &servers.accounts else { return };
    let limits = servers.broker.api().get("/api/user-limits").send().expect(200).json();
    let limited: Vec<&str> = limits.as_array().unwrap().iter().filter_map(|row| row["user"].as_str()).collect();
    for name in PATTERNS.map(process_name) {
        assert!(limited.contains(&name.as_str()), "{name} has no limit: {limits}");
    }
    assert!(limits.as_array().unwrap().iter().all(|row| row["value"]["max-connections"] == 256), "{limits}");
}

#[test]
fn accounts_are_corrected_and_foreign_ones_left_alone() {
    let servers = Servers::fragile();
    let (accounts, api) = (servers.accounts.as_ref().unwrap(), servers.broker.api());
    let rights = |user: &str| api.get(&format!("/api/permissions/%2F/{user}")).send().expect(200).json();
    let (as_it_should_be, password) = (rights("users-login"), accounts.password("users-login"));
    let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    api.call("PUT", "/api/users/bystander").json(&json!({ "password": "x", "tags": "" })).send().expect(201);
    for (user, status) in [("users-login", 204), ("bystander", 201)] {
        api.call("PUT", &format!("/api/permissions/%2F/{user}")).json(&everything).send().expect(status);
    }
    let ports = ["PORT_AMQP", "PORT_AMQP_UI"].into_iter().zip(servers.broker.ports());
    accounts.make("broker", &ports.collect::<Vec<_>>()).unwrap();
    assert_eq!(rights("users-login"), as_it_should_be);
    assert_eq!(accounts.password("users-login"), password);
    assert_eq!(rights("bystander")["read"], ".*");
    api.call("DELETE", "/api/users/bystander").send().expect(204);
}

#[test]
fn an_address_that_is_set_by_hand_counts_more_than_the_account() {
    let run = |settings: &[(&str, &str)]| {
        let mut program = script("as");
        program.arg("orders-get").env("DATA_DIR", scratch().join("data/by-hand")).envs(settings.iter().copied());
        String::from_utf8(program.output().unwrap().stderr).unwrap()
    };
    assert!(run(&[]).contains("data/by-hand/accounts/orders-get/AMQP_URL"), "{}", run(&[]));
    let said = run(&[("AMQP_URL", "nowhere")]);
    assert!(said.contains("AMQP_URL must be like"), "{said}");
    let ours = scratch().join("data/by-hand/accounts/bus/AMQP_URL");
    let said = run(&[("AMQP_URL", "nowhere"), ("AMQP_URL_FILE", ours.to_str().unwrap())]);
    assert!(said.contains("AMQP_URL must be like"), "in a shell that had its settings before: {said}");
    let said = run(&[("AMQP_URL_FILE", "/nonexistent/by-hand")]);
    assert!(said.contains("/nonexistent/by-hand"), "{said}");
    let mut make = script("make-accounts");
    let output =
        make.arg("users").env("DATA_DIR", scratch().join("data/by-hand")).env("USERS_DATABASE_URL", "x").output();
    let (ended, said) = output.map(|it| (it.status, String::from_utf8(it.stderr).unwrap())).unwrap();
    assert!(ended.success() && said.contains("USERS_DATABASE_URL is set by hand"), "{said}");
}

/// With each role in turn, in a database of its service that has the schema.
fn each_in_its_database(attempt: impl Fn(&str, &Servers, &Database, &str)) {
    let servers = Servers::fragile();
    let name = format!("privileges_{}", std::process::id());
    for (service, database) in [("users", &servers.users), ("orders", &servers.orders)] {
        let url = database.make(&name);
        for (role, ..) in TABLES.iter().filter(|(role, ..)| role.starts_with(service)) {
            attempt(role, &servers, database, &url);
        }
        database.remove(&name);
    }
}

#[test]
fn every_process_with_a_database_is_in_the_table_of_this_test() {
    let listed: BTreeSet<String> = TABLES.iter().map(|(role, ..)| (*role).to_owned()).collect();
    let all = at_the_broker().into_iter().map(|(process, _)| process).filter(|process| process != "gateway");
    assert_eq!(listed, all.collect());
}

#[test]
fn no_process_reaches_another_services_database_or_any_without_a_password() {
    each_in_its_database(|role, servers, database, url| {
        let accounts = servers.accounts.as_ref().unwrap();
        let address = |url: &str| accounts.address(url, role).unwrap();
        let refusal = |url: &str| Sql::refused(url).unwrap_or_else(|| panic!("{role} gets in"));
        let other = if role.starts_with("users") { &servers.orders } else { &servers.users };
        for name in ["users", "orders", "postgres"] {
            assert_eq!(refusal(&address(&other.url(name))), NO_SUCH_ACCOUNT);
        }
        assert_eq!(refusal(&address(&database.url("postgres"))), FORBIDDEN);
        assert_eq!(refusal(&address(&database.url("template1"))), FORBIDDEN);
        // The database that it may reach, as the script has set it up.
        let home = Sql::open(&address(&database.url(role.split('-').next().unwrap())));
        for statement in
            ["CREATE TABLE public.mine ()", "CREATE TEMP TABLE mine ()", "CREATE SCHEMA mine", "CREATE ROLE mine"]
        {
            assert_eq!(home.refusal(statement).as_deref(), Some(FORBIDDEN), "{role}: {statement}");
        }
        let place = url.split_once('@').unwrap().1;
        for nobody in [format!("{role}:guessed"), "postgres:postgres".into(), "nobody:".into()] {
            assert_eq!(refusal(&format!("postgres://{nobody}@{place}")), NO_SUCH_ACCOUNT, "{nobody}");
        }
    });
}

#[test]
fn no_process_reads_or_removes_rows_that_it_does_not_need() {
    each_in_its_database(|role, servers, _, url| {
        let all: Vec<String> = Sql::open(url).column(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
            &[],
        );
        assert!(all.len() > 4, "{all:?}");
        let sql = Sql::open(&servers.accounts.as_ref().unwrap().address(url, role).unwrap());
        let (_, reads, deletes) = TABLES.iter().find(|(name, ..)| *name == role).unwrap();
        let expect = |statement: String, may: bool| {
            let answer = sql.refusal(&statement);
            assert_eq!(answer.as_deref(), (!may).then_some(FORBIDDEN), "{role}: {statement}");
        };
        for table in &all {
            expect(format!("SELECT FROM {table}"), reads.contains(&table.as_str()));
            expect(format!("DELETE FROM {table}"), deletes.contains(&table.as_str()));
            expect(format!("TRUNCATE {table}"), false);
            expect(format!("ALTER TABLE {table} ADD mine int"), false);
        }
        expect("CREATE TABLE mine ()".into(), false);
        if all.iter().any(|table| table == "users") {
            let (compare, keep) = (["users-register"], ["users-login", "users-change-password"]);
            let reads = compare.contains(&role) || keep.contains(&role);
            expect("SELECT password_hash FROM users".into(), reads);
            expect("UPDATE users SET password_hash = ''".into(), keep.contains(&role));
        }
    });
}

#[test]
fn a_privilege_that_is_not_in_the_file_is_revoked_at_the_next_start() {
    let servers = Servers::fragile();
    let accounts = servers.accounts.as_ref().unwrap();
    let name = format!("privileges_more_{}", std::process::id());
    let url = servers.users.make(&name);
    let administrator = Sql::open(&url);
    administrator
        .execute("GRANT SELECT ON users TO \"users-logout\"; GRANT UPDATE (email) ON users TO \"users-logout\"");
    let logout = Sql::open(&accounts.address(&url, "users-logout").unwrap());
    assert_eq!(logout.refusal("SELECT FROM users"), None);
    let output = servers.users.migration(&accounts.address(&url, "users-migrate").unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for statement in ["SELECT FROM users", "UPDATE users SET email = ''"] {
        assert_eq!(logout.refusal(statement).as_deref(), Some(FORBIDDEN), "{statement}");
    }
    assert_eq!(logout.refusal("SELECT id FROM sessions"), None, "what is in the file is granted");
    drop((administrator, logout));
    servers.users.remove(&name);
}
