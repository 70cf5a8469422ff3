//! The servers under the system: a broker and two databases, started here or named in the environment.
//!
//! `TEST_AMQP_URL`, `TEST_AMQP_UI_URL` (`http://user:password@host:15672`), `TEST_USERS_DATABASE_URL` and
//! `TEST_ORDERS_DATABASE_URL`, all four together, name existing servers. Tests that stop servers always start their own.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::environment::{command, need, program, scratch, script, variable};
use crate::http::Http;
use crate::ports;
use crate::process::{Process, Signal};
use crate::sql::Sql;
use crate::wait::{seconds, wait_for};

/// A cold broker on a busy machine takes its time.
const START: Duration = seconds(90);
const STOP: Duration = seconds(30);
/// The database that has the schema and that every test's own is copied from.
const TEMPLATE: &str = "tests_template";

/// The tools that servers need which are started here.
pub(crate) const TOOLS: &[&str] = &["rabbitmq-server", "epmd", "initdb", "postgres", "psql", "openssl", "curl", "jq"];

/// A port, and the variable that says so.
type Port = (&'static str, u16);

/// A broker and the database of each service.
pub struct Servers {
    /// RabbitMQ.
    pub broker: Broker,
    /// PostgreSQL of the user service.
    pub users: Database,
    /// PostgreSQL of the order service.
    pub orders: Database,
    /// Of each process at each server; servers that the environment names have one account for all.
    pub accounts: Option<Accounts>,
}

impl Servers {
    /// Those that all tests share. They are never stopped.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Servers, String>> = OnceLock::new();
        let servers = SHARED.get_or_init(|| Self::named().unwrap_or_else(|| Self::start("shared")));
        servers.as_ref().unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Another set, for tests that stop and start them: one such test at a time.
    pub fn fragile() -> MutexGuard<'static, Self> {
        static FRAGILE: OnceLock<Result<Mutex<Servers>, String>> = OnceLock::new();
        let servers = FRAGILE.get_or_init(|| Self::start("fragile").map(Mutex::new));
        let servers = servers.as_ref().unwrap_or_else(|problem| panic!("{problem}"));
        let servers = servers.lock().unwrap_or_else(PoisonError::into_inner);
        // A test that failed may have left one of them down.
        for server in servers.own() {
            server.start();
        }
        servers
    }

    /// A set of which the order service's database has a standby. Ends with the test.
    #[track_caller]
    pub fn with_standby() -> Self {
        let started = Self::start("replicated").and_then(|mut servers| {
            let accounts = servers.accounts.as_ref().ok_or("servers that were started here have accounts")?;
            servers.orders.add_standby(accounts)?;
            Ok(servers)
        });
        started.unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Starts a set.
    fn start(name: &str) -> Result<Self, String> {
        need(TOOLS)?;
        let accounts = Accounts::begin(scratch().join("data").join(name));
        let (broker, ports) = Broker::launch(name, &accounts)?;
        Self::around(broker, &ports, name, accounts)
    }

    /// A broker with a database for each service, and the accounts at all of them.
    pub(crate) fn around(broker: Broker, ports: &[Port], name: &str, accounts: Accounts) -> Result<Self, String> {
        let (users, users_port) = Database::launch(name, "users", &accounts)?;
        let (orders, orders_port) = Database::launch(name, "orders", &accounts)?;
        let servers = Self { broker, users, orders, accounts: None };
        for server in servers.own() {
            server.wait_until_ready()?;
        }
        accounts.make("broker", ports)?;
        accounts.make("users", &[("PORT_USERS_DB", users_port)])?;
        accounts.make("orders", &[("PORT_ORDERS_DB", orders_port)])?;
        servers.users.make_template(Some(&accounts))?;
        servers.orders.make_template(Some(&accounts))?;
        Ok(Self { accounts: Some(accounts), ..servers })
    }

    /// The set that the environment names.
    fn named() -> Option<Result<Self, String>> {
        let names = ["TEST_AMQP_URL", "TEST_AMQP_UI_URL", "TEST_USERS_DATABASE_URL", "TEST_ORDERS_DATABASE_URL"];
        let [amqp, ui, users, orders] = names.map(variable);
        let (Some(amqp), Some(ui), Some(users), Some(orders)) = (&amqp, &ui, &users, &orders) else {
            let any = [amqp, ui, users, orders].iter().any(Option::is_some);
            return any.then(|| Err(format!("set all of {} or none of them", names.join(", "))));
        };
        let database = |service, url: &str| Database {
            service,
            url: without_path(url),
            own: None,
            standby: None,
            copying: Mutex::default(),
        };
        let broker =
            Broker { amqp: without_path(amqp), ui: Http::new(ui.trim_end_matches('/')), own: None, nodes: Vec::new() };
        let servers =
            Self { broker, users: database("users", users), orders: database("orders", orders), accounts: None };
        Some(servers.users.make_template(None).and_then(|()| servers.orders.make_template(None)).map(|()| servers))
    }

    fn own(&self) -> impl Iterator<Item = &Server> {
        [&self.broker.own, &self.users.own, &self.orders.own].into_iter().flatten()
    }
}

/// A RabbitMQ.
pub struct Broker {
    /// Without the vhost; in a cluster that of the last node.
    amqp: String,
    ui: Http,
    own: Option<Server>,
    /// The AMQP ports of the nodes of a cluster.
    nodes: Vec<u16>,
}

impl Broker {
    /// With the variables that say which ports it has.
    fn launch(set: &str, accounts: &Accounts) -> Result<(Self, [Port; 2]), String> {
        let (port, ui, metrics) = (ports::free_for_broker(), ports::free(), ports::free());
        let ports = [("PORT_AMQP", port), ("PORT_AMQP_UI", ui)];
        let data = scratch().join("data").join(set);
        let command = Box::new(move || {
            let mut command = script("start-rabbitmq");
            command.env("DATA_DIR", &data).envs(ports.map(|(variable, port)| (variable, port.to_string())));
            command.env("PORT_AMQP_METRICS", metrics.to_string());
            command
        });
        let open = move || accepts(port) && Http::at(ui).get("/").try_send().is_ok_and(|answer| answer.status == 200);
        let server = Server::new(&format!("{set}-broker"), command, Signal::Term, Box::new(open))?;
        let url = |url: &str| accounts.address(url, "guest").ok_or("there is no password for guest");
        let ui = Http::new(url(&format!("http://127.0.0.1:{ui}"))?);
        Ok((Self { amqp: url(&format!("amqp://127.0.0.1:{port}"))?, ui, own: Some(server), nodes: Vec::new() }, ports))
    }

    /// A cluster, with the AMQP ports of its nodes. Tests use the last one.
    pub(crate) fn of_cluster(nodes: Vec<u16>, ui: u16, accounts: &Accounts) -> Result<Self, String> {
        let url = |url: &str| accounts.address(url, "guest").ok_or("there is no password for guest");
        let (last, ui) = (nodes[nodes.len() - 1], Http::new(url(&format!("http://127.0.0.1:{ui}"))?));
        Ok(Self { amqp: url(&format!("amqp://127.0.0.1:{last}"))?, ui, own: None, nodes })
    }

    /// The address of a vhost at every node, for our own processes.
    pub(crate) fn at_every_node(&self, url: &str) -> String {
        let Some(last) = self.nodes.last() else { return url.to_owned() };
        let at = |node: &u16| url.replace(&format!("127.0.0.1:{last}"), &format!("127.0.0.1:{node}"));
        self.nodes.iter().map(at).collect::<Vec<_>>().join(",")
    }

    /// Its address, without a vhost.
    pub fn amqp(&self) -> &str {
        &self.amqp
    }

    /// Makes a vhost and returns its address.
    pub fn make_vhost(&self, name: &str) -> String {
        let user = self.amqp.trim_start_matches("amqp://").split([':', '@']).next().unwrap();
        let put = |path: &str, body| {
            let answer = self.ui.call("PUT", path).json(&body).send();
            assert!(matches!(answer.status, 201 | 204), "PUT {path}: {} {}", answer.status, answer.body);
        };
        if self.nodes.is_empty() {
            put(&format!("/api/vhosts/{name}"), json!({}));
        } else {
            // As in the cluster of ops/cluster; RabbitMQ 3.10 takes it from definitions only.
            let quorum = json!({ "default_queue_type": "quorum" });
            let vhost = json!({ "name": name, "default_queue_type": "quorum", "metadata": quorum });
            self.import(&json!({ "vhosts": [vhost] }));
        }
        let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        put(&format!("/api/permissions/{name}/{user}"), everything);
        format!("{}/{name}", self.amqp)
    }

    /// Gives the broker users, permissions and what else it calls definitions.
    #[track_caller]
    pub fn import(&self, definitions: &Value) {
        let answer = self.ui.post("/api/definitions").json(definitions).send();
        assert!(
            matches!(answer.status, 200..=204),
            "the broker took no definitions: {} {}",
            answer.status,
            answer.body
        );
    }

    /// Those for AMQP and for the management API. Only of one that was started here.
    pub fn ports(&self) -> [u16; 2] {
        [self.amqp.as_str(), self.ui.base()].map(|url| url.rsplit(':').next().unwrap().parse().unwrap())
    }

    /// The management API, as an administrator.
    pub fn api(&self) -> &Http {
        &self.ui
    }

    /// Removes a vhost; on the way out of a test, so it does not fail.
    pub fn remove_vhost(&self, name: &str) {
        let _ = self.ui.call("DELETE", &format!("/api/vhosts/{name}")).try_send();
    }

    /// Its process. Only for [`Servers::fragile`].
    #[track_caller]
    pub fn server(&self) -> &Server {
        self.own.as_ref().expect("a broker that was started here")
    }

    /// Starts it again; returns when its port opened, though it may take a while longer until it serves.
    #[track_caller]
    pub fn start_and_time(&self) -> Instant {
        let port = self.amqp.rsplit(':').next().unwrap().parse().unwrap();
        self.server().launch();
        wait_for("the broker's port was open", START, || accepts(port).then(Instant::now))
    }
}

/// The PostgreSQL of one service.
pub struct Database {
    service: &'static str,
    /// Without the database.
    url: String,
    own: Option<Server>,
    /// A standby, and its address without the database.
    standby: Option<(Server, String)>,
    copying: Mutex<()>,
}

impl Database {
    /// With its port.
    fn launch(set: &str, service: &'static str, accounts: &Accounts) -> Result<(Self, u16), String> {
        let port = ports::free();
        let data = scratch().join("data").join(set);
        let command = Box::new(move || {
            let mut command = script("start-postgres");
            command.arg(service).arg(port.to_string()).env("DATA_DIR", &data);
            command
        });
        let url = format!("postgres://127.0.0.1:{port}");
        let url = accounts.address(&url, "postgres").ok_or("there is no password for postgres")?;
        let somewhere = format!("{url}/postgres");
        let open = move || Sql::try_open(&somewhere).is_ok();
        let server = Server::new(&format!("{set}-{service}-db"), command, Signal::Int, Box::new(open))?;
        Ok((Self { service, url, own: Some(server), standby: None, copying: Mutex::default() }, port))
    }

    /// The address of one of its databases. With a standby it leads to whichever server can be written to.
    pub fn url(&self, name: &str) -> String {
        let writable = if self.standby.is_some() { "?target_session_attrs=read-write" } else { "" };
        format!("{}/{name}{writable}", self.url)
    }

    /// Adds a standby, which has every commit before it is acknowledged.
    pub fn add_standby(&mut self, accounts: &Accounts) -> Result<(), String> {
        let primary = self.url("postgres");
        let sql = Sql::open(&primary);
        let permission = "host replication postgres 127.0.0.1/32 scram-sha-256";
        sql.execute(&format!("COPY (SELECT '{permission}') TO PROGRAM 'cat >>pg_hba.conf'"));
        sql.execute("SELECT pg_reload_conf()");
        let (data, port) = (scratch().join("data").join(format!("{}-standby", self.service)), ports::free());
        accounts.copy("postgres", &data);
        let copy = data.join(format!("{}-db", self.service));
        let mut backup = command("pg_basebackup");
        backup.args(["--dbname", &primary, "--write-recovery-conf", "--checkpoint=fast", "--pgdata"]).arg(&copy);
        let output = backup.output().map_err(|error| format!("pg_basebackup: {error}"))?;
        if !output.status.success() {
            return Err(format!("pg_basebackup: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let service = self.service;
        let start = Box::new(move || {
            let mut start = script("start-postgres");
            start.arg(service).arg(port.to_string()).env("DATA_DIR", &data);
            start
        });
        let alone = accounts.address(&format!("postgres://127.0.0.1:{port}"), "postgres").ok_or("no password")?;
        let somewhere = format!("{alone}/postgres");
        let open = move || Sql::try_open(&somewhere).is_ok();
        let server = Server::new(&format!("{service}-standby-db"), start, Signal::Int, Box::new(open))?;
        server.wait_until_ready()?;
        sql.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
        sql.execute("SELECT pg_reload_conf()");
        let is_synchronous = || {
            let standbys = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            (sql.value::<i64>(standbys, &[]) == 1).then_some(())
        };
        wait_for("the standby had every commit", START, is_synchronous);
        self.url = format!("{},127.0.0.1:{port}", self.url);
        self.standby = Some((server, alone));
        Ok(())
    }

    /// Makes the standby the primary.
    #[track_caller]
    pub fn promote_standby(&self) {
        let (_, url) = self.standby.as_ref().expect("a standby");
        assert!(Sql::open(&format!("{url}/postgres")).value::<bool>("SELECT pg_promote()", &[]), "it was not promoted");
    }

    /// A connection for making and removing databases.
    fn administration(&self) -> Sql {
        Sql::open(&self.url("postgres"))
    }

    /// Makes an empty database.
    pub fn make_empty(&self, name: &str) -> String {
        self.administration().execute(&format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// Makes a database that has the schema.
    pub fn make(&self, name: &str) -> String {
        // One copy at a time: the template must not be in use.
        let _turn = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        self.administration().execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"));
        self.url(name)
    }

    /// Removes a database; on the way out of a test, so it does not fail.
    pub fn remove(&self, name: &str) {
        if let Ok(sql) = Sql::try_open(&self.url("postgres")) {
            sql.try_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }

    /// Its process. Only for [`Servers::fragile`].
    #[track_caller]
    pub fn server(&self) -> &Server {
        self.own.as_ref().expect("a database that was started here")
    }

    /// The service's migrations, on one of its databases.
    pub fn migration(&self, url: &str) -> Command {
        let mut migrate = command(program(&format!("{}-migrate", self.service)));
        migrate.env(format!("{}_DATABASE_URL", self.service.to_uppercase()), url);
        migrate
    }

    /// With accounts it belongs to the process that migrates, which grants the others their rights; copies have the same.
    fn make_template(&self, accounts: Option<&Accounts>) -> Result<(), String> {
        self.remove(TEMPLATE);
        let mut url = self.make_empty(TEMPLATE);
        let migrates = format!("{}-migrate", self.service);
        if let Some(address) = accounts.and_then(|accounts| accounts.address(&url, &migrates)) {
            let owner = format!(
                "ALTER SCHEMA public OWNER TO \"{migrates}\"; GRANT CREATE ON DATABASE {TEMPLATE} TO \"{migrates}\""
            );
            Sql::open(&url).execute(&owner);
            url = address;
        }
        let output = self.migration(&url).output().map_err(|error| error.to_string())?;
        let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(format!("{}-migrate failed: {}", self.service, said())) }
    }
}

/// The process of a server, which can be stopped and started again on the same port.
pub struct Server {
    name: String,
    log: PathBuf,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    polite: Signal,
    is_ready: Box<dyn Fn() -> bool + Send + Sync>,
    process: Mutex<Process>,
}

impl Server {
    pub(crate) fn new(
        name: &str,
        command: Box<dyn Fn() -> Command + Send + Sync>,
        polite: Signal,
        is_ready: Box<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<Self, String> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let log = scratch().join("logs").join(format!("server-{number}-{name}.log"));
        let process = Mutex::new(Process::spawn(name, &mut command(), &log, polite)?);
        Ok(Self { name: name.into(), log, command, polite, is_ready, process })
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        self.process().log()
    }

    /// Starts it, unless it runs, and waits until it can be used.
    #[track_caller]
    pub fn start(&self) {
        self.launch();
        self.wait_until_ready().unwrap_or_else(|problem| panic!("{problem}"));
    }

    fn launch(&self) {
        let mut process = self.process();
        if !process.is_running() {
            *process = Process::spawn(&self.name, &mut (self.command)(), &self.log, self.polite).unwrap();
        }
    }

    /// Stops it as an operator would.
    #[track_caller]
    pub fn stop(&self) {
        self.process().stop(STOP);
    }

    /// Ends it as `kill -9` does.
    #[track_caller]
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process().signal(signal);
    }

    pub(crate) fn wait_until_ready(&self) -> Result<(), String> {
        let begun = Instant::now();
        while !(self.is_ready)() {
            let process = self.process();
            if process.is_running() && begun.elapsed() < START {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            let ended =
                process.ended().map_or_else(|| format!("is not ready after {START:?}"), |how| format!("ended: {how}"));
            return Err(format!("{} {ended}. It said:\n{}", self.name, process.tail(30)));
        }
        Ok(())
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// `scheme://user@host:port`, of an address that may have a path.
fn without_path(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    format!("{scheme}://{}", rest.split('/').next().unwrap())
}
