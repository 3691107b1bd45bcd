//! The guest's timer: one-shot or periodic, on the line [`crate::irq::TIMER`].
//!
//! Deadlines are instants of module time in nanoseconds. The kernel's timer behind them counts microseconds and is always
//! set to fire at the deadline or up to 1 µs after it, never before. While the partition is stopped the signal waits for its
//! next window; the ticks of a periodic timer that were due meanwhile are counted, not repeated.

use core::sync::atomic::{AtomicU64, Ordering};

use bulkhead_abi::trace::Kind;

use crate::{arch, clock, irq, trace, virtual_time};

static NEXT_NS: AtomicU64 = AtomicU64::new(0);
static PERIOD_NS: AtomicU64 = AtomicU64::new(0);
static TICKS: AtomicU64 = AtomicU64::new(0);
static MISSED: AtomicU64 = AtomicU64::new(0);

/// Fires once at `deadline_ns`, or at once if that is over. Replaces whatever was set before.
pub fn one_shot(deadline_ns: u64) {
    start(deadline_ns, 0);
}

/// Fires at `first_ns` and every `period_ns` (at least 1000) from there, without drift. Replaces whatever was set before.
pub fn periodic(first_ns: u64, period_ns: u64) {
    start(first_ns, period_ns.max(1000));
}

/// Stops the timer. A tick that is pending already is taken back.
pub fn stop() {
    irq::free(|| {
        NEXT_NS.store(0, Ordering::Relaxed);
        PERIOD_NS.store(0, Ordering::Relaxed);
        if virtual_time::is_virtual() {
            virtual_time::set_timer(0);
        } else {
            arch::set_timer(0);
        }
        // The line exists.
        let _ = irq::clear(irq::TIMER);
    });
}

/// Ticks that came due since the timer was set, those that were missed included.
pub fn ticks() -> u64 {
    virtual_time::charge();
    TICKS.load(Ordering::Relaxed)
}

/// Takes the number of periodic ticks that came due but could not be signalled in time since the last call, mostly because
/// the partition was stopped. A guest that must count every tick handles so many more.
pub fn take_missed() -> u64 {
    irq::free(|| MISSED.swap(0, Ordering::Relaxed))
}

fn start(deadline_ns: u64, period_ns: u64) {
    virtual_time::charge();
    irq::free(|| {
        PERIOD_NS.store(period_ns, Ordering::Relaxed);
        NEXT_NS.store(deadline_ns.max(1), Ordering::Relaxed);
        TICKS.store(0, Ordering::Relaxed);
        MISSED.store(0, Ordering::Relaxed);
        // The line exists.
        let _ = irq::clear(irq::TIMER);
        arm(deadline_ns);
    });
}

/// Sets the kernel's timer, which counts from the call. A partition that is stopped between reading the clock and the call
/// would hear of its deadline late by as much as it was stopped; so the clock is read once more, and the timer set anew.
fn arm(deadline_ns: u64) {
    /// More than the call takes and less than a stop.
    const STOPPED_NS: u64 = 50_000;
    /// On a host so busy that every call looks like a stop, being late is what is left.
    const TRIES: u32 = 4;
    if virtual_time::is_virtual() {
        // Exact, and 0 would stop it.
        return virtual_time::set_timer(deadline_ns.max(1));
    }
    for _ in 0..TRIES {
        let now = clock::now_ns();
        // 0 would stop the kernel's timer.
        arch::set_timer(deadline_ns.saturating_sub(now).div_ceil(1000).max(1));
        if clock::now_ns().saturating_sub(now) < STOPPED_NS {
            return;
        }
    }
}

/// The kernel's timer has fired: whether the guest's timer is due.
///
/// It is not where the signal belongs to a deadline that has been replaced since, or where the clock of the kernel's timer
/// is ahead of the guest's by a hair: then the kernel's timer is set again.
pub(crate) fn fired() -> bool {
    let due = NEXT_NS.load(Ordering::Relaxed);
    if due == 0 {
        return false;
    }
    let early = clock::now_ns() < due;
    if early {
        arm(due);
    }
    !early
}

/// The timer's line is about to be served: counts ticks and sets the kernel's timer anew.
pub(crate) fn expired() {
    let due = NEXT_NS.load(Ordering::Relaxed);
    // Otherwise somebody raised the line, and the kernel's timer is still set.
    let Some(late) = clock::peek_ns().checked_sub(due) else { return };
    if due == 0 {
        return;
    }
    let period = PERIOD_NS.load(Ordering::Relaxed);
    if period == 0 {
        TICKS.fetch_add(1, Ordering::Relaxed);
        trace::note(Kind::Tick, 1, due);
        NEXT_NS.store(0, Ordering::Relaxed);
        return;
    }
    let missed = late / period;
    TICKS.fetch_add(1 + missed, Ordering::Relaxed);
    MISSED.fetch_add(missed, Ordering::Relaxed);
    trace::note(Kind::Tick, u32::try_from(1 + missed).unwrap_or(u32::MAX), due);
    let next = due + (1 + missed) * period;
    NEXT_NS.store(next, Ordering::Relaxed);
    arm(next);
}
