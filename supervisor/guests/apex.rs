//! The guest of `bulkhead bench apex`: processes of the ARINC 653 executive that hand the processor to each other.
//!
//! A driver makes batches of round trips with one partner after the other and records what a batch took, as two words on the
//! console: what it is, and ticks of the time-stamp counter.
#![no_std]
#![no_main]

use core::hint::spin_loop;
use core::sync::atomic::{AtomicI32, Ordering};

use bulkhead_apex::core::{Attributes, Deadline, Discipline, INFINITE, Mode, Name};
use bulkhead_apex::services::{self, *};
use bulkhead_shim::{clock, entry, partition};

mod record;

use record::record;

/// What a record holds. The supervisor's cli/bench/apex.rs has the same.
const SWITCH: u64 = 1;
const SEMAPHORE: u64 = 2;
const EVENT: u64 = 3;
const BUFFER: u64 = 4;
const BLACKBOARD: u64 = 5;
const CALL: u64 = 6;
const END: u64 = 7;

/// Round trips in a batch.
const TRIPS: u64 = 100;
const BATCHES: u32 = 2000;
/// Bytes of a message.
const MESSAGE: i32 = 64;

/// The driver's priority; its partners are above it, so that whatever they wait for brings them on at once.
const PRIORITY: i32 = 10;

/// Two objects of each kind have these identifiers.
const FORTH: i32 = 1;
const BACK: i32 = 2;

static PARTNER: AtomicI32 = AtomicI32::new(0);

entry!(main);

fn main() -> i32 {
    for name in [b"forth", &b"back"[..]] {
        let name = Name::new(name);
        good(create_semaphore(name, 0, 1, Ok(Discipline::Fifo)));
        good(create_event(name));
        good(create_buffer(name, MESSAGE, 1, Ok(Discipline::Fifo)));
        good(create_blackboard(name, MESSAGE));
    }
    let partners = [semaphores, events, buffers, blackboards];
    for (number, partner) in partners.into_iter().enumerate() {
        create(&[b'a' + number as u8], partner, PRIORITY + 1);
    }
    PARTNER.store(create(b"yield", yields, PRIORITY), Ordering::Relaxed);
    good(start(create(b"driver", driver, PRIORITY)));
    good(set_partition_mode(Ok(Mode::Normal)));
    1
}

fn create(name: &[u8], entry: extern "C" fn(), base_priority: i32) -> i32 {
    let (period, time_capacity, stack_size) = (INFINITE, INFINITE, 8192);
    let (entry, name) = (entry as usize, Name::new(name));
    let deadline = Deadline::Soft;
    let attributes = Attributes { period, time_capacity, entry, stack_size, base_priority, deadline, name };
    // SAFETY: the entry point is a function without arguments.
    good(unsafe { create_process(&attributes, Ok(deadline)) })
}

/// Ends the guest unless the service did its work.
fn good<T>(reply: Result<T, bulkhead_apex::core::Code>) -> T {
    reply.unwrap_or_else(|_| partition::halt(3))
}

extern "C" fn driver() {
    batches(CALL, || {
        good(my_id());
    });
    let partner = PARTNER.load(Ordering::Relaxed);
    good(start(partner));
    batches(SWITCH, || good(timed_wait(0)));
    good(stop(partner));

    good(start(1));
    batches(SEMAPHORE, || {
        good(signal_semaphore(FORTH));
        good(wait_semaphore(BACK, INFINITE));
    });
    good(start(2));
    batches(EVENT, || {
        good(set_event(FORTH));
        good(wait_event(BACK, INFINITE));
        good(reset_event(BACK));
    });
    let mut message = [7; MESSAGE as usize];
    let at = message.as_mut_ptr() as usize;
    good(start(3));
    batches(BUFFER, || {
        // SAFETY: the message is that long, and so is the longest one that comes back.
        unsafe {
            good(send_buffer(FORTH, at, MESSAGE, INFINITE));
            good(receive_buffer(BACK, INFINITE, at));
        }
    });
    good(start(4));
    batches(BLACKBOARD, || {
        good(clear_blackboard(BACK));
        // SAFETY: as above.
        unsafe {
            good(display_blackboard(FORTH, at, MESSAGE));
            good(read_blackboard(BACK, INFINITE, at));
        }
    });
    record(END, 0, spin_loop);
    services::stop_self();
}

fn batches(what: u64, mut trip: impl FnMut()) {
    for _ in 0..BATCHES {
        let before = clock::ticks();
        for _ in 0..TRIPS {
            trip();
        }
        record(what, clock::ticks() - before, spin_loop);
    }
}

extern "C" fn yields() {
    loop {
        good(timed_wait(0));
    }
}

extern "C" fn semaphores() {
    loop {
        good(wait_semaphore(FORTH, INFINITE));
        good(signal_semaphore(BACK));
    }
}

extern "C" fn events() {
    loop {
        good(wait_event(FORTH, INFINITE));
        good(reset_event(FORTH));
        good(set_event(BACK));
    }
}

extern "C" fn buffers() {
    let mut message = [0; MESSAGE as usize];
    let at = message.as_mut_ptr() as usize;
    loop {
        // SAFETY: there is room for the longest message.
        unsafe {
            good(receive_buffer(FORTH, INFINITE, at));
            good(send_buffer(BACK, at, MESSAGE, INFINITE));
        }
    }
}

extern "C" fn blackboards() {
    let mut message = [0; MESSAGE as usize];
    let at = message.as_mut_ptr() as usize;
    loop {
        // SAFETY: there is room for the longest message.
        unsafe {
            good(read_blackboard(FORTH, INFINITE, at));
            good(clear_blackboard(FORTH));
            good(display_blackboard(BACK, at, MESSAGE));
        }
    }
}
