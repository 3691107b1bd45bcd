//! Module schedules: what a guest is told about them.
//!
//! A module has one or more schedules of the same major frame, numbered from 0; it starts with number 0. A guest that may
//! do so asks for another one in its vCPU page ([`crate::vcpu::VcpuPage::schedule`]), and the module changes over at the
//! beginning of a major frame.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::Name;

/// Most schedules of a module.
pub const MAX_SCHEDULES: usize = 16;

/// A schedule as a partition sees it; the index into the table is its number.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Schedule {
    /// Its name.
    pub name: Name,
    /// The partition's period in it, in nanoseconds.
    pub period_ns: u64,
    /// The time that the partition has in each period, in nanoseconds; 0 if it does not run in this schedule.
    pub duration_ns: u64,
    /// Address of `window_count` [`crate::boot::Window`]s, in order of their start.
    pub windows: u64,
    /// Number of windows at `windows`.
    pub window_count: u32,
    /// Always 0.
    pub reserved: u32,
}

/// The state of the schedules, at [`crate::map::HOST`] plus [`crate::map::host::SCHEDULE`]. It is brought up to date before
/// each window of the partition.
#[derive(Debug)]
#[repr(C)]
pub struct Status {
    /// Odd while the supervisor changes the page; raised by two with every change.
    pub sequence: AtomicU32,
    /// Number of the schedule in force.
    pub current: AtomicU32,
    /// Number of the schedule that will be in force after the next change; the current one if none is on its way.
    pub next: AtomicU32,
    /// Changes so far, modulo 2^32.
    pub switches: AtomicU32,
    /// Module time of the last change in nanoseconds: the beginning of the major frame; 0 before the first.
    pub last_switch_ns: AtomicU64,
}

/// A consistent copy of a [`Status`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// See [`Status::current`].
    pub current: u32,
    /// See [`Status::next`].
    pub next: u32,
    /// See [`Status::switches`].
    pub switches: u32,
    /// See [`Status::last_switch_ns`].
    pub last_switch_ns: u64,
}

impl Status {
    /// A consistent copy.
    pub fn read(&self) -> Snapshot {
        loop {
            // SYNC POINT schedule-status: pairs with the stores of the sequence in `publish`.
            let before = self.sequence.load(Ordering::Acquire);
            let copy = Snapshot {
                current: self.current.load(Ordering::Relaxed),
                next: self.next.load(Ordering::Relaxed),
                switches: self.switches.load(Ordering::Relaxed),
                last_switch_ns: self.last_switch_ns.load(Ordering::Relaxed),
            };
            core::sync::atomic::fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return copy;
            }
            core::hint::spin_loop();
        }
    }

    /// Changes all of it as one. Only one thread may do this at a time.
    pub fn publish(&self, new: Snapshot) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // SYNC POINT schedule-status: the odd sequence is visible before any of the new values.
        core::sync::atomic::fence(Ordering::Release);
        self.current.store(new.current, Ordering::Relaxed);
        self.next.store(new.next, Ordering::Relaxed);
        self.switches.store(new.switches, Ordering::Relaxed);
        self.last_switch_ns.store(new.last_switch_ns, Ordering::Relaxed);
        // SYNC POINT schedule-status: all new values are visible before the even sequence.
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn schedule_offsets() {
        assert_eq!(offset_of!(Schedule, name), 0);
        assert_eq!(offset_of!(Schedule, period_ns), 32);
        assert_eq!(offset_of!(Schedule, duration_ns), 40);
        assert_eq!(offset_of!(Schedule, windows), 48);
        assert_eq!(offset_of!(Schedule, window_count), 56);
        assert_eq!(offset_of!(Schedule, reserved), 60);
        assert_eq!(size_of::<Schedule>(), 64);
        assert_eq!(offset_of!(Status, sequence), 0);
        assert_eq!(offset_of!(Status, current), 4);
        assert_eq!(offset_of!(Status, next), 8);
        assert_eq!(offset_of!(Status, switches), 12);
        assert_eq!(offset_of!(Status, last_switch_ns), 16);
        assert_eq!(size_of::<Status>(), 24);
    }

    #[test]
    fn what_is_published_is_read() {
        let status = Status {
            sequence: AtomicU32::new(0),
            current: AtomicU32::new(0),
            next: AtomicU32::new(0),
            switches: AtomicU32::new(0),
            last_switch_ns: AtomicU64::new(0),
        };
        assert_eq!(status.read(), Snapshot::default());
        let new = Snapshot { current: 1, next: 2, switches: 3, last_switch_ns: 4 };
        status.publish(new);
        assert_eq!(status.read(), new);
        assert_eq!(status.sequence.load(Ordering::Relaxed), 2);
    }
}
