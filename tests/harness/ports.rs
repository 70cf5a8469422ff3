//! Finds free TCP ports, below the range from which the system takes ports for outgoing connections.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A broker needs two more ports, which follow from its first one: this far above it.
const BESIDE_A_BROKER: [u16; 2] = [20_000, 21_000];

/// A port for anything but a broker.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    search(&NEXT, 12_000, 17_000, &[])
}

/// A port for a broker's AMQP listener.
pub fn free_for_broker() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    search(&NEXT, 10_000, 1_000, &BESIDE_A_BROKER)
}

/// The first of nine ports in a row for a cluster of three nodes: three for AMQP, three for the management API, three for
/// metrics.
pub fn free_for_cluster() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    search(&NEXT, 11_000, 900, &[1, 2, 3, 4, 5, 6, 7, 8, 20_000, 20_001, 20_002, 21_000])
}

fn search(next: &AtomicU16, first: u16, count: u16, offsets: &[u16]) -> u16 {
    // Two runs at once begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(count)).unwrap();
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for _ in 0..count {
        let port = first + (start + next.fetch_add(1, Ordering::Relaxed) % count) % count;
        if free(port) && offsets.iter().all(|offset| free(port + offset)) {
            return port;
        }
    }
    panic!("no free port from {first} on");
}
