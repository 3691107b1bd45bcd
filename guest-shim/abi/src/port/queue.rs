//! The ring of a queuing channel: one sender, one receiver.
//!
//! Positions count messages and never wrap in practice; a position modulo the number of slots (a power of two) is a slot. The
//! number of slots and the depth are each side's own constants. Each side publishes its position on its own page and keeps
//! there, on another cache line, the peer's position as it last saw it; so as long as there is room (or something waits) it
//! touches no cache line that the peer writes, but for the slots themselves.
//!
//! A peer's position that makes no sense reads as a full ring to the sender and as an empty one to the receiver, for as long
//! as it stays so: the channel is out of order, and nobody is harmed.

use super::copy;
use super::sync::{AtomicU64, Ordering};
use super::{DestinationPage, MAX_DEPTH, MAX_MESSAGE, MAX_SLOT_BYTES, SourcePage, header, unpack};

/// The constants of a ring, which each side keeps to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    message_bytes: u32,
    depth: u32,
    mask: u64,
    stride: usize,
}

impl Shape {
    /// A ring for `depth` messages of at most `message_bytes`; `None` if one of them is 0 or too large, or both together are.
    pub const fn new(message_bytes: u32, depth: u32) -> Option<Shape> {
        if message_bytes == 0 || message_bytes > MAX_MESSAGE || depth == 0 || depth > MAX_DEPTH {
            return None;
        }
        let slots = depth.next_power_of_two() as u64;
        let stride = 1 + copy::words(message_bytes as usize);
        if slots * stride as u64 * 8 > MAX_SLOT_BYTES {
            return None;
        }
        Some(Shape { message_bytes, depth, mask: slots - 1, stride })
    }

    /// Messages that the ring holds.
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// Words that the slots take.
    pub const fn words(&self) -> usize {
        (self.mask as usize + 1) * self.stride
    }

    /// The slot of a position: always one of those in [`Shape::words`].
    #[inline]
    fn slot<'a>(&self, slots: &'a [AtomicU64], position: u64) -> Option<(&'a AtomicU64, &'a [AtomicU64])> {
        let start = (position & self.mask) as usize * self.stride;
        slots.get(start..start + self.stride)?.split_first()
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// There is no room: the ring is full, or the receiver's position makes no sense.
    Full,
    /// It is longer than the channel's messages may be.
    TooLong,
}

/// The sending end.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    shape: Shape,
    source: &'a SourcePage,
    destination: &'a DestinationPage,
    slots: &'a [AtomicU64],
}

impl<'a> Sender<'a> {
    /// A sending end over these pages; `None` if there are fewer slots than `shape` says. There must be only one at a time,
    /// or messages overwrite each other.
    pub fn new(
        shape: Shape,
        source: &'a SourcePage,
        destination: &'a DestinationPage,
        slots: &'a [AtomicU64],
    ) -> Option<Sender<'a>> {
        (slots.len() >= shape.words()).then_some(Sender { shape, source, destination, slots })
    }

    /// Appends `message`, as one of the source's start `generation`. Never waits.
    ///
    /// # Errors
    /// When there is no room, or when the message is too long.
    #[inline]
    pub fn send(&self, generation: u32, message: &[u8]) -> Result<(), SendError> {
        if message.len() > self.shape.message_bytes as usize {
            return Err(SendError::TooLong);
        }
        let head = self.source.head.load(Ordering::Relaxed);
        let depth = u64::from(self.shape.depth);
        if head.wrapping_sub(self.source.own.seen_tail.load(Ordering::Relaxed)) >= depth {
            // SYNC POINT port-room: pairs with the receiver's release of the tail; slots before it may be overwritten.
            let tail = self.destination.tail.load(Ordering::Acquire);
            // A tail ahead of the head gives a huge difference.
            if head.wrapping_sub(tail) >= depth {
                return Err(SendError::Full);
            }
            self.source.own.seen_tail.store(tail, Ordering::Relaxed);
        }
        let (first, data) = self.shape.slot(self.slots, head).ok_or(SendError::Full)?;
        first.store(header(message.len() as u32, generation), Ordering::Relaxed);
        copy::store(data, message);
        // SYNC POINT port-message: pairs with the receiver's acquire of the head; the message is whole.
        self.source.head.store(head.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// Counts a message that was given up for lack of room; the receiver learns of it as an overflow.
    pub fn count_lost(&self) {
        let lost = self.source.lost.load(Ordering::Relaxed);
        self.source.lost.store(lost.wrapping_add(1), Ordering::Relaxed);
    }

    /// Messages sent so far, modulo 2^64: the number of the latest, counted from 1.
    pub fn sent(&self) -> u64 {
        self.source.head.load(Ordering::Relaxed)
    }

    /// Messages that the receiver has not taken yet; the ring's depth if its position makes no sense.
    pub fn waiting(&self) -> u32 {
        let head = self.source.head.load(Ordering::Relaxed);
        let used = head.wrapping_sub(self.destination.tail.load(Ordering::Acquire));
        used.min(u64::from(self.shape.depth)) as u32
    }

    /// Messages that can be sent now.
    pub fn room(&self) -> u32 {
        self.shape.depth - self.waiting()
    }
}

/// Messages that wait, as somebody else sees it who looks on while both sides move: never more than there is room for, whatever the positions
/// are.
pub fn waiting(shape: Shape, source: &SourcePage, destination: &DestinationPage) -> u32 {
    // The tail first: a head that has moved on meanwhile looks like a full ring at most, a tail that has would look like one wrongly.
    let tail = destination.tail.load(Ordering::Acquire);
    let used = source.head.load(Ordering::Acquire).wrapping_sub(tail);
    used.min(u64::from(shape.depth)) as u32
}

/// What came of a look for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiveError {
    /// None is waiting.
    Empty,
    /// The sender's position makes no sense; nothing can be received until it does.
    BadPosition,
    /// The next message's length made no sense; the message has been thrown away.
    BadLength,
}

/// A message that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes; at most the channel's largest message.
    pub len: usize,
    /// The start of the source that it comes from, as the source says.
    pub generation: u32,
}

/// The receiving end.
#[derive(Debug, Clone, Copy)]
pub struct Receiver<'a> {
    shape: Shape,
    source: &'a SourcePage,
    destination: &'a DestinationPage,
    slots: &'a [AtomicU64],
}

impl<'a> Receiver<'a> {
    /// A receiving end over these pages; `None` if there are fewer slots than `shape` says. There must be only one at a time,
    /// or messages are received twice.
    pub fn new(
        shape: Shape,
        source: &'a SourcePage,
        destination: &'a DestinationPage,
        slots: &'a [AtomicU64],
    ) -> Option<Receiver<'a>> {
        (slots.len() >= shape.words()).then_some(Receiver { shape, source, destination, slots })
    }

    /// Takes the next message. `buffer` gets as much of it as it holds. Never waits.
    ///
    /// # Errors
    /// When there is none, or when what the sender left makes no sense.
    #[inline]
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Received, ReceiveError> {
        let own = &self.destination.own;
        let tail = self.destination.tail.load(Ordering::Relaxed);
        if own.seen_head.load(Ordering::Relaxed) == tail {
            // SYNC POINT port-message: pairs with the sender's release of the head; the messages before it are whole.
            let head = self.source.head.load(Ordering::Acquire);
            match head.wrapping_sub(tail) {
                0 => return Err(ReceiveError::Empty),
                used if used > u64::from(self.shape.depth) => {
                    self.count_nonsense();
                    return Err(ReceiveError::BadPosition);
                }
                _ => own.seen_head.store(head, Ordering::Relaxed),
            }
        }
        let (first, data) = self.shape.slot(self.slots, tail).ok_or(ReceiveError::BadPosition)?;
        // Loaded once and then judged: what the sender does to it afterwards is of no consequence.
        let (len, generation) = unpack(first.load(Ordering::Relaxed));
        let sound = len <= self.shape.message_bytes;
        if sound {
            let len = buffer.len().min(len as usize);
            copy::load(&mut buffer[..len], data);
        }
        // SYNC POINT port-room: pairs with the sender's acquire of the tail; the slot has been read.
        self.destination.tail.store(tail.wrapping_add(1), Ordering::Release);
        if !sound {
            self.count_nonsense();
            return Err(ReceiveError::BadLength);
        }
        Ok(Received { len: len as usize, generation })
    }

    fn count_nonsense(&self) {
        let nonsense = &self.destination.own.nonsense;
        nonsense.store(nonsense.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Messages that wait; 0 if the sender's position makes no sense.
    pub fn waiting(&self) -> u32 {
        let tail = self.destination.tail.load(Ordering::Relaxed);
        let used = self.source.head.load(Ordering::Acquire).wrapping_sub(tail);
        if used > u64::from(self.shape.depth) { 0 } else { used as u32 }
    }

    /// Messages taken so far, modulo 2^64: the sender's number of the latest.
    pub fn taken(&self) -> u64 {
        self.destination.tail.load(Ordering::Relaxed)
    }

    /// Throws away all messages that wait; returns how many there were.
    pub fn clear(&self) -> u32 {
        let waiting = self.waiting();
        let tail = self.destination.tail.load(Ordering::Relaxed).wrapping_add(u64::from(waiting));
        self.destination.own.seen_head.store(tail, Ordering::Relaxed);
        self.destination.tail.store(tail, Ordering::Release);
        waiting
    }

    /// Whether messages were lost for lack of room since the last call.
    pub fn take_overflow(&self) -> bool {
        let lost = self.source.lost.load(Ordering::Relaxed);
        let seen = &self.destination.own.seen_lost;
        let news = seen.load(Ordering::Relaxed) != lost;
        if news {
            seen.store(lost, Ordering::Relaxed);
        }
        news
    }
}

/// Prepares the pages for a new process of the source, while there is none: keeps the messages that wait, or throws them
/// away where the former process left nonsense. Returns whether it did.
pub fn mend_source(shape: Shape, source: &SourcePage, destination: &DestinationPage) -> bool {
    let tail = destination.tail.load(Ordering::Acquire);
    let head = source.head.load(Ordering::Relaxed);
    let sound = head.wrapping_sub(tail) <= u64::from(shape.depth);
    // The receiver does not move while the head makes no sense to it, and only forwards otherwise; either way the tail is one
    // that it had, and a credit that is too small is put right by the next look.
    if !sound {
        source.head.store(tail, Ordering::Release);
    }
    source.own.seen_tail.store(tail, Ordering::Relaxed);
    !sound
}

/// Prepares the pages for a new process of the destination, while there is none: throws away the messages that wait.
pub fn clear_destination(source: &SourcePage, destination: &DestinationPage) {
    let head = source.head.load(Ordering::Acquire);
    destination.own.seen_head.store(head, Ordering::Relaxed);
    destination.own.seen_lost.store(source.lost.load(Ordering::Relaxed), Ordering::Relaxed);
    destination.own.nonsense.store(0, Ordering::Relaxed);
    destination.tail.store(head, Ordering::Release);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::array::from_fn;

    struct Ring<const WORDS: usize> {
        shape: Shape,
        source: SourcePage,
        destination: DestinationPage,
        slots: [AtomicU64; WORDS],
    }

    impl<const WORDS: usize> Ring<WORDS> {
        fn new(message_bytes: u32, depth: u32) -> Self {
            let shape = Shape::new(message_bytes, depth).unwrap();
            assert_eq!(shape.words(), WORDS);
            let slots = from_fn(|_| AtomicU64::new(0));
            Ring { shape, source: SourcePage::default(), destination: DestinationPage::default(), slots }
        }

        fn ends(&self) -> (Sender<'_>, Receiver<'_>) {
            let Ring { shape, source, destination, slots } = self;
            let sender = Sender::new(*shape, source, destination, slots).unwrap();
            (sender, Receiver::new(*shape, source, destination, slots).unwrap())
        }
    }

    fn set(word: &AtomicU64, value: u64) {
        word.store(value, Ordering::Relaxed);
    }

    #[test]
    fn sizes_that_make_no_ring() {
        for (message, depth) in [(0, 1), (1, 0), (MAX_MESSAGE + 1, 1), (1, MAX_DEPTH + 1), (MAX_MESSAGE, MAX_DEPTH)] {
            assert_eq!(Shape::new(message, depth), None, "{message} B, {depth}");
        }
        assert!(Shape::new(MAX_MESSAGE, 512).is_some());
        assert!(Shape::new(8, MAX_DEPTH).is_some());
        let shape = Shape::new(8, 4).unwrap();
        let (source, destination) = (SourcePage::default(), DestinationPage::default());
        assert!(Sender::new(shape, &source, &destination, &[]).is_none());
        assert!(Receiver::new(shape, &source, &destination, &[]).is_none());
    }

    #[test]
    fn messages_come_out_whole_and_in_order_and_the_depth_holds() {
        // Three messages in four slots.
        let ring = Ring::<{ 4 * 3 }>::new(11, 3);
        let (sender, receiver) = ring.ends();
        let mut buffer = [0; 11];
        let (mut sent, mut received) = (0u8, 0u8);
        for round in 0..100 {
            for _ in 0..=round % 4 {
                match sender.send(5, &[sent; 11][..usize::from(sent) % 12]) {
                    Ok(()) => sent += 1,
                    Err(error) => assert_eq!((error, sender.waiting(), sender.room()), (SendError::Full, 3, 0)),
                }
            }
            for _ in 0..=round % 3 {
                assert_eq!(receiver.waiting(), u32::from(sent - received));
                match receiver.receive(&mut buffer) {
                    Ok(Received { len, generation }) => {
                        assert_eq!((len, generation), (usize::from(received) % 12, 5));
                        assert!(buffer[..len].iter().all(|&byte| byte == received));
                        received += 1;
                    }
                    Err(error) => assert_eq!((error, sent), (ReceiveError::Empty, received)),
                }
            }
        }
        assert!(received > 100);
        assert_eq!(sender.send(5, &[0; 12]), Err(SendError::TooLong));
    }

    #[test]
    fn a_short_buffer_gets_the_beginning_and_the_true_length() {
        let ring = Ring::<4>::new(8, 2);
        let (sender, receiver) = ring.ends();
        sender.send(1, b"message").unwrap();
        let mut buffer = [0; 3];
        assert_eq!(receiver.receive(&mut buffer).unwrap().len, 7);
        assert_eq!(&buffer, b"mes");
    }

    #[test]
    fn a_hostile_sender_gets_nothing_but_its_own_messages_through() {
        let ring = Ring::<8>::new(8, 4);
        let (sender, receiver) = ring.ends();
        let mut buffer = [0; 8];
        for head in [5, u64::MAX, 1 << 32, u64::MAX / 2] {
            set(&ring.source.head, head);
            assert_eq!(receiver.receive(&mut buffer), Err(ReceiveError::BadPosition), "{head}");
            assert_eq!(receiver.waiting(), 0);
            assert_eq!(receiver.clear(), 0);
        }
        assert_eq!(ring.destination.own.nonsense.load(Ordering::Relaxed), 4);
        set(&ring.source.head, 0);
        for len in [9, 0x7fff_ffff, u32::MAX] {
            sender.send(1, b"good").unwrap();
            let slot = (ring.source.head.load(Ordering::Relaxed) as usize - 1) % 4 * 2;
            set(&ring.slots[slot], header(len, 1));
            sender.send(1, b"next").unwrap();
            assert_eq!(receiver.receive(&mut buffer), Err(ReceiveError::BadLength), "{len}");
            assert_eq!(receiver.receive(&mut buffer).unwrap().len, 4);
            assert_eq!(&buffer[..4], b"next");
        }
    }

    #[test]
    fn a_hostile_receiver_makes_a_full_ring_and_no_more() {
        let ring = Ring::<8>::new(8, 4);
        let (sender, _) = ring.ends();
        for round in 0..4u64 {
            sender.send(1, &[round as u8]).unwrap();
        }
        for tail in [5, u64::MAX, 1 << 40] {
            set(&ring.destination.tail, tail);
            assert_eq!(sender.send(1, b"x"), Err(SendError::Full), "{tail}");
            assert_eq!((sender.waiting(), sender.room()), (4, 0));
        }
        set(&ring.destination.tail, 4);
        assert_eq!(sender.send(1, b"x"), Ok(()));
    }

    #[test]
    fn a_new_source_continues_where_the_old_one_stopped() {
        let ring = Ring::<8>::new(8, 4);
        let (sender, receiver) = ring.ends();
        sender.send(1, b"old").unwrap();
        assert!(!mend_source(ring.shape, &ring.source, &ring.destination));
        sender.send(2, b"new").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(receiver.receive(&mut buffer), Ok(Received { len: 3, generation: 1 }));
        assert_eq!(receiver.receive(&mut buffer), Ok(Received { len: 3, generation: 2 }));
        set(&ring.source.head, 999);
        assert!(mend_source(ring.shape, &ring.source, &ring.destination));
        assert_eq!(receiver.receive(&mut buffer), Err(ReceiveError::Empty));
        sender.send(3, b"again").unwrap();
        assert_eq!(receiver.receive(&mut buffer), Ok(Received { len: 5, generation: 3 }));
    }

    #[test]
    fn a_new_destination_finds_nothing_of_the_past() {
        let ring = Ring::<8>::new(8, 4);
        let (sender, receiver) = ring.ends();
        for _ in 0..4 {
            sender.send(1, b"old").unwrap();
        }
        sender.count_lost();
        set(&ring.destination.tail, 77);
        clear_destination(&ring.source, &ring.destination);
        let mut buffer = [0; 8];
        assert_eq!(receiver.receive(&mut buffer), Err(ReceiveError::Empty));
        assert!(!receiver.take_overflow());
        assert_eq!(sender.room(), 4);
        sender.send(1, b"new").unwrap();
        assert_eq!(receiver.receive(&mut buffer).unwrap().len, 3);
    }

    #[test]
    fn an_overflow_is_told_once_and_clear_empties() {
        let ring = Ring::<8>::new(8, 4);
        let (sender, receiver) = ring.ends();
        assert!(!receiver.take_overflow());
        sender.count_lost();
        assert!(receiver.take_overflow());
        assert!(!receiver.take_overflow());
        sender.send(1, b"a").unwrap();
        sender.send(1, b"b").unwrap();
        assert_eq!((receiver.clear(), receiver.waiting(), sender.room()), (2, 0, 4));
        sender.send(1, b"c").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(receiver.receive(&mut buffer).unwrap().len, 1);
        assert_eq!(buffer[0], b'c');
    }
}
