//! A partition whose first instruction waits for a debugger.
//!
//! The process exists already, stopped and fenced in; no window has begun, and virtual time stands still. Who traces a process stands
//! in its /proc/PID/status, so that any debugger will do.

use std::time::Duration;

use super::Supervisor;
use crate::config::PartitionId;
use crate::shell::command_line;

/// How often it is looked whether a debugger has come.
const LOOK: Duration = Duration::from_millis(20);
/// What gdb is to do about the signals of a guest: virtual interrupts pass in silence. The ends of windows cannot be kept under a
/// debugger, who would stop at them instead.
const HANDLE: [&str; 2] = ["handle SIGALRM SIGURG nostop noprint pass", "handle SIGSTOP SIGCONT nostop noprint nopass"];

impl Supervisor<'_> {
    /// Says how to attach to the partition that is to be debugged, if any, and waits until somebody has done so. Ends early if
    /// the process or the run is to end.
    pub(super) fn await_debugger(&mut self) {
        let Some(id) = self.options.debug else { return };
        // Whoever does not start by itself has none.
        let Some(pid) = self.residents[id.index()].process.as_ref().map(|process| process.pid.as_raw()) else { return };
        let name = self.name(id);
        self.say(&format!("partition \"{name}\" is process {pid}, and begins when a debugger has attached to it:"));
        self.say(&self.command(id, pid));
        while !self.interrupted {
            match tracer(pid) {
                // The process is gone, which its death will tell.
                None => return,
                Some(0) => std::thread::sleep(LOOK),
                Some(debugger) => {
                    self.say(&format!("process {debugger} has attached to partition \"{name}\""));
                    return;
                }
            }
            self.read_signals();
            if self.attend_desk().is_some() {
                self.interrupted = true;
            }
        }
    }

    fn command(&self, id: PartitionId, pid: i32) -> String {
        let (pid, image) = (pid.to_string(), self.module.partition(id).image.display().to_string());
        let handle = HANDLE.into_iter().flat_map(|words| ["-ex", words]);
        let words = ["gdb", "-p", &pid].into_iter().chain(handle).chain([image.as_str()]);
        format!("    {}", command_line(words))
    }
}

/// The process that traces this one, or 0; `None` if it is gone.
fn tracer(pid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    tracer_in(&status)
}

fn tracer_in(status: &str) -> Option<i32> {
    if status.lines().any(|line| line.starts_with("State:\tZ")) {
        return None;
    }
    status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tracer_of_a_process_is_found_in_its_status() {
        let status = |state, tracer| format!("Name:\tguest\nState:\t{state}\nPid:\t7\nTracerPid:\t{tracer}\nUid:\t0\n");
        assert_eq!(tracer_in(&status("T (stopped)", 0)), Some(0));
        assert_eq!(tracer_in(&status("t (tracing stop)", 1234)), Some(1234));
        assert_eq!((tracer_in(&status("Z (zombie)", 0)), tracer_in("")), (None, None));
        assert_eq!(tracer(std::process::id() as i32), Some(0));
    }
}
