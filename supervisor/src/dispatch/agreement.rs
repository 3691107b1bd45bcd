//! How the dispatchers of all cores go over to another schedule at the same frame.
//!
//! A wish is a word that anybody may write at any time; the last one counts. What holds in a frame is settled by whichever
//! core begins that frame first: it takes the wish of that instant and puts it down in the frame's slot, by a compare and
//! exchange; whoever comes later finds it there. So all cores agree on every frame without waiting for each other, and a
//! request takes effect with the first frame that no core has begun yet: the next one, or the one after that if it came in
//! the very instant at which another core was faster.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Frames that are remembered. A core that is behind by more has skipped them.
const FRAMES: usize = 64;

/// The schedules of a module's frames.
#[derive(Debug)]
pub struct Agreement {
    wanted: AtomicU32,
    /// By frame modulo [`FRAMES`]: the frame plus 1 in the upper 56 bits, its schedule in the lower 8; 0 for none yet.
    settled: [AtomicU64; FRAMES],
}

impl Default for Agreement {
    fn default() -> Self {
        Agreement { wanted: AtomicU32::new(0), settled: [const { AtomicU64::new(0) }; FRAMES] }
    }
}

impl Agreement {
    /// Asks for a schedule from the next frame on that nobody has begun.
    pub fn want(&self, schedule: u8) {
        // Release: pairs with the acquire in `settle`, so that a frame settled after this sees it.
        self.wanted.store(schedule.into(), Ordering::Release);
    }

    /// The schedule that was asked for last.
    pub fn wanted(&self) -> u8 {
        self.wanted.load(Ordering::Acquire) as u8
    }

    /// The schedule of `frame`, which a core begins now. Every core gets the same answer.
    pub fn settle(&self, frame: u64) -> u8 {
        let slot = &self.settled[(frame % FRAMES as u64) as usize];
        let mine = ((frame + 1) << 8) | u64::from(self.wanted());
        // SYNC POINT frame: the slot changes once a frame; every core reads the value that the first one wrote.
        let mut found = slot.load(Ordering::Acquire);
        while found >> 8 < frame + 1 {
            match slot.compare_exchange(found, mine, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return mine as u8,
                Err(newer) => found = newer,
            }
        }
        // This frame's; or a later one's, for a core that is so late that this frame is over anyway.
        found as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_takes_effect_with_the_first_frame_that_nobody_has_begun() {
        let agreement = Agreement::default();
        assert_eq!(agreement.settle(0), 0);
        agreement.want(2);
        // Another core begins the frame later, when the wish is there already.
        assert_eq!(agreement.settle(0), 0);
        assert_eq!(agreement.settle(1), 2);
        agreement.want(1);
        agreement.want(3);
        assert_eq!((agreement.settle(1), agreement.settle(2), agreement.settle(2)), (2, 3, 3));
        // Frames may be skipped, and slots are used again.
        assert_eq!(agreement.settle(2 + 10 * FRAMES as u64), 3);
        agreement.want(0);
        assert_eq!(agreement.settle(2 + 11 * FRAMES as u64), 0);
        // Far too late for what it asks.
        assert_eq!(agreement.settle(2), 0);
    }

    #[test]
    fn cores_that_race_agree_on_every_frame() {
        const CORES: usize = 4;
        const COUNT: u64 = 20_000;
        let agreement = Agreement::default();
        // In step to within a frame, as the clock keeps them: nobody begins a frame long before the others.
        let at: [AtomicU64; CORES] = Default::default();
        let seen: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let cores: Vec<_> = (0..CORES)
                .map(|core| {
                    let (agreement, at) = (&agreement, &at);
                    scope.spawn(move || {
                        (0..COUNT)
                            .map(|frame| {
                                while at.iter().any(|other| other.load(Ordering::Relaxed) + 8 < frame) {
                                    std::thread::yield_now();
                                }
                                at[core].store(frame, Ordering::Relaxed);
                                let schedule = agreement.settle(frame);
                                agreement.want(((frame as usize + core) % 5) as u8);
                                schedule
                            })
                            .collect()
                    })
                })
                .collect();
            cores.into_iter().map(|core| core.join().unwrap()).collect()
        });
        for core in &seen {
            assert!(*core == seen[0]);
        }
        // The control: there was something to agree on.
        assert!(seen[0].windows(2).filter(|pair| pair[0] != pair[1]).count() > 100);
    }
}
