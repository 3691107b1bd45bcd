//! A ring that overwrites its oldest: one writer that never waits or looks at anybody, one reader that finds out what it has missed.
//!
//! A slot holds some words and a *mark*, which is the position of what it holds, plus 1, once that is whole, and 0 while it is being
//! written. Positions count from 0 and never come back, so a reader that sees the mark it expects before and behind its reading has read
//! what belongs to it. Every position is either read whole or known to be missed: the count of what was lost is exact.
//!
//! Guests write their traces so ([`crate::trace`]), and the supervisor's dispatchers their recordings.

use crate::port::sync::{AtomicU64, Ordering, fence};

/// Words with a mark.
#[derive(Debug)]
#[repr(C)]
pub struct Slot<const WORDS: usize> {
    mark: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Default for Slot<WORDS> {
    fn default() -> Slot<WORDS> {
        Slot { mark: AtomicU64::new(0), words: core::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl<const WORDS: usize> Slot<WORDS> {
    /// A slot with this mark and these words, whatever they mean: for tests, and for memory that is to be touched.
    pub fn fill(&self, mark: u64, words: [u64; WORDS]) {
        self.words.iter().zip(words).for_each(|(cell, word)| cell.store(word, Ordering::Relaxed));
        self.mark.store(mark, Ordering::Relaxed);
    }
}

/// Writes `words` over the oldest. `head` counts what has been written, `slots` are as many as a power of two. Nobody else may write at
/// the same time.
#[inline]
pub fn put<const WORDS: usize>(head: &AtomicU64, slots: &[Slot<WORDS>], words: [u64; WORDS]) {
    let position = head.load(Ordering::Relaxed);
    let slot = &slots[(position & (slots.len() as u64 - 1)) as usize];
    slot.mark.store(0, Ordering::Relaxed);
    // SYNC POINT overwrite-begin: a reader that sees any of the new words sees the mark changed.
    fence(Ordering::Release);
    slot.words.iter().zip(words).for_each(|(cell, word)| cell.store(word, Ordering::Relaxed));
    let next = position.wrapping_add(1);
    // SYNC POINT overwrite-whole: pairs with the reader's acquire of the mark.
    slot.mark.store(next, Ordering::Release);
    // SYNC POINT overwrite-head: pairs with the reader's acquire of the head.
    head.store(next, Ordering::Release);
}

/// The words at `position`, unless they have been overwritten.
pub fn take<const WORDS: usize>(slots: &[Slot<WORDS>], position: u64) -> Option<[u64; WORDS]> {
    let slot = &slots[(position & (slots.len() as u64 - 1)) as usize];
    let mark = position.wrapping_add(1);
    // SYNC POINT overwrite-whole: pairs with the writer's release of the mark.
    if slot.mark.load(Ordering::Acquire) != mark {
        return None;
    }
    let words = core::array::from_fn(|index| slot.words[index].load(Ordering::Relaxed));
    // SYNC POINT overwrite-begin: pairs with the writer's fence behind the cleared mark.
    fence(Ordering::Acquire);
    (slot.mark.load(Ordering::Relaxed) == mark).then_some(words)
}

/// Every order in which two processors' loads and stores can take effect; see `scripts/model`.
#[cfg(all(test, loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// A writer that laps the only two slots while somebody reads; the words of position n are n + 1, twice.
    fn lapped(read: impl Fn(&AtomicU64, &[Slot<2>]) + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let ring = Arc::new((AtomicU64::new(0), [Slot::default(), Slot::default()]));
            put(&ring.0, &ring.1, [1, 1]);
            let theirs = Arc::clone(&ring);
            let writer = thread::spawn(move || (2..=4).for_each(|word| put(&theirs.0, &theirs.1, [word, word])));
            read(&ring.0, &ring.1);
            writer.join().unwrap();
        });
    }

    #[test]
    fn what_is_taken_is_whole_and_in_its_place() {
        lapped(|head, slots| {
            let written = head.load(Ordering::Acquire);
            for position in 0..written {
                assert!(take(slots, position).is_none_or(|words| words == [position + 1; 2]));
            }
        });
    }

    #[test]
    #[should_panic(expected = "words that are not whole")]
    fn a_reader_that_does_not_look_at_the_mark_again_is_found_out() {
        lapped(|_, slots| {
            if slots[0].mark.load(Ordering::Acquire) == 1 {
                let words: [u64; 2] = core::array::from_fn(|index| slots[0].words[index].load(Ordering::Relaxed));
                assert!(words == [1, 1], "words that are not whole");
            }
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn slot_offsets() {
        assert_eq!((offset_of!(Slot<3>, mark), offset_of!(Slot<3>, words), size_of::<Slot<3>>()), (0, 8, 32));
    }

    #[test]
    fn the_oldest_is_overwritten_and_missed() {
        let (head, slots) = (AtomicU64::new(0), core::array::from_fn::<Slot<1>, 4, _>(|_| Slot::default()));
        (0..5).for_each(|word| put(&head, &slots, [word]));
        assert_eq!(head.load(Ordering::Relaxed), 5);
        assert_eq!(
            core::array::from_fn::<_, 6, _>(|at| take(&slots, at as u64)),
            [None, Some([1]), Some([2]), Some([3]), Some([4]), None]
        );
    }

    #[test]
    fn positions_may_wrap_at_the_end_of_their_range() {
        let (head, slots) = (AtomicU64::new(u64::MAX - 1), [Slot::default(), Slot::default()]);
        (0..3).for_each(|word| put(&head, &slots, [word]));
        // The very last position's mark is 0, that of nothing: it is missed, and nothing is garbled.
        assert_eq!((take(&slots, u64::MAX), take(&slots, 0)), (Some([1]), Some([2])));
        assert_eq!(take(&slots, u64::MAX - 1), None);
    }

    #[test]
    fn one_that_is_being_written_is_not_taken() {
        let slots = [Slot::default(), Slot::default()];
        slots[0].fill(1, [7]);
        assert_eq!(take(&slots, 0), Some([7]));
        slots[0].fill(0, [7]);
        assert_eq!(take(&slots, 0), None);
    }
}
