//! `bulkhead run`, and what it came to.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::common::{Finished, WATCHDOG, bulkhead, eventually, finish, write_module};
use super::running::{alone, status_kb};

/// `bulkhead run ARGS`, to its end.
pub(crate) fn run(args: &[impl AsRef<OsStr>]) -> Finished {
    let _core = alone();
    let mut command = bulkhead();
    command.arg("run").args(args);
    let finished = finish(command);
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
    finished
}

/// A run that goes on behind the test's back, with its output in files. Dropping it, as a failing test does, kills it.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    folder: tempfile::TempDir,
    _core: MutexGuard<'static, ()>,
}

impl Background {
    /// Starts `bulkhead run ARGS`.
    pub(crate) fn start(args: &[impl AsRef<OsStr>]) -> Background {
        Background::start_into(args, None, None)
    }

    /// Starts `bulkhead run ARGS` with these for standard output and error; `None` for a file.
    pub(crate) fn start_into(args: &[impl AsRef<OsStr>], stdout: Option<Stdio>, stderr: Option<Stdio>) -> Background {
        let core = alone();
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| Stdio::from(std::fs::File::create(folder.path().join(name)).expect("a file"));
        let (out, err) = (file("stdout"), file("stderr"));
        let mut command = bulkhead();
        command.arg("run").args(args);
        command.stdin(Stdio::piped()).stdout(stdout.unwrap_or(out)).stderr(stderr.unwrap_or(err));
        Background { child: command.spawn().expect("it starts"), folder, _core: core }
    }

    /// The supervisor's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn output(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join(name)).expect("its output")).into_owned()
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        self.output("stdout")
    }

    /// What it has said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.output("stderr")
    }

    /// Waits until it has printed `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        self.until(&format!("{text:?} is printed"), || self.stdout().contains(text));
    }

    /// Waits until something has come about. Panics, with what the run has said, if the run ends before or it never does.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        loop {
            // In this order: what it does last, it has done when it is gone.
            let is_over = !exists(self.pid());
            if is_so() {
                return;
            }
            if is_over || begun.elapsed() > WATCHDOG {
                let when = if is_over { "before the run's end" } else { "in good time" };
                panic!("{what}: not {when}\n{}\n{}", self.stdout(), self.stderr());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it as Ctrl-C would.
    pub(crate) fn interrupt(self) -> Finished {
        self.signal(Signal::SIGINT);
        self.finish()
    }

    /// The writing end of its standard input.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("the supervisor is there");
    }

    /// The most memory that it ever had, in KiB. Returns when it has ended, but leaves it to be waited for.
    pub(crate) fn watch_memory(&self) -> u64 {
        let mut peak = 0;
        eventually("the run ends", || {
            // A zombie has no memory.
            let Some(now) = status_kb(self.pid(), "VmHWM") else { return Some(()) };
            peak = now;
            None
        });
        peak
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        let status = eventually("the run ends", || self.child.try_wait().expect("it can be waited for"));
        let finished = Finished { status, stdout: self.output("stdout"), stderr: self.output("stderr") };
        assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
        finished
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process is there, zombies left out.
pub(crate) fn exists(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(!stat.rsplit_once(')')?.1.starts_with(" Z")))
        .unwrap_or(false)
}

/// The signal that ended a run, if one did.
pub(crate) fn ended_by(run: &Finished) -> Option<i32> {
    run.status.signal()
}

/// Runs the module that `text` configures, with more arguments behind it.
pub(crate) fn run_module(text: &str, more: &[&str]) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let module = write_module(folder.path(), text);
    let mut args = vec![module.as_os_str()];
    args.extend(more.iter().map(OsStr::new));
    run(&args)
}

/// Runs the module that `text` configures until something has come about, however long the host may take for it, and then ends it.
/// The closure is given what the run has said so far on standard output and on standard error.
pub(crate) fn run_until(text: &str, more: &[&str], what: &str, is_so: impl Fn(&str, &str) -> bool) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let module = write_module(folder.path(), text);
    let mut args = vec![module.as_os_str()];
    args.extend(more.iter().map(OsStr::new));
    let run = Background::start(&args);
    run.until(what, || is_so(&run.stdout(), &run.stderr()));
    run.interrupt()
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().and_then(|list| list.iter().find(|partition| partition["name"] == name));
    found.unwrap_or_else(|| panic!("no partition {name} in {list:#}"))
}

/// What a partition came to, in the JSON of a run.
pub(crate) fn outcome<'a>(run: &'a Value, name: &str) -> &'a Value {
    named(&run["partitions"], name)
}

/// A partition's figures, in the JSON of a run.
pub(crate) fn figures<'a>(run: &'a Value, name: &str) -> &'a Value {
    named(&run["summary"]["partitions"], name)
}

/// A number in the JSON of a run.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// All windows that a partition was to have: those in which it ran, and all others.
pub(crate) fn accounted(run: &Value, name: &str, windows_a_frame: u64) -> u64 {
    let figures = figures(run, name);
    let of_partition = ["windows", "vacant_windows", "skipped_windows"].iter().map(|what| number(&figures[what]));
    of_partition.sum::<u64>() + skipped_frames(run) * windows_a_frame
}

fn skipped_frames(run: &Value) -> u64 {
    let cores = run["summary"]["cores"].as_array().expect("cores");
    cores.iter().map(|core| number(&core["skipped_frames"])).sum()
}

/// On a host that is busy with something else the dispatcher may miss windows. That is no mistake as long as it says so.
/// None is ever missing; frames that are skipped at the very end may count beyond it.
pub(crate) fn accounts_for(run: &Value, name: &str, windows_a_frame: u64, frames: u64) {
    let expected = frames * windows_a_frame;
    let most = expected + skipped_frames(run) * windows_a_frame;
    let accounted = accounted(run, name, windows_a_frame);
    assert!((expected..=most).contains(&accounted), "{name}: {accounted} of {expected} windows: {run:#}");
}

/// Whether the dispatchers were real-time threads: others keep no window for sure while the host is busy.
pub(crate) fn is_real_time(run: &Value) -> bool {
    run["summary"]["host"]["dispatcher"] == "fifo"
}

/// The lines of a partition in what a run printed, without the name before them.
pub(crate) fn lines_of<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let prefix = format!("[{name}]");
    text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(|line| line.trim_start_matches(' ')).collect()
}
