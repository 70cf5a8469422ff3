//! A cluster of three RabbitMQ nodes with two databases, for tests that end or freeze nodes.

use std::process::Command;

use crate::accounts::Accounts;
use crate::environment::{command, need, scratch, script};
use crate::http::Http;
use crate::ports;
use crate::process::Signal;
use crate::servers::{Broker, Server, Servers, TOOLS, accepts};
use crate::wait::{seconds, wait_until};

const NODES: u16 = 3;

/// The servers, and the nodes of the broker one by one. Ends with the test.
pub struct Cluster {
    /// The servers, for a stack. Its processes know every node; tests themselves use the last one.
    pub servers: Servers,
    nodes: Vec<Server>,
    /// The management API of each node.
    management: Vec<Http>,
    // After the nodes, because fields are dropped in this order.
    _port_mapper: Server,
}

impl Cluster {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        Self::launch().unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// A node: 1, 2 or 3.
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number - 1]
    }

    /// Waits until any node may be lost: every queue has a majority without it.
    #[track_caller]
    pub fn wait_until_whole(&self) {
        for management in &self.management {
            let is_dispensable = || {
                let check = management.get("/api/health/checks/node-is-quorum-critical").try_send();
                check.is_ok_and(|answer| answer.status == 200)
            };
            wait_until("every queue had a majority without any one node", seconds(60), is_dispensable);
        }
    }

    fn launch() -> Result<Self, String> {
        need(TOOLS)?;
        let accounts = Accounts::begin(scratch().join("data").join("cluster"));
        let first = ports::free_for_cluster();
        // Started here and not by a node, because it must survive each of them.
        let mapper = first + 21_000;
        let port_mapper =
            Server::new("epmd", Box::new(move || epmd(mapper)), Signal::Term, Box::new(move || accepts(mapper)))?;
        port_mapper.wait_until_ready()?;
        let nodes = (0..NODES).map(|node| start_node(first, node)).collect::<Result<Vec<_>, String>>()?;
        let amqp = (first..first + NODES).collect();
        let management = |node| {
            let url = accounts.address(&format!("http://127.0.0.1:{}", first + NODES + node), "guest");
            url.map(Http::new).ok_or("there is no password for guest")
        };
        let management = (0..NODES).map(management).collect::<Result<Vec<_>, _>>()?;
        let broker = Broker::of_cluster(amqp, first + 2 * NODES - 1, &accounts)?;
        let ports = [("PORT_AMQP", first), ("PORT_AMQP_UI", first + NODES)];
        let servers = Servers::around(broker, &ports, "cluster", accounts)?;
        Ok(Self { servers, nodes, management, _port_mapper: port_mapper })
    }
}

fn epmd(port: u16) -> Command {
    let mut epmd = command("epmd");
    epmd.args(["-port", &port.to_string(), "-address", "127.0.0.1", "-relaxed_command_check"]);
    epmd
}

/// Starts a node and waits until it serves: the next one joins it.
fn start_node(first: u16, node: u16) -> Result<Server, String> {
    let data = scratch().join("data").join("cluster");
    let start = Box::new(move || {
        let mut start = script("start-rabbitmq");
        start.env("DATA_DIR", &data).env("BROKER_NODE", (node + 1).to_string());
        for (offset, variable) in (0..).zip(["PORT_AMQP", "PORT_AMQP_UI", "PORT_AMQP_METRICS"]) {
            start.env(variable, (first + offset * NODES).to_string());
        }
        start
    });
    let open = move || accepts(first + node) && accepts(first + NODES + node);
    let server = Server::new(&format!("cluster-broker-{}", node + 1), start, Signal::Term, Box::new(open))?;
    server.wait_until_ready()?;
    Ok(server)
}
