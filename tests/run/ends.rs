//! How runs end, and what they say about it.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::common::{bulkhead, children, eventually, guest, root, round_robin, wait, write_module};
use crate::running::{Running, alone, windows};
use crate::runs::{Background, ended_by, exists, lines_of, outcome, run, run_module};

/// Two guests that stay until they are ended.
fn two_that_stay() -> String {
    let guest = guest("r_exit");
    round_robin(&[("a", &guest, ""), ("b", &guest, "")], 1000, 1000)
}

fn interrupted_in_good_order(signal: Signal) {
    let folder = tempfile::tempdir().unwrap();
    let module = write_module(folder.path(), &two_that_stay());
    let run = Background::start(&[module]);
    run.wait_for("[a] here, start 1\n");
    run.wait_for("[b] here, start 1\n");
    let guests = children(run.pid());
    assert!(guests.len() >= 2, "{guests:?}");
    run.signal(signal);
    let run = run.finish();
    assert_eq!(run.code(), 0, "{run:#?}");
    assert!(run.stderr.contains("bulkhead: interrupted\n"), "{run:#?}");
    // The figures come all the same.
    assert!(run.stderr.lines().any(|line| line.starts_with('a') && line.contains("window")), "{run:#?}");
    let left: Vec<_> = guests.into_iter().filter(|&pid| exists(pid)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn sigint_ends_a_run_in_good_order() {
    interrupted_in_good_order(Signal::SIGINT);
}

#[test]
fn sigterm_ends_a_run_in_good_order() {
    interrupted_in_good_order(Signal::SIGTERM);
}

#[test]
fn sighup_ends_a_run_in_good_order() {
    interrupted_in_good_order(Signal::SIGHUP);
}

#[test]
fn a_run_that_was_started_by_nohup_outlives_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let module = write_module(folder.path(), &two_that_stay());
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_bulkhead")).arg("run").arg(module).stdin(Stdio::null());
    let _core = alone();
    let run = Running::start(command);
    let guests = run.guests(2);
    let before = windows(guests[0]).unwrap();
    run.signal(Signal::SIGHUP);
    eventually("windows go on", || windows(guests[0]).filter(|&now| now > before + 50));
    let run = run.interrupt();
    assert!(run.code() == 0 && run.stderr.contains("bulkhead: interrupted\n"), "{run:#?}");
}

/// The smallest size of a pipe.
const PAGE: i32 = 4096;

/// A pipe that holds a page: what a flood leaves behind in any window does not go through that.
fn one_page() -> (OwnedFd, Stdio) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    // SAFETY: takes integers.
    assert!(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETPIPE_SZ, PAGE) } >= PAGE);
    (reader, writer.into())
}

fn bytes_in(pipe: &OwnedFd) -> i32 {
    let mut bytes = 0;
    // SAFETY: fills the integer.
    assert_eq!(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut bytes) }, 0);
    bytes
}

/// Waits until a guest has flooded a pipe that nobody reads, and returns the guest.
fn when_stuck(supervisor: u32, pipe: &OwnedFd) -> u32 {
    eventually("the pipe is full", || {
        let flooding = children(supervisor).into_iter().find(|&guest| windows(guest) > Some(10));
        flooding.filter(|_| bytes_in(pipe) > 0)
    })
}

/// The first one is obeyed, but the last output does not get out, since nobody reads it. Whoever asks again means it.
#[test]
fn a_second_sigint_ends_a_run_at_once() {
    let guest = guest("r_console");
    let (unread, writer) = one_page();
    let run = Background::start_into(&[guest.to_str().unwrap(), "--", "flood", "100"], Some(writer), None);
    let guest = when_stuck(run.pid(), &unread);
    run.signal(Signal::SIGINT);
    eventually("the guest is gone", || children(run.pid()).is_empty().then_some(()));
    run.signal(Signal::SIGINT);
    let run = run.finish();
    assert_eq!(ended_by(&run), Some(Signal::SIGINT as i32), "{run:#?}");
    drop(unread);
    eventually("no guest is left behind", || (!exists(guest)).then_some(()));
}

/// Likewise where the run was started without a SIGINT, as shells start what runs in their background.
#[test]
fn a_second_sigint_counts_where_the_first_was_not_meant_to() {
    let guest = guest("r_console");
    let _core = alone();
    let (unread, writer) = one_page();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_bulkhead"), "run"]);
    command.arg(guest).args(["--", "flood", "100"]).stdout(writer).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id();
    when_stuck(pid, &unread);
    let interrupt = || kill(Pid::from_raw(pid as i32), Signal::SIGINT).unwrap();
    interrupt();
    eventually("the guest is gone", || children(pid).is_empty().then_some(()));
    interrupt();
    assert_eq!(ended_by(&wait(child)), Some(Signal::SIGINT as i32));
}

/// Whoever ends a run that has just come to its end by itself still gets to know what it came to.
#[test]
fn a_signal_that_comes_too_late_costs_nothing() {
    let guest = guest("r_console");
    let (unread, writer) = one_page();
    let args = [guest.to_str().unwrap(), "--json", "-q", "--console", "raw", "--", "bytes", "800"];
    let run = Background::start_into(&args, None, Some(writer));
    // Nobody reads the output yet, so the end takes some time.
    run.until("the end has begun", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", run.pid())).into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        bytes_in(&unread) > 0 && !names.into_iter().any(|name| name.starts_with("dispatch-"))
    });
    run.signal(Signal::SIGINT);
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        std::fs::File::from(unread).read_to_end(&mut all).map(|_| all.len())
    });
    let run = run.finish();
    assert_eq!((run.code(), &run.json()["ending"]), (0, &json!("all_ended")), "{run:#?}");
    assert_eq!(reader.join().unwrap().unwrap(), 800 * 256);
}

/// Not even SIGKILL leaves a guest behind.
#[test]
fn a_killed_supervisor_takes_its_guests_along() {
    let folder = tempfile::tempdir().unwrap();
    let module = write_module(folder.path(), &two_that_stay());
    let run = Background::start(&[module]);
    run.wait_for("[b] here, start 1\n");
    let guests = children(run.pid());
    assert!(guests.len() >= 2, "{guests:?}");
    run.signal(Signal::SIGKILL);
    run.finish();
    for pid in guests {
        eventually("no guest is left behind", || (!exists(pid)).then_some(()));
    }
}

#[test]
fn the_exit_status_tells_whether_a_guest_failed() {
    let guest = guest("r_exit");
    for (status, expected) in [("0", 0), ("3", 1), ("255", 1)] {
        let run = run(&[guest.to_str().unwrap(), "--json", "--", status]);
        assert_eq!(run.code(), expected, "{run:#?}");
        let json = run.json();
        let last = &outcome(&json, "r_exit")["last"];
        assert_eq!(*last, json!({"kind": "exit", "status": status.parse::<i32>().unwrap()}));
    }
    let run =
        run_module(&round_robin(&[("well", &guest, "args=[\"0\"]"), ("bad", &guest, "args=[\"3\"]")], 1000, 0), &[]);
    assert_eq!(run.code(), 1);
    assert!(run.stderr.contains("bulkhead: partition \"bad\" ended with status 3; action: idle\n"), "{run:#?}");
    assert!(run.stderr.contains("bulkhead: every partition has ended; failed: bad\n"), "{run:#?}");
}

#[test]
fn nobody_is_told_when_the_reader_goes_away() {
    let guest = guest("r_console");
    let _core = alone();
    let mut command = bulkhead();
    command.args(["run", guest.to_str().unwrap(), "--", "count", "100000"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "[r_console] line 1\n");
    let run = wait(child);
    assert_eq!(run.code(), 0, "{run:#?}");
    assert!(run.stderr.contains("bulkhead: nobody reads the output any more\n"), "{run:#?}");
    assert!(!run.stderr.contains("panicked") && !run.stderr.contains("roken pipe"), "{run:#?}");
}

#[test]
fn json_is_all_that_goes_to_standard_output() {
    let guest = guest("r_console");
    let run = run(&[guest.to_str().unwrap(), "--json", "--", "count", "3"]);
    // `json` takes one document and nothing behind it.
    assert_eq!(run.json()["ending"], json!("all_ended"));
    assert!(run.stdout.ends_with("}\n"));
    assert_eq!(lines_of(&run.stderr, "r_console"), ["line 1", "line 2", "line 3"]);
    assert!(!run.stderr.contains("every partition has ended"), "{run:#?}");
}

#[test]
fn a_quiet_run_says_nothing_of_its_own() {
    let guest = guest("r_console");
    for flag in ["--quiet", "-q"] {
        let run = run(&[guest.to_str().unwrap(), flag, "--", "count", "2"]);
        assert_eq!((run.code(), run.stderr.as_str()), (0, ""));
        assert_eq!(run.stdout, "[r_console] line 1\n[r_console] line 2\n");
    }
    // A failure is no idle talk.
    let run = run(&[guest.to_str().unwrap(), "-q", "--", "?"]);
    assert_eq!((run.code(), run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr, "bulkhead: partition \"r_console\" ended with status 9; action: idle\n");
}

#[test]
fn a_run_needs_no_open_standard_streams() {
    let guest = guest("r_console");
    let _core = alone();
    let script = format!("exec {} run {} -- count 3 <&- >&- 2>&-", env!("CARGO_BIN_EXE_bulkhead"), guest.display());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).current_dir(root());
    let run = crate::common::finish(shell);
    assert_eq!(run.code(), 0, "{run:#?}");
}

/// What is still in flight when the run ends reaches a reader who takes his time.
#[test]
fn a_slow_reader_gets_everything() {
    let guest = guest("r_console");
    let _core = alone();
    let mut command = bulkhead();
    command.args(["run", guest.to_str().unwrap(), "-q", "--console", "raw", "--", "bytes", "800"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    // The guest is done, and the pipe holds a part of what it printed.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let mut all = Vec::new();
    pipe.read_to_end(&mut all).unwrap();
    assert_eq!(wait(child).code(), 0);
    assert_eq!(all.len(), 800 * 256);
}
