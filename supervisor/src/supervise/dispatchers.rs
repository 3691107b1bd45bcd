//! Starts and stops the dispatcher threads.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use nix::unistd::Pid;

use crate::config::Module;
use crate::dispatch::agreement::Agreement;
use crate::dispatch::clock::{RealTime, now_ns};
use crate::dispatch::policy::{GuestPolicy, become_dispatcher};
use crate::dispatch::real::{Residents, Waiting};
use crate::dispatch::signal::{install_signals, nudge};
use crate::dispatch::slot::Slot;
use crate::dispatch::{self, Assignment};
use crate::partition::pin;
use crate::port::Channels;
use crate::record::ring::{Consumer, ring};
use crate::schedule::Timetable;

/// Events that a ring holds: two a window, so at 1 ms windows four seconds' worth. The main thread looks every few
/// milliseconds.
const RING_CAPACITY: usize = 8192;
/// From the start signal to the first frame, in nanoseconds: enough for every dispatcher to be asleep by then.
const LEAD_NS: u64 = 2_000_000;

/// The running dispatchers.
#[derive(Debug)]
pub(super) struct Dispatchers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    epoch_ns: AtomicU64,
    start: Barrier,
    done: AtomicU64,
    ids: Vec<AtomicI32>,
    waiting: Vec<Arc<Waiting>>,
    stop_within_ns: u64,
}

/// What all dispatchers are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many major frames to run; `None` for no end.
    pub(super) frames: Option<u64>,
    /// Whether to note for how long a dispatcher had to wait for its core, and when guests ran first in their windows.
    pub(super) records: bool,
}

impl Dispatchers {
    /// Starts one thread per core, pinned and prepared, waiting for [`Dispatchers::go`].
    pub(super) fn start(
        module: &Module,
        slots: &[Arc<Slot>],
        channels: &Arc<Channels>,
        policies: &[GuestPolicy],
        agreement: &Arc<Agreement>,
        Limits { frames, records }: Limits,
    ) -> io::Result<(Dispatchers, Vec<Consumer>)> {
        install_signals()?;
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            epoch_ns: AtomicU64::new(0),
            start: Barrier::new(module.cores.len() + 1),
            done: AtomicU64::new(0),
            ids: module.cores.iter().map(|_| AtomicI32::new(0)).collect(),
            waiting: module.cores.iter().map(|_| Arc::default()).collect(),
            stop_within_ns: module.overrun_after_ns,
        });
        let mut threads = Vec::new();
        let mut rings = Vec::new();
        // Every thread that is started takes part in the barriers, so a failure must come before any of them waits there.
        let mut guards = Vec::new();
        for (index, core) in module.cores.iter().enumerate() {
            let (mut producer, consumer) = ring(RING_CAPACITY);
            rings.push(consumer);
            let waiting = Arc::clone(&shared.waiting[index]);
            let mut residents = Residents::new(module, index, slots, channels, policies[index], (waiting, records));
            let timetables =
                (0..module.schedules.len()).map(|number| Timetable::new(core, number, module.major_frame_ns)).collect();
            let may_switch = module.partitions.iter().map(|partition| partition.may_switch_schedule).collect();
            let agreement = Arc::clone(agreement);
            let cpu = core.cpu;
            let shared = Arc::clone(&shared);
            guards.push(move || {
                shared.ids[index].store(nix::unistd::gettid().as_raw(), Ordering::Release);
                let _ = pin(Pid::from_raw(0), &[cpu]);
                become_dispatcher();
                shared.start.wait();
                shared.start.wait();
                let epoch_ns = shared.epoch_ns.load(Ordering::Acquire);
                let core = index as u16;
                let note_waits = records;
                let assignment = Assignment { core, timetables, agreement, may_switch, epoch_ns, frames, note_waits };
                match RealTime::new() {
                    Ok(mut time) => dispatch::run(&assignment, &mut time, &mut residents, &mut producer, &shared.stop),
                    Err(error) => tracing::error!(%error, "no timer for the dispatcher"),
                }
                shared.done.fetch_add(1, Ordering::Release);
            });
        }
        for (index, body) in guards.into_iter().enumerate() {
            let name = format!("dispatch-{}", module.cores[index].number);
            threads.push(Builder::new().name(name).stack_size(256 << 10).spawn(body)?);
        }
        shared.start.wait();
        // All threads are set up: the first frame can be planned.
        shared.epoch_ns.store(now_ns() + LEAD_NS, Ordering::Release);
        lock_memory();
        Ok((Dispatchers { shared, threads }, rings))
    }

    /// The dispatchers' thread numbers, by core.
    pub(super) fn threads(&self) -> Vec<i32> {
        self.shared.ids.iter().map(|id| id.load(Ordering::Acquire)).collect()
    }

    /// When frame 0 begins.
    pub(super) fn epoch_ns(&self) -> u64 {
        self.shared.epoch_ns.load(Ordering::Acquire)
    }

    /// Lets the dispatchers begin.
    pub(super) fn go(&self) {
        self.shared.start.wait();
    }

    /// Whether all have run the frames that were asked for.
    pub(super) fn are_done(&self) -> bool {
        self.shared.done.load(Ordering::Acquire) == self.threads.len() as u64
    }

    /// Interrupts a dispatcher that has been waiting for a stop for too long. To be called now and then.
    pub(super) fn hurry(&self) {
        let now_ns = now_ns();
        for (waiting, id) in self.shared.waiting.iter().zip(&self.shared.ids) {
            if waiting.for_ns(now_ns) > self.shared.stop_within_ns {
                nudge(id.load(Ordering::Acquire));
            }
        }
    }

    /// Stops the dispatchers, and with them every partition.
    pub(super) fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        for (thread, id) in self.threads.into_iter().zip(&self.shared.ids) {
            while !thread.is_finished() {
                // One may be about to fall asleep for the rest of a long frame just now, so it is told again.
                nudge(id.load(Ordering::Acquire));
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            if thread.join().is_err() {
                tracing::error!("a dispatcher panicked");
            }
        }
    }
}

/// Keeps the supervisor's pages in memory, as far as the host allows; pages are locked when they are first used.
fn lock_memory() {
    // SAFETY: takes flags only.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_ONFAULT) };
    if result != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "memory is not locked");
    }
}
