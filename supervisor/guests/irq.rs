//! The guest of `bulkhead bench irq`: measures what it can see from inside, then stamps the interrupts that it is sent.
//!
//! Each measurement goes to the console as two words: what it is, and its value, in ticks of the time-stamp counter but for
//! [`IDLE`], which is in nanoseconds.
#![no_std]
#![no_main]

use core::ffi::c_void;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use bulkhead_shim::{clock, entry, irq, timer};

mod record;

use record::record;

/// What a record holds. The supervisor's cli/bench/irq.rs has the same.
const MASK: u64 = 1;
const TICK: u64 = 2;
const IDLE: u64 = 3;
const READY: u64 = 4;
const RAISED: u64 = 5;

/// Pairs of masking and unmasking in a batch.
const PAIRS: u64 = 1000;
const BATCHES: u32 = 2000;
const TICKS: u32 = 1000;
const IDLES: u32 = 1000;
/// The line that the supervisor raises.
const LINE: u32 = 3;

static FIRED: AtomicU64 = AtomicU64::new(0);
static STAMP: AtomicU64 = AtomicU64::new(0);

entry!(main);

fn main() -> i32 {
    mask_pairs();
    // The lines exist and are free.
    let _ = irq::request(irq::TIMER, fired, core::ptr::null_mut());
    let _ = irq::request(LINE, raised, core::ptr::null_mut());
    ticks();
    idles();
    record(READY, 0, spin_loop);
    loop {
        let stamp = STAMP.swap(0, Ordering::Relaxed);
        if stamp != 0 {
            record(RAISED, stamp, spin_loop);
        }
    }
}

extern "C" fn fired(_: u32, _: *mut c_void) {
    FIRED.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn raised(_: u32, _: *mut c_void) {
    STAMP.store(clock::ticks(), Ordering::Relaxed);
}

fn mask_pairs() {
    for _ in 0..BATCHES {
        let before = clock::ticks();
        for _ in 0..PAIRS {
            let level = irq::disable();
            irq::enable(level);
        }
        record(MASK, clock::ticks() - before, spin_loop);
    }
}

/// Reads the counter all the time; the reading before a tick and the one after it are as far apart as the tick took.
fn ticks() {
    timer::periodic(clock::now_ns() + 1_000_000, 1_000_000);
    let mut seen = FIRED.load(Ordering::Relaxed);
    let mut recorded = 0;
    let mut before = clock::ticks();
    while recorded < TICKS {
        let now = clock::ticks();
        compiler_fence(Ordering::SeqCst);
        let fired = FIRED.load(Ordering::Relaxed);
        if fired != seen {
            // The tick may have come between the reading and the look at the count; then the next reading is behind it.
            let now = clock::ticks();
            record(TICK, now - before, spin_loop);
            recorded += 1;
            seen = FIRED.load(Ordering::Relaxed);
            before = clock::ticks();
            continue;
        }
        before = now;
    }
    timer::stop();
}

fn idles() {
    for _ in 0..IDLES {
        let level = irq::disable();
        let deadline = clock::now_ns() + 300_000;
        timer::one_shot(deadline);
        irq::idle();
        let now = clock::now_ns();
        irq::enable(level);
        record(IDLE, now.saturating_sub(deadline), spin_loop);
    }
}
