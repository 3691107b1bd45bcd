//! Part 2: module schedules and memory blocks.

use crate::core::{Address, Code, Id, Name, Reply, Time};

/// What GET_MODULE_SCHEDULE_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// When the schedule was last changed; 0 if it never was.
    pub last_switch: Time,
    /// The schedule in force.
    pub current: Id,
    /// The schedule from the next major frame on.
    pub next: Id,
}

/// A memory block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBlock {
    /// First address.
    pub address: Address,
    /// Size in bytes.
    pub size: usize,
    /// Whether the partition may write there.
    pub writable: bool,
}

/// SET_MODULE_SCHEDULE.
///
/// # Errors
/// As the header says.
pub fn set_module_schedule(schedule: Id) -> Reply {
    if schedule == 1 { Err(Code::InvalidConfig) } else { Err(Code::InvalidParam) }
}

/// GET_MODULE_SCHEDULE_STATUS.
pub fn module_schedule_status() -> ScheduleStatus {
    ScheduleStatus { last_switch: 0, current: 1, next: 1 }
}

/// GET_MODULE_SCHEDULE_ID.
///
/// # Errors
/// As the header says.
pub fn module_schedule_id(_name: &Name) -> Reply<Id> {
    Err(Code::InvalidConfig)
}

/// GET_MEMORY_BLOCK_STATUS.
///
/// # Errors
/// As the header says.
pub fn memory_block_status(_name: &Name) -> Reply<MemoryBlock> {
    Err(Code::InvalidConfig)
}
