//! Channels: what connects the ports of partitions, and sockets and programs outside with them.
//!
//! A [`Channel`] of a validated module keeps these promises: its name is unique; it has at least one end that is a port;
//! every port belongs to this channel only; a queuing channel has exactly one destination; its sizes are ones that the ring
//! or the slots accept.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use bulkhead_abi::port::{queue, sampling};

use super::PartitionId;

/// Most channels of a module.
pub const MAX_CHANNELS: usize = 1024;
/// Most destinations of a sampling channel.
pub const MAX_DESTINATIONS: usize = 64;
/// Largest message that fits into a UDP datagram, in bytes.
pub const MAX_UDP_MESSAGE: u32 = 65_507;
/// Longest refresh period in nanoseconds (one hour).
pub const MAX_REFRESH_NS: u64 = 3_600_000_000_000;

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// What it does with messages.
    pub kind: ChannelKind,
    /// Largest message in bytes.
    pub message_bytes: u32,
    /// Where messages come from.
    pub source: End,
    /// Where they go: one end for a queuing channel, one or more for a sampling channel.
    pub destinations: Vec<End>,
}

/// What a channel does with its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// The latest one replaces the one before.
    Sampling {
        /// How long a message stays valid, in nanoseconds.
        refresh_ns: u64,
    },
    /// They queue up.
    Queuing {
        /// How many at most.
        depth: u32,
    },
}

/// One end of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A port of a partition.
    Port {
        /// Whose.
        partition: PartitionId,
        /// The port's name, unique in its partition.
        name: String,
    },
    /// A UDP socket: bound to this address as a source; datagrams are sent to it as a destination.
    Udp(SocketAddr),
    /// A Unix datagram socket, likewise.
    Unix(PathBuf),
    /// A port of the program outside that keeps the module in lockstep, by a name that is unique among these.
    Outside(String),
}

impl End {
    /// The partition, if this is a port.
    pub fn partition(&self) -> Option<PartitionId> {
        match self {
            End::Port { partition, .. } => Some(*partition),
            End::Udp(_) | End::Unix(_) | End::Outside(_) => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Port { name, .. } => f.write_str(name),
            End::Udp(address) => write!(f, "udp:{address}"),
            End::Unix(path) => write!(f, "unix:{}", path.display()),
            End::Outside(name) => write!(f, "outside:{name}"),
        }
    }
}

impl Channel {
    /// All ends, the source first.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        std::iter::once(&self.source).chain(&self.destinations)
    }

    /// Whether an end is a socket.
    pub fn has_socket(&self) -> bool {
        self.ends().any(|end| matches!(end, End::Udp(_) | End::Unix(_)))
    }

    /// Whether an end is a port of the program outside.
    pub fn has_outside(&self) -> bool {
        self.ends().any(|end| matches!(end, End::Outside(_)))
    }

    /// The ring's constants; `None` for a sampling channel.
    pub fn queue_shape(&self) -> Option<queue::Shape> {
        match self.kind {
            ChannelKind::Queuing { depth } => queue::Shape::new(self.message_bytes, depth),
            ChannelKind::Sampling { .. } => None,
        }
    }

    /// The slots' constants; `None` for a queuing channel.
    pub fn sampling_shape(&self) -> Option<sampling::Shape> {
        match self.kind {
            ChannelKind::Sampling { .. } => sampling::Shape::new(self.message_bytes),
            ChannelKind::Queuing { .. } => None,
        }
    }

    /// Bytes of its slots.
    pub fn slot_bytes(&self) -> u64 {
        let queue = self.queue_shape().map(|shape| shape.words());
        let words = queue.or(self.sampling_shape().map(|shape| shape.words())).unwrap_or(0);
        words as u64 * 8
    }
}
