//! What supervisors leave behind.
//!
//! It is found in a way that needs no trust in them: this process declares itself the one that orphans fall to
//! (PR_SET_CHILD_SUBREAPER), so that every process whose supervisor is gone becomes its child.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::common::{children, status_field};
use super::running::is_guest;

/// How long a process may outlive its supervisor.
const GRACE: Duration = Duration::from_millis(200);

/// From now on orphans fall to this process.
pub(crate) fn adopt_orphans() {
    nix::sys::prctl::set_child_subreaper(true).expect("this process adopts orphans");
}

/// The living processes that fell to this one. Only to be called while no supervisor runs.
pub(crate) fn orphans() -> Vec<u32> {
    let found = children(std::process::id());
    // Collects those that have ended, so that they are not taken for children of the next run.
    while let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {}
    found
}

/// How long one may take to die that has been killed: it needs a processor for that, and runs nothing of its own any more.
const DYING: Duration = Duration::from_secs(20);

/// Whether SIGKILL is on its way to a process.
fn is_doomed(pid: u32) -> bool {
    ["SigPnd", "ShdPnd"].into_iter().any(|name| {
        let pending = status_field(pid, name).and_then(|mask| u64::from_str_radix(&mask, 16).ok());
        pending.is_some_and(|mask| mask & 1 << (Signal::SIGKILL as i32 - 1) != 0)
    })
}

/// Panics if a process is still there, and not dying either, 200 ms after `begun`.
pub(crate) fn expect_no_orphans(begun: Instant, when: &str) {
    let mut doomed = Vec::new();
    loop {
        let found = orphans();
        if found.is_empty() {
            return;
        }
        doomed.extend(found.iter().filter(|&&pid| is_doomed(pid)));
        let all_are_doomed = found.iter().all(|pid| doomed.contains(pid));
        if begun.elapsed() > if all_are_doomed { DYING } else { GRACE } {
            let field = |pid, name| status_field(pid, name).unwrap_or_default();
            let describe = |&pid: &u32| {
                let words = ["Name", "State", "SigPnd", "ShdPnd"].map(|name| format!("{name} {}", field(pid, name)));
                format!("{} {pid}: {}", if is_guest(pid) { "guest" } else { "process" }, words.join(", "))
            };
            let found_words: Vec<String> = found.iter().map(describe).collect();
            for &pid in &found {
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
            panic!("{when}: left behind: {found_words:#?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
