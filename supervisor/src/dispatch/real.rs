//! The host's clock, and partitions as processes that signals stop and continue.
//!
//! A wait for a stop has no time limit of its own, because a timer for it would cost the next window 10 µs every time. The
//! main thread looks now and then whether a dispatcher has been waiting for too long ([`Waiting`]) and interrupts it.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use bulkhead_abi::schedule::Snapshot;
use bulkhead_abi::vcpu::{DOORBELL, VcpuPage, line};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::policy::{GuestPolicy, apply};
use super::{Begun, Ended, Processes, TimeSource};
use crate::config::{Module, PartitionId};
use crate::partition::{Memory, Process};
use crate::port::Channels;
use crate::port::watch::Watch;

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
    /// The thread's own /proc/thread-self/schedstat; none where the kernel does not count.
    schedstat: Option<File>,
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
    /// A time source for the calling thread.
    ///
    /// # Errors
    /// When the kernel refuses a timer.
    pub fn new() -> Result<RealTime, Errno> {
        let schedstat = File::open("/proc/thread-self/schedstat").ok();
        Ok(RealTime { timers: [Timer::new()?, Timer::new()?], schedstat })
    }
}

/// The second number in a schedstat: nanoseconds spent on a run queue.
fn run_delay(text: &[u8]) -> u64 {
    let mut numbers = text.split(|byte| !byte.is_ascii_digit());
    let digits = numbers.nth(1).unwrap_or_default();
    digits.iter().fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
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

    fn waited_ns(&mut self) -> u64 {
        let mut text = [0; 64];
        let len = self.schedstat.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        run_delay(&text[..len])
    }
}

/// Hands pidfds from the main thread to one dispatcher, and back when they are no longer needed, without a lock: whoever
/// takes a descriptor out owns it.
#[derive(Debug)]
struct Mailbox {
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
    fn take(&self, held: &mut Option<OwnedFd>) -> bool {
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
    memory: Arc<Memory>,
    process: Mailbox,
    /// By core; none for a core whose partitions have no channel with this one.
    bells: Box<[Option<Mailbox>]>,
    pid: AtomicI32,
    alive: AtomicBool,
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
    /// Raises the line for ports. Rings only if it was not raised already, so that a flood of news is one interrupt.
    fn ring(&mut self, core: usize) {
        let Some(Some(mailbox)) = self.slot.bells.get(core) else { return };
        mailbox.take(&mut self.pidfd);
        if self.slot.alive.load(Ordering::Acquire)
            && let Some(pidfd) = &self.pidfd
            && raise(self.slot.memory.vcpu(), line::PORT) == Raised::News
        {
            // A stopped process finds it when it continues. One that has just ended needs no interrupt.
            let _ = send(pidfd.as_fd(), DOORBELL);
        }
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
    /// Whether guests are to stamp their first instants in windows.
    stamps: bool,
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
    /// that is not confirmed within the module's limit is given up waiting for. With `stamps`, the doorbell rings for every window, so that
    /// guests stamp their first instants; this costs the dispatcher a system call and the guest a signal.
    pub fn new(
        module: &Module,
        core: usize,
        slots: &[Arc<Slot>],
        channels: &Arc<Channels>,
        policy: GuestPolicy,
        (waiting, stamps): (Arc<Waiting>, bool),
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
        Residents { residents, bells, core, policy, stop_within_ns, waiting, schedules, stamps }
    }

    /// Tells the others what a partition has sent them, or taken from them, in its window.
    fn ring_for(&mut self, partition: PartitionId) {
        let Some(Some(resident)) = self.residents.get_mut(partition.index()) else { return };
        let (bells, core) = (&mut self.bells, self.core);
        resident.watch.look(|peer| {
            if let Some(Some(bell)) = bells.get_mut(peer.index()) {
                bell.ring(core);
            }
        });
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
        let stamps = self.stamps && vcpu.first.stamps.load(Ordering::Relaxed) != 0;
        if raise(vcpu, line::WINDOW) != Raised::Unwanted || stamps {
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
        self.ring_for(partition);
        ended
    }

    fn first_ns(&mut self, partition: PartitionId) -> u64 {
        let Some(Some(resident)) = self.residents.get(partition.index()) else { return 0 };
        let first = &resident.slot.memory.vcpu().first;
        // Of this window, not of an earlier one.
        let stamped = self.stamps && first.window.load(Ordering::Acquire) == resident.windows;
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
