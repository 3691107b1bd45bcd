//! x86-64: entry point, system calls, ABI note, and the functions that compilers take for granted.
//!
//! Everything stands in one assembly block, so that the entry point, which every link pulls in, brings the ABI note
//! along. All system call instructions of the shim lie between `bh_syscall_start` and `bh_syscall_end`; from anywhere
//! else the kernel turns a system call into SIGSYS (syscall user dispatch), which lets `fault` note the number before
//! seccomp kills.

use core::arch::global_asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU32, Ordering};

use bulkhead_abi::{map, note};

use crate::virtual_time::IS_VIRTUAL;

/// Numbers of the system calls that a guest may make, from Linux' arch/x86/entry/syscalls/syscall_64.tbl.
pub(crate) mod nr {
    pub(crate) const RT_SIGRETURN: i64 = 15;
    pub(crate) const FUTEX: i64 = 202;
    pub(crate) const SETITIMER: i64 = 38;
    pub(crate) const EXIT_GROUP: i64 = 231;
    /// Used only when the image was started as an ordinary program, to say so.
    pub(crate) const WRITE: i64 = 1;
}

/// AUDIT_ARCH_I386: a call through `int 0x80`.
pub(crate) const AUDIT_ARCH_I386: u32 = 0x4000_0003;

/// An image ends below two to this power.
const IMAGE_BITS: u32 = 44;
const _: () = assert!(map::IMAGE.end() == 1 << IMAGE_BITS);

global_asm!(
    // The supervisor finds this note through the PT_NOTE program header.
    ".pushsection .note.bulkhead, \"a\", @note",
    ".balign 4",
    ".long 9, {note_size}, {note_type}",
    ".asciz \"Bulkhead\"",
    ".balign 4",
    // The flags are a constant of whoever else is linked in: the executive defines the symbol, and nobody is zero.
    ".weak bh_note_flags",
    ".long {abi}, bh_note_flags",
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
    // u64 bh_read_counter(void): the time-stamp counter. Nowhere else in the shim, so that the supervisor can tell whether a
    // guest reads it by itself.
    ".globl bh_read_counter",
    ".type bh_read_counter, @function",
    "bh_read_counter:",
    "rdtsc",
    "shl $32, %rdx",
    "or %rdx, %rax",
    "ret",
    ".size bh_read_counter, . - bh_read_counter",
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
    // The vector: entered as by a hardware interrupt, with the interrupt frame (RIP, CS, RFLAGS, RSP, SS) on the stack.
    ".pushsection .text.bh_vector, \"ax\", @progbits",
    ".globl bh_default_vector",
    ".type bh_default_vector, @function",
    "bh_default_vector:",
    "push %rax",
    "push %rcx",
    "push %rdx",
    "push %rbx",
    "push %rbp",
    "push %rsi",
    "push %rdi",
    "push %r8",
    "push %r9",
    "push %r10",
    "push %r11",
    "push %r12",
    "push %r13",
    "push %r14",
    "push %r15",
    "cld",
    // The vector state lies below the registers; RBX, which C code keeps, remembers them.
    "mov %rsp, %rbx",
    "mov {xsave_size}(%rip), %eax",
    "sub %rax, %rsp",
    "and $-64, %rsp",
    "mov {xsave_mask}(%rip), %eax",
    "test %eax, %eax",
    "jz 1f",
    // XRSTOR insists on a header whose unused parts are zero; XSAVE leaves them as they are.
    "movq $0, 512(%rsp)",
    "movq $0, 520(%rsp)",
    "movq $0, 528(%rsp)",
    "movq $0, 536(%rsp)",
    "movq $0, 544(%rsp)",
    "movq $0, 552(%rsp)",
    "movq $0, 560(%rsp)",
    "movq $0, 568(%rsp)",
    "xor %edx, %edx",
    "xsave64 (%rsp)",
    // C code expects an empty x87 stack and the usual rounding, whatever it interrupts (System V ABI, section 3.2.1).
    "fninit",
    "ldmxcsr 4f(%rip)",
    "call bh_irq_dispatch",
    "mov {xsave_mask}(%rip), %eax",
    "xor %edx, %edx",
    "xrstor64 (%rsp)",
    "jmp 2f",
    "1: fxsave64 (%rsp)",
    "fninit",
    "ldmxcsr 4f(%rip)",
    "call bh_irq_dispatch",
    "fxrstor64 (%rsp)",
    "2: mov %rbx, %rsp",
    "pop %r15",
    "pop %r14",
    "pop %r13",
    "pop %r12",
    "pop %r11",
    "pop %r10",
    "pop %r9",
    "pop %r8",
    "pop %rdi",
    "pop %rsi",
    "pop %rbp",
    "pop %rbx",
    "pop %rdx",
    "pop %rcx",
    "pop %rax",
    // Returns from an interrupt as the frame says. Also what `iretq` is in code compiled with the paravirtualizing header.
    ".globl bh_pv_iretq",
    "bh_pv_iretq:",
    "testl $0x200, 16(%rsp)",
    "jz 3f",
    "cmpb $0, {is_virtual}(%rip)",
    "jne 5f",
    // Unmasks, and returns unless a signal has come meanwhile. The signal handler sends an interrupt that strikes between
    // here and bh_vector_end to bh_vector_again, where the frame serves once more; so interrupts do not pile up frames.
    "6: movl $0, bh_masked(%rip)",
    ".globl bh_vector_exit",
    "bh_vector_exit:",
    "cmpl $0, bh_deferred(%rip)",
    "jne bh_vector_again",
    "iretq",
    ".globl bh_vector_end",
    "bh_vector_end:",
    // The frame's interrupt flag is clear: to code that runs masked.
    "3: movl $1, bh_masked(%rip)",
    "iretq",
    ".globl bh_vector_again",
    "bh_vector_again:",
    "movl $1, bh_masked(%rip)",
    "cmpq $0, bh_vector(%rip)",
    "je bh_default_vector",
    "jmp *bh_vector(%rip)",
    // In a virtual run: a return to an empty endless loop, where no time would pass, is to the next interrupt. The supervisor's
    // question finds such a loop, too, but only after a while of the host's time.
    "5: push %rax",
    "push %rcx",
    "mov 16(%rsp), %rax",
    "mov %rax, %rcx",
    "sub ${image}, %rcx",
    "shr ${image_bits}, %rcx",
    "jnz 7f",
    "cmpw $0xfeeb, (%rax)",
    "7: pop %rcx",
    "pop %rax",
    "jne 6b",
    "call bh_pv_spin",
    "jmp bh_vector_again",
    ".balign 4",
    "4: .long 0x1f80",
    ".size bh_default_vector, . - bh_default_vector",
    // void bh_take_interrupt(void): interrupts its caller at the call. A function may change the registers used here.
    ".globl bh_take_interrupt",
    ".type bh_take_interrupt, @function",
    "bh_take_interrupt:",
    "movl $1, bh_masked(%rip)",
    "pop %rcx",
    "mov %rsp, %rdx",
    "mov %ss, %eax",
    "push %rax",
    "push %rdx",
    "pushfq",
    "mov %cs, %eax",
    "push %rax",
    "push %rcx",
    "mov bh_vector(%rip), %rcx",
    "test %rcx, %rcx",
    "jz bh_default_vector",
    "jmp *%rcx",
    ".size bh_take_interrupt, . - bh_take_interrupt",
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
    xsave_size = sym bh_xsave_size,
    xsave_mask = sym bh_xsave_mask,
    is_virtual = sym IS_VIRTUAL,
    image = const map::IMAGE.base,
    image_bits = const IMAGE_BITS,
    options(att_syntax)
);

unsafe extern "C" {
    fn bh_read_counter() -> u64;
    fn bh_syscall(number: i64, a: u64, b: u64, c: u64, d: u64, e: u64) -> i64;
    fn bh_syscall32(number: i32) -> i64;
    fn bh_sigreturn_at(sp: u64) -> !;
    fn bh_take_interrupt();
    static bh_default_vector: u8;
    static bh_vector_exit: u8;
    static bh_vector_end: u8;
    static bh_vector_again: u8;
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

/// Bytes that the vector state takes on an interrupted stack.
#[unsafe(no_mangle)]
static bh_xsave_size: AtomicU32 = AtomicU32::new(512);
/// The state components that interrupts save; 0 for FXSAVE.
#[unsafe(no_mangle)]
static bh_xsave_mask: AtomicU32 = AtomicU32::new(0);
/// Not 0 if XGETBV tells which components are in use: a kernel with small stacks saves no others.
#[unsafe(no_mangle)]
static bh_xsave_tracked: AtomicU32 = AtomicU32::new(0);

/// x87, SSE, AVX and the three of AVX-512. AMX tiles are left out: 8 KiB on every interrupted stack would be too much, and
/// an interrupt handler has no use for them.
const SAVED_COMPONENTS: u32 = 0b1110_0111;

/// Finds out how much vector state there is to save (Intel SDM volume 1, chapter 13).
pub(crate) fn init() {
    const OSXSAVE: u32 = 1 << 27;
    if __cpuid(1).ecx & OSXSAVE == 0 {
        return;
    }
    // SAFETY: OSXSAVE says that the instruction exists.
    let enabled = unsafe { xcr0() };
    let mask = enabled & SAVED_COMPONENTS;
    // The legacy region and the header; the other components tell size and offset.
    let size = (2..8).filter(|component| mask & (1 << component) != 0).fold(576, |size, component| {
        let leaf = __cpuid_count(0xd, component);
        size.max(leaf.eax + leaf.ebx)
    });
    bh_xsave_size.store(size, Ordering::Relaxed);
    bh_xsave_mask.store(mask, Ordering::Relaxed);
    const XGETBV_WITH_ECX_1: u32 = 1 << 2;
    bh_xsave_tracked.store(__cpuid_count(0xd, 1).eax & XGETBV_WITH_ECX_1, Ordering::Relaxed);
}

/// The lower half of XCR0.
#[target_feature(enable = "xsave")]
unsafe fn xcr0() -> u32 {
    // SAFETY: the caller has looked for OSXSAVE.
    unsafe { _xgetbv(0) as u32 }
}

/// Takes a pending interrupt now. Interrupts must be unmasked.
pub(crate) fn take_interrupt() {
    // SAFETY: follows the C calling convention; the vector returns behind the call with all registers it has to keep.
    unsafe { bh_take_interrupt() }
}

/// Whether this runs on the alternate stack.
pub(crate) fn in_handler() -> bool {
    let here = 0u8;
    (map::ALT_STACK.base..map::ALT_STACK.end()).contains(&(&raw const here as u64))
}

/// The address of the shim's own vector.
pub(crate) fn default_vector() -> u64 {
    &raw const bh_default_vector as u64
}

/// If `ip` lies between the vector's unmasking and its return: where to go instead of being interrupted there.
pub(crate) fn vector_restart(ip: u64) -> Option<u64> {
    let exit = &raw const bh_vector_exit as u64..&raw const bh_vector_end as u64;
    exit.contains(&ip).then_some(&raw const bh_vector_again as u64)
}

/// Sleeps while `word` has the value `current`, or until a signal comes.
pub(crate) fn futex_wait(word: &AtomicU32, current: u32) {
    const FUTEX_WAIT: u64 = 0;
    // SAFETY: FUTEX_WAIT reads the word and sleeps; it changes no memory.
    unsafe { syscall(nr::FUTEX, [word.as_ptr() as u64, FUTEX_WAIT, u64::from(current), 0, 0]) };
}

/// Wakes whoever sleeps on `word`, in whichever process.
pub(crate) fn futex_wake(word: &AtomicU32) {
    const FUTEX_WAKE: u64 = 1;
    // SAFETY: FUTEX_WAKE only compares an address.
    unsafe { syscall(nr::FUTEX, [word.as_ptr() as u64, FUTEX_WAKE, 1, 0, 0]) };
}

/// The length of the instruction at `ip` if it reads the time-stamp counter: RDTSC or RDTSCP, and whether it is the latter.
///
/// # Safety
/// There must be an instruction at `ip` that the processor has just read.
pub(crate) unsafe fn counter_reading(ip: u64) -> Option<(u64, bool)> {
    // SAFETY: the processor has read that instruction, and no instruction with these first bytes is shorter than those.
    unsafe {
        match (*(ip as *const u8), *((ip + 1) as *const u8)) {
            (0x0f, 0x31) => Some((2, false)),
            (0x0f, 0x01) if *((ip + 2) as *const u8) == 0xf9 => Some((3, true)),
            _ => None,
        }
    }
}

/// The processor's time-stamp counter.
#[inline]
pub(crate) fn counter() -> u64 {
    // SAFETY: follows the C calling convention. Every x86-64 processor has the instruction, and user mode may use it in a real run.
    unsafe { bh_read_counter() }
}

/// Sets the kernel's timer to fire once in `us` microseconds; 0 stops it.
pub(crate) fn set_timer(us: u64) {
    const ITIMER_REAL: u64 = 0;
    // struct itimerval: interval and value, in seconds and microseconds.
    let value = [0, 0, us / 1_000_000, us % 1_000_000];
    // SAFETY: reads the structure, which lives on this stack.
    unsafe { syscall(nr::SETITIMER, [ITIMER_REAL, value.as_ptr() as u64, 0, 0, 0]) };
}
