//! Which change of the code is on. `tests/mutants` puts this file into its copy of the crate, as `crate::mutant`.
//!
//! `SCOPEGATE_MUTANT` is the number of the change. Where there is none, `SCOPEGATE_MUTANTS_REACHED` may name a file: each
//! thread then adds which changes it came by and how long it took. The threads of a test have its name.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const UNREAD: u32 = u32::MAX;
const RECORDING: u32 = u32::MAX - 1;
const NONE: u32 = u32::MAX - 2;

static ACTIVE: AtomicU32 = AtomicU32::new(UNREAD);

/// Whether the change with this number is on.
#[inline]
pub fn on(number: u32) -> bool {
    let active = ACTIVE.load(Ordering::Relaxed);
    active == number || (active > NONE && other_than_one(number))
}

#[cold]
fn other_than_one(number: u32) -> bool {
    if ACTIVE.load(Ordering::Relaxed) == RECORDING {
        // A thread that ends has nothing left to write to.
        let _ = PASSED.try_with(|passed| passed.try_borrow_mut().map(|mut passed| passed.came_by(number)));
        return false;
    }
    let wanted = std::env::var("SCOPEGATE_MUTANT").ok().and_then(|number| number.parse().ok());
    let recording = std::env::var_os("SCOPEGATE_MUTANTS_REACHED").is_some();
    let active = wanted.unwrap_or(if recording { RECORDING } else { NONE });
    ACTIVE.store(active, Ordering::Relaxed);
    on(number)
}

thread_local! {
    static PASSED: RefCell<Passed> = RefCell::new(Passed::new());
}

struct Passed {
    /// Those that it came by, by number: this is asked at every turn.
    numbers: Vec<bool>,
    began: Instant,
    /// Of a test; other threads may never end, and write at once.
    name: Option<String>,
}

impl Passed {
    fn new() -> Self {
        let name = std::thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        Self { numbers: Vec::new(), began: Instant::now(), name }
    }

    fn came_by(&mut self, number: u32) {
        let at = number as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, false);
        }
        if !std::mem::replace(&mut self.numbers[at], true) && self.name.is_none() {
            write(format!("*\t0\t{number}\n"));
        }
    }
}

impl Passed {
    /// What it took of a processor where that can be known, so that a busy one makes no difference.
    fn took(&self) -> Duration {
        let known = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanoseconds = known.and_then(|known| known.split(' ').next()?.parse().ok());
        nanoseconds.map_or_else(|| self.began.elapsed(), Duration::from_nanos)
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let passed = self.numbers.iter().enumerate().filter(|(_, passed)| **passed);
            let numbers: Vec<String> = passed.map(|(number, _)| number.to_string()).collect();
            write(format!("{name}\t{}\t{}\n", self.took().as_micros(), numbers.join(" ")));
        }
    }
}

fn write(line: String) {
    let Some(path) = std::env::var_os("SCOPEGATE_MUTANTS_REACHED") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("what was reached cannot be written down");
}
