//! What an analysis comes to: all that a page shows, ready to be drawn.
//!
//! Times are whole nanoseconds. Instants count from the beginning of the recording, since a page's numbers are exact to
//! 2^53 only, and CLOCK_MONOTONIC may be beyond that.

use serde::Serialize;

use super::Analysis;
use super::axis::Axis;
use super::blame::{Cause, Share};
use crate::record::budget::Verdict;
use crate::record::summary::{Figure, Summary};

/// A recording, ready to be shown.
#[derive(Debug, Serialize)]
pub struct Profile {
    /// The very figures that `report --json` prints.
    pub summary: Summary,
    /// How the budgets were kept; empty without budgets.
    pub verdicts: Vec<Verdict>,
    /// By partition: a window that starts later than this is marked.
    pub limits_ns: Vec<u64>,
    /// What the columns of the windows' series mean.
    pub axis: Axis,
    /// The windows of the major frame, by core and start.
    pub windows: Vec<Window>,
    /// What windows were late for, all together.
    pub causes: Vec<CauseTotal>,
    /// Whether the recording holds what causes are found by.
    pub sampled: bool,
    /// The windows that started latest, worst first.
    pub worst: Vec<Worst>,
    /// What happened around some of these.
    pub timelines: Vec<Timeline>,
    /// Notable events.
    pub marks: Vec<Mark>,
    /// Notable events for which there was no room.
    pub marks_left_out: u64,
}

/// A window of the major frame.
#[derive(Debug, Serialize)]
pub struct Window {
    /// Index of its core.
    pub core: u16,
    /// Index of its partition.
    pub partition: u16,
    /// From the beginning of the major frame to its start.
    pub start_ns: u64,
    /// Its length; 0 if the schedule does not tell.
    pub duration_ns: u64,
    /// How late it started.
    pub figure: Figure,
    /// The same on a fine logarithmic scale.
    pub bins: Vec<Bin>,
    /// Percentiles: part of all windows, and what they do not exceed.
    pub curve: Vec<(f64, u64)>,
    /// The largest lateness in each column of the axis; none where it did not run.
    pub max_ns: Vec<Option<u64>>,
    /// The mean lateness in each column of the axis.
    pub mean_ns: Vec<Option<u64>>,
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bin {
    /// The smallest value in it.
    pub from: u64,
    /// The smallest value above it.
    pub to: u64,
    /// How many values.
    pub count: u64,
}

/// What one cause cost.
#[derive(Debug, Clone, Serialize)]
pub struct CauseTotal {
    /// The cause.
    pub cause: Cause,
    /// What people call it.
    pub name: &'static str,
    /// Lateness of all windows that it accounts for, those that did not start included, until the dispatcher came.
    pub ns: u64,
    /// Windows that it is the main cause of.
    pub windows: u64,
    /// Lateness of late windows that it accounts for.
    pub late_ns: u64,
    /// Late windows that it is the main cause of.
    pub late_windows: u64,
}

impl CauseTotal {
    pub(super) fn new(cause: Cause) -> CauseTotal {
        CauseTotal { cause, name: cause.name(), ns: 0, windows: 0, late_ns: 0, late_windows: 0 }
    }
}

/// One of the latest windows.
#[derive(Debug, Clone, Serialize)]
pub struct Worst {
    /// Index of its core.
    pub core: u16,
    /// Index of its partition.
    pub partition: u16,
    /// Its major frame.
    pub frame: u64,
    /// Its planned start.
    pub at_ns: u64,
    /// How late it started: to its first instruction, or, if that is not known, to its continuation; of one that did not start, to the
    /// dispatcher's coming.
    pub lateness_ns: u64,
    /// Whether it did not start, because it was over when the dispatcher came; with others, if whole major frames were.
    pub missed: bool,
    /// Which of the two.
    pub to_first_instruction: bool,
    /// Whether that is more than it may be.
    pub over_budget: bool,
    /// The cause with the largest share.
    pub cause: Cause,
    /// Shares of all causes, largest first; they add up to the lateness.
    pub shares: Vec<Share>,
    /// Interrupts of the host on its core, from the sample before the window to the one behind its start; 0 if nobody counted.
    pub interrupts: u64,
    /// The sources that most of them came from, the most frequent first.
    pub sources: Vec<Moved>,
}

/// A source of interrupts, and how many it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// What people call it.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// A notable event.
#[derive(Debug, Clone, Serialize)]
pub struct Mark {
    /// When.
    pub at_ns: u64,
    /// Index of the core.
    pub core: u16,
    /// Index of the partition, if it concerns one.
    pub partition: Option<u16>,
    /// What happened.
    pub what: String,
}

/// What happened in and around a major frame.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// The frame.
    pub frame: u64,
    /// Where the picture begins.
    pub from_ns: u64,
    /// Where it ends.
    pub to_ns: u64,
    /// Where the frame begins.
    pub frame_ns: u64,
    /// The spans, in the order of recording.
    pub spans: Vec<Span>,
}

/// A span of a timeline.
#[derive(Debug, Clone, Serialize)]
pub struct Span {
    /// What it is.
    pub kind: SpanKind,
    /// Index of the core.
    pub core: u16,
    /// Index of the partition, if it concerns one.
    pub partition: Option<u16>,
    /// Its beginning.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// More words for it; empty for most.
    pub what: String,
}

/// Kinds of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// The partition ran.
    Ran,
    /// From the planned start to the dispatcher's waking.
    Wake,
    /// Stopping a partition.
    Stop,
    /// Continuing a partition.
    Continue,
    /// From there to its first instruction.
    Entry,
    /// A window that was over before the dispatcher came.
    Skipped,
    /// The guest served an interrupt.
    Interrupt,
    /// The guest sent a message, at an instant.
    Sent,
    /// The guest received a message, at an instant.
    Received,
    /// Messages had come for the guest, at an instant.
    Arrived,
    /// An interrupt of the guest's was raised, at an instant.
    Raised,
    /// Something else, at an instant.
    Mark,
}

impl Analysis {
    pub(super) fn profile(mut self, summary: Summary, verdicts: Vec<Verdict>, timelines: Vec<Timeline>) -> Profile {
        let base_ns = self.base_ns();
        let shift = self.slots.iter().map(super::Slot::shift).max().unwrap_or(0);
        let header = &self.header;
        let duration_ns = |core: u16, partition: u16, start_ns: u64| {
            let windows = header.cores.get(usize::from(core)).map_or(&[][..], |core| &core.windows);
            let same = windows.iter().find(|window| window.partition == partition && window.start_ns == start_ns);
            same.map_or(0, |window| window.duration_ns)
        };
        let mut windows: Vec<_> = self.slots.iter_mut().map(|slot| slot.window(base_ns, duration_ns, shift)).collect();
        windows.sort_by_key(|window| (window.core, window.start_ns, window.partition));
        let columns = windows.iter().map(|window| window.max_ns.len()).max().unwrap_or(0);
        Profile {
            summary,
            verdicts,
            limits_ns: self.limits,
            axis: Axis { first_frame: self.first_frame.unwrap_or(0), frames_per_column: 1 << shift, columns },
            windows,
            causes: self.causes.into_iter().filter(|total| total.ns > 0).collect(),
            sampled: self.sampled,
            worst: self.worst,
            timelines,
            marks: self.marks,
            marks_left_out: self.marks_left_out,
        }
    }
}
