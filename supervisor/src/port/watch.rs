//! How a dispatcher notices that a partition has sent or received something.
//!
//! At the end of a partition's window it looks at the positions that the partition may have moved: one load a port, held
//! against the value of the last look. What moved is news to the peers. The positions are the guest's to write; all that a
//! hostile one can bring about is one look and one raised line a window and port.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Channels;
use crate::config::{End, PartitionId};

/// The positions of one partition.
#[derive(Debug)]
pub struct Watch {
    channels: Arc<Channels>,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    channel: usize,
    is_source: bool,
    last: u64,
    peers: Box<[PartitionId]>,
}

impl Watch {
    /// Watches what `partition` does to its channels.
    pub fn new(channels: &Arc<Channels>, partition: PartitionId) -> Watch {
        let mut entries = Vec::new();
        for (number, (channel, _)) in channels.iter().enumerate() {
            let is_me = |end: &End| end.partition() == Some(partition);
            let mut entry = |is_source, peers: Vec<PartitionId>| {
                if !peers.is_empty() {
                    entries.push(Entry { channel: number, is_source, last: 0, peers: peers.into() });
                }
            };
            if is_me(&channel.source) {
                entry(true, channel.destinations.iter().filter_map(End::partition).collect());
            }
            if channel.queue_shape().is_some() && channel.destinations.iter().any(is_me) {
                entry(false, channel.source.partition().into_iter().collect());
            }
        }
        Watch { channels: Arc::clone(channels), entries: entries.into() }
    }

    /// The partitions that this one has channels with.
    pub fn peers(&self) -> impl Iterator<Item = PartitionId> {
        self.entries.iter().flat_map(|entry| entry.peers.iter().copied())
    }

    /// Whether there is anything that [`Watch::look`] would tell.
    pub fn has_news(&self) -> bool {
        self.entries.iter().any(|entry| entry.position(&self.channels).is_some_and(|now| now != entry.last))
    }

    /// Calls `tell` for every peer that there is news for since the last call.
    pub fn look(&mut self, mut tell: impl FnMut(PartitionId)) {
        for entry in &mut self.entries {
            let Some(now) = entry.position(&self.channels) else { continue };
            if now != entry.last {
                entry.last = now;
                entry.peers.iter().copied().for_each(&mut tell);
            }
        }
    }
}

impl Entry {
    /// Where the partition is now.
    fn position(&self, channels: &Channels) -> Option<u64> {
        let (_, memory) = channels.get(self.channel)?;
        let position = match memory.destination_page() {
            Some(page) if !self.is_source => &page.tail,
            _ => &memory.source_page().head,
        };
        // Relaxed: the partition has stopped on this very core, and nothing else is read.
        Some(position.load(Ordering::Relaxed))
    }
}
