//! A run's set-up: everything that can fail for the host's or the configuration's fault before the first process is born.

use std::io::{self, IsTerminal};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulkhead_abi::virtual_time::BEGIN_NS;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Waker};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::outcome::{Options, RunError, host_error};
use super::output::Output;
use super::resident::Resident;
use super::sampler::sources::sources;
use super::terminal::{prefix, read_stdin};
use super::timekeeper::{Sample, Timekeeper};
use super::{Journal, SIGNALS, SIGNALS_WANTED, Supervisor, WAKER, control};
use crate::block::Blocks;
use crate::config::{Module, PartitionId};
use crate::dispatch::clock::now_ns;
use crate::dispatch::policy::{GuestPolicy, RealTime};
use crate::dispatch::signal::is_ignored;
use crate::health::StormWatch;
use crate::host::{self, Cpus};
use crate::lockstep::link::Door;
use crate::partition::{Guest, Spawner, pin};
use crate::port::Channels;
use crate::port::audit::Audit;
use crate::port::gateway::Gateways;
use crate::port::watch::Watch;
use crate::record::header::Header;

/// How long the first clock measurement takes.
const CLOCK_WARMUP: Duration = Duration::from_millis(10);

impl<'a> Supervisor<'a> {
    pub(super) fn prepare(module: &'a Module, guests: Vec<Arc<Guest>>, options: &'a Options) -> Result<Self, RunError> {
        let signals = take_signals()?;
        raise_descriptor_limit();

        let is_virtual = options.virtual_time.is_some();
        let places = Places::find(module, is_virtual)?;
        // Where nothing is free this changes nothing.
        let _ = pin(Pid::from_raw(0), &places.housekeeping);
        let real_time = host::real_time();
        if options.require_rt && !real_time.fifo {
            return Err(RunError::NoRealTime);
        }
        let policies = policies(module, real_time, is_virtual);

        let first = Sample::take();
        let poll = Poll::new().map_err(host_error("epoll"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(host_error("eventfd"))?);
        let news_waker = Arc::clone(&waker);
        poll.registry()
            .register(&mut SourceFd(&signals.as_raw_fd()), SIGNALS, Interest::READABLE)
            .map_err(host_error("epoll"))?;
        let spawner = Spawner::start(&places.housekeeping, options.fences, move || {
            // The tick comes anyway.
            let _ = waker.wake();
        })
        .map_err(RunError::Spawner)?;

        let begin_ns = if is_virtual { BEGIN_NS } else { now_ns() };
        // Interrupts are the host's, and virtual runs know nothing of it.
        let counted = options.record.is_some() && !is_virtual;
        let interrupts = counted.then(|| host::read("/proc/interrupts")).flatten().unwrap_or_default();
        let interrupt_sources = sources(&interrupts);
        let header = Header {
            interrupts: interrupt_sources.iter().map(|source| source.name.clone()).collect(),
            ..header(module, real_time, &policies, begin_ns)
        };
        let door = open_door(options)?;
        let desk = control::open(module, options, (real_time.fifo, &header), &places.housekeeping)?;
        let journal = Journal::new(&header, options.record.as_deref(), (is_virtual, desk.is_some()))?;

        let channels = Channels::new(module).map_err(|(channel, error)| RunError::Channel { channel, error })?;
        let channels = Arc::new(channels);
        let blocks = Blocks::new(module).map_err(|(block, error)| RunError::Block { block, error })?;
        let blocks = Arc::new(blocks);
        let gateways = Gateways::start(&channels, module.partitions.len(), &places.housekeeping, move || {
            // The tick comes anyway.
            let _ = news_waker.wake();
        })?;
        let residents = (0..)
            .map(PartitionId)
            .zip(guests)
            .map(|(id, guest)| {
                let partition = module.partition(id);
                let prefix = console_prefix(module, id, options);
                let place = (places.cpu_of(module, partition.core), policies[partition.core]);
                Resident::new(module, id, guest, place, (&channels, &blocks), prefix, begin_ns)
                    .map_err(|error| RunError::Memory { partition: partition.name.clone(), error })
            })
            .collect::<Result<Vec<_>, _>>()?;

        let (output, messages) = open_outputs(options)?;
        let reads_stdin = module.partitions.iter().any(|partition| partition.stdin);
        let typed = (reads_stdin && !is_virtual).then(read_stdin);

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
}

/// Which CPUs a run uses.
struct Places {
    /// Where everything runs in virtual time.
    virtual_cpu: Option<u32>,
    /// Where the supervisor's own threads run, but for the dispatchers.
    housekeeping: Vec<u32>,
}

impl Places {
    fn find(module: &Module, is_virtual: bool) -> Result<Places, RunError> {
        let cpus = Cpus::of_this_process().map_err(host_error("sched_getaffinity"))?;
        let scheduled: Vec<u32> = module.cores.iter().map(|core| core.cpu).collect();
        let virtual_cpu = is_virtual.then(|| cpus.stand_in(scheduled.first().copied()));
        let housekeeping = virtual_cpu.map_or_else(|| cpus.housekeeping(&scheduled), |cpu| vec![cpu]);
        Ok(Places { virtual_cpu, housekeeping })
    }

    /// The CPU that stands for a scheduled core.
    fn cpu_of(&self, module: &Module, core: usize) -> u32 {
        self.virtual_cpu.unwrap_or(module.cores[core].cpu)
    }
}

/// How the guests of each core are scheduled.
fn policies(module: &Module, real_time: RealTime, is_virtual: bool) -> Vec<GuestPolicy> {
    let cores = module.cores.iter().map(|core| {
        if is_virtual {
            return GuestPolicy::Brief;
        }
        let busy = |schedule| core.windows_in(schedule).iter().map(|window| window.duration_ns).sum();
        let busiest = (0..module.schedules.len()).map(busy).max().unwrap_or(0);
        real_time.guest_policy(busiest, module.major_frame_ns)
    });
    cores.collect()
}

/// What a recording begins with.
fn header(module: &Module, real_time: RealTime, policies: &[GuestPolicy], begin_ns: u64) -> Header {
    let mut facts = host::facts();
    facts.insert("dispatcher".to_owned(), if real_time.fifo { "fifo" } else { "ordinary" }.to_owned());
    let names: Vec<_> = policies.iter().map(|policy| format!("{policy:?}").to_lowercase()).collect();
    facts.insert("guest_policies".to_owned(), names.join(", "));
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    Header::new(module, facts, started, begin_ns)
}

/// Blocks the signals that are asked for, before any other thread exists, so that all inherit it. A run that was started by nohup outlives
/// its terminal.
fn take_signals() -> Result<SignalFd, RunError> {
    let mut wanted: SigSet = SIGNALS_WANTED.into_iter().collect();
    if is_ignored(libc::SIGHUP) {
        wanted.remove(Signal::SIGHUP);
    }
    wanted.thread_block().map_err(host_error("sigprocmask"))?;
    SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(host_error("signalfd"))
}

/// Where a client in lockstep is to come, if one is wanted.
fn open_door(options: &Options) -> Result<Option<Door>, RunError> {
    let path = options.virtual_time.as_ref().and_then(|options| options.lockstep.as_deref());
    path.map(|path| Door::open(path).map_err(|error| RunError::Lockstep { path: path.display().to_string(), error }))
        .transpose()
}

/// Where the guests' output goes, and the supervisor's own messages if those go elsewhere.
fn open_outputs(options: &Options) -> Result<(Output, Option<Output>), RunError> {
    let sink: Box<dyn io::Write + Send> =
        if options.console_on_stderr { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    let output = Output::start(sink).map_err(host_error("starting a thread"))?;
    let messages = (!options.console_on_stderr).then(|| Output::start(io::stderr())).transpose();
    Ok((output, messages.map_err(host_error("starting a thread"))?))
}

/// What a partition's lines begin with.
fn console_prefix(module: &Module, id: PartitionId, options: &Options) -> String {
    let colour = !options.console_on_stderr && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let width = module.partitions.iter().map(|partition| partition.name.chars().count()).max().unwrap_or(0);
    prefix(&module.partition(id).name, id.index(), width, colour)
}

/// 64 partitions need more descriptors than the usual soft limit allows.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65536), hard);
    }
}
