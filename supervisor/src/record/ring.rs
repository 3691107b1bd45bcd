//! The ring between a dispatcher thread and the recorder thread.
//!
//! The dispatcher's side must never wait, allocate or call the kernel, so that recording costs a window a few dozen
//! nanoseconds and nothing else. It does not even look at the other side: it writes over whatever is oldest
//! ([`bulkhead_abi::overwrite`], which is model-checked). When the recorder has been too slow, the *oldest* events are gone, and what led to the
//! present is there. The number of lost events stands where they are missing, before the next event that was kept; see
//! `docs/decisions/013-full-rings-drop-the-oldest.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bulkhead_abi::overwrite::{self, Slot};

use super::event::{Event, Kind, NO_PARTITION};

/// Smallest capacity.
const MIN_CAPACITY: usize = 2;

/// An index on cache lines of its own: two, because processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Index(AtomicU64);

/// What both sides share.
#[derive(Debug)]
struct Shared {
    /// Events put in so far; written by the producer.
    head: Index,
    /// The producer is gone; written by it as its last act.
    closed: AtomicBool,
    /// As many as a power of two.
    slots: Box<[Slot<8>]>,
}

/// The dispatcher's side. Dropping it closes the ring.
#[derive(Debug)]
pub struct Producer(Arc<Shared>);

/// The recorder's side.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    /// Events taken out or lost so far.
    tail: u64,
    /// `Shared::head` when last looked at.
    head_seen: u64,
    /// Events lost since the last one that was taken out.
    lost: u64,
    /// The event behind a loss that has just been told.
    held: Option<Event>,
    finished: bool,
}

/// A ring for `capacity_pow2` events; a number that is no power of two is rounded up to one.
///
/// All its memory has been written once on return, so that the first round through it faults no page in.
pub fn ring(capacity_pow2: usize) -> (Producer, Consumer) {
    let capacity = capacity_pow2.max(MIN_CAPACITY).next_power_of_two();
    let slots: Box<[Slot<8>]> = (0..capacity).map(|_| Slot::default()).collect();
    // Zeroed memory may come from the kernel untouched, hence something else than zeros. No position has this mark.
    slots.iter().for_each(|slot| slot.fill(u64::MAX, [u64::MAX; 8]));
    let shared =
        Arc::new(Shared { head: Index::default(), closed: AtomicBool::new(false), slots: std::hint::black_box(slots) });
    let consumer =
        Consumer { shared: Arc::clone(&shared), tail: 0, head_seen: 0, lost: 0, held: None, finished: false };
    (Producer(shared), consumer)
}

impl Producer {
    /// Puts `event` in, over the oldest if the ring is full. Wait-free: no allocation, no lock, no system call.
    pub fn push(&mut self, event: &Event) {
        overwrite::put(&self.0.head.0, &self.0.slots, event.encode());
    }
}

impl Drop for Producer {
    /// Closes the ring.
    fn drop(&mut self) {
        // SYNC POINT ring-closed: pairs with the load in Consumer::pop. The final head is visible before the ring is seen closed.
        self.0.closed.store(true, Ordering::Release);
    }
}

impl Consumer {
    /// Takes the oldest event out, or, where events were lost before it, their number first; `None` if there is nothing now.
    pub fn pop(&mut self) -> Option<Event> {
        if let Some(event) = self.held.take() {
            return Some(event);
        }
        loop {
            if self.tail == self.head_seen {
                // SYNC POINT ring-closed: pairs with the store in Producer::drop. Loaded before the head: once it is true,
                // the head that follows is final.
                let closed = self.shared.closed.load(Ordering::Acquire);
                self.look();
                if self.tail == self.head_seen {
                    self.finished |= closed;
                    return None;
                }
            }
            let taken = overwrite::take(&self.shared.slots, self.tail);
            self.tail = self.tail.wrapping_add(1);
            if let Some(words) = taken {
                return Some(self.tell(Event::decode(&words)));
            }
            self.lost += 1;
            // The producer has come round; where it is now, there is something to be had.
            self.look();
        }
    }

    /// Finds out how far the producer is, and leaves out what it has overwritten for sure.
    fn look(&mut self) {
        // SYNC POINT overwrite-head: pairs with the store in overwrite::put.
        self.head_seen = self.shared.head.0.load(Ordering::Acquire);
        let oldest = self.head_seen.wrapping_sub(self.tail).saturating_sub(self.shared.slots.len() as u64);
        self.lost += oldest;
        self.tail = self.tail.wrapping_add(oldest);
    }

    /// An event, or the loss that comes before it.
    fn tell(&mut self, event: Event) -> Event {
        match std::mem::take(&mut self.lost) {
            0 => event,
            count => {
                self.held = Some(event);
                Event { partition: NO_PARTITION, kind: Kind::Lost { count }, ..event }
            }
        }
    }

    /// Whether the producer is gone and [`Consumer::pop`] has delivered all that it left.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests;
