//! The C interface; `include/bulkhead/bulkhead.h` declares and documents it.

use core::ffi::c_char;

use bulkhead_abi::boot::BootInfo;

use crate::{boot, clock, console, partition, window};

#[unsafe(no_mangle)]
extern "C" fn bh_boot_info() -> *const BootInfo {
    boot::info()
}

/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_console_write(data: *const u8, size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    // SAFETY: the caller's promise; not empty, so not null.
    console::write(unsafe { core::slice::from_raw_parts(data, size) })
}

/// # Safety
/// `data` must be valid for writes of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_console_read(data: *mut u8, size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    // SAFETY: the caller's promise; not empty, so not null.
    console::read(unsafe { core::slice::from_raw_parts_mut(data, size) })
}

/// # Safety
/// `text` must be a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_print(text: *const c_char) {
    // SAFETY: the caller's promise.
    console::print(unsafe { core::ffi::CStr::from_ptr(text) }.to_bytes());
}

/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_print_bytes(data: *const u8, size: usize) {
    if size > 0 {
        // SAFETY: the caller's promise; not empty, so not null.
        console::print(unsafe { core::slice::from_raw_parts(data, size) });
    }
}

#[unsafe(no_mangle)]
extern "C" fn bh_now_ns() -> u64 {
    clock::now_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_wall_ns() -> i64 {
    clock::wall_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_epoch_ns() -> u64 {
    clock::epoch_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_window_count() -> u32 {
    window::count()
}

#[unsafe(no_mangle)]
extern "C" fn bh_yield() {
    window::yield_window();
}

#[unsafe(no_mangle)]
extern "C" fn bh_halt(status: i32) -> ! {
    partition::halt(status)
}
