//! The partition, its errors, and its health reports.

use bulkhead_shim::boot;

use crate::core::{Address, Code, ErrorCode, ErrorRecord, MAX_ERROR_MESSAGE, Mode, Reply, Time};
use crate::platform::executive::{call, idle};
use crate::platform::{health, limits};

/// What GET_PARTITION_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Time from one activation to the next.
    pub period: Time,
    /// Processor time in each period.
    pub duration: Time,
    /// Number of the partition in the module, from 0.
    pub identifier: i32,
    /// Level of the preemption lock.
    pub lock_level: i32,
    /// Mode.
    pub mode: Mode,
    /// Why the partition was started, as the standard numbers it.
    pub start_condition: u32,
    /// Cores of the partition.
    pub cores: u32,
}

/// GET_PARTITION_STATUS.
pub fn partition_status() -> PartitionStatus {
    let (mode, lock_level) = call(|core| (core.mode(), core.lock_level()));
    PartitionStatus {
        period: limits::period().0,
        duration: limits::duration(),
        identifier: boot::info().partition_id as i32,
        lock_level,
        mode,
        start_condition: boot::info().start_condition,
        cores: 1,
    }
}

/// SET_PARTITION_MODE. Returns with an error only: NORMAL ends the main process, every other mode the partition.
///
/// # Errors
/// As the header says.
pub fn set_partition_mode(mode: Reply<Mode>) -> Reply {
    let was = call(|core| core.mode());
    let started = call(|core| {
        core.set_mode(mode)?;
        health::normal();
        Ok(())
    });
    // Whoever was in another mode before is the main process, and what is left of it idles.
    if started.is_ok() && was != Mode::Normal {
        idle();
    }
    started
}

/// REPORT_APPLICATION_MESSAGE.
///
/// # Safety
/// `message` must be readable for `length` bytes.
///
/// # Errors
/// As the header says.
pub unsafe fn report_application_message(message: Address, length: i32) -> Reply {
    // SAFETY: the caller's promise.
    let text = unsafe { text(message, length)? };
    health::report(call(|core| core.running()).unwrap_or(0).into(), text);
    Ok(())
}

/// CREATE_ERROR_HANDLER. `entry` must be a function without arguments.
///
/// # Safety
/// The processor will go to that address.
///
/// # Errors
/// As the header says.
pub unsafe fn create_error_handler(entry: Address, stack_size: u32) -> Reply {
    call(|core| core.create_error_handler(entry, stack_size))?;
    // The handler is number 0.
    crate::platform::populate_stack(0, stack_size);
    Ok(())
}

/// GET_ERROR_STATUS.
///
/// # Errors
/// As the header says.
pub fn error_status() -> Reply<ErrorRecord> {
    call(|core| core.error_status())
}

/// RAISE_APPLICATION_ERROR.
///
/// # Safety
/// `message` must be readable for `length` bytes.
///
/// # Errors
/// As the header says.
pub unsafe fn raise_application_error(code: Reply<ErrorCode>, message: Address, length: i32) -> Reply {
    // SAFETY: the caller's promise.
    let text = unsafe { text(message, length)? };
    let mut copy = [0; MAX_ERROR_MESSAGE];
    copy[..text.len()].copy_from_slice(text);
    call(|core| core.raise_application_error(code, length, |message| message.copy_from_slice(&copy[..message.len()])))
}

/// CONFIGURE_ERROR_HANDLER.
///
/// # Errors
/// As the header says.
pub fn configure_error_handler(control: u32, processor: i32) -> Reply {
    call(|core| core.configure_error_handler(control, processor))
}

/// A message of an error or a report.
///
/// # Safety
/// `message` must be readable for `length` bytes.
unsafe fn text<'a>(message: Address, length: i32) -> Reply<&'a [u8]> {
    match usize::try_from(length) {
        Ok(0) => Ok(&[]),
        Ok(length) if length <= MAX_ERROR_MESSAGE => {
            // SAFETY: the caller's promise; not empty, so not null.
            Ok(unsafe { core::slice::from_raw_parts(message as *const u8, length) })
        }
        _ => Err(Code::InvalidParam),
    }
}
