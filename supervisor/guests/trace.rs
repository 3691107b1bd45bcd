//! The guest of `bulkhead bench record`: notes that its process changes over, again and again, whether that is recorded or not.
//!
//! Each batch goes to the console as two words: what it is, and the ticks of the time-stamp counter that it took.
#![no_std]
#![no_main]

use bulkhead_shim::{clock, console, entry, trace};

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
        record(BATCH, clock::ticks() - before);
    }
    record(READY, 0);
    0
}

fn record(what: u64, value: u64) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&what.to_le_bytes());
    bytes[8..].copy_from_slice(&value.to_le_bytes());
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        rest = &rest[console::write(rest)..];
    }
}
