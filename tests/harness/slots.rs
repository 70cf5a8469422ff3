//! Limits how many stacks run at a time, and lets a test that measures or loads the machine run alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Stacks at a time. Each has at least seven processes.
const PLACES: usize = 3;

#[derive(Default)]
struct Pool {
    taken: usize,
    waiting_for_all: usize,
}

static HOUSE: Mutex<Pool> = Mutex::new(Pool { taken: 0, waiting_for_all: 0 });
static CHANGED: Condvar = Condvar::new();

/// The right to run one stack, until it is dropped.
pub struct Slot(usize);

impl Slot {
    /// Waits for a slot beside other tests.
    pub fn shared() -> Self {
        let full = |house: &mut Pool| house.taken >= PLACES || house.waiting_for_all > 0;
        let mut house = CHANGED.wait_while(lock(), full).unwrap_or_else(PoisonError::into_inner);
        house.taken += 1;
        Self(1)
    }

    /// Waits until no other test runs, and keeps others waiting.
    pub fn alone() -> Self {
        let mut house = lock();
        house.waiting_for_all += 1;
        let mut house = CHANGED.wait_while(house, |house| house.taken > 0).unwrap_or_else(PoisonError::into_inner);
        house.waiting_for_all -= 1;
        house.taken = PLACES;
        Self(PLACES)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock().taken -= self.0;
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Pool> {
    HOUSE.lock().unwrap_or_else(PoisonError::into_inner)
}
