//! `bulkhead profile`: run, record, report, and fail if a budget breaks. The gate of a pipeline, in one command.

pub(super) mod load;

use std::path::PathBuf;
use std::time::Duration;

use super::load::Clock;
use super::report::{Exports, report};
use super::run::{ending, load as load_module};
use super::{HOST_CANNOT, Requirement, USAGE, WELL, complain};
use crate::host::Cpus;
use crate::partition::Fences;
use crate::record::budget::Budget;
use crate::supervise::{self, ConsoleMode, Ending, Options, RunError};
use load::{Disturbance, Load};

/// The arguments of `profile`.
#[derive(Debug, clap::Args)]
pub struct ProfileArgs {
    /// A module's configuration, or a guest's ELF file
    pub file: PathBuf,
    /// Arguments for a guest that is run by itself
    #[arg(last = true)]
    pub args: Vec<String>,
    /// How long to run, such as "60s"
    #[arg(long = "for", value_name = "TIME", value_parser = super::duration, default_value = "60s")]
    pub duration: Duration,
    /// What a figure may come to, such as "start=100us" or "nav:stop.p99=20us"; exit status 1 if it comes to more
    #[arg(long, value_name = "BUDGET")]
    pub budget: Vec<Budget>,
    /// Stop at the first window that starts later, such as "start>500us"; what led to it is in the recording
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    pub stop_on: Option<u64>,
    /// Disturb the host meanwhile; several with commas
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub load: Vec<Load>,
    /// Keep the recording in this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Refuse to run without this
    #[arg(long, value_enum, value_name = "WHAT")]
    pub require: Option<Requirement>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Other forms of the report
    #[command(flatten)]
    pub exports: Exports,
}

/// The nanoseconds of `start>TIME`.
fn condition(text: &str) -> Result<u64, String> {
    let (what, time) = text.split_once('>').ok_or("has no \">\" (try \"start>500us\")")?;
    if what.trim() != "start" {
        return Err(format!("\"{what}\" cannot be waited for (try \"start>500us\")"));
    }
    crate::config::parse_duration_ns(time)
}

/// Runs the subcommand; the result is the exit status.
pub fn run(args: &ProfileArgs) -> u8 {
    match profile(args) {
        Ok(status) | Err(status) => status,
    }
}

fn profile(args: &ProfileArgs) -> Result<u8, u8> {
    let (module, guests) = load_module(&args.file, &args.args, Clock::Host)?;
    if let Some(name) = args.budget.iter().filter_map(|budget| budget.partition.as_ref()).find(|name| {
        let is = |partition: &&crate::config::Partition| partition.name == **name;
        module.partitions.iter().find(is).is_none()
    }) {
        return Err(complain(&format_args!("--budget: there is no partition \"{name}\""), USAGE));
    }
    let scratch = Scratch::new();
    let recording = args.record.clone().unwrap_or_else(|| scratch.0.clone());
    let cpus = Cpus::of_this_process().map_err(|error| complain(&error, HOST_CANNOT))?;
    let scheduled: Vec<u32> = module.cores.iter().map(|core| core.cpu).collect();
    let disturbances: Result<Vec<_>, _> =
        args.load.iter().map(|load| Disturbance::start(*load, &scheduled, &cpus.housekeeping(&scheduled))).collect();
    let disturbances = disturbances.map_err(|error| complain(&format_args!("--load: {error}"), HOST_CANNOT))?;
    let options = Options {
        frames: None,
        duration: Some(args.duration),
        record: Some(recording.clone()),
        console: ConsoleMode::Prefix,
        require_rt: args.require == Some(Requirement::Rt),
        console_on_stderr: true,
        quiet: false,
        fences: Fences::ALL,
        stop_on_start_ns: args.stop_on,
        tap: None,
        control: None,
        debug: None,
        virtual_time: None,
    };
    let outcome = supervise::run(&module, guests, &options);
    drop(disturbances);
    let outcome = outcome.map_err(|error| {
        let status = if matches!(error, RunError::Record(_)) { USAGE } else { HOST_CANNOT };
        complain(&error, status)
    })?;
    complain(&ending(&outcome), WELL);
    if matches!(outcome.ending, Ending::LateWindow { .. }) && args.record.is_none() && !args.exports.any() {
        complain(&"nothing is kept of what led to it: name a file with --record, or a page with --html", WELL);
    }
    if let Some(error) = &outcome.recording_error {
        return Err(complain(&format_args!("no report: the recording is not complete: {error}"), HOST_CANNOT));
    }
    let status = report(&recording, args.json, &args.exports, &args.budget);
    Ok(if status == WELL && outcome.failed() { super::GUEST_FAILED } else { status })
}

/// A recording that nobody asked to keep: in the folder for such files, and gone when this is.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        Scratch(std::env::temp_dir().join(format!("bulkhead-profile-{}.rec", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        assert_eq!(condition("start>500us"), Ok(500_000));
        for wrong in ["start", "stop>1us", "start>soon"] {
            assert!(condition(wrong).is_err(), "{wrong}");
        }
    }
}
