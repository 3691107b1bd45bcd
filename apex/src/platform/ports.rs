//! The partition's ports: the ends that the supervisor has mapped, opened once each.
//!
//! The rules call a port by its place in the boot information's table.

use bulkhead_shim::port::{
    self, Direction as Way, Kind, QueuingDestination, QueuingSource, SamplingDestination, SamplingSource,
};

use crate::core::{Address, Direction, Name, QueuingConfig, Sample, SamplingConfig};

/// An end of a channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum End {
    /// One that cannot be opened: the supervisor and this library do not understand each other.
    #[default]
    Closed,
    SamplingSource(SamplingSource),
    SamplingDestination(SamplingDestination),
    QueuingSource(QueuingSource),
    QueuingDestination(QueuingDestination),
}

impl End {
    fn open(port: port::Port) -> End {
        let Ok(info) = port.info() else { return End::Closed };
        let (sampling, source) = (info.kind == Kind::Sampling as u32, info.direction == Way::Source as u32);
        match (sampling, source) {
            (true, true) => port.sampling_source().map(End::SamplingSource),
            (true, false) => port.sampling_destination().map(End::SamplingDestination),
            (false, true) => port.queuing_source().map(End::QueuingSource),
            (false, false) => port.queuing_destination().map(End::QueuingDestination),
        }
        .unwrap_or(End::Closed)
    }
}

/// All ends of the partition.
#[derive(Debug)]
pub(super) struct Ports(&'static mut [End]);

/// Number of the partition's ports.
pub(super) fn count() -> usize {
    port::all().count()
}

impl Ports {
    /// Opens every port. `ends` has as many places.
    pub(super) fn new(ends: &'static mut [End]) -> Ports {
        for (end, port) in ends.iter_mut().zip(port::all()) {
            *end = End::open(port);
        }
        Ports(ends)
    }

    /// The port with this name and kind: its handle, its direction, and what the configuration says.
    fn find(&self, name: &Name, kind: Kind) -> Option<(u16, Direction, &'static bulkhead_abi::port::PortInfo)> {
        let port = port::all().find(|port| port.info().is_ok_and(|info| Name::new(&info.name) == *name))?;
        let info = port.info().ok()?;
        let direction = if info.direction == Way::Source as u32 { Direction::Source } else { Direction::Destination };
        (info.kind == kind as u32).then_some((port.index() as u16, direction, info))
    }

    pub(super) fn sampling(&self, name: &Name) -> Option<SamplingConfig> {
        let (handle, direction, info) = self.find(name, Kind::Sampling)?;
        Some(SamplingConfig { handle, direction, max_message: info.message_bytes, refresh: info.refresh_ns as i64 })
    }

    pub(super) fn queuing(&self, name: &Name) -> Option<QueuingConfig> {
        let (handle, direction, info) = self.find(name, Kind::Queuing)?;
        Some(QueuingConfig { handle, direction, max_message: info.message_bytes, depth: info.depth })
    }

    fn end(&self, handle: u16) -> &End {
        &self.0[usize::from(handle)]
    }

    /// # Safety
    /// `from` must be readable for `length` bytes.
    pub(super) unsafe fn write(&self, handle: u16, from: Address, length: u32) {
        if let End::SamplingSource(end) = self.end(handle) {
            // SAFETY: the caller's promise. The length has been checked, so it is not too long.
            let _ = end.write(unsafe { bytes(from, length) });
        }
    }

    /// # Safety
    /// `to`, if there is one, must be writable for `room` bytes.
    pub(super) unsafe fn read(&self, handle: u16, to: Option<Address>, room: u32) -> Option<Sample> {
        let End::SamplingDestination(end) = self.end(handle) else { return None };
        // SAFETY: the caller's promise.
        let buffer = to.map_or(&mut [][..], |to| unsafe { bytes_mut(to, room) });
        let sample = end.read(buffer)?;
        let (length, written) = (sample.len as u32, sample.written_ns as i64);
        Some(Sample { length, written, fresh: end.is_valid(&sample), number: sample.number })
    }

    /// # Safety
    /// `from` must be readable for `length` bytes.
    pub(super) unsafe fn send(&self, handle: u16, from: Address, length: u32) -> bool {
        let End::QueuingSource(end) = self.end(handle) else { return false };
        // SAFETY: the caller's promise.
        end.send(unsafe { bytes(from, length) }).is_ok()
    }

    /// # Safety
    /// `to` must be writable for `room` bytes.
    pub(super) unsafe fn receive(&self, handle: u16, to: Address, room: u32) -> Option<u32> {
        let End::QueuingDestination(end) = self.end(handle) else { return None };
        // SAFETY: the caller's promise.
        end.receive(unsafe { bytes_mut(to, room) }).map(|length| length as u32)
    }

    pub(super) fn overflowed(&self, handle: u16) -> bool {
        matches!(self.end(handle), End::QueuingDestination(end) if end.take_overflow())
    }

    pub(super) fn waiting(&self, handle: u16) -> u32 {
        match self.end(handle) {
            End::QueuingSource(end) => end.waiting(),
            End::QueuingDestination(end) => end.waiting(),
            _ => 0,
        }
    }

    pub(super) fn clear(&self, handle: u16) {
        if let End::QueuingDestination(end) = self.end(handle) {
            end.clear();
        }
    }
}

/// # Safety
/// `from` must be readable for `length` bytes, which is not 0.
unsafe fn bytes<'a>(from: Address, length: u32) -> &'a [u8] {
    // SAFETY: the caller's promise; while it lives, the guest's only thread is in the executive.
    unsafe { core::slice::from_raw_parts(from as *const u8, length as usize) }
}

/// # Safety
/// `to` must be writable for `room` bytes, which is not 0.
unsafe fn bytes_mut<'a>(to: Address, room: u32) -> &'a mut [u8] {
    // SAFETY: as above.
    unsafe { core::slice::from_raw_parts_mut(to as *mut u8, room as usize) }
}
