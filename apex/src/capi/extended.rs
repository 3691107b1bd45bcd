//! Part 2: sampling port extensions, module schedules, memory blocks.
#![allow(non_snake_case, reason = "the standard's names")]

use core::ffi::c_char;

use super::{ReturnCode, finish, give, give_length, name};
use crate::core::{Code, Updated};
use crate::services;

/// SAMPLING_PORT_CURRENT_STATUS_TYPE
#[repr(C)]
struct SamplingPortCurrentStatus {
    refresh_period: i64,
    time_stamp: i64,
    max_message_size: i32,
    port_direction: u32,
    message_age: u32,
    updated: u32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn READ_UPDATED_SAMPLING_MESSAGE(
    id: i32,
    message: *mut u8,
    length: *mut i32,
    updated: *mut u32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::read_updated_sampling_message(id, message as usize);
        if let Ok((_, is)) = reply {
            updated.write(is as u32);
        }
        give_length(reply.map(|(length, _)| length), length, return_code);
        if reply.is_ok_and(|(_, is)| is != Updated::New) {
            finish::<()>(Err(Code::NoAction), return_code);
        }
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_SAMPLING_PORT_CURRENT_STATUS(
    id: i32,
    status: *mut SamplingPortCurrentStatus,
    return_code: ReturnCode,
) {
    let reply = services::sampling_port_current_status(id).map(|status| SamplingPortCurrentStatus {
        refresh_period: status.refresh,
        time_stamp: status.written,
        max_message_size: status.max_message as i32,
        port_direction: status.direction as u32,
        message_age: u32::from(status.fresh),
        updated: status.updated as u32,
    });
    // SAFETY: the caller's promise.
    unsafe { give(reply, status, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn READ_SAMPLING_MESSAGE_CONDITIONAL(
    id: i32,
    reference: i64,
    message: *mut u8,
    length: *mut i32,
    time_stamp: *mut i64,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::read_sampling_message_conditional(id, reference, message as usize);
        if let Ok((_, written)) = reply {
            time_stamp.write(written);
        }
        give_length(reply.map(|(length, _)| length), length, return_code);
    }
}

/// SCHEDULE_STATUS_TYPE
#[repr(C)]
struct ScheduleStatus {
    time_of_last_schedule_switch: i64,
    current_schedule: i32,
    next_schedule: i32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SET_MODULE_SCHEDULE(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::set_module_schedule(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MODULE_SCHEDULE_STATUS(status: *mut ScheduleStatus, return_code: ReturnCode) {
    let is = services::module_schedule_status();
    let all = ScheduleStatus {
        time_of_last_schedule_switch: is.last_switch,
        current_schedule: is.current,
        next_schedule: is.next,
    };
    // SAFETY: the caller's promise.
    unsafe { give(Ok(all), status, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MODULE_SCHEDULE_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::module_schedule_id(&name(name_text)), id, return_code) }
}

/// MEMORY_BLOCK_STATUS_TYPE
#[repr(C)]
struct MemoryBlockStatus {
    address: usize,
    mode: u32,
    size: i32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MEMORY_BLOCK_STATUS(
    name_text: *const c_char,
    status: *mut MemoryBlockStatus,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::memory_block_status(&name(name_text)).map(|block| MemoryBlockStatus {
            address: block.address,
            mode: u32::from(block.writable),
            size: block.size as i32,
        });
        give(reply, status, return_code);
    }
}
