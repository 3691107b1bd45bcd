//! One partition as the virtual dispatcher sees it, and for how long those of several cores may run before they take turns.

use bulkhead_abi::virtual_time::DIGEST;

/// What a partition's process waits for while it does not have the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// Nothing: it goes on when it gets the turn.
    Ready,
    /// Its next window.
    Window,
    /// An interrupt; its own timer's comes at this instant.
    Interrupt(u64),
    /// Nothing that could come: it sleeps with interrupts masked.
    Nothing,
}

/// One partition, as the virtual dispatcher sees it.
#[derive(Debug)]
pub(super) struct Lane {
    /// Windows since the start of its process.
    pub(super) windows: u32,
    /// Whether its window is open. A process that is born during its partition's window runs from the next one on.
    pub(super) is_open: bool,
    /// Whether the process has ever had the turn.
    pub(super) begun: bool,
    pub(super) waits: Waits,
    /// Bytes that it has printed, and their digest.
    pub(super) printed: (u64, u64),
    /// Position in the console's input up to which the guest has been interrupted for it.
    pub(super) rung: u32,
    /// What the digest of the run knows of its interrupts and its bytes.
    pub(super) known: [u64; 4],
}

/// A partition whose process has not run yet.
pub(super) const NEW: Lane = Lane {
    windows: 0,
    is_open: false,
    begun: false,
    waits: Waits::Ready,
    printed: (0, DIGEST),
    rung: 0,
    known: [0, DIGEST, 0, DIGEST],
};

impl Lane {
    /// From when on the partition runs if it gets the turn at `now_ns`, unless somebody else gives it something to do; `None` if it
    /// does not before `end_ns`.
    pub(super) fn runs_from(&self, now_ns: u64, end_ns: u64) -> Option<u64> {
        match self.waits {
            _ if !self.is_open => None,
            Waits::Ready => Some(now_ns),
            Waits::Interrupt(wake_ns) if wake_ns < end_ns => Some(wake_ns.max(now_ns)),
            Waits::Interrupt(_) | Waits::Window | Waits::Nothing => None,
        }
    }
}

/// How far the partitions whose windows are open may run one after the other, if each is to run from the instant in `from_ns` on:
/// until `end_ns`, but no longer than `quantum_ns` where two of them run at the same time.
pub(super) fn slice_end(from_ns: impl Iterator<Item = u64>, end_ns: u64, quantum_ns: u64) -> u64 {
    let mut earliest = [u64::MAX; 2];
    for from in from_ns {
        if from < earliest[0] {
            earliest = [from, earliest[0]];
        } else {
            earliest[1] = earliest[1].min(from);
        }
    }
    end_ns.min(earliest[1].saturating_add(quantum_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_partitions_that_run_side_by_side_take_turns() {
        let end = |from: &[u64]| slice_end(from.iter().copied(), 1000, 10);
        assert_eq!((end(&[]), end(&[5]), end(&[5, 999])), (1000, 1000, 1000));
        assert_eq!((end(&[5, 5]), end(&[100, 5]), end(&[300, 100, 200])), (15, 110, 210));
    }

    #[test]
    fn who_sleeps_beyond_the_end_does_not_run() {
        let lane = |is_open, waits| Lane { is_open, waits, ..NEW };
        let from = |is_open, waits| lane(is_open, waits).runs_from(50, 100);
        assert_eq!(from(true, Waits::Ready), Some(50));
        assert_eq!((from(true, Waits::Interrupt(99)), from(true, Waits::Interrupt(20))), (Some(99), Some(50)));
        assert_eq!((from(true, Waits::Interrupt(100)), from(true, Waits::Window)), (None, None));
        assert_eq!((from(true, Waits::Nothing), from(false, Waits::Ready)), (None, None));
    }
}
