//! Notifies the service manager of this process's state by systemd's protocol (sd_notify(3)): datagrams to the socket that
//! `NOTIFY_SOCKET` names. Does nothing without it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Once;
use std::time::Duration;

/// Notifies the manager that this process serves. Only the first call counts: losing a server later does not undo it.
pub fn notify_ready() {
    static NOTIFIED: Once = Once::new();
    NOTIFIED.call_once(|| notify("READY=1"));
}

/// Notifies the manager that this process is stopping.
pub(crate) fn stopping() {
    notify("STOPPING=1");
}

/// Sends watchdog pings while the event loop runs; returns at once if the manager has no watchdog.
pub(crate) async fn keep_alive() {
    let text = |name: &str| variable(name)?.into_string().ok();
    let (timeout, pid) = (text("WATCHDOG_USEC"), text("WATCHDOG_PID"));
    let Some(interval) = ping_interval(timeout.as_deref(), pid.as_deref(), std::process::id()) else { return };
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        notify("WATCHDOG=1");
    }
}

/// Half of the watchdog's timeout. `None` if there is no watchdog, or it is for another process.
fn ping_interval(microseconds: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let limit = microseconds?.parse().ok().filter(|limit: &u64| ours && *limit > 1)?;
    Some(Duration::from_micros(limit / 2))
}

fn notify(state: &str) {
    let Some(socket) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(error = %error, what = state, "cannot notify the service manager");
    }
}

/// A variable that the manager sets; it is not one of our settings.
#[expect(clippy::disallowed_methods, reason = "the service manager passes these by the environment alone")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // Do not block if the manager does not read.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_sent_twice_per_timeout_and_only_by_the_watched_process() {
        assert_eq!(ping_interval(Some("3000000"), None, 7), Some(Duration::from_millis(1_500)));
        assert_eq!(ping_interval(Some("3000000"), Some("7"), 7), Some(Duration::from_millis(1_500)));
        for (limit, pid) in [(None, None), (Some("3000000"), Some("8")), (Some("0"), None), (Some("soon"), None)] {
            assert_eq!(ping_interval(limit, pid, 7), None, "{limit:?} {pid:?}");
        }
    }

    #[test]
    fn a_socket_has_a_path_or_an_abstract_name() {
        let name = format!("runtime-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let _ = std::fs::remove_file(&path);
        let abstractly = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [UnixDatagram::bind(&path).unwrap(), UnixDatagram::bind_addr(&abstractly).unwrap()];
        let abstract_name = format!("@{name}");
        for (manager, named) in sockets.iter().zip([path.as_os_str(), OsStr::new(&abstract_name)]) {
            manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            send(named, "READY=1").unwrap();
            let mut received = [0; 64];
            let length = manager.recv(&mut received).unwrap();
            assert_eq!(&received[..length], b"READY=1");
        }
        std::fs::remove_file(path).unwrap();
        assert!(send(OsStr::new("/nowhere/socket"), "READY=1").is_err());
    }
}
