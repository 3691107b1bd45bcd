//! `bulkhead run`: a module, or a single guest, from its start to its summary.

use std::path::Path;

use nix::sys::signal::Signal;
use nix::unistd::getppid;

use super::load::{Clock, Loaded, is_elf, module, single};
use super::{
    Console, DEFAULT_QUANTUM_NS, GUEST_FAILED, HOST_CANNOT, Preempt, Requirement, RunArgs, Speed, USAGE, WELL,
    colour_on_stderr, complain, print, report,
};
use crate::config::module::Start;
use crate::config::{self, Channel, Module, PartitionId};
use crate::partition::Fences;
use crate::supervise::{
    self, ControlOptions, Ending, Options, Outcome, RunError, State, VirtualOptions, VirtualOutcome,
};

/// Length of the windows of a guest that is run by itself in virtual time, in nanoseconds.
const ALONE_NS: u64 = 1_000_000_000;

/// Runs the subcommand; the result is the exit status.
pub fn run(args: &RunArgs) -> u8 {
    match try_run(args) {
        Ok(status) | Err(status) => status,
    }
}

fn try_run(args: &RunArgs) -> Result<u8, u8> {
    if let Some(parent) = args.die_with {
        die_with(parent)?;
    }
    let clock = match (args.virtual_time, &args.lockstep) {
        (false, _) => Clock::Host,
        (true, None) => Clock::Virtual,
        (true, Some(_)) => Clock::Lockstep,
    };
    let (mut module, guests) = load(&args.file, &args.args, clock)?;
    if args.virtual_time && is_elf(&args.file) {
        widen(&mut module);
    }
    if args.console == Console::Raw && module.partitions.len() > 1 {
        let words = "--console raw shows the output of one partition, and this module has more";
        return Err(complain(&words, USAGE));
    }
    let virtual_time = args.virtual_time.then(|| VirtualOptions {
        steps: args.preempt == Preempt::Step,
        block_ns: args.block_ns.unwrap_or(args.preempt.default_ns()),
        quantum_ns: args.quantum.map_or(DEFAULT_QUANTUM_NS, |quantum| quantum.as_nanos() as u64),
        seed: args.seed.unwrap_or(0),
        speed: args.speed.and_then(|Speed(speed)| speed),
        lockstep: args.lockstep.clone(),
    });
    if args.virtual_time
        && let Some(channel) = module.channels.iter().find(|channel| channel.has_socket())
    {
        let words = "ends at a socket, whose other side lives in the host's time: there is none in virtual time";
        return Err(complain(&format_args!("--virtual: channel \"{}\" {words}", channel.name), USAGE));
    }
    let options = Options {
        frames: args.frames,
        duration: args.until.or(args.duration),
        record: args.record.clone(),
        console: args.console.into(),
        require_rt: args.require == Some(Requirement::Rt),
        console_on_stderr: args.json,
        quiet: args.quiet,
        fences: Fences::ALL,
        stop_on_start_ns: None,
        tap: None,
        control: control(args),
        debug: args.debug.as_deref().map(|name| debugged(name, &module)).transpose()?,
        virtual_time,
    };
    let outcome = supervise::run(&module, guests, &options).map_err(|error| {
        let is_usage = matches!(error, RunError::Record(_) | RunError::Control { .. } | RunError::Lockstep { .. });
        let status = if is_usage { USAGE } else { HOST_CANNOT };
        complain(&error, status)
    })?;
    if let (Some(path), Some(virtual_time)) = (&args.digest, &outcome.virtual_time) {
        std::fs::write(path, format!("{}\n", virtual_time.digest))
            .map_err(|error| complain(&format_args!("--digest {}: {error}", path.display()), USAGE))?;
    }
    if args.json {
        match serde_json::to_string_pretty(&outcome) {
            Ok(json) => print(&(json + "\n")),
            Err(error) => complain(&error, HOST_CANNOT),
        };
    } else if !args.quiet {
        complain(&ending(&outcome), WELL);
        for line in lost_messages(&outcome) {
            complain(&line, WELL);
        }
        match &outcome.virtual_time {
            Some(virtual_time) => complain(&figures(virtual_time), WELL),
            None => {
                eprint(&report::brief(&outcome.summary));
                WELL
            }
        };
    }
    Ok(status(&outcome))
}

/// Where other programs can see the run: a run in real time by itself, unless told otherwise; one in virtual time is over soon.
fn control(args: &RunArgs) -> Option<ControlOptions> {
    let write = args.control_write;
    match &args.control {
        Some(path) if path.as_os_str() == "none" => None,
        Some(path) => Some(ControlOptions { path: Some(path.clone()), write }),
        None if args.die_with.is_some() || (args.virtual_time && !write) => None,
        None => Some(ControlOptions { path: None, write }),
    }
}

/// The partition that is to be debugged, by its name.
fn debugged(name: &str, module: &Module) -> Result<PartitionId, u8> {
    let names: Vec<&str> = module.partitions.iter().map(|partition| partition.name.as_str()).collect();
    let index = match (name, &names[..]) {
        ("", [_]) => Some(0),
        _ => names.iter().position(|&each| each == name),
    };
    let Some(index) = index else {
        let problem = if name.is_empty() {
            "--debug=PARTITION names one of them where there are several".to_owned()
        } else {
            format!("--debug={name}: there is no such partition")
        };
        return Err(complain(&format_args!("{problem}: {}", names.join(", ")), USAGE));
    };
    if module.partitions[index].start == Start::Idle {
        let words = "starts only when another partition or a client starts it";
        return Err(complain(&format_args!("--debug: partition \"{}\" {words}", names[index]), USAGE));
    }
    Ok(PartitionId(index as u16))
}

/// Ties this process to its parent: guests end with it in any case.
fn die_with(parent: i32) -> Result<(), u8> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| complain(&format_args!("cannot follow the parent process: {error}"), HOST_CANNOT))?;
    // It may have ended before that.
    if getppid().as_raw() == parent { Ok(()) } else { Err(complain(&"the parent process is gone", HOST_CANNOT)) }
}

/// Gives the one partition of a module without a configuration longer windows: each end of one costs a hand-over, and
/// nobody else wants the core.
fn widen(module: &mut Module) {
    module.major_frame_ns = ALONE_NS;
    for window in module.cores.iter_mut().flat_map(|core| &mut core.windows) {
        window.duration_ns = ALONE_NS;
    }
}

/// A single guest, or a module that can run by this clock.
pub(super) fn load(file: &Path, args: &[String], clock: Clock) -> Result<Loaded, u8> {
    if is_elf(file) {
        return single(file, args);
    }
    // A file that is not there is what the user should hear of first.
    if !args.is_empty() && file.exists() {
        return Err(complain(
            &"arguments behind -- are for a single guest; a module's are in its configuration",
            USAGE,
        ));
    }
    let loaded = module(file, clock != Clock::Host)?;
    if clock != Clock::Lockstep && loaded.0.channels.iter().any(Channel::has_outside) {
        eprint(&config::outside_is_missing(file).render(colour_on_stderr()));
        return Err(USAGE);
    }
    Ok(loaded)
}

fn status(outcome: &Outcome) -> u8 {
    if outcome.failed() {
        GUEST_FAILED
    } else if outcome.recording_error.is_some() || outcome.ending == Ending::Abandoned {
        HOST_CANNOT
    } else {
        WELL
    }
}

/// A line for each channel end that messages were lost at.
fn lost_messages(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    for channel in &outcome.channels {
        let name = &channel.name;
        for socket in channel.sockets.iter().filter(|socket| socket.dropped > 0) {
            lines.push(format!("channel \"{name}\": {} messages dropped at {}", socket.dropped, socket.socket));
        }
        if channel.nonsense > 0 {
            lines.push(format!("channel \"{name}\": {} senseless messages or positions", channel.nonsense));
        }
    }
    lines
}

/// Why the run ended, in one line.
pub(super) fn ending(outcome: &Outcome) -> String {
    let failed: Vec<&str> = outcome
        .partitions
        .iter()
        .filter(|partition| matches!(partition.state, State::Idle { failed: true, .. }))
        .map(|partition| partition.name.as_str())
        .collect();
    let why = match &outcome.ending {
        Ending::Complete => "complete".to_owned(),
        Ending::AllEnded => "every partition has ended".to_owned(),
        Ending::LateWindow { partition, lateness_ns } => {
            format!("stopped at a window of \"{partition}\" that was {:.1} µs late", *lateness_ns as f64 / 1000.0)
        }
        Ending::Interrupted => "interrupted".to_owned(),
        Ending::OutputClosed => "nobody reads the output any more".to_owned(),
        Ending::Shutdown { partition } => format!("stopped by the health monitor on behalf of \"{partition}\""),
        Ending::Storm { partition } => format!("stopped by the health monitor: \"{partition}\" keeps failing"),
        Ending::PowerFail => "stopped by the health monitor: the host is about to lose its power".to_owned(),
        Ending::Deadlock => "deadlock".to_owned(),
        Ending::Stopped => "stopped by the client".to_owned(),
        Ending::Abandoned => "stopped: the client is gone".to_owned(),
        Ending::Stuck { partition } => format!("stopped: \"{partition}\" does not move the virtual clock"),
        Ending::BirthFailed { partition } => format!("stopped: \"{partition}\" cannot be restarted"),
    };
    if failed.is_empty() { why } else { format!("{why}; failed: {}", failed.join(", ")) }
}

/// What a virtual run came to, in one line.
fn figures(outcome: &VirtualOutcome) -> String {
    format!(
        "{:.6} s of virtual time in {:.3} s, {:.1} times real time; digest {}",
        outcome.elapsed_ns as f64 / 1e9,
        outcome.host_ns as f64 / 1e9,
        outcome.ratio,
        outcome.digest
    )
}

fn eprint(text: &str) {
    use std::io::Write as _;
    // Nobody can be told that standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
