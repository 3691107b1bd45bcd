//! What the configuration allows the executive, and the partition's period.

use bulkhead_shim::{boot, clock, partition};

/// How many objects there may be of each kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) processes: usize,
    pub(super) semaphores: usize,
    pub(super) events: usize,
    pub(super) buffers: usize,
    pub(super) blackboards: usize,
    pub(super) mutexes: usize,
    pub(super) logbooks: usize,
    pub(super) ports: usize,
}

/// The partition's limits.
pub(super) fn limits() -> Limits {
    let limits = partition::limits();
    Limits {
        processes: limits.processes as usize,
        semaphores: limits.semaphores as usize,
        events: limits.events as usize,
        buffers: limits.buffers as usize,
        blackboards: limits.blackboards as usize,
        mutexes: limits.mutexes as usize,
        logbooks: limits.logbooks as usize,
        ports: super::ports::count(),
    }
}

/// The partition's period and the instant at which the first one began, in nanoseconds.
pub(crate) fn period() -> (i64, i64) {
    let start = boot::windows().first().map_or(0, |window| window.start_ns);
    (partition::period_ns().max(1) as i64, (clock::epoch_ns() + start) as i64)
}

/// The time that the partition has in a period, in nanoseconds.
pub(crate) fn duration() -> i64 {
    partition::duration_ns() as i64
}
