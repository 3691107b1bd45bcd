//! Part 2: logbooks.
#![allow(non_snake_case, reason = "the standard's names")]

use core::ffi::c_char;

use super::{ReturnCode, finish, give, give_length, name};
use crate::services;

/// COMPLETE, of WRITE_STATUS_TYPE.
const COMPLETE: u32 = 2;

/// LOGBOOK_STATUS_TYPE
#[repr(C)]
struct LogbookStatus {
    max_message_size: i32,
    max_nb_logged_messages: i32,
    max_nb_in_progress_messages: i32,
    nb_logged_messages: i32,
    nb_in_progress_messages: i32,
    nb_aborted_messages: i32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_LOGBOOK(
    name_text: *const c_char,
    max_message: i32,
    max_logged: i32,
    max_in_progress: i32,
    id: *mut i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        give(services::create_logbook(name(name_text), max_message, max_logged, max_in_progress), id, return_code)
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn WRITE_LOGBOOK(id: i32, message: *const u8, length: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::write_logbook(id, message as usize, length), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn OVERWRITE_LOGBOOK(id: i32, message: *const u8, length: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::overwrite_logbook(id, message as usize, length), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn READ_LOGBOOK(
    id: i32,
    entry: i32,
    message: *mut u8,
    length: *mut i32,
    write_status: *mut u32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::read_logbook(id, entry, message as usize);
        if reply.is_ok() {
            write_status.write(COMPLETE);
        }
        give_length(reply, length, return_code);
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CLEAR_LOGBOOK(id: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::clear_logbook(id), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_LOGBOOK_ID(name_text: *const c_char, id: *mut i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { give(services::logbook_id(&name(name_text)), id, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_LOGBOOK_STATUS(id: i32, status: *mut LogbookStatus, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        let reply = services::logbook_status(id).map(|status| LogbookStatus {
            max_message_size: status.max_message as i32,
            max_nb_logged_messages: status.max_logged as i32,
            max_nb_in_progress_messages: status.max_in_progress as i32,
            nb_logged_messages: status.logged as i32,
            nb_in_progress_messages: 0,
            nb_aborted_messages: 0,
        });
        give(reply, status, return_code);
    }
}
