//! What the configuration allows the executive, and the partition's period.

use bulkhead_shim::boot;

/// How many objects there may be of each kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) processes: usize,
    pub(super) semaphores: usize,
    pub(super) events: usize,
    pub(super) buffers: usize,
    pub(super) blackboards: usize,
    pub(super) mutexes: usize,
    pub(super) ports: usize,
}

/// The partition's limits.
pub(super) fn limits() -> Limits {
    Limits {
        processes: super::stacks::COUNT - 1,
        semaphores: 32,
        events: 32,
        buffers: 32,
        blackboards: 32,
        mutexes: 32,
        ports: super::ports::count(),
    }
}

/// The partition's period and the instant at which the first one began, in nanoseconds.
pub(crate) fn period() -> (i64, i64) {
    let info = boot::info();
    let start = boot::windows().first().map_or(0, |window| window.start_ns);
    (info.major_frame_ns.max(1) as i64, (bulkhead_shim::clock::epoch_ns() + start) as i64)
}

/// The time that the partition has in a period, in nanoseconds.
pub(crate) fn duration() -> i64 {
    boot::windows().iter().map(|window| window.duration_ns).sum::<u64>() as i64
}
