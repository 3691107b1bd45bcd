//! x86-64: what the paravirtualizing header's macros call (`rtems/include/bulkhead/paravirt-x86_64.h`).
//!
//! A macro stands for one instruction, so these routines leave every register and the flags as that instruction would. The
//! macros have moved the stack pointer past the red zone before they call. [`iretq`](super) is the exit of the shim's own
//! vector and stands with it.

use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, Ordering};

use bulkhead_abi::virtual_time::VirtualCpu;

use crate::{irq, virtual_time, window};

/// Not 0 if a line has been served since the guest's last `sti`. On a processor, `sti; hlt` cannot be interrupted in between;
/// here it can, and then the `hlt` has nothing to wait for any more.
#[unsafe(no_mangle)]
pub(crate) static bh_served: AtomicU32 = AtomicU32::new(0);

global_asm!(
    ".pushsection .text.bh_pv, \"ax\", @progbits",
    // Takes a pending interrupt as if it had struck the instruction behind the call: aligns the stack, pushes SS, RSP, RFLAGS,
    // CS and RIP, and goes to the vector with all registers as they were.
    ".globl bh_pv_take",
    ".type bh_pv_take, @function",
    "bh_pv_take:",
    "movl $1, bh_masked(%rip)",
    "pushfq",
    "push %rax",
    "push %rcx",
    "push %rdx",
    "mov %rsp, %rdx",
    "and $-16, %rsp",
    "mov %ss, %eax",
    "push %rax",
    "lea 40(%rdx), %rax",
    "push %rax",
    "push 24(%rdx)",
    "mov %cs, %eax",
    "push %rax",
    "push 32(%rdx)",
    "mov bh_vector(%rip), %rax",
    "test %rax, %rax",
    "jnz 1f",
    "lea bh_default_vector(%rip), %rax",
    // Signals are handled on another stack, and interrupts are masked: what lies below the stack pointer stays.
    "1: mov %rax, -8(%rsp)",
    "mov 16(%rdx), %rax",
    "mov 8(%rdx), %rcx",
    "mov (%rdx), %rdx",
    "jmp *-8(%rsp)",
    ".size bh_pv_take, . - bh_pv_take",
    // A routine that calls a Rust function and leaves every register as it was. This crate is compiled for SSE2, which leaves the
    // upper parts of wider registers alone.
    ".macro bh_preserving name, function",
    ".globl \\name",
    ".type \\name, @function",
    "\\name:",
    "pushfq",
    "push %rax",
    "push %rcx",
    "push %rdx",
    "push %rbx",
    "push %rsi",
    "push %rdi",
    "push %r8",
    "push %r9",
    "push %r10",
    "push %r11",
    "mov %rsp, %rbx",
    "sub $512, %rsp",
    "and $-16, %rsp",
    "fxsave64 (%rsp)",
    "cld",
    "call \\function",
    "fxrstor64 (%rsp)",
    "mov %rbx, %rsp",
    "pop %r11",
    "pop %r10",
    "pop %r9",
    "pop %r8",
    "pop %rdi",
    "pop %rsi",
    "pop %rbx",
    "pop %rdx",
    "pop %rcx",
    "pop %rax",
    "popfq",
    "ret",
    ".size \\name, . - \\name",
    ".endm",
    "bh_preserving bh_pv_hlt, {wait}",
    "bh_preserving bh_pv_spin, {spin}",
    "bh_preserving bh_pv_event, bh_virtual_event",
    ".purgem bh_preserving",
    // A jump back in an assembly file over so many bytes as the caller has pushed: what the compiler's callback does at a block,
    // for each 16 of them, with every register left as it was.
    ".globl bh_pv_block",
    ".type bh_pv_block, @function",
    "bh_pv_block:",
    "pushfq",
    "push %rax",
    "push %rcx",
    "mov bh_virtual_cpu(%rip), %rcx",
    "mov 32(%rsp), %rax",
    "shr $4, %rax",
    "inc %rax",
    "imul {block}(%rcx), %rax",
    "add {now}(%rcx), %rax",
    "mov %rax, {now}(%rcx)",
    "cmp {next}(%rcx), %rax",
    "jb 1f",
    "movq $-1, {next}(%rcx)",
    "call bh_pv_event",
    "1: pop %rcx",
    "pop %rax",
    "popfq",
    "ret",
    ".size bh_pv_block, . - bh_pv_block",
    ".globl bh_pv_wrmsr",
    ".type bh_pv_wrmsr, @function",
    "bh_pv_wrmsr:",
    "pushfq",
    "push %rax",
    "push %rdx",
    "mov %eax, %eax",
    "shl $32, %rdx",
    "or %rax, %rdx",
    "cmp ${fs_base}, %ecx",
    "jne 1f",
    "wrfsbase %rdx",
    "1: cmp ${gs_base}, %ecx",
    "jne 2f",
    "wrgsbase %rdx",
    "2: pop %rdx",
    "pop %rax",
    "popfq",
    "ret",
    ".size bh_pv_wrmsr, . - bh_pv_wrmsr",
    ".globl bh_pv_rdmsr",
    ".type bh_pv_rdmsr, @function",
    "bh_pv_rdmsr:",
    "pushfq",
    "xor %edx, %edx",
    "cmp ${fs_base}, %ecx",
    "jne 1f",
    "rdfsbase %rdx",
    "1: cmp ${gs_base}, %ecx",
    "jne 2f",
    "rdgsbase %rdx",
    // As the instruction does, this clears the upper halves of both registers.
    "2: mov %edx, %eax",
    "shr $32, %rdx",
    "popfq",
    "ret",
    ".size bh_pv_rdmsr, . - bh_pv_rdmsr",
    ".popsection",
    wait = sym wait,
    spin = sym spin,
    block = const offset_of!(VirtualCpu, block_ns),
    now = const offset_of!(VirtualCpu, now_ns),
    next = const offset_of!(VirtualCpu, next_ns),
    fs_base = const 0xc000_0100_u32 as i32,
    gs_base = const 0xc000_0101_u32 as i32,
    options(att_syntax)
);

/// What `hlt` does: sleeps until an interrupt has been served, or for ever if interrupts are masked.
extern "C" fn wait() {
    while irq::level() != 0 {
        if virtual_time::is_virtual() {
            virtual_time::halt();
        }
        window::yield_window();
    }
    irq::disable();
    // From here on nothing is served, so this says what happened since the `sti`.
    if bh_served.swap(0, Ordering::Relaxed) == 0 {
        irq::idle();
    }
    irq::enable(0);
}

/// An interrupt returns to an empty endless loop, in a virtual run: waits for the next one. Interrupts are still masked.
extern "C" fn spin() {
    irq::idle();
}
