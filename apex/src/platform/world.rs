//! The virtual CPU and the partition's ports, as the rules see them.

use bulkhead_shim::clock;

use crate::core::{Address, Env, ErrorRecord, Mode, Name, QueuingConfig, Sample, SamplingConfig, Time};

use super::ports::Ports;
use super::{health, limits};

/// The world around the rules.
#[derive(Debug)]
pub(crate) struct World {
    period: (Time, Time),
    ports: Ports,
}

impl World {
    pub(super) fn new(ports: Ports) -> World {
        World { period: limits::period(), ports }
    }
}

impl Env for World {
    fn now(&self) -> Time {
        clock::now_ns() as Time
    }

    #[inline]
    fn copy(&mut self, from: Address, to: Address, length: u32) {
        // SAFETY: the services let no address through that they have not tried (`probe`), and a length no longer than the
        // object's messages; one of the two is the executive's own memory, or they belong to two processes.
        unsafe { core::ptr::copy(from as *const u8, to as *mut u8, length as usize) };
    }

    fn put(&mut self, at: Address, number: u32) {
        // SAFETY: in the memory for messages, which is the executive's own, at a multiple of 8.
        unsafe { (at as *mut u32).write(number) };
    }

    fn get(&self, at: Address) -> u32 {
        // SAFETY: as above; `put` has been there before.
        unsafe { (at as *const u32).read() }
    }

    fn handled_by_process(&self, error: &ErrorRecord) -> bool {
        health::handled_by_process(error)
    }

    fn partition_error(&mut self, error: &ErrorRecord) {
        health::partition_error(error);
    }

    fn note_error(&mut self, error: &ErrorRecord) {
        health::note_error(error);
    }

    fn leave(&mut self, mode: Mode) {
        health::leave(mode);
    }

    fn period(&self) -> (Time, Time) {
        self.period
    }

    fn sampling_port(&self, name: &Name) -> Option<SamplingConfig> {
        self.ports.sampling(name)
    }

    fn sampling_write(&mut self, handle: u16, from: Address, length: u32) {
        // SAFETY: the services have tried that memory.
        unsafe { self.ports.write(handle, from, length) }
    }

    fn sampling_read(&mut self, handle: u16, to: Option<Address>, room: u32) -> Option<Sample> {
        // SAFETY: as above.
        unsafe { self.ports.read(handle, to, room) }
    }

    fn queuing_port(&self, name: &Name) -> Option<QueuingConfig> {
        self.ports.queuing(name)
    }

    fn queuing_send(&mut self, handle: u16, from: Address, length: u32) -> bool {
        // SAFETY: as above.
        unsafe { self.ports.send(handle, from, length) }
    }

    fn queuing_receive(&mut self, handle: u16, to: Address, room: u32) -> Option<u32> {
        // SAFETY: as above.
        unsafe { self.ports.receive(handle, to, room) }
    }

    fn queuing_overflowed(&mut self, handle: u16) -> bool {
        self.ports.overflowed(handle)
    }

    fn queuing_count(&self, handle: u16) -> u32 {
        self.ports.waiting(handle)
    }

    fn queuing_clear(&mut self, handle: u16) {
        self.ports.clear(handle);
    }
}
