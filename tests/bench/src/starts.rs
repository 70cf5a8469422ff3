//! How long a process takes from its start to the first request that it has served.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::http::{Connection, request};
use crate::people::People;
use crate::processes::environment;
use crate::results::{Result, Start};
use crate::stack::{Stack, free_port};

/// The worker that is started, and the request that it serves.
pub(crate) const WORKER: &str = "orders-get";
const PATIENCE: Duration = Duration::from_secs(20);
/// Between attempts to connect to a door that is not open yet.
const PAUSE: Duration = Duration::from_millis(1);

/// Starts a gateway, then a worker, so many times each.
pub(crate) async fn measure(stack: &Stack, people: &People, times: u32) -> Result<Vec<Start>> {
    let mut starts = vec![gateway(stack, people, times).await?];
    let copies = stack.copies(WORKER).await?;
    match &copies[..] {
        [only] => starts.push(worker(stack, people, times, only).await?),
        // Another copy would serve the request.
        _ => eprintln!("bench: {} copies of {WORKER} run; its start is measured when one does", copies.len()),
    }
    Ok(starts)
}

/// A second gateway, beside the one that runs.
async fn gateway(stack: &Stack, people: &People, times: u32) -> Result<Start> {
    let mut variables = running(stack, "gateway").await?;
    let mut ms = Vec::new();
    for _ in 0..times {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        variables.insert("GATEWAY_LISTEN".into(), address.to_string());
        variables.insert("GATEWAY_ADMIN_LISTEN".into(), format!("127.0.0.1:{}", free_port()?));
        ms.push(served(&stack.binaries().join("gateway"), &variables, address, people).await?);
    }
    Ok(Start { process: "gateway".into(), ms })
}

/// The worker, in the place of the one that runs.
async fn worker(stack: &Stack, people: &People, times: u32, name: &str) -> Result<Start> {
    let variables = running(stack, WORKER).await?;
    stack.process_compose(&format!("process stop {name}")).await?;
    while stack.processes().await?.contains_key(WORKER) {
        sleep(PAUSE).await;
    }
    let mut ms = Vec::new();
    let mut trouble = None;
    for _ in 0..times {
        match served(&stack.binaries().join(WORKER), &variables, people.address, people).await {
            Ok(took) => ms.push(took),
            Err(error) => trouble = Some(error),
        }
    }
    stack.process_compose(&format!("process start {name}")).await?;
    trouble.map_or(Ok(Start { process: WORKER.into(), ms }), Err)
}

/// The environment of a process that runs.
async fn running(stack: &Stack, name: &str) -> Result<BTreeMap<String, String>> {
    let processes = stack.processes().await?;
    let pid = processes.get(name).and_then(|pids| pids.first()).ok_or_else(|| format!("no {name} runs"))?;
    environment(*pid)
}

/// Starts a program, and measures until an order is read through this gateway.
async fn served(
    program: &Path,
    variables: &BTreeMap<String, String>,
    gateway: SocketAddr,
    people: &People,
) -> Result<f64> {
    let path = people.orders.first().map(|id| format!("/orders/{id}")).unwrap_or_default();
    let request = request(gateway, "GET", &path, Some(&people.reader.token), None);
    let mut command = Command::new(program);
    command.env_clear().envs(variables).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let answered = timeout(PATIENCE, answer(gateway, &request)).await;
    let took = begun.elapsed();
    end(&mut child).await;
    answered.map_err(|_| format!("{} served nothing within 20 s", program.display()))?;
    Ok(took.as_secs_f64() * 1e3)
}

/// Asks until there is a good answer.
async fn answer(gateway: SocketAddr, request: &str) {
    loop {
        if let Ok(mut connection) = Connection::open(gateway).await
            && let Ok(answer) = connection.exchange(request.as_bytes()).await
            && answer.status == 200
        {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Ends a process in order, so that what it has goes back at once.
async fn end(child: &mut Child) {
    if let Some(pid) = child.id() {
        let _ = Command::new("kill").arg(pid.to_string()).status().await;
    }
    if timeout(PATIENCE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}
