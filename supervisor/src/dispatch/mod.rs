//! The window dispatcher: one thread per scheduled core that keeps its core's windows.
//!
//! The loop is written against two traits, so that it can be tested without a clock and without processes, and so that
//! another source of time can drive it:
//!
//! * [`TimeSource`]: what time it is, and sleeping until an instant; [`clock`] has the host's;
//! * [`Processes`]: continuing and stopping a partition; [`real`] has the one by signals.
//!
//! Nothing here allocates, locks or logs once it runs; what happened goes into a preallocated ring of the recorder's.
//!
//! The order at a boundary is: the old guest is off the core already, because the timer interrupt woke this thread, which
//! has a higher priority, on that very core. It is told to stop, its stop is confirmed, and only then does the next one
//! continue. The confirmation matters little for time (the old guest cannot run while this thread does) and much for
//! trust: a window never begins while another partition might still be running.

pub mod agreement;
pub mod clock;
pub mod handover;
pub mod policy;
pub mod real;
pub mod signal;
pub mod slot;
mod waits;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agreement::{Agreement, SWITCHES};
use bulkhead_abi::schedule::Snapshot;
use bulkhead_abi::vcpu::line;

use crate::config::PartitionId;
use crate::config::module::Window;
use crate::record::event::{Event, Kind, NO_PARTITION};
use crate::record::ring::Producer;
use crate::schedule::{Position, Timetable};
use waits::Waits;

/// Where time comes from.
pub trait TimeSource {
    /// Now, in nanoseconds.
    fn now_ns(&mut self) -> u64;
    /// Sleeps until the instant; may return early, when somebody wants the dispatcher to look at its stop flag. The next
    /// sleep will probably be until `following_ns`.
    fn sleep_until(&mut self, instant_ns: u64, following_ns: u64);
    /// For how long, in all, this thread has been ready to run and has not run, in nanoseconds; 0 if nobody counts that.
    fn waited_ns(&mut self) -> u64 {
        0
    }
}

/// What came of an attempt to continue a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It runs.
    Running {
        /// Whether its line for windows has been raised, was not raised before, and this is to be recorded.
        raised: bool,
    },
    /// It has no process that could run: idle, ended, being restarted, or not yet stopped from its last window.
    Vacant,
}

/// What came of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When the stop had been requested.
    pub requested_ns: u64,
    /// When it was confirmed; `None` if that took too long.
    pub confirmed_ns: Option<u64>,
}

/// Control over the partitions of one core.
pub trait Processes {
    /// Lets the partition run.
    fn begin(&mut self, partition: PartitionId) -> Begun;
    /// Stops the partition and waits for the stop to be confirmed.
    fn end(&mut self, partition: PartitionId, time: &mut dyn TimeSource) -> Ended;
    /// Tells others what the partition has sent them, or taken from them, in its window. To be called when it has been stopped. `tell` hears
    /// of what is to be recorded: whom it concerns, and what.
    fn announce(&mut self, _partition: PartitionId, _tell: &mut dyn FnMut(PartitionId, Kind)) {}
    /// When the partition ran first in its latest window: the guest's word, whatever it is; 0 if it does not say. To be called when the
    /// partition has been stopped.
    fn first_ns(&mut self, _partition: PartitionId) -> u64 {
        0
    }
    /// Takes the partition's request for another schedule, if it has made one: the guest's word, whatever it is. To be
    /// called when the partition has been stopped.
    fn take_request(&mut self, partition: PartitionId) -> Option<u32>;
    /// What partitions are to read about the schedules from their next window on.
    fn publish(&mut self, schedules: Snapshot);
}

/// What a dispatcher works with.
#[derive(Debug)]
pub struct Assignment {
    /// Index of the core in the module.
    pub core: u16,
    /// When its windows are, by schedule; at least one.
    pub timetables: Vec<Timetable>,
    /// Which schedule is in force.
    pub agreement: Arc<Agreement>,
    /// By partition of the module: whether it may ask for another schedule.
    pub may_switch: Vec<bool>,
    /// When frame 0 begins, in nanoseconds of the time source.
    pub epoch_ns: u64,
    /// How many major frames to run; `None` for no end.
    pub frames: Option<u64>,
    /// Whether to note for how long this thread had to wait for the core: a microsecond or two, at windows that start later than usual.
    pub note_waits: bool,
}

/// A window that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    window: Window,
    frame: u64,
    planned_end_ns: u64,
    awake_ns: u64,
}

/// One core on its way through its windows. Whoever drives it sleeps until its next instant and then lets it do what is due.
#[derive(Debug)]
pub struct Dispatcher<'a> {
    assignment: &'a Assignment,
    timetable: &'a Timetable,
    position: Position,
    schedules: Snapshot,
    open: Option<Open>,
    /// If waits are noted.
    waits: Option<Waits>,
}

/// Keeps the windows of one core until `stop` is set or the frames are over. All partitions are stopped when it returns.
pub fn run(
    assignment: &Assignment,
    time: &mut impl TimeSource,
    processes: &mut impl Processes,
    ring: &mut Producer,
    stop: &AtomicBool,
) {
    let mut dispatcher = Dispatcher::new(assignment, time);
    loop {
        let (instant_ns, following_ns) = dispatcher.instants_ns();
        let mut awake_ns = time.now_ns();
        while awake_ns < instant_ns && !stop.load(Ordering::Relaxed) {
            time.sleep_until(instant_ns, following_ns);
            awake_ns = time.now_ns();
        }
        if dispatcher.boundary(awake_ns, time, processes, ring, stop).is_break() {
            return;
        }
    }
}

impl<'a> Dispatcher<'a> {
    /// A core before its first frame.
    pub fn new(assignment: &'a Assignment, time: &mut impl TimeSource) -> Dispatcher<'a> {
        Dispatcher {
            assignment,
            timetable: &assignment.timetables[0],
            position: Position::default(),
            schedules: Snapshot::default(),
            open: None,
            waits: assignment.note_waits.then(|| Waits::new(time.waited_ns())),
        }
    }

    /// When there is something to do next, and when after that.
    pub fn instants_ns(&self) -> (u64, u64) {
        let instant_ns = |position| self.timetable.instant_ns(self.assignment.epoch_ns, position);
        (instant_ns(self.position), instant_ns(self.timetable.next(self.position)))
    }

    /// Does what is due at the next instant, or ends the open window and breaks off if `stop` is set. Breaks off, too, when the
    /// frames are over.
    pub fn boundary(
        &mut self,
        awake_ns: u64,
        time: &mut impl TimeSource,
        processes: &mut impl Processes,
        ring: &mut Producer,
        stop: &AtomicBool,
    ) -> ControlFlow<()> {
        let Assignment { core, epoch_ns, frames, .. } = *self.assignment;
        let mut push = |time_ns, partition, kind| ring.push(&Event { time_ns, core, partition, kind });
        self.end_window(awake_ns, time, processes, &mut push);
        let over = frames.is_some_and(|frames| self.position.frame >= frames);
        if over || stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let behind = self.timetable.frames_behind(epoch_ns, self.position, awake_ns);
        // The last frame that was asked for is the last that can be missed.
        let behind = frames.map_or(behind, |frames| behind.min(frames - 1 - self.position.frame));
        if behind > 0 {
            push(awake_ns, NO_PARTITION, Kind::FramesSkipped { first: self.position.frame, count: behind });
            self.position = self.timetable.skip(self.position, behind);
        }
        if behind > 0 || self.timetable.begins_frame(self.position) {
            self.begin_frame(awake_ns, &mut push);
        }
        self.begin_window(awake_ns, time, processes, &mut push);
        self.position = self.timetable.next(self.position);
        ControlFlow::Continue(())
    }

    /// Ends the open window, if there is one, and hears what its partition asks for.
    fn end_window(
        &mut self,
        awake_ns: u64,
        time: &mut impl TimeSource,
        processes: &mut impl Processes,
        push: &mut impl FnMut(u64, u16, Kind),
    ) {
        let Some(Open { window, frame, planned_end_ns, awake_ns: begun_ns }) = self.open.take() else { return };
        let Ended { requested_ns, confirmed_ns } = processes.end(window.partition, time);
        // A window that a stopping module cuts short says nothing about punctuality.
        if awake_ns >= planned_end_ns {
            let confirmed_ns = confirmed_ns.unwrap_or(0);
            let planned_ns = planned_end_ns;
            let said_ns = processes.first_ns(window.partition);
            let first_ns = if (begun_ns..=awake_ns).contains(&said_ns) { said_ns } else { 0 };
            let kind = Kind::WindowEnd { frame, planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns };
            push(awake_ns, window.partition.0, kind);
        }
        let announced_ns = confirmed_ns.unwrap_or(awake_ns);
        processes.announce(window.partition, &mut |whom, what| push(announced_ns, whom.0, what));
        let Some(number) = processes.take_request(window.partition) else { return };
        let Assignment { timetables, agreement, may_switch, .. } = self.assignment;
        let may = may_switch.get(window.partition.index()).copied().unwrap_or(false);
        let known = u8::try_from(number).ok().filter(|&number| usize::from(number) < timetables.len());
        let granted = known.filter(|_| may);
        if let Some(number) = granted {
            agreement.want(number);
        }
        let schedule = u16::try_from(number).unwrap_or(u16::MAX);
        push(awake_ns, window.partition.0, Kind::ScheduleRequest { schedule, refused: granted.is_none(), frame });
    }

    /// Goes over to another schedule if that is what holds from this frame on.
    fn begin_frame(&mut self, awake_ns: u64, push: &mut impl FnMut(u64, u16, Kind)) {
        let Assignment { timetables, agreement, epoch_ns, .. } = self.assignment;
        let frame = self.position.frame;
        let settled = agreement.settle(frame);
        let planned_ns = timetables[0].instant_ns(*epoch_ns, timetables[0].beginning(frame));
        if u32::from(settled.schedule) != self.schedules.current {
            self.timetable = &timetables[usize::from(settled.schedule)];
            // In the middle of a frame, after a skip, there is no such place in the other schedule.
            self.position = self.timetable.beginning(frame);
            let schedule = settled.schedule.into();
            push(awake_ns, NO_PARTITION, Kind::ScheduleSwitch { frame, schedule, planned_ns, awake_ns });
            self.schedules.current = settled.schedule.into();
        }
        // A core that has skipped frames may have missed changes, there and back.
        let more = settled.switches.wrapping_sub(self.schedules.switches) % SWITCHES;
        if more > 0 {
            self.schedules.switches = self.schedules.switches.wrapping_add(more);
            self.schedules.last_switch_ns = planned_ns;
        }
    }

    /// Begins the window that starts now, if one does.
    fn begin_window(
        &mut self,
        awake_ns: u64,
        time: &mut impl TimeSource,
        processes: &mut impl Processes,
        push: &mut impl FnMut(u64, u16, Kind),
    ) {
        let Some(window) = self.timetable.boundary(self.position).starts else { return };
        let frame = self.position.frame;
        let planned_ns = self.timetable.instant_ns(self.assignment.epoch_ns, self.position);
        let planned_end_ns = planned_ns + window.duration_ns;
        let partition = window.partition.0;
        self.schedules.next = self.assignment.agreement.wanted().into();
        processes.publish(self.schedules);
        if awake_ns >= planned_end_ns {
            push(awake_ns, partition, Kind::WindowSkipped { frame, planned_ns, awake_ns });
            self.note_wait(awake_ns, awake_ns - planned_ns, partition, time, push);
        } else if let Begun::Running { raised } = processes.begin(window.partition) {
            let continued_ns = time.now_ns();
            push(continued_ns, partition, Kind::WindowStart { frame, planned_ns, awake_ns, continued_ns });
            if raised {
                push(continued_ns, partition, Kind::InterruptRaised { line: line::WINDOW as u16 });
            }
            self.note_wait(continued_ns, continued_ns.saturating_sub(planned_ns), partition, time, push);
            self.open = Some(Open { window, frame, planned_end_ns, awake_ns });
        } else {
            push(awake_ns, partition, Kind::WindowVacant { frame, planned_ns });
        }
    }

    /// Tells for how long this thread had to wait for the core, if that is wanted and notable, after a window that was so late.
    fn note_wait(
        &mut self,
        now_ns: u64,
        late_ns: u64,
        partition: u16,
        time: &mut impl TimeSource,
        push: &mut impl FnMut(u64, u16, Kind),
    ) {
        let Some(waits) = self.waits.as_mut() else { return };
        if waits.is_due(late_ns)
            && let Some(waited_ns) = waits.answer(time.waited_ns())
        {
            push(now_ns, partition, Kind::Waited { waited_ns });
        }
    }
}

#[cfg(test)]
mod tests;
