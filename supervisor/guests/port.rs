//! The guest of `bulkhead bench port`: one end of its channels, by its first argument.
//!
//! * `source N` and `destination N` take turns on one core: in each of N windows the one writes samples and fills the queues,
//!   the other reads samples and empties the queues, in batches that they time;
//! * `send N` and `receive N` run at the same time: N times [`SEGMENT`] messages of 64 bytes; the receiver times each segment.
//!
//! Each measurement goes to the console as two words: what it is, and its value in ticks of the time-stamp counter.
#![no_std]
#![no_main]

use core::hint::{black_box, spin_loop};

use bulkhead_shim::port::{self, Port};
use bulkhead_shim::{boot, clock, entry, window};

mod record;

use record::record;

/// What a record holds. The supervisor's cli/bench/port has the same.
const WRITE: u64 = 1;
const READ: u64 = 2;
const SEND: u64 = 3;
const RECEIVE: u64 = 4;
const RATE: u64 = 5;
/// Added for channels of 4 KiB.
const LARGE: u64 = 0x10;
/// Operations in a batch.
const BATCH: u32 = 16;
/// Batches of samples in a window.
const SAMPLES: usize = 32;
/// Messages in a segment.
const SEGMENT: u64 = 16384;

entry!(main);

fn main() -> i32 {
    let mut args = boot::args().skip(1);
    let role = args.next().unwrap_or_default();
    let count = args.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    match role {
        "source" => turns(count, source),
        "destination" => turns(count, destination),
        "send" => stream(count, true),
        "receive" => stream(count, false),
        _ => None,
    }
    .map_or(1, |()| 0)
}

/// Records of one window, written when it is over.
struct Records {
    list: [(u64, u64); 512],
    len: usize,
}

impl Records {
    fn time(&mut self, what: u64, mut operation: impl FnMut()) {
        let before = clock::ticks();
        for _ in 0..BATCH {
            operation();
        }
        let ticks = clock::ticks() - before;
        if let Some(entry) = self.list.get_mut(self.len) {
            *entry = (what, ticks);
            self.len += 1;
        }
    }
}

/// Calls `work` in each window, for small messages and for large ones.
fn turns(windows: u64, work: fn(&mut Records, u64, Port, Port, &mut [u8]) -> Option<()>) -> Option<()> {
    static mut BUFFER: [u8; 4096] = [0x55; 4096];
    // SAFETY: this function runs once, and nobody else knows the buffer.
    let buffer = unsafe { &mut *core::ptr::addr_of_mut!(BUFFER) };
    let mut records = Records { list: [(0, 0); 512], len: 0 };
    for _ in 0..windows {
        records.len = 0;
        let small = &mut buffer[..64];
        work(&mut records, 0, port::find("sample64")?, port::find("queue64")?, small)?;
        work(&mut records, LARGE, port::find("sample4096")?, port::find("queue4096")?, buffer)?;
        for &(what, ticks) in &records.list[..records.len] {
            record(what, ticks, window::yield_window);
        }
        window::yield_window();
    }
    Some(())
}

fn source(records: &mut Records, size: u64, sample: Port, queue: Port, buffer: &mut [u8]) -> Option<()> {
    let (sample, queue) = (sample.sampling_source().ok()?, queue.queuing_source().ok()?);
    for _ in 0..SAMPLES {
        records.time(WRITE | size, || _ = black_box(sample.write(black_box(buffer))));
    }
    while queue.room() >= BATCH {
        records.time(SEND | size, || _ = black_box(queue.send(black_box(buffer))));
    }
    Some(())
}

fn destination(records: &mut Records, size: u64, sample: Port, queue: Port, buffer: &mut [u8]) -> Option<()> {
    let (sample, queue) = (sample.sampling_destination().ok()?, queue.queuing_destination().ok()?);
    // Nothing to read before the source's first window.
    for _ in 0..if sample.latest() > 0 { SAMPLES } else { 0 } {
        records.time(READ | size, || _ = black_box(sample.read(black_box(buffer))));
    }
    while queue.waiting() >= BATCH {
        records.time(RECEIVE | size, || _ = black_box(queue.receive(black_box(buffer))));
    }
    Some(())
}

fn stream(segments: u64, sends: bool) -> Option<()> {
    let port = port::find("stream")?;
    let mut buffer = [0x55; 64];
    if sends {
        let port = port.queuing_source().ok()?;
        for _ in 0..segments * SEGMENT {
            while port.send(black_box(&buffer)).is_err() {
                spin_loop();
            }
        }
    } else {
        let port = port.queuing_destination().ok()?;
        for _ in 0..segments {
            let before = clock::ticks();
            for _ in 0..SEGMENT {
                while port.receive(black_box(&mut buffer)).is_none() {
                    spin_loop();
                }
            }
            record(RATE, clock::ticks() - before, window::yield_window);
        }
    }
    Some(())
}
