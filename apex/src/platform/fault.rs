//! Faults of processes become errors for the error handler or for the partition's table.
//!
//! The shim's handler runs on a stack of its own, inside a signal. It notes what happened and sends the guest to
//! [`after_fault`] on a third stack, where the rules take the faulting process out and another one goes on.

use core::cell::UnsafeCell;

use bulkhead_abi::map;
use bulkhead_shim::fault::Fault;
use bulkhead_shim::irq;

use crate::core::{ErrorCode, ErrorRecord};

use super::{executive, health, stacks, switch};

const SIGILL: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGFPE: i32 = 8;

/// The processor's general protection exception.
const GENERAL_PROTECTION: u64 = 13;

/// Flags that code expects to be clear: trap, direction, alignment check.
const FLAGS: u64 = 1 << 8 | 1 << 10 | 1 << 18;

#[repr(align(64))]
struct Place<T>(UnsafeCell<T>);

// SAFETY: a guest is one thread, and both places are used with interrupts masked only.
unsafe impl<T> Sync for Place<T> {}

/// The stack of [`after_fault`]. Nothing on it outlives the next switch.
static STACK: Place<[u8; 16384]> = Place(UnsafeCell::new([0; 16384]));

/// What happened.
static ERROR: Place<Option<ErrorRecord>> = Place(UnsafeCell::new(None));

/// The shim's fault handler is this one.
pub(super) extern "C" fn on_fault(fault: &mut Fault) -> bool {
    // SAFETY: the shim passes the registers of the signal frame, which nobody else uses now.
    let registers = unsafe { &mut *fault.registers };
    let code = classify(fault, registers.rip, registers.rsp);
    let address = if fault.signal == SIGFPE || fault.signal == SIGILL { registers.rip } else { fault.address };
    let error = ErrorRecord { code, address: address as usize, ..ErrorRecord::default() };
    // The executive's own tables may be half changed, or no process may be there to lay it to.
    if executive::is_busy() || !executive::runs_process() {
        health::partition_error(&error);
        return false;
    }
    irq::disable();
    // SAFETY: interrupts are masked, and `after_fault` takes it before anything else can fault.
    unsafe { *ERROR.0.get() = Some(error) };
    let top = STACK.0.get() as u64 + size_of_val(&STACK) as u64;
    registers.rip = after_fault as *const () as u64;
    // As behind a call.
    registers.rsp = top - 8;
    registers.rbp = 0;
    registers.rflags &= !FLAGS;
    true
}

/// Goes on behind a fault: interrupts are masked, the faulting process is no more.
extern "C" fn after_fault() -> ! {
    // SAFETY: interrupts are masked; `on_fault` has just written it.
    let error = unsafe { (*ERROR.0.get()).take() }.unwrap_or_default();
    let to = executive::abandon(|core| core.fault(error));
    // If it struck on the way to a handler, what that had to do is still to be done. The lines exist.
    let _ = irq::raise(irq::TIMER);
    let _ = irq::raise(irq::PORT);
    // SAFETY: the context of the heir; nothing on this stack is used again.
    unsafe { switch::load(to) }
}

/// Whether an address is in the unmapped memory below a process' stack.
pub(super) extern "C" fn is_stack_guard(address: u64) -> bool {
    stacks::is_guard(address as usize)
}

/// What ARINC 653 calls it.
fn classify(fault: &Fault, rip: u64, rsp: u64) -> ErrorCode {
    match fault.signal {
        SIGFPE => ErrorCode::NumericError,
        SIGILL | SIGTRAP => ErrorCode::IllegalRequest,
        _ if is_guard(fault.address) || is_guard(rsp) => ErrorCode::StackOverflow,
        // A page fault has an address; this exception is also what privileged instructions raise in user mode.
        _ if fault.trap == GENERAL_PROTECTION && is_privileged(rip) => ErrorCode::IllegalRequest,
        _ => ErrorCode::MemoryViolation,
    }
}

/// Whether an address is below a stack: a process', or the one that the guest started on.
fn is_guard(address: u64) -> bool {
    /// As far below the first stack as a function's frame may reach.
    const BELOW: u64 = 0x1_0000;
    is_stack_guard(address) || (map::STACK.base - BELOW..map::STACK.base).contains(&address)
}

/// Whether the instruction there is one that user mode may not execute: HLT, CLI, STI, IN, OUT, INS, OUTS, and of those that
/// begin with 0F the ones that move control, debug and model-specific registers or descriptor tables.
fn is_privileged(rip: u64) -> bool {
    // SAFETY: the processor has just executed the instruction there, so its first byte is mapped, and the second is if the
    // first calls for one.
    unsafe {
        match (rip as *const u8).read() {
            0xf4 | 0xfa | 0xfb | 0xe4..=0xe7 | 0xec..=0xef | 0x6c..=0x6f => true,
            0x0f => {
                matches!((rip as *const u8).add(1).read(), 0x00 | 0x01 | 0x06 | 0x08 | 0x09 | 0x20..=0x23 | 0x30 | 0x32..=0x33)
            }
            _ => false,
        }
    }
}
