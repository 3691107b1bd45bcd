//! The partitions of a virtual run: who runs until when, what they leave behind, and how they end.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bulkhead_abi::schedule::Snapshot;
use bulkhead_abi::vcpu::line;
use bulkhead_abi::virtual_time::{BEGIN_NS, NEVER, Reason, mix};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::lane::{Lane, NEW, Waits, slice_end};
use super::lockstep::{self, Client};
use crate::config::PartitionId;
use crate::dispatch::handover::{self, Look};
use crate::dispatch::real::{Raised, raise};
use crate::dispatch::{Begun, Ended, Processes, TimeSource};
use crate::port::watch::{News, Watch};
use crate::supervise::{Ending, RunError, State, Supervisor, console};

/// Boundaries between two looks at what does not depend on virtual time.
const LOOK_EVERY: u32 = 256;
/// How much of the host's time is let out at a time where the pace is limited, in nanoseconds.
const PACE_NS: f64 = 10e6;
/// How long a process may take to end after it has said that it does.
const LAST_BREATH: Duration = Duration::from_secs(10);

/// The module in virtual time.
pub(super) struct World<'s, 'm> {
    pub(super) supervisor: &'s mut Supervisor<'m>,
    /// By partition.
    pub(super) lanes: Vec<Lane>,
    /// What each partition does to its channels.
    pub(super) watches: Vec<Watch>,
    /// What partitions are to read about the schedules.
    schedules: Snapshot,
    /// The partition whose window is open, by core.
    open: Vec<Option<usize>>,
    bounds: Bounds,
    pub(super) input: Vec<u8>,
    /// Whoever keeps the module in lockstep; away while it is asked.
    pub(super) client: Option<Client>,
    /// By partition: whether a client can bring it news.
    pub(super) reached: Vec<bool>,
    boundaries: u32,
    ending: Option<Result<Ending, RunError>>,
    stop: &'s AtomicBool,
}

/// How far and how fast time may run.
#[derive(Debug)]
pub(super) struct Bounds {
    /// When the run ends.
    pub(super) deadline_ns: u64,
    /// For how long partitions that run side by side run one after the other.
    pub(super) quantum_ns: u64,
    pub(super) pace: Option<Pace>,
}

/// Keeps virtual time from running faster than the host's by more than a factor.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) begun: Instant,
    pub(super) speed: f64,
}

/// The instant at which a boundary is dealt with, which takes no time.
pub(super) struct Standstill(pub(super) u64);

impl TimeSource for Standstill {
    fn now_ns(&mut self) -> u64 {
        self.0
    }

    fn sleep_until(&mut self, _instant_ns: u64, _following_ns: u64) {}
}

impl Processes for World<'_, '_> {
    fn begin(&mut self, partition: PartitionId) -> Begun {
        self.open_window(partition.index())
    }

    fn end(&mut self, partition: PartitionId, time: &mut dyn TimeSource) -> Ended {
        self.close_window(partition.index());
        let now = time.now_ns();
        Ended { requested_ns: now, confirmed_ns: Some(now) }
    }

    fn take_request(&mut self, partition: PartitionId) -> Option<u32> {
        let vcpu = self.supervisor.residents[partition.index()].memory.vcpu();
        vcpu.schedule.swap(0, Ordering::Relaxed).checked_sub(1)
    }

    fn publish(&mut self, schedules: Snapshot) {
        self.schedules = schedules;
    }
}

impl<'s, 'm> World<'s, 'm> {
    pub(super) fn new(
        supervisor: &'s mut Supervisor<'m>,
        bounds: Bounds,
        (input, client): (Vec<u8>, Option<Client>),
        stop: &'s AtomicBool,
    ) -> Self {
        let partitions = supervisor.residents.len();
        World {
            lanes: supervisor.residents.iter().map(|_| NEW).collect(),
            watches: supervisor
                .residents
                .iter()
                .map(|resident| Watch::new(&supervisor.channels, resident.id))
                .collect(),
            schedules: Snapshot::default(),
            open: vec![None; supervisor.module.cores.len()],
            bounds,
            input,
            reached: match client {
                Some(_) => lockstep::reached(&supervisor.channels, partitions),
                None => vec![false; partitions],
            },
            client,
            boundaries: 0,
            ending: None,
            stop,
            supervisor,
        }
    }

    /// How the run has ended, if anything but its last frame ended it, and who may want to know.
    pub(super) fn into_ending(self) -> (Option<Result<Ending, RunError>>, Option<Client>) {
        (self.ending, self.client)
    }

    /// Whether anything has ended the run.
    pub(super) fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    pub(super) fn finish(&mut self, ending: Ending) {
        self.ending.get_or_insert(Ok(ending));
        self.stop.store(true, Ordering::Relaxed);
    }

    fn fail(&mut self, error: RunError) {
        self.ending.get_or_insert(Err(error));
        self.stop.store(true, Ordering::Relaxed);
    }

    fn core_of(&self, index: usize) -> usize {
        self.supervisor.module.partitions[index].core
    }

    /// The window of this partition ends: others learn what it has sent them, or taken from them. Who sleeps in an open window of
    /// another core hears of it at once.
    fn close_window(&mut self, index: usize) {
        self.digest(index);
        let core = self.core_of(index);
        self.open[core] = None;
        self.lanes[index].is_open = false;
        let mut news = Vec::new();
        self.watches[index].look(|more| news.push(more));
        for &News { peer, arrival } in &news {
            if let Some(arrival) = arrival {
                self.supervisor.keep_arrival(peer.index(), arrival);
            }
            self.tell(peer);
        }
        if !news.is_empty() && !self.stop.load(Ordering::Relaxed) {
            // Perhaps it was all that there was to wait for, and nobody cares.
            self.expect_something();
        }
    }

    /// There is news for this partition at one of its ports: interrupts it, and wakes it if it sleeps until an interrupt.
    pub(super) fn tell(&mut self, partition: PartitionId) {
        let index = partition.index();
        let raised = self.raise(index, line::PORT);
        let lane = &mut self.lanes[index];
        if raised != Raised::Unwanted && matches!(lane.waits, Waits::Interrupt(_)) {
            lane.waits = Waits::Ready;
        }
    }

    /// Raises a line of a partition's, and notes it if that is news.
    fn raise(&mut self, index: usize, line: u32) -> Raised {
        let raised = raise(self.supervisor.residents[index].memory.vcpu(), line);
        if raised == Raised::News {
            self.supervisor.keep_raised(index, line);
        }
        raised
    }

    /// A window of this partition begins.
    fn open_window(&mut self, index: usize) -> Begun {
        let resident = &self.supervisor.residents[index];
        if resident.state != State::Normal {
            return Begun::Vacant;
        }
        let lane = &mut self.lanes[index];
        lane.windows = lane.windows.wrapping_add(1);
        lane.is_open = true;
        resident.memory.schedule().publish(self.schedules);
        resident.memory.vcpu().window.store(lane.windows, Ordering::Release);
        self.raise(index, line::WINDOW);
        self.feed(index);
        let wanted = self.wants(index, u64::MAX);
        let lane = &mut self.lanes[index];
        if lane.waits == Waits::Window || (wanted && matches!(lane.waits, Waits::Interrupt(_))) {
            lane.waits = Waits::Ready;
        }
        let core = self.core_of(index);
        self.open[core] = Some(index);
        Begun::Running { raised: false }
    }

    /// Whether one of these lines is raised and enabled.
    pub(super) fn wants(&self, index: usize, lines: u64) -> bool {
        let vcpu = self.supervisor.residents[index].memory.vcpu();
        // Acquire: what led to the raised line is visible too.
        vcpu.pending.load(Ordering::Acquire) & vcpu.enabled.load(Ordering::Relaxed) & lines != 0
    }

    /// Gives the partition that wants standard input as much of it as it has room for, and interrupts it once for all that it has
    /// not been interrupted for; true if it did.
    fn feed(&mut self, index: usize) -> bool {
        let resident = &mut self.supervisor.residents[index];
        if !self.supervisor.module.partition(resident.id).stdin {
            return false;
        }
        if !self.input.is_empty() {
            let fed = console::feed(&resident.memory, &mut resident.input, &self.input);
            self.input.drain(..fed);
        }
        if self.lanes[index].rung == resident.input {
            return false;
        }
        let input = resident.input;
        let rings = self.raise(index, line::CONSOLE) != Raised::Unwanted;
        if rings {
            self.lanes[index].rung = input;
        }
        rings
    }

    /// Lets time pass until `instant_ns`, or until the run ends, and asks the client at the instants that it has named.
    pub(super) fn pass(&mut self, instant_ns: u64) {
        let end_ns = instant_ns.min(self.bounds.deadline_ns);
        self.attend_client();
        while self.supervisor.now_ns() < end_ns && self.ending.is_none() {
            let horizon_ns = self.client.as_ref().map_or(NEVER, |client| client.horizon_ns);
            self.pass_slice(end_ns.min(horizon_ns));
            self.attend_client();
        }
        if self.ending.is_some() {
            return;
        }
        self.boundaries += 1;
        let is_due = self.boundaries.is_multiple_of(LOOK_EVERY);
        if is_due && let Some(ending) = self.supervisor.collect_events() {
            // By the number of boundaries and by nothing else: the order in which the digest sees things depends on it.
            self.finish(ending);
        }
        if is_due {
            self.look_around();
        }
        if end_ns >= self.bounds.deadline_ns {
            self.finish(Ending::Complete);
        }
    }

    /// Lets time pass until `end_ns`, or as much of it as partitions of several cores may run one after the other, or as is let out at
    /// a time where the pace is limited.
    fn pass_slice(&mut self, end_ns: u64) {
        let now_ns = self.supervisor.now_ns();
        let slice_ns = self.bounds.pace.as_ref().map_or(NEVER, |pace| (PACE_NS * pace.speed) as u64).max(1);
        let open = self.open.iter().flatten();
        let from_ns = open.filter_map(|&index| self.lanes[index].runs_from(now_ns, end_ns));
        let limit_ns = slice_end(from_ns, end_ns, self.bounds.quantum_ns).min(now_ns.saturating_add(slice_ns));
        for core in 0..self.open.len() {
            if let Some(index) = self.open[core] {
                // A partition that ends does so at an instant of its own.
                self.supervisor.virtual_now_ns = Some(now_ns);
                self.run_guest(index, limit_ns);
            }
            if self.ending.is_some() {
                return;
            }
        }
        self.supervisor.virtual_now_ns = Some(limit_ns);
        if let Some(Pace { begun, speed }) = self.bounds.pace {
            let due = Duration::from_secs_f64((limit_ns - BEGIN_NS) as f64 / 1e9 / speed);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            self.look_around();
        }
    }

    /// Tells the digest what the partition has printed and which interrupts it has served since the last time: at a window's
    /// end, so that it does not matter how often the turn changed hands in between.
    fn digest(&mut self, index: usize) {
        let cpu = self.supervisor.residents[index].memory.virtual_cpu();
        let interrupts = [&cpu.interrupts, &cpu.digest].map(|word| word.load(Ordering::Relaxed));
        let lane = &mut self.lanes[index];
        let known = [interrupts[0], interrupts[1], lane.printed.0, lane.printed.1];
        if known != lane.known {
            lane.known = known;
            self.supervisor.journal.digest_words(&[index as u64]);
            self.supervisor.journal.digest_words(&known);
        }
    }

    /// What has nothing to do with virtual time: signals to the supervisor, whoever reads the output, and whether the client lives.
    pub(super) fn look_around(&mut self) {
        self.supervisor.read_signals();
        if self.supervisor.interrupted {
            self.finish(Ending::Interrupted);
        }
        if self.supervisor.output.is_closed() {
            self.finish(Ending::OutputClosed);
        }
        if self.client.as_ref().is_some_and(Client::is_gone) {
            self.abandon();
        }
    }

    /// Lets a guest run until `limit_ns`, or until it has nothing to do before that.
    fn run_guest(&mut self, index: usize, limit_ns: u64) {
        while self.ending.is_none() && self.lanes[index].runs_from(0, limit_ns).is_some() {
            let Some(reason) = self.exchange(index, limit_ns) else { return };
            self.attend(index);
            let wake_ns = self.supervisor.residents[index].memory.virtual_cpu().wake_ns.load(Ordering::Relaxed);
            self.lanes[index].waits = match reason {
                Reason::WindowEnd | Reason::Service | Reason::End => Waits::Ready,
                Reason::Idle => Waits::Interrupt(wake_ns),
                Reason::Yield => Waits::Window,
                Reason::Halt => Waits::Nothing,
            };
            match reason {
                Reason::WindowEnd | Reason::Yield => return,
                // There may be an endless row of these.
                Reason::Service => self.look_around(),
                Reason::End => return self.bury(index, limit_ns),
                // It may only now want to hear of its input.
                Reason::Idle if self.feed(index) => self.lanes[index].waits = Waits::Ready,
                Reason::Idle | Reason::Halt => {
                    self.expect_something();
                    return;
                }
            }
        }
    }

    /// Gives a guest the turn and waits until it comes back; `None` if it does not.
    fn exchange(&mut self, index: usize, limit_ns: u64) -> Option<Reason> {
        let resident = &self.supervisor.residents[index];
        let process = resident.process.as_ref()?;
        let parameters = resident.memory.virtual_parameters();
        parameters.from_ns.store(self.supervisor.now_ns(), Ordering::Relaxed);
        parameters.until_ns.store(limit_ns, Ordering::Relaxed);
        let begun = std::mem::replace(&mut self.lanes[index].begun, true);
        let mut watch = handover::give(&resident.memory, process, begun);
        loop {
            let resident = &self.supervisor.residents[index];
            let process = resident.process.as_ref()?;
            match watch.look(resident.memory.virtual_cpu(), process) {
                // A reason that does not exist is as good as none.
                Look::Back(reason) => return Some(reason.unwrap_or(Reason::WindowEnd)),
                Look::Stuck => {
                    self.report_stuck(index);
                    return None;
                }
                Look::Away => {}
            }
            if has_ended(process.pidfd.as_fd(), Duration::ZERO) {
                self.bury(index, limit_ns);
                return None;
            }
            self.look_around();
            if self.ending.is_some() {
                return None;
            }
        }
    }

    /// Takes from a guest what it has left in its pages.
    fn attend(&mut self, index: usize) {
        while !self.supervisor.output.has_room() && !self.supervisor.output.is_closed() {
            // Whether somebody reads the output must not matter to the guest.
            self.supervisor.output.send();
            std::thread::sleep(Duration::from_millis(1));
        }
        let now_ns = self.supervisor.now_ns();
        let Supervisor { residents, output, options, .. } = &mut *self.supervisor;
        let resident = &mut residents[index];
        let text = resident.drain_console(now_ns, &options.console, output);
        if !text.is_empty() {
            let (bytes, digest) = &mut self.lanes[index].printed;
            *bytes += text.len() as u64;
            *digest = text.iter().fold(*digest, |digest, &byte| mix(digest, u64::from(byte)));
            output.send();
        }
        if resident.take_corruption() {
            self.supervisor.say_of(index, "overwrote its console's ring; output was lost");
        }
        self.supervisor.collect_reports(index);
    }

    /// A guest's process ends: waits for its end, and acts upon it at the instant of its clock.
    fn bury(&mut self, index: usize, limit_ns: u64) {
        let now_ns = self.supervisor.now_ns();
        let cpu_now_ns = self.supervisor.residents[index].memory.virtual_cpu().now_ns.load(Ordering::Relaxed);
        self.supervisor.virtual_now_ns = Some(cpu_now_ns.clamp(now_ns, limit_ns));
        let Some(process) = &self.supervisor.residents[index].process else { return };
        if !has_ended(process.pidfd.as_fd(), LAST_BREATH) {
            process.kill();
            has_ended(process.pidfd.as_fd(), LAST_BREATH);
        }
        self.attend(index);
        self.digest(index);
        self.lanes[index] = NEW;
        match self.supervisor.residents[index].collect_death() {
            Ok(Some(death)) => {
                if let Some(ending) = self.supervisor.mourn(index, death) {
                    self.finish(ending);
                }
            }
            Ok(None) => {}
            Err(error) => return self.fail(RunError::Host { what: "waitid", error }),
        }
        self.await_births();
        if !self.all_ended() {
            self.expect_something();
        }
    }

    /// Births take no virtual time.
    fn await_births(&mut self) {
        while self.supervisor.residents.iter().any(|resident| resident.state == State::Starting) {
            if let Some(birth) = self.supervisor.spawner.wait(Duration::from_millis(50)) {
                // It runs from its next window on.
                self.lanes[birth.partition.index()] = NEW;
                let partition = self.supervisor.name(birth.partition);
                if let Err(error) = self.supervisor.welcome(birth) {
                    self.supervisor.say(&format!("partition \"{partition}\" cannot be restarted: {error}"));
                    return self.finish(Ending::BirthFailed { partition });
                }
            }
            self.supervisor.read_signals();
            if self.supervisor.interrupted {
                return self.finish(Ending::Interrupted);
            }
        }
    }

    /// Ends the run if every partition has ended.
    pub(super) fn all_ended(&mut self) -> bool {
        let all = self.supervisor.residents.iter().all(|resident| matches!(resident.state, State::Idle { .. }));
        if all {
            self.finish(Ending::AllEnded);
        }
        all
    }
}

/// Whether a process has ended, or ends within `limit`.
fn has_ended(pidfd: std::os::fd::BorrowedFd<'_>, limit: Duration) -> bool {
    let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
    loop {
        match poll(&mut [PollFd::new(pidfd, PollFlags::POLLIN)], timeout) {
            Err(Errno::EINTR) => {}
            result => return result.is_ok_and(|ready| ready > 0),
        }
    }
}
