//! The clock page: module time from the processor's time-stamp counter, without a system call.
//!
//! The supervisor keeps the page in step with CLOCK_MONOTONIC (see [`Scale`]); a reader takes a consistent copy with
//! the sequence counter and computes the time itself.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// A linear map from counter ticks to nanoseconds.
///
/// `ns = base_ns + ((tick - base_tick) * mult) >> 32`, the scheme of the kernel's own clock sources
/// (`clocksource_cyc2ns` in Linux' include/linux/clocksource.h) with a fixed shift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scale {
    /// Counter value at `base_ns`.
    pub base_tick: u64,
    /// Nanoseconds at `base_tick`.
    pub base_ns: u64,
    /// Nanoseconds per tick, times 2^32.
    pub mult: u64,
}

impl Scale {
    /// The time at `tick`. A tick before the base (another core's counter may lag by a few) counts as the base.
    pub fn ns(&self, tick: u64) -> u64 {
        let ticks = u128::from(tick.saturating_sub(self.base_tick));
        self.base_ns.wrapping_add(((ticks * u128::from(self.mult)) >> 32) as u64)
    }
}

/// The clock page, at [`crate::map::HOST`] plus [`crate::map::host::CLOCK`].
#[derive(Debug)]
#[repr(C)]
pub struct Clock {
    /// Odd while the supervisor changes the page; raised by two with every change.
    pub sequence: AtomicU32,
    /// Always 0.
    pub reserved: u32,
    /// See [`Scale::base_tick`].
    pub base_tick: AtomicU64,
    /// See [`Scale::base_ns`]; the zero of CLOCK_MONOTONIC.
    pub base_ns: AtomicU64,
    /// See [`Scale::mult`].
    pub mult: AtomicU64,
    /// Wall clock (nanoseconds since 1970) minus module time.
    pub wall_offset_ns: AtomicI64,
    /// Module time at which the first major frame began; 0 before it did.
    pub epoch_ns: AtomicU64,
}

impl Clock {
    /// A consistent copy of the scale and the wall clock's offset.
    pub fn read(&self) -> (Scale, i64) {
        loop {
            // SYNC POINT clock: pairs with the stores of the sequence in `publish`.
            let before = self.sequence.load(Ordering::Acquire);
            let scale = Scale {
                base_tick: self.base_tick.load(Ordering::Relaxed),
                base_ns: self.base_ns.load(Ordering::Relaxed),
                mult: self.mult.load(Ordering::Relaxed),
            };
            let wall = self.wall_offset_ns.load(Ordering::Relaxed);
            core::sync::atomic::fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return (scale, wall);
            }
            core::hint::spin_loop();
        }
    }

    /// Changes scale and wall clock offset as one. Only one thread may do this at a time.
    pub fn publish(&self, scale: Scale, wall_offset_ns: i64) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // SYNC POINT clock: the odd sequence is visible before any of the new values.
        core::sync::atomic::fence(Ordering::Release);
        self.base_tick.store(scale.base_tick, Ordering::Relaxed);
        self.base_ns.store(scale.base_ns, Ordering::Relaxed);
        self.mult.store(scale.mult, Ordering::Relaxed);
        self.wall_offset_ns.store(wall_offset_ns, Ordering::Relaxed);
        // SYNC POINT clock: all new values are visible before the even sequence.
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn clock_offsets() {
        assert_eq!(offset_of!(Clock, sequence), 0);
        assert_eq!(offset_of!(Clock, reserved), 4);
        assert_eq!(offset_of!(Clock, base_tick), 8);
        assert_eq!(offset_of!(Clock, base_ns), 16);
        assert_eq!(offset_of!(Clock, mult), 24);
        assert_eq!(offset_of!(Clock, wall_offset_ns), 32);
        assert_eq!(offset_of!(Clock, epoch_ns), 40);
        assert_eq!(size_of::<Clock>(), 48);
    }

    #[test]
    fn scale_converts_and_never_runs_before_its_base() {
        // 2.5 GHz: 0.4 ns a tick.
        let scale = Scale { base_tick: 1000, base_ns: 50, mult: ((2u128 << 32) / 5) as u64 };
        assert_eq!(scale.ns(1000), 50);
        assert_eq!(scale.ns(999), 50);
        // The truncated multiplier loses less than 1 ns in a second.
        let second = scale.ns(1000 + 2_500_000_000);
        assert!((1_000_000_049..=1_000_000_050).contains(&second), "{second}");
        // A century of ticks does not overflow on the way.
        let century = 2_500_000_000u64 * 3_155_760_000;
        assert!(scale.ns(1000 + century) > 3_155_759_990_000_000_000);
    }
}
