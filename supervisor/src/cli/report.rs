//! `bulkhead report`: a recording as text for people, or as JSON for programs.
//!
//! People see microseconds, programs get nanoseconds. The text is laid out for the width it is given; what does not fit is
//! shortened, first the blanks, then the labels, then the decimals. Other forms go to files, and two recordings are set
//! side by side.

mod bars;
mod compare;
mod exports;
mod incidents;
mod table;
pub(super) mod words;

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::{GUEST_FAILED, HOST_CANNOT, USAGE, WELL, complain, print};
use crate::record::budget::{Budget, judge};
use crate::record::file;
use crate::record::stats::Stats;
use crate::record::summary::{Figure, Partition, Summary};
use words::{Style, counted};

/// Narrower than this, nothing would be aligned any more.
const MIN_WIDTH: usize = 60;

/// The arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// A file that `run --record` wrote
    pub file: PathBuf,
    /// A second one: show what changed from the first to it, and whether that is more than noise
    #[arg(conflicts_with_all = ["html", "perfetto", "csv", "queues_csv", "events_csv", "hgrm", "hlog", "cyclictest", "gate", "budget"])]
    pub after: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Other forms of the report
    #[command(flatten)]
    pub exports: Exports,
    /// What a figure may come to, such as "start=100us" or "nav:stop.p99=20us"; exit status 1 if it comes to more
    #[arg(long, value_name = "BUDGET")]
    pub budget: Vec<Budget>,
}

/// The forms that a recording can be turned into.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Exports {
    /// Write a page for people, with all it needs in one file
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Write a trace for ui.perfetto.dev
    #[arg(long, value_name = "OUT")]
    pub perfetto: Option<PathBuf>,
    /// Write a line for each window
    #[arg(long, value_name = "OUT")]
    pub csv: Option<PathBuf>,
    /// Write a line for each change of the number of messages that wait in a queuing channel
    #[arg(long, value_name = "OUT")]
    pub queues_csv: Option<PathBuf>,
    /// Write a line for each virtual interrupt raised, entered and finished, and each message sent, arrived and received
    #[arg(long, value_name = "OUT")]
    pub events_csv: Option<PathBuf>,
    /// Write HdrHistogram percentile distributions, one file for each partition, into this folder
    #[arg(long, value_name = "FOLDER")]
    pub hgrm: Option<PathBuf>,
    /// Write an HdrHistogram interval log (V2)
    #[arg(long, value_name = "OUT")]
    pub hlog: Option<PathBuf>,
    /// Write a histogram in cyclictest's layout
    #[arg(long, value_name = "OUT")]
    pub cyclictest: Option<PathBuf>,
    /// Write the verdict and the main figures as a small JSON file
    #[arg(long, value_name = "OUT")]
    pub gate: Option<PathBuf>,
}

/// Runs the subcommand; the result is the exit status.
pub fn run(args: &ReportArgs) -> u8 {
    if let Some(after) = &args.after {
        return compare::run(&args.file, after, args.json);
    }
    report(&args.file, args.json, &args.exports, &args.budget)
}

/// Reports on the recording at `path`: on standard output unless other forms are asked for, and in these.
pub(super) fn report(path: &Path, json: bool, exports: &Exports, budgets: &[Budget]) -> u8 {
    let (stats, summary) = match Stats::read(path) {
        Ok(found) => found,
        Err(error) => return complain(&error, USAGE),
    };
    let verdicts = match judge(&stats, budgets) {
        Ok(verdicts) => verdicts,
        Err(error) => return complain(&error, USAGE),
    };
    if let Err((error, status)) = exports::write(path, exports, budgets, &summary, &verdicts) {
        return complain(&error, status);
    }
    let printed = if json {
        match serde_json::to_string_pretty(&summary) {
            Ok(text) => print(&(text + "\n")),
            Err(error) => return complain(&error, HOST_CANNOT),
        }
    } else if exports.any() {
        // What a file does not say, or nobody looks for there.
        for warning in warnings(&summary) {
            complain(&warning, WELL);
        }
        WELL
    } else {
        print(&text(&summary, super::columns(), super::terminal_is_ascii()))
    };
    let broken = exports::complain_of(&verdicts);
    if printed != WELL {
        printed
    } else if broken {
        GUEST_FAILED
    } else {
        WELL
    }
}

/// Reads the recording at `path` to its end and adds it up.
///
/// # Errors
/// If the recording cannot be read. That its last event is cut off is no error, but noted in the summary.
pub fn summarize(path: &Path) -> Result<Summary, file::Error> {
    Stats::read(path).map(|(_, summary)| summary)
}

/// The report as text of lines no longer than `width` (60 at least), in ASCII if `ascii`.
pub fn text(summary: &Summary, width: usize, ascii: bool) -> String {
    let style = Style { width: width.max(MIN_WIDTH), ascii };
    let mut lines = heading(summary, style);
    lines.extend(warnings(summary).into_iter().flat_map(|warning| style.wrapped("! ", &warning)));
    if summary.partitions.len() > 1 {
        lines.push(String::new());
        lines.push(format!("Start of windows after their planned instant, in {}", style.micro()));
        lines.extend(table::overview(summary, style));
    }
    lines.extend(incidents::list(summary, style));
    let tables = table::figures(&summary.partitions, style);
    for (partition, table) in summary.partitions.iter().zip(tables) {
        lines.push(String::new());
        let name = style.clean(&partition.name);
        lines.push(format!("{name}: {} on core {}", counted(partition.windows, "window"), partition.core));
        let remarks = remarks(partition);
        if !remarks.is_empty() {
            lines.extend(style.wrapped("  ! ", &remarks.join(", ")));
        }
        if let Some(health) = health(partition) {
            lines.extend(style.wrapped("  health monitor: ", &health));
        }
        if partition.windows > 0 {
            lines.extend(table);
            lines.push(String::new());
            lines.extend(bars::histogram(&partition.start_lateness_ns, style));
        }
    }
    lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The report in short: a line for each partition, and one for whatever makes the figures incomplete.
pub fn brief(summary: &Summary) -> String {
    let style = Style { width: usize::MAX, ascii: false };
    let mut lines = table::brief(&summary.partitions, style);
    lines.extend(warnings(summary).into_iter().map(|warning| format!("! {warning}")));
    lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// How often the cores went over to another schedule, if they did.
fn switches(summary: &Summary) -> Option<String> {
    let most = summary.cores.iter().map(|core| core.schedule_switches).max().filter(|&most| most > 0)?;
    Some(format!("The schedule changed {}.", counted(most, "time")))
}

fn heading(summary: &Summary, style: Style) -> Vec<String> {
    let partitions = counted(summary.partitions.len() as u64, "partition");
    let cores = counted(summary.cores.len() as u64, "core");
    let module = format!(
        "Module {}: {partitions} on {cores}, major frame {}",
        style.clean(&summary.module),
        style.span(summary.major_frame_ns)
    );
    let began = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_nanos(summary.started_unix_ns));
    let lasted = format!("Recorded {began}, {}, {}", style.span(summary.duration_ns), counted(summary.events, "event"));
    let mut lines = style.wrapped("", &module);
    lines.extend(style.wrapped("", &lasted));
    lines.extend(switches(summary));
    let longest = summary.host.keys().map(|key| style.clean(key).chars().count()).max().unwrap_or(0).min(24);
    lines.extend(summary.host.iter().map(|(key, value)| {
        let key = style.cut(&style.clean(key), longest);
        style.cut(&format!("  {key:longest$}  {}", style.clean(value)), style.width)
    }));
    lines
}

/// What concerns the recording as a whole and makes its figures incomplete.
fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    for core in &summary.cores {
        let at = format!("core {} (CPU {})", core.number, core.cpu);
        if core.skipped_frames != 0 {
            warnings.push(format!("{at}: {} skipped as a whole", counted(core.skipped_frames, "major frame")));
        }
        if core.lost_events != 0 {
            warnings.push(format!("{at}: {} lost, which no figure contains", counted(core.lost_events, "event")));
        }
    }
    if summary.unknown_events != 0 {
        warnings.push(format!("{} of unknown kinds left out", counted(summary.unknown_events, "event")));
    }
    if summary.misplaced_events != 0 {
        let events = counted(summary.misplaced_events, "event");
        warnings.push(format!("{events} of cores or partitions that the header does not have left out"));
    }
    if summary.truncated_tail {
        warnings.push("the recording ends within an event, which is left out".to_owned());
    }
    warnings
}

/// What befell a partition besides its windows, as far as it did.
fn remarks(partition: &Partition) -> Vec<String> {
    let counts = [
        (partition.crashes, "crash"),
        (partition.forbidden_calls, "forbidden call"),
        (partition.failed_exits, "failed exit"),
        (partition.restarts, "restart"),
        (partition.late_windows, "late window"),
        (partition.skipped_windows, "skipped window"),
        (partition.vacant_windows - partition.vacant_by_intent, "vacant window"),
        (partition.overruns, "overrun"),
        (partition.unconfirmed_stops, "unconfirmed stop"),
        (partition.mode_requests, "mode request"),
        (partition.refused_schedule_requests, "refused schedule request"),
        (partition.lost_reports, "lost report"),
        (partition.trace_events_lost, "lost trace event"),
    ];
    let remarks = counts.into_iter().filter(|(count, _)| *count != 0);
    remarks.map(|(count, what)| counted(count, what)).collect()
}

/// What the health monitor did about a partition.
fn health(partition: &Partition) -> Option<String> {
    let answers = partition.health.iter().map(|health| {
        let (error, action) = (health.error.replace('_', " "), health.action.replace('_', " "));
        format!("{error} -> {action} ({})", health.count)
    });
    let answers: Vec<_> = answers.collect();
    (!answers.is_empty()).then(|| answers.join(", "))
}

/// The figures that the tables show, with a long and a short label.
fn shown(partition: &Partition) -> [(&'static str, &'static str, &Figure); 4] {
    [
        ("start lateness", "start", &partition.start_lateness_ns),
        ("first instruction", "first", &partition.first_instruction_ns),
        ("end overrun", "end", &partition.end_overrun_ns),
        ("stop confirmation", "stop", &partition.stop_confirmation_ns),
    ]
}

#[cfg(test)]
mod tests;
