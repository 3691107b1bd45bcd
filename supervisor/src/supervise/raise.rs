//! Virtual interrupts that the main thread raises, and messages that come from outside: done here, and noted where there is a recording.
//!
//! The digest of a virtual run covers nothing of this, since only recordings have it.

use super::Supervisor;
use crate::port::watch::{Arrival, News};
use crate::record::event::Kind;

impl Supervisor<'_> {
    /// Raises a line of a guest's that runs by the host's clock.
    pub(super) fn raise_line(&mut self, index: usize, line: u32) {
        if self.residents[index].ring(line) {
            self.keep_raised(index, line);
        }
    }

    /// Notes that a line has been raised.
    pub(super) fn keep_raised(&mut self, index: usize, line: u32) {
        self.keep(index, Kind::InterruptRaised { line: line as u16 });
    }

    /// Notes that messages have come for a partition, if it lives to receive them.
    pub(super) fn keep_arrival(&mut self, index: usize, arrival: Arrival) {
        if self.residents[index].process.is_some() {
            self.keep(index, arrival.into());
        }
    }

    /// Notes which messages have come from outside since the last call.
    pub(super) fn keep_arrivals_from_outside(&mut self) {
        if self.options.record.is_none() {
            return;
        }
        let mut found = Vec::new();
        self.outside.look(|News { peer, arrival }| found.extend(arrival.map(|arrival| (peer, arrival))));
        for (peer, arrival) in found {
            self.keep_arrival(peer.index(), arrival);
        }
    }

    fn keep(&mut self, index: usize, kind: Kind) {
        if self.options.record.is_some() {
            self.journal.keep(self.event(index, kind));
        }
    }
}
