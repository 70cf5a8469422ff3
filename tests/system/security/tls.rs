//! A TLS address connects to the right server or not at all.

use std::process::Output;
use std::sync::Arc;

use system_tests::environment::{command, program, scratch};
use system_tests::test_ca::Authority;
use system_tests::wait::seconds;
use system_tests::{Process, Servers, Signal, Sql, ports, wait_until};

/// A worker that needs both servers, told where they are.
fn worker(name: &str, amqp: &str, database: &str) -> Arc<Process> {
    let log = scratch().join("logs").join(format!("tls-{name}.log"));
    let mut command = command(program("orders-get"));
    command.env("AMQP_URL", amqp).env("ORDERS_DATABASE_URL", database);
    Arc::new(Process::spawn("orders-get", &mut command, &log, Signal::Term).unwrap())
}

fn migrate(url: &str) -> Output {
    command(program("orders-migrate")).env("ORDERS_DATABASE_URL", url).output().unwrap()
}

/// Servers that also speak TLS, with a certificate of this authority; returns the broker's port for it.
fn secure(servers: &Servers, authority: &Authority) -> u16 {
    let (data, port) = (scratch().join("data").join("fragile"), ports::free());
    servers.broker.server().stop();
    authority.secure_broker(&data, port);
    servers.broker.server().start();
    servers.orders.server().stop();
    authority.secure_database(&data, "orders");
    servers.orders.server().start();
    port
}

#[test]
fn tls_requires_the_right_authority_and_name() {
    let servers = Servers::fragile();
    let (authority, stranger) = (Authority::new("127.0.0.1"), Authority::new("127.0.0.1"));
    let port = secure(&servers, &authority);
    let plain = servers.orders.make("tls_orders");
    let amqp = |host: &str, port: u16, authority: &Authority| {
        let url = servers.accounts.as_ref().unwrap().address(&format!("amqps://{host}:{port}/%2f"), "guest").unwrap();
        format!("{url}?cacertfile={}", authority.certificate().display())
    };
    let database = |url: &str, authority: &Authority| {
        format!("{url}?sslmode=verify-full&sslrootcert={}", authority.certificate().display())
    };

    let good = worker("good", &amqp("127.0.0.1", port, &authority), &database(&plain, &authority));
    wait_until("the worker served", seconds(15), || !good.events("serving").is_empty());
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = 'orders-get'";
    assert!(Sql::open(&plain).value::<bool>(encrypted, &[]));
    assert!(migrate(&database(&plain, &authority)).status.success());

    // Another authority, another name, and servers that speak no TLS at all.
    let elsewhere = plain.replace("127.0.0.1", "localhost");
    for url in [database(&plain, &stranger), database(&elsewhere, &authority)] {
        let output = migrate(&url);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let clear = servers.users.url("postgres");
    assert_eq!(migrate(&database(&clear, &authority)).status.code(), Some(1), "no fall back to clear text");
    let wrong = [
        ("stranger", amqp("127.0.0.1", port, &stranger)),
        ("name", amqp("localhost", port, &authority)),
        ("clear", amqp("127.0.0.1", clear_port(&servers), &authority)),
    ];
    for (name, url) in wrong {
        let refused = worker(name, &url, &plain);
        let warned = || !refused.events("no connection to the broker").is_empty();
        wait_until(&format!("{name} was refused"), seconds(15), warned);
        assert!(refused.events("serving").is_empty(), "{name}");
        refused.stop(seconds(12));
    }
    good.stop(seconds(12));
    servers.orders.remove("tls_orders");
}

fn clear_port(servers: &Servers) -> u16 {
    servers.broker.amqp().rsplit(':').next().unwrap().parse().unwrap()
}
