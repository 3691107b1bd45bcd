//! Part 2: logbooks, module schedules and memory blocks.

use bulkhead_shim::memory;
use bulkhead_shim::schedule::{self, RequestError};

use crate::core::{Address, Code, Id, LogbookStatus, Name, Reply, Time};
use crate::platform::executive::{call, call_checked};
use crate::probe;

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

/// A schedule's identifier: 1 and up, in the order of the configuration.
fn id(number: u32) -> Id {
    number as Id + 1
}

/// SET_MODULE_SCHEDULE.
///
/// # Errors
/// As the header says.
pub fn set_module_schedule(schedule: Id) -> Reply {
    let number = u32::try_from(schedule).ok().and_then(|id| id.checked_sub(1)).ok_or(Code::InvalidParam)?;
    if number as usize >= schedule::all().len() {
        return Err(Code::InvalidParam);
    }
    if !schedule::may_switch() {
        return Err(Code::InvalidConfig);
    }
    let status = schedule::status();
    if status.current == number && status.next == number {
        return Err(Code::NoAction);
    }
    schedule::request(number).map_err(|error| match error {
        RequestError::NoSuchSchedule => Code::InvalidParam,
        RequestError::NotPermitted => Code::InvalidConfig,
    })
}

/// GET_MODULE_SCHEDULE_STATUS.
pub fn module_schedule_status() -> ScheduleStatus {
    let status = schedule::status();
    ScheduleStatus { last_switch: status.last_switch_ns as Time, current: id(status.current), next: id(status.next) }
}

/// GET_MODULE_SCHEDULE_ID.
///
/// # Errors
/// As the header says.
pub fn module_schedule_id(name: &Name) -> Reply<Id> {
    schedule::find(written(name)).map(id).ok_or(Code::InvalidConfig)
}

/// A name up to its first NUL.
fn written(name: &Name) -> &[u8] {
    let length = name.bytes().iter().position(|&byte| byte == 0).unwrap_or(name.bytes().len());
    &name.bytes()[..length]
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

/// GET_MEMORY_BLOCK_STATUS.
///
/// # Errors
/// As the header says.
pub fn memory_block_status(name: &Name) -> Reply<MemoryBlock> {
    let block = memory::find_bytes(written(name)).ok_or(Code::InvalidConfig)?;
    Ok(MemoryBlock { address: block.address() as Address, size: block.size(), writable: block.is_writable() })
}

/// CREATE_LOGBOOK.
///
/// # Errors
/// As the header says.
pub fn create_logbook(name: Name, max_message: i32, max_logged: i32, max_in_progress: i32) -> Reply<Id> {
    call(|core| core.create_logbook(name, max_message, max_logged, max_in_progress))
}

/// WRITE_LOGBOOK.
///
/// # Safety
/// `from` must be readable for `length` bytes.
///
/// # Errors
/// As the header says.
pub unsafe fn write_logbook(logbook: Id, from: Address, length: i32) -> Reply {
    let room = |core: &crate::Executive| core.logbook_room(logbook).unwrap_or(0);
    let check = move |room: u32| {
        if (1..=room).contains(&(length as u32)) {
            probe::readable(from, length as u32);
        }
    };
    call_checked(room, check, |core| core.write_logbook(logbook, from, length))
}

/// OVERWRITE_LOGBOOK.
///
/// # Safety
/// `from` must be readable for `length` bytes.
///
/// # Errors
/// As the header says.
pub unsafe fn overwrite_logbook(logbook: Id, from: Address, length: i32) -> Reply {
    let room = |core: &crate::Executive| core.logbook_room(logbook).unwrap_or(0);
    let check = move |room: u32| {
        if (1..=room).contains(&(length as u32)) {
            probe::readable(from, length as u32);
        }
    };
    call_checked(room, check, |core| core.overwrite_logbook(logbook, from, length))
}

/// READ_LOGBOOK: the message's length. It is complete, as all are.
///
/// # Safety
/// `to` must be writable for the logbook's largest message.
///
/// # Errors
/// As the header says.
pub unsafe fn read_logbook(logbook: Id, entry: i32, to: Address) -> Reply<u32> {
    let room = |core: &crate::Executive| core.logbook_room(logbook).unwrap_or(0);
    call_checked(room, move |room| probe::writable(to, room), |core| core.read_logbook(logbook, entry, to))
}

/// CLEAR_LOGBOOK.
///
/// # Errors
/// As the header says.
pub fn clear_logbook(logbook: Id) -> Reply {
    call(|core| core.clear_logbook(logbook))
}

/// GET_LOGBOOK_ID.
///
/// # Errors
/// As the header says.
pub fn logbook_id(name: &Name) -> Reply<Id> {
    call(|core| core.logbook_id(name))
}

/// GET_LOGBOOK_STATUS.
///
/// # Errors
/// As the header says.
pub fn logbook_status(logbook: Id) -> Reply<LogbookStatus> {
    call(|core| core.logbook_status(logbook))
}
