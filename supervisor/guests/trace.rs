//! The guest of `bulkhead bench record`: notes that its process changes over, again and again, whether that is recorded or not.
//!
//! Each batch goes to the console as two words: what it is, and the ticks of the time-stamp counter that it took.
#![no_std]
#![no_main]

use core::hint::spin_loop;

use bulkhead_shim::{clock, entry, trace};

mod record;

use record::record;

/// What a record holds. The supervisor's cli/bench/record.rs has the same.
const BATCH: u64 = 1;
const READY: u64 = 2;

/// Things noted in a batch.
const NOTES: u32 = 1000;
const BATCHES: u32 = 2000;

entry!(main);

fn main() -> i32 {
    for _ in 0..BATCHES {
        let before = clock::ticks();
        for number in 0..NOTES {
            trace::process(number, b"bench");
        }
        record(BATCH, clock::ticks() - before, spin_loop);
    }
    record(READY, 0, spin_loop);
    0
}
