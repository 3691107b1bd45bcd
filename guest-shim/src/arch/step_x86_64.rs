//! x86-64: what stepping through code needs: the trap flag, and a look at the instruction that comes next.

use core::arch::global_asm;

global_asm!(
    // void bh_set_trap_flag(void)
    ".pushsection .text.bh_step, \"ax\", @progbits",
    ".globl bh_set_trap_flag",
    ".type bh_set_trap_flag, @function",
    "bh_set_trap_flag:",
    "pushfq",
    "orl $0x100, (%rsp)",
    "popfq",
    "ret",
    ".size bh_set_trap_flag, . - bh_set_trap_flag",
    // i64 bh_peek(u64 address): the byte there, or -1.
    ".globl bh_peek",
    ".type bh_peek, @function",
    "bh_peek:",
    "movzbl (%rdi), %eax",
    ".globl bh_peek_end",
    "bh_peek_end:",
    "ret",
    ".size bh_peek, . - bh_peek",
    // void bh_repeat(u64 state[4], u64 which, u64 flags): executes a repeated string instruction with RDI, RSI, RCX and RAX as in
    // `state`, where they are left. A fault ends it between two repetitions.
    ".globl bh_repeat",
    ".type bh_repeat, @function",
    "bh_repeat:",
    "push %rbx",
    "mov %rdi, %rbx",
    "lea bh_repeat_begin(%rip), %r8",
    "lea (%r8,%rsi,8), %r8",
    "test $0x400, %edx",
    "jz 1f",
    "std",
    "1: mov (%rbx), %rdi",
    "mov 8(%rbx), %rsi",
    "mov 16(%rbx), %rcx",
    "mov 24(%rbx), %rax",
    "jmp *%r8",
    ".balign 8",
    ".globl bh_repeat_begin",
    "bh_repeat_begin:",
    "rep movsb",
    "jmp bh_repeat_end",
    ".balign 8",
    "rep movsl",
    "jmp bh_repeat_end",
    ".balign 8",
    "rep movsq",
    "jmp bh_repeat_end",
    ".balign 8",
    "rep stosb",
    "jmp bh_repeat_end",
    ".balign 8",
    "rep stosl",
    "jmp bh_repeat_end",
    ".balign 8",
    "rep stosq",
    ".globl bh_repeat_end",
    "bh_repeat_end:",
    "cld",
    "mov %rdi, (%rbx)",
    "mov %rsi, 8(%rbx)",
    "mov %rcx, 16(%rbx)",
    "pop %rbx",
    "ret",
    ".size bh_repeat, . - bh_repeat",
    ".popsection",
    options(att_syntax)
);

unsafe extern "C" {
    fn bh_set_trap_flag();
    fn bh_peek(address: u64) -> i64;
    fn bh_repeat(state: &mut [u64; 4], which: u64, flags: u64);
    static bh_peek_end: u8;
    static bh_repeat_begin: u8;
    static bh_repeat_end: u8;
}

/// Has the processor raise SIGTRAP behind each instruction from the next but one on.
pub(crate) fn set_trap_flag() {
    // SAFETY: follows the C calling convention; the shim's handler for the signal lets the code go on.
    unsafe { bh_set_trap_flag() }
}

/// What an instruction does, as far as it matters to somebody who steps through code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It pushes the flags.
    PushesFlags,
    /// It takes the flags from the stack.
    PopsFlags,
    /// It repeats a move or a store; which one is for [`repeat`].
    Repeats { which: u64, length: u64 },
    /// It jumps to itself.
    Stays,
    /// Anything else, or nothing that could be read.
    Other,
}

/// What the instruction at `ip` does.
pub(crate) fn deed(ip: u64) -> Deed {
    let byte = |offset| {
        // SAFETY: reads a byte; if there is none, the shim's handler ends the attempt (`resumption`).
        unsafe { bh_peek(ip.wrapping_add(offset)) }
    };
    match byte(0) {
        0x9c => Deed::PushesFlags,
        0x9d | 0xcf => Deed::PopsFlags,
        0xeb if byte(1) == 0xfe => Deed::Stays,
        0x48 if byte(1) == 0xcf => Deed::PopsFlags,
        0x66 if byte(1) == 0x9c => Deed::PushesFlags,
        0x66 if byte(1) == 0x9d => Deed::PopsFlags,
        0xf3 => {
            let is_wide = byte(1) == 0x48;
            let which = match byte(1 + u64::from(is_wide)) {
                0xa4 if !is_wide => 0,
                0xa5 => 1 + u64::from(is_wide),
                0xaa if !is_wide => 3,
                0xab => 4 + u64::from(is_wide),
                _ => return Deed::Other,
            };
            Deed::Repeats { which, length: 2 + u64::from(is_wide) }
        }
        _ => Deed::Other,
    }
}

/// Executes a repeated string instruction with RDI, RSI, RCX and RAX as in `state`, where they are left. Where a repetition faults,
/// it is over before that one.
pub(crate) fn repeat(state: &mut [u64; 4], which: u64, flags: u64) {
    // SAFETY: the guest is about to execute this very instruction with these registers. The routine keeps the C calling
    // convention, and if it faults the shim's handler lets it end (`resumption`).
    unsafe { bh_repeat(state, which, flags) }
}

/// If `ip` is where [`deed`] reads or [`repeat`] writes on the guest's behalf: where to go on after a fault, and what RAX is then if
/// anything in particular.
pub(crate) fn resumption(ip: u64) -> Option<(u64, Option<u64>)> {
    if ip == bh_peek as *const () as u64 {
        return Some((&raw const bh_peek_end as u64, Some(u64::MAX)));
    }
    let repeat = &raw const bh_repeat_begin as u64..&raw const bh_repeat_end as u64;
    repeat.contains(&ip).then_some((repeat.end, None))
}

/// The trap flag in RFLAGS.
pub(crate) const TRAP_FLAG: u64 = 1 << 8;
