//! Tries a caller's memory before the executive works with it, so that a bad pointer is a fault of the process that brought it.

use crate::core::Address;

/// Reads the first and the last byte.
#[inline]
pub(crate) fn readable(address: Address, length: u32) {
    if length > 0 {
        let first = address as *const u8;
        // SAFETY: the caller of the service has promised that the memory is readable; if it is not, this is where it faults.
        unsafe {
            first.read_volatile();
            first.add(length as usize - 1).read_volatile();
        }
    }
}

/// Writes the first and the last byte as they are. Interrupts must be masked, lest somebody else's write be undone.
#[inline]
pub(crate) fn writable(address: Address, length: u32) {
    if length > 0 {
        let first = address as *mut u8;
        // SAFETY: the caller of the service has promised that the memory is writable; if it is not, this is where it faults.
        unsafe {
            first.write_volatile(first.read_volatile());
            let last = first.add(length as usize - 1);
            last.write_volatile(last.read_volatile());
        }
    }
}
