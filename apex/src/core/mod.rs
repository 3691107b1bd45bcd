//! The executive's rules, without a system call and without unsafe code.
//!
//! [`Core`] is all the state there is: the process table, the ready and time queues, the objects. A service is a method that
//! changes it and says what the caller gets; whether another process should run now is read off afterwards
//! ([`Core::heir`]). Time, memory and the world come through [`Env`], so the tests drive the same rules with a clock of their
//! own.

mod blackboard;
mod buffer;
mod env;
mod error;
mod event;
mod list;
mod logbook;
mod mutex;
mod object;
mod partition;
mod process;
mod queuing;
mod ready;
mod sampling;
mod schedule;
mod semaphore;
mod start;
#[cfg(test)]
mod tests;
mod time;
mod types;

pub use blackboard::{Blackboard, BlackboardStatus};
pub use buffer::{Buffer, BufferStatus};
pub use env::{Env, QueuingConfig, Sample, SamplingConfig};
pub use event::{Event, EventStatus};
pub use logbook::{Logbook, LogbookStatus};
pub use mutex::{Mutex, MutexStatus};
pub use process::Process;
pub use queuing::{QueuingPort, QueuingStatus};
pub use sampling::{SamplingCurrentStatus, SamplingPort, SamplingStatus, Updated};
pub use semaphore::{Semaphore, SemaphoreStatus};
pub use start::MAIN_PROCESS_ID;
pub use types::*;

use list::{Index, List, NONE};
use ready::Ready;

/// Memory for the tables. Its sizes are the partition's limits.
#[derive(Debug)]
pub struct Tables<'a> {
    /// The error handler and the processes.
    pub processes: &'a mut [Process],
    /// Counting semaphores.
    pub semaphores: &'a mut [Semaphore],
    /// Events.
    pub events: &'a mut [Event],
    /// Buffers.
    pub buffers: &'a mut [Buffer],
    /// Blackboards.
    pub blackboards: &'a mut [Blackboard],
    /// Mutexes.
    pub mutexes: &'a mut [Mutex],
    /// Logbooks.
    pub logbooks: &'a mut [Logbook],
    /// Sampling ports.
    pub sampling: &'a mut [SamplingPort],
    /// Queuing ports.
    pub queuing: &'a mut [QueuingPort],
    /// Errors that wait for the error handler.
    pub errors: &'a mut [ErrorRecord],
    /// Memory for the messages of buffers and blackboards: first address, and the first one behind.
    pub messages: (Address, Address),
}

/// How many of each table are in use.
#[derive(Debug, Default)]
struct Used {
    processes: u16,
    semaphores: u16,
    events: u16,
    buffers: u16,
    blackboards: u16,
    mutexes: u16,
    logbooks: u16,
    sampling: u16,
    queuing: u16,
}

/// The executive's state.
#[derive(Debug)]
pub struct Core<'a, E> {
    /// The world.
    pub env: E,
    tables: Tables<'a>,
    used: Used,
    mode: Mode,
    running: Index,
    ready: Ready,
    wakes: List,
    deadlines: List,
    lock_level: i32,
    lock_owner: Index,
    /// The error queue is a ring over its table.
    first_error: usize,
    error_count: usize,
    /// The error handler has asked for an error since it was started.
    error_asked: bool,
    /// The process that has raised an error itself, while the handler deals with that; [`NONE`] else. It counts as faulted.
    failing: Index,
    max_stack: u32,
}

/// The error handler's entry in the process table.
const HANDLER: Index = 0;

impl<'a, E: Env> Core<'a, E> {
    /// The state at start-up. `mode` is how the partition starts, `max_stack` the largest stack of a process in bytes.
    pub fn new(env: E, tables: Tables<'a>, mode: Mode, max_stack: u32) -> Core<'a, E> {
        Core {
            env,
            tables,
            used: Used::default(),
            mode,
            running: NONE,
            ready: Ready::new(),
            wakes: List::default(),
            deadlines: List::default(),
            lock_level: 0,
            lock_owner: NONE,
            first_error: 0,
            error_count: 0,
            error_asked: false,
            failing: NONE,
            max_stack,
        }
    }

    /// Who should run now, by index into the process table; nobody if all wait.
    pub fn heir(&self) -> Option<u16> {
        let mut first = self.ready.first();
        // The lock bars other processes, but not the error handler.
        if self.lock_owner != NONE
            && first != HANDLER
            && self.processes()[self.lock_owner as usize].state == State::Ready
        {
            first = self.lock_owner;
        }
        (first != NONE).then_some(first)
    }

    /// Who has the processor.
    pub fn running(&self) -> Option<u16> {
        (self.running != NONE).then_some(self.running)
    }

    /// The platform gives the processor to `heir`. Returns whether it begins at its entry point.
    pub fn run(&mut self, heir: Option<u16>) -> bool {
        self.running = heir.unwrap_or(NONE);
        match heir {
            Some(heir) => core::mem::take(&mut self.tables.processes[heir as usize].fresh),
            None => false,
        }
    }

    /// Whether `index` is to begin at its entry point.
    pub fn is_fresh(&self, index: u16) -> bool {
        self.processes()[index as usize].fresh
    }

    /// The platform's word of a process: its stack pointer while it does not run.
    pub fn context(&mut self, index: u16) -> &mut usize {
        &mut self.tables.processes[index as usize].context
    }

    /// What a process was created with.
    pub fn attributes(&self, index: u16) -> &Attributes {
        &self.processes()[index as usize].attributes
    }

    /// How the wait of the running process ended, and the length of what it received.
    pub fn outcome(&self) -> (Reply, u32) {
        let process = &self.processes()[self.running as usize];
        (process.outcome, process.length)
    }

    /// The next instant at which time alone changes something; [`Time::MAX`] for never.
    pub fn next_event(&self) -> Time {
        let processes = self.processes();
        let wake = if self.wakes.is_empty() { NEVER } else { processes[self.wakes.head as usize].wake_at };
        let deadline =
            if self.deadlines.is_empty() { NEVER } else { processes[self.deadlines.head as usize].deadline_at };
        wake.min(deadline)
    }

    fn processes(&self) -> &[Process] {
        self.tables.processes
    }

    fn process(&self, index: Index) -> &Process {
        &self.tables.processes[index as usize]
    }

    fn process_mut(&mut self, index: Index) -> &mut Process {
        &mut self.tables.processes[index as usize]
    }

    fn is_normal(&self) -> bool {
        self.mode == Mode::Normal
    }

    /// Whether the main process runs, which starts the partition up.
    fn in_main(&self) -> bool {
        !self.is_normal()
    }

    fn in_handler(&self) -> bool {
        self.running == HANDLER
    }

    /// The index of the process that a service names.
    fn find(&self, id: Id) -> Reply<Index> {
        let index = Index::try_from(id).map_err(|_| Code::InvalidParam)?;
        if index == HANDLER || index > self.used.processes {
            return Err(Code::InvalidParam);
        }
        Ok(index)
    }
}
