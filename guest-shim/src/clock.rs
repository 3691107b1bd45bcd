//! Module time and wall clock, from the time-stamp counter and the supervisor's clock page.

use bulkhead_abi::clock::Clock;
use bulkhead_abi::map;

fn page() -> &'static Clock {
    // SAFETY: the supervisor mapped the clock page there, read-only and aligned, for the whole life of the process; all
    // its changing fields are atomic.
    unsafe { &*((map::HOST.base + map::host::CLOCK) as *const Clock) }
}

/// The processor's time-stamp counter; in a virtual run, nanoseconds of virtual time.
pub fn ticks() -> u64 {
    #[cfg(feature = "runtime")]
    return if crate::virtual_time::is_virtual() { crate::virtual_time::read_ns() } else { crate::arch::counter() };
    #[cfg(all(target_arch = "x86_64", not(feature = "runtime")))]
    // SAFETY: every x86-64 processor has the instruction, and user mode may use it unless the supervisor traps it.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}

/// Module time in nanoseconds: the supervisor's CLOCK_MONOTONIC. It runs on outside the partition's windows and never
/// backwards.
pub fn now_ns() -> u64 {
    let (scale, _) = page().read();
    scale.ns(ticks())
}

/// Module time for the shim's own use: looking takes no virtual time.
#[cfg(feature = "runtime")]
pub(crate) fn peek_ns() -> u64 {
    if crate::virtual_time::is_virtual() { crate::virtual_time::now_ns() } else { now_ns() }
}

/// Wall clock in nanoseconds since 1970-01-01 00:00 UTC. It jumps when somebody sets the host's clock.
pub fn wall_ns() -> i64 {
    let (scale, offset) = page().read();
    (scale.ns(ticks()) as i64).wrapping_add(offset)
}

/// Module time at which the first major frame began, in nanoseconds.
pub fn epoch_ns() -> u64 {
    page().epoch_ns.load(core::sync::atomic::Ordering::Relaxed)
}
