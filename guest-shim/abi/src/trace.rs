//! What a guest does between the supervisor's looks: a ring of small records that overwrites its oldest.
//!
//! The shim writes it where [`Switch::on`] says so. It never waits for anybody: the supervisor finds out by the positions how
//! many records it came too late for. Everything here is in the guest's pages but the switch, hence an allegation.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::map::guest::TRACE_RECORDS;

/// Whether to trace, at [`crate::map::HOST`] plus [`crate::map::host::TRACE`].
#[derive(Debug)]
#[repr(C)]
pub struct Switch {
    /// Not 0 if the guest is to trace.
    pub on: AtomicU32,
}

/// What a [`Record`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A virtual interrupt is about to be served; the number is its line.
    InterruptEntered = 1,
    /// It has been served; the number is its line.
    InterruptFinished = 2,
    /// The timer's tick is taken; the number is how many ticks it stands for, the sequence when the first of them was due, in
    /// nanoseconds of module time.
    Tick = 3,
    /// A message has been sent; the number is the port's, the sequence the message's in its channel.
    Sent = 4,
    /// A message has been received; number and sequence as for [`Kind::Sent`].
    Received = 5,
    /// The guest's executive has given the processor to another process; the number is the process', 0 for none.
    Process = 6,
}

impl Kind {
    /// The kind with this number, if there is one.
    pub fn new(number: u32) -> Option<Kind> {
        let all =
            [Kind::InterruptEntered, Kind::InterruptFinished, Kind::Tick, Kind::Sent, Kind::Received, Kind::Process];
        all.into_iter().find(|&kind| kind as u32 == number)
    }
}

/// A record of the ring.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    /// Its position plus 1, once it is whole; 0 while it is written.
    pub mark: AtomicU64,
    /// Module time in nanoseconds.
    pub time_ns: AtomicU64,
    /// By kind.
    pub sequence: AtomicU64,
    /// A [`Kind`].
    pub kind: AtomicU32,
    /// By kind.
    pub number: AtomicU32,
}

/// The guest's end.
#[derive(Debug)]
#[repr(C)]
pub struct Producer {
    /// Records written since the partition's start.
    pub head: AtomicU64,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Module time in nanoseconds.
    pub time_ns: u64,
    /// A [`Kind`], if it is one.
    pub kind: u32,
    /// By kind.
    pub number: u32,
    /// By kind.
    pub sequence: u64,
}

/// Writes a record over the oldest. Nobody else may write at the same time.
#[inline]
pub fn put(producer: &Producer, ring: &[Record; TRACE_RECORDS as usize], entry: Entry) {
    let position = producer.head.load(Ordering::Relaxed);
    let record = &ring[(position % TRACE_RECORDS) as usize];
    record.mark.store(0, Ordering::Relaxed);
    // SYNC POINT trace-begin: a reader that sees anything of the new record sees the mark changed.
    fence(Ordering::Release);
    record.time_ns.store(entry.time_ns, Ordering::Relaxed);
    record.sequence.store(entry.sequence, Ordering::Relaxed);
    record.kind.store(entry.kind, Ordering::Relaxed);
    record.number.store(entry.number, Ordering::Relaxed);
    let next = position.wrapping_add(1);
    // SYNC POINT trace-whole: pairs with the reader's acquire of the mark.
    record.mark.store(next, Ordering::Release);
    // SYNC POINT trace-head: pairs with the reader's acquire of the head.
    producer.head.store(next, Ordering::Release);
}

/// The record at `position`, unless it has been overwritten.
pub fn take(ring: &[Record; TRACE_RECORDS as usize], position: u64) -> Option<Entry> {
    let record = &ring[(position % TRACE_RECORDS) as usize];
    let mark = position.wrapping_add(1);
    // SYNC POINT trace-whole: pairs with the writer's release of the mark.
    if record.mark.load(Ordering::Acquire) != mark {
        return None;
    }
    let entry = Entry {
        time_ns: record.time_ns.load(Ordering::Relaxed),
        kind: record.kind.load(Ordering::Relaxed),
        number: record.number.load(Ordering::Relaxed),
        sequence: record.sequence.load(Ordering::Relaxed),
    };
    // SYNC POINT trace-begin: pairs with the writer's fence behind the cleared mark.
    fence(Ordering::Acquire);
    (record.mark.load(Ordering::Relaxed) == mark).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn trace_offsets() {
        assert_eq!(offset_of!(Record, mark), 0);
        assert_eq!(offset_of!(Record, time_ns), 8);
        assert_eq!(offset_of!(Record, sequence), 16);
        assert_eq!(offset_of!(Record, kind), 24);
        assert_eq!(offset_of!(Record, number), 28);
        assert_eq!(size_of::<Record>(), 32);
        assert_eq!((offset_of!(Producer, head), size_of::<Producer>()), (0, 8));
        assert_eq!((offset_of!(Switch, on), size_of::<Switch>()), (0, 4));
    }

    #[test]
    fn kinds_have_their_numbers() {
        for number in 1..=6 {
            assert_eq!(Kind::new(number).map(|kind| kind as u32), Some(number));
        }
        assert_eq!((Kind::new(0), Kind::new(7)), (None, None));
    }

    #[test]
    fn the_oldest_is_overwritten_and_missed() {
        let empty = || Record {
            mark: AtomicU64::new(0),
            time_ns: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            kind: AtomicU32::new(0),
            number: AtomicU32::new(0),
        };
        let producer = Producer { head: AtomicU64::new(0) };
        let ring: [Record; TRACE_RECORDS as usize] = core::array::from_fn(|_| empty());
        let entry = |number| Entry { time_ns: u64::from(number), kind: 1, number, sequence: 7 };
        for number in 0..TRACE_RECORDS as u32 + 1 {
            put(&producer, &ring, entry(number));
        }
        assert_eq!(producer.head.load(Ordering::Relaxed), TRACE_RECORDS + 1);
        assert_eq!((take(&ring, 0), take(&ring, 1)), (None, Some(entry(1))));
        assert_eq!(take(&ring, TRACE_RECORDS), Some(entry(TRACE_RECORDS as u32)));
        assert_eq!(take(&ring, TRACE_RECORDS + 1), None);
        // One that is being written.
        ring[5].mark.store(0, Ordering::Relaxed);
        assert_eq!(take(&ring, 5), None);
    }
}
