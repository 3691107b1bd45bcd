//! How the dispatchers of all cores go over to another schedule at the same frame.
//!
//! A wish is a word that anybody may write at any time; the last one counts. What holds in a frame is settled by whichever
//! core begins that frame first: it takes the wish of that instant and puts it down by a compare and exchange; whoever comes
//! later finds it there. So all cores agree on every frame without waiting for each other, and a request takes effect with
//! the first frame that no core has begun yet: the next one, or the one after that if it came in the very instant at which
//! another core was faster.
//!
//! A core that is late may ask for a frame when the next one has been settled already. So before somebody settles a frame,
//! the one before it is put into the book, where it can be looked up for some time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Frames that are remembered. A core that is behind by more has skipped them.
const FRAMES: usize = 64;
/// Bits of the schedule's number; there are at most 16 schedules.
const SCHEDULE_BITS: u32 = 4;
/// Bits of the number of changes.
const SWITCHES_BITS: u32 = 20;
/// Changes are counted modulo this.
pub const SWITCHES: u32 = 1 << SWITCHES_BITS;

/// What holds in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// The schedule.
    pub schedule: u8,
    /// Changes from the beginning up to and with this frame, modulo [`SWITCHES`].
    pub switches: u32,
}

/// The schedules of a module's frames.
#[derive(Debug)]
pub struct Agreement {
    wanted: AtomicU32,
    /// The latest settled frame: its number plus 1 in the upper 40 bits, then the number of changes, then the schedule; 0 for
    /// none yet.
    latest: AtomicU64,
    /// Frames before it, by their number modulo [`FRAMES`], in the same form.
    book: [AtomicU64; FRAMES],
}

impl Default for Agreement {
    fn default() -> Self {
        Agreement { wanted: AtomicU32::new(0), latest: AtomicU64::new(0), book: [const { AtomicU64::new(0) }; FRAMES] }
    }
}

fn pack(frame: u64, settled: Settled) -> u64 {
    let switches = u64::from(settled.switches % SWITCHES);
    (((frame + 1) << SWITCHES_BITS) | switches) << SCHEDULE_BITS | u64::from(settled.schedule)
}

/// The frame's number plus 1.
fn frame_of(word: u64) -> u64 {
    word >> (SWITCHES_BITS + SCHEDULE_BITS)
}

fn unpack(word: u64) -> Settled {
    Settled { schedule: (word & ((1 << SCHEDULE_BITS) - 1)) as u8, switches: (word >> SCHEDULE_BITS) as u32 % SWITCHES }
}

impl Agreement {
    /// Asks for a schedule (0 to 15) from the next frame on that nobody has begun.
    pub fn want(&self, schedule: u8) {
        // Release: pairs with the acquire in `wanted`, so that a frame settled after this sees it.
        self.wanted.store(schedule.into(), Ordering::Release);
    }

    /// The schedule that was asked for last.
    pub fn wanted(&self) -> u8 {
        self.wanted.load(Ordering::Acquire) as u8
    }

    /// What holds in `frame`, which a core begins now. Every core gets the same answer.
    pub fn settle(&self, frame: u64) -> Settled {
        let place = |frame: u64| &self.book[(frame % FRAMES as u64) as usize];
        // SYNC POINT frame: the word changes once a frame; every core reads the value that the first one wrote.
        let mut latest = self.latest.load(Ordering::Acquire);
        loop {
            if frame_of(latest) == frame + 1 {
                return unpack(latest);
            }
            if frame_of(latest) > frame + 1 {
                let entry = place(frame).load(Ordering::Acquire);
                // Where nobody began the frame, or it is long ago, it is over anyway.
                return unpack(if frame_of(entry) == frame + 1 { entry } else { latest });
            }
            if let Some(before) = frame_of(latest).checked_sub(1) {
                // The frame is in the upper bits: somebody who has been held up here overwrites no later one.
                place(before).fetch_max(latest, Ordering::AcqRel);
            }
            let (before, schedule) = (unpack(latest), self.wanted());
            let switches = before.switches + u32::from(schedule != before.schedule);
            let mine = pack(frame, Settled { schedule, switches });
            match self.latest.compare_exchange(latest, mine, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return unpack(mine),
                Err(newer) => latest = newer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_takes_effect_with_the_first_frame_that_nobody_has_begun() {
        let agreement = Agreement::default();
        let settle = |frame| {
            let Settled { schedule, switches } = agreement.settle(frame);
            (schedule, switches)
        };
        assert_eq!(settle(0), (0, 0));
        agreement.want(2);
        // Another core begins the frame later, when the wish is there already.
        assert_eq!(settle(0), (0, 0));
        assert_eq!(settle(1), (2, 1));
        agreement.want(1);
        agreement.want(15);
        assert_eq!((settle(1), settle(2), settle(2)), ((2, 1), (15, 2), (15, 2)));
        // One that is late learns what held then.
        assert_eq!((settle(0), settle(1)), ((0, 0), (2, 1)));
        // Frames may be skipped, and places are used again.
        let far = 2 + 10 * FRAMES as u64;
        assert_eq!(settle(far), (15, 2));
        agreement.want(0);
        assert_eq!((settle(far + 1), settle(far + FRAMES as u64)), ((0, 3), (0, 3)));
        assert_eq!(settle(far), (15, 2));
        // Far too late for what it asks, and a frame that nobody began.
        assert_eq!((settle(2), settle(far + 2)), ((0, 3), (0, 3)));
    }

    #[test]
    fn cores_that_race_agree_on_every_frame() {
        const CORES: usize = 4;
        const COUNT: u64 = 20_000;
        let agreement = Agreement::default();
        // In step to within a frame, as the clock keeps them: nobody begins a frame long before the others.
        let at: [AtomicU64; CORES] = Default::default();
        let seen: Vec<Vec<Settled>> = std::thread::scope(|scope| {
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
                                let settled = agreement.settle(frame);
                                agreement.want(((frame as usize + core) % 5) as u8);
                                settled
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
        // Every change is counted, and the control: there was something to agree on.
        let is_change = |pair: &&[Settled]| pair[0].schedule != pair[1].schedule;
        let changes = seen[0].windows(2).filter(is_change).count() as u32;
        let (first, last) = (seen[0][0], seen[0][seen[0].len() - 1]);
        assert_eq!(last.switches - first.switches, changes);
        assert!(changes > 100);
    }
}
