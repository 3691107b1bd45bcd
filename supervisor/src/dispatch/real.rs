//! The host's clock, and partitions as processes that signals stop and continue.
//!
//! A wait for a stop has no time limit of its own, because a timer for it would cost the next window 10 µs every time. The
//! main thread looks now and then whether a dispatcher has been waiting for too long ([`Waiting`]) and interrupts it.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use bulkhead_abi::vcpu::{DOORBELL, VcpuPage, line};
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

/// Sleeps until the instant with clock_nanosleep, as a program without a dispatcher's needs would; a signal ends it early.
pub fn plain_sleep_until(instant_ns: u64) {
    let until = timespec(instant_ns);
    // SAFETY: reads a structure that lives on this stack.
    unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut());
    }
}

/// The signal that interrupts a dispatcher's sleep or wait. Its handler does nothing.
pub fn nudge_signal() -> i32 {
    libc::SIGRTMIN() + 1
}

/// Installs the handler of [`nudge_signal`], without SA_RESTART, so that waits end with EINTR.
///
///
/// Also tells the kernel to spare the supervisor a SIGCHLD for every stop and continue. Nobody here wants one, and sending
/// it would interrupt another CPU (14 µs) while a dispatcher waits for its stop.
///
/// # Errors
/// What sigaction says.
pub fn install_signals() -> Result<(), Errno> {
    extern "C" fn nothing(_: i32) {}
    // SAFETY: all zero is a valid sigaction: the default, no flags, an empty mask.
    let mut default: libc::sigaction = unsafe { std::mem::zeroed() };
    default.sa_flags = libc::SA_NOCLDSTOP;
    // SAFETY: there is no handler to be unsafe.
    let result = unsafe { libc::sigaction(libc::SIGCHLD, &raw const default, std::ptr::null_mut()) };
    Errno::result(result)?;
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

/// The host's clock for one dispatcher thread.
///
/// Two timers take turns. While the thread sleeps until one boundary, the timer for the boundary after that is armed
/// already; so the interrupt that ends this sleep programs the hardware for the next one by itself, and arming the one
/// behind it touches no hardware. Programming the hardware costs 10 µs on a virtual machine, and a dispatcher that did it
/// between continuing a guest and falling asleep would take them from the beginning of the guest's window.
#[derive(Debug)]
pub struct RealTime {
    timers: [Timer; 2],
}

#[derive(Debug)]
struct Timer {
    fd: OwnedFd,
    /// The instant it is armed for; 0 if it is not.
    instant_ns: u64,
}

impl Timer {
    fn new() -> Result<Timer, Errno> {
        // SAFETY: makes a descriptor; no memory is involved.
        let fd = Errno::result(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Timer { fd: unsafe { OwnedFd::from_raw_fd(fd) }, instant_ns: 0 })
    }

    fn arm(&mut self, instant_ns: u64) {
        let spec = libc::itimerspec { it_interval: timespec(0), it_value: timespec(instant_ns) };
        let fd = self.fd.as_raw_fd();
        // SAFETY: reads a structure that lives on this stack.
        unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &raw const spec, std::ptr::null_mut()) };
        self.instant_ns = instant_ns;
    }

    /// Waits until it fires, or until a signal comes.
    fn wait(&mut self) {
        let mut expirations = 0u64;
        // SAFETY: the kernel writes eight bytes at most into the number.
        let len = unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut expirations).cast(), 8) };
        if len > 0 {
            self.instant_ns = 0;
        }
    }
}

impl RealTime {
    /// A time source.
    ///
    /// # Errors
    /// When the kernel refuses a timer.
    pub fn new() -> Result<RealTime, Errno> {
        Ok(RealTime { timers: [Timer::new()?, Timer::new()?] })
    }
}

impl TimeSource for RealTime {
    fn now_ns(&mut self) -> u64 {
        now_ns()
    }

    fn sleep_until(&mut self, instant_ns: u64, following_ns: u64) {
        let [first, second] = &mut self.timers;
        let (this, other) = if second.instant_ns == instant_ns { (second, first) } else { (first, second) };
        if this.instant_ns != instant_ns {
            this.arm(instant_ns);
        }
        if other.instant_ns != following_ns {
            other.arm(following_ns);
        }
        this.wait();
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
    waiting: Arc<Waiting>,
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
    /// The partitions of a core, by number. Their guests run under `policy`; a stop that is not confirmed within
    /// `stop_within_ns` is given up waiting for.
    pub fn new(
        slots: impl IntoIterator<Item = (PartitionId, Arc<Slot>)>,
        policy: GuestPolicy,
        stop_within_ns: u64,
        waiting: Arc<Waiting>,
    ) -> Residents {
        let mut residents = Vec::new();
        for (id, slot) in slots {
            if residents.len() <= id.index() {
                residents.resize_with(id.index() + 1, || None);
            }
            residents[id.index()] = Some(Resident { slot, pidfd: None, windows: 0, laggard: false });
        }
        Residents { residents, policy, stop_within_ns, waiting }
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

/// Sends a signal through a pidfd.
///
/// # Errors
/// ESRCH when the process has been collected.
pub fn send(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    // SAFETY: takes integers and a null.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    Errno::result(result).map(drop)
}

/// Raises a line that the guest wants; true if the doorbell has to ring. What the guest says it wants is its own affair.
pub fn raise(vcpu: &VcpuPage, line: u32) -> bool {
    let bit = 1 << line;
    let wanted = vcpu.enabled.load(Ordering::Relaxed) & bit != 0;
    if wanted {
        // SYNC POINT doorbell: pairs with the shim's acquire when the signal arrives.
        vcpu.pending.fetch_or(bit, Ordering::Release);
    }
    wanted
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
                _ => return Begun::Vacant,
            }
        }
        resident.windows = resident.windows.wrapping_add(1);
        // Release: a guest that sees the new number sees everything before it.
        let vcpu = resident.slot.memory.vcpu();
        vcpu.window.store(resident.windows, Ordering::Release);
        if raise(vcpu, line::WINDOW) {
            // It waits until the guest continues. If it fails, so does the next one.
            let _ = send(pidfd.as_fd(), DOORBELL);
        }
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
}
