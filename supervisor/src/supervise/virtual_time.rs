//! A run in virtual time: the dispatcher's loop on the main thread, one guest at a time, and nothing that asks the host's clock.
//!
//! The loop is the one of real runs ([`crate::dispatch::run`]). Its time source lets the partition of the open window run until
//! the next boundary: the guest counts its own basic blocks and gives the turn back at the exact one
//! ([`crate::dispatch::handover`]). A guest that sleeps past the boundary is not even asked, so that an idle hour passes in no
//! time. Consoles are fetched, deaths dealt with and processes born whenever the supervisor has the turn: at instants of virtual
//! time that are the same in every run.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bulkhead_abi::clock::Scale;
use bulkhead_abi::schedule::Snapshot;
use bulkhead_abi::vcpu::line;
use bulkhead_abi::virtual_time::{BEGIN_NS, DIGEST, NEVER, Reason, VIRTUAL, WALL_OFFSET_NS, mix};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::outcome::{VirtualOptions, VirtualOutcome, host_error};
use super::resident::State;
use super::{Ending, RunError, Supervisor, console};
use crate::config::PartitionId;
use crate::dispatch::handover::{self, Look};
use crate::dispatch::real::{Raised, raise};
use crate::dispatch::{self, Assignment, Begun, Ended, Processes, TimeSource};
use crate::port::watch::Watch;
use crate::record::ring::ring;
use crate::schedule::Timetable;

/// What a call of the shim takes, in nanoseconds: about what reading the clock takes on a real processor.
const CALL_NS: u32 = 20;
/// Boundaries between two looks at what does not depend on virtual time.
const LOOK_EVERY: u32 = 256;
/// Events that the ring holds; it is emptied every [`LOOK_EVERY`] boundaries, at each of which two arise.
const RING_CAPACITY: usize = 4096;
/// How much of the host's time is let out at a time where the pace is limited, in nanoseconds.
const PACE_NS: f64 = 10e6;
/// How long a process may take to end after it has said that it does.
const LAST_BREATH: Duration = Duration::from_secs(10);

/// What a partition's process waits for while it does not have the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Nothing: it goes on when it gets the turn.
    Ready,
    /// Its next window.
    Window,
    /// An interrupt; its own timer's comes at this instant.
    Interrupt(u64),
    /// Nothing that could come: it sleeps with interrupts masked.
    Nothing,
}

/// One partition, as the virtual dispatcher sees it.
#[derive(Debug)]
struct Lane {
    /// Windows since the start of its process.
    windows: u32,
    /// Whether the process has ever had the turn.
    begun: bool,
    waits: Waits,
    /// Bytes that it has printed, and their digest.
    printed: (u64, u64),
    /// Position in the console's input up to which the guest has been interrupted for it.
    rung: u32,
    /// What the digest of the run knows of its interrupts and its bytes.
    known: [u64; 4],
}

const NEW: Lane = Lane {
    windows: 0,
    begun: false,
    waits: Waits::Ready,
    printed: (0, DIGEST),
    rung: 0,
    known: [0, DIGEST, 0, DIGEST],
};

struct World<'s, 'm> {
    supervisor: &'s mut Supervisor<'m>,
    lanes: Vec<Lane>,
    /// What each partition does to its channels.
    watches: Vec<Watch>,
    /// What partitions are to read about the schedules.
    schedules: Snapshot,
    /// The partition whose window is open.
    open: Option<usize>,
    deadline_ns: u64,
    input: Vec<u8>,
    boundaries: u32,
    pace: Option<Pace>,
    ending: Option<Result<Ending, RunError>>,
    stop: &'s AtomicBool,
}

/// Keeps virtual time from running faster than the host's by more than a factor.
struct Pace {
    begun: Instant,
    speed: f64,
}

struct VirtualTime<'w, 's, 'm>(&'w RefCell<World<'s, 'm>>);

impl TimeSource for VirtualTime<'_, '_, '_> {
    fn now_ns(&mut self) -> u64 {
        self.0.borrow().supervisor.now_ns()
    }

    fn sleep_until(&mut self, instant_ns: u64, _following_ns: u64) {
        self.0.borrow_mut().pass(instant_ns);
    }
}

struct Guests<'w, 's, 'm>(&'w RefCell<World<'s, 'm>>);

impl Processes for Guests<'_, '_, '_> {
    fn begin(&mut self, partition: PartitionId) -> Begun {
        self.0.borrow_mut().begin(partition.index())
    }

    fn end(&mut self, partition: PartitionId, time: &mut dyn TimeSource) -> Ended {
        self.0.borrow_mut().close(partition.index());
        let now = time.now_ns();
        Ended { requested_ns: now, confirmed_ns: Some(now) }
    }

    fn take_request(&mut self, partition: PartitionId) -> Option<u32> {
        let world = self.0.borrow();
        world.supervisor.residents[partition.index()].memory.vcpu().schedule.swap(0, Ordering::Relaxed).checked_sub(1)
    }

    fn publish(&mut self, schedules: Snapshot) {
        self.0.borrow_mut().schedules = schedules;
    }
}

impl Supervisor<'_> {
    /// Module time: the host's, or the virtual one.
    pub(super) fn now_ns(&self) -> u64 {
        self.virtual_now_ns.unwrap_or_else(dispatch::real::now_ns)
    }

    /// Tells the guests, before they are born, that time is virtual.
    pub(super) fn publish_virtual_time(&mut self, options: &VirtualOptions) {
        for resident in &mut self.residents {
            resident.open_throttle();
            let parameters = resident.memory.virtual_parameters();
            parameters.mode.store(VIRTUAL, Ordering::Relaxed);
            parameters.block_ns.store(options.block_ns, Ordering::Relaxed);
            parameters.call_ns.store(CALL_NS, Ordering::Relaxed);
            parameters.from_ns.store(BEGIN_NS, Ordering::Relaxed);
            parameters.until_ns.store(BEGIN_NS, Ordering::Relaxed);
            // The counter counts nanoseconds.
            let scale = Scale { base_tick: 0, base_ns: 0, mult: 1 << 32 };
            resident.memory.clock().publish(scale, WALL_OFFSET_NS);
            resident.memory.clock().epoch_ns.store(BEGIN_NS, Ordering::Relaxed);
        }
    }

    /// Runs the module in virtual time until it ends.
    pub(super) fn attend_virtually(&mut self, options: &VirtualOptions) -> Result<Ending, RunError> {
        let begun = Instant::now();
        let (mut producer, consumer) = ring(RING_CAPACITY);
        self.journal.add_ring(consumer);
        let input = self.read_input()?;
        let module = self.module;
        let timetables = (0..module.schedules.len())
            .map(|schedule| Timetable::new(&module.cores[0], schedule, module.major_frame_ns))
            .collect();
        let assignment = Assignment {
            core: 0,
            timetables,
            agreement: Arc::default(),
            may_switch: module.partitions.iter().map(|partition| partition.may_switch_schedule).collect(),
            epoch_ns: BEGIN_NS,
            frames: self.options.frames,
            note_waits: false,
        };
        let deadline_ns =
            self.options.duration.map_or(NEVER, |duration| BEGIN_NS.saturating_add(duration.as_nanos() as u64));
        let lanes = self.residents.iter().map(|_| NEW).collect();
        let watches = self.residents.iter().map(|resident| Watch::new(&self.channels, resident.id)).collect();
        let schedules = Snapshot::default();
        let pace = options.speed.map(|speed| Pace { begun, speed });
        let stop = AtomicBool::new(false);
        let (boundaries, open, ending) = (0, None, None);
        let world = World {
            supervisor: self,
            lanes,
            watches,
            schedules,
            open,
            deadline_ns,
            input,
            boundaries,
            pace,
            ending,
            stop: &stop,
        };
        let world = RefCell::new(world);
        if !world.borrow_mut().all_ended() {
            dispatch::run(&assignment, &mut VirtualTime(&world), &mut Guests(&world), &mut producer, &stop);
        }
        let ending = world.into_inner().ending;
        let failing = self.collect_events();
        let ended = self.virtual_outcome(options, begun.elapsed());
        self.virtual_outcome = Some(ended);
        Ok(ending.transpose()?.or(failing).unwrap_or(Ending::Complete))
    }

    fn virtual_outcome(&self, options: &VirtualOptions, took: Duration) -> VirtualOutcome {
        let elapsed_ns = self.now_ns() - BEGIN_NS;
        VirtualOutcome {
            digest: format!("{:016x}", self.journal.digest()),
            elapsed_ns,
            host_ns: took.as_nanos() as u64,
            ratio: elapsed_ns as f64 / (took.as_nanos() as f64).max(1.0),
            block_ns: options.block_ns,
            seed: options.seed,
        }
    }

    /// All of standard input, if a partition wants it and it is not a terminal: when it comes must not matter.
    fn read_input(&mut self) -> Result<Vec<u8>, RunError> {
        if !self.module.partitions.iter().any(|partition| partition.stdin) || io::stdin().is_terminal() {
            return Ok(Vec::new());
        }
        let (sender, all) = channel();
        let reader = move || {
            let mut bytes = Vec::new();
            // What cannot be read is not there.
            let _ = io::stdin().read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        };
        std::thread::Builder::new().spawn(reader).map_err(host_error("starting a thread"))?;
        let mut patience = 20;
        loop {
            match all.recv_timeout(Duration::from_millis(100)) {
                Ok(bytes) => return Ok(bytes),
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.read_signals();
            if self.interrupted {
                return Ok(Vec::new());
            }
            patience -= 1;
            if patience == 0 {
                self.say("waiting for the end of standard input, which a virtual run reads before it begins");
            }
        }
    }
}

impl World<'_, '_> {
    fn finish(&mut self, ending: Ending) {
        self.ending.get_or_insert(Ok(ending));
        self.stop.store(true, Ordering::Relaxed);
    }

    fn fail(&mut self, error: RunError) {
        self.ending.get_or_insert(Err(error));
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The window of this partition ends: others learn what it has sent them, or taken from them.
    fn close(&mut self, index: usize) {
        self.open = None;
        let residents = &self.supervisor.residents;
        self.watches[index].look(|peer| {
            raise(residents[peer.index()].memory.vcpu(), line::PORT);
        });
    }

    /// A window of this partition begins.
    fn begin(&mut self, index: usize) -> Begun {
        let resident = &self.supervisor.residents[index];
        if resident.state != State::Normal {
            return Begun::Vacant;
        }
        let lane = &mut self.lanes[index];
        lane.windows = lane.windows.wrapping_add(1);
        resident.memory.schedule().publish(self.schedules);
        let vcpu = resident.memory.vcpu();
        vcpu.window.store(lane.windows, Ordering::Release);
        raise(vcpu, line::WINDOW);
        self.feed(index);
        let wanted = self.wants(index, u64::MAX);
        let lane = &mut self.lanes[index];
        if lane.waits == Waits::Window || (wanted && matches!(lane.waits, Waits::Interrupt(_))) {
            lane.waits = Waits::Ready;
        }
        self.open = Some(index);
        Begun::Running
    }

    /// Whether one of these lines is raised and enabled.
    fn wants(&self, index: usize, lines: u64) -> bool {
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
        let lane = &mut self.lanes[index];
        let rings = lane.rung != resident.input && raise(resident.memory.vcpu(), line::CONSOLE) != Raised::Unwanted;
        if rings {
            lane.rung = resident.input;
        }
        rings
    }

    /// Lets time pass until `instant_ns`, or until the run ends.
    fn pass(&mut self, instant_ns: u64) {
        let end_ns = instant_ns.min(self.deadline_ns);
        while self.supervisor.now_ns() < end_ns && self.ending.is_none() {
            self.pass_slice(end_ns);
        }
        if let Some(index) = self.open {
            self.digest(index);
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
        if end_ns >= self.deadline_ns {
            self.finish(Ending::Complete);
        }
    }

    /// Lets time pass until `end_ns`, or as much of it as is let out at a time where the pace is limited.
    fn pass_slice(&mut self, end_ns: u64) {
        let slice_ns = self.pace.as_ref().map_or(NEVER, |pace| (PACE_NS * pace.speed) as u64).max(1);
        let limit_ns = end_ns.min(self.supervisor.now_ns().saturating_add(slice_ns));
        if let Some(index) = self.open {
            self.run_guest(index, limit_ns);
        }
        if self.ending.is_some() {
            return;
        }
        self.supervisor.virtual_now_ns = Some(limit_ns);
        if let Some(Pace { begun, speed }) = self.pace {
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

    /// What has nothing to do with virtual time: signals to the supervisor, and whoever reads the output.
    fn look_around(&mut self) {
        self.supervisor.read_signals();
        if self.supervisor.interrupted {
            self.finish(Ending::Interrupted);
        }
        if self.supervisor.output.is_closed() {
            self.finish(Ending::OutputClosed);
        }
    }

    /// Lets a guest run until `limit_ns`, or until it has nothing to do before that.
    fn run_guest(&mut self, index: usize, limit_ns: u64) {
        while self.ending.is_none() {
            match self.lanes[index].waits {
                Waits::Ready => {}
                Waits::Interrupt(wake_ns) if wake_ns < limit_ns => {}
                Waits::Interrupt(_) | Waits::Window | Waits::Nothing => return,
            }
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
            self.supervisor.read_signals();
            if self.supervisor.interrupted {
                self.finish(Ending::Interrupted);
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
        match self.supervisor.residents[index].collect_death() {
            Ok(Some(death)) => {
                if let Some(ending) = self.supervisor.mourn(index, death) {
                    self.finish(ending);
                }
            }
            Ok(None) => {}
            Err(error) => return self.fail(RunError::Host { what: "waitid", error }),
        }
        self.lanes[index] = NEW;
        self.await_births();
        if !self.all_ended() {
            self.expect_something();
        }
    }

    /// Births take no virtual time.
    fn await_births(&mut self) {
        while self.supervisor.residents.iter().any(|resident| resident.state == State::Starting) {
            if let Some(birth) = self.supervisor.spawner.wait(Duration::from_millis(50)) {
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
    fn all_ended(&mut self) -> bool {
        let all = self.supervisor.residents.iter().all(|resident| matches!(resident.state, State::Idle { .. }));
        if all {
            self.finish(Ending::AllEnded);
        }
        all
    }

    /// Ends the run if nothing can ever happen again.
    fn expect_something(&mut self) {
        let mut words = Vec::new();
        for (index, resident) in self.supervisor.residents.iter().enumerate() {
            if resident.state != State::Normal {
                continue;
            }
            let enabled = resident.memory.vcpu().enabled.load(Ordering::Relaxed);
            let partition = self.supervisor.module.partition(resident.id);
            let is_hopeless = match self.lanes[index].waits {
                Waits::Nothing => true,
                Waits::Interrupt(NEVER) => {
                    let window = enabled & 1 << line::WINDOW != 0;
                    let typed = enabled & 1 << line::CONSOLE != 0 && partition.stdin && !self.input.is_empty();
                    !window && !typed && !self.wants(index, u64::MAX)
                }
                _ => false,
            };
            if !is_hopeless {
                return;
            }
            words.push(match self.lanes[index].waits {
                Waits::Nothing => format!("\"{}\" sleeps with interrupts masked", partition.name),
                _ => format!("\"{}\" waits for {}", partition.name, lines(enabled)),
            });
        }
        if !words.is_empty() {
            self.supervisor.say(&format!("deadlock, nothing can ever happen again: {}", words.join("; ")));
            self.finish(Ending::Deadlock);
        }
    }

    /// A guest does not give the turn back.
    fn report_stuck(&mut self, index: usize) {
        let resident = &self.supervisor.residents[index];
        let Some(process) = &resident.process else { return };
        let ip = handover::whereabouts(resident.memory.virtual_cpu(), process);
        // The function and not the instruction, which is another one every time.
        let function =
            |ip| resident.guest.symbolise(ip).map(|name| name.split('+').next().unwrap_or_default().to_owned());
        let place = ip.map(|ip| function(ip).unwrap_or_else(|| format!("{ip:#x}")));
        let place = place.map_or("somewhere".to_owned(), |place| format!("in {place}"));
        self.supervisor.say_of(
            index,
            &format!(
                "spins {place} while virtual time stands still: nothing there moves the clock; compile it with \
                 -fsanitize-coverage=trace-pc (see docs/virtual-time.md)"
            ),
        );
        let partition = self.supervisor.module.partitions[index].name.clone();
        self.finish(Ending::Stuck { partition });
    }
}

/// The names of interrupt lines, for a message.
fn lines(enabled: u64) -> String {
    let name = |number: u32| match number {
        line::TIMER => "the timer (which is not set)".to_owned(),
        line::WINDOW => "a window".to_owned(),
        line::CONSOLE => "console input (there is no more)".to_owned(),
        line::PORT => "a port".to_owned(),
        number => format!("line {number}"),
    };
    let names: Vec<String> = (0..line::COUNT).filter(|&number| enabled & 1 << number != 0).map(name).collect();
    if names.is_empty() { "an interrupt, but has enabled none".to_owned() } else { names.join(", ") }
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

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_have_names() {
        assert_eq!(lines(0), "an interrupt, but has enabled none");
        assert_eq!(lines(1 << 3 | 1 << 40), "a port, line 40");
    }
}
