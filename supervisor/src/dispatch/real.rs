//! Partitions as processes that signals stop and continue.
//!
//! A wait for a stop has no time limit of its own, because a timer for it would cost the next window 10 µs every time. The
//! main thread looks now and then whether a dispatcher has been waiting for too long ([`Waiting`]) and interrupts it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_abi::schedule::Snapshot;
use bulkhead_abi::vcpu::{DOORBELL, VcpuPage, line};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::policy::{GuestPolicy, apply};
use super::signal::send;
use super::slot::Slot;
use super::{Begun, Ended, Processes, TimeSource};
use crate::config::{Module, PartitionId};
use crate::port::Channels;
use crate::port::watch::{News, Watch};
use crate::record::event::Kind;

/// One partition as its dispatcher sees it.
#[derive(Debug)]
struct Resident {
    slot: Arc<Slot>,
    pidfd: Option<OwnedFd>,
    windows: u32,
    /// It did not stop in time and has been moved out of the way.
    laggard: bool,
    /// What it does to its channels.
    watch: Watch,
    /// What its pages say about the schedules.
    schedules: Option<Snapshot>,
}

/// A partition that is rung for when a message has arrived, on whatever core it is.
#[derive(Debug)]
struct Bell {
    slot: Arc<Slot>,
    pidfd: Option<OwnedFd>,
}

impl Bell {
    /// Raises the line for ports; none if there is no process to hear it.
    fn ring(&mut self, core: usize) -> Option<Raised> {
        let mailbox = self.slot.bells.get(core)?.as_ref()?;
        mailbox.take(&mut self.pidfd);
        let pidfd = self.pidfd.as_ref().filter(|_| self.slot.alive.load(Ordering::Acquire))?;
        Some(ring(self.slot.memory.vcpu(), pidfd.as_fd(), line::PORT))
    }
}

/// The partitions of one core.
#[derive(Debug)]
pub struct Residents {
    residents: Vec<Option<Resident>>,
    /// By partition; those that partitions of this core have channels with.
    bells: Vec<Option<Bell>>,
    core: usize,
    policy: GuestPolicy,
    stop_within_ns: u64,
    waiting: Arc<Waiting>,
    schedules: Snapshot,
    /// Whether what happens is recorded: guests are to stamp their first instants in windows, and raised lines and arrivals are told.
    records: bool,
}

/// Since when a dispatcher has been waiting for a stop.
#[derive(Debug, Default)]
pub struct Waiting(AtomicU64);

impl Waiting {
    /// For how long by `now_ns`, in nanoseconds; 0 if it is not waiting.
    pub fn for_ns(&self, now_ns: u64) -> u64 {
        // Relaxed: a stale value costs a needless signal or a later look.
        match self.0.load(Ordering::Relaxed) {
            0 => 0,
            since => now_ns.saturating_sub(since),
        }
    }
}

impl Residents {
    /// The partitions of a core of `module`, whose slots are `slots`, by partition. Their guests run under `policy`; a stop
    /// that is not confirmed within the module's limit is given up waiting for. With `records`, the doorbell rings for every window, so that
    /// guests stamp their first instants; this costs the dispatcher a system call and the guest a signal.
    pub fn new(
        module: &Module,
        core: usize,
        slots: &[Arc<Slot>],
        channels: &Arc<Channels>,
        policy: GuestPolicy,
        (waiting, records): (Arc<Waiting>, bool),
    ) -> Residents {
        let mut bells: Vec<Option<Bell>> = slots.iter().map(|_| None).collect();
        let mut residents = Vec::new();
        for (index, slot) in slots.iter().enumerate() {
            let here = module.partitions[index].core == core;
            residents.push(here.then(|| {
                let watch = Watch::new(channels, PartitionId(index as u16));
                for peer in watch.peers() {
                    bells[peer.index()] = Some(Bell { slot: Arc::clone(&slots[peer.index()]), pidfd: None });
                }
                Resident { slot: Arc::clone(slot), pidfd: None, windows: 0, laggard: false, watch, schedules: None }
            }));
        }
        let stop_within_ns = module.overrun_after_ns;
        let schedules = Snapshot::default();
        Residents { residents, bells, core, policy, stop_within_ns, waiting, schedules, records }
    }
}

impl Resident {
    /// Takes over a process that the main thread has left.
    fn look_for_a_new_process(&mut self) {
        if self.slot.process.take(&mut self.pidfd) {
            self.windows = 0;
            self.laggard = false;
        }
    }

    fn state(pidfd: BorrowedFd<'_>, wait: WaitPidFlag) -> Result<WaitStatus, Errno> {
        waitid(Id::PIDFd(pidfd), WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | wait)
    }
}

/// What came of raising a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// The guest does not want it.
    Unwanted,
    /// It was raised already.
    Again,
    /// It is raised now.
    News,
}

/// Raises a line that the guest wants; the doorbell has to ring unless it is unwanted. What the guest says it wants is its
/// own affair.
pub fn raise(vcpu: &VcpuPage, line: u32) -> Raised {
    let bit = 1 << line;
    if vcpu.enabled.load(Ordering::Relaxed) & bit == 0 {
        return Raised::Unwanted;
    }
    // SYNC POINT doorbell: pairs with the shim's acquire when the signal arrives.
    if vcpu.pending.fetch_or(bit, Ordering::Release) & bit == 0 { Raised::News } else { Raised::Again }
}

/// Raises a line of a process, and rings the doorbell only if it was not raised already, so that a flood of news is one interrupt.
pub fn ring(vcpu: &VcpuPage, pidfd: BorrowedFd<'_>, line: u32) -> Raised {
    let raised = raise(vcpu, line);
    if raised == Raised::News {
        // A stopped process finds it when it continues. One that has just ended needs no interrupt.
        let _ = send(pidfd, DOORBELL);
    }
    raised
}

impl Processes for Residents {
    fn begin(&mut self, partition: PartitionId) -> Begun {
        let Some(Some(resident)) = self.residents.get_mut(partition.index()) else { return Begun::Vacant };
        resident.look_for_a_new_process();
        // Acquire: the main thread has stored this after everything about the process.
        if !resident.slot.alive.load(Ordering::Acquire) {
            return Begun::Vacant;
        }
        let Some(pidfd) = resident.pidfd.as_ref() else { return Begun::Vacant };
        if resident.laggard {
            match Resident::state(pidfd.as_fd(), WaitPidFlag::WNOHANG) {
                Ok(WaitStatus::Stopped(..)) => {
                    if self.policy == GuestPolicy::Fifo {
                        // It has not ended, so its number is still its own.
                        let _ = apply(Pid::from_raw(resident.slot.pid.load(Ordering::Relaxed)), self.policy);
                    }
                    resident.laggard = false;
                }
                _ => {
                    // A debugger that has thrown the SIGSTOP away keeps the process running beyond its windows. Once it lets
                    // go, this one brings it back into them; one that is still on its way makes no second stop.
                    let _ = send(pidfd.as_fd(), libc::SIGSTOP);
                    return Begun::Vacant;
                }
            }
        }
        if resident.schedules != Some(self.schedules) {
            resident.schedules = Some(self.schedules);
            resident.slot.memory.schedule().publish(self.schedules);
        }
        resident.windows = resident.windows.wrapping_add(1);
        // Release: a guest that sees the new number sees everything before it.
        let vcpu = resident.slot.memory.vcpu();
        vcpu.window.store(resident.windows, Ordering::Release);
        let stamps = self.records && vcpu.first.stamps.load(Ordering::Relaxed) != 0;
        let raised = raise(vcpu, line::WINDOW);
        if raised != Raised::Unwanted || stamps {
            // It waits until the guest continues. If it fails, so does the next one.
            let _ = send(pidfd.as_fd(), DOORBELL);
        }
        match send(pidfd.as_fd(), libc::SIGCONT) {
            Ok(()) => Begun::Running { raised: self.records && raised == Raised::News },
            Err(_) => Begun::Vacant,
        }
    }

    fn end(&mut self, partition: PartitionId, time: &mut dyn TimeSource) -> Ended {
        let now = time.now_ns();
        let gone = Ended { requested_ns: now, confirmed_ns: Some(now) };
        let Some(Some(resident)) = self.residents.get_mut(partition.index()) else { return gone };
        let Some(pidfd) = resident.pidfd.as_ref() else { return gone };
        if send(pidfd.as_fd(), libc::SIGSTOP).is_err() {
            // No such process: it has ended and been collected.
            return gone;
        }
        let requested_ns = time.now_ns();
        self.waiting.0.store(requested_ns, Ordering::Relaxed);
        let ended = loop {
            match Resident::state(pidfd.as_fd(), WaitPidFlag::empty()) {
                Err(Errno::EINTR) if time.now_ns() < requested_ns + self.stop_within_ns => {}
                Err(Errno::EINTR) => {
                    // Still in the kernel: in a long system call, or dying with a lot of memory to give back. It will not
                    // run another instruction of its own, but as a real-time process it would take the core from the
                    // next partition. The number is its own: it has not been collected, since waitid knew it a moment ago.
                    resident.laggard = true;
                    if self.policy == GuestPolicy::Fifo {
                        let pid = Pid::from_raw(resident.slot.pid.load(Ordering::Relaxed));
                        let _ = apply(pid, GuestPolicy::Ordinary);
                    }
                    break Ended { requested_ns, confirmed_ns: None };
                }
                // Stopped, ended, or ended and collected.
                Ok(_) | Err(_) => break Ended { requested_ns, confirmed_ns: Some(time.now_ns()) },
            }
        };
        self.waiting.0.store(0, Ordering::Relaxed);
        ended
    }

    fn announce(&mut self, partition: PartitionId, tell: &mut dyn FnMut(PartitionId, Kind)) {
        let Some(Some(resident)) = self.residents.get_mut(partition.index()) else { return };
        let (bells, core, records) = (&mut self.bells, self.core, self.records);
        resident.watch.look(|News { peer, arrival }| {
            let Some(Some(bell)) = bells.get_mut(peer.index()) else { return };
            let Some(raised) = bell.ring(core) else { return };
            if !records {
                return;
            }
            // What it is about first, then the interrupt.
            if let Some(arrival) = arrival {
                tell(peer, arrival.into());
            }
            if raised == Raised::News {
                tell(peer, Kind::InterruptRaised { line: line::PORT as u16 });
            }
        });
    }

    fn first_ns(&mut self, partition: PartitionId) -> u64 {
        let Some(Some(resident)) = self.residents.get(partition.index()) else { return 0 };
        let first = &resident.slot.memory.vcpu().first;
        // Of this window, not of an earlier one.
        let stamped = self.records && first.window.load(Ordering::Acquire) == resident.windows;
        if stamped { first.time_ns.load(Ordering::Relaxed) } else { 0 }
    }

    fn take_request(&mut self, partition: PartitionId) -> Option<u32> {
        let Some(Some(resident)) = self.residents.get(partition.index()) else { return None };
        let word = &resident.slot.memory.vcpu().schedule;
        // Most windows end without one, and a plain look is cheaper than an exchange.
        if word.load(Ordering::Relaxed) == 0 {
            return None;
        }
        word.swap(0, Ordering::Relaxed).checked_sub(1)
    }

    fn publish(&mut self, schedules: Snapshot) {
        self.schedules = schedules;
    }
}
