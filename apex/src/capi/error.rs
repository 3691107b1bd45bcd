//! Errors and health reports.
#![allow(non_snake_case, reason = "the standard's names")]

use super::{ReturnCode, finish, give};
use crate::core::{ErrorCode, MAX_ERROR_MESSAGE};
use crate::services;

/// ERROR_STATUS_TYPE
#[repr(C)]
struct ErrorStatus {
    failed_address: usize,
    failed_process_id: i32,
    error_code: u32,
    length: i32,
    message: [u8; MAX_ERROR_MESSAGE],
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_ERROR_STATUS(status: *mut ErrorStatus, return_code: ReturnCode) {
    let reply = services::error_status().map(|error| ErrorStatus {
        failed_address: error.address,
        failed_process_id: error.process,
        error_code: error.code as u32,
        length: error.length as i32,
        message: error.message,
    });
    // SAFETY: the caller's promise.
    unsafe { give(reply, status, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn REPORT_APPLICATION_MESSAGE(message: *const u8, length: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::report_application_message(message as usize, length), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CREATE_ERROR_HANDLER(entry_point: usize, stack_size: u32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::create_error_handler(entry_point, stack_size), return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn RAISE_APPLICATION_ERROR(
    error_code: u32,
    message: *const u8,
    length: i32,
    return_code: ReturnCode,
) {
    // SAFETY: the caller's promise.
    unsafe {
        finish(
            services::raise_application_error(ErrorCode::try_from(error_code), message as usize, length),
            return_code,
        )
    }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn CONFIGURE_ERROR_HANDLER(control: u32, processor: i32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::configure_error_handler(control, processor), return_code) }
}
