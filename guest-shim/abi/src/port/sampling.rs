//! The slots of a sampling channel: one writer, any number of readers.
//!
//! Messages are numbered from 1. Number `n` goes into slot `n` modulo [`SLOTS`], under a mark that only this message has:
//! `2n - 1` while it is written, `2n` when it is whole. Then `n` is published as the latest. A reader takes the latest number,
//! copies its slot, and has it if the slot bore the mark `2n` before and after.
//!
//! A writer that stops half-way has not published yet, so readers go on with the message before. One that is too fast (it
//! has to write [`SLOTS`] messages during one copy) or that lies makes the marks disagree; the reader tries again [`TRIES`]
//! times at most, and then has nothing to show. Nothing that a writer does makes it wait.

use super::copy;
use super::sync::{AtomicU64, Ordering, fence};
use super::{MAX_MESSAGE, SourcePage, header, unpack};

/// Number of slots, a power of two.
pub const SLOTS: u64 = 4;
/// Attempts to get hold of a whole message.
pub const TRIES: u32 = 8;
/// Words of a slot before its data: mark, time, length and generation.
const HEADER_WORDS: usize = 3;

/// The constants of the slots, which each side keeps to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    message_bytes: u32,
    stride: usize,
}

/// One slot, taken apart.
struct Slot<'a> {
    mark: &'a AtomicU64,
    time: &'a AtomicU64,
    header: &'a AtomicU64,
    data: &'a [AtomicU64],
}

impl Shape {
    /// Slots for messages of at most `message_bytes`; `None` if that is 0 or too large.
    pub const fn new(message_bytes: u32) -> Option<Shape> {
        if message_bytes == 0 || message_bytes > MAX_MESSAGE {
            return None;
        }
        Some(Shape { message_bytes, stride: HEADER_WORDS + copy::words(message_bytes as usize) })
    }

    /// Words that the slots take.
    pub const fn words(&self) -> usize {
        SLOTS as usize * self.stride
    }

    #[inline]
    fn slot<'a>(&self, slots: &'a [AtomicU64], number: u64) -> Option<Slot<'a>> {
        let start = (number & (SLOTS - 1)) as usize * self.stride;
        match slots.get(start..start + self.stride)? {
            [mark, time, header, data @ ..] => Some(Slot { mark, time, header, data }),
            _ => None,
        }
    }
}

/// The message is longer than the channel's messages may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// The writing end.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    shape: Shape,
    source: &'a SourcePage,
    slots: &'a [AtomicU64],
}

impl<'a> Writer<'a> {
    /// A writing end over these pages; `None` if there are fewer slots than `shape` says. There must be only one at a time,
    /// or readers find nothing whole.
    pub fn new(shape: Shape, source: &'a SourcePage, slots: &'a [AtomicU64]) -> Option<Writer<'a>> {
        (slots.len() >= shape.words()).then_some(Writer { shape, source, slots })
    }

    /// Replaces the message, as one of the source's start `generation`, written at `now_ns`.
    ///
    /// # Errors
    /// When the message is too long.
    #[inline]
    pub fn write(&self, generation: u32, now_ns: u64, message: &[u8]) -> Result<(), TooLong> {
        if message.len() > self.shape.message_bytes as usize {
            return Err(TooLong);
        }
        // 0 stands for no message.
        let number = self.source.head.load(Ordering::Relaxed).wrapping_add(1).max(1);
        let slot = self.shape.slot(self.slots, number).ok_or(TooLong)?;
        let whole = number.wrapping_mul(2);
        slot.mark.store(whole.wrapping_sub(1), Ordering::Relaxed);
        // SYNC POINT sample-begin: a reader that sees anything of the new message sees the mark changed.
        fence(Ordering::Release);
        slot.time.store(now_ns, Ordering::Relaxed);
        slot.header.store(header(message.len() as u32, generation), Ordering::Relaxed);
        copy::store(slot.data, message);
        // SYNC POINT sample-whole: pairs with the reader's acquire of the mark.
        slot.mark.store(whole, Ordering::Release);
        // SYNC POINT sample-latest: pairs with the reader's acquire of the head.
        self.source.head.store(number, Ordering::Release);
        Ok(())
    }

    /// The number of the latest message; 0 if there is none.
    pub fn latest(&self) -> u64 {
        self.source.head.load(Ordering::Relaxed)
    }
}

/// Why there is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// None has been written since the reader's partition started.
    Empty,
    /// The writer left nothing whole, or wrote faster than this reader could read.
    Torn,
}

/// A message that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its length in bytes; at most the channel's largest message.
    pub len: usize,
    /// When it was written, in nanoseconds of module time, as the source says.
    pub written_ns: u64,
    /// The start of the source that it comes from, as the source says.
    pub generation: u32,
    /// Its number: another one means another message.
    pub number: u64,
}

impl Sample {
    /// Whether the sample is at most `refresh_ns` old at `now_ns`. One from the future (by more than clocks of two cores may
    /// differ) is not: a source cannot make a message that outlives it.
    pub fn is_valid(&self, now_ns: u64, refresh_ns: u64) -> bool {
        const SKEW_NS: u64 = 1_000_000;
        self.written_ns <= now_ns.saturating_add(SKEW_NS) && now_ns.saturating_sub(self.written_ns) <= refresh_ns
    }
}

/// A reading end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    shape: Shape,
    source: &'a SourcePage,
    slots: &'a [AtomicU64],
    floor: u64,
}

impl<'a> Reader<'a> {
    /// A reading end over these pages, to which the message number `floor` does not exist; `None` if there are fewer slots
    /// than `shape` says.
    pub fn new(shape: Shape, source: &'a SourcePage, slots: &'a [AtomicU64], floor: u64) -> Option<Reader<'a>> {
        (slots.len() >= shape.words()).then_some(Reader { shape, source, slots, floor })
    }

    /// The number of the latest message; 0 if there is none.
    pub fn latest(&self) -> u64 {
        let number = self.source.head.load(Ordering::Acquire);
        if number == self.floor { 0 } else { number }
    }

    /// Reads the latest message. `buffer` gets as much of it as it holds. Takes [`TRIES`] attempts at most.
    ///
    /// # Errors
    /// When there is no message, or no whole one.
    #[inline]
    pub fn read(&self, buffer: &mut [u8]) -> Result<Sample, ReadError> {
        for _ in 0..TRIES {
            // SYNC POINT sample-latest: pairs with the writer's release of the head.
            let number = self.source.head.load(Ordering::Acquire);
            if number == 0 || number == self.floor {
                return Err(ReadError::Empty);
            }
            let slot = self.shape.slot(self.slots, number).ok_or(ReadError::Torn)?;
            let whole = number.wrapping_mul(2);
            // SYNC POINT sample-whole: pairs with the writer's release of the mark.
            if slot.mark.load(Ordering::Acquire) != whole {
                continue;
            }
            let written_ns = slot.time.load(Ordering::Relaxed);
            // Loaded once and then judged.
            let (len, generation) = unpack(slot.header.load(Ordering::Relaxed));
            if len > self.shape.message_bytes {
                continue;
            }
            let copied = buffer.len().min(len as usize);
            copy::load(&mut buffer[..copied], slot.data);
            // SYNC POINT sample-begin: pairs with the writer's fence behind the odd mark.
            fence(Ordering::Acquire);
            if slot.mark.load(Ordering::Relaxed) == whole {
                return Ok(Sample { len: len as usize, written_ns, generation, number });
            }
        }
        Err(ReadError::Torn)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::array::from_fn;

    const SHAPE: Shape = Shape::new(16).unwrap();

    fn pages() -> (SourcePage, [AtomicU64; 20]) {
        assert_eq!(SHAPE.words(), 20);
        (SourcePage::default(), from_fn(|_| AtomicU64::new(0)))
    }

    fn set(word: &AtomicU64, value: u64) {
        word.store(value, Ordering::Relaxed);
    }

    #[test]
    fn the_latest_message_is_read_as_often_as_one_likes() {
        let (source, slots) = pages();
        let writer = Writer::new(SHAPE, &source, &slots).unwrap();
        let reader = Reader::new(SHAPE, &source, &slots, 0).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(reader.read(&mut buffer), Err(ReadError::Empty));
        for round in 1..=20u8 {
            writer.write(3, u64::from(round) * 10, &[round; 16][..usize::from(round) % 17]).unwrap();
            for _ in 0..2 {
                let sample = reader.read(&mut buffer).unwrap();
                let (number, written_ns) = (u64::from(round), u64::from(round) * 10);
                assert_eq!(sample, Sample { len: usize::from(round) % 17, written_ns, generation: 3, number });
                assert!(buffer[..sample.len].iter().all(|&byte| byte == round));
            }
        }
        assert_eq!(writer.write(3, 0, &[0; 17]), Err(TooLong));
        assert!(Shape::new(0).is_none() && Shape::new(MAX_MESSAGE + 1).is_none());
        assert!(Writer::new(SHAPE, &source, &slots[..19]).is_none());
        assert!(Reader::new(SHAPE, &source, &slots[..19], 0).is_none());
    }

    #[test]
    fn a_message_from_before_the_readers_start_does_not_exist() {
        let (source, slots) = pages();
        let writer = Writer::new(SHAPE, &source, &slots).unwrap();
        writer.write(1, 1, b"old").unwrap();
        let reader = Reader::new(SHAPE, &source, &slots, source.head.load(Ordering::Relaxed)).unwrap();
        let mut buffer = [0; 16];
        assert_eq!((reader.read(&mut buffer), reader.latest()), (Err(ReadError::Empty), 0));
        writer.write(1, 2, b"newer").unwrap();
        assert_eq!((reader.read(&mut buffer).unwrap().len, reader.latest()), (5, 2));
    }

    #[test]
    fn a_writer_that_stops_half_way_leaves_the_message_before() {
        let (source, slots) = pages();
        let writer = Writer::new(SHAPE, &source, &slots).unwrap();
        let reader = Reader::new(SHAPE, &source, &slots, 0).unwrap();
        writer.write(1, 1, b"whole").unwrap();
        // Message 2, begun: its mark and some of its data.
        set(&slots[10], 3);
        set(&slots[13], u64::MAX);
        let mut buffer = [0; 16];
        let sample = reader.read(&mut buffer).unwrap();
        assert_eq!((&buffer[..sample.len], sample.number), (b"whole".as_slice(), 1));
        // The next process of the source writes it anew.
        writer.write(2, 2, b"again").unwrap();
        assert_eq!(reader.read(&mut buffer).unwrap().generation, 2);
    }

    #[test]
    fn a_lying_writer_gets_nothing_read_and_costs_a_bounded_number_of_tries() {
        let (source, slots) = pages();
        let writer = Writer::new(SHAPE, &source, &slots).unwrap();
        let reader = Reader::new(SHAPE, &source, &slots, 0).unwrap();
        let mut buffer = [0; 16];
        writer.write(1, 1, b"good").unwrap();
        // A mark that never becomes whole, a length out of range, a number without a message.
        set(&slots[5], 1);
        assert_eq!(reader.read(&mut buffer), Err(ReadError::Torn));
        set(&slots[5], 2);
        set(&slots[7], header(17, 1));
        assert_eq!(reader.read(&mut buffer), Err(ReadError::Torn));
        for number in [2, u64::MAX, 1 << 62] {
            set(&source.head, number);
            assert_eq!(reader.read(&mut buffer), Err(ReadError::Torn), "{number}");
        }
        // The counter's end is survived too.
        set(&source.head, u64::MAX);
        writer.write(1, 1, b"on").unwrap();
        assert_eq!(reader.read(&mut buffer).unwrap().number, 1);
    }

    #[test]
    fn a_sample_is_valid_up_to_its_age_and_not_before_its_time() {
        let sample = Sample { len: 0, written_ns: 5_000_000, generation: 1, number: 1 };
        assert!(sample.is_valid(5_000_000, 0) && sample.is_valid(5_000_100, 100) && sample.is_valid(4_999_000, 100));
        assert!(!sample.is_valid(5_000_101, 100) && !sample.is_valid(3_999_999, u64::MAX));
    }
}
