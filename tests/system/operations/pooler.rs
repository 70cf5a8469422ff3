//! PgBouncer between the processes and their databases: in session mode everything works; in transaction mode the processes
//! that need a connection of their own refuse to start.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use system_tests::environment::{need, scratch};
use system_tests::wait::seconds;
use system_tests::{Process, Signal, Sql, Stack, ports, wait_until};

/// Everybody comes to the server as its administrator.
fn start(port: u16, mode: &str, server: &str) -> Process {
    let place = server.split_once("://").unwrap().1;
    let (account, address) = place.split_once('@').unwrap();
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let server_port = address.split_once(':').unwrap().1.split('/').next().unwrap();
    let directory = scratch().join("data").join(format!("pgbouncer-{port}"));
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let file = directory.join("pgbouncer.ini");
    let settings = format!(
        "[databases]\n* = host=127.0.0.1 port={server_port} user={user} password={password}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = {mode}\ndefault_pool_size = 50\n"
    );
    fs::write(&file, settings).unwrap();
    // It refuses to be root.
    let am_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let nobody = if am_root { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    let mut command = system_tests::environment::script_line(&format!("exec {nobody} pgbouncer '{}'", file.display()));
    let log = scratch().join("logs").join(format!("pgbouncer-{port}.log"));
    let pooler = Process::spawn("pgbouncer", &mut command, &log, Signal::Int).unwrap();
    wait_until("the pooler was open", seconds(10), || {
        assert!(pooler.is_running(), "{}", pooler.log());
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    pooler
}

#[test]
fn through_a_pooler_in_session_mode_everything_works_and_in_transaction_mode_some_refuse() {
    need(&["pgbouncer", "setpriv"]).unwrap();
    let stack = Stack::plan().with_events().set("WORKER_STATEMENT_TIMEOUT_MS", "1000").start();
    let person = stack.register();
    let through =
        |port: u16| format!("postgres://any@127.0.0.1:{port}/{}", stack.orders_url.rsplit_once('/').unwrap().1);
    let replace = |name: &str, port: u16| {
        stack.process(name).stop(seconds(10));
        stack.launch_with(name, |command| {
            command.env("ORDERS_DATABASE_URL", through(port));
        })
    };

    let port = ports::free();
    let session = start(port, "session", &stack.orders_url);
    for name in ["orders-create", "orders-get", "orders-relay", "orders-on-user-registered"] {
        replace(name, port);
    }
    stack.wait_until_ready();
    let order = person.place("through a pooler");
    person.get(&format!("/orders/{}", order["id"].as_str().unwrap())).send().expect(200);
    wait_until("its event was handled", seconds(20), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == 1
    });
    // The limit on statements holds there as well.
    let lock = Sql::open(&stack.orders_url);
    lock.execute("BEGIN; LOCK TABLE orders");
    assert_eq!(person.ordering("locked out").send().code(), "database_busy");
    lock.execute("ROLLBACK");

    let port = ports::free();
    let transaction = start(port, "transaction", &stack.orders_url);
    let says = "needs a direct connection";
    let relay = replace("orders-relay", port);
    wait_until("the relay had said what it needs", seconds(15), || relay.log().contains(says));
    let migrate = stack.launch_with("orders-migrate", |command| {
        command.env("ORDERS_DATABASE_URL", through(port));
    });
    assert_eq!(migrate.wait(seconds(15)).code(), Some(1));
    assert!(migrate.log().contains(says), "{}", migrate.log());
    relay.stop(seconds(10));
    drop((session, transaction));
}
