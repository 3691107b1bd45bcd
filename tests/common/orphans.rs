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

/// How long a process may outlive its supervisor: it needs a processor to see that it is to end, and to die. None that is to be found
/// here ends by itself.
const GRACE: Duration = Duration::from_secs(60);

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

/// Panics if a process is still there, and stays.
pub(crate) fn expect_no_orphans(begun: Instant, when: &str) {
    loop {
        let found = orphans();
        if found.is_empty() {
            return;
        }
        if begun.elapsed() > GRACE {
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
