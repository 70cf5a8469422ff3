//! Tells whoever manages this process how it fares, if he asks to be told: systemd's protocol (sd_notify(3)), datagrams to
//! the socket that `NOTIFY_SOCKET` names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Once;
use std::time::Duration;

/// Tells the manager that this process serves. Only the first time counts: a process that loses a server is still started.
pub fn notify_ready() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| tell("READY=1"));
}

/// Tells the manager that this process stops.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

/// Tells the manager again and again that the event loop runs, for as long as it does; returns where he does not ask.
pub(crate) async fn keep_alive() {
    let of = |name: &str| variable(name)?.into_string().ok();
    let Some(pause) = pause(of("WATCHDOG_USEC").as_deref(), of("WATCHDOG_PID").as_deref(), std::process::id()) else {
        return;
    };
    let mut ticks = tokio::time::interval(pause);
    loop {
        ticks.tick().await;
        tell("WATCHDOG=1");
    }
}

/// Half of the time that the manager gives this process between two signs of life.
fn pause(microseconds: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let limit = microseconds?.parse().ok().filter(|limit: &u64| ours && *limit > 1)?;
    Some(Duration::from_micros(limit / 2))
}

fn tell(what: &str) {
    let Some(socket) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&socket, what) {
        tracing::warn!(error = %error, what, "the process manager could not be told");
    }
}

/// What the manager sets is no setting of ours.
#[expect(clippy::disallowed_methods, reason = "the manager tells of itself by the environment alone")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn send(socket: &OsStr, what: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // A manager that does not read is not waited for.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(what.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_comes_twice_as_often_as_asked_and_only_from_who_is_asked() {
        assert_eq!(pause(Some("3000000"), None, 7), Some(Duration::from_millis(1_500)));
        assert_eq!(pause(Some("3000000"), Some("7"), 7), Some(Duration::from_millis(1_500)));
        for (limit, pid) in [(None, None), (Some("3000000"), Some("8")), (Some("0"), None), (Some("soon"), None)] {
            assert_eq!(pause(limit, pid, 7), None, "{limit:?} {pid:?}");
        }
    }

    #[test]
    fn a_socket_is_named_by_its_path_or_abstractly() {
        let name = format!("runtime-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let _ = std::fs::remove_file(&path);
        let abstractly = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [UnixDatagram::bind(&path).unwrap(), UnixDatagram::bind_addr(&abstractly).unwrap()];
        let abstract_name = format!("@{name}");
        for (manager, named) in sockets.iter().zip([path.as_os_str(), OsStr::new(&abstract_name)]) {
            manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            send(named, "READY=1").unwrap();
            let mut heard = [0; 64];
            let length = manager.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1");
        }
        std::fs::remove_file(path).unwrap();
        assert!(send(OsStr::new("/nowhere/socket"), "READY=1").is_err());
    }
}
