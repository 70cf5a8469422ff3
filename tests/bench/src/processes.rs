//! What `/proc` tells of processes and of the machine: processor time and memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::results::{Machine, Result, float};

/// Microseconds of a tick: a hundred a second, which the kernel's interface promises.
const TICK_US: f64 = 10_000.0;

/// The processes of a system by their names: each with its copies, by their process ids.
pub(crate) type Processes = BTreeMap<String, Vec<u32>>;

/// Processor time of every process with its children, in microseconds.
pub(crate) fn cpu_us(processes: &Processes) -> BTreeMap<String, f64> {
    let children = children();
    let used = |pid: u32| ticks(pid).map_or(0, |(_, ticks)| ticks);
    let of = |pids: &[u32]| float(tree(pids, &children).into_iter().map(used).sum()) * TICK_US;
    processes.iter().map(|(name, pids)| (name.clone(), of(pids))).collect()
}

/// Processor time of this process.
pub(crate) fn own_cpu_us() -> f64 {
    ticks(std::process::id()).map_or(0.0, |(_, ticks)| float(ticks) * TICK_US)
}

/// Memory of every process with its children, in KiB.
pub(crate) fn memory_kib(processes: &Processes) -> BTreeMap<String, u64> {
    let children = children();
    let of = |pids: &[u32]| tree(pids, &children).into_iter().filter_map(pss_kib).sum();
    processes.iter().map(|(name, pids)| (name.clone(), of(pids))).collect()
}

/// Processor time of the whole machine, and what the hypervisor gave to others, in microseconds.
pub(crate) fn busy_and_stolen_us() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> =
        fields.filter_map(|field| field.parse().ok()).map(|ticks: u64| float(ticks) * TICK_US).collect();
    match ticks[..] {
        // Of ten kinds of time, idle and waiting for a disk are none; a guest's is in the user's.
        [user, nice, system, _, _, interrupts, soft, stolen, ..] => (user + nice + system + interrupts + soft, stolen),
        _ => (0.0, 0.0),
    }
}

pub(crate) fn machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    Machine {
        processor: value(&read("/proc/cpuinfo"), "model name"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mib: memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1_024,
        system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
    }
}

/// What a process was started with.
pub(crate) fn environment(pid: u32) -> Result<BTreeMap<String, String>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).map_err(|error| format!("process {pid}: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The parent of a process, and the ticks that it and its children that ended have used.
fn ticks(pid: u32) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let used = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((fields.get(1)?.parse().ok()?, used))
}

fn pss_kib(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The children of every process.
fn children() -> BTreeMap<u32, Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    for pid in names.filter_map(|name| name.to_str()?.parse::<u32>().ok()) {
        if let Some((parent, _)) = ticks(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// Processes with their descendants.
fn tree(roots: &[u32], children: &BTreeMap<u32, Vec<u32>>) -> BTreeSet<u32> {
    let (mut found, mut left) = (BTreeSet::new(), roots.to_vec());
    while let Some(pid) = left.pop() {
        if found.insert(pid) {
            left.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}
