//! Adds events up to figures, the same way while a module runs and from a file afterwards.
//!
//! The memory is taken once, from the header; however many events follow, and whatever they hold, it does not grow.

use std::path::Path;

use super::budget::{Measure, Statistic};
use super::event::{Event, Kind};
use super::figure::Collector;
pub use super::figure::Precision;
use super::file::{self, Reader};
use super::header::Header;
use super::incident::{self, Incidents};
use super::summary::{self, Summary};
use crate::health::{Action, Error};

/// Codes of errors and actions, and one more for all that are unknown.
const ERRORS: usize = Error::ALL.len() + 1;
const ACTIONS: usize = Action::ALL.len() + 1;

/// The figures of a module in the making.
#[derive(Debug)]
pub struct Stats {
    header: Header,
    cores: Vec<Core>,
    partitions: Vec<Partition>,
    events: u64,
    unknown: u64,
    misplaced: u64,
    last_ns: u64,
    incidents: Incidents,
}

#[derive(Debug, Default, Clone)]
struct Core {
    skipped_frames: u64,
    lost_events: u64,
    schedule_switches: u64,
}

#[derive(Debug)]
struct Partition {
    counts: Counts,
    /// It has ended well, or has not been started: nobody expects it to run.
    at_rest: bool,
    /// It has a process, as far as the main thread has told: births and deaths alternate.
    alive: bool,
    /// Vacant windows since it ran last. The main thread hears of an end a little later than the windows do.
    vacant_lately: u64,
    /// When its latest window was to start; 0 if that has ended.
    planned_ns: u64,
    start_lateness: Collector,
    first_instruction: Collector,
    dispatcher_lateness: Collector,
    end_overrun: Collector,
    stop_confirmation: Collector,
}

/// Some figures of a partition, by the names of a [`summary::Partition`]; times are how late its windows started, in
/// nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it, as in the summary")]
pub struct Glance {
    pub windows: u64,
    pub late_windows: u64,
    pub vacant_windows: u64,
    pub skipped_windows: u64,
    pub overruns: u64,
    pub restarts: u64,
    pub health_events: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub worst_ns: u64,
}

/// The counts of a [`summary::Partition`], by the same names.
#[derive(Debug, Default)]
struct Counts {
    late_windows: u64,
    vacant_windows: u64,
    vacant_by_intent: u64,
    skipped_windows: u64,
    missed_windows: u64,
    overruns: u64,
    unconfirmed_stops: u64,
    births: u64,
    restarts: u64,
    crashes: u64,
    forbidden_calls: u64,
    failed_exits: u64,
    mode_requests: u64,
    reports: u64,
    lost_reports: u64,
    schedule_requests: u64,
    refused_schedule_requests: u64,
    interrupts_raised: u64,
    interrupts: u64,
    timer_ticks: u64,
    messages_sent: u64,
    messages_arrived: u64,
    messages_received: u64,
    process_switches: u64,
    trace_events_lost: u64,
    trace_events_in_excess: u64,
    health: [[u64; ACTIONS]; ERRORS],
}

impl Stats {
    /// Figures of nothing yet, for recordings with this header.
    ///
    /// A partition takes five figures; see [`Precision`] for their size.
    pub fn new(header: &Header, precision: Precision) -> Stats {
        Stats {
            cores: vec![Core::default(); header.cores.len()],
            partitions: header.partitions.iter().map(|_| Partition::new(precision)).collect(),
            header: header.clone(),
            events: 0,
            unknown: 0,
            misplaced: 0,
            last_ns: header.started_monotonic_ns,
            incidents: Incidents::new(header),
        }
    }

    /// The figures of the recording at `path`, read to its end, and what they come to.
    ///
    /// # Errors
    /// If the recording cannot be read. That its last event is cut off is no error, but noted in the summary.
    pub fn read(path: &Path) -> Result<(Stats, Summary), file::Error> {
        let mut reader = Reader::open(path)?;
        let mut stats = Stats::new(reader.header(), Precision::Report);
        for event in reader.by_ref() {
            stats.add(&event?);
        }
        let summary = Summary { truncated_tail: reader.truncated_tail(), ..stats.summary() };
        Ok((stats, summary))
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event) {
        self.events += 1;
        self.last_ns = self.last_ns.max(event.time_ns);
        if matches!(event.kind, Kind::Unknown { .. }) {
            self.unknown += 1;
            return;
        }
        // These are for the profiler, which asks why; here is only how much.
        let for_profiler = matches!(
            event.kind,
            Kind::Waited { .. }
                | Kind::Sample(_)
                | Kind::Interrupts(_)
                | Kind::InterruptsFrom { .. }
                | Kind::Waiting { .. }
                | Kind::Resumed
        );
        if for_profiler {
            return;
        }
        let core = self.cores.get_mut(usize::from(event.core));
        if usize::from(event.partition) < self.partitions.len() || incident::is_of_module(event) {
            self.incidents.add(event);
        }
        let partition = self.partitions.get_mut(usize::from(event.partition));
        match (event.kind, core, partition) {
            (Kind::FramesSkipped { count, .. }, Some(core), _) => {
                core.skipped_frames = core.skipped_frames.saturating_add(count);
                self.miss_frames(event.core, count);
            }
            (Kind::Lost { count }, Some(core), _) => core.lost_events = core.lost_events.saturating_add(count),
            (Kind::ScheduleSwitch { .. }, Some(core), _) => core.schedule_switches += 1,
            (_, _, None) if incident::is_of_module(event) => {}
            (Kind::FramesSkipped { .. } | Kind::Lost { .. } | Kind::ScheduleSwitch { .. }, None, _) | (_, _, None) => {
                self.misplaced += 1;
            }
            (kind, _, Some(partition)) => partition.add(kind, &self.header),
        }
    }

    /// No window of these major frames of the core started.
    fn miss_frames(&mut self, core: u16, count: u64) {
        let windows = self.header.cores.get(usize::from(core)).map_or(&[][..], |core| &core.windows);
        for window in windows {
            let partition = self.partitions.get_mut(usize::from(window.partition));
            if let Some(partition) = partition.filter(|partition| partition.alive) {
                partition.counts.missed_windows = partition.counts.missed_windows.saturating_add(count);
            }
        }
    }

    /// The partitions' names, in the module's order.
    pub fn partition_names(&self) -> impl Iterator<Item = &str> {
        self.header.partitions.iter().map(|partition| partition.name.as_str())
    }

    /// What a number of a partition's figure came to if windows that did not start are later than any that did, and how many of these
    /// there were. None if the number lies among them, or the figure is empty.
    pub fn observed(&self, partition: usize, measure: Measure, statistic: Statistic) -> (Option<u64>, u64) {
        let Some(partition) = self.partitions.get(partition) else { return (None, 0) };
        let (collector, missed) = match measure {
            Measure::Start => (&partition.start_lateness, partition.counts.missed_windows),
            Measure::First => (&partition.first_instruction, partition.counts.missed_windows),
            Measure::Dispatcher => (&partition.dispatcher_lateness, partition.counts.missed_windows),
            // About windows that there were.
            Measure::End => (&partition.end_overrun, 0),
            Measure::Stop => (&partition.stop_confirmation, 0),
        };
        (collector.among(statistic.part(), missed), missed)
    }

    /// The figures of a partition that change from window to window, without what takes long to put together.
    pub fn glance(&self, partition: usize) -> Option<Glance> {
        let Partition { counts, start_lateness, .. } = self.partitions.get(partition)?;
        let (p50_ns, p99_ns, worst_ns) = start_lateness.glance();
        Some(Glance {
            windows: start_lateness.count(),
            late_windows: counts.late_windows,
            vacant_windows: counts.vacant_windows,
            skipped_windows: counts.skipped_windows,
            overruns: counts.overruns,
            restarts: counts.restarts,
            health_events: counts.health.iter().flatten().sum(),
            p50_ns,
            p99_ns,
            worst_ns,
        })
    }

    /// Major frames that a core's dispatcher has missed, and events of the core that were lost.
    pub fn core(&self, core: usize) -> Option<(u64, u64)> {
        self.cores.get(core).map(|core| (core.skipped_frames, core.lost_events))
    }

    /// The figures so far. [`Summary::truncated_tail`] is false; only who reads the file knows.
    pub fn summary(&self) -> Summary {
        let header = &self.header;
        let cores = header.cores.iter().zip(&self.cores).map(|(head, core)| summary::Core {
            number: head.number,
            cpu: head.cpu,
            skipped_frames: core.skipped_frames,
            lost_events: core.lost_events,
            schedule_switches: core.schedule_switches,
        });
        let partitions = header.partitions.iter().zip(&self.partitions).map(|(head, partition)| {
            let core = header.cores.get(usize::from(head.core)).map_or(0, |core| core.number);
            partition.summary(head.name.clone(), core)
        });
        let (incidents, incidents_left_out) = self.incidents.list();
        Summary {
            module: header.module.clone(),
            major_frame_ns: header.major_frame_ns,
            late_after_ns: header.late_after_ns,
            overrun_after_ns: header.overrun_after_ns,
            started_unix_ns: header.started_unix_ns,
            duration_ns: self.last_ns - header.started_monotonic_ns,
            host: header.host.clone(),
            events: self.events,
            unknown_events: self.unknown,
            misplaced_events: self.misplaced,
            truncated_tail: false,
            cores: cores.collect(),
            partitions: partitions.collect(),
            incidents,
            incidents_left_out,
        }
    }
}

impl Partition {
    fn new(precision: Precision) -> Partition {
        Partition {
            counts: Counts::default(),
            at_rest: true,
            alive: false,
            vacant_lately: 0,
            planned_ns: 0,
            start_lateness: Collector::new(precision),
            first_instruction: Collector::new(precision),
            dispatcher_lateness: Collector::new(precision),
            end_overrun: Collector::new(precision),
            stop_confirmation: Collector::new(precision),
        }
    }

    fn add(&mut self, kind: Kind, limits: &Header) {
        self.alive &= !kind.is_death();
        let counts = &mut self.counts;
        match kind {
            Kind::WindowStart { planned_ns, awake_ns, continued_ns, .. } => {
                self.vacant_lately = 0;
                self.planned_ns = planned_ns;
                self.start_lateness.add(planned_ns, continued_ns);
                self.dispatcher_lateness.add(planned_ns, awake_ns);
                let late = continued_ns.saturating_sub(planned_ns) > limits.late_after_ns;
                counts.late_windows += u64::from(late);
            }
            Kind::WindowVacant { .. } => {
                counts.vacant_windows += 1;
                if self.at_rest {
                    counts.vacant_by_intent += 1;
                } else {
                    self.vacant_lately += 1;
                }
            }
            Kind::WindowEnd { planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns, .. } => {
                let start_ns = std::mem::take(&mut self.planned_ns);
                if first_ns != 0 && start_ns != 0 {
                    self.first_instruction.add(start_ns, first_ns);
                }
                self.end_overrun.add(planned_ns, awake_ns);
                let confirmed = confirmed_ns != 0;
                if confirmed {
                    self.stop_confirmation.add(requested_ns, confirmed_ns);
                }
                let in_time = confirmed && confirmed_ns.saturating_sub(planned_ns) <= limits.overrun_after_ns;
                counts.unconfirmed_stops += u64::from(!confirmed);
                counts.overruns += u64::from(!in_time);
            }
            Kind::WindowSkipped { .. } => {
                counts.skipped_windows += 1;
                counts.missed_windows = counts.missed_windows.saturating_add(1);
            }
            Kind::Birth { generation, .. } => {
                self.at_rest = false;
                self.alive = true;
                counts.births += 1;
                counts.restarts += u64::from(generation > 1);
            }
            Kind::Exit { status: 0 } => self.rest(),
            Kind::Exit { .. } => counts.failed_exits += 1,
            Kind::Crash { .. } => counts.crashes += 1,
            Kind::ForbiddenCall { .. } => counts.forbidden_calls += 1,
            Kind::Health { error, action, .. } => {
                let (error, action) = (usize::from(error).min(ERRORS - 1), usize::from(action).min(ACTIONS - 1));
                counts.health[error][action] += 1;
            }
            Kind::ModeRequest { mode } => {
                counts.mode_requests += 1;
                if mode == 0 {
                    self.rest();
                }
            }
            Kind::Report { .. } => counts.reports += 1,
            Kind::ReportsLost { count } => counts.lost_reports = counts.lost_reports.saturating_add(count),
            Kind::ScheduleRequest { refused, .. } => {
                counts.schedule_requests += 1;
                counts.refused_schedule_requests += u64::from(refused);
            }
            Kind::InterruptRaised { .. } | Kind::RaisedItself { .. } => counts.interrupts_raised += 1,
            Kind::Arrived { count, .. } => {
                counts.messages_arrived = counts.messages_arrived.saturating_add(u64::from(count));
            }
            Kind::InterruptEntered { .. } => counts.interrupts += 1,
            Kind::InterruptFinished { .. } => {}
            Kind::Tick { ticks, .. } => counts.timer_ticks = counts.timer_ticks.saturating_add(u64::from(ticks)),
            Kind::Sent { .. } => counts.messages_sent += 1,
            Kind::Received { .. } => counts.messages_received += 1,
            Kind::ProcessSwitch { .. } => counts.process_switches += 1,
            Kind::TraceLost { count, excess } => {
                counts.trace_events_lost = counts.trace_events_lost.saturating_add(count);
                if excess {
                    counts.trace_events_in_excess = counts.trace_events_in_excess.saturating_add(count);
                }
            }
            // Part of an incident.
            Kind::Raised { .. } | Kind::Text { .. } => {}
            // These concern no partition; `Stats::add` keeps them.
            Kind::FramesSkipped { .. }
            | Kind::Lost { .. }
            | Kind::ScheduleSwitch { .. }
            | Kind::Waited { .. }
            | Kind::Sample(_)
            | Kind::Interrupts(_)
            | Kind::InterruptsFrom { .. }
            | Kind::Waiting { .. }
            | Kind::Resumed
            | Kind::Unknown { .. } => {}
        }
    }

    /// It has ended as it was to.
    fn rest(&mut self) {
        self.at_rest = true;
        self.counts.vacant_by_intent += std::mem::take(&mut self.vacant_lately);
    }

    fn summary(&self, name: String, core: u32) -> summary::Partition {
        let counts = &self.counts;
        let start_lateness_ns = self.start_lateness.figure();
        summary::Partition {
            name,
            core,
            windows: start_lateness_ns.count,
            late_windows: counts.late_windows,
            vacant_windows: counts.vacant_windows,
            vacant_by_intent: counts.vacant_by_intent,
            skipped_windows: counts.skipped_windows,
            missed_windows: counts.missed_windows,
            overruns: counts.overruns,
            unconfirmed_stops: counts.unconfirmed_stops,
            births: counts.births,
            restarts: counts.restarts,
            crashes: counts.crashes,
            forbidden_calls: counts.forbidden_calls,
            failed_exits: counts.failed_exits,
            mode_requests: counts.mode_requests,
            reports: counts.reports,
            lost_reports: counts.lost_reports,
            schedule_requests: counts.schedule_requests,
            refused_schedule_requests: counts.refused_schedule_requests,
            interrupts_raised: counts.interrupts_raised,
            interrupts: counts.interrupts,
            timer_ticks: counts.timer_ticks,
            messages_sent: counts.messages_sent,
            messages_arrived: counts.messages_arrived,
            messages_received: counts.messages_received,
            process_switches: counts.process_switches,
            trace_events_lost: counts.trace_events_lost,
            trace_events_in_excess: counts.trace_events_in_excess,
            health: counts.health(),
            start_lateness_ns,
            first_instruction_ns: self.first_instruction.figure(),
            dispatcher_lateness_ns: self.dispatcher_lateness.figure(),
            end_overrun_ns: self.end_overrun.figure(),
            stop_confirmation_ns: self.stop_confirmation.figure(),
        }
    }
}

impl Counts {
    fn health(&self) -> Vec<summary::Health> {
        let counts = (0..ERRORS as u16).flat_map(|error| (0..ACTIONS as u16).map(move |action| (error, action)));
        let health = counts.map(|(error, action)| summary::Health {
            error: Error::from_code(error).map_or("unknown", Error::name),
            action: Action::from_code(action).map_or("unknown", Action::name),
            count: self.health[usize::from(error)][usize::from(action)],
        });
        health.filter(|health| health.count != 0).collect()
    }
}

#[cfg(test)]
mod tests;
