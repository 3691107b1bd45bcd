//! The local API: how other programs of the same user see a running module, and, where that was asked for, act upon it.
//!
//! A Unix stream socket, one JSON object a line each way ([`protocol`], `docs/control.md`). It is served by a thread of its
//! own, off the real-time cores, under tokio; the dispatchers know nothing of it. That thread and the supervisor's main thread
//! share a [`Desk`]:
//!
//! * whoever wants to know how the module is draws a ticket; the main thread looks at its next tick whether one has been drawn,
//!   and puts down one [`State`] for all who wait ([`Desk::wanted`], [`Desk::publish`]);
//! * whoever wants something done leaves an [`Order`], and the main thread answers it ([`Desk::next_order`]).
//!
//! Everything is bounded: clients, the length of a line, what waits, and the time in which a client must take what it is sent.
//! A client that is slow or hostile loses its connection; nobody waits for it.
//!
//! * [`place`]: where sockets are, and whose;
//! * `server`: the thread;
//! * [`client`]: the other side, for `bulkhead top`.

pub mod client;
pub mod place;
pub mod protocol;
mod server;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};

use crate::partition::pin;
use place::Place;
use protocol::{Hello, State};

/// Least time between two states, in nanoseconds of the host's time, however many ask.
const STATE_PERIOD_NS: u64 = 20_000_000;
/// Orders that may wait for the main thread.
const ORDERS: usize = 16;

/// What somebody wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Stop the module.
    Stop,
    /// Restart a partition.
    Restart {
        /// Its number.
        partition: usize,
        /// Whether it finds its RAM as it was.
        warm: bool,
    },
}

/// A command, and who waits for the answer.
#[derive(Debug)]
pub struct Order {
    /// What to do.
    pub command: Command,
    reply: oneshot::Sender<Result<(), String>>,
}

impl Order {
    /// Says whether it was done, or why not.
    pub fn answer(self, result: Result<(), String>) {
        // Whoever asked may be gone.
        let _ = self.reply.send(result);
    }
}

/// A state, and up to which ticket it answers.
#[derive(Debug, Clone, Default)]
struct Published {
    ticket: u64,
    state: Option<Arc<State>>,
}

/// What the thread knows of the main thread.
#[derive(Debug)]
struct Shared {
    hello: Hello,
    /// The last ticket that was drawn.
    drawn: AtomicU64,
    states: watch::Receiver<Published>,
    /// How the run ended, once it has.
    ending: watch::Receiver<Option<serde_json::Value>>,
    orders: SyncSender<Order>,
}

/// The main thread's side.
#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
    states: watch::Sender<Published>,
    ending: watch::Sender<Option<serde_json::Value>>,
    orders: Receiver<Order>,
    due_ns: u64,
    thread: Option<JoinHandle<()>>,
    place: Place,
}

impl Desk {
    /// Opens the socket at `place` and starts the thread on the `housekeeping` CPUs.
    ///
    /// # Errors
    /// When the host refuses the thread or what it listens with.
    pub fn open(
        (listener, place): (std::os::unix::net::UnixListener, Place),
        hello: Hello,
        housekeeping: &[u32],
    ) -> io::Result<Desk> {
        let (states, states_read) = watch::channel(Published::default());
        let (ending, ending_read) = watch::channel(None);
        let (orders, orders_read) = sync_channel(ORDERS);
        let (drawn, states_read) = (AtomicU64::new(0), states_read);
        let shared = Arc::new(Shared { hello, drawn, states: states_read, ending: ending_read, orders });
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (theirs, housekeeping) = (Arc::clone(&shared), housekeeping.to_vec());
        let thread = std::thread::Builder::new().name("control".to_owned()).stack_size(512 << 10).spawn(move || {
            // A wider affinity costs jitter, not correctness.
            let _ = pin(Pid::from_raw(0), &housekeeping);
            runtime.block_on(server::serve(listener, theirs));
        })?;
        Ok(Desk { shared, states, ending, orders: orders_read, due_ns: 0, thread: Some(thread), place })
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The ticket that a state taken now would answer, if somebody waits for one and it is time.
    pub fn wanted(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.due_ns {
            return None;
        }
        // Acquire: what the clients did before they drew their tickets is over.
        let drawn = self.shared.drawn.load(Ordering::Acquire);
        let is_wanted = drawn > self.states.borrow().ticket;
        is_wanted.then_some(drawn)
    }

    /// Puts down the state that answers `ticket`, taken at `now_ns` of the host's time.
    pub fn publish(&mut self, ticket: u64, state: State, now_ns: u64) {
        self.due_ns = now_ns + STATE_PERIOD_NS;
        self.states.send_replace(Published { ticket, state: Some(Arc::new(state)) });
    }

    /// The next thing that somebody wants done.
    pub fn next_order(&self) -> Option<Order> {
        self.orders.try_recv().ok()
    }

    /// Tells the clients how the run ended, and ends the thread, which gives them a moment to read it.
    pub fn close(mut self, ending: serde_json::Value) {
        self.ending.send_replace(Some(ending));
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // A run that failed has no ending to tell.
        self.ending.send_if_modified(|ending| ending.is_none() && ending.replace(serde_json::Value::Null).is_none());
        self.join();
    }
}

#[cfg(test)]
mod tests;
