//! A recording, read for a person: where the time went, when, and why.
//!
//! The recording is read twice, in memory that does not grow with its length. The first reading adds up the figures of
//! every window of the major frame, its lateness along the run, and the causes; and it picks the worst windows. The second
//! one fetches what happened around these. What comes out is a [`Profile`], some hundred kilobytes whatever the run's
//! length, and all that a page has to show.

pub mod axis;
pub mod blame;
mod evidence;
pub mod profile;
mod slot;
mod timeline;

use std::collections::HashMap;
use std::path::Path;

use self::blame::{Cause, Instants, Stop, blame, lateness_ns};
use self::evidence::{Matcher, Pending};
pub use self::profile::Profile;
use self::profile::{CauseTotal, Mark, Moved, Worst};
use self::slot::Slot;
use super::budget::{Budget, Measure, Statistic, judge};
use super::codes::describe;
use super::event::{Event, Kind};
use super::file::{self, Reader};
use super::header::Header;
use super::stats::{Precision, Stats};
use super::summary::Summary;

/// How many of the worst windows are listed.
const WORST: usize = 40;
/// Windows of a major frame that get figures of their own; further ones are left to the partition's.
const MAX_SLOTS: usize = 1024;
/// Up to this many windows get the full precision.
const PRECISE_SLOTS: usize = 128;
/// Sources of interrupts that are named with a late window.
const SOURCES: usize = 5;
/// Notable events that are kept.
const MARKS: usize = 400;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] file::Error),
    /// A budget is for something that the recording does not have.
    #[error("{0}")]
    Budget(String),
}

/// Reads the recording at `path` and judges it by `budgets`.
///
/// # Errors
/// If the recording cannot be read, or a budget names a partition that it does not have.
pub fn analyse(path: &Path, budgets: &[Budget]) -> Result<Profile, Error> {
    let mut reader = Reader::open(path)?;
    let mut first = Analysis::new(reader.header(), budgets);
    for event in reader.by_ref() {
        first.add(&event?);
    }
    let summary = Summary { truncated_tail: reader.truncated_tail(), ..first.stats.summary() };
    let verdicts = judge(&first.stats, budgets).map_err(Error::Budget)?;
    first.finish();
    let mut around = timeline::Collector::new(reader.header(), first.base_ns(), &first.worst);
    for event in Reader::open(path)? {
        around.add(&event?);
    }
    Ok(first.profile(summary, verdicts, around.timelines()))
}

/// What a pending window is remembered by.
#[derive(Debug, Clone, Copy)]
struct Late {
    core: u16,
    partition: u16,
    frame: u64,
    /// It was over before the dispatcher came.
    missed: bool,
}

#[derive(Debug)]
struct Core {
    matcher: Matcher<Late>,
    /// Major frames that have been skipped as a whole since the last window, and when the dispatcher noticed.
    skipped: Option<(u64, u64)>,
    /// When the dispatcher awoke for the boundary at which a window ended last, and how that stop went.
    stop: Option<(u64, Stop)>,
    /// Until when the dispatcher was busy with the boundary before the current one, and with the current one.
    busy_before_ns: u64,
    busy_ns: u64,
    /// The main cause of the last window's lateness.
    cause: Cause,
}

/// The first reading.
#[derive(Debug)]
struct Analysis {
    header: Header,
    stats: Stats,
    limits: Vec<u64>,
    /// By partition: what the first instruction may be late by.
    first_limits: Vec<u64>,
    index: HashMap<(u16, u16, u64), usize>,
    slots: Vec<Slot>,
    cores: Vec<Core>,
    causes: Vec<CauseTotal>,
    worst: Vec<Worst>,
    /// A window less late than this is not among the worst.
    floor_ns: u64,
    marks: Vec<Mark>,
    marks_left_out: u64,
    first_frame: Option<u64>,
    windows: u64,
    sampled: bool,
}

impl Analysis {
    fn new(header: &Header, budgets: &[Budget]) -> Analysis {
        let core = |_| Core {
            matcher: Matcher::new(),
            skipped: None,
            stop: None,
            busy_before_ns: 0,
            busy_ns: 0,
            cause: Cause::Unknown,
        };
        let limit = |name: &str, measure: Measure| {
            let about = |budget: &&Budget| {
                budget.measure == measure
                    && budget.statistic == Statistic::Max
                    && budget.partition.as_ref().is_none_or(|partition| partition == name)
            };
            budgets.iter().filter(about).map(|budget| budget.limit_ns).min()
        };
        let start_limit = |name: &str| limit(name, Measure::Start).unwrap_or(header.late_after_ns);
        let first_limit = |name: &str| limit(name, Measure::First).unwrap_or(u64::MAX);
        Analysis {
            stats: Stats::new(header, Precision::Report),
            limits: header.partitions.iter().map(|partition| start_limit(&partition.name)).collect(),
            first_limits: header.partitions.iter().map(|partition| first_limit(&partition.name)).collect(),
            index: HashMap::new(),
            slots: Vec::new(),
            cores: (0..header.cores.len()).map(core).collect(),
            causes: Cause::ALL.into_iter().map(CauseTotal::new).collect(),
            worst: Vec::new(),
            floor_ns: 0,
            marks: Vec::new(),
            marks_left_out: 0,
            first_frame: None,
            windows: 0,
            sampled: false,
            header: header.clone(),
        }
    }

    fn add(&mut self, event: &Event) {
        self.stats.add(event);
        match event.kind {
            Kind::WindowStart { frame, planned_ns, awake_ns, continued_ns } => {
                self.window(event, frame, planned_ns, awake_ns, Some(continued_ns));
            }
            Kind::WindowSkipped { frame, planned_ns, awake_ns } => {
                self.window(event, frame, planned_ns, awake_ns, None);
                self.mark(event);
            }
            Kind::FramesSkipped { count, .. } => {
                if let Some(core) = self.cores.get_mut(usize::from(event.core)) {
                    core.skipped = Some((count, event.time_ns));
                }
                self.mark(event);
            }
            Kind::WindowEnd { awake_ns, confirmed_ns, first_ns, .. } => {
                let Some(core) = self.cores.get_mut(usize::from(event.core)) else { return };
                core.busy_before_ns = core.busy_ns;
                core.busy_ns = confirmed_ns.max(awake_ns);
                let stop = if confirmed_ns == 0 { Stop::Unconfirmed } else { Stop::Confirmed(confirmed_ns) };
                core.stop = Some((awake_ns, stop));
                core.matcher.settle(first_ns);
            }
            Kind::Waited { waited_ns } => {
                if let Some(core) = self.cores.get_mut(usize::from(event.core)) {
                    core.matcher.waited(waited_ns);
                }
            }
            Kind::Interrupts(interrupts) => {
                if let Some(core) = self.cores.get_mut(usize::from(event.core)) {
                    core.matcher.interrupts(interrupts);
                }
            }
            Kind::InterruptsFrom { source, count } => {
                if let Some(core) = self.cores.get_mut(usize::from(event.core)) {
                    core.matcher.interrupts_from(source, count);
                }
            }
            Kind::Sample(sample) => {
                self.sampled = true;
                let Some(core) = self.cores.get_mut(usize::from(event.core)) else { return };
                for (window, evidence) in core.matcher.sample(event.time_ns, sample) {
                    self.judge(window, &evidence);
                }
            }
            Kind::Resumed => {
                self.cores.iter_mut().for_each(|core| core.matcher.resumed(event.time_ns));
                self.mark(event);
            }
            kind if kind.is_traced() => {}
            Kind::Waiting { .. }
            | Kind::InterruptRaised { .. }
            | Kind::Arrived { .. }
            | Kind::WindowVacant { .. }
            | Kind::Report { .. }
            | Kind::Text { .. }
            | Kind::Unknown { .. } => {}
            _ => self.mark(event),
        }
    }

    /// A window started, unless it was over when the dispatcher came.
    fn window(&mut self, event: &Event, frame: u64, planned_ns: u64, awake_ns: u64, continued_ns: Option<u64>) {
        let (core_index, partition) = (event.core, event.partition);
        let Some(core) = self.cores.get_mut(usize::from(core_index)) else { return };
        if usize::from(partition) >= self.header.partitions.len() {
            return;
        }
        let missed = continued_ns.is_none();
        // The same window of the first frame that was skipped stands for all that were.
        let skipped = core.skipped.take().filter(|(_, noticed_ns)| *noticed_ns == awake_ns);
        let same = core.stop.take().filter(|(awake, _)| *awake == awake_ns);
        let busy_until_ns = if same.is_some() { core.busy_before_ns } else { core.busy_ns };
        core.busy_before_ns = core.busy_ns;
        core.busy_ns = continued_ns.unwrap_or(awake_ns);
        let stop = same.map(|(_, stop)| stop);
        let busy_ns = core.busy_ns;
        let instants = Instants { planned_ns, busy_until_ns, awake_ns, stop, continued_ns: busy_ns, first_ns: 0 };
        let what = Late { core: core_index, partition, frame, missed };
        let mut overdue = Vec::new();
        if let Some((count, _)) = skipped {
            let planned_ns = planned_ns.saturating_sub(count.saturating_mul(self.header.major_frame_ns));
            let instants = Instants { planned_ns, continued_ns: awake_ns, ..instants };
            let what = Late { frame: frame.saturating_sub(count), missed: true, ..what };
            overdue.extend(core.matcher.window(Pending { what, instants, waited_ns: 0, settled: true }));
        }
        overdue.extend(core.matcher.window(Pending { what, instants, waited_ns: 0, settled: missed }));

        if let Some(continued_ns) = continued_ns {
            self.tell_slot(event, frame, planned_ns, continued_ns);
        }
        for (window, evidence) in overdue {
            self.judge(window, &evidence);
        }
    }

    /// A window started: its place in the major frame gets another value.
    fn tell_slot(&mut self, event: &Event, frame: u64, planned_ns: u64, continued_ns: u64) {
        self.windows += 1;
        let first = *self.first_frame.get_or_insert(frame);
        // Where in the major frame it is; frames are all of one length.
        let offset = planned_ns.wrapping_sub(frame.wrapping_mul(self.header.major_frame_ns));
        let key = (event.core, event.partition, offset);
        let known = self.index.get(&key).copied().or_else(|| {
            if self.slots.len() >= MAX_SLOTS {
                return None;
            }
            let precision = if self.slots.len() < PRECISE_SLOTS { Precision::Report } else { Precision::Live };
            self.slots.push(Slot::new(event.core, event.partition, offset, precision));
            self.index.insert(key, self.slots.len() - 1);
            Some(self.slots.len() - 1)
        });
        if let Some(slot) = known {
            self.slots[slot].add(frame.saturating_sub(first), planned_ns, continued_ns);
        }
    }

    /// Blames a window's lateness, now that all evidence is there.
    fn judge(&mut self, window: Pending<Late>, evidence: &blame::Evidence) {
        let Late { core, partition, frame, missed } = window.what;
        let at = &mut self.cores[usize::from(core)];
        let shares = blame(&window.instants, evidence, at.cause);
        let Some(main) = shares.first() else { return };
        at.cause = main.cause;
        let lateness_ns = lateness_ns(&window.instants);
        let Instants { planned_ns, continued_ns, first_ns, .. } = window.instants;
        let late = missed
            || continued_ns.saturating_sub(planned_ns) > self.limits[usize::from(partition)]
            || first_ns.saturating_sub(planned_ns) > self.first_limits[usize::from(partition)];
        for share in &shares {
            let total = &mut self.causes[share.cause as usize];
            total.ns = total.ns.saturating_add(share.ns);
            if late {
                total.late_ns = total.late_ns.saturating_add(share.ns);
            }
        }
        self.causes[main.cause as usize].windows += 1;
        self.causes[main.cause as usize].late_windows += u64::from(late);
        if lateness_ns < self.floor_ns {
            return;
        }
        let at_ns = planned_ns.saturating_sub(self.header.started_monotonic_ns);
        let moved = at.matcher.moved(&window.instants);
        let names = &self.header.interrupts;
        let named = |&(source, count): &(u16, u64)| Moved {
            name: names.get(usize::from(source)).cloned().unwrap_or_else(|| format!("source {source}")),
            count,
        };
        let sources = moved.iter().take(SOURCES).map(named).collect();
        let (over_budget, cause, to_first_instruction) = (late, main.cause, first_ns != 0);
        self.worst.push(Worst {
            core,
            partition,
            frame,
            at_ns,
            lateness_ns,
            missed,
            to_first_instruction,
            over_budget,
            cause,
            shares,
            interrupts: evidence.interrupts,
            sources,
        });
        if self.worst.len() >= 4 * WORST {
            self.keep_the_worst();
        }
    }

    fn keep_the_worst(&mut self) {
        self.worst.sort_by_key(|worst| (std::cmp::Reverse(worst.lateness_ns), worst.at_ns, worst.core));
        self.worst.truncate(WORST);
        if self.worst.len() == WORST {
            self.floor_ns = self.worst[WORST - 1].lateness_ns;
        }
    }

    fn mark(&mut self, event: &Event) {
        if self.marks.len() >= MARKS {
            self.marks_left_out += 1;
            return;
        }
        self.marks.push(Mark {
            at_ns: event.time_ns.saturating_sub(self.header.started_monotonic_ns),
            core: event.core,
            partition: (usize::from(event.partition) < self.header.partitions.len()).then_some(event.partition),
            what: describe(&event.kind),
        });
    }

    /// The recording has ended.
    fn finish(&mut self) {
        for core in 0..self.cores.len() {
            for (window, evidence) in self.cores[core].matcher.finish() {
                self.judge(window, &evidence);
            }
        }
        self.keep_the_worst();
    }

    /// When frame 0 began, as far as the windows tell.
    fn base_ns(&self) -> u64 {
        let starts = self.header.cores.iter().flat_map(|core| &core.windows).map(|window| window.start_ns);
        let first = self.slots.iter().map(|slot| slot.offset_ns).min().unwrap_or(self.header.started_monotonic_ns);
        first.saturating_sub(starts.min().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
