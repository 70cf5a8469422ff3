//! Ends what the tests started, however the test process ends: normally, by Ctrl-C, or by kill -9.
//!
//! A small shell process reads the ids of started processes from a pipe. When the test process is gone the pipe ends, and
//! the reaper ends every process that was not unregistered, then removes the files of the run.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::environment::scratch;
use crate::process::Signal;

/// Lines are `+ SIGNAL PID` and `- PID`. Each process is the leader of its own group.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
alive=''
while read -r what a b; do
  case $what in
    +) alive="$alive $a:$b" ;;
    -) rest=''
       for one in $alive; do if [ "${one#*:}" != "$a" ]; then rest="$rest $one"; fi; done
       alive=$rest ;;
  esac
done
for one in $alive; do
  kill -s CONT -- "-${one#*:}" 2>/dev/null
  kill -s "${one%:*}" -- "-${one#*:}" 2>/dev/null
done
tries=0
for one in $alive; do
  while [ $tries -lt 600 ] && kill -s 0 -- "-${one#*:}" 2>/dev/null; do tries=$((tries + 1)); sleep 0.05; done
  kill -s KILL -- "-${one#*:}" 2>/dev/null
done
rm -rf "$1/data"
if [ ! -e "$1/keep" ]; then rm -rf "$1"; fi
"#;

/// Has a process, and its group, stopped with `polite` when the test process ends, and killed if that does not help.
pub fn watch(pid: u32, polite: Signal) {
    tell(&format!("+ {} {pid}", polite.name())).expect("the janitor listens");
}

/// Unregisters a process that has ended.
pub fn forget(pid: u32) {
    // On the way out of a test, so it does not fail.
    let _ = tell(&format!("- {pid}"));
}

fn tell(line: &str) -> std::io::Result<()> {
    static JANITOR: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let janitor = JANITOR.get_or_init(|| Mutex::new(start()));
    writeln!(janitor.lock().unwrap_or_else(PoisonError::into_inner), "{line}")
}

fn start() -> ChildStdin {
    let mut janitor = Command::new("sh");
    // A group of its own, so that Ctrl-C does not reach it.
    janitor.args(["-c", SCRIPT, "janitor"]).arg(scratch()).stdin(Stdio::piped()).process_group(0);
    #[expect(clippy::zombie_processes, reason = "it outlives us: that is what it is for")]
    let mut janitor = janitor.spawn().unwrap();
    janitor.stdin.take().unwrap()
}
