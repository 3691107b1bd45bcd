//! The turn in virtual time: a word in a guest's page says whether the guest or the supervisor runs.
//!
//! A guest that has given the turn away sleeps on that word until it comes back; the kernel's part is a futex. The supervisor seldom
//! has to: both run on one CPU, which a guest takes from it the moment that it is woken ([`GuestPolicy::Brief`]) and leaves to it
//! when it falls asleep. Only if the CPU does not change hands like that does the supervisor sleep on the word too, and says so in it.
//! A guest that never gives the turn back is noticed by its CPU time, which, unlike the host's clock, says nothing about how busy the
//! host is.
//!
//! [`GuestPolicy::Brief`]: super::policy::GuestPolicy::Brief

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bulkhead_abi::vcpu::DOORBELL;
use bulkhead_abi::virtual_time::{AWAITED, GUEST, Reason, VirtualCpu};

use super::signal::send;
use crate::partition::{Memory, Process};
use std::os::fd::AsFd;

/// How long one wait for the turn takes at most, before the supervisor looks around. More than the kernel's tick takes, so that the
/// wait is not the next thing for which its timer has to be set: under a hypervisor that costs as much as a switch.
const WAIT: Duration = Duration::from_millis(12);
/// CPU time in which a guest's virtual clock must have moved, in nanoseconds.
const PATIENCE_NS: u64 = 1_500_000_000;
/// CPU time without a move of its clock after which a guest is asked whether it is in an empty loop, in nanoseconds.
const DOUBT_NS: u64 = 2_000_000;
/// Looks in a row that find a guest asleep elsewhere before it counts as asleep for good.
const ASLEEP: u32 = 84;

/// What came of a look at a guest that has the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It has given the turn back, for this reason; `None` if it gave one that does not exist.
    Back(Option<Reason>),
    /// It still has it.
    Away,
    /// It has had it for too long: its clock stands still while it runs, or it sleeps where nobody will wake it.
    Stuck,
}

/// Watches one guest for as long as it has the turn.
#[derive(Debug)]
pub struct Watch {
    last_now_ns: u64,
    cpu_ns: Option<u64>,
    asleep: u32,
}

/// Gives the guest the turn. `begun` is false for a process that has never had it, and so is still stopped, unless a debugger has let
/// it go as far as to the word.
pub fn give(memory: &Memory, process: &Process, begun: bool) -> Watch {
    let cpu = memory.virtual_cpu();
    let watch = Watch { last_now_ns: cpu.now_ns.load(Ordering::Relaxed), cpu_ns: None, asleep: 0 };
    // SYNC POINT turn-guest: pairs with the guest's acquire; the parameters are there when the turn is.
    cpu.turn.store(GUEST, Ordering::Release);
    if !begun {
        // A process that is gone is noticed by whoever waits for it.
        let _ = send(process.pidfd.as_fd(), libc::SIGCONT);
    }
    wake(&cpu.turn);
    watch
}

impl Watch {
    /// Waits a little while for the turn.
    pub fn look(&mut self, cpu: &VirtualCpu, process: &Process) -> Look {
        if is_away(cpu) {
            // A guest that gives the turn back this very moment makes the exchange fail, and the wait return at once.
            let _ = cpu.turn.compare_exchange(GUEST, AWAITED, Ordering::Relaxed, Ordering::Relaxed);
            wait(&cpu.turn, AWAITED, WAIT);
        }
        if !is_away(cpu) {
            return Look::Back(Reason::new(cpu.reason.load(Ordering::Relaxed)));
        }
        let now_ns = cpu.now_ns.load(Ordering::Relaxed);
        let cpu_ns = cpu_time_ns(process.pid.as_raw());
        let since = self.cpu_ns.filter(|_| now_ns == self.last_now_ns);
        let Some(since) = since else {
            (self.last_now_ns, self.cpu_ns, self.asleep) = (now_ns, cpu_ns, 0);
            return Look::Away;
        };
        let ran_ns = cpu_ns.map_or(0, |cpu_ns| cpu_ns.saturating_sub(since));
        if ran_ns > DOUBT_NS {
            // A guest that hears this in an empty endless loop lets time pass; any other takes no notice.
            let _ = send(process.pidfd.as_fd(), DOORBELL);
        }
        self.asleep = if is_asleep(process.pid.as_raw()) { self.asleep + 1 } else { 0 };
        if ran_ns > PATIENCE_NS || self.asleep > ASLEEP { Look::Stuck } else { Look::Away }
    }
}

/// Whether the guest has the turn.
fn is_away(cpu: &VirtualCpu) -> bool {
    // SYNC POINT turn-supervisor: pairs with the guest's release.
    matches!(cpu.turn.load(Ordering::Acquire), GUEST | AWAITED)
}

/// Asks a guest that has the turn where it is; the address is the guest's word.
pub fn whereabouts(cpu: &VirtualCpu, process: &Process) -> Option<u64> {
    cpu.ip.store(0, Ordering::Relaxed);
    send(process.pidfd.as_fd(), DOORBELL).ok()?;
    for _ in 0..200 {
        match cpu.ip.load(Ordering::Relaxed) {
            0 => std::thread::sleep(Duration::from_millis(5)),
            ip => return Some(ip),
        }
    }
    None
}

/// Whether the process sleeps in the kernel, by /proc/PID/stat.
fn is_asleep(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// The CPU time that a process has used, in nanoseconds; `None` once it is gone.
fn cpu_time_ns(pid: i32) -> Option<u64> {
    let mut clock = 0;
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: both calls write to variables that live on this stack, and the second one fills the structure if it succeeds.
    unsafe {
        if libc::clock_getcpuclockid(pid, &raw mut clock) != 0 || libc::clock_gettime(clock, time.as_mut_ptr()) != 0 {
            return None;
        }
        let time = time.assume_init();
        Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
}

fn wake(word: &AtomicU32) {
    // SAFETY: FUTEX_WAKE only compares an address.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

fn wait(word: &AtomicU32, current: u32, limit: Duration) {
    let limit = libc::timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
    // SAFETY: FUTEX_WAIT reads the word and the time limit, both alive here.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, current, &raw const limit) };
}
