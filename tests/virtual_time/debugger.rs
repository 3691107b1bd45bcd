//! `bulkhead run --debug`: a partition that begins when a debugger has attached. The debugger is this process.

use std::process::Command;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::common::{bulkhead, eventually, example, finish, root, skip, status_field};
use super::running::Running;
use super::{digest, guest};

/// A run of the race, which ends with status 1 by this seed.
fn race() -> Command {
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--seed", "74"]).arg(example("race"));
    command
}

/// Two seconds of the flight.
fn flight() -> Command {
    guest("idle");
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--until", "2s"]).arg(root().join("examples/flight/patrol.toml"));
    command
}

fn state(pid: Pid) -> String {
    status_field(pid.as_raw() as u32, "State").unwrap_or_default()
}

/// Starts a command that waits for a debugger; the result is the process to attach to, which has not executed one instruction.
fn start(mut command: Command, debug: &str) -> (Running, Pid) {
    let run = Running::start({
        command.arg(debug);
        command
    });
    let pid = eventually("the process to attach to", || {
        let stderr = run.stderr();
        let (_, rest) = stderr.split_once(" is process ")?;
        rest.split_once(',')?.0.parse().ok()
    });
    let pid = Pid::from_raw(pid);
    assert_eq!(state(pid), "T (stopped)");
    (run, pid)
}

/// Attaches to a process and waits until it has stopped for that; false if the host does not allow it.
fn attach(pid: Pid) -> bool {
    match ptrace::attach(pid) {
        Err(Errno::EPERM) => {
            skip("this host does not let a process trace others of the same user");
            return false;
        }
        attached => attached.expect("it can be traced"),
    }
    waitpid(pid, None).expect("it stops");
    true
}

fn await_notice(run: &Running) {
    eventually("the supervisor has seen the debugger", || {
        run.stderr().contains("has attached to partition").then_some(())
    });
}

#[test]
fn a_guest_begins_when_a_debugger_has_attached_and_runs_as_it_does_without() {
    let plain = finish(race());
    let (run, pid) = start(race(), "--debug");
    assert_eq!(run.stdout(), "");
    if !attach(pid) {
        return;
    }
    await_notice(&run);
    ptrace::detach(pid, None).expect("it is stopped");
    let debugged = run.finish();
    assert_eq!((plain.code(), debugged.code()), (1, 1), "{debugged:#?}");
    assert_eq!((debugged.stdout.as_str(), digest(&debugged)), (plain.stdout.as_str(), digest(&plain)));
}

#[test]
fn a_guest_that_is_let_go_before_its_turn_waits_for_it() {
    let plain = finish(flight());
    let (run, pid) = start(flight(), "--debug=autopilot");
    // A supervisor that does not look cannot give the turn either.
    run.signal(Signal::SIGSTOP);
    eventually("the supervisor has stopped", || {
        status_field(run.pid(), "State").is_some_and(|state| state.starts_with('T')).then_some(())
    });
    if !attach(pid) {
        run.signal(Signal::SIGCONT);
        return;
    }
    ptrace::cont(pid, None).expect("it is stopped");
    // Signals reach the debugger first, who keeps to itself those that begin and end windows.
    let let_go = |flags| match waitpid(pid, flags) {
        Ok(WaitStatus::Stopped(..)) => ptrace::cont(pid, None).is_ok(),
        _ => false,
    };
    eventually("the guest sleeps", || {
        let_go(Some(WaitPidFlag::WNOHANG));
        state(pid).starts_with('S').then_some(())
    });
    run.signal(Signal::SIGCONT);
    while let_go(None) {}
    let debugged = run.finish();
    assert_eq!(debugged.code(), 0, "{debugged:#?}");
    assert_eq!((debugged.stdout.as_str(), digest(&debugged)), (plain.stdout.as_str(), digest(&plain)));
}

#[test]
fn a_run_that_waits_for_a_debugger_can_be_ended() {
    let (run, _) = start(race(), "--debug");
    let ended = run.interrupt();
    assert_eq!((ended.code(), ended.stdout.as_str()), (0, ""), "{ended:#?}");
    assert!(ended.stderr.contains("bulkhead: interrupted"), "{ended:#?}");
}

#[test]
fn whom_to_debug_has_to_be_clear() {
    for (debug, words) in [
        (
            "--debug",
            "--debug=PARTITION names one of them where there are several: sensors, navigation, autopilot, display",
        ),
        ("--debug=pilot", "--debug=pilot: there is no such partition: sensors, navigation, autopilot, display"),
    ] {
        let mut command = flight();
        command.arg(debug);
        let refused = finish(command);
        assert_eq!((refused.code(), refused.stderr.trim_end()), (2, format!("bulkhead: {words}").as_str()));
    }
}
