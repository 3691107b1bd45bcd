//! x86-64: entry point, system calls, ABI note, and the functions that compilers take for granted.
//!
//! Everything stands in one assembly block, so that the entry point, which every link pulls in, brings the ABI note
//! along. All system call instructions of the shim lie between `bh_syscall_start` and `bh_syscall_end`; from anywhere
//! else the kernel turns a system call into SIGSYS (syscall user dispatch), which lets `fault` note the number before
//! seccomp kills.

use core::arch::global_asm;

use bulkhead_abi::note;

/// Numbers of the system calls that a guest may make, from Linux' arch/x86/entry/syscalls/syscall_64.tbl.
pub(crate) mod nr {
    pub(crate) const RT_SIGRETURN: i64 = 15;
    pub(crate) const FUTEX: i64 = 202;
    pub(crate) const EXIT_GROUP: i64 = 231;
    /// Used only when the image was started as an ordinary program, to say so.
    pub(crate) const WRITE: i64 = 1;
}

/// AUDIT_ARCH_I386: a call through `int 0x80`.
pub(crate) const AUDIT_ARCH_I386: u32 = 0x4000_0003;

global_asm!(
    // The supervisor finds this note through the PT_NOTE program header.
    ".pushsection .note.bulkhead, \"a\", @note",
    ".balign 4",
    ".long 9, {note_size}, {note_type}",
    ".asciz \"Bulkhead\"",
    ".balign 4",
    ".long {abi}, 0",
    ".quad bh_fault_entry, bh_sigreturn, bh_syscall_start, bh_syscall_end",
    ".popsection",
    // Entry: RDI holds the address of the boot information, RSP the top of the stack.
    ".pushsection .text.bh_start, \"ax\", @progbits",
    ".globl _start",
    ".type _start, @function",
    "_start:",
    "xor %ebp, %ebp",
    "and $-16, %rsp",
    "call bh_rt_start",
    "ud2",
    ".size _start, . - _start",
    ".popsection",
    ".pushsection .text.bh_syscall, \"ax\", @progbits",
    ".globl bh_syscall_start",
    "bh_syscall_start:",
    // i64 bh_syscall(i64 number, a, b, c, d, e)
    ".globl bh_syscall",
    ".type bh_syscall, @function",
    "bh_syscall:",
    "mov %rdi, %rax",
    "mov %rsi, %rdi",
    "mov %rdx, %rsi",
    "mov %rcx, %rdx",
    "mov %r8, %r10",
    "mov %r9, %r8",
    "syscall",
    "ret",
    ".size bh_syscall, . - bh_syscall",
    // i64 bh_syscall32(i32 number): the 32-bit entry, only ever to be killed by it.
    ".globl bh_syscall32",
    ".type bh_syscall32, @function",
    "bh_syscall32:",
    "mov %edi, %eax",
    "push %rbx",
    "int $0x80",
    "pop %rbx",
    "ret",
    ".size bh_syscall32, . - bh_syscall32",
    // ! bh_sigreturn_at(u64 sp): rt_sigreturn with the frame at `sp`.
    ".globl bh_sigreturn_at",
    ".type bh_sigreturn_at, @function",
    "bh_sigreturn_at:",
    "mov %rdi, %rsp",
    // What signal handlers return to.
    ".globl bh_sigreturn",
    "bh_sigreturn:",
    "mov ${sigreturn}, %eax",
    "syscall",
    "ud2",
    ".size bh_sigreturn_at, . - bh_sigreturn_at",
    ".globl bh_syscall_end",
    "bh_syscall_end:",
    ".popsection",
    // Where a guest is sent that has to die of a fault it cannot repeat.
    // The core library's own object code names the unwinder's hook, although nothing here unwinds.
    ".pushsection .text.bh_personality, \"ax\", @progbits",
    ".weak rust_eh_personality",
    ".type rust_eh_personality, @function",
    "rust_eh_personality:",
    "ud2",
    ".popsection",
    ".pushsection .text.bh_die, \"ax\", @progbits",
    ".globl bh_die_trap",
    "bh_die_trap:",
    "int3",
    ".globl bh_die_segv",
    "bh_die_segv:",
    "hlt",
    ".popsection",
    // Memory functions, weak so that a guest with a C library keeps that library's. `rep movsb` and `rep stosb` are
    // the processor's own loops (ERMS, since 2012).
    ".pushsection .text.bh_mem, \"ax\", @progbits",
    ".weak memcpy, memmove, memset, memcmp, bcmp, strlen",
    ".type memcpy, @function",
    "memcpy:",
    "mov %rdi, %rax",
    "mov %rdx, %rcx",
    "rep movsb",
    "ret",
    ".type memmove, @function",
    "memmove:",
    "mov %rdi, %rax",
    "mov %rdx, %rcx",
    "mov %rdi, %r8",
    "sub %rsi, %r8",
    "cmp %rdx, %r8",
    "jb 2f",
    "rep movsb",
    "ret",
    "2: lea -1(%rdi,%rdx), %rdi",
    "lea -1(%rsi,%rdx), %rsi",
    "std",
    "rep movsb",
    "cld",
    "ret",
    ".type memset, @function",
    "memset:",
    "mov %rdi, %r8",
    "mov %esi, %eax",
    "mov %rdx, %rcx",
    "rep stosb",
    "mov %r8, %rax",
    "ret",
    ".type bcmp, @function",
    ".type memcmp, @function",
    "bcmp:",
    "memcmp:",
    "xor %ecx, %ecx",
    "3: cmp %rdx, %rcx",
    "je 4f",
    "movzbl (%rdi,%rcx), %eax",
    "movzbl (%rsi,%rcx), %r8d",
    "inc %rcx",
    "sub %r8d, %eax",
    "je 3b",
    "ret",
    "4: xor %eax, %eax",
    "ret",
    ".type strlen, @function",
    "strlen:",
    "xor %eax, %eax",
    "5: cmpb $0, (%rdi,%rax)",
    "je 6f",
    "inc %rax",
    "jmp 5b",
    "6: ret",
    ".popsection",
    note_size = const note::SIZE,
    note_type = const note::TYPE,
    abi = const bulkhead_abi::ABI_VERSION,
    sigreturn = const nr::RT_SIGRETURN,
    options(att_syntax)
);

unsafe extern "C" {
    fn bh_syscall(number: i64, a: u64, b: u64, c: u64, d: u64, e: u64) -> i64;
    fn bh_syscall32(number: i32) -> i64;
    fn bh_sigreturn_at(sp: u64) -> !;
    static bh_die_trap: u8;
    static bh_die_segv: u8;
}

/// Makes a system call; the result is what the kernel returned (a negative errno on failure).
///
/// # Safety
/// The arguments must be such that the call leaves memory that Rust code relies on as it is.
pub(crate) unsafe fn syscall(number: i64, args: [u64; 5]) -> i64 {
    let [a, b, c, d, e] = args;
    // SAFETY: the assembly routine follows the C calling convention; the effects of the call are the caller's promise.
    unsafe { bh_syscall(number, a, b, c, d, e) }
}

/// Makes a system call through the 32-bit entry, which seccomp answers with death.
pub(crate) fn forbidden_syscall32(number: i32) -> i64 {
    // SAFETY: the routine saves what `int 0x80` may change; the filter lets no 32-bit call through.
    unsafe { bh_syscall32(number) }
}

/// Returns from the signal frame at `sp` as if the interrupted code had called rt_sigreturn by itself.
///
/// # Safety
/// `sp` must be the stack pointer with which guest code called rt_sigreturn.
pub(crate) unsafe fn sigreturn_at(sp: u64) -> ! {
    // SAFETY: control moves to the context in that frame, as the guest asked for; nothing on this stack is used again.
    unsafe { bh_sigreturn_at(sp) }
}

/// An address at which executing raises SIGTRAP.
pub(crate) fn die_trap() -> u64 {
    &raw const bh_die_trap as u64
}

/// An address at which executing raises SIGSEGV.
pub(crate) fn die_segv() -> u64 {
    &raw const bh_die_segv as u64
}
