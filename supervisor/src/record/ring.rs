//! The ring between a dispatcher thread and the recorder thread.
//!
//! The dispatcher's side must never wait, allocate or call the kernel, so that recording costs a window a few dozen
//! nanoseconds and nothing else. When the ring is full the newest event is dropped, since taking back an older one would
//! need the consumer's consent. The number of dropped events enters the ring where they are missing, before the next
//! event that fits.
//!
//! Events lie in the ring as [`Words`], each word an atomic that is stored and loaded relaxed. What orders them are the
//! two indices, which run freely and wrap; an index modulo the capacity is a slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::event::{Event, Kind, NO_PARTITION, Words};

/// Smallest capacity: a count of lost events and the event behind it enter together.
const MIN_CAPACITY: usize = 2;

/// One encoded event, a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot([AtomicU64; 8]);

impl Slot {
    fn store(&self, words: &Words) {
        for (cell, &word) in self.0.iter().zip(words) {
            cell.store(word, Ordering::Relaxed);
        }
    }

    fn load(&self) -> Words {
        std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }
}

/// An index on cache lines of its own: two, because processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Index(AtomicUsize);

/// What both sides share.
#[derive(Debug)]
struct Shared {
    /// Events put in so far; written by the producer.
    head: Index,
    /// Events taken out so far; written by the consumer.
    tail: Index,
    /// The producer is gone; written by it as its last act.
    closed: AtomicBool,
    /// The loss that the producer could not put in any more; valid once `closed` and if `parting_loss`.
    parting: Slot,
    /// Whether `parting` holds a loss.
    parting_loss: AtomicBool,
    /// As many as a power of two.
    slots: Box<[Slot]>,
}

impl Shared {
    fn slot(&self, index: usize) -> &Slot {
        &self.slots[index & (self.slots.len() - 1)]
    }
}

/// Events that did not fit since the last one that did.
#[derive(Debug)]
struct Loss {
    /// When and where the first of them happened.
    time_ns: u64,
    core: u16,
    count: u64,
}

impl Loss {
    fn event(&self) -> Event {
        let kind = Kind::Lost { count: self.count };
        Event { time_ns: self.time_ns, core: self.core, partition: NO_PARTITION, kind }
    }
}

/// The dispatcher's side. Dropping it closes the ring.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    /// The value of `Shared::head`, which nobody else writes.
    head: usize,
    /// `Shared::tail` when last looked at.
    tail_seen: usize,
    loss: Option<Loss>,
}

/// The recorder's side.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    /// The value of `Shared::tail`, which nobody else writes.
    tail: usize,
    /// `Shared::head` when last looked at.
    head_seen: usize,
    finished: bool,
}

/// A ring for `capacity_pow2` events of 64 bytes; a number that is no power of two is rounded up to one.
///
/// All its memory has been written once on return, so that the first round through it faults no page in.
pub fn ring(capacity_pow2: usize) -> (Producer, Consumer) {
    let capacity = capacity_pow2.max(MIN_CAPACITY).next_power_of_two();
    let slots: Box<[Slot]> = (0..capacity).map(|_| Slot::default()).collect();
    // Zeroed memory may come from the kernel untouched, hence something else than zeros.
    slots.iter().for_each(|slot| slot.store(&[u64::MAX; 8]));
    let shared = Arc::new(Shared {
        head: Index::default(),
        tail: Index::default(),
        closed: AtomicBool::new(false),
        parting: Slot::default(),
        parting_loss: AtomicBool::new(false),
        slots: std::hint::black_box(slots),
    });
    let producer = Producer { shared: shared.clone(), head: 0, tail_seen: 0, loss: None };
    let consumer = Consumer { shared, tail: 0, head_seen: 0, finished: false };
    (producer, consumer)
}

impl Producer {
    /// Puts `event` in, or counts it as lost if the ring is full. Wait-free: no allocation, no lock, no system call.
    ///
    /// After a loss the next event that goes in takes two places, its own and that of a [`Kind::Lost`] before it; until
    /// there are two, events go on being lost.
    pub fn push(&mut self, event: &Event) {
        let needed = 1 + usize::from(self.loss.is_some());
        if self.room() < needed {
            // SYNC POINT ring-tail: pairs with the store in Consumer::pop. The consumer has read the slots that it
            // gives back before we overwrite them.
            self.tail_seen = self.shared.tail.0.load(Ordering::Acquire);
            if self.room() < needed {
                let first = Loss { time_ns: event.time_ns, core: event.core, count: 0 };
                let loss = self.loss.get_or_insert(first);
                loss.count = loss.count.saturating_add(1);
                return;
            }
        }
        if let Some(loss) = self.loss.take() {
            self.put(&loss.event());
        }
        self.put(event);
        // SYNC POINT ring-head: pairs with the load in Consumer::pop. What the slots hold is visible before the index
        // that covers them.
        self.shared.head.0.store(self.head, Ordering::Release);
    }

    /// Free places, as far as known.
    fn room(&self) -> usize {
        self.shared.slots.len() - self.head.wrapping_sub(self.tail_seen)
    }

    fn put(&mut self, event: &Event) {
        self.shared.slot(self.head).store(&event.encode());
        self.head = self.head.wrapping_add(1);
    }
}

impl Drop for Producer {
    /// Closes the ring and leaves the last loss, if there is one, to the consumer.
    fn drop(&mut self) {
        if let Some(loss) = &self.loss {
            self.shared.parting.store(&loss.event().encode());
            self.shared.parting_loss.store(true, Ordering::Relaxed);
        }
        // SYNC POINT ring-closed: pairs with the load in Consumer::pop. The parting loss and the final head are
        // visible before the ring is seen closed.
        self.shared.closed.store(true, Ordering::Release);
    }
}

impl Consumer {
    /// Takes the oldest event out; `None` if there is none now.
    pub fn pop(&mut self) -> Option<Event> {
        if self.tail == self.head_seen {
            // SYNC POINT ring-closed: pairs with the store in Producer::drop. Loaded before the head: once it is true,
            // the head that follows is final.
            let closed = self.shared.closed.load(Ordering::Acquire);
            // SYNC POINT ring-head: pairs with the store in Producer::push.
            self.head_seen = self.shared.head.0.load(Ordering::Acquire);
            if self.tail == self.head_seen {
                return if closed { self.finish() } else { None };
            }
        }
        let words = self.shared.slot(self.tail).load();
        self.tail = self.tail.wrapping_add(1);
        // SYNC POINT ring-tail: pairs with the load in Producer::push.
        self.shared.tail.0.store(self.tail, Ordering::Release);
        Some(Event::decode(&words))
    }

    /// Whether the producer is gone and [`Consumer::pop`] has delivered all that it left.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The last loss, once.
    fn finish(&mut self) -> Option<Event> {
        let first = !std::mem::replace(&mut self.finished, true);
        let loss = first && self.shared.parting_loss.load(Ordering::Relaxed);
        loss.then(|| Event::decode(&self.shared.parting.load()))
    }
}

#[cfg(test)]
mod tests;
