//! What a recording comes to, in numbers: the form that `--json` prints and that the text report is made from.
//!
//! Times are whole nanoseconds throughout.

use std::collections::BTreeMap;

use serde::Serialize;

use super::incident::Incident;

/// The figures of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The module's name.
    pub module: String,
    /// Length of the major frame.
    pub major_frame_ns: u64,
    /// A window that started later than this counts as late.
    pub late_after_ns: u64,
    /// A stop that was confirmed later than this after its window's end counts as an overrun.
    pub overrun_after_ns: u64,
    /// When the recording began, since 1970-01-01 00:00 UTC.
    pub started_unix_ns: u64,
    /// From the beginning of the recording to its last event.
    pub duration_ns: u64,
    /// Facts about the host.
    pub host: BTreeMap<String, String>,
    /// Events, known or not.
    pub events: u64,
    /// Events of kinds that this version does not know; they are in no figure.
    pub unknown_events: u64,
    /// Events of cores or partitions that the recording's header does not have; they are in no figure.
    pub misplaced_events: u64,
    /// Whether the file ended within an event, which was left out.
    pub truncated_tail: bool,
    /// The cores, in the module's order.
    pub cores: Vec<Core>,
    /// The partitions, in the module's order.
    pub partitions: Vec<Partition>,
    /// What went wrong and what guests reported, the first [`super::incident::MOST`].
    pub incidents: Vec<Incident>,
    /// How many more there were.
    pub incidents_left_out: u64,
}

/// The figures of a core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Core {
    /// The number that the configuration uses.
    pub number: u32,
    /// The host's CPU that served as this core.
    pub cpu: u32,
    /// Major frames that the dispatcher missed as a whole.
    pub skipped_frames: u64,
    /// Events that were lost because the ring was full; no figure contains them.
    pub lost_events: u64,
    /// How often it went over to another schedule.
    pub schedule_switches: u64,
}

/// The figures of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// The number of its core in the configuration.
    pub core: u32,
    /// Windows in which it ran.
    pub windows: u64,
    /// Of these, the ones that started late.
    pub late_windows: u64,
    /// Windows for which it had nothing to run.
    pub vacant_windows: u64,
    /// Of these, the ones before its start, or after it had ended well.
    pub vacant_by_intent: u64,
    /// Windows that were over before the dispatcher came.
    pub skipped_windows: u64,
    /// Windows that did not start though there was something to run: the skipped ones, and those of major frames that were skipped as a
    /// whole, by the first schedule. No lateness contains them.
    pub missed_windows: u64,
    /// Windows after which the stop was confirmed late, or not at all.
    pub overruns: u64,
    /// Of these, the ones whose stop was never confirmed.
    pub unconfirmed_stops: u64,
    /// Starts, the first one included.
    pub births: u64,
    /// Starts but for the first one.
    pub restarts: u64,
    /// How often a signal ended the guest.
    pub crashes: u64,
    /// How often a forbidden system call ended the guest.
    pub forbidden_calls: u64,
    /// How often the guest ended itself.
    pub failed_exits: u64,
    /// How often the guest ended itself and asked for another mode.
    pub mode_requests: u64,
    /// Reports of the guest.
    pub reports: u64,
    /// Reports for which there was no room.
    pub lost_reports: u64,
    /// How often the guest asked for another schedule.
    pub schedule_requests: u64,
    /// Of these, how often there was no such schedule, or it was not permitted.
    pub refused_schedule_requests: u64,
    /// Virtual interrupts that were raised and had not been raised already: by the supervisor, or, by the guest's word, by the guest
    /// itself. The timer's are not among them. This and the next eight are 0 unless the run was recorded.
    pub interrupts_raised: u64,
    /// Virtual interrupts that the guest began to serve. This and the following are by the guest's word.
    pub interrupts: u64,
    /// Ticks of its timer.
    pub timer_ticks: u64,
    /// Messages that it sent.
    pub messages_sent: u64,
    /// Messages that the supervisor found had come for it: all of a queue's, by the sender's word, and the latest of a sampling
    /// channel's.
    pub messages_arrived: u64,
    /// Messages that it received; a sample counts whenever it is read.
    pub messages_received: u64,
    /// How often its executive changed over to another process, or to none.
    pub process_switches: u64,
    /// Events of this sort that were overwritten before they were fetched, made no sense, or were too many; no figure contains them.
    pub trace_events_lost: u64,
    /// Of these, the ones that were more than a guest may have in a recording.
    pub trace_events_in_excess: u64,
    /// What the health monitor did.
    pub health: Vec<Health>,
    /// From a window's planned start to the instant at which the partition had been continued.
    pub start_lateness_ns: Figure,
    /// From a window's planned start to the first instruction that the guest ran in it, by the guest's word; without values unless the
    /// run was recorded and the guest's shim stamps.
    pub first_instruction_ns: Figure,
    /// From a window's planned start to the instant at which the dispatcher awoke.
    pub dispatcher_lateness_ns: Figure,
    /// From a window's planned end to the instant from which on the guest no longer ran.
    pub end_overrun_ns: Figure,
    /// From the request to stop to its confirmation.
    pub stop_confirmation_ns: Figure,
}

/// How often the health monitor answered an error with an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The error; `unknown` for one of a later version.
    pub error: &'static str,
    /// The action; `unknown` for one of a later version.
    pub action: &'static str,
    /// How often.
    pub count: u64,
}

/// A distribution of times in nanoseconds. All numbers are 0 if `count` is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// How many values.
    pub count: u64,
    /// The smallest, exact.
    pub min: u64,
    /// The median, within the precision of the statistics.
    pub p50: u64,
    /// 90 % of all values are not above it.
    pub p90: u64,
    /// 99 % of all values are not above it.
    pub p99: u64,
    /// 99.9 % of all values are not above it.
    pub p999: u64,
    /// The largest, exact up to 100 s.
    pub max: u64,
    /// The mean, rounded down.
    pub mean: u64,
    /// Exact counts by size, from the smallest bucket in use to the largest.
    pub buckets: Vec<Bucket>,
}

/// How many values lie in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The smallest value in the range.
    pub from: u64,
    /// The smallest value above the range; none if it is open.
    pub to: Option<u64>,
    /// How many values.
    pub count: u64,
}
