//! An entry of the process table.

use super::list::Link;
use super::types::{Address, Attributes, Code, NEVER, State, Time};

/// What a waiting process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wait {
    /// Nothing, or only to be resumed.
    #[default]
    Nothing,
    /// That the partition's mode becomes NORMAL.
    Normal,
    /// Its release, by the end of a delay or the beginning of a period.
    Release,
    /// The end of TIMED_WAIT.
    Delay,
    /// To be resumed, or the time-out of SUSPEND_SELF.
    Resume,
    /// Its turn at an object.
    Object(Object),
}

/// An object with a queue of waiting processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    Semaphore(u16),
    Event(u16),
    Buffer(u16),
    Blackboard(u16),
    Mutex(u16),
    Port(u16),
}

/// A process. Entry 0 of the table is the error handler's.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pub(crate) attributes: Attributes,
    pub(crate) state: State,
    pub(crate) wait: Wait,
    /// Suspended by SUSPEND or SUSPEND_SELF.
    pub(crate) suspended: bool,
    /// The priority that scheduling goes by.
    pub(crate) priority: i32,
    /// The priority to go back to when the mutex is released.
    pub(crate) retained: i32,
    /// Index of the mutex that it owns.
    pub(crate) mutex: Option<u16>,
    /// When the wait ends; [`NEVER`] unless the process is in the list of those to be woken.
    pub(crate) wake_at: Time,
    /// [`NEVER`] unless the process is in the list of deadlines.
    pub(crate) deadline_at: Time,
    /// Release point of the current activation, or the next one while it waits for that.
    pub(crate) released_at: Time,
    /// Delay of a start that waits for NORMAL.
    pub(crate) delay: Time,
    /// How the wait ended.
    pub(crate) outcome: Result<(), Code>,
    /// Where the message is, or is to go, while the process waits for a buffer, blackboard or port.
    pub(crate) message: Address,
    /// Length of that message, in bytes.
    pub(crate) length: u32,
    pub(crate) links: [Link; 3],
    /// To begin at its entry point when it runs next.
    pub(crate) fresh: bool,
    /// The platform's: the stack pointer while the process does not run.
    pub(crate) context: usize,
}

impl Default for Process {
    fn default() -> Process {
        Process {
            attributes: Attributes::default(),
            state: State::Dormant,
            wait: Wait::Nothing,
            suspended: false,
            priority: 0,
            retained: 0,
            mutex: None,
            wake_at: NEVER,
            deadline_at: NEVER,
            released_at: 0,
            delay: 0,
            outcome: Ok(()),
            message: 0,
            length: 0,
            links: [Link::default(); 3],
            fresh: false,
            context: 0,
        }
    }
}

impl Process {
    pub(crate) fn is_periodic(&self) -> bool {
        self.attributes.period >= 0
    }
}
