//! How dispatchers and guests are scheduled, and why.
//!
//! A dispatcher runs under SCHED_FIFO where the host allows it: it must take the core from whatever guest runs there,
//! at once. For guests there is a choice, because a core that real-time processes keep busy meets two safeguards of
//! the kernel:
//!
//! * real-time throttling (`sched_rt_runtime_us` of `sched_rt_period_us`, 950 of 1000 ms by default; on kernels with
//!   real-time group scheduling, and on all before 6.12) takes the core from *every* real-time process, dispatchers
//!   included, once they have used up their share of a second;
//! * the fair server (since 6.12) gives waiting ordinary processes 50 ms of each second, over the heads of real-time ones.
//!
//! Either would cost windows tens of milliseconds: 36 ms (p99) were measured with two guests that spin under SCHED_FIFO
//! in back-to-back windows, and 23 µs with the same guests as ordinary processes. So guests are real-time processes only
//! where their windows leave the core idle for a good part of each second.

use std::mem::MaybeUninit;

use nix::errno::Errno;
use nix::unistd::Pid;
use serde::Serialize;

/// Priority of the dispatchers under SCHED_FIFO. The highest, 99, is left to the kernel's own watchdogs.
pub const DISPATCHER_PRIORITY: i32 = 98;
/// Priority of the guests under SCHED_FIFO: above the kernel's interrupt threads (50).
pub const GUEST_PRIORITY: i32 = 60;
/// Nice value of guests that are not real-time, where the supervisor may set it.
pub const GUEST_NICE: i32 = -20;
/// The ends of the range in which the kernel takes a time slice (`sched_runtime` of an ordinary process in sched_setattr(2)), in
/// nanoseconds.
const SHORTEST_SLICE_NS: u64 = 100_000;
const LONGEST_SLICE_NS: u64 = 100_000_000;
/// Share of a core, in percent, up to which windows leave enough to the kernel's safeguards: throttling takes what lies
/// above 95, and the dispatchers' own time counts too.
const MAX_FIFO_PERCENT: u64 = 90;

/// How a guest's process is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestPolicy {
    /// SCHED_FIFO with [`GUEST_PRIORITY`].
    Fifo,
    /// SCHED_OTHER with [`GUEST_NICE`].
    Nice,
    /// SCHED_OTHER as the supervisor itself: the host allows nothing better.
    Ordinary,
    /// SCHED_OTHER with the shortest time slice that there is, for virtual time: a process that is woken takes the CPU at once from one
    /// whose slice is longer, as the supervisor's is made to be ([`be_patient`]). Without this the scheduler lets the supervisor go on
    /// every other time, which costs further switches and wake-ups.
    Brief,
}

/// What the host says about real-time scheduling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RealTime {
    /// Whether the supervisor may use SCHED_FIFO.
    pub fifo: bool,
    /// Whether the supervisor may lower nice values.
    pub nice: bool,
    /// `sched_rt_runtime_us`; negative means unlimited.
    pub throttle_runtime_us: i64,
    /// `sched_rt_period_us`.
    pub throttle_period_us: i64,
    /// Whether the kernel has a fair server that is not known to be off.
    pub fair_server: bool,
}

impl RealTime {
    /// Whether real-time processes may keep a core busy all the time.
    pub fn unlimited(&self) -> bool {
        let unthrottled = self.throttle_runtime_us < 0 || self.throttle_runtime_us >= self.throttle_period_us;
        unthrottled && !self.fair_server
    }

    /// The policy for the guests of a core whose windows take `busy_ns` of every `frame_ns`.
    pub fn guest_policy(&self, busy_ns: u64, frame_ns: u64) -> GuestPolicy {
        let percent = u128::from(busy_ns) * 100 / u128::from(frame_ns.max(1));
        if self.fifo && (self.unlimited() || percent <= u128::from(MAX_FIFO_PERCENT)) {
            GuestPolicy::Fifo
        } else if self.nice {
            GuestPolicy::Nice
        } else {
            GuestPolicy::Ordinary
        }
    }
}

/// Gives a process or thread (0: the caller) this policy.
///
/// # Errors
/// EPERM where the host does not allow it.
pub fn apply(pid: Pid, policy: GuestPolicy) -> Result<(), Errno> {
    match policy {
        GuestPolicy::Fifo => set_scheduler(pid, libc::SCHED_FIFO, GUEST_PRIORITY),
        GuestPolicy::Nice => {
            set_scheduler(pid, libc::SCHED_OTHER, 0)?;
            // SAFETY: takes integers only.
            let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, pid.as_raw() as u32, GUEST_NICE) };
            Errno::result(result).map(drop)
        }
        GuestPolicy::Ordinary => set_scheduler(pid, libc::SCHED_OTHER, 0),
        GuestPolicy::Brief => set_slice(pid, SHORTEST_SLICE_NS),
    }
}

/// Gives the calling thread the longest time slice that there is. Its share of the CPU stays the same, but whoever is woken with a
/// shorter slice need not wait for the end of this one.
///
/// # Errors
/// What the host refuses; nothing depends on it but speed.
pub fn be_patient() -> Result<(), Errno> {
    set_slice(Pid::from_raw(0), LONGEST_SLICE_NS)
}

/// Sets the time slice of an ordinary process or thread (0: the caller). It is a hint, which kernels before 6.12 do not take, and takes
/// no privilege.
fn set_slice(pid: Pid, slice_ns: u64) -> Result<(), Errno> {
    let mut attributes = MaybeUninit::<libc::sched_attr>::zeroed();
    let size = size_of::<libc::sched_attr>();
    // SAFETY: writes at most `size` bytes to the structure, which lives on this stack.
    let result = unsafe { libc::syscall(libc::SYS_sched_getattr, pid.as_raw(), attributes.as_mut_ptr(), size, 0) };
    Errno::result(result)?;
    // SAFETY: plain integers, of which zero is one; what the kernel did not write is still zero.
    let mut attributes = unsafe { attributes.assume_init() };
    if attributes.sched_policy != libc::SCHED_OTHER as u32 && attributes.sched_policy != libc::SCHED_BATCH as u32 {
        // Somebody wants the supervisor to run otherwise; there a runtime means something else, or nothing.
        return Ok(());
    }
    attributes.sched_runtime = slice_ns;
    // SAFETY: reads the structure, whose size stands in it.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, pid.as_raw(), &raw const attributes, 0) };
    Errno::result(result).map(drop)
}

/// Makes the calling thread a dispatcher as far as the host allows; true if it is a real-time thread now.
pub fn become_dispatcher() -> bool {
    // Without real-time scheduling a sleep ends up to 50 µs late, unless the thread asks for better.
    let _ = nix::sys::prctl::set_timerslack(1);
    set_scheduler(Pid::from_raw(0), libc::SCHED_FIFO, DISPATCHER_PRIORITY).is_ok()
}

fn set_scheduler(pid: Pid, policy: i32, priority: i32) -> Result<(), Errno> {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: reads the structure, which lives on this stack.
    let result = unsafe { libc::sched_setscheduler(pid.as_raw(), policy, &raw const param) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: RealTime = RealTime {
        fifo: true,
        nice: true,
        throttle_runtime_us: 950_000,
        throttle_period_us: 1_000_000,
        fair_server: true,
    };

    #[test]
    fn a_core_that_is_never_idle_gets_no_real_time_guests() {
        assert_eq!(HOST.guest_policy(10, 10), GuestPolicy::Nice);
        assert_eq!(HOST.guest_policy(91, 100), GuestPolicy::Nice);
        assert_eq!(HOST.guest_policy(90, 100), GuestPolicy::Fifo);
    }

    #[test]
    fn without_safeguards_a_busy_core_may_be_real_time() {
        let free = RealTime { throttle_runtime_us: -1, fair_server: false, ..HOST };
        assert_eq!(free.guest_policy(10, 10), GuestPolicy::Fifo);
        assert_eq!(RealTime { fair_server: true, ..free }.guest_policy(10, 10), GuestPolicy::Nice);
        assert_eq!(RealTime { throttle_runtime_us: 1_000_000, ..free }.guest_policy(10, 10), GuestPolicy::Fifo);
    }

    #[test]
    fn without_rights_everything_is_ordinary() {
        let poor = RealTime { fifo: false, nice: false, ..HOST };
        assert_eq!(poor.guest_policy(1, 10), GuestPolicy::Ordinary);
    }
}
