//! Lists of processes, linked through the process table.
//!
//! A process is at most once in each of three kinds of list, so three pairs of links in its entry are all the memory that
//! queues ever take.

use super::process::Process;

/// Index into the process table.
pub(crate) type Index = u16;

/// No process.
pub(crate) const NONE: Index = Index::MAX;

/// Which pair of links a list goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The ready queue, or the queue of what the process waits for.
    Turn = 0,
    /// Processes that an instant wakes.
    Wake = 1,
    /// Processes with a deadline.
    Deadline = 2,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    prev: Index,
    next: Index,
}

impl Default for Link {
    fn default() -> Link {
        Link { prev: NONE, next: NONE }
    }
}

/// A list's two ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    pub(crate) head: Index,
    tail: Index,
}

impl Default for List {
    fn default() -> List {
        List { head: NONE, tail: NONE }
    }
}

impl List {
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// Puts `index` behind `before`; [`NONE`] for the front.
    fn insert(&mut self, table: &mut [Process], lane: Lane, before: Index, index: Index) {
        let lane = lane as usize;
        let next = if before == NONE { self.head } else { table[before as usize].links[lane].next };
        table[index as usize].links[lane] = Link { prev: before, next };
        if before == NONE {
            self.head = index;
        } else {
            table[before as usize].links[lane].next = index;
        }
        if next == NONE {
            self.tail = index;
        } else {
            table[next as usize].links[lane].prev = index;
        }
    }

    pub(crate) fn push_front(&mut self, table: &mut [Process], lane: Lane, index: Index) {
        self.insert(table, lane, NONE, index);
    }

    pub(crate) fn push_back(&mut self, table: &mut [Process], lane: Lane, index: Index) {
        self.insert(table, lane, self.tail, index);
    }

    /// Puts `index` behind all that are not to come after it. Looks from the end, where newcomers mostly belong.
    pub(crate) fn insert_ordered(
        &mut self,
        table: &mut [Process],
        lane: Lane,
        index: Index,
        after: impl Fn(&Process, &Process) -> bool,
    ) {
        let mut before = self.tail;
        while before != NONE && after(&table[before as usize], &table[index as usize]) {
            before = table[before as usize].links[lane as usize].prev;
        }
        self.insert(table, lane, before, index);
    }

    pub(crate) fn remove(&mut self, table: &mut [Process], lane: Lane, index: Index) {
        let lane = lane as usize;
        let Link { prev, next } = core::mem::take(&mut table[index as usize].links[lane]);
        if prev == NONE {
            self.head = next;
        } else {
            table[prev as usize].links[lane].next = next;
        }
        if next == NONE {
            self.tail = prev;
        } else {
            table[next as usize].links[lane].prev = prev;
        }
    }

    pub(crate) fn count(&self, table: &[Process], lane: Lane) -> i32 {
        let mut count = 0;
        let mut index = self.head;
        while index != NONE {
            count += 1;
            index = table[index as usize].links[lane as usize].next;
        }
        count
    }
}
