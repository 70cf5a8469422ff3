//! The system under test: gateway and workers as processes, on a vhost and databases of their own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{fs, thread};

use contracts::naming::process_name;
use contracts::{LISTENERS, PATTERNS};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accounts::{with_account, with_exchanges};
use crate::declared::undeclared;
use crate::environment::{command, keep_logs, need, program, scratch};
use crate::held_inserts::HeldInserts;
use crate::http::{Answer, Call, Http};
use crate::process::{Process, Signal};
use crate::proxy::Proxy;
use crate::servers::Servers;
use crate::slots::Slot;
use crate::sql::Sql;
use crate::wait::{seconds, wait_until};
use crate::wire::{Message, Wire};
use crate::{ports, token};

/// The limits of the gateway, which are lifted.
const LIMITS: [&str; 6] = [
    "REGISTRATIONS_PER_MINUTE",
    "LOGINS_PER_MINUTE",
    "LOGIN_FAILURES",
    "LOGIN_FAILURES_PER_ADDRESS",
    "LOGIN_FAILURES_PER_ACCOUNT",
    "CONNECTIONS_PER_ADDRESS",
];

/// What to start, before it is started.
#[must_use]
pub struct Plan<'a> {
    servers: &'a Servers,
    copies: Vec<(String, usize)>,
    settings: Vec<(String, String)>,
    events: bool,
    alone: bool,
}

impl<'a> Plan<'a> {
    /// Leaves a worker out.
    pub fn without(self, worker: &str) -> Self {
        self.copies(worker, 0)
    }

    /// Runs several copies of a worker.
    pub fn copies(mut self, worker: &str, copies: usize) -> Self {
        self.copies.iter_mut().find(|(name, _)| name == worker).unwrap().1 = copies;
        self
    }

    /// Starts the relays and listeners as well: what one service records, others hear.
    pub fn with_events(mut self) -> Self {
        let listeners = LISTENERS.iter().map(|listener| process_name(listener.name));
        let relays = ["users-relay", "orders-relay"].map(str::to_owned);
        self.copies.extend(listeners.chain(relays).map(|name| (name, 1)));
        self.events = true;
        self
    }

    /// Gives all processes a setting.
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.into(), value.into()));
        self
    }

    /// Lets no other stack run meanwhile, for tests that measure time or strain the machine.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Starts everything and waits until it serves.
    #[track_caller]
    pub fn start(self) -> Stack<'a> {
        let room = if self.alone { Slot::alone() } else { Slot::shared() };
        let stack = Stack::new(self.servers, self.settings, room);
        stack.admit(self.events);
        stack.launch("gateway");
        for (worker, copies) in &self.copies {
            for _ in 0..*copies {
                stack.launch(worker);
            }
        }
        stack.wait_until_serving(&self.copies);
        stack
    }
}

/// A running system. Dropping it stops everything, and fails the test if a process does not stop in good order, has logged a
/// secret, or has answered what its contract does not say.
pub struct Stack<'a> {
    /// The gateway's public door.
    pub http: Http,
    /// The gateway's admin listener.
    pub admin: Http,
    /// The gateway's port, for connections by hand.
    pub port: u16,
    /// The admin listener's port.
    pub admin_port: u16,
    /// The address of its vhost.
    pub amqp: String,
    /// The address of its users database.
    pub users_url: String,
    /// The address of its orders database.
    pub orders_url: String,
    name: String,
    servers: &'a Servers,
    settings: Vec<(String, String)>,
    logs: PathBuf,
    processes: Mutex<Vec<Arc<Process>>>,
    secrets: Mutex<Vec<String>>,
    wire: OnceLock<Wire>,
    _room: Slot,
}

impl Stack<'static> {
    /// One of everything, on the shared servers.
    #[track_caller]
    pub fn start() -> Self {
        Self::plan().start()
    }

    /// The same, to be changed before it starts.
    pub fn plan() -> Plan<'static> {
        Stack::on(Servers::shared())
    }
}

impl<'a> Stack<'a> {
    /// One of everything, on given servers, to be changed before it starts.
    pub fn on(servers: &'a Servers) -> Plan<'a> {
        let copies = PATTERNS.iter().map(|pattern| (process_name(pattern), 1)).collect();
        Plan { servers, copies, settings: Vec::new(), events: false, alone: false }
    }

    fn new(servers: &'a Servers, more: Vec<(String, String)>, room: Slot) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}_{number}", std::process::id());
        let logs = scratch().join("logs").join(format!("{name}-{}", test_name()));
        fs::create_dir_all(&logs).unwrap();
        let (port, admin) = (ports::free(), ports::free());
        let (amqp, users_url, orders_url) = thread::scope(|scope| {
            let users = scope.spawn(|| servers.users.make(&name));
            let orders = scope.spawn(|| servers.orders.make(&name));
            (servers.broker.make_vhost(&name), users.join().unwrap(), orders.join().unwrap())
        });
        let keys = token::keys();
        let file = |name: &str| keys.join(name).display().to_string();
        let mut settings = vec![
            ("AMQP_URL".to_owned(), servers.broker.at_every_node(&amqp)),
            ("USERS_DATABASE_URL".into(), users_url.clone()),
            ("ORDERS_DATABASE_URL".into(), orders_url.clone()),
            ("USERS_TOKEN_PRIVATE_KEY_FILE".into(), file("private.pem")),
            ("GATEWAY_TOKEN_PUBLIC_KEY_FILE".into(), file("public.pem")),
            ("GATEWAY_LISTEN".into(), format!("127.0.0.1:{port}")),
            ("GATEWAY_ADMIN_LISTEN".into(), format!("127.0.0.1:{admin}")),
        ];
        // All requests come from one address here; tests of the limits set them.
        settings.extend(LIMITS.map(|limit| (format!("GATEWAY_LIMIT_{limit}"), "0".into())));
        settings.extend(more);
        Self {
            http: Http::at(port),
            admin: Http::at(admin),
            port,
            admin_port: admin,
            amqp,
            users_url,
            orders_url,
            name,
            servers,
            settings,
            logs,
            processes: Mutex::default(),
            secrets: Mutex::default(),
            wire: OnceLock::new(),
            _room: room,
        }
    }

    /// Lets every process into the vhost, with the rights that it needs; makes there what none of them has a right to make.
    fn admit(&self, events: bool) {
        let bus = |arguments: &[&str]| {
            let output = self.command("signalbox").args(arguments).output().unwrap();
            assert!(output.status.success(), "signalbox {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let mut rights: Value = serde_json::from_slice(&bus(&["accounts", "--json"])).unwrap();
        if self.servers.accounts.is_none() {
            // All processes use the administrator's account; the policies apply all the same.
            for rights_of in ["permissions", "topic_permissions"] {
                rights[rights_of] = json!([]);
            }
            return self.servers.broker.import(&with_exchanges(rights, &self.name));
        }
        self.servers.broker.import(&with_exchanges(rights, &self.name));
        if events {
            bus(&["topology", "apply"]);
        }
    }

    /// One of the programs, not started yet, with the settings of all and its own accounts.
    pub fn command(&self, name: &str) -> Command {
        let mut command = command(program(name));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        // The operator's tool is an administrator everywhere.
        if let Some(accounts) = self.servers.accounts.as_ref().filter(|_| name != "signalbox") {
            let (amqp, users, orders) =
                (self.servers.broker.at_every_node(&self.amqp), &self.users_url, &self.orders_url);
            let all = [("AMQP_URL", &amqp), ("USERS_DATABASE_URL", users), ("ORDERS_DATABASE_URL", orders)];
            accounts.set_addresses(&mut command, name, &all);
        }
        command
    }

    /// Lets somebody else's software into the vhost, with these rights to configure, write and read; its address.
    pub fn admit_guest(&self, name: &str, rights: [&str; 3]) -> String {
        let (user, password) = (format!("{}-{name}", self.name), Uuid::now_v7().simple().to_string());
        let [configure, write, read] = rights;
        self.servers.broker.import(&json!({
            "users": [{ "name": user, "password": password, "tags": "" }],
            "permissions": [{ "user": user, "vhost": self.name, "configure": configure, "write": write, "read": read }],
        }));
        with_account(&self.amqp, &user, &password)
    }

    /// What the gateway tells Prometheus.
    #[track_caller]
    pub fn metrics(&self) -> String {
        self.admin.get("/metrics").send().expect(200).body
    }

    /// The name of its vhost.
    pub fn vhost(&self) -> &str {
        &self.name
    }

    /// The vhost's address for software that comes in the place of one of our processes.
    pub fn address_of(&self, process: &str) -> String {
        let accounts = self.servers.accounts.as_ref();
        accounts.and_then(|accounts| accounts.address(&self.amqp, process)).unwrap_or_else(|| self.amqp.clone())
    }

    /// Starts one more process, with the settings of all.
    pub fn launch(&self, name: &str) -> Arc<Process> {
        self.launch_with(name, |_| {})
    }

    /// The same with a wrong clock, by an offset such as `+10s`.
    pub fn launch_with_clock(&self, name: &str, offset: &str) -> Arc<Process> {
        need(&["faketime"]).unwrap();
        // The wrapper program would be between us and the process; it knows where its library is.
        let library = Command::new("faketime").args(["-f", "+0s", "printenv", "LD_PRELOAD"]).output().unwrap().stdout;
        let library = String::from_utf8(library).unwrap();
        self.launch_with(name, |command| {
            command.env("LD_PRELOAD", library.trim()).env("FAKETIME", offset);
            // Clocks that only count stay right when the time of day is wrong.
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        })
    }

    /// The same, with a change of its own.
    pub fn launch_with(&self, name: &str, change: impl FnOnce(&mut Command)) -> Arc<Process> {
        let mut command = self.command(name);
        change(&mut command);
        let mut processes = self.processes();
        let log = self.logs.join(format!("{:02}-{name}.log", processes.len()));
        let process = Arc::new(Process::spawn(name, &mut command, &log, Signal::Term).unwrap());
        processes.push(Arc::clone(&process));
        process
    }

    /// The address of its database for a process's own account; nothing where all have the same account.
    pub fn account(&self, name: &str) -> Option<String> {
        let url = if name.starts_with("users-") { &self.users_url } else { &self.orders_url };
        self.servers.accounts.as_ref().and_then(|accounts| accounts.address(url, name))
    }

    /// Starts one more process that comes to its database by way of a proxy.
    pub fn launch_through(&self, name: &str, proxy: &Proxy) -> Arc<Process> {
        let (variable, url) = match name.split_once('-') {
            Some(("users", _)) => ("USERS_DATABASE_URL", &self.users_url),
            _ => ("ORDERS_DATABASE_URL", &self.orders_url),
        };
        let address = proxy.address(self.account(name).as_ref().unwrap_or(url));
        self.launch_with(name, |command| {
            command.env(variable, address);
        })
    }

    /// The same as [`Self::launch`] for a worker, and waits until it serves.
    #[track_caller]
    pub fn launch_worker(&self, name: &str) -> Arc<Process> {
        let worker = self.launch(name);
        wait_until(&format!("{name} served"), seconds(15), || !worker.events("serving").is_empty());
        worker
    }

    /// The running processes of a name, the oldest first.
    pub fn all(&self, name: &str) -> Vec<Arc<Process>> {
        self.processes().iter().filter(|process| process.name() == name && process.is_running()).cloned().collect()
    }

    /// The one running process of a name.
    #[track_caller]
    pub fn process(&self, name: &str) -> Arc<Process> {
        let mut all = self.all(name);
        assert_eq!(all.len(), 1, "{name} runs {} times", all.len());
        all.remove(0)
    }

    /// Ids of all running processes, by name.
    pub fn pids(&self) -> Vec<(String, u32)> {
        let running = |process: &&Arc<Process>| process.is_running();
        self.processes().iter().filter(running).map(|process| (process.name().to_owned(), process.pid())).collect()
    }

    /// A connection to the vhost.
    pub fn wire(&self) -> &Wire {
        self.wire.get_or_init(|| Wire::open(&self.amqp))
    }

    /// A connection to the users database.
    pub fn users_db(&self) -> Sql {
        Sql::open(&self.users_url)
    }

    /// A connection to the orders database.
    pub fn orders_db(&self) -> Sql {
        Sql::open(&self.orders_url)
    }

    /// Keeps every new order half done from now on.
    pub fn hold_orders(&self) -> HeldInserts {
        HeldInserts::inserts(&self.orders_url, "orders")
    }

    /// Waits until so many processes serve a pattern.
    #[track_caller]
    pub fn wait_for_consumers(&self, pattern: &str, consumers: u32) {
        let what = format!("{pattern} had {consumers} consumers");
        wait_until(&what, seconds(15), || self.wire().consumers(pattern) == consumers);
        if consumers > 0 {
            self.wait_until_served(pattern);
        }
    }

    /// Waits until the gateway knows that somebody serves a pattern: it believes for a moment that nobody does.
    #[track_caller]
    fn wait_until_served(&self, pattern: &str) {
        let known = || self.readiness().is_none_or(|answer| answer.json()["patterns"][pattern] != 0);
        wait_until(&format!("the gateway knew that somebody serves {pattern}"), seconds(10), known);
    }

    /// Waits until nobody serves a pattern and the gateway, which believes for a moment what it has counted, knows it.
    #[track_caller]
    pub fn wait_until_unserved(&self, pattern: &str) {
        let noticed = || self.readiness().is_some_and(|answer| answer.json()["patterns"][pattern] == 0);
        wait_until(&format!("the gateway knew that nobody serves {pattern}"), seconds(10), noticed);
    }

    /// Answers one call in the place of a pattern's workers, of which none may run.
    #[track_caller]
    pub fn answer_in_place_of(&self, pattern: &str, call: Call, reply: &str) -> Answer {
        let wire = self.wire();
        wire.make_pattern_queue(pattern);
        let mut pending = None;
        let (address, id) = wire.take(pattern, || {
            let seen = || self.readiness().is_some_and(|answer| answer.json()["patterns"][pattern] == 1);
            wait_until("the gateway saw a worker", seconds(5), seen);
            pending = Some(call.send_in_background());
        });
        wire.send(&Message::new(&address, reply).without_reply().correlation_id(&id));
        pending.expect("the call was made").wait()
    }

    /// Waits until the gateway says that it can serve, and that every pattern is served.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        let served = |answer: &Answer| {
            let patterns = answer.json()["patterns"].as_object().cloned().unwrap_or_default();
            answer.status == 200 && patterns.values().all(|consumers| consumers.as_u64().is_some_and(|count| count > 0))
        };
        wait_until("everything was served", seconds(20), || self.readiness().is_some_and(|answer| served(&answer)));
    }

    /// What the gateway says of its readiness.
    pub fn readiness(&self) -> Option<Answer> {
        self.admin.get("/readyz").try_send().ok()
    }

    /// Notes a text that must not be in any log.
    pub fn keep_secret(&self, secret: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.into());
    }

    /// Registers somebody new.
    #[track_caller]
    pub fn register(&self) -> Person {
        let form = self.form();
        let answer = self.http.post("/users/register").json(&form).send().expect(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let person = Person {
            id: text(&answer["user"]["id"]),
            email: text(&form["email"]),
            password: text(&form["password"]),
            token: text(&answer["tokens"]["access_token"]),
            refresh_token: text(&answer["tokens"]["refresh_token"]),
            http: self.http.clone(),
        };
        self.register_secrets_of(&answer);
        person
    }

    /// Somebody with a good token, of whom the user service knows nothing: for tests in which it has no part.
    pub fn somebody(&self) -> Person {
        let id = format!("user-{}", Uuid::now_v7());
        let token = token::sign(&token::claims(&id));
        self.keep_secret(&token);
        let (email, password, refresh_token) = Default::default();
        Person { id, email, password, token, refresh_token, http: self.http.clone() }
    }

    /// Exchanges a refresh token; the answer's tokens must not be logged.
    #[track_caller]
    pub fn refresh(&self, refresh_token: &str) -> Answer {
        let answer = self.http.post("/users/refresh").json(&json!({ "refreshToken": refresh_token })).send();
        if answer.status == 200 {
            self.register_secrets_of(&answer.json());
        }
        answer
    }

    /// Signs a registered person in once more.
    #[track_caller]
    pub fn sign_in(&self, person: &Person) -> Person {
        let credentials = json!({ "email": person.email, "password": person.password });
        let answer = self.http.post("/users/login").json(&credentials).send().expect(200).json();
        self.register_secrets_of(&answer);
        let token = |name: &str| answer["tokens"][name].as_str().unwrap().to_owned();
        Person { token: token("access_token"), refresh_token: token("refresh_token"), ..person.clone() }
    }

    /// What somebody new would fill in. It must not be logged.
    pub fn form(&self) -> Value {
        let mark = Uuid::now_v7().simple().to_string();
        let (email, password) = (format!("Ann.{mark}@Example.org"), format!("pass {mark} word"));
        self.keep_secret(&format!("ann.{mark}"));
        self.keep_secret(&password);
        json!({ "email": email, "password": password, "firstName": "Ann", "lastName": "O'Neil-Ščukina" })
    }

    /// Notes that the tokens in an answer to register or login must not be logged.
    pub fn register_secrets_of(&self, signed_in: &Value) {
        for token in ["access_token", "refresh_token"] {
            self.keep_secret(signed_in["tokens"][token].as_str().unwrap());
        }
    }

    #[track_caller]
    fn wait_until_serving(&self, workers: &[(String, usize)]) {
        for process in self.processes().iter().filter(|process| process.name() != "gateway") {
            let what = format!("{} served", process.name());
            wait_until(&what, seconds(20), || !process.events("serving").is_empty());
        }
        if workers.iter().filter(|(name, _)| serves(name)).all(|(_, copies)| *copies > 0) {
            self.wait_until_ready();
        } else {
            let connected = || self.readiness().is_some_and(|answer| answer.json()["broker"] == true);
            wait_until("the gateway was connected to the broker", seconds(20), connected);
        }
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Arc<Process>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops every process; the complaints of this stack's end.
    fn end(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let processes = self.processes().clone();
        let running: Vec<_> = processes.iter().filter(|process| process.is_running()).collect();
        for process in &running {
            process.signal(Signal::Cont);
            process.signal(Signal::Term);
        }
        for process in &running {
            let begun = std::time::Instant::now();
            while process.is_running() && begun.elapsed() < seconds(12) {
                thread::sleep(crate::wait::millis(5));
            }
            match process.ended() {
                None => complaints.push(format!("{} does not stop", process.name())),
                Some(how) if how.success() => {}
                Some(how) => complaints.push(format!("{} ended with {how} when told to stop", process.name())),
            }
        }
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for process in &processes {
            let log = process.log().to_lowercase();
            let leaked = secrets.iter().find(|secret| log.contains(&secret.to_lowercase()));
            complaints.extend(leaked.map(|secret| format!("{} has logged a secret: {secret}", process.name())));
            if log.contains("panicked at") {
                complaints.push(format!("{} has panicked", process.name()));
            }
            complaints.extend(undeclared(process));
        }
        complaints
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        let complaints = self.end();
        if thread::panicking() || !complaints.is_empty() {
            keep_logs();
            for process in self.processes().iter() {
                eprintln!("---- the end of {}'s log\n{}", process.name(), process.tail(15));
            }
            eprintln!("---- whole logs: {}", self.logs.display());
        }
        thread::scope(|scope| {
            scope.spawn(|| self.servers.users.remove(&self.name));
            scope.spawn(|| self.servers.orders.remove(&self.name));
            self.servers.broker.remove_vhost(&self.name);
        });
        assert!(thread::panicking() || complaints.is_empty(), "{}", complaints.join("; "));
    }
}

/// Somebody who orders.
#[derive(Clone)]
pub struct Person {
    /// The account's id.
    pub id: String,
    /// The address, as it was registered.
    pub email: String,
    /// The password.
    pub password: String,
    /// An access token.
    pub token: String,
    /// The refresh token that came with it.
    pub refresh_token: String,
    http: Http,
}

impl Person {
    /// GET with the token.
    pub fn get(&self, path: &str) -> Call {
        self.http.get(path).token(&self.token)
    }

    /// POST with the token.
    pub fn post(&self, path: &str) -> Call {
        self.http.post(path).token(&self.token)
    }

    /// A request for an order, not yet sent.
    pub fn ordering(&self, title: &str) -> Call {
        self.post("/orders").json(&order(title))
    }

    /// Places an order.
    #[track_caller]
    pub fn place(&self, title: &str) -> Value {
        self.ordering(title).send().expect(201).json()
    }

    /// The orders on the first page of the list.
    #[track_caller]
    pub fn orders(&self) -> Vec<Value> {
        self.get("/orders").send().expect(200).json().as_array().unwrap().clone()
    }
}

/// Whether a process serves a pattern, on which readiness depends.
fn serves(name: &str) -> bool {
    PATTERNS.iter().any(|pattern| process_name(pattern) == name)
}

/// What somebody orders.
pub fn order(title: &str) -> Value {
    json!({ "title": title, "description": format!("All about {title}"), "price": 19.99 })
}

/// The running test's name, fit for a file.
fn test_name() -> String {
    thread::current().name().unwrap_or("main").replace("::", ".")
}
