//! The vocabulary of the services: return codes, modes, names, attributes.
//!
//! Numbers are those of the standard's C binding, so that the interfaces above only widen or narrow integers.

use core::ops::RangeInclusive;

/// Nanoseconds. As an instant: module time; as a duration: negative is infinite.
pub type Time = i64;

/// Any negative duration is infinite; this is the one that the services return.
pub const INFINITE: Time = -1;

/// An instant that never comes.
pub(crate) const NEVER: Time = Time::MAX;

/// What [`super::Core::next_event`] says if nothing will happen by time alone.
pub const NO_EVENT: Time = NEVER;

/// Identifier of a process or an object: 1 and up, in order of creation.
pub type Id = i32;

/// An address in the partition, as a number: the rules never look behind it.
pub type Address = usize;

/// Priorities that a process may have; a higher one runs first.
pub const PRIORITIES: RangeInclusive<i32> = 1..=239;

/// Deepest nesting of the preemption lock and of a mutex.
pub const MAX_LOCK_LEVEL: i32 = 16;

/// Largest value of a semaphore.
pub const MAX_SEMAPHORE_VALUE: i32 = 32767;

/// Longest message of an application error or report, in bytes.
pub const MAX_ERROR_MESSAGE: usize = 128;

/// Largest message of a buffer or a blackboard, in bytes.
pub const MAX_MESSAGE: u32 = 8192;

/// Most messages of a buffer.
pub const MAX_MESSAGES: u32 = 512;

/// GET_PROCESS_MUTEX_STATE: the process owns no mutex.
pub const NO_MUTEX_OWNED: Id = -2;

/// GET_PROCESS_MUTEX_STATE: the process holds the preemption lock.
pub const PREEMPTION_LOCK_MUTEX: Id = -3;

/// Why a service did not do what it was asked to. NO_ERROR is `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// The request changed nothing: the system is in that state already.
    NoAction = 1,
    /// What was asked for is not there now.
    NotAvailable = 2,
    /// A parameter makes no sense.
    InvalidParam = 3,
    /// A parameter does not fit the configuration.
    InvalidConfig = 4,
    /// Not in this mode, or not by this process.
    InvalidMode = 5,
    /// The time-out passed first.
    TimedOut = 6,
}

/// What a service returns.
pub type Reply<T = ()> = Result<T, Code>;

/// The rest of a blocking service: done, or to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow<T = ()> {
    /// The service is done.
    Done(T),
    /// The calling process waits; the result will be with it when it runs again.
    Blocked,
}

/// Operating mode of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// Nothing runs.
    Idle = 0,
    /// Start with memory zeroed.
    ColdStart = 1,
    /// Start with the data of the previous run.
    WarmStart = 2,
    /// Processes run.
    Normal = 3,
}

/// State of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum State {
    /// Created or stopped.
    #[default]
    Dormant = 0,
    /// Could run.
    Ready = 1,
    /// Runs. Never stored: it is the ready process that has the processor.
    Running = 2,
    /// Waits for a resource, a time, its release, or to be resumed.
    Waiting = 3,
    /// Raised a fault that it cannot continue from.
    Faulted = 4,
}

/// Kind of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Deadline {
    /// A miss is reported, and the error handler told.
    #[default]
    Soft = 0,
    /// A miss is an error, at partition level if there is no error handler.
    Hard = 1,
}

/// Order in which waiting processes are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Discipline {
    /// Who came first.
    #[default]
    Fifo = 0,
    /// Whose priority is highest; among equals, who came first.
    Priority = 1,
}

/// The way of a port's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Direction {
    /// The partition sends.
    #[default]
    Source = 0,
    /// The partition receives.
    Destination = 1,
}

/// The eight errors that the health monitor knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
#[allow(missing_docs, reason = "they are called what the standard calls them")]
pub enum ErrorCode {
    #[default]
    DeadlineMissed = 0,
    ApplicationError = 1,
    NumericError = 2,
    IllegalRequest = 3,
    StackOverflow = 4,
    MemoryViolation = 5,
    HardwareFault = 6,
    PowerFail = 7,
}

macro_rules! from_number {
    ($type:ident: $($variant:ident),+) => {
        impl TryFrom<u32> for $type {
            type Error = Code;

            /// # Errors
            /// [`Code::InvalidParam`] for a number that means nothing.
            fn try_from(number: u32) -> Reply<$type> {
                $(if number == $type::$variant as u32 { return Ok($type::$variant); })+
                Err(Code::InvalidParam)
            }
        }
    };
}

from_number!(Mode: Idle, ColdStart, WarmStart, Normal);
from_number!(Deadline: Soft, Hard);
from_number!(Discipline: Fifo, Priority);
from_number!(Direction: Source, Destination);
from_number!(ErrorCode: DeadlineMissed, ApplicationError, NumericError, IllegalRequest, StackOverflow, MemoryViolation,
    HardwareFault, PowerFail);

/// A name of up to 32 bytes. What follows a NUL does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Name(pub(crate) [u8; 32]);

impl Name {
    /// The name that `bytes` begin with: up to a NUL, and 32 bytes at most.
    pub fn new(bytes: &[u8]) -> Name {
        let mut name = [0; 32];
        for (to, &from) in name.iter_mut().zip(bytes).take_while(|(_, from)| **from != 0) {
            *to = from;
        }
        Name(name)
    }

    /// All 32 bytes, padded with NUL.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a process is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Time between releases; negative for an aperiodic process.
    pub period: Time,
    /// Time from release to deadline; negative for none.
    pub time_capacity: Time,
    /// Address of the first instruction.
    pub entry: Address,
    /// Bytes of stack.
    pub stack_size: u32,
    /// Priority after a start.
    pub base_priority: i32,
    /// Kind of the deadline.
    pub deadline: Deadline,
    /// Name, unique among the partition's processes.
    pub name: Name,
}

/// What GET_PROCESS_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Instant of the deadline; negative for none.
    pub deadline_time: Time,
    /// The priority that scheduling goes by.
    pub current_priority: i32,
    /// State.
    pub state: State,
    /// As given at creation.
    pub attributes: Attributes,
}

/// An error on its way to the error handler, or further up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorRecord {
    /// What happened.
    pub code: ErrorCode,
    /// The process that it happened to; 0 for the error handler and the main process.
    pub process: Id,
    /// Address of the failure, if there is one.
    pub address: Address,
    /// Bytes of the message.
    pub length: u32,
    /// What the application said.
    pub message: [u8; MAX_ERROR_MESSAGE],
}

impl Default for ErrorRecord {
    fn default() -> ErrorRecord {
        ErrorRecord { code: ErrorCode::default(), process: 0, address: 0, length: 0, message: [0; MAX_ERROR_MESSAGE] }
    }
}
