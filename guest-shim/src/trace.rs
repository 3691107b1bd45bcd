//! What happens in the guest, for recordings: records in a ring of its own pages, where the supervisor asks for them.
//!
//! Where it does not, each of these is a load and a branch. In virtual runs it always asks, whether anybody makes a recording or
//! not: code of the shim may be instrumented, and what it does must not depend on who watches.

use core::sync::atomic::Ordering;

use bulkhead_abi::map::{self, guest::TRACE_RECORDS};
use bulkhead_abi::trace::{Entry, Kind, Producer, Record, Switch, put};

use crate::{clock, irq};

/// Whether the supervisor asks for what happens here. It does not change while the guest runs.
#[inline(always)]
pub fn is_on() -> bool {
    // SAFETY: the supervisor mapped this page, aligned and readable, for the whole life of the process; the word is atomic.
    let switch = unsafe { &*((map::HOST.base + map::host::TRACE) as *const Switch) };
    switch.on.load(Ordering::Relaxed) != 0
}

/// Notes that something has happened now.
#[inline(always)]
pub(crate) fn note(kind: Kind, number: u32, sequence: u64) {
    if is_on() {
        write(kind, number, sequence);
    }
}

#[cold]
#[inline(never)]
fn write(kind: Kind, number: u32, sequence: u64) {
    // Whoever else the guest's interrupts let run finds the ring whole.
    irq::free(|| {
        let entry = Entry { time_ns: clock::peek_ns(), kind: kind as u32, number, sequence };
        // SAFETY: the supervisor mapped these pages there, aligned, for the whole life of the process; they hold atomics only, and
        // with interrupts masked nobody else writes them.
        let (producer, ring) = unsafe {
            (
                &*((map::GUEST.base + map::guest::TRACE_PRODUCER) as *const Producer),
                &*((map::GUEST.base + map::guest::TRACE_DATA) as *const [Record; TRACE_RECORDS as usize]),
            )
        };
        put(producer, ring, entry);
    });
}

/// An executive in the guest gives the processor to another of its processes: `process` is its own number for it, 0 for none.
/// Of `name`, the first eight bytes go into recordings.
#[inline]
pub fn process(process: u32, name: &[u8]) {
    if is_on() {
        let mut first = [0; 8];
        first.iter_mut().zip(name).for_each(|(to, &byte)| *to = byte);
        write(Kind::Process, process, u64::from_le_bytes(first));
    }
}
