//! x86-64: the callback that coverage instrumentation calls at every basic block.
//!
//! It is an ordinary function to its callers, so it may change what functions may change. On the way that is nearly always
//! taken it is five instructions.

use core::arch::global_asm;
use core::mem::offset_of;

use bulkhead_abi::virtual_time::VirtualCpu;

global_asm!(
    ".pushsection .text.bh_coverage, \"ax\", @progbits",
    ".globl __sanitizer_cov_trace_pc",
    ".type __sanitizer_cov_trace_pc, @function",
    "__sanitizer_cov_trace_pc:",
    "mov bh_virtual_cpu(%rip), %rcx",
    "mov {block}(%rcx), %rax",
    "add {now}(%rcx), %rax",
    "mov %rax, {now}(%rcx)",
    "cmp {next}(%rcx), %rax",
    "jae 1f",
    "ret",
    // Out of reach, so that instrumented code on the way does not come back here.
    "1: movq $-1, {next}(%rcx)",
    "jmp bh_virtual_event",
    ".size __sanitizer_cov_trace_pc, . - __sanitizer_cov_trace_pc",
    ".popsection",
    block = const offset_of!(VirtualCpu, block_ns),
    now = const offset_of!(VirtualCpu, now_ns),
    next = const offset_of!(VirtualCpu, next_ns),
    options(att_syntax)
);
