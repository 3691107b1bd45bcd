//! Keeps the guests' clock pages in step with CLOCK_MONOTONIC.
//!
//! A guest computes the time from the time-stamp counter and a scale (see [`bulkhead_abi::clock`]). The two clocks drift
//! apart, because the kernel disciplines its own and because the first scale comes from a short measurement; so the scale
//! is corrected now and then. A correction never moves the guest's clock, it changes its rate: the new scale goes on
//! where the old one is, and is a little faster or slower until the difference is gone.

use bulkhead_abi::clock::Scale;

use crate::dispatch::clock::now_ns;

/// Counter, CLOCK_MONOTONIC and the wall clock's distance from it, taken at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Time-stamp counter.
    pub tick: u64,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub ns: u64,
    /// CLOCK_REALTIME minus CLOCK_MONOTONIC in nanoseconds.
    pub wall_offset_ns: i64,
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and user mode may use it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

impl Sample {
    /// The best of a few tries: the one in which the two counter readings around the clock reading were closest.
    pub fn take() -> Sample {
        let mut best: Option<(u64, Sample)> = None;
        for _ in 0..8 {
            let before = ticks();
            let ns = now_ns();
            let after = ticks();
            let width = after.wrapping_sub(before);
            if best.is_none_or(|(least, _)| width < least) {
                best = Some((width, Sample { tick: before + width / 2, ns, wall_offset_ns: 0 }));
            }
        }
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = now_ns();
        let mut sample = best.map_or(Sample { tick: ticks(), ns: now, wall_offset_ns: 0 }, |(_, sample)| sample);
        sample.wall_offset_ns = wall.as_nanos() as i64 - now as i64;
        sample
    }
}

/// Time in which a difference is to be made up, in nanoseconds.
const HORIZON_NS: i128 = 1_000_000_000;
/// A guest's clock that is behind by more is set, since making that up would take minutes: the machine was suspended.
const STEP_NS: i128 = 10_000_000;
/// Largest correction of the rate, in millionths. The kernel itself slews by 500 at most.
const MAX_PPM: i128 = 1000;

/// The scale that guests use, and what it was derived from.
#[derive(Debug)]
pub struct Timekeeper {
    first: Sample,
    scale: Scale,
}

fn rate(from: Sample, to: Sample) -> u64 {
    let ticks = u128::from(to.tick.saturating_sub(from.tick).max(1));
    ((u128::from(to.ns.saturating_sub(from.ns)) << 32) / ticks) as u64
}

impl Timekeeper {
    /// A scale from two samples, some milliseconds apart.
    pub fn new(first: Sample, second: Sample) -> Timekeeper {
        let scale = Scale { base_tick: second.tick, base_ns: second.ns, mult: rate(first, second) };
        Timekeeper { first, scale }
    }

    /// The scale in use.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Corrects the scale by a new sample.
    pub fn update(&mut self, sample: Sample) -> Scale {
        let believed = self.scale.ns(sample.tick);
        let behind = i128::from(sample.ns) - i128::from(believed);
        let mut base_ns = believed;
        if behind > STEP_NS {
            base_ns = sample.ns;
            // As if measured over the last 2^32 ticks, or as many as there were.
            let ticks = sample.tick.min(1 << 32);
            let ns = ((u128::from(ticks) * u128::from(self.scale.mult)) >> 32) as u64;
            self.first = Sample { tick: sample.tick - ticks, ns: sample.ns.saturating_sub(ns), ..sample };
        }
        let measured = i128::from(rate(self.first, sample));
        let limit = measured * MAX_PPM / 1_000_000;
        let correction = if behind > STEP_NS { 0 } else { (measured * behind / HORIZON_NS).clamp(-limit, limit) };
        self.scale = Scale { base_tick: sample.tick, base_ns, mult: (measured + correction).max(1) as u64 };
        self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host whose counter has `hz` and whose clock gains `ppm` on it.
    fn sample(hz: u64, ppm: i64, at_tick: u64) -> Sample {
        let ns = i128::from(at_tick) * 1_000_000_000 / i128::from(hz);
        Sample { tick: at_tick, ns: (ns + ns * i128::from(ppm) / 1_000_000) as u64, wall_offset_ns: 0 }
    }

    #[test]
    fn time_never_runs_backwards_and_a_rough_start_is_made_up() {
        let hz = 2_600_000_000;
        let mut rough = sample(hz, 0, hz / 100);
        rough.ns += 200; // A bad second sample: 20 ppm off over 10 ms.
        let mut keeper = Timekeeper::new(sample(hz, 0, 0), rough);
        let mut last = 0;
        for step in 1..100 {
            let tick = hz / 100 + step * hz / 4;
            let before = keeper.scale().ns(tick);
            keeper.update(sample(hz, 0, tick));
            let after = keeper.scale().ns(tick);
            assert!(before >= last && after >= before, "step {step}");
            last = after;
        }
        let tick = hz * 30;
        let error = keeper.scale().ns(tick).abs_diff(sample(hz, 0, tick).ns);
        assert!(error < 20_000, "{error} ns");
        let tick = hz / 100 + 99 * hz / 4;
        assert!(keeper.scale().ns(tick).abs_diff(sample(hz, 0, tick).ns) < 5);
    }

    #[test]
    fn a_suspended_machine_steps_forward() {
        let hz = 1_000_000_000;
        let mut keeper = Timekeeper::new(sample(hz, 0, 0), sample(hz, 0, hz / 100));
        let mut late = sample(hz, 0, hz);
        late.ns += 60_000_000_000;
        keeper.update(late);
        assert_eq!(keeper.scale().ns(late.tick), late.ns);
        // And the rate is still the counter's.
        let second = keeper.scale().ns(late.tick + hz) - late.ns;
        assert!(second.abs_diff(1_000_000_000) < 2_000_000, "{second}");
    }
}
