//! Stacks of the processes.
//!
//! The supervisor maps them, since the ABI note asks for them (`bh_note_flags` in [`super::switch`]), each with unmapped memory
//! below: a process that overflows its stack faults at once and cannot reach another's.

use bulkhead_abi::map;

use crate::core::Address;

/// More than a process asked for, for interrupts: the vector state (2.7 KiB with AVX-512) and the executive.
const RESERVE: usize = 8 * 1024;

const SIZE: usize = map::PROCESS_STACK as usize;
const GUARD: usize = map::STACK_GUARD as usize;

/// Largest stack that a process may ask for, in bytes.
pub(super) const LARGEST: u32 = (SIZE - RESERVE) as u32;

fn bottom(index: u16) -> Address {
    map::process_stack(u64::from(index)) as Address
}

/// The end of the stack of process `index`, which asked for `size` bytes. It begins so low that it ends where the process
/// said, give or take a page.
pub(super) fn top(index: u16, size: u32) -> Address {
    bottom(index) + (size as usize + RESERVE).next_multiple_of(4096).min(SIZE)
}

/// Touches every page that the process may use, so that it meets no page fault later.
pub(super) fn populate(index: u16, size: u32) {
    for page in (bottom(index)..top(index, size)).step_by(4096) {
        // SAFETY: the process' own stack, which is mapped, and which the process does not run on yet.
        unsafe { (page as *mut u8).write_volatile(0) };
    }
}

/// Whether an address lies in the unmapped memory below a stack.
pub(super) fn is_guard(address: Address) -> bool {
    let offset = address.wrapping_sub(map::PROCESS_STACKS.base as usize);
    offset < map::PROCESS_STACKS.size as usize && offset % (GUARD + SIZE) < GUARD
}
