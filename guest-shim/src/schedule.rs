//! Module schedules: which there are, which one is in force, and how to ask for another.
//!
//! A schedule is called by its number, from 0. The module changes over at the beginning of a major frame; what a guest reads
//! here was true when its window began.

use core::sync::atomic::Ordering;

use bulkhead_abi::schedule::Status;
pub use bulkhead_abi::schedule::{Schedule, Snapshot};
use bulkhead_abi::{boot::Window, trim_name};

use crate::{boot, window};

/// Why a schedule cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// There is no schedule of this number.
    NoSuchSchedule,
    /// The configuration does not let this partition change schedules.
    NotPermitted,
}

/// All schedules of the module; the index is the number.
pub fn all() -> &'static [Schedule] {
    let info = boot::info();
    // SAFETY: the supervisor placed that many there, aligned, in read-only pages of the boot information.
    unsafe { core::slice::from_raw_parts(info.schedules as *const Schedule, info.schedule_count as usize) }
}

/// The number of the schedule called `name` (without NULs).
pub fn find(name: &[u8]) -> Option<u32> {
    all().iter().position(|schedule| trim_name(&schedule.name) == name).map(|index| index as u32)
}

/// The partition's windows in the schedule `number`, in order of their start; `None` if there is no such schedule.
pub fn windows(number: u32) -> Option<&'static [Window]> {
    let schedule = all().get(number as usize)?;
    // SAFETY: as for the schedules themselves.
    Some(unsafe { core::slice::from_raw_parts(schedule.windows as *const Window, schedule.window_count as usize) })
}

/// Whether the configuration lets this partition change schedules.
pub fn may_switch() -> bool {
    boot::info().may_switch_schedule != 0
}

/// The schedule in force, the one that will be in force after the next change, and when the last change was. A request of
/// this very window counts as the next.
pub fn status() -> Snapshot {
    // SAFETY: the supervisor mapped it there, read-only and aligned, for the whole life of the process; all of it is atomics.
    let mut status = unsafe { &*(boot::info().schedule_status as *const Status) }.read();
    if let Some(requested) = window::vcpu().schedule.load(Ordering::Relaxed).checked_sub(1) {
        status.next = requested;
    }
    status
}

/// Asks for the schedule `number` from the next possible major frame on; replaces what was asked for before and has not come
/// about. The supervisor learns of it at the end of the window. Any context.
///
/// # Errors
/// If there is no such schedule, or if the partition may not change schedules.
pub fn request(number: u32) -> Result<(), RequestError> {
    if number as usize >= all().len() {
        return Err(RequestError::NoSuchSchedule);
    }
    if !may_switch() {
        return Err(RequestError::NotPermitted);
    }
    window::vcpu().schedule.store(number + 1, Ordering::Relaxed);
    Ok(())
}
