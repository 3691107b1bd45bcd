//! Processes and time.
#![allow(non_snake_case, reason = "the standard's names")]

use core::ffi::c_char;

use super::{ReturnCode, finish, give, name};
use crate::core::{Attributes, Code, Deadline, Reply};
use crate::services;

/// PROCESS_ATTRIBUTE_TYPE
#[derive(Clone, Copy)]
#[repr(C)]
struct ProcessAttributes {
    period: i64,
    time_capacity: i64,
    entry_point: usize,
    stack_size: u32,
    base_priority: i32,
    deadline: u32,
    name: [c_char; 32],
}

/// PROCESS_STATUS_TYPE
#[repr(C)]
struct ProcessStatus {
    deadline_time: i64,
    current_priority: i32,
    process_state: u32,
    attributes: ProcessAttributes,
}

/// Writes a lock level, which some errors come with too, and the return code.
///
/// # Safety
/// Both must be writable.
unsafe fn give_level((level, reply): (i32, Reply), to: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        if matches!(reply, Ok(()) | Err(Code::NoAction)) {
            to.write(level);
        }
        finish(reply, return_code);
    }
}

/// # Safety
/// As for all of them; the entry point must be a function without arguments.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_PROCESS(attributes: *const ProcessAttributes, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        let given = attributes.read();
        let attributes = Attributes {
            period: given.period,
            time_capacity: given.time_capacity,
            entry: given.entry_point,
            stack_size: given.stack_size,
            base_priority: given.base_priority,
            deadline: Deadline::Soft,
            name: name(given.name.as_ptr()),
        };
        give(services::create_process(&attributes, Deadline::try_from(given.deadline)), id, return_code);
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_PROCESS_STATUS(id: i32, status: *mut ProcessStatus, return_code: ReturnCode) {
    let reply = services::process_status(id).map(|status| ProcessStatus {
        deadline_time: status.deadline_time,
        current_priority: status.current_priority,
        process_state: status.state as u32,
        attributes: ProcessAttributes {
            period: status.attributes.period,
            time_capacity: status.attributes.time_capacity,
            entry_point: status.attributes.entry,
            stack_size: status.attributes.stack_size,
            base_priority: status.attributes.base_priority,
            deadline: status.attributes.deadline as u32,
            name: status.attributes.name.bytes().map(|byte| byte as c_char),
        },
    });
    // SAFETY: the caller's promise.
    unsafe { give(reply, status, return_code) }
}

#[unsafe(no_mangle)]
extern "C" fn STOP_SELF() {
    services::stop_self();
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SET_PRIORITY(id: i32, priority: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::set_priority(id, priority), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SUSPEND_SELF(time_out: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::suspend_self(time_out), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SUSPEND(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::suspend(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RESUME(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::resume(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn STOP(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::stop(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn START(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::start(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn DELAYED_START(id: i32, delay: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::delayed_start(id, delay), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn LOCK_PREEMPTION(level: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give_level(services::lock_preemption(), level, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn UNLOCK_PREEMPTION(level: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give_level(services::unlock_preemption(), level, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MY_ID(id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::my_id(), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MY_INDEX(index: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::my_index(), index, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_PROCESS_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::process_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn INITIALIZE_PROCESS_CORE_AFFINITY(id: i32, processor: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::initialize_process_core_affinity(id, processor), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_MY_PROCESSOR_CORE_ID(processor: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(Ok(services::my_processor_core_id()), processor, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn TIMED_WAIT(delay: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::timed_wait(delay), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn PERIODIC_WAIT(return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::periodic_wait(), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_TIME(time: *mut i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(Ok(services::time()), time, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn REPLENISH(budget: i64, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::replenish(budget), return_code) }
}
