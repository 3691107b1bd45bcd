//! Sampling and queuing ports.
#![allow(non_snake_case, reason = "the standard's names")]

use core::ffi::c_char;

use super::{ReturnCode, finish, give, give_length, name};
use crate::core::{Code, Direction, Discipline, Reply};
use crate::services;

/// SAMPLING_PORT_STATUS_TYPE
#[repr(C)]
struct SamplingPortStatus {
    refresh_period: i64,
    max_message_size: i32,
    port_direction: u32,
    last_msg_validity: u32,
}

/// QUEUING_PORT_STATUS_TYPE
#[repr(C)]
struct QueuingPortStatus {
    nb_message: i32,
    max_nb_message: i32,
    max_message_size: i32,
    port_direction: u32,
    waiting_processes: i32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn READ_SAMPLING_MESSAGE(
    id: i32,
    message: *mut u8,
    length: *mut i32,
    validity: *mut u32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::read_sampling_message(id, message as usize);
        if matches!(reply, Ok(_) | Err(Code::NoAction)) {
            validity.write(u32::from(reply.is_ok_and(|(_, valid)| valid)));
        }
        give_length(reply.map(|(length, _)| length), length, return_code);
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RECEIVE_QUEUING_MESSAGE(
    id: i32,
    time_out: i64,
    message: *mut u8,
    length: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::receive_queuing_message(id, time_out, message as usize);
        give_length(reply.map(|(length, _)| length), length, return_code);
        if reply.is_ok_and(|(_, overflowed)| overflowed) {
            // The message is whole all the same.
            finish::<()>(Reply::Err(services::OVERFLOWED), return_code);
        }
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_SAMPLING_PORT(
    name_text: *const c_char,
    max_message: i32,
    direction: u32,
    refresh: i64,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::create_sampling_port(name(name_text), max_message, Direction::try_from(direction), refresh),
            id,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn WRITE_SAMPLING_MESSAGE(id: i32, message: *const u8, length: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::write_sampling_message(id, message as usize, length), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_SAMPLING_PORT_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::sampling_port_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_SAMPLING_PORT_STATUS(id: i32, status: *mut SamplingPortStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::sampling_port_status(id).map(|status| SamplingPortStatus {
                refresh_period: status.refresh,
                max_message_size: status.max_message as i32,
                port_direction: status.direction as u32,
                last_msg_validity: u32::from(status.last_valid),
            }),
            status,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_QUEUING_PORT(
    name_text: *const c_char,
    max_message: i32,
    depth: i32,
    direction: u32,
    discipline: u32,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::create_queuing_port(
                name(name_text),
                max_message,
                depth,
                Direction::try_from(direction),
                Discipline::try_from(discipline),
            ),
            id,
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SEND_QUEUING_MESSAGE(
    id: i32,
    message: *const u8,
    length: i32,
    time_out: i64,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::send_queuing_message(id, message as usize, length, time_out), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_QUEUING_PORT_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::queuing_port_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_QUEUING_PORT_STATUS(id: i32, status: *mut QueuingPortStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        give(
            services::queuing_port_status(id).map(|status| QueuingPortStatus {
                nb_message: status.count as i32,
                max_nb_message: status.max_count as i32,
                max_message_size: status.max_message as i32,
                port_direction: status.direction as u32,
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
unsafe extern "C" fn CLEAR_QUEUING_PORT(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::clear_queuing_port(id), return_code) }
}
