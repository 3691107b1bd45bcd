//! Exploration: what a seed varies in a virtual run, and within which bounds. Pure.
//!
//! A real machine promises that an interrupt does not come before its instant, and that code takes its time; it does not promise
//! how late the one is or how long the other takes. A seed stands for one choice of all these, drawn from a stream of numbers that
//! each process of a partition has to itself. Most draws are of a random magnitude, so that a window of a few nanoseconds is hit as
//! well as one of many microseconds.

/// A timer's interrupt is never later than this, in nanoseconds.
pub const LATEST_NS: u64 = 100_000;
/// It is never later than the time ahead of it by this.
pub const LATEST_PART: u64 = 2;
/// A block, and a call of the shim, takes at most so many times what it takes in a run without a seed.
pub const SLOWEST: u32 = 2;
/// For how long a pace lasts at most, in nanoseconds.
pub const LONGEST_SPELL_NS: u64 = 1 << 20;
/// For how long it lasts at least: drawing a new one costs the host some ten times what a block does.
pub const SHORTEST_SPELL_NS: u64 = 100;

/// The random numbers of one process.
///
/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): one word of state, so that nobody
/// can see half of it, and every seed is as good as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream of a partition's process: `generation` counts its starts.
    pub const fn new(seed: u64, partition: u32, generation: u32) -> Stream {
        let which = ((partition as u64) << 32) | generation as u64;
        // Mixed twice, so that neighbouring seeds and partitions do not share stretches of one sequence.
        Stream(finish(finish(seed) ^ which))
    }

    /// A stream that goes on where another one was.
    pub const fn resume(state: u64) -> Stream {
        Stream(state)
    }

    /// Where the stream is.
    pub const fn state(self) -> u64 {
        self.0
    }

    const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.0)
    }

    /// A number below `bound`; 0 if that is 0.
    const fn below(&mut self, bound: u64) -> u64 {
        ((self.draw() as u128 * bound as u128) >> 64) as u64
    }

    /// A number of at most `limit`, of any magnitude: as likely of one number of bits as of another.
    const fn magnitude(&mut self, limit: u64) -> u64 {
        let bits = self.below((u64::BITS - limit.leading_zeros()) as u64 + 1) as u32;
        let number = if bits == 0 { 0 } else { self.below(u64::MAX >> (u64::BITS - bits)) + 1 };
        if number < limit { number } else { limit }
    }

    /// How late the interrupt of a timer comes that is due in `ahead_ns`, in nanoseconds.
    pub const fn lateness_ns(&mut self, ahead_ns: u64) -> u64 {
        let part = ahead_ns / LATEST_PART;
        self.magnitude(if part < LATEST_NS { part } else { LATEST_NS })
    }

    /// How slow code is for the next spell: what takes `exact_ns` in a run without a seed takes `pace.of(exact_ns)`.
    pub const fn pace(&mut self) -> Pace {
        Pace(self.draw())
    }

    /// For how long a pace lasts, in nanoseconds.
    pub const fn spell_ns(&mut self) -> u64 {
        let spell = self.magnitude(LONGEST_SPELL_NS);
        if spell < SHORTEST_SPELL_NS { SHORTEST_SPELL_NS } else { spell }
    }
}

/// How slow code is: from as fast as in a run without a seed to [`SLOWEST`] times that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(u64);

impl Pace {
    /// What takes `exact_ns` in a run without a seed, in nanoseconds.
    pub const fn of(self, exact_ns: u32) -> u64 {
        let room = exact_ns as u64 * (SLOWEST as u64 - 1) + 1;
        exact_ns as u64 + ((self.0 as u128 * room as u128) >> 64) as u64
    }
}

/// Spreads a word over all 64 bits, one to one.
const fn finish(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers of the reference implementation for the state 1234567.
        let mut stream = Stream::resume(1_234_567);
        let drawn = [stream.draw(), stream.draw(), stream.draw()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_process_has_a_stream_of_its_own() {
        let first = |seed, partition, generation| Stream::new(seed, partition, generation).draw();
        let all = [first(1, 0, 1), first(2, 0, 1), first(1, 1, 1), first(1, 0, 2), first(1, 1, 0)];
        for (index, one) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other != one), "{all:x?}");
        }
        assert_eq!(first(7, 3, 2), first(7, 3, 2));
    }

    #[test]
    fn lateness_keeps_its_bounds_and_has_every_magnitude() {
        let mut stream = Stream::new(1, 0, 1);
        let mut of_bits = [0; 18];
        for _ in 0..100_000 {
            let late = stream.lateness_ns(10_000_000);
            assert!(late <= LATEST_NS);
            of_bits[(u64::BITS - late.leading_zeros()) as usize] += 1;
        }
        // 18 magnitudes (0 bits to 17), each about as likely; a few of one are of the next smaller one.
        assert!(of_bits.iter().all(|&count| count > 2000), "{of_bits:?}");
        for ahead in [0, 1, 2, 3, 1000, 199_999] {
            assert!((0..1000).all(|_| stream.lateness_ns(ahead) <= ahead / LATEST_PART));
        }
        assert_eq!(stream.lateness_ns(0), 0);
        assert!((0..1000).any(|_| stream.lateness_ns(u64::MAX) > LATEST_NS / 2));
    }

    #[test]
    fn a_pace_is_between_exact_and_slowest_and_both_occur() {
        let mut stream = Stream::new(2, 0, 1);
        for exact in [1_u32, 2, 20, 1_000_000, u32::MAX] {
            let drawn: [u64; 2000] = core::array::from_fn(|_| stream.pace().of(exact));
            let (least, most) = (u64::from(exact), u64::from(exact) * u64::from(SLOWEST));
            assert!(drawn.iter().all(|ns| (least..=most).contains(ns)));
            let near = u64::from(exact) / 100;
            assert!(drawn.iter().any(|&ns| ns <= least + near) && drawn.iter().any(|&ns| ns >= most - near));
        }
    }

    #[test]
    fn spells_keep_their_bounds() {
        let mut stream = Stream::new(3, 0, 1);
        assert!((0..10_000).all(|_| (SHORTEST_SPELL_NS..=LONGEST_SPELL_NS).contains(&stream.spell_ns())));
        assert!((0..1000).any(|_| stream.spell_ns() > LONGEST_SPELL_NS / 2));
    }
}
