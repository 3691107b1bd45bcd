//! The partition's memory, dealt out once at start-up: tables, stacks, and the memory for messages.
//!
//! Everything comes out of the RAM area: the executive's own at the top, what is left in the middle for messages. Sizes are
//! the configuration's. Nothing is ever given back, so there is nothing to run out of after start-up.

use crate::core::{
    Address, Blackboard, Buffer, ErrorRecord, Event, Logbook, Mutex, Process, QueuingPort, SamplingPort, Semaphore,
    Tables,
};

use super::limits::Limits;

/// Free memory between two addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arena {
    start: Address,
    end: Address,
}

impl Arena {
    /// The partition's RAM.
    pub(super) fn ram() -> Arena {
        let (base, size) = bulkhead_shim::boot::ram();
        Arena { start: base as usize, end: base as usize + size }
    }

    /// Takes `size` bytes from the top, at a multiple of `align`. A partition whose memory is too small for what its
    /// configuration promises ends here.
    pub(super) fn take(&mut self, size: usize, align: usize) -> Address {
        let at = self.end.checked_sub(size).map(|at| at & !(align - 1)).filter(|&at| at >= self.start);
        self.end = at.expect("the partition's memory is too small for the limits of its configuration");
        self.end
    }

    pub(super) fn table<T: Default>(&mut self, count: usize) -> &'static mut [T] {
        let base = self.take(size_of::<T>() * count, align_of::<T>()) as *mut T;
        for index in 0..count {
            // SAFETY: within the memory just taken, which is the partition's, aligned, and in no other use.
            unsafe { base.add(index).write(T::default()) };
        }
        // SAFETY: as above, and all entries are initialised.
        unsafe { core::slice::from_raw_parts_mut(base, count) }
    }

    /// The tables; what is left is for messages.
    pub(super) fn tables(mut self, limits: &Limits) -> Tables<'static> {
        let processes = self.table::<Process>(limits.processes + 1);
        let semaphores = self.table::<Semaphore>(limits.semaphores);
        let events = self.table::<Event>(limits.events);
        let buffers = self.table::<Buffer>(limits.buffers);
        let blackboards = self.table::<Blackboard>(limits.blackboards);
        let mutexes = self.table::<Mutex>(limits.mutexes);
        let logbooks = self.table::<Logbook>(limits.logbooks);
        let sampling = self.table::<SamplingPort>(limits.ports);
        let queuing = self.table::<QueuingPort>(limits.ports);
        // Each process can miss a deadline and raise an error before the handler gets to run.
        let errors = self.table::<ErrorRecord>(2 * (limits.processes + 1));
        let messages = (self.start, self.end);
        Tables {
            processes,
            semaphores,
            events,
            buffers,
            blackboards,
            mutexes,
            logbooks,
            sampling,
            queuing,
            errors,
            messages,
        }
    }
}
