//! Memory, processor time, start time and host of this process, read from `/proc`: Linux only.

use std::fs;
use std::time::{Duration, SystemTime};

/// The unit of `/proc/self/stat`: 100 per second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The current resource usage; `None` if it cannot be read.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory.
    pub memory_bytes: Option<u64>,
    /// Processor time since the start, in seconds.
    pub cpu_s: Option<f64>,
}

/// Reads the current usage.
pub fn now() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Usage { memory_bytes: resident.map(|kib: u64| kib * 1024), cpu_s: cpu_s(&stat) }
}

/// The program's name, in brackets, may contain anything; the fields after the last bracket are numbers.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(|field| field.parse::<f64>().ok());
    Some((ticks.next()?? + ticks.next()??) / TICKS_PER_SECOND)
}

/// When this process started, by the system clock.
pub fn started_at() -> SystemTime {
    let now = SystemTime::now();
    let read = |path| fs::read_to_string(path).ok();
    let age = || -> Option<Duration> {
        let stat = read("/proc/self/stat")?;
        let began: f64 = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
        let up: f64 = read("/proc/uptime")?.split(' ').next()?.parse().ok()?;
        Duration::try_from_secs_f64(up - began / TICKS_PER_SECOND).ok()
    };
    age().and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// The name of this machine.
pub fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "unknown".into() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_brackets_and_spaces() {
        assert_eq!(cpu_s("1 (a) b) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 99"), Some(2.0));
        assert_eq!(cpu_s("nonsense"), None);
    }

    #[test]
    fn the_usage_of_this_process_can_be_read() {
        let used = now();
        assert!(used.memory_bytes.is_some_and(|bytes| bytes > 100_000), "{used:?}");
        assert!(used.cpu_s.is_some_and(|seconds| seconds >= 0.0));
        let age = SystemTime::now().duration_since(started_at()).unwrap();
        assert!(age < Duration::from_hours(1), "{age:?}");
        assert_ne!(host(), "unknown");
    }
}
