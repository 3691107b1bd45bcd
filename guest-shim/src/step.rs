//! `--preempt step`: in a virtual run the processor traps at every instruction, and each takes its time.
//!
//! While the trap flag is set the processor raises SIGTRAP behind every instruction, so that code which is not instrumented
//! moves the clock as well, and an interrupt strikes at an exact instruction of it. The kernel clears the flag for signal
//! handlers and sets it again when they return.
//!
//! The flag is the shim's alone. The guest sees one of its own in its place: `pushf` and the frames of interrupts and faults
//! show what the guest has set, and if it steps through its own code, its fault handler gets the traps. Nothing that it restores
//! ends the stepping, since the instruction that clears the flag still traps.
//!
//! A repeated string instruction counts and can be interrupted at each repetition; as many as fit before the next event run at
//! once, and so do the rounds of an empty endless loop.
//!
//! The shim's own dealings with virtual time are not to be struck halfway: [`quietly`] has them run without steps, at full speed.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, compiler_fence};

use crate::arch::{self, Deed, TRAP_FLAG};
use crate::fault::{Interrupted, RAX, RCX, RDI, RFLAGS, RIP, RSI, RSP};
use crate::{irq, virtual_time};

/// Whether the guest steps.
static STEPS: AtomicBool = AtomicBool::new(false);
/// Not 0 while the shim runs what is not to be struck.
static QUIET: AtomicU32 = AtomicU32::new(0);
/// The guest's own trap flag.
static OWN_FLAG: AtomicU64 = AtomicU64::new(0);
/// What the instruction that comes next does to the flags.
static NEXT: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = 0;
const PUSHES: u8 = 1;
const POPS: u8 = 2;

/// Whether the guest steps through its code.
pub(crate) fn is_on() -> bool {
    STEPS.load(Ordering::Relaxed)
}

/// From here on the guest steps.
pub(crate) fn begin() {
    STEPS.store(true, Ordering::Relaxed);
    arch::set_trap_flag();
}

/// From here on it does not: its process ends.
pub(crate) fn end() {
    QUIET.store(1, Ordering::Relaxed);
}

/// Runs what no time passes in and no event strikes, without steps. Nothing in it may let the guest run.
#[inline]
pub(crate) fn quietly<T>(body: impl FnOnce() -> T) -> T {
    if !is_on() {
        return body();
    }
    QUIET.store(QUIET.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    // The trap behind that instruction is the last one.
    compiler_fence(Ordering::SeqCst);
    let result = body();
    compiler_fence(Ordering::SeqCst);
    let depth = QUIET.load(Ordering::Relaxed);
    QUIET.store(depth.saturating_sub(1), Ordering::Relaxed);
    if depth <= 1 && !arch::in_handler() {
        arch::set_trap_flag();
    }
    result
}

fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed) != 0
}

/// What a trap behind an instruction comes to.
pub(crate) enum Trap {
    /// The guest goes on.
    Over,
    /// It is interrupted first.
    Interrupt,
    /// It is the guest's own.
    Own,
}

/// A trap behind an instruction.
pub(crate) fn trap(registers: &mut Interrupted) -> Trap {
    let is_own = OWN_FLAG.load(Ordering::Relaxed) != 0;
    match NEXT.load(Ordering::Relaxed) {
        // SAFETY: the guest has just pushed this word.
        PUSHES => unsafe { *(registers[RSP] as *mut u64) = hide(*(registers[RSP] as *const u64)) },
        POPS => OWN_FLAG.store(registers[RFLAGS] & TRAP_FLAG, Ordering::Relaxed),
        _ => {}
    }
    enter(registers);
    if is_quiet() {
        return Trap::Over;
    }
    if is_own {
        virtual_time::pass_instructions(1);
        return Trap::Own;
    }
    let mut passed = 1;
    while passed != 0 {
        virtual_time::pass_instructions(passed);
        if virtual_time::settle_in_handler() {
            return Trap::Interrupt;
        }
        passed = run_ahead(registers);
    }
    Trap::Over
}

/// In a signal's handler: shows the flag that the guest has set, instead of the shim's.
pub(crate) fn enter(registers: &mut Interrupted) {
    registers[RFLAGS] = hide(registers[RFLAGS]);
}

fn hide(flags: u64) -> u64 {
    flags & !TRAP_FLAG | OWN_FLAG.load(Ordering::Relaxed)
}

/// At the end of a signal's handler: the guest goes on, and steps. `ip` is where the signal has found it.
pub(crate) fn leave(registers: &mut Interrupted, ip: u64) {
    OWN_FLAG.store(registers[RFLAGS] & TRAP_FLAG, Ordering::Relaxed);
    if registers[RIP] != ip {
        // Whatever it was, the guest has been sent elsewhere.
        QUIET.store(0, Ordering::Relaxed);
    }
    let (flags, next) = if is_quiet() {
        (0, NOTHING)
    } else {
        let next = match arch::deed(registers[RIP]) {
            Deed::PushesFlags => PUSHES,
            Deed::PopsFlags => POPS,
            _ => NOTHING,
        };
        (TRAP_FLAG, next)
    };
    registers[RFLAGS] = registers[RFLAGS] & !TRAP_FLAG | flags;
    NEXT.store(next, Ordering::Relaxed);
}

/// Executes as much of the instruction that comes next as there is time for before the next event, if it is one of those that
/// go on for long; returns how many steps that were.
fn run_ahead(registers: &mut Interrupted) -> u64 {
    match arch::deed(registers[RIP]) {
        // Nothing will ever come of it.
        Deed::Stays if irq::level() != 0 => virtual_time::halt(),
        Deed::Stays => virtual_time::instructions_asleep(),
        Deed::Repeats { which, length } => {
            let count = registers[RCX].min(virtual_time::instructions_ahead());
            let mut state = [registers[RDI], registers[RSI], count, registers[RAX]];
            arch::repeat(&mut state, which, registers[RFLAGS]);
            [registers[RDI], registers[RSI], ..] = state;
            // Where a repetition faults, the guest meets the fault itself.
            let done = count - state[2];
            registers[RCX] -= done;
            if done != 0 && registers[RCX] == 0 {
                registers[RIP] += length;
            }
            done
        }
        _ => 0,
    }
}
