//! What this process uses of its machine, and what it is: read from `/proc`, so only on Linux.

use std::fs;
use std::time::{Duration, SystemTime};

/// The unit of `/proc/self/stat`: a hundred to a second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is used at this moment; what cannot be read is `None`.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory.
    pub memory_bytes: Option<u64>,
    /// Processor time since the start, in seconds.
    pub cpu_s: Option<f64>,
}

/// Reads it.
pub fn now() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Usage { memory_bytes: resident.map(|kib: u64| kib * 1024), cpu_s: cpu_s(&stat) }
}

/// The program's name stands in brackets and may hold anything; what follows the last one are numbers.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(|field| field.parse::<f64>().ok());
    Some((ticks.next()?? + ticks.next()??) / TICKS_PER_SECOND)
}

/// When this process started, as far as its own clock knows.
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
    fn a_name_with_brackets_and_spaces_hides_no_number() {
        assert_eq!(cpu_s("1 (a) b) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 99"), Some(2.0));
        assert_eq!(cpu_s("nonsense"), None);
    }

    #[test]
    fn this_process_uses_something_and_has_begun() {
        let used = now();
        assert!(used.memory_bytes.is_some_and(|bytes| bytes > 100_000), "{used:?}");
        assert!(used.cpu_s.is_some_and(|seconds| seconds >= 0.0));
        let age = SystemTime::now().duration_since(started_at()).unwrap();
        assert!(age < Duration::from_hours(1), "{age:?}");
        assert_ne!(host(), "unknown");
    }
}
