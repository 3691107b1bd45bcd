//! The part of the C interface that `include/bulkhead/partition.h` declares.

use core::ffi::{CStr, c_char};

use bulkhead_abi::health::{ErrorCode, Level, Limits, Mode, Response};
use bulkhead_abi::report::ReportKind;

use crate::{partition, schedule};

/// # Safety
/// `data` must be valid for reads of `size` bytes for as long as the result is used.
unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: the caller's promise; not empty, so not null.
    unsafe { core::slice::from_raw_parts(data, size) }
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_period_ns() -> u64 {
    partition::period_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_duration_ns() -> u64 {
    partition::duration_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_start_condition() -> u32 {
    partition::start_condition() as u32
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_start_mode() -> u32 {
    partition::start_mode() as u32
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_limits() -> &'static Limits {
    partition::limits()
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_health(code: u32) -> Response {
    let (level, action) = ErrorCode::new(code).map_or((Level::Partition, partition::Action::Idle), partition::health);
    Response { level: level as u8, action: action as u8 }
}

#[unsafe(no_mangle)]
extern "C" fn bh_partition_request_mode(mode: u32) -> ! {
    partition::request_mode(Mode::new(mode).unwrap_or(Mode::ColdStart))
}

/// # Safety
/// `message` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_partition_raise_error(
    code: u32,
    process: u32,
    address: u64,
    message: *const u8,
    size: usize,
) -> ! {
    let code = ErrorCode::new(code).unwrap_or(ErrorCode::ApplicationError);
    // SAFETY: the caller's promise.
    partition::raise_error(code, process, address, unsafe { bytes(message, size) })
}

/// # Safety
/// `message` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_partition_report(kind: u32, code: u32, process: u32, message: *const u8, size: usize) -> bool {
    let Some(kind) = ReportKind::new(kind) else { return false };
    // SAFETY: the caller's promise.
    partition::report(kind, code, process, unsafe { bytes(message, size) })
}

/// # Safety
/// `message` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_partition_report_error(
    code: u32,
    process: u32,
    address: u64,
    message: *const u8,
    size: usize,
) -> bool {
    let Some(code) = ErrorCode::new(code) else { return false };
    // SAFETY: the caller's promise.
    partition::report_error(code, process, address, unsafe { bytes(message, size) })
}

/// # Safety
/// `name` must be a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_schedule_find(name: *const c_char) -> i32 {
    // SAFETY: the caller's promise.
    schedule::find(unsafe { CStr::from_ptr(name) }.to_bytes()).map_or(-1, |number| number as i32)
}

/// What `struct bh_schedule_status` holds.
#[repr(C)]
struct ScheduleStatus {
    current: u32,
    next: u32,
    switches: u32,
    reserved: u32,
    last_switch_ns: u64,
}

#[unsafe(no_mangle)]
extern "C" fn bh_schedule_status() -> ScheduleStatus {
    let schedule::Snapshot { current, next, switches, last_switch_ns } = schedule::status();
    ScheduleStatus { current, next, switches, reserved: 0, last_switch_ns }
}

#[unsafe(no_mangle)]
extern "C" fn bh_schedule_request(number: u32) -> i32 {
    match schedule::request(number) {
        Ok(()) => 0,
        Err(schedule::RequestError::NoSuchSchedule) => -1,
        Err(schedule::RequestError::NotPermitted) => -2,
    }
}
