//! The ready queue: a list for each priority, and a bit for each list that is not empty.
//!
//! The process that runs stays in its list, at the head. So one that is preempted keeps its place, and one that yields
//! goes to the end.

use super::list::{Index, Lane, List, NONE};
use super::process::Process;

/// Priorities 1 to 239 and, above them, the error handler's.
const LEVELS: usize = 256;

/// The error handler's priority.
pub(crate) const HANDLER_PRIORITY: i32 = 255;

#[derive(Debug)]
pub(crate) struct Ready {
    lists: [List; LEVELS],
    used: [u64; LEVELS / 64],
}

impl Ready {
    pub(crate) fn new() -> Ready {
        Ready { lists: [List::default(); LEVELS], used: [0; LEVELS / 64] }
    }

    pub(crate) fn push_back(&mut self, table: &mut [Process], index: Index) {
        let level = table[index as usize].priority as usize % LEVELS;
        self.lists[level].push_back(table, Lane::Turn, index);
        self.used[level / 64] |= 1 << (level % 64);
    }

    pub(crate) fn push_front(&mut self, table: &mut [Process], index: Index) {
        let level = table[index as usize].priority as usize % LEVELS;
        self.lists[level].push_front(table, Lane::Turn, index);
        self.used[level / 64] |= 1 << (level % 64);
    }

    pub(crate) fn remove(&mut self, table: &mut [Process], index: Index) {
        let level = table[index as usize].priority as usize % LEVELS;
        self.lists[level].remove(table, Lane::Turn, index);
        if self.lists[level].is_empty() {
            self.used[level / 64] &= !(1 << (level % 64));
        }
    }

    /// The first of the highest priority; [`NONE`] if nobody is ready.
    pub(crate) fn first(&self) -> Index {
        for word in (0..self.used.len()).rev() {
            if self.used[word] != 0 {
                return self.lists[word * 64 + 63 - self.used[word].leading_zeros() as usize].head;
            }
        }
        NONE
    }
}
