//! The main thread: births and deaths of partitions, consoles, signals, and the health monitor's actions.
//!
//! One run of a module, from its first process to its last figure. Nothing here is real-time: the dispatchers keep the
//! windows on threads of their own, and talk to this one through [`Slot`](crate::dispatch::real::Slot)s and recorder rings
//! only. Everything this thread waits for comes through one mio poll: pidfds of the partitions, a signalfd, the spawner's
//! waker, and a tick for what is looked at regularly (consoles, rings, clocks).

pub mod console;
mod control;
pub mod death;
mod dispatchers;
mod journal;
mod monitor;
mod outcome;
pub mod output;
mod raise;
pub mod report;
mod resident;
mod sampler;
mod terminal;
pub mod timekeeper;
mod trace;
mod virtual_time;

use std::io::{self, IsTerminal};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulkhead_abi::boot::{StartCondition, StartMode};
use bulkhead_abi::vcpu::line;
use bulkhead_abi::virtual_time::BEGIN_NS;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::block::Blocks;
use crate::config::module::Start;
use crate::config::{Channel, Module, PartitionId};
use crate::control::Desk;
use crate::dispatch::agreement::Agreement;
use crate::dispatch::policy::{GuestPolicy, RealTime};
use crate::dispatch::real::now_ns;
use crate::health::StormWatch;
use crate::host::{self, Cpus};
use crate::lockstep::link::Door;
use crate::partition::{Birth, BirthError, Guest, Spawner, pin};
use crate::port::audit::{Audit, Culprit};
use crate::port::gateway::{Gateways, SocketOutcome};
use crate::port::watch::Watch;
use crate::port::{ChannelMemory, Channels};
use crate::record::event::{Event, Kind, NO_PARTITION};
use crate::record::header::Header;
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
use sampler::sources::{Source, sources};
use terminal::{prefix, put, read_stdin};
use timekeeper::{Sample, Timekeeper};

/// What the main thread listens to: who ends the run, and a host that loses its power.
const SIGNALS_WANTED: [Signal; 5] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPWR, Signal::SIGCONT];
const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
/// How often consoles and rings are looked at.
const TICK: Duration = Duration::from_millis(5);
/// How often the guests' clocks are corrected, in nanoseconds.
const CLOCK_PERIOD_NS: u64 = 250_000_000;
/// How long the first clock measurement takes.
const CLOCK_WARMUP: Duration = Duration::from_millis(10);
/// How long output may take at the end.
const LAST_OUTPUT: Duration = Duration::from_secs(5);
/// How long messages may take behind it.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// Runs `module`, whose partitions' images are `guests`, by partition number.
///
/// # Errors
/// When the host lacks something without which the module cannot run. What goes wrong with guests is in the outcome.
pub fn run(module: &Module, guests: Vec<Arc<Guest>>, options: &Options) -> Result<Outcome, RunError> {
    let mut supervisor = Supervisor::prepare(module, guests, options)?;
    let begun = now_ns();
    supervisor.start_partitions()?;
    supervisor.startup_ns = now_ns() - begun;
    supervisor.announce();
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
    fn prepare(module: &'a Module, guests: Vec<Arc<Guest>>, options: &'a Options) -> Result<Self, RunError> {
        // Before any other thread exists, so that all inherit it.
        let wanted: SigSet = SIGNALS_WANTED.into_iter().collect();
        wanted.thread_block().map_err(host_error("sigprocmask"))?;
        let signals = SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .map_err(host_error("signalfd"))?;
        raise_descriptor_limit();

        let cpus = Cpus::of_this_process().map_err(host_error("sched_getaffinity"))?;
        let scheduled: Vec<u32> = module.cores.iter().map(|core| core.cpu).collect();
        let is_virtual = options.virtual_time.is_some();
        let virtual_cpu = is_virtual.then(|| cpus.stand_in(scheduled.first().copied()));
        let housekeeping = virtual_cpu.map_or_else(|| cpus.housekeeping(&scheduled), |cpu| vec![cpu]);
        // Where nothing is free this changes nothing.
        let _ = pin(Pid::from_raw(0), &housekeeping);

        let real_time = host::real_time();
        if options.require_rt && !real_time.fifo {
            return Err(RunError::NoRealTime);
        }
        let policies: Vec<GuestPolicy> = module
            .cores
            .iter()
            .map(|core| {
                if is_virtual {
                    return GuestPolicy::Ordinary;
                }
                let busy = |schedule| core.windows_in(schedule).iter().map(|window| window.duration_ns).sum();
                let busiest = (0..module.schedules.len()).map(busy).max().unwrap_or(0);
                real_time.guest_policy(busiest, module.major_frame_ns)
            })
            .collect();

        let first = Sample::take();
        let poll = Poll::new().map_err(host_error("epoll"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(host_error("eventfd"))?);
        let news_waker = Arc::clone(&waker);
        poll.registry()
            .register(&mut SourceFd(&signals.as_raw_fd()), SIGNALS, Interest::READABLE)
            .map_err(host_error("epoll"))?;
        let spawner = Spawner::start(&housekeeping, options.fences, move || {
            // The tick comes anyway.
            let _ = waker.wake();
        })
        .map_err(RunError::Spawner)?;

        let mut facts = host::facts();
        facts.insert("dispatcher".to_owned(), if real_time.fifo { "fifo" } else { "ordinary" }.to_owned());
        let names: Vec<_> = policies.iter().map(|policy| format!("{policy:?}").to_lowercase()).collect();
        facts.insert("guest_policies".to_owned(), names.join(", "));
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let begin_ns = if is_virtual { BEGIN_NS } else { now_ns() };
        // Interrupts are the host's, and virtual runs know nothing of it.
        let counted = options.record.is_some() && options.virtual_time.is_none();
        let interrupts = counted.then(|| host::read("/proc/interrupts")).flatten().unwrap_or_default();
        let interrupt_sources = sources(&interrupts);
        let header = Header {
            interrupts: interrupt_sources.iter().map(|source| source.name.clone()).collect(),
            ..Header::new(module, facts, started, begin_ns)
        };
        let door = options.virtual_time.as_ref().and_then(|options| options.lockstep.as_deref());
        let door = door.map(|path| {
            Door::open(path).map_err(|error| RunError::Lockstep { path: path.display().to_string(), error })
        });
        let door = door.transpose()?;
        let desk = control::open(module, options, (real_time.fifo, &header), &housekeeping)?;
        let journal = Journal::new(&header, options.record.as_deref(), (is_virtual, desk.is_some()))?;

        let colour = !options.console_on_stderr && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let width = module.partitions.iter().map(|partition| partition.name.chars().count()).max().unwrap_or(0);
        let channels = Channels::new(module).map_err(|(channel, error)| RunError::Channel { channel, error })?;
        let channels = Arc::new(channels);
        let blocks = Blocks::new(module).map_err(|(block, error)| RunError::Block { block, error })?;
        let blocks = Arc::new(blocks);
        let gateways = Gateways::start(&channels, module.partitions.len(), &housekeeping, move || {
            // The tick comes anyway.
            let _ = news_waker.wake();
        })?;
        let residents = guests
            .into_iter()
            .enumerate()
            .map(|(index, guest)| {
                let id = PartitionId(index as u16);
                let partition = module.partition(id);
                let prefix = prefix(&partition.name, index, width, colour);
                let cpu = virtual_cpu.unwrap_or(module.cores[partition.core].cpu);
                let place = (cpu, policies[partition.core]);
                Resident::new(module, id, guest, place, (&channels, &blocks), prefix, begin_ns)
                    .map_err(|error| RunError::Memory { partition: partition.name.clone(), error })
            })
            .collect::<Result<Vec<_>, _>>()?;

        let sink: Box<dyn io::Write + Send> =
            if options.console_on_stderr { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
        let output = Output::start(sink).map_err(host_error("starting a thread"))?;
        let messages = (!options.console_on_stderr).then(|| Output::start(io::stderr())).transpose();
        let messages = messages.map_err(host_error("starting a thread"))?;
        let typed = module.partitions.iter().any(|partition| partition.stdin);
        let typed = (typed && !is_virtual).then(read_stdin);

        if !is_virtual {
            std::thread::sleep(CLOCK_WARMUP);
        }
        Ok(Supervisor {
            module,
            options,
            real_time,
            policies,
            residents,
            audits: vec![Audit::default(); module.channels.len()],
            outside: Watch::of_outside(&channels),
            channels,
            blocks,
            gateways,
            spawner,
            journal,
            output,
            messages,
            poll,
            signals,
            timekeeper: Timekeeper::new(first, Sample::take()),
            clock_due_ns: 0,
            typed,
            typed_rest: Vec::new(),
            dispatchers: None,
            agreement: Arc::default(),
            desk,
            door,
            sampler: None,
            interrupt_sources,
            startup_ns: 0,
            interrupted: false,
            power_failing: false,
            resets: StormWatch::default(),
            virtual_now_ns: is_virtual.then_some(BEGIN_NS),
            virtual_outcome: None,
        })
    }

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

    /// Ends the run in good order.
    fn finish(mut self, ending: Ending) -> Outcome {
        // From now on a second signal ends the supervisor at once, and the kernel ends its children with it.
        let wanted: SigSet = SIGNALS_WANTED.into_iter().collect();
        let _ = wanted.thread_unblock();
        if let Some(dispatchers) = self.dispatchers.take() {
            dispatchers.stop();
        }
        // All at once, so that they die side by side.
        for resident in &mut self.residents {
            resident.kill();
        }
        for index in 0..self.residents.len() {
            self.collect_trace(index);
        }
        let now_ns = self.now_ns();
        for resident in &mut self.residents {
            if let Some(process) = resident.process.take() {
                process.destroy();
            }
            resident.flush_console(now_ns, &self.options.console, &mut self.output);
        }
        // What the main loop has not seen any more is recorded, but too late to be acted upon.
        if self.journal.collect(|_| {}) {
            self.say_recording_failed();
        }
        if let Some(gateways) = &mut self.gateways {
            gateways.stop();
        }
        let channels = (0..).zip(self.channels.iter());
        let channels = channels.map(|(number, (channel, memory))| {
            let sockets = self.gateways.as_ref().map(|gateways| gateways.outcomes(number)).unwrap_or_default();
            channel_outcome(channel, memory, sockets)
        });
        let channels = channels.collect();
        let partitions = self
            .residents
            .iter()
            .map(|resident| PartitionOutcome {
                name: self.name(resident.id),
                state: resident.state.clone(),
                dropped_output_bytes: resident.dropped_in_all,
            })
            .collect();
        let outcome = Outcome {
            ending,
            partitions,
            channels,
            real_time: self.real_time.fifo,
            guest_policies: self.policies,
            fences: self.spawner.fences(),
            startup_ns: self.startup_ns,
            recording_error: self.journal.failure.as_ref().map(ToString::to_string),
            summary: self.journal.summary(),
            virtual_time: self.virtual_outcome,
        };
        if let Some(desk) = self.desk.take() {
            desk.close(serde_json::to_value(&outcome.ending).unwrap_or_default());
        }
        let complete = self.output.finish(LAST_OUTPUT);
        if let Some(mut messages) = self.messages {
            if !complete {
                put(&mut messages, "some output could not be written");
            }
            messages.finish(LAST_MESSAGES);
        }
        outcome
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

/// What a channel came to.
fn channel_outcome(channel: &Channel, memory: &ChannelMemory, sockets: Vec<SocketOutcome>) -> ChannelOutcome {
    let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
    let (source, destination) = (memory.source_page(), memory.destination_page());
    let messages = load(&source.head);
    let depth = channel.queue_shape().map_or(0, |shape| u64::from(shape.depth()));
    ChannelOutcome {
        name: channel.name.clone(),
        kind: if destination.is_some() { "queuing" } else { "sampling" },
        messages,
        waiting: destination.map_or(0, |page| messages.wrapping_sub(load(&page.tail)).min(depth)),
        lost: load(&source.lost),
        nonsense: destination.map_or(0, |page| load(&page.own.nonsense)),
        sockets,
    }
}

/// 64 partitions need more descriptors than the usual soft limit allows.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65536), hard);
    }
}
