//! A supervisor that runs in the background, and what /proc tells about its guests.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::common::{Finished, children, eventually, status_field, wait};

/// Held by a test while it runs a module: two modules at once would compete for the same core, and tests that look for
/// leftovers would find each other's processes.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static ALONE_ON_THIS_MACHINE: OnceLock<Option<Flock<fs::File>>> = OnceLock::new();
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    ALONE_ON_THIS_MACHINE.get_or_init(lock_machine);
    guard
}

/// Keeps the modules of other test processes away until this one ends; where that is not possible, they may disturb.
fn lock_machine() -> Option<Flock<fs::File>> {
    let path = std::env::temp_dir().join("bulkhead-tests.lock");
    let created = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    // Another user's file in a folder that all share can only be read.
    let file = created.or_else(|_| fs::File::open(&path)).ok()?;
    Flock::lock(file, FlockArg::LockExclusive).ok()
}

/// A supervisor in the background. Dropping it, as a failing test does, kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Option<Child>,
    stdout: fs::File,
    stderr: fs::File,
}

impl Running {
    /// Starts `command`. Its output goes to files, so that it never waits for somebody to read it.
    pub(crate) fn start(mut command: Command) -> Running {
        let [stdout, stderr] = [(); 2].map(|()| tempfile::tempfile().expect("a file"));
        let sink = |file: &fs::File| Stdio::from(file.try_clone().expect("a descriptor"));
        let child = command.stdout(sink(&stdout)).stderr(sink(&stderr)).spawn().expect("it starts");
        Running { child: Some(child), stdout, stderr }
    }

    /// The supervisor's pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it has not been waited for").id()
    }

    /// Waits until `count` guests are complete, and returns their pids in the order of the partitions.
    pub(crate) fn guests(&self, count: usize) -> Vec<u32> {
        let mut guests = eventually("all guests are complete", || {
            self.expect_alive();
            let found: Vec<u32> = guests(self.pid()).into_iter().filter(is_complete).collect();
            (found.len() == count).then_some(found)
        });
        guests.sort_by_key(|&guest| word(guest, PARTITION_ID));
        guests
    }

    /// Waits until the guest of this partition is complete, and returns its pid.
    pub(crate) fn guest(&self, partition: u32) -> u32 {
        let found = |guest: &u32| is_complete(guest) && word(*guest, PARTITION_ID) == Some(partition);
        eventually("the guest is complete", || {
            self.expect_alive();
            guests(self.pid()).into_iter().find(found)
        })
    }

    /// Panics, with what it has said, if the supervisor has ended.
    fn expect_alive(&self) {
        if status_field(self.pid(), "State").is_none_or(|state| state.starts_with('Z')) {
            panic!("the supervisor has ended: {}", content(&self.stderr));
        }
    }

    /// Sends a signal to the supervisor.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("the supervisor can be signalled");
    }

    /// Waits for the supervisor to end by itself.
    pub(crate) fn finish(mut self) -> Finished {
        let Finished { status, .. } = wait(self.child.take().expect("it has not been waited for"));
        Finished { status, stdout: content(&self.stdout), stderr: content(&self.stderr) }
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        content(&self.stdout)
    }

    /// What it has said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        content(&self.stderr)
    }

    /// Ends the supervisor as Ctrl-C would.
    pub(crate) fn interrupt(self) -> Finished {
        self.signal(Signal::SIGINT);
        self.finish()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the file holds so far. Its position, which the writer shares, stays where it is.
fn content(file: &fs::File) -> String {
    let mut bytes = vec![0; file.metadata().expect("the output's size").len() as usize];
    file.read_exact_at(&mut bytes, 0).expect("the output can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a process executes a guest's image: every guest runs from an anonymous copy in memory.
pub(crate) fn is_guest(pid: u32) -> bool {
    let exe = fs::read_link(format!("/proc/{pid}/exe"));
    exe.is_ok_and(|exe| exe.to_string_lossy().starts_with("/memfd:bulkhead-image"))
}

/// Whether nothing more is to be done to the guest's process: its first window has begun.
pub(crate) fn is_complete(guest: &u32) -> bool {
    windows(*guest) > Some(0)
}

/// How many windows of this guest have begun.
pub(crate) fn windows(guest: u32) -> Option<u32> {
    word(guest, WINDOWS)
}

/// The pids of the guests among a process's children.
pub(crate) fn guests(parent: u32) -> Vec<u32> {
    children(parent).into_iter().filter(|&pid| is_guest(pid)).collect()
}

/// A field of /proc/PID/stat by its number in proc(5), from 3 on.
pub(crate) fn stat_field(pid: u32, number: usize) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(number - 3)?.parse().ok()
}

/// A size in kB of /proc/PID/status.
pub(crate) fn status_kb(pid: u32, field: &str) -> Option<u64> {
    status_field(pid, field)?.strip_suffix(" kB")?.trim().parse().ok()
}

/// Addresses in every guest of two words of the boot information, and of the count of windows; see the guest interface.
const PARTITION_ID: u64 = 0x1000_0000_0000 + 16;
const GENERATION: u64 = 0x1000_0000_0000 + 20;
const WINDOWS: u64 = 0x1000_1000_0000;

fn word(guest: u32, address: u64) -> Option<u32> {
    let mut word = [0; 4];
    let memory = fs::File::open(format!("/proc/{guest}/mem")).ok()?;
    memory.read_exact_at(&mut word, address).ok()?;
    Some(u32::from_le_bytes(word))
}

/// How often the partition of this guest has been started, from the guest's boot information.
pub(crate) fn generation(guest: u32) -> Option<u32> {
    word(guest, GENERATION)
}
