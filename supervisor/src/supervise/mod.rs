//! The main thread: births and deaths of partitions, consoles, signals, and the health monitor's actions.
//!
//! One run of a module, from its first process to its last figure. Nothing here is real-time: the dispatchers keep the
//! windows on threads of their own, and talk to this one through [`Slot`](crate::dispatch::slot::Slot)s and recorder rings
//! only. Everything this thread waits for comes through one mio poll: pidfds of the partitions, a signalfd, the spawner's
//! waker, and a tick for what is looked at regularly (consoles, rings, clocks). `prepare.rs` sets a run up, `finish.rs` ends it, and
//! `virtual_time/` takes the place of the poll where time is virtual.

pub mod console;
mod control;
pub mod death;
mod debugger;
mod dispatchers;
mod finish;
mod journal;
mod monitor;
mod outcome;
pub mod output;
mod prepare;
mod raise;
pub mod report;
mod resident;
mod sampler;
mod terminal;
pub mod timekeeper;
mod trace;
mod virtual_time;

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bulkhead_abi::boot::{StartCondition, StartMode};
use bulkhead_abi::vcpu::line;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;

use crate::block::Blocks;
use crate::config::module::Start;
use crate::config::{Module, PartitionId};
use crate::control::Desk;
use crate::dispatch::agreement::Agreement;
use crate::dispatch::clock::now_ns;
use crate::dispatch::policy::{GuestPolicy, RealTime};
use crate::health::StormWatch;
use crate::host;
use crate::lockstep::link::Door;
use crate::partition::{Birth, BirthError, Guest, Spawner};
use crate::port::Channels;
use crate::port::audit::{Audit, Culprit};
use crate::port::gateway::Gateways;
use crate::port::watch::Watch;
use crate::record::event::{Event, Kind, NO_PARTITION};
use dispatchers::{Dispatchers, Limits};
use journal::Journal;
use outcome::host_error;
pub use outcome::{
    ChannelOutcome, ConsoleMode, ControlOptions, Ending, Options, Outcome, PartitionOutcome, RunError, VirtualOptions,
    VirtualOutcome,
};
use output::Output;
use resident::Resident;
pub use resident::State;
use sampler::Sampler;
use sampler::sources::Source;
use terminal::put;
use timekeeper::{Sample, Timekeeper};

/// What the main thread listens to: who ends the run, and a host that loses its power.
const SIGNALS_WANTED: [Signal; 5] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPWR, Signal::SIGCONT];
const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
/// How often consoles and rings are looked at.
const TICK: Duration = Duration::from_millis(5);
/// How often the guests' clocks are corrected, in nanoseconds.
const CLOCK_PERIOD_NS: u64 = 250_000_000;

/// Runs `module`, whose partitions' images are `guests`, by partition number.
///
/// # Errors
/// When the host lacks something without which the module cannot run. What goes wrong with guests is in the outcome.
pub fn run(module: &Module, guests: Vec<Arc<Guest>>, options: &Options) -> Result<Outcome, RunError> {
    let affinity = sched_getaffinity(Pid::from_raw(0));
    let outcome = run_apart(module, guests, options);
    // The run has kept this thread off the module's cores. What it does next, such as another run, may have them again.
    if let Ok(affinity) = affinity {
        let _ = sched_setaffinity(Pid::from_raw(0), &affinity);
    }
    outcome
}

fn run_apart(module: &Module, guests: Vec<Arc<Guest>>, options: &Options) -> Result<Outcome, RunError> {
    let mut supervisor = Supervisor::prepare(module, guests, options)?;
    let begun = now_ns();
    supervisor.start_partitions()?;
    supervisor.startup_ns = now_ns() - begun;
    supervisor.announce();
    supervisor.await_debugger();
    let ending = match &options.virtual_time {
        Some(virtual_time) => supervisor.attend_virtually(virtual_time)?,
        None => supervisor.attend()?,
    };
    Ok(supervisor.finish(ending))
}

struct Supervisor<'a> {
    module: &'a Module,
    options: &'a Options,
    real_time: RealTime,
    policies: Vec<GuestPolicy>,
    residents: Vec<Resident>,
    channels: Arc<Channels>,
    blocks: Arc<Blocks>,
    audits: Vec<Audit>,
    gateways: Option<Gateways>,
    /// What comes from outside.
    outside: Watch,
    spawner: Spawner,
    journal: Journal,
    output: Output,
    /// The supervisor's own messages, unless they go where the guests' output goes, and so keep their place in it.
    messages: Option<Output>,
    poll: Poll,
    signals: SignalFd,
    timekeeper: Timekeeper,
    clock_due_ns: u64,
    typed: Option<Receiver<Vec<u8>>>,
    typed_rest: Vec<u8>,
    dispatchers: Option<Dispatchers>,
    /// What the dispatchers agree upon about schedules.
    agreement: Arc<Agreement>,
    /// Where others may ask.
    desk: Option<Desk>,
    /// Where a client in lockstep is expected, until it is there.
    door: Option<Door>,
    /// Where there is a recording.
    sampler: Option<Sampler>,
    /// What interrupts the host, as the recording's header names it.
    interrupt_sources: Vec<Source>,
    startup_ns: u64,
    interrupted: bool,
    /// The host has announced that its power fails.
    power_failing: bool,
    /// Restarts of the module.
    resets: StormWatch,
    /// Module time in a virtual run, where it is not the host's.
    virtual_now_ns: Option<u64>,
    virtual_outcome: Option<VirtualOutcome>,
}

impl<'a> Supervisor<'a> {
    /// Makes the first process of every partition.
    fn start_partitions(&mut self) -> Result<(), RunError> {
        self.set_traces();
        match &self.options.virtual_time {
            Some(virtual_time) => self.publish_virtual_time(virtual_time),
            None => self.publish_clock(),
        }
        let mut expected = 0;
        for resident in &mut self.residents {
            let mode = match self.module.partition(resident.id).start {
                Start::Cold => StartMode::Cold,
                Start::Warm => StartMode::Warm,
                Start::Idle => continue,
            };
            resident.start(self.module, &self.spawner, mode, StartCondition::NormalStart);
            expected += 1;
        }
        while expected > 0 {
            self.read_signals();
            if self.interrupted {
                break;
            }
            if let Some(birth) = self.spawner.wait(Duration::from_millis(50)) {
                expected -= 1;
                let id = birth.partition;
                self.welcome(birth).map_err(|error| RunError::Birth { partition: self.name(id), error })?;
            }
        }
        Ok(())
    }

    /// Says once what is not as good as it could be.
    fn announce(&mut self) {
        if self.options.quiet {
            return;
        }
        if !self.real_time.fifo && self.options.virtual_time.is_none() {
            self.say(
                "no right to real-time scheduling: windows are kept on a best-effort basis (see `bulkhead doctor`)",
            );
        }
        let missing = self.spawner.fences().missing();
        if !missing.is_empty() {
            self.say(&format!(
                "the host refuses {} namespaces: partitions are fenced in by seccomp and no_new_privs{} (see `bulkhead doctor`)",
                missing.join(", "),
                if missing.len() == 6 { " alone" } else { "" }
            ));
        }
        if !host::has_invariant_counter() && self.options.virtual_time.is_none() {
            self.say(
                "the processor's time-stamp counter is not invariant: guests' clocks may be wrong between corrections",
            );
        }
    }

    /// Starts the dispatchers, and then attends to everything else until the run ends.
    fn attend(&mut self) -> Result<Ending, RunError> {
        let slots: Vec<_> = self.residents.iter().map(|resident| Arc::clone(&resident.slot)).collect();
        let limits = Limits { frames: self.options.frames, records: self.options.record.is_some() };
        let (dispatchers, rings) =
            Dispatchers::start(self.module, &slots, &self.channels, &self.policies, &self.agreement, limits)
                .map_err(host_error("starting a dispatcher"))?;
        for ring in rings {
            self.journal.add_ring(ring);
        }
        let epoch = dispatchers.epoch_ns();
        for resident in &self.residents {
            resident.memory.clock().epoch_ns.store(epoch, std::sync::atomic::Ordering::Relaxed);
        }
        if self.options.record.is_some() {
            let sources = std::mem::take(&mut self.interrupt_sources);
            self.sampler = Some(Sampler::new(self.module, &dispatchers.threads(), sources));
        }
        self.dispatchers = Some(dispatchers);
        if let Some(dispatchers) = &self.dispatchers {
            dispatchers.go();
        }
        let deadline = self.options.duration.map(|duration| epoch.saturating_add(duration.as_nanos() as u64));

        let mut events = Events::with_capacity(64);
        loop {
            let now = now_ns();
            let until_deadline = deadline.map_or(TICK, |at| Duration::from_nanos(at.saturating_sub(now)));
            match self.poll.poll(&mut events, Some(TICK.min(until_deadline))) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RunError::Host { what: "epoll", error }),
            }
            // First of all, so that a stop of the supervisor is recorded before the windows that it made late.
            self.read_signals();
            let mut ending = self.tick()?;
            if std::mem::take(&mut self.power_failing) {
                ending = ending.or(self.power_fails());
            }
            if self.interrupted {
                ending = Some(Ending::Interrupted);
            }
            if let Some(ending) = ending {
                return Ok(ending);
            }
            if deadline.is_some_and(|at| now_ns() >= at) || self.dispatchers.as_ref().is_some_and(Dispatchers::are_done)
            {
                return Ok(Ending::Complete);
            }
        }
    }

    /// Looks at everything once.
    fn tick(&mut self) -> Result<Option<Ending>, RunError> {
        if now_ns() >= self.clock_due_ns {
            self.publish_clock();
        }
        if let Some(dispatchers) = &self.dispatchers {
            dispatchers.hurry();
        }
        while let Some(birth) = self.spawner.try_birth() {
            let id = birth.partition;
            if let Err(error) = self.welcome(birth) {
                let partition = self.name(id);
                self.say(&format!("partition \"{partition}\" cannot be restarted: {error}"));
                return Ok(Some(Ending::BirthFailed { partition }));
            }
        }
        self.pump_input();
        let news: Vec<PartitionId> = self.gateways.iter().flat_map(Gateways::take_news).collect();
        if !news.is_empty() {
            self.keep_arrivals_from_outside();
        }
        for id in news {
            self.raise_line(id.index(), line::PORT);
        }
        let mut ending = None;
        for index in 0..self.residents.len() {
            let resident = &mut self.residents[index];
            resident.drain_console(now_ns(), &self.options.console, &mut self.output);
            if resident.take_corruption() {
                self.say_of(index, "overwrote its console's ring; output was lost");
            }
            self.collect_reports(index);
            let death = self.residents[index].collect_death().map_err(host_error("waitid"))?;
            if let Some(death) = death {
                ending = self.mourn(index, death).or(ending);
            }
        }
        self.audit_channels();
        self.output.send();
        if self.output.is_closed() {
            return Ok(Some(Ending::OutputClosed));
        }
        // Taken before the dispatchers' events and noted behind them: whatever is older than the sample stands before it.
        let now = now_ns();
        let samples =
            self.sampler.as_mut().map(|sampler| sampler.take(now, self.module, &self.residents, &self.channels));
        ending = self.collect_events().or(ending);
        ending = self.attend_desk().or(ending);
        // A module in which nothing was to start keeps its empty windows for as long as it was asked to.
        let limited = self.options.frames.is_some() || self.options.duration.is_some();
        let only_rest = limited && self.module.partitions.iter().all(|partition| partition.start == Start::Idle);
        for (core, kind) in samples.into_iter().flatten() {
            self.journal.note(Event { time_ns: now, core, partition: NO_PARTITION, kind });
        }
        let all_ended = self.residents.iter().all(|resident| matches!(resident.state, State::Idle { .. }));
        Ok(ending.or((all_ended && !only_rest).then_some(Ending::AllEnded)))
    }

    /// Says which partition has put a channel out of order.
    fn audit_channels(&mut self) {
        let channels = Arc::clone(&self.channels);
        for ((channel, memory), audit) in channels.iter().zip(&mut self.audits) {
            let end = match audit.look(channel, memory) {
                Some(Culprit::Source) => &channel.source,
                Some(Culprit::Destination) => &channel.destinations[0],
                None => continue,
            };
            if let Some(id) = end.partition() {
                let words = format!("overwrote its position in channel \"{}\"; nothing passes there now", channel.name);
                put(
                    self.messages.as_mut().unwrap_or(&mut self.output),
                    &format!("partition \"{}\" {words}", self.module.partition(id).name),
                );
            }
        }
    }

    /// A partition's process has been born.
    fn welcome(&mut self, birth: Birth) -> Result<(), BirthError> {
        let index = birth.partition.index();
        let kind = Kind::Birth {
            generation: u64::from(birth.start.generation),
            warm: birth.start.mode == StartMode::Warm,
            // What the host's clock says has no place in a virtual run.
            took_ns: if self.virtual_now_ns.is_some() { 0 } else { birth.took.as_nanos() as u64 },
        };
        self.residents[index].arrive(birth)?;
        self.journal.note(self.event(index, kind));
        if let Some(process) = &self.residents[index].process {
            // Only to wake up at once: every tick looks at all of them anyway. The registration goes with the descriptor.
            let fd = process.pidfd.as_raw_fd();
            let _ = self.poll.registry().register(&mut SourceFd(&fd), Token(index), Interest::READABLE);
        }
        Ok(())
    }

    fn publish_clock(&mut self) {
        let sample = Sample::take();
        let scale = if self.clock_due_ns == 0 { self.timekeeper.scale() } else { self.timekeeper.update(sample) };
        self.clock_due_ns = now_ns() + CLOCK_PERIOD_NS;
        for resident in &self.residents {
            resident.memory.clock().publish(scale, sample.wall_offset_ns);
        }
    }

    fn pump_input(&mut self) {
        let Some(typed) = &self.typed else { return };
        let wants = |resident: &Resident| self.module.partition(resident.id).stdin;
        let Some(index) = self.residents.iter().position(wants) else { return };
        if self.residents[index].state != State::Normal {
            return;
        }
        let mut rings = false;
        while let Ok(more) = if self.typed_rest.is_empty() { typed.try_recv() } else { Ok(Vec::new()) } {
            self.typed_rest.extend(more);
            let resident = &mut self.residents[index];
            let fed = console::feed(&resident.memory, &mut resident.input, &self.typed_rest);
            rings |= fed > 0;
            self.typed_rest.drain(..fed);
            if !self.typed_rest.is_empty() {
                break;
            }
        }
        if rings {
            self.raise_line(index, line::CONSOLE);
        }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo == Signal::SIGPWR as u32 {
                self.power_failing = true;
            } else if signal.ssi_signo == Signal::SIGCONT as u32 {
                if self.virtual_now_ns.is_some() {
                    // It was the host's time that stood still.
                    continue;
                }
                let event = Event { time_ns: now_ns(), core: 0, partition: NO_PARTITION, kind: Kind::Resumed };
                self.journal.note(event);
            } else {
                self.interrupted = true;
            }
        }
        // In virtual time this is the one thing that is looked at wherever the main thread waits.
        if self.virtual_now_ns.is_some() && self.attend_desk().is_some() {
            self.interrupted = true;
        }
    }

    fn event(&self, index: usize, kind: Kind) -> Event {
        let core = self.module.partitions[index].core as u16;
        Event { time_ns: self.now_ns(), core, partition: index as u16, kind }
    }

    fn name(&self, id: PartitionId) -> String {
        self.module.partition(id).name.clone()
    }

    /// A message of the supervisor's own.
    fn say(&mut self, words: &str) {
        put(self.messages.as_mut().unwrap_or(&mut self.output), words);
    }

    fn say_of(&mut self, index: usize, words: &str) {
        self.say(&format!("partition \"{}\" {words}", self.module.partitions[index].name));
    }

    fn say_recording_failed(&mut self) {
        if let Some(error) = &self.journal.failure {
            self.say(&format!("the recording ends here, what it holds stays readable: {error}"));
        }
    }
}
