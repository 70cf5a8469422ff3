//! The stack that is measured: the one that runs from a checkout; or, when none does, one that is started for it, with empty
//! databases, on ports of its own, in a directory that goes with it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::http::{Connection, request};
use crate::processes::Processes;
use crate::results::Result;

/// A stack that is started may have to be compiled first.
const STARTS_WITHIN: Duration = Duration::from_mins(30);
const STOPS_WITHIN: Duration = Duration::from_mins(1);
/// What a command needs from its surroundings. No setting of one checkout must reach the stack of another.
const SURROUNDINGS: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "GOPATH",
    "GOBIN",
    "IN_NIX_SHELL",
    "XDG_RUNTIME_DIR",
    "CARGO_TARGET_DIR",
];
/// Measured from one address, no limit must be in the way.
const LIMITS: [&str; 6] = [
    "REGISTRATIONS_PER_MINUTE",
    "LOGINS_PER_MINUTE",
    "LOGIN_FAILURES",
    "LOGIN_FAILURES_PER_ADDRESS",
    "LOGIN_FAILURES_PER_ACCOUNT",
    "CONNECTIONS_PER_ADDRESS",
];
/// A broker needs two more ports, so far above its first one.
const BESIDE_A_BROKER: [u16; 2] = [20_000, 21_000];

type Variables = BTreeMap<String, String>;

pub(crate) struct Stack {
    pub(crate) label: &'static str,
    root: PathBuf,
    variables: Variables,
    /// The surroundings without any setting, for a stack that is started.
    clean: Variables,
    own: Option<Own>,
}

/// What was started for the measurement.
struct Own {
    process_compose: Child,
    directory: PathBuf,
}

impl Stack {
    /// The stack of the checkout in which this program is run.
    pub(crate) fn of_this_checkout() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "scripts/bench hands on what scripts/env says")]
        let variables: Variables = std::env::vars().collect();
        let root = std::env::current_dir().map_err(|error| error.to_string())?;
        let mut clean = clean(&variables);
        let own =
            ["BIN_DIR", "ENV_FILE"].iter().filter_map(|name| Some(((*name).to_owned(), variables.get(*name)?.clone())));
        clean.extend(own);
        Ok(Self { label: "this", root, variables, clean, own: None })
    }

    /// That of another checkout.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "what finding programs takes")]
        let mut clean = clean(&std::env::vars().collect());
        clean.remove("CARGO_TARGET_DIR");
        let root = root.canonicalize().unwrap_or_else(|_| root.into());
        if !root.join("process-compose.yaml").is_file() {
            return Err(format!("{} is no checkout of this project: --against takes one", root.display()));
        }
        Ok(Self { label: "other", root, variables: clean.clone(), clean, own: None })
    }

    /// Finds the stack that runs, or starts one.
    pub(crate) async fn open(&mut self) -> Result<()> {
        let root = self.root.display();
        self.variables = resolved(&self.root, &self.variables).await?;
        if self.processes().await.is_ok_and(|processes| processes.contains_key("gateway")) {
            eprintln!("bench: measuring the stack that runs in {root}");
            return Ok(());
        }
        eprintln!("bench: no stack runs in {root}; starting one, with empty databases");
        self.start().await
    }

    async fn start(&mut self) -> Result<()> {
        let directory = std::env::temp_dir().join(format!("bench-{}-{}", std::process::id(), self.label));
        let page = directory.join("page");
        // Nobody asks for the page: an empty one spares its build.
        fs::create_dir_all(page.join("server")).map_err(|error| format!("{}: {error}", page.display()))?;
        fs::write(page.join("server/main.js"), "").map_err(|error| error.to_string())?;
        let mut variables = self.clean.clone();
        variables.insert("DATA_DIR".into(), directory.display().to_string());
        variables.insert("PAGE_DIR".into(), page.display().to_string());
        variables.insert("PC_DISABLE_TUI".into(), "1".into());
        // As in production: one log, of JSON.
        variables.insert("LOG_FORMAT".into(), "json".into());
        variables.insert("LOG_JSON_FILE".into(), String::new());
        variables.extend(ports(self.label)?);
        variables.extend(LIMITS.map(|limit| (format!("GATEWAY_LIMIT_{limit}"), "0".into())));
        self.variables = resolved(&self.root, &variables).await?;
        let names = programs(&self.root)?.join(" ");
        let line = format!("exec process-compose --disable-dotenv up -t=false {names}");
        let log = fs::File::create(directory.join("up.log")).map_err(|error| error.to_string())?;
        let mut command = shell(&self.root, &self.variables, &line);
        // A group of its own: an interrupt from the keyboard is for this program, which then stops the stack in order.
        command.stdout(log).stderr(Stdio::null()).process_group(0);
        let process_compose = command.spawn().map_err(|error| format!("bash cannot be run: {error}"))?;
        self.own = Some(Own { process_compose, directory });
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !self.is_ready().await {
            let own = self.own.as_mut();
            if let Some(own) = own
                && let Ok(Some(status)) = own.process_compose.try_wait()
            {
                let said = fs::read_to_string(own.directory.join("up.log")).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(15).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(format!("the stack did not start ({status}):\n{last}"));
            }
            if begun.elapsed() > STARTS_WITHIN {
                return Err("the stack did not start within half an hour".into());
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Whether every pattern has a worker.
    async fn is_ready(&self) -> bool {
        let Ok(address) = self.port("PORT_GATEWAY_ADMIN") else { return false };
        let Ok(mut connection) = Connection::open(address).await else { return false };
        let asked = request(address, "GET", "/readyz", None, None);
        let Ok(answer) = connection.exchange(asked.as_bytes()).await else { return false };
        let Ok(body) = serde_json::from_slice::<Value>(answer.body) else { return false };
        let served = |patterns: &serde_json::Map<String, Value>| patterns.values().all(|n| n.as_u64() > Some(0));
        answer.status == 200 && body["patterns"].as_object().is_some_and(served)
    }

    /// Stops what was started for the measurement; a stack that ran before runs on.
    pub(crate) async fn close(&mut self) {
        let Some(mut own) = self.own.take() else { return };
        let _ = self.process_compose("down").await;
        if timeout(STOPS_WITHIN, own.process_compose.wait()).await.is_err() {
            let _ = own.process_compose.kill().await;
        }
        let _ = fs::remove_dir_all(&own.directory);
    }

    /// Runs a command of process-compose's, and returns what it says.
    pub(crate) async fn process_compose(&self, arguments: &str) -> Result<String> {
        said(&mut shell(&self.root, &self.variables, &format!("process-compose {arguments}"))).await
    }

    /// What runs, by its name without the number of a copy.
    pub(crate) async fn processes(&self) -> Result<Processes> {
        let mut found = Processes::new();
        for process in self.list().await?.iter().filter(|it| it["is_running"] == true && it["name"] != "frontend") {
            let (name, pid) =
                (process["name"].as_str().unwrap_or_default(), process["pid"].as_u64().unwrap_or_default());
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
            found.entry(name.into()).or_default().extend(u32::try_from(pid));
        }
        Ok(found)
    }

    /// What process-compose calls the copies of a process.
    pub(crate) async fn copies(&self, process: &str) -> Result<Vec<String>> {
        let is_copy = |name: &str| {
            let rest = name.strip_prefix(process);
            rest.is_some_and(|rest| rest.trim_start_matches('-').chars().all(|c| c.is_ascii_digit()))
        };
        let list = self.list().await?;
        Ok(list.iter().filter_map(|it| it["name"].as_str()).filter(|it| is_copy(it)).map(str::to_owned).collect())
    }

    async fn list(&self) -> Result<Vec<Value>> {
        let text = self.process_compose("process list -o json").await?;
        serde_json::from_str(&text).map_err(|error| format!("process-compose: {error}"))
    }

    /// Where the gateway listens.
    pub(crate) fn gateway(&self) -> Result<SocketAddr> {
        self.port("PORT_GATEWAY")
    }

    fn port(&self, variable: &str) -> Result<SocketAddr> {
        let port = self.variables.get(variable).and_then(|port| port.parse::<u16>().ok());
        Ok((Ipv4Addr::LOCALHOST, port.ok_or_else(|| format!("scripts/env says no {variable}"))?).into())
    }

    /// Where its programs are.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.root.join(self.variables.get("BIN_DIR").map_or("target/release", String::as_str))
    }

    /// The commit of the checkout, if it is one of git's.
    pub(crate) async fn revision(&self) -> String {
        let line = "git describe --always --dirty";
        let revision = said(&mut shell(&self.root, &self.variables, line)).await;
        revision.map_or_else(|_| "unknown".into(), |revision| revision.trim().to_owned())
    }
}

/// Ports for everything that a stack opens; another stack that starts at the same time looks elsewhere.
fn ports(label: &str) -> Result<Vec<(String, String)>> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let names = ["GATEWAY", "GATEWAY_ADMIN", "FRONTEND", "AMQP_UI", "AMQP_METRICS", "USERS_DB", "ORDERS_DB"];
    let (brokers, others) =
        if label == "this" { (10_000..10_500, 12_000..20_000) } else { (10_500..11_000, 20_000..28_000) };
    let (mut brokers, mut others) = (brokers, others.filter(|port| free(*port)));
    let broker = brokers.find(|port| free(*port) && BESIDE_A_BROKER.iter().all(|offset| free(port + offset)));
    let mut ports = vec![("AMQP", broker.ok_or("no port from 10000 to 11000 is free")?)];
    for name in names {
        ports.push((name, others.next().ok_or("no port from 12000 to 28000 is free")?));
    }
    Ok(ports.into_iter().map(|(name, port)| (format!("PORT_{name}"), port.to_string())).collect())
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// The programs that process-compose is to run, with what they depend on.
fn programs(root: &Path) -> Result<Vec<String>> {
    let path = root.join("process-compose.yaml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let commands = text.lines().filter_map(|line| line.split_once("bash scripts/as ")?.1.strip_suffix('"'));
    Ok(commands.filter(|name| !name.ends_with("-migrate") && *name != "scaler").map(str::to_owned).collect())
}

fn clean(surroundings: &Variables) -> Variables {
    let wanted = SURROUNDINGS.iter().filter_map(|name| Some(((*name).to_owned(), surroundings.get(*name)?.clone())));
    wanted.collect()
}

fn shell(root: &Path, variables: &Variables, line: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!(". scripts/env && {line}")]).env_clear().envs(variables).current_dir(root);
    command.stdin(Stdio::null());
    command
}

/// The settings of a checkout's stack, as its scripts/env resolves them.
async fn resolved(root: &Path, variables: &Variables) -> Result<Variables> {
    let text = said(&mut shell(root, variables, "env -0")).await?;
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// What a command prints; what it complains of is the error.
pub(crate) async fn said(command: &mut Command) -> Result<String> {
    let output = command.output().await.map_err(|error| format!("bash cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
