//! Channels and ports: whose pages are whose, and who is told when something has arrived.
//!
//! The ring and the slots themselves are [`bulkhead_abi::port`]'s; guests run them, and this supervisor only where a channel
//! ends at a socket or at a program outside. What is here:
//!
//! * `memory`: a channel's memfds, with a read-only descriptor for the side that reads;
//! * [`Channels`]: all of a module's; [`Ports`]: what one partition sees of them, at which addresses, and what a restart does;
//! * [`watch`]: how a dispatcher notices that a partition has sent or received something;
//! * [`audit`]: noticing positions that make no sense, and whose fault that is;
//! * [`outside`]: the supervisor as one end of a channel;
//! * [`gateway`]: ends that are sockets.
//!
//! A restart clears what waits for the partition and keeps what it has sent: the destinations of a sampling channel are told
//! the number of the last message, which then does not exist for them, and a queue's tail moves to its head. Both happen while
//! the partition has no process, and neither disturbs the peer, which may be running.

pub mod audit;
pub mod gateway;
pub mod memory;
pub mod outside;
pub mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bulkhead_abi::port::{Direction, Kind, PortInfo, queue};
use bulkhead_abi::{map, pad_name};
use nix::errno::Errno;

use crate::config::{Channel, ChannelKind, End, Module, PartitionId};
use crate::partition::memory::Mapping;
pub use memory::ChannelMemory;

/// The channels of a module and their memory, by number.
#[derive(Debug, Default)]
pub struct Channels {
    list: Vec<(Channel, ChannelMemory)>,
}

impl Channels {
    /// Memory for all channels.
    ///
    /// # Errors
    /// The name of the channel whose memory the host refuses, and why.
    pub fn new(module: &Module) -> Result<Channels, (String, Errno)> {
        let memory = |channel: &Channel| {
            let memory = ChannelMemory::new(channel).map_err(|error| (channel.name.clone(), error))?;
            Ok((channel.clone(), memory))
        };
        Ok(Channels { list: module.channels.iter().map(memory).collect::<Result<_, _>>()? })
    }

    /// The channels, by number.
    pub fn iter(&self) -> impl Iterator<Item = (&Channel, &ChannelMemory)> {
        self.list.iter().map(|(channel, memory)| (channel, memory))
    }

    /// The channel with this number.
    pub fn get(&self, number: usize) -> Option<(&Channel, &ChannelMemory)> {
        self.list.get(number).map(|(channel, memory)| (channel, memory))
    }

    /// For every core of `module`, whether one of its partitions has a channel in common with partition `id`, so that its
    /// dispatcher may have to ring there.
    pub fn ringers(&self, module: &Module, id: PartitionId) -> Vec<bool> {
        let mut cores = vec![false; module.cores.len()];
        for (channel, _) in self.iter() {
            let ends: Vec<_> = channel.ends().filter_map(End::partition).collect();
            if ends.contains(&id) {
                for end in ends {
                    cores[module.partition(end).core] = true;
                }
            }
        }
        cores
    }
}

/// The ports of one partition.
#[derive(Debug, Clone)]
pub struct Ports {
    channels: Arc<Channels>,
    partition: PartitionId,
}

impl Ports {
    /// The ports of a partition.
    pub fn new(channels: &Arc<Channels>, partition: PartitionId) -> Ports {
        Ports { channels: Arc::clone(channels), partition }
    }

    /// Those of a partition that has none.
    pub fn none() -> Ports {
        Ports { channels: Arc::default(), partition: PartitionId(0) }
    }

    /// The channels that the partition has a part in, with their numbers, and whether it is source and destination.
    fn mine(&self) -> impl Iterator<Item = (usize, &Channel, &ChannelMemory, bool, bool)> {
        self.channels.iter().enumerate().filter_map(|(number, (channel, memory))| {
            let is_me = |end: &End| end.partition() == Some(self.partition);
            let (source, destination) = (is_me(&channel.source), channel.destinations.iter().any(is_me));
            (source || destination).then_some((number, channel, memory, source, destination))
        })
    }

    /// What the partition's process has to map: the pages of its own channels, writable where it is the side that writes.
    pub fn mappings(&self) -> Vec<Mapping<'_>> {
        let mut mappings = Vec::new();
        for (number, _, memory, is_source, is_destination) in self.mine() {
            let parts = [
                (Some(&memory.source), map::port::SOURCE, is_source),
                (memory.destination.as_ref(), map::port::DESTINATION, is_destination),
            ];
            for (pages, offset, writable) in parts {
                let Some(pages) = pages else { continue };
                let (fd, base) = (pages.descriptor(writable), channel_base(number) + offset);
                mappings.push(Mapping { fd, offset: 0, base, size: pages.size(), writable });
            }
        }
        mappings
    }

    /// Prepares the channels for a new process of the partition, while it has none: nothing waits for it any more, and what
    /// it has sent stays, unless its former process left nonsense. Returns the table of its ports.
    pub fn prepare(&self) -> Vec<PortInfo> {
        let mut table = Vec::new();
        for (number, channel, memory, is_source, is_destination) in self.mine() {
            if let (Some(shape), Some(destination)) = (channel.queue_shape(), memory.destination_page()) {
                if is_source && queue::mend_source(shape, memory.source_page(), destination) {
                    tracing::debug!(channel = channel.name, "the source's position made no sense at its restart");
                }
                if is_destination {
                    queue::clear_destination(memory.source_page(), destination);
                }
            }
            let floor = memory.source_page().head.load(Ordering::Acquire);
            for (index, end) in channel.ends().enumerate() {
                let End::Port { partition, name } = end else { continue };
                if *partition == self.partition {
                    let direction = if index == 0 { Direction::Source } else { Direction::Destination };
                    table.push(port_info(number, channel, name, direction, floor));
                }
            }
        }
        table
    }
}

/// The first address of a channel's pages in every partition that maps them.
fn channel_base(number: usize) -> u64 {
    map::PORTS.base + number as u64 * map::port::CHANNEL
}

/// The entry of a port in the boot information's table. Pure.
fn port_info(number: usize, channel: &Channel, name: &str, direction: Direction, floor: u64) -> PortInfo {
    let base = channel_base(number);
    let (kind, depth, refresh_ns) = match channel.kind {
        ChannelKind::Sampling { refresh_ns } => (Kind::Sampling, 0, refresh_ns),
        ChannelKind::Queuing { depth } => (Kind::Queuing, depth, 0),
    };
    let queuing = kind == Kind::Queuing;
    PortInfo {
        // A configured name fits; anything else would be a mistake of ours and shows as empty.
        name: pad_name(name).unwrap_or_default(),
        kind: kind as u32,
        direction: direction as u32,
        channel: number as u32,
        depth,
        message_bytes: channel.message_bytes,
        destinations: channel.destinations.len() as u32,
        refresh_ns,
        source: base + map::port::SOURCE,
        slots: base + map::port::SLOTS,
        destination: if queuing { base + map::port::DESTINATION } else { 0 },
        floor: if queuing || direction == Direction::Source { 0 } else { floor },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_abi::port::sampling;
    use bulkhead_abi::trim_name;

    fn port(partition: u16, name: &str) -> End {
        End::Port { partition: PartitionId(partition), name: name.to_owned() }
    }

    fn channels() -> Arc<Channels> {
        let channel = |name: &str, kind, source, destinations| {
            let channel = Channel { name: name.to_owned(), kind, message_bytes: 16, source, destinations };
            let memory = ChannelMemory::new(&channel).unwrap();
            (channel, memory)
        };
        let sampling = ChannelKind::Sampling { refresh_ns: 1000 };
        let queuing = ChannelKind::Queuing { depth: 3 };
        Arc::new(Channels {
            list: vec![
                channel("a", sampling, port(0, "out"), vec![port(1, "in"), port(2, "in")]),
                channel("b", queuing, port(1, "to"), vec![port(0, "from")]),
                channel("c", queuing, port(2, "self"), vec![port(2, "own")]),
            ],
        })
    }

    fn table(channels: &Arc<Channels>, partition: u16) -> Vec<PortInfo> {
        Ports::new(channels, PartitionId(partition)).prepare()
    }

    #[test]
    fn a_partition_maps_its_own_channels_only_and_writes_its_own_side_only() {
        let channels = channels();
        let base = |number: u64| map::PORTS.base + number * map::port::CHANNEL;
        let mapped = |partition| -> Vec<(u64, bool)> {
            let ports = Ports::new(&channels, PartitionId(partition));
            ports.mappings().iter().map(|mapping| (mapping.base, mapping.writable)).collect()
        };
        let destination = map::port::DESTINATION;
        assert_eq!(mapped(0), [(base(0), true), (base(1), false), (base(1) + destination, true)]);
        assert_eq!(mapped(1), [(base(0), false), (base(1), true), (base(1) + destination, false)]);
        assert_eq!(mapped(2), [(base(0), false), (base(2), true), (base(2) + destination, true)]);
        assert_eq!(mapped(3), []);
    }

    #[test]
    fn the_table_names_each_port_in_the_order_of_the_configuration() {
        let channels = channels();
        let names = |partition| -> Vec<(String, u32, u32)> {
            let entry = |info: &PortInfo| {
                (String::from_utf8_lossy(trim_name(&info.name)).into_owned(), info.kind, info.direction)
            };
            table(&channels, partition).iter().map(entry).collect()
        };
        assert_eq!(names(0), [("out".to_owned(), 1, 1), ("from".to_owned(), 2, 2)]);
        assert_eq!(names(2), [("in".to_owned(), 1, 2), ("self".to_owned(), 2, 1), ("own".to_owned(), 2, 2)]);
        let info = table(&channels, 1)[1];
        assert_eq!((info.channel, info.depth, info.message_bytes, info.refresh_ns), (1, 3, 16, 0));
    }

    #[test]
    fn a_restart_clears_what_waits_and_keeps_what_was_sent() {
        let channels = channels();
        let (channel, memory) = channels.get(1).unwrap();
        let (shape, destination) = (channel.queue_shape().unwrap(), memory.destination_page().unwrap());
        let sender = queue::Sender::new(shape, memory.source_page(), destination, memory.slots()).unwrap();
        sender.send(1, b"message").unwrap();
        // The source restarts: the message still waits.
        table(&channels, 1);
        assert_eq!(sender.waiting(), 1);
        // The destination restarts: it does not.
        table(&channels, 0);
        assert_eq!(sender.waiting(), 0);

        let (channel, memory) = channels.get(0).unwrap();
        let shape = channel.sampling_shape().unwrap();
        let writer = sampling::Writer::new(shape, memory.source_page(), memory.slots()).unwrap();
        writer.write(1, 0, b"sample").unwrap();
        assert_eq!(table(&channels, 0)[0].floor, 0);
        assert_eq!(table(&channels, 1)[0].floor, 1);
    }
}
