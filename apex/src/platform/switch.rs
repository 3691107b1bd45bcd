//! The context switch, in assembly: one file an architecture.
//!
//! A process that gives the processor up has called a function, so what it has to find again is what functions keep: six
//! registers, the stack pointer, and the control words of the floating-point units. Interrupted processes have the rest saved
//! by the shim's vector, on their own stack, before the same switch.

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    // Says in the ABI note that the processes need stacks.
    ".globl bh_note_flags",
    ".set bh_note_flags, {flags}",
    ".pushsection .text.apex_switch, \"ax\", @progbits",
    // void apex_switch(u64 *from, u64 to): saves the stack pointer at `from` and goes on with `to`.
    ".globl apex_switch",
    ".type apex_switch, @function",
    "apex_switch:",
    "push %rbp",
    "push %rbx",
    "push %r12",
    "push %r13",
    "push %r14",
    "push %r15",
    "push $0",
    "stmxcsr (%rsp)",
    "fnstcw 4(%rsp)",
    "mov (%rsp), %rax",
    "mov %rsp, (%rdi)",
    // To load the control words takes longer than all the rest, and they are seldom others.
    "cmp (%rsi), %rax",
    "mov %rsi, %rsp",
    "je 1f",
    "ldmxcsr (%rsp)",
    "fldcw 4(%rsp)",
    "1: add $8, %rsp",
    "pop %r15",
    "pop %r14",
    "pop %r13",
    "pop %r12",
    "pop %rbx",
    "pop %rbp",
    "ret",
    ".size apex_switch, . - apex_switch",
    // void apex_load(u64 to): goes on with `to` and forgets the present.
    ".globl apex_load",
    ".type apex_load, @function",
    "apex_load:",
    "mov %rdi, %rsp",
    "fninit",
    "ldmxcsr (%rsp)",
    "fldcw 4(%rsp)",
    "jmp 1b",
    ".size apex_load, . - apex_load",
    // Where a process begins: RBX holds its entry point. The room left above the first call is where the frame of its next
    // beginning goes, which a process may write while it still runs on this stack.
    ".type apex_begin, @function",
    ".globl apex_begin",
    "apex_begin:",
    "xor %ebp, %ebp",
    "mov %rbx, %rdi",
    "sub ${room}, %rsp",
    "call {body}",
    "ud2",
    ".size apex_begin, . - apex_begin",
    ".popsection",
    room = const ROOM,
    flags = const bulkhead_abi::note::PROCESS_STACKS,
    body = sym super::process_body,
    options(att_syntax)
);

/// Bytes at the top of a stack that no running code uses.
const ROOM: usize = 128;

unsafe extern "C" {
    fn apex_switch(from: *mut usize, to: usize);
    fn apex_load(to: usize) -> !;
    static apex_begin: u8;
}

/// What the switch finds on a stack.
#[repr(C)]
struct Frame {
    mxcsr: u32,
    x87: u32,
    r15: usize,
    r14: usize,
    r13: usize,
    r12: usize,
    rbx: usize,
    rbp: usize,
    rip: usize,
}

/// Saves the running context's stack pointer at `from` and goes on with the context `to`. Returns when somebody switches back.
///
/// # Safety
/// `from` must be writable; `to` must be the stack pointer of a context that was saved here or made by [`prepare`], and is
/// used once only. Interrupts must be masked, and no reference to what other contexts change may be alive.
#[inline]
pub(super) unsafe fn switch(from: *mut usize, to: usize) {
    // SAFETY: the caller's promise.
    unsafe { apex_switch(from, to) }
}

/// Goes on with the context `to` and never comes back.
///
/// # Safety
/// As for [`switch`].
pub(super) unsafe fn load(to: usize) -> ! {
    // SAFETY: the caller's promise.
    unsafe { apex_load(to) }
}

/// Makes the context of a process that begins at `entry`, on the stack that ends at `top`; returns its stack pointer.
///
/// # Safety
/// The [`ROOM`] bytes below `top` (a multiple of 16) must be writable and free, or only used by frames that are not
/// returned to.
pub(super) unsafe fn prepare(top: usize, entry: usize) -> usize {
    const { assert!(size_of::<Frame>() <= ROOM) };
    let frame = (top - size_of::<Frame>()) as *mut Frame;
    let rip = &raw const apex_begin as usize;
    let (r15, r14, r13, r12, rbp) = (0, 0, 0, 0, 0);
    // The control words as the System V ABI has them at a program's start: exceptions masked, round to nearest.
    // SAFETY: within the room below `top`, aligned as that is.
    unsafe { frame.write(Frame { mxcsr: 0x1f80, x87: 0x37f, r15, r14, r13, r12, rbx: entry, rbp, rip }) };
    frame as usize
}

/// Reads a byte `below` the stack pointer: if the stack has no room for the executive, the fault is the process', here and
/// now, and not in the middle of the executive's tables.
#[inline(always)]
pub(super) fn probe_stack() {
    // SAFETY: reads memory of the stack or of the guard below it, where a fault is what is wanted.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("testb $0, -{room}(%rsp)", room = const PROBE, options(att_syntax, nostack, readonly));
    }
}

/// More than the executive uses of a stack in a service.
const PROBE: usize = 2048;
