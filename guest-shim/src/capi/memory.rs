//! The C interface to memory blocks; `include/bulkhead/memory.h` declares and documents it.

use core::ffi::{CStr, c_char};
use core::ptr;

use bulkhead_abi::block::BlockInfo;

use crate::memory;

/// # Safety
/// `name` must be a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_memory_block_find(name: *const c_char) -> *const BlockInfo {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    memory::find_bytes(name.to_bytes()).map_or(ptr::null(), |block| ptr::from_ref(block.info()))
}

#[unsafe(no_mangle)]
extern "C" fn bh_memory_block_at(index: u32) -> *const BlockInfo {
    memory::all().nth(index as usize).map_or(ptr::null(), |block| ptr::from_ref(block.info()))
}
