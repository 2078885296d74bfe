//! Waiting with an end. Whoever waits for another process polls it here; nobody sleeps for luck.
#![allow(
    clippy::disallowed_methods,
    reason = "tests wait for other processes; only the engine takes its time as an argument"
)]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a test waits for anything that should come at once.
pub const PATIENCE: Duration = Duration::from_secs(15);

const PAUSE: Duration = Duration::from_millis(3);

/// The point in time at which waiting ends.
#[derive(Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left of the time; `None` when it has passed.
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

/// Asks `probe` again and again until it has something; `None` when `time` is over.
pub fn poll<T>(time: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Deadline::after(time);
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        deadline.left()?;
        thread::sleep(PAUSE);
    }
}

/// Whether `holds` stays true for the whole of `time`: how the absence of an event is observed.
pub fn stays(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    poll(time, || (!holds()).then_some(())).is_none()
}

/// How long `work` took, and what it made.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let made = work();
    (start.elapsed(), made)
}

/// Lets time pass: how a fault, or the pace of a load, lasts. Nobody waits for anything with it.
pub fn last(time: Duration) {
    thread::sleep(time);
}

/// Tells how much time has passed since it was started; copies go on together.
#[derive(Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since then.
    pub fn passed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Seconds since 1970, by the wall clock.
pub fn unix_now() -> i64 {
    unix_millis() / 1000
}

/// Milliseconds since 1970, by the wall clock.
pub fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The value behind a lock, whatever happened to the thread that held it last.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A gate that is shut until somebody opens it; clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through, now and from then on.
    pub fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Waits until the gate is open, at most `time`.
    pub fn pass(&self, time: Duration) {
        let shut = lock(&self.0.0);
        drop(self.0.1.wait_timeout_while(shut, time, |open| !*open));
    }
}
