//! `bulkhead test`: runs many test images, each by itself, several at a time.
//!
//! A test is a guest that prints the banners of RTEMS' tests (see [`banner`]). Each runs as `bulkhead run` would run it, in a
//! supervisor process of its own that is pinned to one CPU; so a test that takes its supervisor down, or outlasts its time,
//! is one test lost. The exit status is honest: 0 only if nothing failed.

pub mod banner;
mod outcome;
mod pinpoint;
mod repeat;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::child::{How, Keep, run_to_end};
use super::{GUEST_FAILED, HOST_CANNOT, Preempt, USAGE, WELL, complain, load, print};
use crate::host::Cpus;
use crate::partition::pin;
use banner::{Ending, Verdict, judge, parse};
use outcome::Outcome;
use pinpoint::pinpoint;
use repeat::{DIGEST_FILE, Run, repeatedly};

/// The arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// Test images, or folders in which every guest image is a test (but NAME.norun.exe is not)
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// How many tests run at a time; by default one per CPU
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// How long a test may take
    #[arg(long, value_name = "TIME", default_value = "180s", value_parser = super::duration)]
    pub timeout: Duration,
    /// Run the tests in virtual time
    #[arg(long = "virtual")]
    pub virtual_time: bool,
    /// Virtual time that a basic block of instrumented code takes, in nanoseconds. The more it is, the sooner busy loops are over
    #[arg(long, value_name = "NS", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "virtual_time")]
    pub block_ns: Option<u32>,
    /// What moves virtual time, and where interrupts strike
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Preempt::Block, requires = "virtual_time")]
    pub preempt: Preempt,
    /// Run each test so many times, and compare the digests and the output of the runs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), requires = "virtual_time")]
    pub repeat: u32,
    /// A file with the names of tests that are expected to fail, one a line; # begins a comment
    #[arg(long, value_name = "FILE")]
    pub expected_failures: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
    /// Keep the output of every test, as NAME.log in this folder
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// Print a line for every test, not only for those that failed
    #[arg(long, short)]
    pub verbose: bool,
}

/// Most bytes of a test's output that are kept.
const MAX_OUTPUT: usize = 4 << 20;

/// Runs the subcommand; the result is the exit status.
pub fn run(args: &TestArgs) -> u8 {
    match try_run(args) {
        Ok(status) | Err(status) => status,
    }
}

fn try_run(args: &TestArgs) -> Result<u8, u8> {
    let expected = expected_failures(args.expected_failures.as_deref())?;
    let images = collect(&args.paths)?;
    if let Some(folder) = &args.logs {
        std::fs::create_dir_all(folder)
            .map_err(|error| complain(&format_args!("--logs {}: {error}", folder.display()), USAGE))?;
    }
    let cpus = Cpus::of_this_process().map_err(|error| complain(&error, HOST_CANNOT))?;
    let jobs = args.jobs.map_or(cpus.preferred.len(), usize::from).min(images.len());
    let binary = std::env::current_exe()
        .map_err(|error| complain(&format_args!("cannot find this program's own file: {error}"), HOST_CANNOT))?;

    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let (sender, finished) = channel();
    let outcomes = std::thread::scope(|scope| {
        for job in 0..jobs {
            let cpu = cpus.preferred[job % cpus.preferred.len()];
            let (sender, images, next, binary, expected) = (sender.clone(), &images, &next, &binary, &expected);
            scope.spawn(move || {
                // A test runs on one CPU; where that cannot be chosen, the kernel chooses.
                let _ = pin(Pid::from_raw(0), &[cpu]);
                work(images, next, binary, args, expected, &sender);
            });
        }
        drop(sender);
        let mut progress = Progress::new(images.len(), args.verbose);
        let mut outcomes: Vec<Outcome> = Vec::new();
        for outcome in finished {
            progress.show(&outcome);
            if let Some(folder) = &args.logs
                && let Err(error) = std::fs::write(folder.join(format!("{}.log", outcome.name)), &outcome.output)
            {
                complain(&format_args!("--logs {}: {error}", folder.display()), HOST_CANNOT);
            }
            outcomes.push(outcome);
        }
        progress.clear();
        outcomes
    });

    let mut outcomes = outcomes;
    outcomes.sort_by(|a, b| a.path.cmp(&b.path));
    let took = begun.elapsed();
    if let Some(path) = &args.junit {
        std::fs::write(path, outcome::junit(&outcomes, took))
            .map_err(|error| complain(&format_args!("--junit {}: {error}", path.display()), USAGE))?;
    }
    if args.json {
        print(&outcome::json(&outcomes, took));
    } else {
        print(&outcome::text(&outcomes, took));
    }
    Ok(if outcomes.iter().any(|outcome| outcome.verdict.is_bad()) { GUEST_FAILED } else { WELL })
}

fn expected_failures(path: Option<&Path>) -> Result<BTreeSet<String>, u8> {
    let Some(path) = path else { return Ok(BTreeSet::new()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| complain(&format_args!("--expected-failures {}: {error}", path.display()), USAGE))?;
    let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// The images to run: files as named, folders searched for ELF executables that carry the ABI note or at least look like
/// tests (`.exe`, as RTEMS calls its images).
fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>, u8> {
    let mut images = Vec::new();
    for path in paths {
        let metadata =
            std::fs::metadata(path).map_err(|error| complain(&format_args!("{}: {error}", path.display()), USAGE))?;
        if !metadata.is_dir() {
            images.push(path.clone());
            continue;
        }
        let before = images.len();
        search(path, &mut images, 0);
        if images.len() == before {
            return Err(complain(&format_args!("{}: no test image in there", path.display()), USAGE));
        }
    }
    images.sort();
    images.dedup();
    Ok(images)
}

/// Deeper folders than this are a loop of links.
const MAX_DEPTH: usize = 32;

fn search(folder: &Path, images: &mut Vec<PathBuf>, depth: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            if depth < MAX_DEPTH {
                search(&path, images, depth + 1);
            }
        } else if path.extension().is_some_and(|extension| extension == "exe" || extension == "elf")
            && !is_link_check(&path)
            && load::is_elf(&path)
        {
            images.push(path);
        }
    }
}

/// RTEMS' name for an image that is a test by linking, and not meant to run.
fn is_link_check(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b".norun"))
}

fn work(
    images: &[PathBuf],
    next: &AtomicUsize,
    binary: &Path,
    args: &TestArgs,
    expected: &BTreeSet<String>,
    results: &Sender<Outcome>,
) {
    while let Some(path) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
        let begun = Instant::now();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let runs = repeatedly(
            args.repeat,
            || execute(binary, path, args, None),
            |run| judge(&parse(&run.output), run.ending, expected.contains(&name)),
        );
        let outcome = match runs {
            Ok((Run { mut output, digest, .. }, verdict)) => {
                if verdict == Verdict::Unrepeatable {
                    let where_from = pinpoint(args.repeat, |file| execute(binary, path, args, Some(file)));
                    output = format!("{where_from}\n{output}");
                }
                Outcome { name, path: path.clone(), verdict, took: begun.elapsed(), output, digest }
            }
            Err(error) => {
                let output = format!("cannot run it: {error}");
                let took = begun.elapsed();
                Outcome { name, path: path.clone(), verdict: Verdict::NotRun, took, output, digest: None }
            }
        };
        if results.send(outcome).is_err() {
            return;
        }
    }
}

/// Runs one test to its end or to its limit. With `--json` the guest's words come on standard error, and standard output says
/// how it ended.
fn execute(binary: &Path, image: &Path, args: &TestArgs, record: Option<&Path>) -> std::io::Result<Run> {
    let virtual_time: &[&str] = if args.virtual_time { &["--virtual", "--digest", DIGEST_FILE] } else { &[] };
    let mut command = Command::new(binary);
    command
        .args(["run", "--console", "raw", "--quiet", "--json", "--die-with", &std::process::id().to_string()])
        .args(virtual_time)
        .args(args.block_ns.map(|block_ns| format!("--block-ns={block_ns}")))
        .args((args.preempt == Preempt::Step).then_some("--preempt=step"))
        .args(record.map(|file| [OsStr::new("--record"), file.as_os_str()]).into_iter().flatten())
        .arg(image);
    // If it is killed, its guest goes with it.
    let ended = run_to_end(command, args.timeout, Keep::First(MAX_OUTPUT), || false)?;
    let ending = match ended.how {
        How::Exited(status) => Ending::of_run(status, &ended.stdout),
        How::TimeLimit | How::Moot => Ending::TimeLimit,
    };
    Ok(Run::new(&String::from_utf8_lossy(&ended.stderr), ending, args.virtual_time))
}

/// A line that tells how far things are, on a terminal; elsewhere only what failed.
struct Progress {
    total: usize,
    done: usize,
    bad: usize,
    verbose: bool,
    live: bool,
}

impl Progress {
    fn new(total: usize, verbose: bool) -> Progress {
        Progress { total, done: 0, bad: 0, verbose, live: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, outcome: &Outcome) {
        self.done += 1;
        self.bad += usize::from(outcome.verdict.is_bad());
        self.clear();
        let mut err = std::io::stderr().lock();
        // Nobody can be told that standard error is gone.
        if self.verbose || outcome.verdict.is_bad() {
            let _ = writeln!(
                err,
                "[{:>width$}/{}] {:15} {} ({:.2} s)",
                self.done,
                self.total,
                outcome.verdict.name(),
                outcome.name,
                outcome.took.as_secs_f64(),
                width = self.total.to_string().len()
            );
        }
        if self.live {
            let _ = write!(err, "{} of {} done, {} bad; last: {}", self.done, self.total, self.bad, outcome.name);
            let _ = err.flush();
        }
    }

    fn clear(&self) {
        if self.live {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
