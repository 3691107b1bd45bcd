//! Stacks of the processes.
//!
//! Where the configuration has an `apex` table the supervisor maps them, each with unmapped memory below it: a process that
//! overflows its stack faults at once and cannot reach another's. Without, they are carved out of RAM and nothing is between
//! them.

use crate::core::Address;

use super::limits::Limits;
use super::memory::Arena;

/// Size of a stack that is carved out of RAM.
const CARVED: usize = 32 * 1024;

/// More than a process asked for, for interrupts: the vector state (2.7 KiB with AVX-512) and the executive.
const RESERVE: usize = 8 * 1024;

/// Where the stacks are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stacks {
    base: Address,
    /// Unmapped bytes below each stack.
    guard: usize,
    /// Bytes of each stack.
    size: usize,
    count: usize,
}

impl Stacks {
    /// The stacks of the error handler and of all processes that `limits` allow; where RAM is what they come out of, of no more
    /// than fit into half of it.
    pub(super) fn new(limits: &mut Limits, ram: &mut Arena) -> Stacks {
        if limits.guarded_stack > 0 {
            let (base, guard) = super::limits::guarded_stacks();
            return Stacks { base, guard, size: limits.guarded_stack, count: limits.processes + 1 };
        }
        let count = (limits.processes + 1).min(ram.size() / 2 / CARVED).max(1);
        limits.processes = count - 1;
        Stacks { base: ram.take(count * CARVED, 4096), guard: 0, size: CARVED, count }
    }

    /// Largest stack that a process may ask for, in bytes.
    pub(super) fn largest(&self) -> u32 {
        (self.size - RESERVE) as u32
    }

    /// The end of the stack of process `index`, which asked for `size` bytes. It starts so low that it ends where the process
    /// said, give or take a page.
    pub(super) fn top(&self, index: u16, size: u32) -> Address {
        let bottom = self.base + usize::from(index) * (self.guard + self.size) + self.guard;
        bottom + (size as usize + RESERVE).next_multiple_of(4096).min(self.size)
    }

    /// Whether an address lies in the unmapped memory below a stack.
    pub(super) fn is_guard(&self, address: Address) -> bool {
        let stride = self.guard + self.size;
        let offset = address.wrapping_sub(self.base);
        offset / stride < self.count && offset % stride < self.guard
    }
}
