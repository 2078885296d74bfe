//! The tests, and which of them come by which change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::compile::{Program, Workshop};
use crate::site::Number;

/// The ring of tests that need nothing but the crate.
const RING: &str = "native";

/// What the names of those of its tests begin with that write to files of one name, and so run once at a time.
const ALONE: [&str; 2] = ["tool::", "quiet::"];

/// How many kilobytes a program may take, which went astray.
const MEMORY: u64 = 6 * 1024 * 1024;

/// What takes longer is slow.
const SLOW: Duration = Duration::from_millis(500);

/// How long the tests may take that are asked first.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Where notes end that are whole.
const END: &str = "\t.\n";

/// Tests of one program.
struct Tests {
    name: String,
    /// The program and what comes before the names of tests.
    command: Vec<PathBuf>,
    reached: BTreeMap<Number, BTreeSet<usize>>,
    /// Came by from a thread that is no test.
    by_any: BTreeSet<Number>,
    /// Each with how long it takes.
    tests: Vec<(String, Duration)>,
    took: Duration,
    alone: Mutex<()>,
}

/// All tests.
pub(crate) struct Suite {
    root: PathBuf,
    all: Vec<Tests>,
}

/// Which tests are asked. Few are slow, and most changes are noticed by the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    Quick,
    Slow,
}

/// What became of a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// By a program of this name.
    Noticed(String),
    Unreached,
    Survived,
}

impl Suite {
    /// Runs everything once as it is, and writes down what is reached.
    pub(crate) fn record(workshop: &Workshop) -> Result<Self, String> {
        let programs = workshop.programs(RING)?;
        let root = workshop.root().to_path_buf();
        let mut all: Vec<Tests> = programs.into_iter().map(Tests::new).collect();
        for tests in &mut all {
            tests.record(&root, &workshop.target)?;
            println!(
                "{}: {} tests that come by a change, {:.1} s",
                tests.name,
                tests.tests.len(),
                tests.took.as_secs_f32()
            );
        }
        Ok(Self { root, all })
    }

    /// Tries a change: whoever reaches it runs, the quickest first.
    pub(crate) fn try_out(&self, number: Number, pace: Pace) -> Result<Fate, String> {
        let mut runs: Vec<(Duration, &Tests, Vec<&str>)> =
            self.all.iter().flat_map(|tests| tests.runs(number, pace)).collect();
        runs.sort_by_key(|(time, ..)| *time);
        if runs.is_empty() {
            return Ok(Fate::Unreached);
        }
        for (time, tests, names) in runs {
            if !tests.pass(&self.root, number, &names, time)? {
                return Ok(Fate::Noticed(tests.name.clone()));
            }
        }
        Ok(Fate::Survived)
    }
}

impl Tests {
    fn new(program: Program) -> Self {
        Self {
            name: program.name,
            command: vec![program.path, "--test-threads".into(), "2".into(), "--exact".into()],
            reached: BTreeMap::new(),
            by_any: BTreeSet::new(),
            tests: Vec::new(),
            took: Duration::ZERO,
            alone: Mutex::new(()),
        }
    }

    /// Runs them all, and notes who comes by what; or reads that from the notes, where the program is still the same.
    fn record(&mut self, root: &Path, target: &Path) -> Result<(), String> {
        let notes = target.join(format!("reached-{}", self.name));
        let changed = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
        let program = self.command.first().and_then(|program| changed(program));
        if changed(&notes) <= program || !fs::read_to_string(&notes).is_ok_and(|notes| notes.ends_with(END)) {
            let _ = fs::remove_file(&notes);
            let began = Instant::now();
            let mut command = limited(&self.command, 3600);
            let command =
                command.current_dir(root).env("SCOPEGATE_MUTANTS_REACHED", &notes).stdin(Stdio::null());
            let output = command.output().map_err(|error| format!("{}: {error}", self.name))?;
            if !output.status.success() {
                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8(said).unwrap_or_default();
                return Err(format!("{} fails already before anything is changed: {said}", self.name));
            }
            let end = format!("*\t{}{END}", began.elapsed().as_micros());
            let file = fs::OpenOptions::new().create(true).append(true).open(&notes);
            file.and_then(|mut file| file.write_all(end.as_bytes()))
                .map_err(|error| format!("notes: {error}"))?;
        }
        self.read(&fs::read_to_string(&notes).map_err(|error| format!("notes: {error}"))?)
    }

    fn read(&mut self, notes: &str) -> Result<(), String> {
        let mut known = BTreeMap::new();
        for line in notes.lines() {
            let mut parts = line.split('\t');
            let (Some(name), Some(time), Some(numbers)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(format!("{}: what was reached cannot be read: {line}", self.name));
            };
            let numbers = numbers.split(' ').filter_map(|number| number.parse().ok());
            let time = Duration::from_micros(time.parse().unwrap_or_default());
            if name == "*" {
                self.by_any.extend(numbers);
                self.took = time;
                continue;
            }
            let next = known.len();
            let at = *known.entry(name.to_owned()).or_insert(next);
            if at == next {
                self.tests.push((name.to_owned(), time));
            }
            for number in numbers {
                self.reached.entry(number).or_default().insert(at);
            }
        }
        Ok(())
    }

    /// The runs that a change needs: with the time that they take, and the names of tests, or none for all.
    fn runs(&self, number: Number, pace: Pace) -> Vec<(Duration, &Self, Vec<&str>)> {
        if self.by_any.contains(&number) {
            return if pace == Pace::Quick { vec![(self.took, self, Vec::new())] } else { Vec::new() };
        }
        let tests = self.reached.get(&number).into_iter().flatten().filter_map(|at| self.tests.get(*at));
        let mut tests: Vec<_> = tests.filter(|(_, time)| (*time > SLOW) == (pace == Pace::Slow)).collect();
        tests.sort_by_key(|(_, time)| *time);
        // The quickest run first, and by themselves.
        let mut sum = Duration::ZERO;
        let at_once = tests.iter().take_while(|(_, time)| {
            sum += *time;
            sum < AT_ONCE
        });
        let (first, rest) = tests.split_at(at_once.count());
        let run = |part: &[&(String, Duration)]| part.iter().map(|(_, time)| *time).sum::<Duration>();
        [first, rest]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| (run(part), self, part.iter().map(|(name, _)| name.as_str()).collect()))
            .collect()
    }

    /// Whether tests pass with this change on.
    fn pass(&self, root: &Path, number: Number, names: &[&str], time: Duration) -> Result<bool, String> {
        let is_alone = |name: &&str| ALONE.iter().any(|alone| name.starts_with(alone));
        let writes = self.name == RING && (names.is_empty() || names.iter().any(is_alone));
        let _alone = writes.then(|| self.alone.lock());
        // Whatever turns in circles comes to the end of its time: that of the processor, so that a busy one does no harm.
        let mut command = limited(&self.command, 10 + 10 * time.as_secs());
        command
            .args(names)
            .current_dir(root)
            .env("SCOPEGATE_MUTANT", number.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", self.name))?;
        let passed = watch(&mut child, Duration::from_secs(90) + time * 12);
        if !passed {
            // With all that it started.
            let _ = Command::new("kill")
                .args(["-KILL", "--", &format!("-{}", child.id())])
                .stderr(Stdio::null())
                .status();
        }
        let status = child.wait().map_err(|error| format!("{}: {error}", self.name))?;
        Ok(passed && status.success())
    }
}

/// Whether a program says of no test that it failed, and ends in time.
fn watch(child: &mut Child, patience: Duration) -> bool {
    let Some(output) = child.stdout.take() else { return false };
    let (send, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let until = Instant::now() + patience;
    loop {
        match said.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) if line.ends_with(b"... FAILED") => return false,
            Ok(_) => (),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return true,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => return false,
        }
    }
}

/// A command that may take so many seconds of a processor, and not all memory.
fn limited(command: &[PathBuf], seconds: u64) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("ulimit -t {seconds} && ulimit -v {MEMORY} && exec \"$@\""))
        .arg("sh")
        .args(command);
    shell
}
