//! What a guest does between the supervisor's looks: a ring of small records that overwrites its oldest.
//!
//! The shim writes it where [`Switch::on`] says so. It never waits for anybody: the supervisor finds out by the positions how
//! many records it came too late for. Everything here is in the guest's pages but the switch, hence an allegation.

use core::sync::atomic::AtomicU32;

use crate::map::guest::TRACE_RECORDS;
use crate::overwrite::{self, Slot};
use crate::port::sync::AtomicU64;

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
    /// The guest's executive has given the processor to another process; the number is the process', 0 for none, the sequence the first
    /// eight bytes of its name, padded with zeros.
    Process = 6,
    /// The guest raised one of its own lines, which was not raised; the number is the line's.
    Raised = 7,
}

impl Kind {
    /// The kind with this number, if there is one.
    pub fn new(number: u32) -> Option<Kind> {
        let all = [
            Kind::InterruptEntered,
            Kind::InterruptFinished,
            Kind::Tick,
            Kind::Sent,
            Kind::Received,
            Kind::Process,
            Kind::Raised,
        ];
        all.into_iter().find(|&kind| kind as u32 == number)
    }
}

/// A record of the ring: module time in nanoseconds, the sequence, and the kind with the number in its upper half.
pub type Record = Slot<3>;

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
    let Entry { time_ns, kind, number, sequence } = entry;
    overwrite::put(&producer.head, ring, [time_ns, sequence, u64::from(kind) | u64::from(number) << 32]);
}

/// The record at `position`, unless it has been overwritten.
pub fn take(ring: &[Record; TRACE_RECORDS as usize], position: u64) -> Option<Entry> {
    let [time_ns, sequence, what] = overwrite::take(ring, position)?;
    Some(Entry { time_ns, kind: what as u32, number: (what >> 32) as u32, sequence })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};
    use core::sync::atomic::Ordering;

    #[test]
    fn trace_offsets() {
        assert_eq!(size_of::<Record>(), 32);
        assert_eq!((offset_of!(Producer, head), size_of::<Producer>()), (0, 8));
        assert_eq!((offset_of!(Switch, on), size_of::<Switch>()), (0, 4));
    }

    #[test]
    fn kinds_have_their_numbers() {
        for number in 1..=7 {
            assert_eq!(Kind::new(number).map(|kind| kind as u32), Some(number));
        }
        assert_eq!((Kind::new(0), Kind::new(8)), (None, None));
    }

    #[test]
    fn the_oldest_is_overwritten_and_missed() {
        let producer = Producer { head: AtomicU64::new(0) };
        let ring: [Record; TRACE_RECORDS as usize] = core::array::from_fn(|_| Record::default());
        let entry = |number| Entry { time_ns: u64::from(number), kind: 1, number, sequence: 7 };
        for number in 0..TRACE_RECORDS as u32 + 1 {
            put(&producer, &ring, entry(number));
        }
        assert_eq!(producer.head.load(Ordering::Relaxed), TRACE_RECORDS + 1);
        assert_eq!((take(&ring, 0), take(&ring, 1)), (None, Some(entry(1))));
        assert_eq!(take(&ring, TRACE_RECORDS), Some(entry(TRACE_RECORDS as u32)));
        assert_eq!(take(&ring, TRACE_RECORDS + 1), None);
    }
}
