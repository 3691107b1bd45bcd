//! The subcommands, one file each.

pub mod bench;
pub mod check;
mod child;
pub mod doctor;
pub mod explore;
pub mod load;
pub mod profile;
pub mod report;
pub mod run;
pub mod test;
pub mod top;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::supervise::ConsoleMode;

/// Exit status: all went well.
pub const WELL: u8 = 0;
/// Exit status: a guest failed, or the health monitor stopped the module.
pub const GUEST_FAILED: u8 = 1;
/// Exit status: the command line or the configuration is wrong.
pub const USAGE: u8 = 2;
/// Exit status: the host cannot do what was asked.
pub const HOST_CANNOT: u8 = 3;

/// Runs real-time guests as fenced Linux processes under time windows.
#[derive(Debug, Parser)]
#[command(
    name = "bulkhead",
    version,
    after_help = "Exit status: 0 well; 1 a guest failed or the health monitor stopped the module; 2 wrong usage or \
                  configuration; 3 the host cannot."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a module, or a single guest
    Run(RunArgs),
    /// Check a module's configuration and show its schedule
    Check {
        /// The module's configuration
        module: PathBuf,
    },
    /// Tell what this host grants, and what is lost without it
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure this host
    Bench {
        #[command(subcommand)]
        what: BenchCommand,
    },
    /// Run many test images, as RTEMS' tests are, and tell which failed
    Test(test::TestArgs),
    /// Watch a module that is running
    Top(top::TopArgs),
    /// Run a module in virtual time with one seed after the other until one fails
    Explore(explore::ExploreArgs),
    /// Show what a recording holds, turn it into other forms, or compare two
    Report(report::ReportArgs),
    /// Run a module, record it, report, and fail if a budget breaks
    Profile(profile::ProfileArgs),
    /// Disturb the host until killed; `profile --load` starts this
    #[command(hide = true, name = "disturb")]
    Disturb(profile::load::DisturbArgs),
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// How punctually windows begin and end, against a bare sleep on the same core
    Window {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How many windows to measure
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
        windows: u32,
        /// The host's CPU to measure on; by default the one that a module's core 0 would be
        #[arg(long)]
        cpu: Option<u32>,
    },
    /// What processes of the ARINC 653 executive cost to switch, against swapcontext
    Apex {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The CPU to measure on
        #[arg(long)]
        cpu: Option<u32>,
    },
    /// What messages between partitions cost, against memcpy and a ring within one process
    Port {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How many windows each of two guests gets in turns
        #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=100_000))]
        windows: u32,
        /// The host's CPU to measure on; by default the one that a module's core 0 would be
        #[arg(long)]
        cpu: Option<u32>,
    },
    /// What recording costs the windows
    Record {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How many windows to run, once without and once with a recording
        #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
        windows: u32,
        /// The host's CPU to measure on; by default the one that a module's core 0 would be
        #[arg(long)]
        cpu: Option<u32>,
    },
    /// What virtual interrupts cost, against what Linux offers an ordinary process
    Irq {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How many interrupts to measure
        #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
        count: u32,
        /// The host's CPU to measure on; by default the one that a module's core 0 would be
        #[arg(long)]
        cpu: Option<u32>,
    },
}

/// The arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// A module's configuration, or a guest's ELF file
    pub file: PathBuf,
    /// Arguments for a guest that is run by itself
    #[arg(last = true)]
    pub args: Vec<String>,
    /// Stop after this many major frames
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Stop after this time, such as "10s" or "500 ms"
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Option<std::time::Duration>,
    /// Record what happens to this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// How guests' output is shown: by line with the partition's name, or byte by byte (for one partition)
    #[arg(long, value_enum, default_value_t = Console::Prefix)]
    pub console: Console,
    /// Refuse to run without this
    #[arg(long, value_enum, value_name = "WHAT")]
    pub require: Option<Requirement>,
    /// Where `bulkhead top` and others can see the run: a socket that is made at this path, or "none" [default: one in a folder
    /// of yours, unless time is virtual]
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
    /// Let them stop the module and restart partitions
    #[arg(long)]
    pub control_write: bool,
    /// Run in virtual time: as fast as the host allows, and the same every time
    #[arg(long = "virtual", conflicts_with = "require")]
    pub virtual_time: bool,
    /// Stop at this virtual time, such as "1h"
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "virtual_time", conflicts_with = "duration")]
    pub until: Option<std::time::Duration>,
    /// What moves virtual time, and where interrupts strike: the basic blocks of instrumented guests, or each instruction of any guest,
    /// which is a thousand times slower and more
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Preempt::Block, requires = "virtual_time")]
    pub preempt: Preempt,
    /// What a basic block of an instrumented guest takes, in nanoseconds of virtual time [default: 2]; with `--preempt step`, what an
    /// instruction takes [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "virtual_time")]
    pub block_ns: Option<u32>,
    /// For how long partitions that run side by side on several cores take turns: no message crosses faster [default: 10 us]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "virtual_time")]
    pub quantum: Option<std::time::Duration>,
    /// Vary by this number how late timers strike and how long code takes, as `explore` does; 0: exact [default: 0]
    #[arg(long, value_name = "N", requires = "virtual_time")]
    pub seed: Option<u64>,
    /// How fast virtual time may run: "max", or a factor such as "1x" or "0.1x" [default: max]
    #[arg(long, value_name = "SPEED", value_parser = speed, requires = "virtual_time")]
    pub speed: Option<Speed>,
    /// Wait for a program at a socket that is made at this path, and let time go no further than it says
    #[arg(long, value_name = "PATH", requires = "virtual_time")]
    pub lockstep: Option<PathBuf>,
    /// Write the digest of a virtual run to this file
    #[arg(long, value_name = "FILE", requires = "virtual_time")]
    pub digest: Option<PathBuf>,
    /// Wait with a partition's first instruction until a debugger has attached to it; the name may be left out where there is one
    /// partition only
    #[arg(long, value_name = "PARTITION", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub debug: Option<String>,
    /// Print what the run came to as JSON; guests' output goes to standard error
    #[arg(long)]
    pub json: bool,
    /// Print no summary
    #[arg(long, short)]
    pub quiet: bool,
    /// End at once when this process, which is the parent, does; for `bulkhead test` and `explore`
    #[arg(long, value_name = "PID", hide = true)]
    pub die_with: Option<i32>,
}

/// How guests' output is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Console {
    /// Line by line, with the partition's name, control characters made visible
    Prefix,
    /// Unchanged
    Raw,
}

impl From<Console> for ConsoleMode {
    fn from(console: Console) -> ConsoleMode {
        match console {
            Console::Prefix => ConsoleMode::Prefix,
            Console::Raw => ConsoleMode::Raw,
        }
    }
}

/// What a run may require of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Requirement {
    /// Real-time scheduling
    Rt,
}

/// What moves virtual time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Preempt {
    /// Basic blocks of code that is compiled with -fsanitize-coverage=trace-pc
    #[default]
    Block,
    /// Instructions of any code: the processor steps through it
    Step,
}

impl Preempt {
    /// What a basic block, or else an instruction, takes by default, in nanoseconds.
    fn default_ns(self) -> u32 {
        match self {
            Preempt::Block => 2,
            Preempt::Step => 1,
        }
    }
}

/// For how long partitions that run side by side run one after the other by default, in nanoseconds.
const DEFAULT_QUANTUM_NS: u64 = 10_000;

/// How many times as fast as the host's time virtual time may run; `None` for as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed(pub Option<f64>);

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    let factor = text.strip_suffix('x').and_then(|factor| factor.parse::<f64>().ok());
    match factor {
        Some(factor) if (1e-6..=1e9).contains(&factor) => Ok(Speed(Some(factor))),
        _ => Err("must be \"max\" or a factor such as \"1x\" or \"0.1x\"".to_owned()),
    }
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    match crate::config::parse_duration_ns(text) {
        Ok(0) => Err("must be longer than zero".to_owned()),
        Ok(ns) => Ok(std::time::Duration::from_nanos(ns)),
        Err(problem) => Err(format!("{problem} (try \"10s\" or \"500 ms\")")),
    }
}

/// Runs the command line; the result is the exit status.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes. A closed standard output is nobody's business here.
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { WELL };
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("BULKHEAD_LOG").unwrap_or_default();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check { module } => check::run(&module),
        Command::Doctor { json } => doctor::run(json),
        Command::Bench { what: BenchCommand::Window { json, windows, cpu } } => bench::window::run(json, windows, cpu),
        Command::Bench { what: BenchCommand::Apex { json, cpu } } => bench::apex::run(json, cpu),
        Command::Bench { what: BenchCommand::Record { json, windows, cpu } } => bench::record::run(json, windows, cpu),
        Command::Bench { what: BenchCommand::Irq { json, count, cpu } } => bench::irq::run(json, count, cpu),
        Command::Bench { what: BenchCommand::Port { json, windows, cpu } } => bench::port::run(json, windows, cpu),
        Command::Test(args) => test::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Disturb(args) => profile::load::disturb(&args),
    }
}

/// Says what is wrong; the result is `status`.
fn complain(error: &dyn std::fmt::Display, status: u8) -> u8 {
    use std::io::Write as _;
    // Nobody can be told that standard error is gone.
    let _ = writeln!(std::io::stderr(), "bulkhead: {error}");
    status
}

/// Writes `text` to standard output. That the reader went away is its own affair.
fn print(text: &str) -> u8 {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format_args!("standard output: {error}"), HOST_CANNOT)
        }
        _ => WELL,
    }
}

/// Columns of the terminal, if the environment says so; else 80.
fn columns() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(80)
}

/// Whether the locale names a character set other than UTF-8.
fn terminal_is_ascii() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    report::words::is_ascii(locale)
}

/// Whether messages may be coloured.
fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
