//! The executive on the virtual CPU.
//!
//! The guest is one thread of one Linux process; its processes are stacks and stack pointers. What is unsafe about that is in
//! this directory.

pub(crate) mod executive;
mod fault;
pub(crate) mod health;
pub(crate) mod limits;
mod memory;
mod ports;
mod stacks;
mod switch;
mod world;

pub(crate) use world::World;

use bulkhead_shim::irq;

/// Makes the stack of process `index` ready for `size` bytes of use.
pub(crate) fn populate_stack(index: u16, size: u32) {
    stacks::populate(index, size);
}

/// The life of a process, between its first instruction and its last. Interrupts are masked when it begins.
extern "C" fn process_body(entry: usize) -> ! {
    irq::enable(0);
    // SAFETY: the entry point that the process was created with: a function without arguments, by the caller's promise.
    let entry = unsafe { core::mem::transmute::<usize, extern "C" fn()>(entry) };
    entry();
    // Who returns has stopped itself.
    loop {
        crate::services::stop_self();
    }
}
