//! A run as a process of its own: started, listened to, and ended when it has taken too long or does not matter any more.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// For how long a job listens to its run before it looks whether the run still matters, in milliseconds.
const LISTEN_MS: u16 = 50;

/// Which part of a long output is kept, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    /// The beginning.
    First(usize),
    /// The end.
    Last(usize),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By itself, with this status; none if a signal ended it.
    Exited(Option<i32>),
    /// It was killed, because it took too long.
    TimeLimit,
    /// It was killed, because nobody wants to know any more.
    Moot,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) how: How,
    /// Standard output, all of it.
    pub(super) stdout: Vec<u8>,
    /// What was to be kept of standard error.
    pub(super) stderr: Vec<u8>,
}

/// Runs a command to its end, or for as long as `timeout`, or until `is_moot`. It reads nothing.
pub(super) fn run_to_end(
    mut command: Command,
    timeout: Duration,
    keep: Keep,
    is_moot: impl Fn() -> bool,
) -> std::io::Result<Ended> {
    let end = Instant::now() + timeout;
    let mut child = Reaped(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    let (Some(mut stdout), Some(mut stderr)) = (child.0.stdout.take(), child.0.stderr.take()) else {
        return Err(std::io::Error::other("no pipes"));
    };
    let (mut report, mut said) = (Heard::new(Keep::First(usize::MAX)), Heard::new(keep));
    let how = loop {
        if !report.is_open && !said.is_open {
            break How::Exited(child.0.wait()?.code());
        }
        if is_moot() {
            break How::Moot;
        }
        if Instant::now() >= end {
            break How::TimeLimit;
        }
        // Of a stream that has ended the kernel would say so again and again.
        let open = if report.is_open { 0 } else { 1 }..if said.is_open { 2 } else { 1 };
        let mut both = [stdout.as_fd(), stderr.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut both[open], PollTimeout::from(LISTEN_MS)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = both.map(|fd| fd.any().unwrap_or(false));
        if ready[0] {
            report.listen(&mut stdout)?;
        }
        if ready[1] {
            said.listen(&mut stderr)?;
        }
    };
    Ok(Ended { how, stdout: report.bytes, stderr: said.bytes })
}

/// What has come through a pipe.
struct Heard {
    bytes: Vec<u8>,
    keep: Keep,
    is_open: bool,
}

impl Heard {
    fn new(keep: Keep) -> Heard {
        Heard { bytes: Vec::new(), keep, is_open: true }
    }

    /// Takes what there is, at least one byte or the news that there will be no more.
    fn listen(&mut self, from: &mut impl Read) -> std::io::Result<()> {
        let mut bytes = [0; 16 << 10];
        let count = from.read(&mut bytes)?;
        self.bytes.extend_from_slice(&bytes[..count]);
        match self.keep {
            Keep::First(most) => self.bytes.truncate(most),
            Keep::Last(most) => drop(self.bytes.drain(..self.bytes.len().saturating_sub(most))),
        }
        self.is_open = count > 0;
        Ok(())
    }
}

/// A child that is killed, if it still runs, and waited for.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // One that has been waited for is left alone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_beginning_or_the_end_of_what_it_says_is_kept() {
        let script = "echo report; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done >&2; exit 7";
        let ended = run_to_end(shell(script), LONG, Keep::First(13), || false).unwrap();
        assert_eq!((ended.how, ended.stdout.as_slice()), (How::Exited(Some(7)), b"report\n".as_slice()));
        assert_eq!(ended.stderr, b"line 0\nline 1");
        let ended = run_to_end(shell(script), LONG, Keep::Last(10), || false).unwrap();
        assert_eq!(ended.stderr, b"line 2999\n");
    }

    #[test]
    fn what_takes_too_long_or_does_not_matter_is_killed_and_what_it_said_is_known() {
        let begun = Instant::now();
        let script = "echo here >&2; exec sleep 1000";
        let ended = run_to_end(shell(script), Duration::from_secs(5), Keep::First(99), || false).unwrap();
        assert_eq!((ended.how, ended.stderr.as_slice()), (How::TimeLimit, b"here\n".as_slice()));
        let ended =
            run_to_end(shell(script), LONG, Keep::First(99), || begun.elapsed() > Duration::from_secs(1)).unwrap();
        assert_eq!(ended.how, How::Moot);
        assert!(begun.elapsed() < LONG, "it was killed, and did not end by itself");
    }

    #[test]
    fn a_signal_leaves_no_status_and_a_missing_program_is_an_error() {
        assert_eq!(run_to_end(shell("kill -KILL $$"), LONG, Keep::Last(9), || false).unwrap().how, How::Exited(None));
        assert!(run_to_end(Command::new("/nonexistent"), LONG, Keep::Last(9), || false).is_err());
    }
}
