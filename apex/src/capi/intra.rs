//! Semaphores, events, buffers, blackboards, mutexes.
#![allow(non_snake_case, reason = "the standard's names")]

use core::ffi::c_char;

use super::{ReturnCode, finish, give, give_length, name};
use crate::core::Discipline;
use crate::services;

/// SEMAPHORE_STATUS_TYPE
#[repr(C)]
struct SemaphoreStatus {
    current_value: i32,
    maximum_value: i32,
    waiting_processes: i32,
}

/// EVENT_STATUS_TYPE
#[repr(C)]
struct EventStatus {
    event_state: u32,
    waiting_processes: i32,
}

/// BUFFER_STATUS_TYPE
#[repr(C)]
struct BufferStatus {
    nb_message: i32,
    max_nb_message: i32,
    max_message_size: i32,
    waiting_processes: i32,
}

/// BLACKBOARD_STATUS_TYPE
#[repr(C)]
struct BlackboardStatus {
    empty_indicator: u32,
    max_message_size: i32,
    waiting_processes: i32,
}

/// MUTEX_STATUS_TYPE
#[repr(C)]
struct MutexStatus {
    mutex_owner: i32,
    mutex_state: u32,
    mutex_priority: i32,
    lock_count: i32,
    waiting_processes: i32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_SEMAPHORE(
    name_text: *const c_char,
    value: i32,
    maximum: i32,
    discipline: u32,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::create_semaphore(name(name_text), value, maximum, Discipline::try_from(discipline)),
            id,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn WAIT_SEMAPHORE(id: i32, time_out: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::wait_semaphore(id, time_out), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SIGNAL_SEMAPHORE(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::signal_semaphore(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_EVENT(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::create_event(name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SET_EVENT(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::set_event(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RESET_EVENT(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::reset_event(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn WAIT_EVENT(id: i32, time_out: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::wait_event(id, time_out), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_BUFFER(
    name_text: *const c_char,
    max_message: i32,
    max_count: i32,
    discipline: u32,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::create_buffer(name(name_text), max_message, max_count, Discipline::try_from(discipline)),
            id,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SEND_BUFFER(id: i32, message: *const u8, length: i32, time_out: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::send_buffer(id, message as usize, length, time_out), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RECEIVE_BUFFER(
    id: i32,
    time_out: i64,
    message: *mut u8,
    length: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe { give_length(services::receive_buffer(id, time_out, message as usize), length, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_BLACKBOARD(
    name_text: *const c_char,
    max_message: i32,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe { give(services::create_blackboard(name(name_text), max_message), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn DISPLAY_BLACKBOARD(id: i32, message: *const u8, length: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::display_blackboard(id, message as usize, length), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn READ_BLACKBOARD(
    id: i32,
    time_out: i64,
    message: *mut u8,
    length: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe { give_length(services::read_blackboard(id, time_out, message as usize), length, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CLEAR_BLACKBOARD(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::clear_blackboard(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_MUTEX(
    name_text: *const c_char,
    priority: i32,
    discipline: u32,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        give(services::create_mutex(name(name_text), priority, Discipline::try_from(discipline)), id, return_code)
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn ACQUIRE_MUTEX(id: i32, time_out: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::acquire_mutex(id, time_out), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RELEASE_MUTEX(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::release_mutex(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RESET_MUTEX(id: i32, process: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::reset_mutex(id, process), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_PROCESS_MUTEX_STATE(process: i32, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::process_mutex_state(process), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_SEMAPHORE_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::semaphore_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_EVENT_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::event_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_BUFFER_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::buffer_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_BLACKBOARD_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::blackboard_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MUTEX_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::mutex_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_SEMAPHORE_STATUS(id: i32, status: *mut SemaphoreStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::semaphore_status(id).map(|status| SemaphoreStatus {
                current_value: status.value,
                maximum_value: status.maximum,
                waiting_processes: status.waiting,
            }),
            status,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_EVENT_STATUS(id: i32, status: *mut EventStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::event_status(id)
                .map(|status| EventStatus { event_state: u32::from(status.up), waiting_processes: status.waiting }),
            status,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_BUFFER_STATUS(id: i32, status: *mut BufferStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::buffer_status(id).map(|status| BufferStatus {
                nb_message: status.count as i32,
                max_nb_message: status.max_count as i32,
                max_message_size: status.max_message as i32,
                waiting_processes: status.waiting,
            }),
            status,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_BLACKBOARD_STATUS(id: i32, status: *mut BlackboardStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::blackboard_status(id).map(|status| BlackboardStatus {
                empty_indicator: u32::from(status.occupied),
                max_message_size: status.max_message as i32,
                waiting_processes: status.waiting,
            }),
            status,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MUTEX_STATUS(id: i32, status: *mut MutexStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::mutex_status(id).map(|status| MutexStatus {
                mutex_owner: status.owner,
                mutex_state: u32::from(status.owner != 0),
                mutex_priority: status.priority,
                lock_count: status.count,
                waiting_processes: status.waiting,
            }),
            status,
            return_code,
        )
    }
}
