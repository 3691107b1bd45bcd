//! The guest of `bulkhead bench window`: notices the edges of its own windows.
//!
//! It does nothing but read the clock and the window number. A reading counts if the number was the same before and after
//! it; so it lies within that window for sure, wherever the guest was stopped. When the number has changed, the last
//! reading of the old window and the first of the new one go to the console as a binary record.
#![no_std]
#![no_main]

use bulkhead_shim::{clock, console, entry, window};

entry!(main);

fn main() -> i32 {
    let mut number = window::count();
    let mut last = clock::now_ns();
    loop {
        let before = window::count();
        let now = clock::now_ns();
        // An x86 processor does not move loads before earlier loads, and the compiler does not move these at all.
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
        if window::count() != before {
            continue;
        }
        if before != number {
            let mut record = [0; 24];
            record[..8].copy_from_slice(&clock::epoch_ns().to_le_bytes());
            record[8..16].copy_from_slice(&last.to_le_bytes());
            record[16..].copy_from_slice(&now.to_le_bytes());
            console::write(&record);
            number = before;
        }
        last = now;
    }
}
