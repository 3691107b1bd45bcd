//! `bulkhead explore`: a module's virtual run again and again, each time with another seed, until one fails.
//!
//! A seed varies how late timers strike and how long code takes ([`bulkhead_abi::exploration`]). Each run is a `bulkhead run --virtual`
//! in a process of its own, pinned to one CPU, so that `--seed` plays it back exactly. The answer does not depend on how many run at a
//! time: it is the first failing seed of the row, because those before it are run to their ends.

mod verdict;

use std::io::{IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::child::{How, Keep, run_to_end};
use super::{GUEST_FAILED, HOST_CANNOT, Preempt, USAGE, WELL, complain, print};
use crate::host::Cpus;
use crate::partition::pin;
use crate::shell::command_line;
use verdict::{Failure, Verdict, judge};

/// The arguments of `explore`.
#[derive(Debug, clap::Args)]
pub struct ExploreArgs {
    /// A module's configuration, or a guest's ELF file
    pub file: PathBuf,
    /// Arguments for a guest that is run by itself
    #[arg(last = true)]
    pub args: Vec<String>,
    /// How many seeds to try
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub from: u64,
    /// Stop each run at this virtual time, such as "10s"
    #[arg(long, value_name = "TIME", value_parser = duration_text)]
    pub until: Option<String>,
    /// What moves virtual time, and where interrupts strike
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Preempt::Block)]
    pub preempt: Preempt,
    /// What a basic block takes at least, in nanoseconds of virtual time [default: 2]; with `--preempt step`, an instruction [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub block_ns: Option<u32>,
    /// For how long partitions that run side by side on several cores take turns [default: 10 us]
    #[arg(long, value_name = "TIME", value_parser = duration_text)]
    pub quantum: Option<String>,
    /// How many runs at a time; by default one per CPU
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// How long a run may take by the host's clock
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = super::duration)]
    pub timeout: Duration,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A time that `run` is to understand as well: it gets it as it was written.
fn duration_text(text: &str) -> Result<String, String> {
    super::duration(text).map(|_| text.to_owned())
}

impl ExploreArgs {
    /// What `run` is told besides the seed, before the file.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        for (name, value) in [
            ("--until", self.until.clone()),
            ("--preempt", (self.preempt == Preempt::Step).then(|| "step".to_owned())),
            ("--block-ns", self.block_ns.map(|ns| ns.to_string())),
            ("--quantum", self.quantum.clone()),
        ] {
            if let Some(value) = value {
                options.extend([name.to_owned(), value]);
            }
        }
        options
    }
}

/// Most bytes of a run's output that are kept: the last ones, where a failure shows.
const MAX_OUTPUT: usize = 64 << 10;

/// What the jobs share.
struct Search<'a> {
    args: &'a ExploreArgs,
    binary: &'a Path,
    /// The next seed's distance from the first.
    next: AtomicU64,
    /// The first seed that is known to fail, or at which the search cannot go on; no later one matters any more.
    limit: AtomicU64,
    stop: AtomicBool,
}

/// A run that ended.
struct Run {
    seed: u64,
    verdict: Verdict,
}

/// Runs the subcommand; the result is the exit status.
pub fn run(args: &ExploreArgs) -> u8 {
    match try_run(args) {
        Ok(status) | Err(status) => status,
    }
}

fn try_run(args: &ExploreArgs) -> Result<u8, u8> {
    if args.from.checked_add(args.seeds).is_none() {
        return Err(complain(&"--from and --seeds: there are not so many numbers", USAGE));
    }
    // Before any other thread exists, so that all inherit it. Runs have a process group of their own, and end with their jobs.
    let wanted: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    let signals = wanted
        .thread_block()
        .and_then(|()| SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC))
        .map_err(|error| complain(&format_args!("signalfd: {error}"), HOST_CANNOT))?;
    let cpus = Cpus::of_this_process().map_err(|error| complain(&error, HOST_CANNOT))?;
    let jobs =
        args.jobs.map_or(cpus.preferred.len(), usize::from).min(usize::try_from(args.seeds).unwrap_or(usize::MAX));
    let binary = std::env::current_exe()
        .map_err(|error| complain(&format_args!("cannot find this program's own file: {error}"), HOST_CANNOT))?;

    let begun = Instant::now();
    let search = Search {
        args,
        binary: &binary,
        next: AtomicU64::new(0),
        limit: AtomicU64::new(u64::MAX),
        stop: AtomicBool::new(false),
    };
    let (sender, ended) = channel();
    let (runs, first, interrupted) = std::thread::scope(|scope| {
        for job in 0..jobs {
            let cpu = cpus.preferred[job % cpus.preferred.len()];
            let (sender, search) = (sender.clone(), &search);
            scope.spawn(move || {
                // A run has one CPU; where that cannot be chosen, the kernel chooses.
                let _ = pin(Pid::from_raw(0), &[cpu]);
                search.work(&sender);
            });
        }
        drop(sender);
        let mut progress = Progress::new(args.seeds, begun);
        let (mut runs, mut first, mut interrupted) = (0_u64, None::<Run>, false);
        loop {
            match ended.recv_timeout(Duration::from_millis(50)) {
                Ok(run) => {
                    runs += 1;
                    if !matches!(run.verdict, Verdict::Well) && first.as_ref().is_none_or(|first| run.seed < first.seed)
                    {
                        first = Some(run);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if matches!(signals.read_signal(), Ok(Some(_))) {
                interrupted = true;
                search.stop.store(true, Ordering::Relaxed);
            }
            progress.show(runs);
        }
        progress.clear();
        (runs, first, interrupted)
    });
    conclude(args, runs, begun.elapsed(), first, interrupted)
}

impl Search<'_> {
    /// The run with this seed.
    fn command(&self, seed: u64) -> Command {
        let mut command = Command::new(self.binary);
        command.args(["run", "--virtual", "--quiet", "--json", "--seed", &seed.to_string()]);
        command.args(["--die-with", &std::process::id().to_string()]).args(self.args.options()).arg(&self.args.file);
        if !self.args.args.is_empty() {
            command.arg("--").args(&self.args.args);
        }
        // A group of its own: Ctrl-C is this process's affair.
        command.process_group(0);
        command
    }

    /// Runs one seed after the other until there is no more that matters.
    fn work(&self, results: &Sender<Run>) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let seed = self.args.from.saturating_add(index);
            let is_moot = || self.stop.load(Ordering::Relaxed) || seed > self.limit.load(Ordering::Relaxed);
            if index >= self.args.seeds || is_moot() {
                return;
            }
            let ended = run_to_end(self.command(seed), self.args.timeout, Keep::Last(MAX_OUTPUT), is_moot);
            let verdict = match ended.map(|ended| (ended.how, ended)) {
                Ok((How::Moot, _)) => return,
                Ok((How::TimeLimit, _)) => Verdict::Endless,
                Ok((How::Exited(status), ended)) => judge(status, &ended.stdout, ended.stderr),
                Err(error) => {
                    Verdict::Impossible { status: HOST_CANNOT, said: format!("bulkhead: cannot run it: {error}\n") }
                }
            };
            if !matches!(verdict, Verdict::Well) {
                self.limit.fetch_min(seed, Ordering::Relaxed);
            }
            if results.send(Run { seed, verdict }).is_err() {
                return;
            }
        }
    }
}

/// Says what came of it; the result is the exit status.
fn conclude(args: &ExploreArgs, runs: u64, took: Duration, first: Option<Run>, interrupted: bool) -> Result<u8, u8> {
    let seconds = took.as_secs_f64();
    let rate = runs as f64 / seconds.max(1e-9);
    let figures = format!("{runs} runs in {seconds:.1} s, {rate:.0} a second");
    let failure = match first {
        None => None,
        Some(Run { seed, verdict: Verdict::Failed(failure) }) => Some((seed, failure)),
        Some(Run { seed, verdict: Verdict::Endless }) => {
            let words = format!(
                "the run with seed {seed} has not come to its end in {:?}: bound it with --until, or give it time with --timeout",
                args.timeout
            );
            return Err(complain(&words, USAGE));
        }
        Some(Run { verdict: Verdict::Impossible { status, said }, .. }) => {
            // In its own words.
            let _ = std::io::stderr().write_all(said.as_bytes());
            return Err(status);
        }
        Some(Run { verdict: Verdict::Well, .. }) => None,
    };
    if args.json {
        print(&json(args, runs, seconds, interrupted, failure.as_ref()));
    } else {
        print(&text(args, &figures, interrupted, failure.as_ref()));
    }
    Ok(if failure.is_some() { GUEST_FAILED } else { WELL })
}

/// The command that plays a seed back.
fn play_back(args: &ExploreArgs, seed: u64) -> String {
    let mut words: Vec<String> =
        ["bulkhead", "run", "--virtual", "--seed", &seed.to_string()].map(str::to_owned).into();
    words.extend(args.options());
    words.push(args.file.to_string_lossy().into_owned());
    if !args.args.is_empty() {
        words.push("--".to_owned());
        words.extend(args.args.iter().cloned());
    }
    command_line(&words)
}

fn text(args: &ExploreArgs, figures: &str, interrupted: bool, failure: Option<&(u64, Failure)>) -> String {
    let Some((seed, failure)) = failure else {
        let how = if interrupted { "interrupted; " } else { "" };
        return format!("{how}no failure: {figures}, seeds from {}\n", args.from);
    };
    let mut out = format!("seed {seed} fails: {}\n", failure.what.join("; "));
    for line in failure.last_lines() {
        out += &format!("    {line}\n");
    }
    out += &format!("{figures}; to play it back (with --debug under gdb):\n    {}\n", play_back(args, *seed));
    out
}

fn json(args: &ExploreArgs, runs: u64, seconds: f64, interrupted: bool, failure: Option<&(u64, Failure)>) -> String {
    let failure = failure.map(|(seed, failure)| {
        serde_json::json!({
            "seed": seed,
            "what": failure.what,
            "digest": failure.digest,
            "output": failure.output,
            "command": play_back(args, *seed),
        })
    });
    let whole = serde_json::json!({
        "from": args.from,
        "seeds": args.seeds,
        "runs": runs,
        "seconds": seconds,
        "interrupted": interrupted,
        "failure": failure,
    });
    format!("{whole:#}\n")
}

/// A line on a terminal that tells how far things are.
struct Progress {
    total: u64,
    begun: Instant,
    shown: Option<Instant>,
    live: bool,
}

impl Progress {
    fn new(total: u64, begun: Instant) -> Progress {
        Progress { total, begun, shown: None, live: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, runs: u64) {
        if !self.live || self.shown.is_some_and(|shown| shown.elapsed() < Duration::from_millis(100)) {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = runs as f64 / self.begun.elapsed().as_secs_f64().max(1e-9);
        // Nobody can be told that standard error is gone.
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "\r\x1b[K{runs} of {} seeds, {rate:.0} a second", self.total);
        let _ = err.flush();
    }

    fn clear(&self) {
        if self.live {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
