//! How a partition's new process gets from the main thread to the dispatchers, without a lock.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::partition::{Memory, Process};

/// Hands pidfds from the main thread to one dispatcher, and back when they are no longer needed, without a lock: whoever
/// takes a descriptor out owns it.
#[derive(Debug)]
pub(super) struct Mailbox {
    incoming: AtomicI32,
    retired: AtomicI32,
}

const EMPTY: i32 = -1;

impl Mailbox {
    fn new() -> Mailbox {
        Mailbox { incoming: AtomicI32::new(EMPTY), retired: AtomicI32::new(EMPTY) }
    }

    /// The main thread's side: leaves a new descriptor.
    fn offer(&self, pidfd: OwnedFd) {
        self.collect();
        // SYNC POINT slot-incoming: pairs with the dispatcher's acquire in `take`.
        close(self.incoming.swap(pidfd.into_raw_fd(), Ordering::AcqRel));
    }

    /// The main thread's side: closes what the dispatcher has given back.
    fn collect(&self) {
        // SYNC POINT slot-retired: pairs with the dispatcher's release in `take`.
        close(self.retired.swap(EMPTY, Ordering::AcqRel));
    }

    /// The dispatcher's side: exchanges the descriptor that it holds for a new one; true if there was one.
    pub(super) fn take(&self, held: &mut Option<OwnedFd>) -> bool {
        // SYNC POINT slot-incoming: pairs with the main thread's release in `offer`.
        let incoming = self.incoming.swap(EMPTY, Ordering::AcqRel);
        if incoming == EMPTY {
            return false;
        }
        // SAFETY: the mailbox held this descriptor's ownership, and the swap took it out.
        let new = unsafe { OwnedFd::from_raw_fd(incoming) };
        if let Some(old) = held.replace(new) {
            // SYNC POINT slot-retired: pairs with the main thread's acquire in `collect`, which empties the mailbox before
            // every offer, so there is at most one.
            self.retired.store(old.into_raw_fd(), Ordering::Release);
        }
        true
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        close(self.incoming.swap(EMPTY, Ordering::AcqRel));
        self.collect();
    }
}

/// Where the main thread leaves a partition's new process for the dispatcher of its core, and for those that ring when a
/// message has arrived.
#[derive(Debug)]
pub struct Slot {
    pub(super) memory: Arc<Memory>,
    pub(super) process: Mailbox,
    /// By core; none for a core whose partitions have no channel with this one.
    pub(super) bells: Box<[Option<Mailbox>]>,
    pub(super) pid: AtomicI32,
    pub(super) alive: AtomicBool,
}

impl Slot {
    /// A slot without a process; `ringers` tells the cores whose dispatchers may have to ring for messages.
    pub fn new(memory: Arc<Memory>, ringers: impl IntoIterator<Item = bool>) -> Slot {
        Slot {
            memory,
            process: Mailbox::new(),
            bells: ringers.into_iter().map(|rings| rings.then(Mailbox::new)).collect(),
            pid: AtomicI32::new(0),
            alive: AtomicBool::new(false),
        }
    }

    /// Offers a stopped process to the dispatcher, which continues it in the partition's next window.
    ///
    /// # Errors
    /// When its pidfd cannot be duplicated.
    pub fn offer(&self, process: &Process) -> std::io::Result<()> {
        let pidfd = process.pidfd.try_clone()?;
        for bell in self.bells.iter().flatten() {
            bell.offer(process.pidfd.try_clone()?);
        }
        // The pid is there when the descriptor is.
        self.pid.store(process.pid.as_raw(), Ordering::Relaxed);
        self.process.offer(pidfd);
        self.alive.store(true, Ordering::Release);
        Ok(())
    }

    /// Tells the dispatcher that the process is gone.
    pub fn vacate(&self) {
        self.alive.store(false, Ordering::Release);
        self.process.collect();
        self.bells.iter().flatten().for_each(Mailbox::collect);
    }
}

fn close(fd: i32) {
    if fd != EMPTY {
        // SAFETY: a mailbox held this descriptor's ownership, and the swap took it out.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}
