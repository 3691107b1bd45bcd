//! The host's clock, and partitions as processes that signals stop and continue.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::policy::{GuestPolicy, apply};
use super::{Begun, Ended, Processes, TimeSource};
use crate::config::PartitionId;
use crate::partition::{Memory, Process};

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now_ns() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the call fills the structure; it cannot fail for this clock.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 }
}

/// The signal that interrupts a dispatcher's sleep or wait. Its handler does nothing.
pub fn nudge_signal() -> i32 {
    libc::SIGRTMIN() + 1
}

/// Installs the handler of [`nudge_signal`]. Without SA_RESTART, so that waits end with EINTR.
///
/// # Errors
/// What sigaction says.
pub fn install_nudge() -> Result<(), Errno> {
    extern "C" fn nothing(_: i32) {}
    // SAFETY: all zero is a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
    // SAFETY: the handler does nothing at all, so it is safe at any instant.
    let result = unsafe { libc::sigaction(nudge_signal(), &raw const action, std::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

/// Interrupts the sleep of the dispatcher with this thread id.
pub fn nudge(thread: i32) {
    // SAFETY: sends a signal whose handler does nothing to a thread of this process; takes integers only.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, nudge_signal()) };
}

/// The host's clock for one dispatcher thread, with a guard that ends a wait for a stop that does not come.
///
/// The guard is a timer that sends [`nudge_signal`] to the thread. It is set anew before every sleep to fire a while
/// after that sleep's end, so in the normal case it never fires and costs one system call a boundary.
#[derive(Debug)]
pub struct RealTime {
    guard: libc::timer_t,
    guard_after_ns: u64,
}

impl RealTime {
    /// A time source for the calling thread; a wait is interrupted `guard_after_ns` after the sleep before it was to end.
    ///
    /// # Errors
    /// When the kernel refuses the timer.
    pub fn new(guard_after_ns: u64) -> Result<RealTime, Errno> {
        // SAFETY: all zero is a valid sigevent.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = nudge_signal();
        event.sigev_notify_thread_id = nix::unistd::gettid().as_raw();
        let mut guard = MaybeUninit::uninit();
        // SAFETY: the call reads the event and fills the timer's id.
        let result = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, guard.as_mut_ptr()) };
        Errno::result(result)?;
        // SAFETY: filled, since the call succeeded.
        Ok(RealTime { guard: unsafe { guard.assume_init() }, guard_after_ns })
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        // SAFETY: the timer is this value's own.
        unsafe { libc::timer_delete(self.guard) };
    }
}

impl TimeSource for RealTime {
    fn now_ns(&mut self) -> u64 {
        now_ns()
    }

    fn sleep_until(&mut self, instant_ns: u64) {
        let guard = libc::itimerspec {
            // It may fire before the wait has begun, so it fires again.
            it_interval: timespec(self.guard_after_ns),
            it_value: timespec(instant_ns + self.guard_after_ns),
        };
        let until = timespec(instant_ns);
        // SAFETY: both calls read structures that live on this stack; the timer is this value's own.
        unsafe {
            libc::timer_settime(self.guard, libc::TIMER_ABSTIME, &raw const guard, std::ptr::null_mut());
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &raw const until,
                std::ptr::null_mut(),
            );
        }
    }
}

/// Where the main thread leaves a partition's new process for the dispatcher, and takes the old one's descriptor back.
///
/// The dispatcher owns the descriptor it uses; the two mailboxes hand ownership over without a lock.
#[derive(Debug)]
pub struct Slot {
    memory: Arc<Memory>,
    incoming: AtomicI32,
    retired: AtomicI32,
    pid: AtomicI32,
    alive: AtomicBool,
}

const EMPTY: i32 = -1;

impl Slot {
    /// A slot without a process.
    pub fn new(memory: Arc<Memory>) -> Slot {
        Slot {
            memory,
            incoming: AtomicI32::new(EMPTY),
            retired: AtomicI32::new(EMPTY),
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
        self.collect();
        self.pid.store(process.pid.as_raw(), Ordering::Relaxed);
        // SYNC POINT slot-incoming: pairs with the dispatcher's acquire; the pid is there when the descriptor is.
        close(self.incoming.swap(pidfd.into_raw_fd(), Ordering::AcqRel));
        self.alive.store(true, Ordering::Release);
        Ok(())
    }

    /// Tells the dispatcher that the process is gone.
    pub fn vacate(&self) {
        self.alive.store(false, Ordering::Release);
        self.collect();
    }

    /// Closes the descriptor that the dispatcher has given back.
    fn collect(&self) {
        // SYNC POINT slot-retired: pairs with the dispatcher's release.
        close(self.retired.swap(EMPTY, Ordering::AcqRel));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        close(self.incoming.swap(EMPTY, Ordering::AcqRel));
        self.collect();
    }
}

fn close(fd: i32) {
    if fd != EMPTY {
        // SAFETY: a mailbox held this descriptor's ownership, and the swap took it out.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// One partition as its dispatcher sees it.
#[derive(Debug)]
struct Resident {
    slot: Arc<Slot>,
    pidfd: Option<OwnedFd>,
    windows: u32,
    /// It did not stop in time and has been moved out of the way.
    laggard: bool,
}

/// The partitions of one core.
#[derive(Debug)]
pub struct Residents {
    residents: Vec<Option<Resident>>,
    policy: GuestPolicy,
    stop_within_ns: u64,
}

impl Residents {
    /// The partitions of a core, by number. Their guests run under `policy`; a stop that is not confirmed within
    /// `stop_within_ns` is given up waiting for.
    pub fn new(
        slots: impl IntoIterator<Item = (PartitionId, Arc<Slot>)>,
        policy: GuestPolicy,
        stop_within_ns: u64,
    ) -> Residents {
        let mut residents = Vec::new();
        for (id, slot) in slots {
            if residents.len() <= id.index() {
                residents.resize_with(id.index() + 1, || None);
            }
            residents[id.index()] = Some(Resident { slot, pidfd: None, windows: 0, laggard: false });
        }
        Residents { residents, policy, stop_within_ns }
    }
}

impl Resident {
    /// Takes over a process that the main thread has left.
    fn look_for_a_new_process(&mut self) {
        // SYNC POINT slot-incoming: pairs with the main thread's release in `offer`.
        let incoming = self.slot.incoming.swap(EMPTY, Ordering::AcqRel);
        if incoming == EMPTY {
            return;
        }
        // SAFETY: the mailbox held this descriptor's ownership, and the swap took it out.
        let new = unsafe { OwnedFd::from_raw_fd(incoming) };
        if let Some(old) = self.pidfd.replace(new) {
            // SYNC POINT slot-retired: pairs with the main thread's acquire in `collect`, which empties the mailbox before
            // every offer, so there is at most one.
            self.slot.retired.store(old.into_raw_fd(), Ordering::Release);
        }
        self.windows = 0;
        self.laggard = false;
    }

    fn state(pidfd: BorrowedFd<'_>, wait: WaitPidFlag) -> Result<WaitStatus, Errno> {
        waitid(Id::PIDFd(pidfd), WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | wait)
    }
}

fn send(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    // SAFETY: takes integers and a null.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    Errno::result(result).map(drop)
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
                    // It cannot have ended, so its number is still its own.
                    let _ = apply(Pid::from_raw(resident.slot.pid.load(Ordering::Relaxed)), self.policy);
                    resident.laggard = false;
                }
                _ => return Begun::Vacant,
            }
        }
        resident.windows = resident.windows.wrapping_add(1);
        // Release: a guest that sees the new number sees everything before it.
        resident.slot.memory.vcpu().window.store(resident.windows, Ordering::Release);
        match send(pidfd.as_fd(), libc::SIGCONT) {
            Ok(()) => Begun::Running,
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
        loop {
            match Resident::state(pidfd.as_fd(), WaitPidFlag::empty()) {
                Err(Errno::EINTR) if time.now_ns() < requested_ns + self.stop_within_ns => {}
                Err(Errno::EINTR) => {
                    // Still in the kernel: in a long system call, or dying with a lot of memory to give back. It will not
                    // run another instruction of its own, but it must not take processor time from the next partition
                    // either. The number is its own: it has not been collected, since waitid knew it a moment ago.
                    resident.laggard = true;
                    let _ = apply(Pid::from_raw(resident.slot.pid.load(Ordering::Relaxed)), GuestPolicy::Idle);
                    return Ended { requested_ns, confirmed_ns: None };
                }
                // Stopped, ended, or ended and collected.
                Ok(_) | Err(_) => return Ended { requested_ns, confirmed_ns: Some(time.now_ns()) },
            }
        }
    }
}
