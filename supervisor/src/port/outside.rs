//! The end of a channel that no partition has: how the supervisor puts messages in and takes them out on behalf of somebody outside.
//!
//! The pages are those that partitions map, and what a partition left there is an allegation, which the ring and the slots judge.

use bulkhead_abi::port::{queue, sampling};

use super::ChannelMemory;
use crate::config::Channel;

/// What messages from outside carry as their source's start.
const GENERATION: u32 = 1;

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// It is empty, or longer than the channel's messages may be.
    BadLength,
    /// The queue has no room, or the receiver's position makes no sense.
    Full,
}

/// Sends `message` at `now_ns` of module time as the source of `channel` would. There must be only one source at a time.
///
/// # Errors
/// When the message's length is not possible, or when a queue has no room.
pub fn send(channel: &Channel, memory: &ChannelMemory, now_ns: u64, message: &[u8]) -> Result<(), Unsent> {
    if message.is_empty() || message.len() > channel.message_bytes as usize {
        return Err(Unsent::BadLength);
    }
    if let Some(sender) = sender(channel, memory) {
        return sender.send(GENERATION, message).map_err(|_| Unsent::Full);
    }
    let shape = channel.sampling_shape();
    let writer = shape.and_then(|shape| sampling::Writer::new(shape, memory.source_page(), memory.slots()));
    let written = writer.map(|writer| writer.write(GENERATION, now_ns, message));
    written.and_then(Result::ok).ok_or(Unsent::BadLength)
}

/// Counts a message that was given up because the queue had no room; the receiver learns of it as an overflow.
pub fn give_up(channel: &Channel, memory: &ChannelMemory) {
    if let Some(sender) = sender(channel, memory) {
        sender.count_lost();
    }
}

fn sender<'a>(channel: &Channel, memory: &'a ChannelMemory) -> Option<queue::Sender<'a>> {
    let (shape, destination) = (channel.queue_shape()?, memory.destination_page()?);
    queue::Sender::new(shape, memory.source_page(), destination, memory.slots())
}

/// What a look for a message has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Nothing.
    Nothing,
    /// The next message of a queue.
    Message {
        /// How many wait behind it.
        waiting: u32,
    },
    /// The latest message of a sampling channel.
    Sample {
        /// When it was written in nanoseconds of module time, as the source says.
        written_ns: u64,
        /// Its number; another one means another message.
        number: u64,
        /// Whether it is no older than the refresh period.
        is_valid: bool,
    },
    /// What the source left makes no sense; it has been thrown away, if it was a message.
    Nonsense,
}

/// Receives at `now_ns` of module time as a destination of `channel` would; `message` is then what came. There must be only one
/// destination of a queue at a time.
pub fn receive(channel: &Channel, memory: &ChannelMemory, now_ns: u64, message: &mut Vec<u8>) -> Received {
    message.resize(channel.message_bytes as usize, 0);
    let (received, len) = receive_into(channel, memory, now_ns, message);
    message.truncate(len);
    received
}

fn receive_into(channel: &Channel, memory: &ChannelMemory, now_ns: u64, buffer: &mut [u8]) -> (Received, usize) {
    let (source, slots) = (memory.source_page(), memory.slots());
    if let (Some(shape), Some(destination)) = (channel.queue_shape(), memory.destination_page()) {
        let Some(end) = queue::Receiver::new(shape, source, destination, slots) else { return (Received::Nothing, 0) };
        return match end.receive(buffer) {
            Ok(received) => (Received::Message { waiting: end.waiting() }, received.len),
            Err(queue::ReceiveError::Empty) => (Received::Nothing, 0),
            Err(queue::ReceiveError::BadLength | queue::ReceiveError::BadPosition) => (Received::Nonsense, 0),
        };
    }
    let refresh_ns = match channel.kind {
        crate::config::ChannelKind::Sampling { refresh_ns } => refresh_ns,
        crate::config::ChannelKind::Queuing { .. } => 0,
    };
    let reader = channel.sampling_shape().and_then(|shape| sampling::Reader::new(shape, source, slots, 0));
    match reader.map(|reader| reader.read(buffer)) {
        Some(Ok(sample)) => {
            let is_valid = sample.is_valid(now_ns, refresh_ns);
            (Received::Sample { written_ns: sample.written_ns, number: sample.number, is_valid }, sample.len)
        }
        Some(Err(sampling::ReadError::Torn)) => (Received::Nonsense, 0),
        Some(Err(sampling::ReadError::Empty)) | None => (Received::Nothing, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ChannelKind, End, PartitionId};

    fn channel(kind: ChannelKind) -> (Channel, ChannelMemory) {
        let destinations = vec![End::Port { partition: PartitionId(0), name: "in".to_owned() }];
        let (name, source) = ("c".to_owned(), End::Outside("out".to_owned()));
        let channel = Channel { name, kind, message_bytes: 4, source, destinations };
        let memory = ChannelMemory::new(&channel).unwrap();
        (channel, memory)
    }

    #[test]
    fn a_queue_hands_on_each_message_once_and_says_when_it_is_full() {
        let (channel, memory) = channel(ChannelKind::Queuing { depth: 2 });
        let mut message = Vec::new();
        assert_eq!(receive(&channel, &memory, 0, &mut message), Received::Nothing);
        for (bytes, result) in [
            (&b""[..], Err(Unsent::BadLength)),
            (b"abcde", Err(Unsent::BadLength)),
            (b"one", Ok(())),
            (b"two", Ok(())),
            (b"3", Err(Unsent::Full)),
        ] {
            assert_eq!(send(&channel, &memory, 0, bytes), result);
        }
        assert_eq!(memory.source_page().lost.load(std::sync::atomic::Ordering::Relaxed), 0);
        give_up(&channel, &memory);
        assert_eq!(memory.source_page().lost.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert_eq!(receive(&channel, &memory, 0, &mut message), Received::Message { waiting: 1 });
        assert_eq!(message, b"one");
        assert_eq!(receive(&channel, &memory, 0, &mut message), Received::Message { waiting: 0 });
        assert_eq!(message, b"two");
        assert_eq!(receive(&channel, &memory, 0, &mut message), Received::Nothing);
        assert_eq!(message, b"");
        memory.source_page().head.store(77, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(receive(&channel, &memory, 0, &mut message), Received::Nonsense);
    }

    #[test]
    fn a_sample_stays_and_grows_old() {
        let (channel, memory) = channel(ChannelKind::Sampling { refresh_ns: 100 });
        let mut message = Vec::new();
        assert_eq!(receive(&channel, &memory, 5, &mut message), Received::Nothing);
        send(&channel, &memory, 1000, b"old").unwrap();
        send(&channel, &memory, 2000, b"new").unwrap();
        for (now_ns, is_valid) in [(2000, true), (2100, true), (2101, false)] {
            let sample = Received::Sample { written_ns: 2000, number: 2, is_valid };
            assert_eq!(receive(&channel, &memory, now_ns, &mut message), sample);
            assert_eq!(message, b"new");
        }
        assert_eq!(send(&channel, &memory, 0, b"abcde"), Err(Unsent::BadLength));
    }
}
