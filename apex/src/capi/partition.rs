//! The partition.
#![allow(non_snake_case, reason = "the standard's names")]

use super::{ReturnCode, finish, give};
use crate::core::Mode;
use crate::services;

/// PARTITION_STATUS_TYPE
#[repr(C)]
struct PartitionStatus {
    period: i64,
    duration: i64,
    identifier: i32,
    lock_level: i32,
    operating_mode: u32,
    start_condition: u32,
    num_assigned_cores: u32,
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn GET_PARTITION_STATUS(status: *mut PartitionStatus, return_code: ReturnCode) {
    let is = services::partition_status();
    let all = PartitionStatus {
        period: is.period,
        duration: is.duration,
        identifier: is.identifier,
        lock_level: is.lock_level,
        operating_mode: is.mode as u32,
        start_condition: is.start_condition,
        num_assigned_cores: is.cores,
    };
    // SAFETY: the caller's promise.
    unsafe { give(Ok(all), status, return_code) }
}

/// # Safety
/// As for all of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn SET_PARTITION_MODE(mode: u32, return_code: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { finish(services::set_partition_mode(Mode::try_from(mode)), return_code) }
}
