//! A process notifies its service manager when it serves, that it is alive, and when it stops.

use std::os::unix::net::UnixDatagram;

use system_tests::Stack;
use system_tests::environment::scratch;
use system_tests::wait::seconds;

/// The next notification that the manager receives.
fn next(manager: &UnixDatagram) -> String {
    let mut heard = [0; 256];
    let length = manager.recv(&mut heard).expect("nothing came");
    String::from_utf8(heard[..length].to_vec()).unwrap()
}

#[test]
fn a_program_of_each_kind_notifies_its_service_manager() {
    let stack = Stack::plan().with_events().start();
    for name in ["gateway", "orders-create", "orders-relay", "orders-on-user-registered"] {
        let path = scratch().join(format!("notify-{name}"));
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(seconds(20))).unwrap();
        let process = stack.launch_with(name, |command| {
            command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
            command.env("GATEWAY_LISTEN", "127.0.0.1:0").env("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0");
        });
        let hear = |word: &str| {
            let mut heard = 0;
            while next(&manager) != word {
                heard += 1;
                assert!(heard < 200, "{name} never said {word}");
            }
        };
        hear("READY=1");
        hear("WATCHDOG=1");
        hear("WATCHDOG=1");
        process.signal(system_tests::Signal::Term);
        hear("STOPPING=1");
        assert!(process.wait(seconds(10)).success(), "{name}");
    }
}
