//! process-compose starts everything from nothing, scales it, keeps it alive, stops all of it, and starts it again on the
//! existing data.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};

use contracts::naming::process_name;
use contracts::{LISTENERS, PATTERNS};
use serde_json::{Value, json};
use system_tests::accounts::{password, with_account};
use system_tests::environment::{command, need, programs, repository, scratch, script_line};
use system_tests::slots::Slot;
use system_tests::stack::order;
use system_tests::wait::seconds;
use system_tests::{Http, Process, Signal, Sql, ports, wait_for, wait_until};

/// A development stack of its own: other ports, another data directory, the repository's own files.
struct Project {
    data: PathBuf,
    settings: Vec<(&'static str, String)>,
    http: Http,
    admin: Http,
    page: Http,
    ports: Vec<u16>,
}

impl Project {
    fn new(name: &str) -> Self {
        let data = scratch().join("data").join(name);
        std::fs::create_dir_all(&data).unwrap();
        // Under another name than cargo's the programs are taken as they are, and nothing is built.
        let bin = data.join("bin");
        symlink(programs(), &bin).unwrap();
        let page = data.join("page");
        symlink(repository().join("frontend").join("dist"), &page).unwrap();
        let broker = ports::free_for_broker();
        let doors = ["PORT_GATEWAY", "PORT_GATEWAY_ADMIN", "PORT_FRONTEND"];
        let servers = ["PORT_AMQP_UI", "PORT_AMQP_METRICS", "PORT_USERS_DB", "PORT_ORDERS_DB"];
        let mut all: Vec<(&str, u16)> = doors.into_iter().chain(servers).map(|name| (name, ports::free())).collect();
        let (http, admin, front) = (Http::at(all[0].1), Http::at(all[1].1), Http::at(all[2].1));
        all.push(("PORT_AMQP", broker));
        // With what the broker opens beside: its distribution and its port mapper.
        let ports = all.iter().map(|(_, port)| *port).chain([broker + 20_000, broker + 21_000]).collect();
        let mut settings: Vec<_> = all.into_iter().map(|(name, port)| (name, port.to_string())).collect();
        settings.push(("DATA_DIR", data.display().to_string()));
        settings.push(("BIN_DIR", bin.display().to_string()));
        settings.push(("PAGE_DIR", page.display().to_string()));
        settings.push(("ENV_FILE", "/dev/null".into()));
        Self { data, settings, http, admin, page: front, ports }
    }

    /// A command in the environment that the development shell gives.
    fn shell(&self, line: &str) -> Command {
        let mut shell = command("bash");
        shell
            .args(["-c", &format!(". scripts/env && {line}")])
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        shell.current_dir(repository());
        shell
    }

    #[track_caller]
    fn run(&self, line: &str) -> Output {
        let output = self.shell(line).output().unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        assert!(output.status.success(), "{line}: {}\n{}", output.status, String::from_utf8_lossy(&said));
        output
    }

    /// `process-compose up`, until everything serves.
    #[track_caller]
    fn up(&self) -> Process {
        self.serve(&mut self.shell("exec process-compose --disable-dotenv up -t=false"))
    }

    /// What `nix run` does, until everything serves: the script of flake.nix, with what stands in the store, from elsewhere.
    #[track_caller]
    fn up_as_nix_runs(&self) -> Process {
        let (text, store) = (run_by_nix(), self.data.join("store"));
        std::fs::create_dir(&store).unwrap();
        for path in in_the_store() {
            let copied = Command::new("cp").arg("-r").arg(repository().join(path)).arg(&store).status().unwrap();
            assert!(copied.success());
        }
        assert!(Command::new("chmod").args(["-R", "a-w"]).arg(&store).status().unwrap().success());
        let place = |variable: &str| self.port(variable).to_owned();
        let text = text
            .replace("${programs}/bin", &place("BIN_DIR"))
            .replace("${page}", &place("PAGE_DIR"))
            .replace("${files stack}", store.to_str().unwrap());
        let mut command = command("bash");
        command.args(["-c", &text, "messaging-services", "up", "-t=false"]).current_dir(&self.data);
        command.envs(self.settings.iter().filter(|(name, _)| !name.ends_with("_DIR") || *name == "DATA_DIR").cloned());
        self.serve(&mut command)
    }

    #[track_caller]
    fn serve(&self, command: &mut Command) -> Process {
        let log = scratch().join("logs").join("process-compose.log");
        let up = Process::spawn("process-compose", command, &log, Signal::Term).unwrap();
        let serves = |door: &Http, path| door.get(path).try_send().is_ok_and(|answer| answer.status == 200);
        let all_patterns = || {
            let answer = self.admin.get("/readyz").try_send().ok().filter(|answer| answer.status == 200);
            let patterns = answer.and_then(|answer| answer.json()["patterns"].as_object().cloned());
            patterns.is_some_and(|patterns| patterns.values().all(|workers| workers.as_u64().is_some_and(|n| n > 0)))
        };
        wait_until("everything was ready, or process-compose had ended", seconds(90), || {
            !up.is_running() || (all_patterns() && serves(&self.page, "/"))
        });
        assert!(up.is_running(), "process-compose ended:\n{}", up.tail(40));
        // A stop before this has run is a failed start to process-compose.
        let is_said = || self.processes().iter().any(|it| it["name"] == "ready" && it["status"] == "Completed");
        wait_until("it was said where everything is", seconds(30), is_said);
        up
    }

    /// `process-compose down`, after which nothing is left.
    #[track_caller]
    fn down(&self, up: &Process) {
        let running = |process: &&Value| process["is_running"] == true;
        let pids: Vec<u64> = self.processes().iter().filter(running).filter_map(|it| it["pid"].as_u64()).collect();
        assert!(pids.len() > 9, "{pids:?}");
        let listening: Vec<_> = self.ports.iter().filter(|port| !is_open(**port)).collect();
        assert!(listening.is_empty(), "a port that should be open is not: {listening:?}");
        // Its own exit code says nothing: it may see the server end before the server has answered it.
        self.shell("process-compose down").output().unwrap();
        let ended = up.wait(seconds(30));
        assert!(ended.success(), "`up` ended with {ended}:\n{}", up.tail(40));
        let left = || -> Vec<&u16> { self.ports.iter().filter(|port| is_open(**port)).collect() };
        wait_until(&format!("all ports were closed, not {:?}", left()), seconds(10), || left().is_empty());
        wait_until("all processes were gone", seconds(5), || !pids.iter().any(|pid| is_running(*pid)));
    }

    fn processes(&self) -> Vec<Value> {
        let output = self.run("process-compose process list -o json");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    fn wait_for_consumers(&self, pattern: &str, count: u64) {
        wait_until(&format!("{pattern} had {count} consumers"), seconds(20), || {
            let answer = self.admin.get("/readyz").try_send();
            answer.is_ok_and(|answer| answer.json()["patterns"][pattern] == count)
        });
    }

    fn port(&self, variable: &str) -> &str {
        &self.settings.iter().find(|(name, _)| *name == variable).unwrap().1
    }

    /// Whose connections the broker and the databases have, those of this test excepted.
    fn accounts_in_use(&self) -> BTreeSet<String> {
        let ui = format!("http://127.0.0.1:{}", self.port("PORT_AMQP_UI"));
        let api = Http::new(with_account(&ui, "guest", &password(&self.data, "guest").unwrap()));
        let connections = api.get("/api/connections").send().expect(200).json();
        let users = connections.as_array().unwrap().iter().map(|it| it["user"].as_str().unwrap().to_owned());
        let roles = [("PORT_USERS_DB", "users"), ("PORT_ORDERS_DB", "orders")].into_iter().flat_map(|(port, name)| {
            let url = format!("postgres://127.0.0.1:{}/{name}", self.port(port));
            let administrator = Sql::open(&with_account(&url, "postgres", &password(&self.data, "postgres").unwrap()));
            let others = "SELECT usename::text FROM pg_stat_activity
                          WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND usename IS NOT NULL";
            administrator.column::<String>(others, &[])
        });
        users.chain(roles).collect()
    }

    fn is_logged(&self, text: &str) -> bool {
        let logs = std::fs::read_dir(self.data.join("logs")).unwrap().map(|entry| entry.unwrap().path());
        logs.into_iter().any(|path| std::fs::read_to_string(path).unwrap().contains(text))
    }

    /// Who may do what with a file.
    fn mode(&self, path: &str) -> u32 {
        std::fs::metadata(self.data.join(path)).unwrap().permissions().mode() & 0o777
    }

    /// A file among the logs.
    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.data.join("logs").join(name)).unwrap()
    }

    /// How many copies of a worker have handled a request, by their logs for machines.
    fn copies_at_work(&self, name: &str) -> usize {
        let is_at_work = |line: &str| serde_json::from_str::<Value>(line).unwrap()["message"] == "handled";
        let logs = (0..).map(|copy| self.data.join("logs").join(format!("{name}.{copy}.json")));
        let logs = logs.take_while(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
        // A line that is being written is none yet.
        let whole = |log: &str| log.rfind('\n').map(|end| log[..end].lines().any(is_at_work));
        logs.filter(|log| whole(log) == Some(true)).count()
    }
}

/// The script that `nix run` runs, as it stands in flake.nix.
fn run_by_nix() -> String {
    let flake = std::fs::read_to_string(repository().join("flake.nix")).unwrap();
    let (_, script) = flake.split_once("name = \"messaging-services\";").unwrap();
    let (_, text) = script.split_once("text = ''").unwrap();
    // Nix writes what is no end of the text, and no value of its own, with two apostrophes before it.
    text.replace("''$", "\u{0}").split_once("''").unwrap().0.replace('\u{0}', "$")
}

/// What flake.nix puts into the store for it.
fn in_the_store() -> Vec<String> {
    let flake = std::fs::read_to_string(repository().join("flake.nix")).unwrap();
    let (_, stack) = flake.split_once("stack = [").unwrap();
    let (stack, _) = stack.split_once(']').unwrap();
    stack.split_whitespace().map(|path| path.trim_start_matches("./").to_owned()).collect()
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn is_running(pid: u64) -> bool {
    Command::new("sh").args(["-c", "kill -s 0 \"$0\" 2>/dev/null", &pid.to_string()]).status().unwrap().success()
}

#[test]
fn one_command_starts_everything_scales_it_and_leaves_nothing_behind() {
    let _room = Slot::shared();
    need(&["process-compose", "rabbitmq-server", "postgres", "openssl", "node"]).unwrap();
    let project = Project::new("compose");
    let up = project.up();

    let page = project.page.get("/orders").send().expect(200);
    let gateway = project.port("PORT_GATEWAY");
    assert!(page.body.contains(&format!("http://localhost:{gateway}")), "the page knows the gateway: {}", page.body);

    // Its screen opens on where everything is.
    let screen = "exec script -qefc 'stty cols 120 rows 50; exec process-compose attach' /dev/null";
    let log = scratch().join("logs").join("process-compose-screen.log");
    let mut attach = project.shell(screen);
    let screen = Process::spawn("screen", attach.env("TERM", "xterm-256color"), &log, Signal::Term).unwrap();
    let address = format!("http://localhost:{}", project.port("PORT_FRONTEND"));
    wait_until("the screen showed where the page is", seconds(20), || screen.log().contains(&address));
    screen.kill();

    // Text for people on the screen, the same lines for machines in a file.
    let said = String::from_utf8(project.run("process-compose process logs orders-get --tail 100").stdout).unwrap();
    for said in [said, project.log("orders-get.0.log")] {
        assert!(said.contains(" INFO serving") && !said.contains("{\"") && !said.contains('\u{1b}'), "{said}");
    }
    let lines = project.log("orders-get.0.json");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "serving" && line["level"] == "INFO"), "{lines:?}");

    let form = json!({ "email": "ann@example.org", "password": "long enough", "firstName": "Ann", "lastName": "Li" });
    project.http.post("/users/register").json(&form).send().expect(201);
    let credentials = json!({ "email": "ann@example.org", "password": "long enough" });
    let login = || {
        let answer = project.http.post("/users/login").json(&credentials).send().expect(200);
        answer.json()["tokens"]["access_token"].as_str().unwrap().to_owned()
    };
    let token = login();
    let place = |title: &str| project.http.post("/orders").token(&token).json(&order(title)).send().expect(201);
    let placed = place("kept");

    // Every process uses its own account, and none an administrator's.
    let accounts: BTreeSet<String> =
        PATTERNS.into_iter().chain(LISTENERS.map(|it| it.name)).map(process_name).collect();
    let accounts = &accounts | &["gateway", "users-relay", "orders-relay"].map(str::to_owned).into();
    wait_until("all had their connections, each its own", seconds(15), || project.accounts_in_use() == accounts);
    assert_eq!((project.mode("accounts"), project.mode("accounts/users-login/password")), (0o700, 0o600));
    let open = project.run("find \"$DATA_DIR/broker\" \"$DATA_DIR/users-db\" \"$DATA_DIR/logs\" -perm /077 ! -type l");
    assert!(open.stdout.is_empty(), "others may read {}", String::from_utf8_lossy(&open.stdout));
    let ui = String::from_utf8(project.run("scripts/broker-ui").stdout).unwrap();
    assert!(
        ui.contains(&password(&project.data, "guest").unwrap()) && ui.contains(project.port("PORT_AMQP_UI")),
        "{ui}"
    );
    let everybody = Http::new(format!("http://guest:guest@127.0.0.1:{}", project.port("PORT_AMQP_UI")));
    everybody.get("/api/whoami").send().expect(401);
    for name in accounts {
        let password = password(&project.data, &name).unwrap();
        assert!(!project.is_logged(&password), "the password of {name} is in a log");
    }

    project.run("process-compose process scale orders-create 4");
    project.wait_for_consumers("orders.create", 4);
    wait_for("all four copies had worked", seconds(20), || {
        (0..8).for_each(|_| drop(place("shared")));
        (project.copies_at_work("orders-create") == 4).then_some(())
    });
    // From here on process-compose needs another name, which this helper finds.
    project.run("scripts/scale orders-create 2");
    project.wait_for_consumers("orders.create", 2);
    place("after scaling down");

    // A process that dies is restarted.
    let processes = project.processes();
    let victim = processes.iter().find(|process| process["name"] == "orders-get").unwrap()["pid"].as_u64().unwrap();
    project.run(&format!("kill -KILL {victim}"));
    project.wait_for_consumers("orders.get", 0);
    project.wait_for_consumers("orders.get", 1);
    let same = |found: &Value| found["id"] == placed.json()["id"] && found["createdAt"] == placed.json()["createdAt"];
    let found = project.http.get(placed.header("location")).token(&token).send().expect(200).json();
    assert!(same(&found), "{found}");

    project.down(&up);

    let up = project.up_as_nix_runs();
    let token = login();
    let found = project.http.get(placed.header("location")).token(&token).send().expect(200);
    assert!(same(&found.json()), "{}", found.body);
    project.down(&up);
}

#[test]
fn a_taken_port_is_reported_in_a_sentence() {
    let project = Project::new("taken");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut up = project.shell("exec process-compose --disable-dotenv up -t=false");
    let output = up.env("PORT_ORDERS_DB", port.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("PORT_ORDERS_DB") && said.contains(&port.to_string()), "{said}");

    // Ports that follow from others, and one that is configured twice.
    let check = |settings: &[(&str, String)]| {
        let mut check = project.shell("exec scripts/check-ports");
        let output = check.envs(settings.iter().cloned()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(&[]), (true, String::new()));
    let beside = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = beside.local_addr().unwrap().port();
    for above in [20_000, 21_000] {
        let (fine, said) = check(&[("PORT_AMQP", (taken - above).to_string())]);
        assert!(!fine && said.contains("Erlang") && said.contains(&taken.to_string()), "{said}");
    }
    let (fine, said) = check(&[("PORT_GATEWAY", project.port("PORT_ORDERS_DB").to_owned())]);
    assert!(!fine && said.contains("configured twice: for PORT_GATEWAY, and for PORT_ORDERS_DB"), "{said}");
    let beside_amqp = project.port("PORT_AMQP").parse::<u16>().unwrap() + 20_000;
    let (fine, said) = check(&[("PORT_FRONTEND", beside_amqp.to_string())]);
    assert!(!fine && said.contains("configured twice: for PORT_FRONTEND"), "{said}");
    assert!(!check(&[("PORT_AMQP", "x".into())]).0);
}

#[test]
fn the_file_of_the_cluster_is_valid_beside_the_main_one() {
    need(&["process-compose"]).unwrap();
    let both = "-f process-compose.yaml -f ops/cluster/process-compose.yaml";
    let mut dry = script_line(&format!("process-compose {both} up --dry-run"));
    let output = dry.env("DATA_DIR", scratch().join("data").join("dry")).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("Validated"), "{said}");
}
