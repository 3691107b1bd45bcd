//! What a run is asked for, why it may fail, and what it comes to.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use nix::errno::Errno;
use serde::Serialize;

use super::resident::State;
use crate::config::{Channel, PartitionId};
use crate::control::place::PlaceError;
use crate::dispatch::policy::GuestPolicy;
use crate::partition::{BirthError, Fences};
use crate::port::ChannelMemory;
use crate::port::gateway::{GatewayError, SocketOutcome};
use crate::record::event::Event;
use crate::record::summary::Summary;

/// How guests' output is shown.
#[derive(Debug, Clone)]
pub enum ConsoleMode {
    /// Line by line, with the partition's name.
    Prefix,
    /// Byte by byte, as it comes.
    Raw,
    /// Not at all, but handed on.
    Capture(Sender<(PartitionId, Vec<u8>)>),
}

/// What a run is asked for besides its module.
#[derive(Debug)]
pub struct Options {
    /// Stop after so many major frames.
    pub frames: Option<u64>,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Record to this file.
    pub record: Option<PathBuf>,
    /// How to show output.
    pub console: ConsoleMode,
    /// Refuse to run without real-time scheduling.
    pub require_rt: bool,
    /// Guests' output goes to standard error, because standard output is wanted for something else.
    pub console_on_stderr: bool,
    /// Say nothing but guests' output and errors.
    pub quiet: bool,
    /// Namespaces to ask for at most.
    pub fences: Fences,
    /// Stop at the first window that starts later than this, in nanoseconds.
    pub stop_on_start_ns: Option<u64>,
    /// Somebody who wants every event too.
    pub tap: Option<Sender<Event>>,
    /// Let other programs see the run, and act upon it.
    pub control: Option<ControlOptions>,
    /// Begin when a debugger has attached to this partition's first process.
    pub debug: Option<PartitionId>,
    /// Run in virtual time; `duration` is virtual then.
    pub virtual_time: Option<VirtualOptions>,
}

/// How other programs reach a run.
#[derive(Debug, Clone)]
pub struct ControlOptions {
    /// At this socket; `None` for one in this user's folder for them, if there can be one.
    pub path: Option<PathBuf>,
    /// Whether they may change something.
    pub write: bool,
}

/// What a virtual run is asked for.
#[derive(Debug, Clone)]
pub struct VirtualOptions {
    /// Whether guests step through their code, and each instruction takes its time.
    pub steps: bool,
    /// What a basic block takes, or else an instruction, in nanoseconds, at least 1.
    pub block_ns: u32,
    /// For how long partitions that run side by side on several cores run one after the other, in nanoseconds, at least 1.
    pub quantum_ns: u64,
    /// What varies the instants of interrupts and the time that code takes; 0: nothing does.
    pub seed: u64,
    /// How many times as fast as the host's time virtual time may run, more than 0; `None` for as fast as possible.
    pub speed: Option<f64>,
    /// Where to wait for a program outside, which says how far time may go.
    pub lockstep: Option<PathBuf>,
}

/// What a virtual run came to.
#[derive(Debug, Clone, Serialize)]
pub struct VirtualOutcome {
    /// The digest of its events: windows, interrupts, consoles, births, deaths and health, in hexadecimal. Two runs with the
    /// same digest were the same.
    pub digest: String,
    /// Virtual time that passed, in nanoseconds.
    pub elapsed_ns: u64,
    /// The host's time that passed meanwhile, in nanoseconds.
    pub host_ns: u64,
    /// The former by the latter.
    pub ratio: f64,
    /// What moved the clock: "block" or "step".
    pub preempt: &'static str,
    /// What a basic block took, or else an instruction, in nanoseconds.
    pub block_ns: u32,
    /// The seed.
    pub seed: u64,
}

/// Why a run could not begin or had to end. All of these are the host's doing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Real-time scheduling was required.
    #[error(
        "--require rt: the host does not allow real-time scheduling (try as root, or with CAP_SYS_NICE, or a higher `ulimit -r`)"
    )]
    NoRealTime,
    /// The recording cannot be written.
    #[error("--record: {0}")]
    Record(#[from] crate::record::file::Error),
    /// The control socket cannot be had.
    #[error("--control {path}: {error}")]
    Control {
        /// Where it was to be.
        path: String,
        /// Why.
        error: PlaceError,
    },
    /// The socket for the client in lockstep cannot be had.
    #[error("--lockstep {path}: {error}")]
    Lockstep {
        /// Where it was to be.
        path: String,
        /// Why.
        error: PlaceError,
    },
    /// A partition's memory cannot be had.
    #[error("partition \"{partition}\": no memory for it: {error}")]
    Memory {
        /// Which partition.
        partition: String,
        /// Why.
        error: Errno,
    },
    /// A channel's memory cannot be had.
    #[error("channel \"{channel}\": no memory for it: {error}")]
    Channel {
        /// Which channel.
        channel: String,
        /// Why.
        error: Errno,
    },
    /// A memory block's memory cannot be had.
    #[error("memory block \"{block}\": no memory for it: {error}")]
    Block {
        /// Which block.
        block: String,
        /// Why.
        error: Errno,
    },
    /// An end of a channel is a socket that cannot be had.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A partition's process cannot be made.
    #[error("partition \"{partition}\": {error}")]
    Birth {
        /// Which partition.
        partition: String,
        /// Why.
        error: BirthError,
    },
    /// No process can be made at all.
    #[error("cannot make a fenced process: {0}")]
    Spawner(BirthError),
    /// Another service of the host's failed.
    #[error("{what}: {error}")]
    Host {
        /// Which.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
}

pub(super) fn host_error<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> RunError {
    move |error| RunError::Host { what, error: error.into() }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The frames or the time that were asked for are over.
    Complete,
    /// Every partition has ended.
    AllEnded,
    /// A window started later than was to be waited for, or not at all.
    LateWindow {
        /// Whose window it was.
        partition: String,
        /// How late it started, or was at least, in nanoseconds.
        lateness_ns: u64,
    },
    /// Somebody sent SIGINT, SIGTERM or SIGHUP, or stopped the module through the control socket.
    Interrupted,
    /// Nobody reads the output any more.
    OutputClosed,
    /// The health monitor stopped the module: a table said so.
    Shutdown {
        /// Whose failure it was.
        partition: String,
    },
    /// The health monitor stopped the module: restarts came too thick.
    Storm {
        /// Whose restarts they were.
        partition: String,
    },
    /// The health monitor stopped the module: the host is about to lose its power.
    PowerFail,
    /// In a virtual run: nothing can ever happen again.
    Deadlock,
    /// In lockstep: the client said so.
    Stopped,
    /// In lockstep: the client is gone.
    Abandoned,
    /// In a virtual run: a guest does not move the clock and does not give way.
    Stuck {
        /// Which one.
        partition: String,
    },
    /// A partition could not be restarted.
    BirthFailed {
        /// Which one.
        partition: String,
    },
}

/// What a partition came to.
#[derive(Debug, Serialize)]
pub struct PartitionOutcome {
    /// Its name.
    pub name: String,
    /// Its last state.
    #[serde(flatten)]
    pub state: State,
    /// Bytes of its output that were dropped.
    pub dropped_output_bytes: u64,
}

/// What a channel came to. The numbers of messages are the guests' own word for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelOutcome {
    /// Its name.
    pub name: String,
    /// "sampling" or "queuing".
    pub kind: &'static str,
    /// Messages sent.
    pub messages: u64,
    /// Messages that nobody has received.
    pub waiting: u64,
    /// Messages that the source gave up for lack of room.
    pub lost: u64,
    /// Times that the destination found a length or a position that made no sense.
    pub nonsense: u64,
    /// What went through its ends that are sockets, the source first.
    pub sockets: Vec<SocketOutcome>,
}

impl ChannelOutcome {
    /// What it has come to by now.
    pub fn of(channel: &Channel, memory: &ChannelMemory, sockets: Vec<SocketOutcome>) -> ChannelOutcome {
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
}

/// What a run came to.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Why it ended.
    pub ending: Ending,
    /// What the partitions came to.
    pub partitions: Vec<PartitionOutcome>,
    /// What the channels came to.
    pub channels: Vec<ChannelOutcome>,
    /// Whether the dispatchers were real-time threads.
    pub real_time: bool,
    /// How each core's guests were scheduled.
    pub guest_policies: Vec<GuestPolicy>,
    /// What fenced the partitions in, besides seccomp and no_new_privs.
    pub fences: Fences,
    /// From the first order to the last birth, in nanoseconds.
    pub startup_ns: u64,
    /// Why the recording ended early, if it did.
    pub recording_error: Option<String>,
    /// The figures.
    pub summary: Summary,
    /// What a virtual run came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_time: Option<VirtualOutcome>,
}

impl Outcome {
    /// Whether a guest failed and nobody handled it, or the module had to stop.
    pub fn failed(&self) -> bool {
        let stopped = match self.ending {
            Ending::Complete
            | Ending::AllEnded
            | Ending::Interrupted
            | Ending::OutputClosed
            | Ending::Stopped
            | Ending::Abandoned
            | Ending::LateWindow { .. } => false,
            Ending::Shutdown { .. } | Ending::Storm { .. } | Ending::BirthFailed { .. } => true,
            Ending::Deadlock | Ending::Stuck { .. } | Ending::PowerFail => true,
        };
        stopped || self.partitions.iter().any(|partition| matches!(partition.state, State::Idle { failed: true, .. }))
    }
}
