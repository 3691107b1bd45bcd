//! How a dispatcher notices that a partition has sent or received something.
//!
//! At the end of a partition's window it looks at the positions that the partition may have moved: one load a port, held
//! against the value of the last look. What moved is news to the peers. The positions are the guest's to write; all that a
//! hostile one can bring about is one look and one raised line a window and port, and a number of messages that is its own word.
//!
//! The main thread does the same for channels that are fed from outside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Channels;
use crate::config::{End, PartitionId};
use crate::record::event::Kind;

/// Positions that differ by more than this since the last look make no sense.
const CREDIBLE: u64 = 1 << 32;

/// Something new at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// Whom it concerns.
    pub peer: PartitionId,
    /// The messages that have come for it; none if there is new room in a queue.
    pub arrival: Option<Arrival>,
}

/// Messages that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The channel's number.
    pub channel: u16,
    /// Number of the last message, by its sender's word.
    pub sequence: u64,
    /// How many: of a queue all that are new, by the sender's word, of a sampling channel one. 0 for a number that makes no sense.
    pub count: u32,
}

impl From<Arrival> for Kind {
    fn from(Arrival { channel, sequence, count }: Arrival) -> Kind {
        Kind::Arrived { channel, sequence, count }
    }
}

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
    is_queue: bool,
    last: u64,
    peers: Box<[PartitionId]>,
}

impl Watch {
    /// Watches what `partition` does to its channels.
    pub fn new(channels: &Arc<Channels>, partition: PartitionId) -> Watch {
        let mut entries = Vec::new();
        for (number, (channel, _)) in channels.iter().enumerate() {
            let is_me = |end: &End| end.partition() == Some(partition);
            let is_queue = channel.queue_shape().is_some();
            let mut entry = |is_source, peers: Vec<PartitionId>| {
                if !peers.is_empty() {
                    entries.push(Entry { channel: number, is_source, is_queue, last: 0, peers: peers.into() });
                }
            };
            if is_me(&channel.source) {
                entry(true, channel.destinations.iter().filter_map(End::partition).collect());
            }
            if is_queue && channel.destinations.iter().any(is_me) {
                entry(false, channel.source.partition().into_iter().collect());
            }
        }
        Watch { channels: Arc::clone(channels), entries: entries.into() }
    }

    /// Watches what comes from outside.
    pub fn of_outside(channels: &Arc<Channels>) -> Watch {
        let mut entries = Vec::new();
        for (number, (channel, _)) in channels.iter().enumerate() {
            let peers: Box<[_]> = channel.destinations.iter().filter_map(End::partition).collect();
            if channel.source.partition().is_none() && !peers.is_empty() {
                let is_queue = channel.queue_shape().is_some();
                entries.push(Entry { channel: number, is_source: true, is_queue, last: 0, peers });
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

    /// Calls `tell` with everything that is new since the last call.
    pub fn look(&mut self, mut tell: impl FnMut(News)) {
        for entry in &mut self.entries {
            let Some(now) = entry.position(&self.channels) else { continue };
            if now != entry.last {
                let arrival = entry.is_source.then(|| entry.arrival(now));
                entry.last = now;
                entry.peers.iter().for_each(|&peer| tell(News { peer, arrival }));
            }
        }
    }
}

impl Entry {
    /// What has come, if the position is `now`.
    fn arrival(&self, now: u64) -> Arrival {
        let credible = Some(now.wrapping_sub(self.last)).filter(|&more| more < CREDIBLE).map_or(0, |more| more as u32);
        let count = if self.is_queue { credible } else { 1 };
        Arrival { channel: self.channel as u16, sequence: now, count }
    }

    /// Where the partition is now.
    fn position(&self, channels: &Channels) -> Option<u64> {
        let (_, memory) = channels.get(self.channel)?;
        let position = match memory.destination_page() {
            Some(page) if !self.is_source => &page.tail,
            _ => &memory.source_page().head,
        };
        // Relaxed: the partition has stopped on this very core, and nothing else is read. What comes from outside comes from threads of
        // this process that have told this one so.
        Some(position.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Channel, ChannelKind, Module};

    fn port(partition: u16) -> End {
        End::Port { partition: PartitionId(partition), name: "p".to_owned() }
    }

    /// A queue from 0 to 1, samples from 0 to 1 and 2, and a queue from outside to 1.
    fn channels() -> Arc<Channels> {
        let channel =
            |kind, source, destinations| Channel { name: "c".to_owned(), kind, message_bytes: 4, source, destinations };
        let (queue, samples) = (ChannelKind::Queuing { depth: 4 }, ChannelKind::Sampling { refresh_ns: 1 });
        let mut module = Module::single(std::path::Path::new("/a.elf"), vec![], 0);
        module.channels = vec![
            channel(queue, port(0), vec![port(1)]),
            channel(samples, port(0), vec![port(1), port(2)]),
            channel(queue, End::Outside("x".to_owned()), vec![port(1)]),
        ];
        Arc::new(Channels::new(&module).unwrap())
    }

    /// Whom it concerns, and channel, number and count of what has come.
    type Seen = (u16, Option<(u16, u64, u32)>);

    fn seen(watch: &mut Watch) -> Vec<Seen> {
        let mut seen = Vec::new();
        watch.look(|News { peer, arrival }| {
            seen.push((peer.0, arrival.map(|arrival| (arrival.channel, arrival.sequence, arrival.count))));
        });
        seen
    }

    #[test]
    fn what_was_sent_arrives_once_and_with_its_number() {
        let channels = channels();
        let (mut sender, mut receiver) = (Watch::new(&channels, PartitionId(0)), Watch::new(&channels, PartitionId(1)));
        let move_to =
            |number: usize, at| channels.get(number).unwrap().1.source_page().head.store(at, Ordering::Relaxed);
        assert_eq!(seen(&mut sender), []);
        move_to(0, 3);
        move_to(1, 9);
        assert_eq!(seen(&mut sender), [(1, Some((0, 3, 3))), (1, Some((1, 9, 1))), (2, Some((1, 9, 1)))]);
        assert_eq!((seen(&mut sender), seen(&mut receiver)), (vec![], vec![]));
        // Room is news to the sender, but nothing has come.
        channels.get(0).unwrap().1.destination_page().unwrap().tail.store(3, Ordering::Relaxed);
        assert_eq!(seen(&mut receiver), [(0, None)]);
        // A position that goes back, or that is beyond all that can be, is no number of messages.
        for at in [2, u64::MAX, u64::MAX / 2] {
            move_to(0, at);
            assert_eq!(seen(&mut sender), [(1, Some((0, at, 0)))]);
        }
    }

    #[test]
    fn what_comes_from_outside_is_nobodys_but_the_main_threads() {
        let channels = channels();
        let (mut outside, mut sender) = (Watch::of_outside(&channels), Watch::new(&channels, PartitionId(0)));
        channels.get(2).unwrap().1.source_page().head.store(2, Ordering::Relaxed);
        assert_eq!((seen(&mut sender), seen(&mut outside)), (vec![], vec![(1, Some((2, 2, 2)))]));
    }
}
