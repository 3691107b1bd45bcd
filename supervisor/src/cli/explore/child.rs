//! One run of an exploration, as a process: started, listened to, and ended when it does not matter any more.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::ExploreArgs;

/// Most bytes of a run's output that are kept: the last ones, where a failure shows.
const MAX_OUTPUT: usize = 64 << 10;
/// For how long a job listens to its run before it looks whether the run still matters, in milliseconds.
const LISTEN_MS: u16 = 50;

/// How a run ended.
pub(super) enum Ended {
    /// By itself.
    Exited {
        /// Its exit status; none if a signal ended it.
        status: Option<i32>,
        /// What the run came to, as JSON.
        stdout: Vec<u8>,
        /// The last of what the guests printed and the supervisor said.
        stderr: Vec<u8>,
    },
    /// It was killed, because it took too long.
    TimeLimit,
    /// It was killed, because nobody wants to know any more.
    Moot,
}

/// Runs one seed to its end, or to its time limit, or until `is_moot`.
pub(super) fn run_to_end(
    binary: &Path,
    args: &ExploreArgs,
    seed: u64,
    is_moot: impl Fn() -> bool,
) -> std::io::Result<Ended> {
    let end = Instant::now() + args.timeout;
    let mut command = Command::new(binary);
    command.args(["run", "--virtual", "--quiet", "--json", "--seed", &seed.to_string()]);
    command.args(["--die-with", &std::process::id().to_string()]).args(args.options()).arg(&args.file);
    if !args.args.is_empty() {
        command.arg("--").args(&args.args);
    }
    // A group of its own: Ctrl-C is this process's affair.
    let streams = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Reaped(streams.spawn()?);
    let (Some(mut stdout), Some(mut stderr)) = (child.0.stdout.take(), child.0.stderr.take()) else {
        return Err(std::io::Error::other("no pipes"));
    };
    let (mut report, mut said) = (Heard::new(usize::MAX), Heard::new(MAX_OUTPUT));
    while report.is_open || said.is_open {
        if is_moot() {
            return Ok(Ended::Moot);
        }
        if Instant::now() >= end {
            return Ok(Ended::TimeLimit);
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
    }
    let status = child.0.wait()?;
    Ok(Ended::Exited { status: status.code(), stdout: report.bytes, stderr: said.bytes })
}

/// What has come through a pipe: the last `most` bytes of it.
struct Heard {
    bytes: Vec<u8>,
    most: usize,
    is_open: bool,
}

impl Heard {
    fn new(most: usize) -> Heard {
        Heard { bytes: Vec::new(), most, is_open: true }
    }

    /// Takes what there is, at least one byte or the news that there will be no more.
    fn listen(&mut self, from: &mut impl Read) -> std::io::Result<()> {
        let mut bytes = [0; 16 << 10];
        let count = from.read(&mut bytes)?;
        self.bytes.extend_from_slice(&bytes[..count]);
        self.bytes.drain(..self.bytes.len().saturating_sub(self.most));
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
