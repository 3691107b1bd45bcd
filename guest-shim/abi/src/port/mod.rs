//! Ports: messages from partition to partition through shared memory, without a system call.
//!
//! A channel has one source and one or more destinations. Its memory comes in two kinds of pages, split by who writes them:
//!
//! * the *source's* pages: a [`SourcePage`] and, behind it, the slots that hold messages. The source maps them writable,
//!   the destinations read-only;
//! * for a queuing channel, the *destination's* page: a [`DestinationPage`]. The destination maps it writable, the source
//!   read-only.
//!
//! So each side can only ever lie about its own affairs, and the other side believes nothing that it has not checked: sizes
//! are constants that each side keeps to itself, a position or a length is loaded once and then judged, and whatever the
//! peer does costs a bounded number of steps. [`queue`] is the ring of a queuing channel, [`sampling`] the slots of a
//! sampling channel; [`copy`] moves bytes that a peer may be changing.
//!
//! Which ports a partition has is told by a table of [`PortInfo`] in the boot information.

pub mod copy;
#[cfg(all(test, loom))]
mod model;
pub mod queue;
pub mod sampling;

/// The atomics of the ring and the slots, so that the model checker can stand in for the processor.
pub mod sync {
    #[cfg(not(all(test, loom)))]
    pub use core::sync::atomic::{AtomicU64, Ordering, fence};
    #[cfg(all(test, loom))]
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

use crate::{Name, map};
use sync::AtomicU64;

/// Largest message in bytes.
pub const MAX_MESSAGE: u32 = 64 << 10;
/// Most messages that a queuing channel can hold.
pub const MAX_DEPTH: u32 = 1 << 16;
/// Most bytes of slots of one channel.
pub const MAX_SLOT_BYTES: u64 = 64 << 20;
/// Most channels of a module: what [`map::PORTS`] has addresses for.
pub const MAX_CHANNELS: usize = (map::PORTS.size / map::port::CHANNEL) as usize;
/// Most ports of a partition: what [`map::host::PORTS`] has room for.
pub const MAX_PORTS: usize = map::host::PORTS_SIZE as usize / size_of::<PortInfo>();

/// What a channel does with its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// The latest message replaces the one before; reading does not consume it.
    Sampling = 1,
    /// Messages queue up and are received once, in order.
    Queuing = 2,
}

/// Which end of a channel a port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Direction {
    /// Messages go out.
    Source = 1,
    /// Messages come in.
    Destination = 2,
}

/// One port of a partition, in the table that [`crate::boot::BootInfo::ports`] points to; read-only to the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct PortInfo {
    /// The port's name, unique in its partition.
    pub name: Name,
    /// A [`Kind`].
    pub kind: u32,
    /// A [`Direction`].
    pub direction: u32,
    /// Number of the channel in the module, from 0.
    pub channel: u32,
    /// Messages that a queuing channel holds; 0 for a sampling channel.
    pub depth: u32,
    /// Largest message in bytes.
    pub message_bytes: u32,
    /// Number of the channel's destinations.
    pub destinations: u32,
    /// How long a sample stays valid, in nanoseconds; 0 for a queuing channel.
    pub refresh_ns: u64,
    /// Address of the [`SourcePage`].
    pub source: u64,
    /// Address of the slots.
    pub slots: u64,
    /// Address of the [`DestinationPage`]; 0 for a sampling channel.
    pub destination: u64,
    /// For the destination of a sampling channel: the number of the last message before this start of the partition, which
    /// the port no longer holds.
    pub floor: u64,
}

/// The page that a channel's source owns; its slots follow [`map::PAGE`] bytes behind it.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct SourcePage {
    /// Queuing: messages sent since the module's start, modulo 2^64. Sampling: the number of the latest message; 0 for none.
    pub head: AtomicU64,
    /// Messages that the source had to give up because the queue was full, modulo 2^64.
    pub lost: AtomicU64,
    /// What the source alone looks at, on a cache line of its own.
    pub own: SourceOwn,
}

/// The part of a [`SourcePage`] that is of no interest to destinations.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct SourceOwn {
    /// The destination's tail when the source last had to look.
    pub seen_tail: AtomicU64,
}

/// The page that the destination of a queuing channel owns.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct DestinationPage {
    /// Messages received or cleared since the module's start, modulo 2^64.
    pub tail: AtomicU64,
    /// What the destination alone looks at, on a cache line of its own.
    pub own: DestinationOwn,
}

/// The part of a [`DestinationPage`] that is of no interest to the source.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct DestinationOwn {
    /// The source's head when the destination last had to look.
    pub seen_head: AtomicU64,
    /// [`SourcePage::lost`] when the destination last asked for an overflow.
    pub seen_lost: AtomicU64,
    /// Messages thrown away because their length made no sense, and looks at a head that made none, modulo 2^64.
    pub nonsense: AtomicU64,
}

/// A message's length in bytes and the source's start that it comes from, as one word that a single load takes.
pub(crate) fn header(len: u32, generation: u32) -> u64 {
    u64::from(len) | u64::from(generation) << 32
}

/// The length and the generation of a [`header`].
pub(crate) fn unpack(header: u64) -> (u32, u32) {
    (header as u32, (header >> 32) as u32)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::mem::{align_of, offset_of, size_of};

    #[test]
    fn port_info_offsets() {
        let offsets = [
            (offset_of!(PortInfo, name), 0),
            (offset_of!(PortInfo, kind), 32),
            (offset_of!(PortInfo, direction), 36),
            (offset_of!(PortInfo, channel), 40),
            (offset_of!(PortInfo, depth), 44),
            (offset_of!(PortInfo, message_bytes), 48),
            (offset_of!(PortInfo, destinations), 52),
            (offset_of!(PortInfo, refresh_ns), 56),
            (offset_of!(PortInfo, source), 64),
            (offset_of!(PortInfo, slots), 72),
            (offset_of!(PortInfo, destination), 80),
            (offset_of!(PortInfo, floor), 88),
        ];
        for (index, (actual, expected)) in offsets.into_iter().enumerate() {
            assert_eq!(actual, expected, "field {index}");
        }
        assert_eq!(size_of::<PortInfo>(), 96);
        const { assert!(MAX_PORTS >= 512 && MAX_CHANNELS >= 1024) };
    }

    #[test]
    fn what_one_side_writes_often_shares_no_cache_line_with_what_the_other_reads() {
        assert_eq!((offset_of!(SourcePage, head), offset_of!(SourcePage, lost)), (0, 8));
        assert_eq!((offset_of!(SourcePage, own), align_of::<SourceOwn>()), (64, 64));
        assert_eq!((offset_of!(DestinationPage, tail), offset_of!(DestinationPage, own)), (0, 64));
        assert_eq!(offset_of!(SourceOwn, seen_tail), 0);
        assert_eq!(offset_of!(DestinationOwn, seen_head), 0);
        assert_eq!(offset_of!(DestinationOwn, seen_lost), 8);
        assert_eq!(offset_of!(DestinationOwn, nonsense), 16);
        assert_eq!((size_of::<SourcePage>(), size_of::<DestinationPage>()), (128, 128));
    }

    #[test]
    fn a_header_is_one_word() {
        assert_eq!(unpack(header(64, 7)), (64, 7));
        assert_eq!(unpack(header(u32::MAX, u32::MAX)), (u32::MAX, u32::MAX));
    }
}
